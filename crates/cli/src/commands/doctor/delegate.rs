//! `hearth doctor --delegate`: root hands control groups over to the user who asked for it, and puts that user's shell
//! where it can use them.

use crate::output::{self, Output};
use anyhow::{Context as _, ensure};
use hearth_sandbox::process::accounts::{Account, accounts};
use hearth_sandbox::process::standing::Standing;
use hearth_sandbox::process::{HandedOver, hand_over};
use serde_json::json;
use std::fs;
use std::process::ExitCode;

/// Most ancestors looked at (ours: more is a loop).
const ANCESTORS: usize = 64;

/// Runs the command. `wanted`: name or number; else whoever called `sudo`.
///
/// # Errors
///
/// Without root; when nobody is named; when there is nothing to hand over.
pub(super) fn run(wanted: Option<&str>, output: Output) -> anyhow::Result<ExitCode> {
    ensure!(
        Standing::read()?.is_some_and(|standing| standing.is_host()),
        "only root can: sudo hearth doctor --delegate"
    );
    let users = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
    let caller = std::env::var("SUDO_UID").ok();
    let wanted =
        wanted.or(caller.as_deref()).context("to whom? run it with sudo as that user, or name one: --user NAME")?;
    let user = find(&users, wanted).with_context(|| format!("there is no user {wanted} in /etc/passwd"))?;
    ensure!(user.uid != 0, "root needs nothing handed over");
    let shell = shell_of(user.uid);
    let done =
        hand_over(user.uid, user.gid, shell).with_context(|| format!("hand control groups over to {}", user.name))?;
    tell(&user, &done, shell, output)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(user: &Account, done: &HandedOver, shell: Option<u32>, output: Output) -> std::io::Result<()> {
    if output.json {
        let HandedOver { directories, has_to_be_in } = done;
        let (name, uid) = (&user.name, user.uid);
        return output::json_line(&json!({
            "user": name, "uid": uid, "directories": directories, "must_be_inside": has_to_be_in, "moved": shell,
        }));
    }
    output::line(&format!("handed over to {} until the next boot:", user.name))?;
    for directory in &done.directories {
        output::line(&format!("  {}", directory.display()))?;
    }
    match shell {
        _ if !done.has_to_be_in => output::line("`hearth up` of that user can limit functions now"),
        Some(pid) => output::line(&format!(
            "its shell (pid {pid}) was moved in: what is started from there, `hearth up` for one, can limit functions now"
        )),
        None => output::line(
            "no shell of that user runs this: in the one that shall start hearth, run: sudo hearth doctor --delegate",
        ),
    }
}

/// By name, or by number.
fn find(passwd: &str, wanted: &str) -> Option<Account> {
    let number = wanted.parse::<u32>().ok();
    accounts(passwd).find(|account| account.name == wanted || Some(account.uid) == number)
}

/// The nearest process around this one that is the user's: the shell in which `sudo` was typed.
fn shell_of(uid: u32) -> Option<u32> {
    let parents = std::iter::successors(parent_and_user(std::process::id()), |(parent, _)| parent_and_user(*parent));
    let pids = std::iter::once(std::process::id()).chain(parents.map(|(parent, _)| parent));
    pids.take(ANCESTORS).find(|pid| parent_and_user(*pid).is_some_and(|(_, user)| user == uid))
}

fn parent_and_user(pid: u32) -> Option<(u32, u32)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let first =
        |key: &str| status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok();
    Some((first("PPid:")?, first("Uid:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1001::/home/ada:/bin/sh\n";
        let ada = Account { name: "ada".into(), uid: 1_000, gid: 1_001 };
        assert_eq!(find(users, "ada"), Some(ada.clone()));
        assert_eq!(find(users, "1000"), Some(ada));
        assert_eq!(find(users, "bob"), None);
    }

    #[test]
    fn the_nearest_process_of_a_user_is_found() {
        let (_, own) = parent_and_user(std::process::id()).expect("our own status");
        assert_eq!(shell_of(own), Some(std::process::id()));
        assert_eq!(shell_of(u32::MAX), None);
    }
}
