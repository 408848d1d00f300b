//! The isolation around an execution environment: one contract, several backends.
//!
//! A sandbox is prepared blank, assigned to one function version once, and destroyed; never reassigned. What happens in
//! it reaches the worker as [`SandboxEvent`]s. Methods that can take longer than some 100 µs say so: call them from a
//! thread that may block.

pub mod process;

use hearth_core::network::Mode;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use tokio::sync::mpsc::UnboundedSender;

/// Makes sandboxes: one per service.
pub trait Sandboxes: Send + Sync + Debug {
    /// Prepares a blank sandbox whose root is the runtime tree at `root`. Blocks for some milliseconds.
    /// `events` gets what happens in it until it ends; nothing is ever sent after [`SandboxEvent::Gone`].
    ///
    /// # Errors
    ///
    /// [`SandboxError`]; nothing is left of the attempt.
    fn prepare(
        &self,
        root: &std::path::Path,
        events: UnboundedSender<SandboxEvent>,
    ) -> Result<Box<dyn Sandbox>, SandboxError>;

    /// Sandboxes that there can be at a time.
    fn most(&self) -> usize;

    /// Makes a `/tmp` of the usual size for a sandbox that is made later. Blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]; nothing is left of the attempt.
    fn prepare_tmp(&self) -> Result<(), SandboxError>;

    /// What there is of those.
    fn tmps(&self) -> TmpStock;

    /// Gives up those that are ready; how many there were. Blocks until they are gone: about a second for a thousand.
    fn give_up_tmps(&self) -> usize;

    /// Whether [`Sandbox::preboot`] works here.
    fn can_preboot(&self) -> bool;

    /// What this kernel and these rights let us enforce.
    fn capabilities(&self) -> Capabilities;
}

/// One sandbox.
pub trait Sandbox: Send + Sync + Debug {
    /// The sockets by which the function reaches the service. Can be taken once.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] if they were taken before.
    fn take_sockets(&self) -> Result<Sockets, SandboxError>;

    /// A TCP socket of the sandbox's own network, not connected, close-on-exec and non-blocking: whoever has it reaches
    /// what listens inside at 127.0.0.1. Blocks for some 100 µs.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]
    fn socket(&self) -> Result<OwnedFd, SandboxError>;

    /// Starts a process in a blank sandbox that gets ready there and waits for what it is to become. Blocks until it waits.
    /// Once, and before [`Sandbox::assign`]. Its end before that is a [`SandboxEvent::Exited`].
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when it does not come to wait; the sandbox can then only be terminated.
    fn preboot(&self, preboot: &Preboot) -> Result<(), SandboxError>;

    /// Does ahead of time what the first [`Sandbox::start`] has to do before it knows what to start. Blocks for about a
    /// millisecond.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]
    fn start_ahead(&self) -> Result<(), SandboxError>;

    /// Gives the blank sandbox its function: limits and mounts. Once, ever. Blocks for some hundred microseconds.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]; the sandbox can then only be terminated.
    fn assign(&self, assignment: &Assignment) -> Result<(), SandboxError>;

    /// Starts a process of the function (uid 993, all limits, cwd `/var/task`). Blocks until it runs or cannot. The
    /// [`SandboxEvent::Exited`] of one that ends at once can come before this returns. Thaws first if need be.
    ///
    /// # Errors
    ///
    /// [`SandboxError::NoProgram`] when none of the candidates exists or can be executed.
    fn start(&self, process: &ProcessSpec) -> Result<StartedProcess, SandboxError>;

    /// The process that waits since [`Sandbox::preboot`] becomes this one, at once and without blocking; `None` if none waits
    /// any more. Programs and log are those that it was started with.
    fn start_waiting(&self, process: &ProcessSpec) -> Option<StartedProcess>;

    /// Kills everything but PID 1; [`SandboxEvent::Empty`] follows when nothing is left. Thaws first if need be.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when PID 1 is gone.
    fn kill_processes(&self) -> Result<(), SandboxError>;

    /// Sends a signal to one process started here, and to its process group. Not an error when it is gone.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] when PID 1 is gone.
    fn signal(&self, process: ProcessId, signal: i32) -> Result<(), SandboxError>;

    /// CPU: `None` is full speed (Init), else the share that belongs to this memory.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]
    fn limit_cpu(&self, memory_mb: Option<u32>) -> Result<(), SandboxError>;

    /// Stops scheduling of everything inside. About 10 µs; not waited for.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]
    fn freeze(&self) -> Result<(), SandboxError>;

    /// Resumes scheduling.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]
    fn thaw(&self) -> Result<(), SandboxError>;

    /// Memory and OOM accounting, from the kernel's own counters.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]
    fn usage(&self) -> Result<Usage, SandboxError>;

    /// CPU time used so far, nanoseconds, from the kernel's own counters.
    ///
    /// # Errors
    ///
    /// [`SandboxError`]
    fn cpu_ns(&self) -> Result<u64, SandboxError>;

    /// Everything that the kernel charges it with, caches included, bytes: one number, which hardly costs anything, and which
    /// [`Usage::memory_bytes`] moves unless as much of something else is given up. `None` where the kernel does not keep it.
    fn charged(&self) -> Option<u64>;

    /// PID 1 as the host sees it.
    fn pid(&self) -> u32;

    /// Ends everything: processes, namespaces, mounts, cgroups, `/tmp`. Blocks for some milliseconds; works in any
    /// state, also frozen. A second call does nothing; every other call then answers [`SandboxError::Gone`].
    ///
    /// # Errors
    ///
    /// [`SandboxError`] names what could not be removed; the next start of the service removes it.
    fn terminate(&self) -> Result<(), SandboxError>;
}

/// Sockets bound inside a sandbox, at [`hearth_core::network::SERVICE`]: who connects is that sandbox's function.
#[derive(Debug)]
pub struct Sockets {
    /// The Runtime API.
    pub runtime_api: TcpListener,
    /// The resolver.
    pub dns: UdpSocket,
    /// The resolver, for answers that no datagram holds.
    pub dns_over_tcp: TcpListener,
    /// Lambda's own API.
    pub lambda_api: TcpListener,
    /// Ports of the host that functions may use.
    pub exposed: Vec<(u16, TcpListener)>,
}

/// A process inside a sandbox, by its pid there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessId(pub i32);

/// `/tmp`s that were made ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TmpStock {
    /// How many there are now.
    pub ready: usize,
    /// How many there are to be.
    pub wanted: usize,
}

/// What a blank sandbox becomes.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Unpacked code, mounted read-only at `/var/task`.
    pub code: PathBuf,
    /// Unpacked layers in order, merged read-only at `/opt`; later wins.
    pub layers: Vec<PathBuf>,
    /// Memory limit, MB; also what `/proc/meminfo` shows.
    pub memory_mb: u32,
    /// Size of `/tmp`, MB.
    pub ephemeral_storage_mb: u32,
}

/// A process to start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessSpec {
    /// Programs to try in order, absolute paths inside; the first that exists is executed, and is `argv[0]`.
    pub programs: Vec<String>,
    /// Arguments after `argv[0]`.
    pub arguments: Vec<String>,
    /// The whole environment, but for [`ProcessSpec::log_variable`].
    pub environment: BTreeMap<String, String>,
    /// If it is to have a pipe for its log beside standard output and error: the variable that tells it the number.
    pub log_variable: Option<String>,
}

/// A process that waits for what it is to become.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Preboot {
    /// What makes it wait.
    pub launcher: Launcher,
    /// What is started; its environment gets [`Preboot::ASSIGNMENT`] besides.
    pub process: ProcessSpec,
    /// What `/proc/meminfo` shows from the start, MB, if the process looks at it when it starts: the assignment must say the
    /// same then.
    pub memory_mb: Option<u32>,
}

impl Preboot {
    /// The variable with the number of the launcher's socket. The launcher sends a byte when it is ready, and gets JSON,
    /// `{"arguments": [...], "environment": {...}}`, up to the end of the stream: what the process is to be from then on.
    pub const ASSIGNMENT: &str = "_HEARTH_ASSIGNMENT";
}

/// Files that make a process wait: there at `/tmp`, read-only, until the sandbox is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Launcher {
    /// Its name, fit for a folder, and no other launcher's.
    pub name: &'static str,
    /// Names and contents; each can be executed.
    pub files: &'static [(&'static str, &'static str)],
}

/// A process that runs.
#[derive(Debug)]
pub struct StartedProcess {
    /// Its pid inside.
    pub process: ProcessId,
    /// Read end of its standard output, close-on-exec, non-blocking.
    pub stdout: OwnedFd,
    /// Read end of its standard error, likewise.
    pub stderr: OwnedFd,
    /// Read end of the pipe for its log, likewise; there if [`ProcessSpec::log_variable`] asked for it.
    pub log: Option<OwnedFd>,
}

/// What happened in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxEvent {
    /// A process that [`Sandbox::start`] started ended. (Orphans are reaped silently.)
    Exited {
        /// Which.
        process: ProcessId,
        /// How.
        status: ExitStatus,
    },
    /// Answers [`Sandbox::kill_processes`]: only PID 1 is left.
    Empty,
    /// PID 1 is gone, and everything with it.
    Gone,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Accounting of one sandbox's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Anonymous and shared memory in use now, bytes (page cache is not counted: AWS's Max Memory Used does not).
    pub memory_bytes: u64,
    /// Processes killed by the kernel for want of memory, so far.
    pub oom_kills: u64,
}

/// What can be enforced here, each with a reason when it cannot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Capabilities {
    /// `process` or `microvm`.
    pub isolation: &'static str,
    /// Memory limits.
    pub memory: Support,
    /// CPU shares.
    pub cpu: Support,
    /// Process limits.
    pub processes: Support,
    /// Freezing between invokes.
    pub freeze: Support,
    /// `/tmp` of its own size, not counted as memory.
    pub tmp_quota: Support,
    /// Where functions may go.
    #[serde(serialize_with = "as_text")]
    pub network: Mode,
    /// Why that is not `nat`, where `nat` was wanted.
    pub network_reason: Option<String>,
    /// cgroup layout in use: `v1`, `v1+v2 freezer` or `v2`.
    pub cgroups: String,
    /// System-call filter.
    pub seccomp: Support,
}

fn as_text<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.name())
}

/// Whether a limit is enforced.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Support {
    /// Enforced by the kernel.
    Full,
    /// Enforced, but not as well as it could be; the text says how instead, what is missing and what to do.
    Weaker(String),
    /// Not enforced; the text says what is missing and what to do.
    Missing(String),
}

/// Why a sandbox could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A system call failed.
    #[error("{what}")]
    System {
        /// What was tried, on what.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// None of the programs exists or can be executed.
    #[error("none of {tried:?} can be executed: {reason}")]
    NoProgram {
        /// Paths inside, in order.
        tried: Vec<String>,
        /// Why the last one could not.
        reason: String,
    },
    /// PID 1 refused or could not carry out an order.
    #[error("{order}: PID 1 says {reason}")]
    Refused {
        /// The order.
        order: &'static str,
        /// Its words.
        reason: String,
    },
    /// PID 1, or the spawner, is gone.
    #[error("{0} is gone")]
    Gone(&'static str),
    /// There is too little of something here, which one that ends gives back: users, descriptors, processes, memory.
    #[error("no room for another sandbox: {0}")]
    NoRoom(String),
    /// The caller broke the contract (assigned twice, took the listener twice).
    #[error("{0}")]
    Misused(&'static str),
}

/// Whether an error comes from too little of something, here or in whatever caused it: the same may work once a sandbox
/// has ended.
#[must_use]
pub fn is_shortage(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let no_room = error.downcast_ref().is_some_and(|error| matches!(error, SandboxError::NoRoom(_)));
        if no_room || error.downcast_ref().is_some_and(hearth_init::is_shortage) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_wherever_it_is_in_the_chain() {
        let failed = |errno| SandboxError::System { what: "try".into(), source: io::Error::from_raw_os_error(errno) };
        for errno in [libc::EMFILE, libc::ENFILE, libc::EAGAIN, libc::ENOMEM, libc::ENOSPC, libc::EUSERS] {
            assert!(is_shortage(&failed(errno)) && is_shortage(&io::Error::other(failed(errno))), "{errno}");
        }
        assert!(is_shortage(&SandboxError::NoRoom("x".into())));
        for other in [failed(libc::EPERM), failed(libc::ENOENT), SandboxError::Gone("PID 1")] {
            assert!(!is_shortage(&other), "{other:?}");
        }
    }
}
