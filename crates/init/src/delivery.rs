//! To which thread a signal goes.
//!
//! The kernel hands a signal for a process to its first thread, if that one takes it. Not so around a thaw: all threads
//! then look for signals on their way out of the freezer, and whichever comes first gets it. Programs notice: Python runs
//! a handler in its first thread only, which goes on sleeping. (A function on AWS never sees this; its whole machine
//! is frozen.) So the first thread is addressed where the kernel would have chosen it.

use crate::sys;
use std::fs;

/// Signals every process of a group; nothing happens when nobody is left.
pub(crate) fn to_group(group: i32, signal: i32) {
    // That one goes to nobody's handler, and must miss nobody: the kernel's way holds up forks.
    let looked = if signal == libc::SIGKILL { None } else { fs::read_dir("/proc").ok() };
    let Some(processes) = looked else { return sys::signal_group(group, signal) };
    let processes = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for process in processes.filter(|process| sys::group_of(*process) == Some(group)) {
        if first_thread_takes(process, signal) {
            sys::signal_first_thread(process, signal);
        } else {
            sys::signal_process(process, signal);
        }
    }
}

fn first_thread_takes(process: i32, signal: i32) -> bool {
    // Its name can be any bytes but a new line.
    let status = fs::read(format!("/proc/{process}/status"));
    status.is_ok_and(|status| takes(&String::from_utf8_lossy(&status), signal))
}

/// Whether the thread with this `status` runs, and does not block the signal.
fn takes(status: &str, signal: i32) -> bool {
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let runs = field("State:").is_some_and(|state| !state.starts_with(['Z', 'X']));
    let blocked = field("SigBlk:").and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let bit = u32::try_from(signal - 1).ok().and_then(|place| 1u64.checked_shl(place));
    runs && matches!((blocked, bit), (Some(blocked), Some(bit)) if blocked & bit == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_takes_what_it_does_not_block() {
        let status = |state, blocked| format!("Name:\ta b\nState:\t{state}\nSigBlk:\t{blocked}\nSigIgn:\t0\n");
        assert!(takes(&status("S (sleeping)", "0000000000000000"), libc::SIGTERM));
        assert!(takes(&status("R (running)", "ffffffffffffbfff"), libc::SIGTERM));
        assert!(!takes(&status("S (sleeping)", "0000000000004000"), libc::SIGTERM));
        assert!(!takes(&status("Z (zombie)", "0000000000000000"), libc::SIGTERM));
        assert!(!takes("", libc::SIGTERM));
    }
}
