//! Names inside a package: what an entry of a zip may be called. Refuses every name that could mean something outside
//! the package to anybody who reads it.

use crate::PackageError;

/// Longest name of one file or directory, bytes (Linux's own).
const COMPONENT_BYTES: usize = 255;
/// Longest path of an entry, bytes: with `/var/task/` before it, it must still fit into `PATH_MAX`.
const PATH_BYTES: usize = 4_000;
/// Deepest nesting (ours; deep `node_modules` reach about 50).
const DEPTH: usize = 128;

/// Splits an entry's name into its components; none for the package's own root (`./`).
///
/// Empty components and `.` mean nothing and are dropped, as `unzip` does. A backslash is an ordinary character here,
/// but a name that would leave the package where it separates components is refused all the same.
pub(super) fn components(name: &str) -> Result<Vec<&str>, PackageError> {
    let refuse = |why: &str| Err(PackageError::Invalid(format!("{why}: {name:?}")));
    if name.len() > PATH_BYTES {
        return Err(PackageError::Invalid(format!("a name of {} bytes", name.len())));
    }
    if name.contains('\0') {
        return refuse("a zero byte in a name");
    }
    if name.starts_with(['/', '\\']) {
        return refuse("an absolute name");
    }
    if name.split(['/', '\\']).any(|part| part == "..") {
        return refuse("a name that leaves the package");
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.len() > DEPTH {
        return refuse("a name nested too deeply");
    }
    if parts.iter().any(|part| part.len() > COMPONENT_BYTES) {
        return refuse("a component longer than 255 bytes");
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_split() {
        assert_eq!(components("a/b.py").unwrap(), ["a", "b.py"]);
        assert_eq!(components("./a//b/").unwrap(), ["a", "b"]);
        assert_eq!(components("...").unwrap(), ["..."]);
        assert_eq!(components("a\\b").unwrap(), ["a\\b"]);
        assert!(components("./").unwrap().is_empty());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for wrong in ["..", "../x", "a/../b", "/etc/passwd", "a/..", "a\0b", "..\\..\\x", "\\x", "a\\..\\b"] {
            assert!(components(wrong).is_err(), "{wrong:?}");
        }
        assert!(components(&"d/".repeat(DEPTH + 1)).is_err());
        assert!(components(&"x".repeat(COMPONENT_BYTES + 1)).is_err());
        assert!(components(&"x/".repeat(PATH_BYTES)).is_err());
    }
}
