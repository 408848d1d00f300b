//! The spawner itself: this program, re-executed before any thread exists. It does one thing, clone PID 1 of a
//! sandbox, and never learns a secret, because PID 1 starts as a copy of its memory.
#![expect(unsafe_code, reason = "it forks")]

use super::super::network::LinkOrder;
use super::super::user_namespace;
use super::protocol::{FRAME_BYTES, Reply, Request};
use hearth_init::channel::{Channel, Message, Received};
use hearth_init::filter::Filters;
use hearth_init::network::{Host, Link, Plan as Network};
use hearth_init::pid1::{self, Confinement, Plan};
use hearth_init::sys::{self, Cloned};
use hearth_init::{Failure, Trying};
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// `argv[0]` of a spawner.
pub(super) const NAME: &str = "hearth-spawner";

const NAMESPACES: i32 =
    libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Whether this process was started as a spawner: to be asked first thing in `main`, before any thread exists.
#[must_use]
pub fn is_spawner() -> bool {
    std::env::args_os().next().is_some_and(|name| name == NAME)
}

/// The whole life of a spawner; ends when the worker does.
pub fn spawner_main() -> ! {
    if let Err(failure) = run() {
        // Standard error is the service's own; there is no other way left to say it.
        eprintln!("hearth: the spawner ends: {}", failure.line());
        sys::exit_now(1)
    }
    sys::exit_now(0) // the worker is gone; the parent death signal now ends every PID 1
}

fn run() -> Result<(), Failure> {
    sys::die_with_parent()?;
    let channel = take_channel()?;
    sys::close_all_but(&[channel.as_raw_fd()])?;
    // Ended children vanish by themselves: nobody but holders of their pidfd looks at them.
    sys::ignore(libc::SIGCHLD);
    spare_nobody_from_the_oom_killer();
    let filters =
        seccomp_is_there().then(Filters::compile).transpose().trying(|| "compile the system-call filter".to_owned())?;
    loop {
        match channel.receive(FRAME_BYTES)? {
            Received::Message(message) => answer(&channel, message, filters.as_ref())?,
            Received::Closed | Received::Nothing => return Ok(()),
        }
    }
}

/// The channel came as standard input, which PID 1 and the function must not get.
fn take_channel() -> Result<Channel, Failure> {
    let channel = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3).trying(|| "take the channel".to_owned())?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .trying(|| "open /dev/null".to_owned())?;
    rustix::stdio::dup2_stdin(null).trying(|| "close standard input".to_owned())?;
    Ok(Channel::from(channel))
}

/// A service may be protected from the OOM killer; its functions must not inherit that. Fails only where the score is
/// not ours to raise, which it always is.
fn spare_nobody_from_the_oom_killer() {
    let path = "/proc/self/oom_score_adj";
    let score = fs::read_to_string(path).ok().and_then(|score| score.trim().parse::<i32>().ok());
    if score.is_some_and(|score| score < 0) {
        drop(fs::write(path, "0"));
    }
}

/// Whether this kernel can filter system calls: asked of itself, because a container may not show what it says in `/proc`.
pub(crate) fn seccomp_is_there() -> bool {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the number outlives the call, which changes nothing.
    let available = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    // Where another filter forbids to ask there are filters; that ours cannot be installed is then an error, not a lack.
    available == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

fn answer(channel: &Channel, message: Message, filters: Option<&Filters>) -> Result<(), Failure> {
    let (reply, descriptors) = match carry_out(message, filters) {
        Ok(done) => done,
        Err(failure) => (Reply::Failed { reason: failure.line(), shortage: failure.is_shortage() }, Vec::new()),
    };
    let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    channel.send(&reply.encode(), &descriptors)
}

fn carry_out(message: Message, filters: Option<&Filters>) -> Result<(Reply, Vec<OwnedFd>), Failure> {
    let Message { frame, descriptors } = message;
    let mut descriptors = descriptors.into_iter();
    let none =
        || Failure { what: "take the descriptors of a request".to_owned(), source: io::ErrorKind::NotFound.into() };
    match Request::decode(&frame).map_err(io::Error::other).trying(|| "read a request".to_owned())? {
        Request::Settle { joins: false } => sys::unshare(libc::CLONE_NEWCGROUP).map(|()| (Reply::Done, Vec::new())),
        Request::Settle { joins: true } => {
            let namespace = descriptors.next().ok_or_else(none)?;
            sys::enter_namespace(namespace.as_fd(), libc::CLONE_NEWCGROUP).map(|()| (Reply::Done, Vec::new()))
        }
        Request::Prepare { tree, devices, resolver, maps, watched, exposed, link } => {
            let network = Network { exposed, link: link.map(hold).transpose()? };
            let control = Channel::from(descriptors.next().ok_or_else(none)?);
            let user_namespace = user_namespace::create(&maps)?;
            let cgroup = descriptors.next();
            // SAFETY: a spawner has one thread.
            match unsafe { sys::clone_process(NAMESPACES, cgroup.as_ref().map(AsFd::as_fd)) }? {
                Cloned::Child => {
                    let (tree, devices, resolver) = (Path::new(&tree), Path::new(&devices), Path::new(&resolver));
                    let confinement = Confinement { identity: maps.identity, filters, watched };
                    pid1::run(Plan { tree, devices, resolver, network, user_namespace, control, confinement })
                }
                Cloned::Parent { pid, pidfd } => {
                    Ok((Reply::Prepared { pid: pid.cast_unsigned() }, vec![pidfd, user_namespace]))
                }
            }
        }
    }
}

/// A link, with the hold on the host's network that PID 1 needs to make it.
fn hold(order: LinkOrder) -> Result<Link, Failure> {
    let LinkOrder { name, group, address } = order;
    Ok(Link { name, group, address, host: Host::of_this_thread()? })
}
