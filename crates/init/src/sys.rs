//! The Linux calls that neither `std` nor `rustix` has, each behind one safe function that names what was tried.

use crate::{Failure, Trying};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior, set_parent_process_death_signal,
    setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, capabilities, remove_capability_from_bounding_set, set_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Which side of a clone we are.
#[derive(Debug)]
pub enum Cloned {
    /// The new process.
    Child,
    /// The one that asked for it.
    Parent {
        /// Pid of the child, as the parent sees it.
        pid: i32,
        /// The child as a descriptor: readable when it has ended.
        pidfd: OwnedFd,
    },
}

/// The kernel's `struct clone_args`.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack_and_tls: [u64; 5],
    cgroup: u64,
}

/// Takes a C result; the error is the last one of this thread.
fn check(result: impl Into<i64>) -> io::Result<i64> {
    match result.into() {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// A descriptor the kernel has just made for us.
fn owned(result: i64) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(check(result)?).map_err(io::Error::other)?;
    // SAFETY: the callers pass what a system call has just returned as a new descriptor; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Forks into new namespaces (`CLONE_NEW*`), and at once into a cgroup v2 directory if one is given, which spares the
/// RCU wait of joining later.
///
/// Kernel 6.18 kills the child at birth if `cgroup.kill` was written more often in one of the two cgroups than in the
/// other: nobody may ever write it in ours.
///
/// # Errors
///
/// [`Failure`]
///
/// # Safety
///
/// As for `fork`: in a program that has several threads, the child may only make async-signal-safe calls.
pub unsafe fn clone_process(namespaces: i32, cgroup: Option<BorrowedFd<'_>>) -> Result<Cloned, Failure> {
    let mut pidfd: RawFd = -1;
    let flags = u64::from(namespaces.cast_unsigned()) | u64::from(libc::CLONE_PIDFD.cast_unsigned());
    let arguments = CloneArguments {
        flags: flags | if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 },
        cgroup: cgroup.map_or(0, |fd| u64::from(fd.as_raw_fd().cast_unsigned())),
        pidfd: (&raw mut pidfd).addr() as u64,
        exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
        ..CloneArguments::default()
    };
    // SAFETY: neither a stack nor shared memory is asked for, so this behaves as fork(); both structures outlive it.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<CloneArguments>()) };
    match check(pid).trying(|| format!("clone3 with flags {:#x}", arguments.flags))? {
        0 => Ok(Cloned::Child),
        pid => {
            let pid = i32::try_from(pid).map_err(io::Error::other).trying(|| "clone3".to_owned())?;
            let pidfd = owned(pidfd.into()).trying(|| "take the pidfd of clone3".to_owned())?;
            Ok(Cloned::Parent { pid, pidfd })
        }
    }
}

/// Ends this process at once, without destructors or exit handlers, which belong to the process it was forked from.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: always valid.
    unsafe { libc::_exit(code) }
}

/// Waits for ever, doing nothing: for a child that only exists to hold a namespace open.
pub fn pause_for_ever() -> ! {
    loop {
        // SAFETY: always valid, and async-signal-safe.
        unsafe { libc::pause() };
    }
}

/// Lets the kernel kill this process when the *thread* that cloned it ends. Every change of credentials and every fork
/// clears it: ask again after them.
///
/// # Errors
///
/// [`Failure`]
pub fn die_with_parent() -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL)).trying(|| "set the parent death signal".to_owned())
}

/// Becomes this user for good, without supplementary groups.
///
/// # Errors
///
/// [`Failure`]
pub fn become_user(uid: u32, gid: u32) -> Result<(), Failure> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_groups(&[]).trying(|| "drop the supplementary groups".to_owned())?;
    set_thread_res_gid(group, group, group).trying(|| format!("become group {gid}"))?;
    set_thread_res_uid(user, user, user).trying(|| format!("become user {uid}"))
}

/// Drops the bounding set and every capability but these.
///
/// # Errors
///
/// [`Failure`]
pub fn keep_only_capabilities(kept: CapabilitySet) -> Result<(), Failure> {
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if remove_capability_from_bounding_set(one).is_err() {
            break; // this kernel has no more of them
        }
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).trying(|| format!("keep only {kept:?}"))
}

/// Closes `/proc/PID` of this process to others of the same user: their memory, descriptors and root are none of each
/// other's business. A change of credentials does the same; for a process that makes none.
///
/// # Errors
///
/// [`Failure`]
pub fn hide_from_equals() -> Result<(), Failure> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).trying(|| "hide this process".to_owned())
}

/// Enters a new user namespace whose owner is this user of the present one. For root's child that does nothing else
/// with it; async-signal-safe.
///
/// # Errors
///
/// The kernel's answer.
pub fn own_user_namespace(owner: u32) -> io::Result<()> {
    let sets = capabilities(None)?;
    // The owner is who we are effectively. That takes the effective capabilities away, which some distributions want
    // to see before they let anybody make a user namespace.
    set_thread_res_uid(Uid::ROOT, Uid::from_raw(owner), Uid::ROOT)?;
    set_capabilities(None, sets)?;
    // It also closes `/proc/PID` to all but root of the namespace this program was *executed* in, which need not be the
    // present one; and it is our parent who writes the maps there. There are no secrets here to hide.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    // SAFETY: always valid in a process with one thread; in others it fails.
    check(unsafe { libc::unshare(libc::CLONE_NEWUSER) }).map(drop)
}

/// Sets a resource limit; never above what this process may have at most.
///
/// # Errors
///
/// [`Failure`]
pub fn limit(resource: Resource, soft: u64, hard: Option<u64>) -> Result<(), Failure> {
    let most = getrlimit(resource).maximum;
    let lower = |wanted: Option<u64>| match (wanted, most) {
        (Some(wanted), Some(most)) => Some(wanted.min(most)),
        (wanted, most) => wanted.or(most),
    };
    let new = Rlimit { current: lower(Some(soft)), maximum: lower(hard) };
    setrlimit(resource, new).trying(|| format!("limit {resource:?} to {soft}"))
}

/// Puts a signal's action back to the default: "ignored" would outlive an exec.
pub fn default_action(signal: i32) {
    let default = [0u64; 4]; // the kernel's struct sigaction: SIG_DFL, no flags, no restorer, empty mask
    // SAFETY: the structure outlives the call, and no handler is installed that could run in the wrong place. A raw
    // call, because glibc keeps signals 32 and 33 for itself. Its only errors are numbers that cannot be changed.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null::<u64>(), 8) };
}

/// The same for all signals: whoever started the service may have ignored some.
pub fn default_actions() {
    (1..=64).for_each(default_action);
}

/// Ignores a signal. For SIGCHLD: ended children vanish by themselves; a pidfd still reports them.
pub fn ignore(signal: i32) {
    // SAFETY: as above.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Blocks a signal and makes it something to poll and read, without waiting.
///
/// # Errors
///
/// [`Failure`]
pub fn signal_descriptor(signal: i32) -> Result<OwnedFd, Failure> {
    let mut set = empty_signal_set();
    // SAFETY: the set was initialised, and outlives the calls.
    let descriptor = unsafe {
        libc::sigaddset(&raw mut set, signal);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC)
    };
    owned(descriptor.into()).trying(|| format!("make signal {signal} a descriptor"))
}

/// Lets every signal through again.
pub fn unblock_signals() {
    let set = empty_signal_set();
    // SAFETY: the set was initialised, and outlives the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

fn empty_signal_set() -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the whole set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Signals every process of this pid namespace but PID 1 (who must be the caller), atomically against fork.
pub fn signal_everyone(signal: i32) {
    // SAFETY: always valid. Its only error is that nobody is there.
    unsafe { libc::kill(-1, signal) };
}

/// The process group of a process; `None` when it is gone.
pub fn group_of(process: i32) -> Option<i32> {
    // SAFETY: always valid. Its only error is that nobody is there.
    let group = unsafe { libc::getpgid(process) };
    (group > 0).then_some(group)
}

/// Signals a process group, atomically against fork; nothing happens when nobody is left.
pub fn signal_group(group: i32, signal: i32) {
    if group > 1 {
        // SAFETY: always valid. Its only errors are that nobody is there and that the number is no signal.
        unsafe { libc::kill(-group, signal) };
    }
}

/// Signals a process: whichever of its threads the kernel finds. Nothing happens when it is gone.
pub fn signal_process(process: i32, signal: i32) {
    if process > 1 {
        // SAFETY: always valid. Its only errors are that nobody is there and that the number is no signal.
        unsafe { libc::kill(process, signal) };
    }
}

/// Signals the first thread of a process, and no other. Nothing happens when it is gone.
pub fn signal_first_thread(process: i32, signal: i32) {
    if process > 1 {
        // SAFETY: always valid. Its only errors are that nobody is there and that the number is no signal.
        unsafe { libc::syscall(libc::SYS_tgkill, process, process, signal) };
    }
}

/// A child that has ended: its pid and raw wait status. `None`: none has; `Err(ECHILD)`: there is none at all.
///
/// # Errors
///
/// The kernel's answer.
pub fn reap() -> io::Result<Option<(i32, i32)>> {
    let mut status = 0;
    // SAFETY: the status outlives the call. __WALL: also children that chose another signal than SIGCHLD.
    let pid = check(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) })?;
    match i32::try_from(pid) {
        Ok(0) => Ok(None),
        pid => Ok(Some((pid.map_err(io::Error::other)?, status))),
    }
}

/// Closes every descriptor but 0, 1, 2 and these.
///
/// # Errors
///
/// [`Failure`]
pub fn close_all_but(kept: &[RawFd]) -> Result<(), Failure> {
    let mut kept: Vec<u32> = kept.iter().map(|fd| fd.cast_unsigned()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept.into_iter().chain([u32::MAX]) {
        if first < fd {
            let last = if fd == u32::MAX { fd } else { fd - 1 };
            // SAFETY: the caller forked, and owns nothing in these ranges that it will use again.
            check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })
                .trying(|| format!("close descriptors {first} to {last}"))?;
        }
        first = fd.saturating_add(1);
    }
    Ok(())
}

/// Enters the namespaces of a process (`CLONE_NEW*`), this thread only.
///
/// # Errors
///
/// [`Failure`]
pub fn enter_namespace(namespace: BorrowedFd<'_>, kind: i32) -> Result<(), Failure> {
    // SAFETY: always valid.
    check(unsafe { libc::setns(namespace.as_raw_fd(), kind) })
        .map(drop)
        .trying(|| format!("enter a namespace of kind {kind:#x}"))
}

/// Leaves what this thread shares (`CLONE_NEW*`, `CLONE_FS`); never its descriptors.
///
/// # Errors
///
/// [`Failure`]
pub fn unshare(what: i32) -> Result<(), Failure> {
    // SAFETY: descriptors stay shared, everything else is re-looked up by the kernel at each call.
    check(unsafe { libc::unshare(what & !libc::CLONE_FILES) }).map(drop).trying(|| format!("unshare {what:#x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn descriptors_outside_the_kept_ones_are_closed() {
        let (mut told, tell) = io::pipe().unwrap();
        let (other, _other_end) = io::pipe().unwrap();
        // SAFETY: the child only makes system calls, and allocates nothing before close_all_but's small list, which no
        // other thread of this test can have locked across the fork for long.
        match unsafe { clone_process(0, None) }.unwrap() {
            Cloned::Child => {
                let closed = close_all_but(&[tell.as_raw_fd()]).is_ok();
                // SAFETY: asks about a number only.
                let gone = unsafe { libc::fcntl(other.as_raw_fd(), libc::F_GETFD) } == -1;
                let verdict = [u8::from(closed && gone)];
                // SAFETY: one byte from a live array.
                unsafe { libc::write(tell.as_raw_fd(), verdict.as_ptr().cast(), 1) };
                exit_now(0)
            }
            Cloned::Parent { .. } => {
                drop(tell);
                let mut verdict = Vec::new();
                told.read_to_end(&mut verdict).unwrap();
                assert_eq!(verdict, [1]);
            }
        }
    }

    #[test]
    fn a_limit_is_never_raised_above_the_hard_one() {
        let before = getrlimit(Resource::Core);
        limit(Resource::Core, 0, before.maximum).unwrap();
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: before.maximum });
    }
}
