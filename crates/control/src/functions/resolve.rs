//! What a qualifier means: nothing or `$LATEST`, the number of a version, or the name of an alias.

use super::target::{LATEST, Target};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::{Alias, FunctionVersion};
use hearth_core::routing::goes_to_additional;
use hearth_store::FunctionRecord;
use std::sync::Arc;

/// The version that reads of a qualifier show; of an alias the one it points to.
pub(crate) fn version<'a>(record: &'a FunctionRecord, qualifier: Option<&str>) -> Option<&'a Arc<FunctionVersion>> {
    pointed(record, qualifier, |alias| &alias.version, &record.latest)
}

/// The version that an invocation runs now: what `$LATEST` was before while an update is under way, and of an alias with
/// two versions the one that the request's `draw` falls on.
pub(crate) fn invoked<'a>(
    record: &'a FunctionRecord,
    qualifier: Option<&str>,
    draw: u32,
) -> Option<&'a Arc<FunctionVersion>> {
    pointed(record, qualifier, |alias| drawn(alias, draw), record.serving())
}

fn drawn(alias: &Alias, draw: u32) -> &str {
    match &alias.additional {
        Some(additional) if goes_to_additional(additional.weight, draw) => &additional.version,
        Some(_) | None => &alias.version,
    }
}

fn pointed<'a>(
    record: &'a FunctionRecord,
    qualifier: Option<&str>,
    choose: impl Fn(&'a Alias) -> &'a str,
    latest: &'a Arc<FunctionVersion>,
) -> Option<&'a Arc<FunctionVersion>> {
    let qualifier = qualifier.unwrap_or(LATEST);
    let version = match record.aliases.get(qualifier) {
        Some(alias) => choose(alias),
        None => qualifier,
    };
    if version == LATEST { Some(latest) } else { numbered(record, version) }
}

/// A published version by its number.
pub(crate) fn numbered<'a>(record: &'a FunctionRecord, number: &str) -> Option<&'a Arc<FunctionVersion>> {
    // `+1` and `01` are numbers to Rust and no versions.
    let canonical = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    record.versions.get(&number.parse().ok().filter(|_| canonical)?)
}

/// Whether it can only be the name of an alias.
pub(crate) fn is_alias(qualifier: &str) -> bool {
    !qualifier.contains('$') && !qualifier.bytes().all(|byte| byte.is_ascii_digit())
}

/// 404, as the operations word it that tell aliases from versions.
pub(crate) fn missing(target: &Target) -> ApiError {
    match &target.qualifier {
        Some(qualifier) if is_alias(qualifier) => {
            let message = format!("Cannot find alias arn: {}", target.arn());
            ApiError::new(ErrorKind::ResourceNotFoundException, message)
        }
        Some(_) | None => target.not_found(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, version as made};
    use hearth_api::function::AdditionalVersion;
    use uuid::Uuid;

    fn with_alias(points_to: &str, additional: Option<(&str, f64)>) -> FunctionRecord {
        let mut record = record(made("f"));
        for number in [1, 12] {
            let version = FunctionVersion { version: number.to_string(), ..made("f") };
            record.versions.insert(number, Arc::new(version));
        }
        let additional = additional.map(|(version, weight)| AdditionalVersion { version: version.to_owned(), weight });
        let alias =
            Alias { version: points_to.to_owned(), description: String::new(), additional, revision_id: Uuid::nil() };
        record.aliases.insert("prod".to_owned(), alias);
        record
    }

    fn found(record: &FunctionRecord, qualifier: &str) -> Option<String> {
        version(record, Some(qualifier)).map(|version| version.version.clone())
    }

    #[test]
    fn every_kind_of_qualifier() {
        let record = with_alias("12", None);
        assert_eq!(version(&record, None), Some(&record.latest));
        assert_eq!(found(&record, LATEST).as_deref(), Some(LATEST));
        assert_eq!(found(&record, "1").as_deref(), Some("1"));
        assert_eq!(found(&record, "prod").as_deref(), Some("12"));
        for wrong in ["2", "01", "+1", "0", "", "$latest", "Prod", "4294967297", "99999999999999999999"] {
            assert_eq!(found(&record, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_alias_of_latest_runs_what_serves() {
        let mut record = with_alias(LATEST, None);
        let before = Arc::new(FunctionVersion { timeout_s: 1, ..made("f") });
        record.previous = Some(Arc::clone(&before));
        assert_eq!(invoked(&record, Some("prod"), 0), Some(&before));
        assert_eq!(invoked(&record, None, 0), Some(&before));
        assert_eq!(version(&record, Some("prod")), Some(&record.latest), "reads show the update");
    }

    #[test]
    fn a_draw_decides_between_two_versions() {
        let record = with_alias("1", Some(("12", 0.25)));
        let ran = |draw| invoked(&record, Some("prod"), draw).map(|version| version.version.as_str());
        assert_eq!(ran(0), Some("12"));
        assert_eq!(ran(u32::MAX / 4), Some("12"));
        assert_eq!(ran(u32::MAX / 4 + 1), Some("1"));
        assert_eq!(found(&record, "prod").as_deref(), Some("1"), "reads show the one it points to");
    }

    #[test]
    fn only_what_can_be_an_alias_is_missed_as_one() {
        let missed = |qualifier: &str| {
            let target = Target { key: made("f").key, qualifier: Some(qualifier.to_owned()) };
            missing(&target).message.split(':').next().unwrap_or_default().to_owned()
        };
        assert_eq!(missed("prod"), "Cannot find alias arn");
        assert_eq!(missed("42"), "Function not found");
        assert_eq!(missed("with-$"), "Function not found");
    }
}
