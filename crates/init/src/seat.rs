//! A seat: a process that is the function's already (cgroups, limits, user, filter) and waits to hear from the worker
//! itself what to execute. Secrets never pass through PID 1, and a seat can be taken ahead of time.
//!
//! Its channel tells the worker everything: `Seated`, then its end (close-on-exec) when the program runs, or why not.

use crate::channel::{Channel, Received};
use crate::pid1::Confinement;
use crate::sys::{self, Cloned};
use crate::{Failure, Trying};
use hearth_api::guest::{FRAME_BYTES, Program, SeatNews};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{Access, Mode, OFlags};
use rustix::io::FdFlags;
use rustix::process::Resource;
use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::io;

/// Open descriptors, processes (documented: 1,024 each); locked memory and stack (observed on AWS).
const DESCRIPTORS: u64 = 1_024;
const PROCESSES: u64 = 1_024;
/// Pending signals and timers, and what waits in POSIX message queues (ours: more than anybody needs, and less than all
/// that one user of the host has).
const PENDING_SIGNALS: u64 = 1_024;
const QUEUED_BYTES: u64 = 819_200;
const LOCKED_BYTES: u64 = 64 * 1024;
const STACK_BYTES: u64 = 8 * 1024 * 1024;

/// Why there is no program.
enum Ended {
    Failed(Failure),
    NoProgram(String),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Forks a seat; gives its pid. The descriptors are those of [`hearth_api::guest::Order::Seat`].
pub(crate) fn take(descriptors: &[OwnedFd], born_inside: bool, confinement: Confinement<'_>) -> Option<i32> {
    let (channel, rest) = descriptors.split_first()?;
    let channel = Channel::from(channel.try_clone().ok()?);
    let (cgroup, doors) = match rest.split_first() {
        Some((cgroup, doors)) if born_inside => (Some(cgroup), doors),
        _ => (None, rest),
    };
    // SAFETY: PID 1 is single-threaded.
    match unsafe { sys::clone_process(0, cgroup.map(AsFd::as_fd)) } {
        Ok(Cloned::Parent { pid, .. }) => Some(pid),
        Ok(Cloned::Child) => {
            let Err(ended) = sit(&channel, doors, confinement);
            let news = match ended {
                Ended::Failed(failure) => SeatNews::Failed { reason: failure.line() },
                Ended::NoProgram(reason) => SeatNews::NoProgram { reason },
            };
            // If this fails the worker is gone, and we are going.
            drop(channel.send(&news.encode(), &[]));
            sys::exit_now(127)
        }
        Err(failure) => {
            // If this fails the worker is gone, which PID 1 will see by itself.
            drop(channel.send_now(&SeatNews::Failed { reason: failure.line() }.encode(), &[]));
            None
        }
    }
}

fn sit(channel: &Channel, doors: &[OwnedFd], confinement: Confinement<'_>) -> Result<Infallible, Ended> {
    become_function(channel, doors, confinement)?;
    channel.send(&SeatNews::Seated { process: rustix::process::getpid().as_raw_nonzero().get() }.encode(), &[])?;
    let Received::Message(message) = channel.receive(FRAME_BYTES)? else {
        // The worker has changed its mind.
        sys::exit_now(127)
    };
    let mut program =
        Program::decode(&message.frame).map_err(io::Error::other).trying(|| "read the program".to_owned())?;
    let variables = std::mem::take(&mut program.descriptor_variables);
    match message.descriptors.as_slice() {
        [stdout, stderr, more @ ..] if more.len() == variables.len() => {
            redirect(stdout, stderr)?;
            for (descriptor, variable) in more.iter().zip(variables) {
                rustix::io::fcntl_setfd(descriptor, FdFlags::empty()).trying(|| "hand on a descriptor".to_owned())?;
                program.environment.push(format!("{variable}={}", descriptor.as_raw_fd()));
            }
        }
        _ => {
            let what = "take the program's descriptors".to_owned();
            return Err(Failure { what, source: io::ErrorKind::NotFound.into() }.into());
        }
    }
    if let Some(limit) = program.data_mb {
        let bytes = u64::from(limit) << 20;
        sys::limit(Resource::Data, bytes, Some(bytes))?;
    }
    execute(&program)
}

fn become_function(channel: &Channel, doors: &[OwnedFd], confinement: Confinement<'_>) -> Result<(), Failure> {
    for door in doors {
        // The kernel asks who *opened* the file (the worker), not who writes. "0" means the writer.
        rustix::io::write(door, b"0").trying(|| "join a cgroup".to_owned())?;
    }
    sys::close_all_but(&[channel.as_raw_fd()])?;
    rustix::process::setsid().trying(|| "start a session".to_owned())?;
    sys::unblock_signals();
    sys::default_actions(); // Rust ignores SIGPIPE, for one
    rustix::process::umask(Mode::from_raw_mode(0o022));
    sys::limit(Resource::Nofile, DESCRIPTORS, Some(DESCRIPTORS))?;
    sys::limit(Resource::Nproc, PROCESSES, Some(PROCESSES))?;
    sys::limit(Resource::Sigpending, PENDING_SIGNALS, Some(PENDING_SIGNALS))?;
    sys::limit(Resource::Msgqueue, QUEUED_BYTES, Some(QUEUED_BYTES))?;
    sys::limit(Resource::Memlock, LOCKED_BYTES, Some(LOCKED_BYTES))?;
    sys::limit(Resource::Stack, STACK_BYTES, None)?;
    // One byte, not zero: with zero the kernel would still hand the memory of a crashed function to a core handler of
    // the host; one is the value at which it does not.
    sys::limit(Resource::Core, 1, Some(1))?;
    confinement.identity.become_function()?;
    let Some(filters) = confinement.filters else { return Ok(()) };
    [&filters.processes]
        .into_iter()
        .chain(confinement.watched.then_some(&filters.watched))
        .try_for_each(|filter| filter.install().trying(|| "install the filter of processes".to_owned()))
}

fn redirect(stdout: &OwnedFd, stderr: &OwnedFd) -> Result<(), Failure> {
    let null = rustix::fs::open(c"/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .trying(|| "open /dev/null".to_owned())?;
    rustix::stdio::dup2_stdin(&null).trying(|| "set stdin".to_owned())?;
    rustix::stdio::dup2_stdout(stdout).trying(|| "set stdout".to_owned())?;
    rustix::stdio::dup2_stderr(stderr).trying(|| "set stderr".to_owned())?;
    rustix::process::chdir(c"/var/task").trying(|| "enter /var/task".to_owned())
}

/// Executes the first candidate that exists.
fn execute(program: &Program) -> Result<Infallible, Ended> {
    let strings = |list: &[String]| {
        list.iter()
            .map(|text| CString::new(text.as_str()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(io::Error::from)
            .trying(|| "pass arguments and environment".to_owned())
    };
    let arguments = strings(&program.arguments)?;
    let environment = strings(&program.environment)?;
    let mut reason = "there is no candidate".to_owned();
    for candidate in strings(&program.candidates)? {
        let cause = execve(&candidate, &arguments, &environment);
        reason = format!("{}: {cause}", candidate.to_string_lossy());
        // ENOENT is also what a script says whose interpreter is missing: then the program is there all the same.
        let exists = rustix::fs::access(&candidate, Access::EXISTS).is_ok();
        if exists || !matches!(cause.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) {
            break;
        }
    }
    Err(Ended::NoProgram(reason))
}

/// Comes back only with the reason why it did not work.
fn execve(program: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let end = [std::ptr::null()];
    let argv: Vec<_> =
        std::iter::once(program.as_ptr()).chain(arguments.iter().map(|text| text.as_ptr())).chain(end).collect();
    let envp: Vec<_> = environment.iter().map(|text| text.as_ptr()).chain(end).collect();
    // SAFETY: all strings outlive the call, and both arrays end with a null pointer.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}
