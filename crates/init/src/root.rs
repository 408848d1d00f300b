//! The file system of a sandbox: a read-only, id-mapped runtime tree, a minimal `/dev`, a `/proc` that says nothing of
//! the host. Only the parts that are the same for every function; the rest comes at assignment, from the worker.

use crate::mount::{READ_ONLY, SAFE, Tree, make_all_private, pivot_into};
use crate::{Failure, Trying};
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountAttrFlags;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// What of `/proc` tells about the host. Files that only the host's root may read need no cover.
const HIDDEN_FILES: &[&str] = &[
    "/proc/cmdline",
    "/proc/modules",
    "/proc/config.gz",
    "/proc/keys",
    "/proc/key-users",
    "/proc/partitions",
    "/proc/diskstats",
    "/proc/locks",
    "/proc/kallsyms",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/kcore",
    "/proc/sysrq-trigger",
    "/proc/interrupts",
    "/proc/latency_stats",
];
/// `pressure` is the host's, and anybody may have the kernel watch it for them.
const HIDDEN_DIRECTORIES: &[&str] =
    &["/proc/fs", "/proc/bus", "/proc/irq", "/proc/sysvipc", "/proc/acpi", "/proc/scsi", "/proc/pressure"];

/// Where the parts are on the host.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) tree: &'a Path,
    pub(crate) devices: &'a Path,
    pub(crate) resolver: &'a Path,
}

/// Makes the mount namespace of this process that of a sandbox. Everything mounted here belongs to the *service's* user
/// namespace: the function can never change it, whatever rights it may get in its own.
///
/// Gives a hold on the directory of what user namespaces may have, which nobody can write to by its path.
pub(crate) fn build(files: &Files<'_>, user_namespace: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Failure> {
    make_all_private()?;
    let root = Tree::of(files.tree)?.mapped(READ_ONLY, user_namespace)?;
    // The one mount on which device nodes work; nothing can be executed from it, or added to it.
    let without_devices = MountAttrFlags::MOUNT_ATTR_NODEV;
    let of_devices = READ_ONLY.difference(without_devices) | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let devices = Tree::of_all(files.devices)?.with_devices()?.mapped(of_devices, user_namespace)?;
    let resolver = Tree::of(files.resolver)?.mapped(READ_ONLY, user_namespace)?;
    // While the old one is still there: in a user namespace the kernel gives a new one only to who can see one whole.
    let processes = Tree::mount("proc", &[], SAFE | MountAttrFlags::MOUNT_ATTR_NOEXEC).map_err(hidden)?;
    pivot_into(&root, files.tree)?;
    devices.attach(Path::new("/dev"))?;
    // A link could lead anywhere, and a tree without the file has its own ways.
    let own = Path::new("/etc/resolv.conf");
    if own.symlink_metadata().is_ok_and(|found| found.is_file()) {
        resolver.attach(own)?;
    }
    processes.attach(Path::new("/proc"))?;
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let limits = rustix::fs::open("/proc/sys/user", directory, Mode::empty()).ok();
    hide_host_facts()?;
    Ok(limits)
}

/// What a user namespace may have of what counts at every owner around, up to whoever started the service (`namespaces(7)`):
/// no namespaces below it, whatever a filter may overlook; and not all inotify instances of a user.
const LIMITS: [(&str, &[u8]); 2] = [("max_user_namespaces", b"0"), ("max_inotify_instances", b"32")];

/// Limits the user namespace that this process has just entered, with all rights in it. Of its own `/proc`: in the host's
/// the files of all namespaces have the same names, and the kernel goes through them one by one.
pub(crate) fn limit_user_namespace(directory: &OwnedFd) {
    for (limit, value) in LIMITS {
        // Where even this may not be written there is one lock less.
        if let Ok(file) = rustix::fs::openat(directory, limit, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
            rustix::io::write(file, value).unwrap_or_default();
        }
    }
}

/// The kernel's answer to who sees only parts of `/proc` says nothing of the reason.
fn hidden(failure: Failure) -> Failure {
    let Failure { what, source } = failure;
    let why = match source.raw_os_error() {
        Some(libc::EPERM) => {
            " (parts of /proc are hidden here; a container is run with --security-opt systempaths=unconfined)"
        }
        _ => "",
    };
    Failure { what: what + why, source }
}

fn hide_host_facts() -> Result<(), Failure> {
    for (covered, cover) in [(HIDDEN_FILES, "/dev/null"), (HIDDEN_DIRECTORIES, "/dev/empty")] {
        for path in covered.iter().map(Path::new) {
            if path.symlink_metadata().is_ok() {
                Tree::of(Path::new(cover))?.attach(path)?;
            }
        }
    }
    // Where the function is the same user as PID 1, some of its files would take what it writes.
    Tree::of(Path::new("/proc/1"))?.with(READ_ONLY)?.attach(Path::new("/proc/1"))?;
    // The names of kernel tunables may be looked at; nobody may try to write them.
    Tree::of(Path::new("/proc/sys"))?.with(READ_ONLY)?.attach(Path::new("/proc/sys"))
}

/// The host's name is none of the function's business.
pub(crate) fn forget_host_name() -> Result<(), Failure> {
    rustix::system::sethostname(b"localhost").trying(|| "set the host name".to_owned())
}
