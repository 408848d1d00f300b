//! What a function with SnapStart may be.
//!
//! Source: AWS Lambda developer guide, "Supported features and limitations" of SnapStart; texts seen from AWS.

use hearth_api::error::ApiError;
use hearth_api::function::{FunctionVersion, SnapStart};
use hearth_core::limits::EPHEMERAL_STORAGE_MB;

/// Runtimes that know how to be restored, by their languages, each from this version on.
const RESTORABLE: [(&str, (u32, u32)); 3] = [("python", (3, 12)), ("java", (11, 0)), ("dotnet", (8, 0))];

/// Checks a function, as it is after a change.
///
/// # Errors
///
/// `InvalidParameterValueException`
pub(super) fn check(version: &FunctionVersion) -> Result<(), ApiError> {
    if version.snap_start == SnapStart::None {
        return Ok(());
    }
    let refused = |what: &str| {
        Err(ApiError::invalid_parameter(format!("{what} is not supported for SnapStart enabled functions.")))
    };
    if !is_restorable(&version.runtime) {
        return refused(&version.runtime);
    }
    if version.ephemeral_storage_mb > EPHEMERAL_STORAGE_MB.2 {
        // Our words: theirs are not known.
        return refused(&format!("Ephemeral storage of more than {} MB", EPHEMERAL_STORAGE_MB.2));
    }
    Ok(())
}

/// `python3.13`, `java21`, `dotnet8`.
fn is_restorable(runtime: &str) -> bool {
    RESTORABLE
        .iter()
        .any(|(language, since)| runtime.strip_prefix(language).and_then(number).is_some_and(|number| number >= *since))
}

/// `java8.al2` has none: it is older than what is asked for either way.
fn number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::version;

    #[test]
    fn a_runtime_has_to_know_how_to_be_restored() {
        let of = |runtime: &str| {
            let snap_start = SnapStart::PublishedVersions;
            check(&FunctionVersion { runtime: runtime.to_owned(), snap_start, ..version("f") })
        };
        for runtime in ["python3.12", "python3.14", "java11", "java25", "dotnet8", "dotnet10"] {
            assert_eq!(of(runtime), Ok(()), "{runtime}");
        }
        let refused = ["python3.9", "python3.11", "java8.al2", "dotnet6", "nodejs24.x", "ruby3.4", "provided.al2023"];
        for runtime in refused {
            let message = of(runtime).expect_err("refused").message;
            assert_eq!(message, format!("{runtime} is not supported for SnapStart enabled functions."));
        }
    }

    #[test]
    fn a_snapshot_holds_no_large_tmp() {
        let large = FunctionVersion { ephemeral_storage_mb: 513, runtime: "python3.13".to_owned(), ..version("f") };
        assert_eq!(check(&large), Ok(()), "without SnapStart");
        let large = FunctionVersion { snap_start: SnapStart::PublishedVersions, ..large };
        assert!(check(&large).expect_err("refused").message.starts_with("Ephemeral storage of more than 512 MB"));
    }
}
