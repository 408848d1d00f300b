//! The rights a service needs, however whoever starts it comes by them: root has them; an ordinary user makes a user
//! namespace, and gets limits from systemd where systemd hands some out.
//!
//! All of it happens before there are threads, and for commands that make sandboxes only.

use anyhow::Context as _;
use hearth_sandbox::process::standing::{self, Standing};
use hearth_sandbox::process::{LimitsFrom, limits_from};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Set for the process that runs in a scope already: it may have turned out to be no use.
const IN_A_SCOPE: &str = "HEARTH_SCOPE";

/// Names the directory of a user's sockets.
const SOCKETS: &str = "XDG_RUNTIME_DIR";

/// Who was not root when the program started.
static ORDINARY: OnceLock<bool> = OnceLock::new();

/// Whether an ordinary user started this, whatever the process has become since.
pub(crate) fn is_ordinary() -> bool {
    *ORDINARY.get_or_init(|| !rustix::process::geteuid().is_root())
}

/// Gets what sandboxes need. May start the program anew, in a scope of systemd's; before any thread exists.
///
/// # Errors
///
/// What forbids it, and the one command that root could run instead.
pub(crate) fn acquire() -> anyhow::Result<()> {
    let unprivileged = is_ordinary() && Standing::read()?.is_none();
    if unprivileged && limits_from(rustix::process::geteuid().as_raw())? == LimitsFrom::Systemd {
        enter_scope();
    }
    become_root()
}

/// Gets what mounting needs, but no limits; before any thread exists.
///
/// # Errors
///
/// What forbids it, and the one command that root could run instead.
pub(crate) fn become_root() -> anyhow::Result<()> {
    is_ordinary();
    let done = standing::become_root_of_a_namespace();
    done.with_context(|| match is_ordinary() {
        true => format!("as an ordinary user this needs a user namespace; as root it does not:\n    {}", sudo()),
        false => "this root has no CAP_SYS_ADMIN, and can make no user namespace either (CAP_SETFCAP)".to_owned(),
    })
}

/// Does not return where it works: the same command line, in a control group with limits of its own.
fn enter_scope() {
    if std::env::var_os(IN_A_SCOPE).is_some() {
        return;
    }
    // A name of its own: systemd would take one of this process, which may have been started in a scope already.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos());
    let scope = |what: &str| {
        let mut command = Command::new("systemd-run");
        command.args(["--user", "--scope", "--quiet", "--collect", "--property=Delegate=yes"]);
        command.arg(format!("--unit=hearth-{what}-{}-{now}", std::process::id())).arg("--");
        if std::env::var_os(SOCKETS).is_none() {
            // Whoever came by `su` was not told where the manager listens.
            command.env(SOCKETS, format!("/run/user/{}", rustix::process::geteuid().as_raw()));
        }
        command
    };
    // First with nothing in it: without a session there is no manager to ask, and then we go on as we are.
    let works = scope("probe").arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    // One that has been replaced meanwhile has no name any more.
    let program = std::env::current_exe().ok().filter(|program| program.exists());
    let (true, Some(program)) = (works.is_ok_and(|status| status.success()), program) else { return };
    let mut anew = scope("service");
    let cause = anew.arg(program).args(std::env::args_os().skip(1)).env(IN_A_SCOPE, "1").exec();
    tracing::warn!("start in a scope of systemd's: {cause}");
}

/// This command line for root.
fn sudo() -> String {
    let program = std::env::current_exe().map_or_else(|_| "hearth".to_owned(), |path| path.display().to_string());
    // What sudo would not pass on.
    let runtimes = std::env::var("HEARTH_RUNTIMES").ok().map(|directory| format!("HEARTH_RUNTIMES={directory}"));
    let variables = runtimes.into_iter().flat_map(|variable| ["env".to_owned(), variable]);
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let words = ["sudo".to_owned()].into_iter().chain(variables).chain([program]).chain(arguments);
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
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
        assert!(sudo().starts_with("sudo "), "{}", sudo());
    }
}
