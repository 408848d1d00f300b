//! Who may run a service: root, for now. Ordinary users follow with user namespaces of their own.

/// A service was asked for by somebody who cannot make sandboxes.
#[derive(Debug, thiserror::Error)]
#[error("this makes namespaces, cgroups and mounts, which needs root; run:\n    sudo {command}")]
pub(crate) struct NeedsRoot {
    command: String,
}

/// Refuses everybody but root, with the one command to run instead.
///
/// # Errors
///
/// [`NeedsRoot`]
pub(crate) fn require_root() -> Result<(), NeedsRoot> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let program = std::env::current_exe().map_or_else(|_| "hearth".to_owned(), |path| path.display().to_string());
    // What sudo would not pass on.
    let runtimes = std::env::var("HEARTH_RUNTIMES").ok().map(|directory| format!("HEARTH_RUNTIMES={directory}"));
    let variables = runtimes.into_iter().flat_map(|variable| ["env".to_owned(), variable]);
    let words = variables.chain([program]).chain(std::env::args().skip(1));
    Err(NeedsRoot { command: words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ") })
}

/// `word` as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("/usr/bin/hearth"), "/usr/bin/hearth");
        assert_eq!(quoted("--data=./a b"), "'--data=./a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        let error = NeedsRoot { command: "hearth demo".into() };
        assert!(error.to_string().ends_with("\n    sudo hearth demo"), "{error}");
    }
}
