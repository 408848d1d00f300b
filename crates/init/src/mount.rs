//! Detached mount trees: made anywhere, changed while nobody sees them, then attached where they belong.
//!
//! It refuses to change what is attached: an id map, for example, can only be set on a detached tree.

use crate::{Failure, Trying};
use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    unmount,
};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A mount that is in no namespace yet. Dropped before it was attached, it is unmounted.
#[derive(Debug)]
pub struct Tree(OwnedFd);

/// Attributes every mount of a sandbox has at least.
pub const SAFE: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);
/// The same, and read-only.
pub const READ_ONLY: MountAttrFlags = SAFE.union(MountAttrFlags::MOUNT_ATTR_RDONLY);

impl Tree {
    /// A bind of a directory or a file.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn of(path: &Path) -> Result<Self, Failure> {
        Self::open(path, OpenTreeFlags::empty())
    }

    /// The same, with what is mounted below it.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn of_all(path: &Path) -> Result<Self, Failure> {
        Self::open(path, OpenTreeFlags::AT_RECURSIVE)
    }

    fn open(path: &Path, more: OpenTreeFlags) -> Result<Self, Failure> {
        open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | more)
            .map(Self)
            .trying(|| format!("open the tree {}", path.display()))
    }

    /// A fresh mount of a file system type. An option without a value is a flag.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn mount(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<Self, Failure> {
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).trying(|| format!("open file system type {kind}"))?;
        for (name, value) in options {
            match *value {
                "" => fsconfig_set_flag(context.as_fd(), *name),
                value => fsconfig_set_string(context.as_fd(), *name, value),
            }
            .trying(|| format!("set {name}={value:?} of a new {kind}"))?;
        }
        fsconfig_create(context.as_fd()).trying(|| format!("create a {kind} of {options:?}"))?;
        fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map(Self)
            .trying(|| format!("mount a new {kind}"))
    }

    /// Sets attributes.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn with(self, attributes: MountAttrFlags) -> Result<Self, Failure> {
        set_attributes(self.0.as_fd(), attributes, None).trying(|| format!("set {attributes:?} of a tree"))?;
        Ok(self)
    }

    /// Lets device nodes work, also where the file system they lie on was mounted without that.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn with_devices(self) -> Result<Self, Failure> {
        let change = libc::mount_attr { attr_clr: libc::MOUNT_ATTR_NODEV, ..NO_CHANGE };
        change_attributes(self.0.as_fd(), &change).trying(|| "allow devices on a tree".to_owned())?;
        Ok(self)
    }

    /// Sets attributes, and maps ids on disk to those of a user namespace, so that its root owns root's files.
    ///
    /// Where the file system cannot do that (EINVAL: tmpfs before 6.3, overlay), or we may not ask for it (EPERM: an
    /// ordinary user), the tree stays unmapped: files can still be read by everybody whom their mode lets, but belong to
    /// nobody there, unless their owner has an id in that namespace anyway.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn mapped(self, attributes: MountAttrFlags, user_namespace: BorrowedFd<'_>) -> Result<Self, Failure> {
        match set_attributes(self.0.as_fd(), attributes, Some(user_namespace)) {
            Err(cause) if matches!(cause.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) => self.with(attributes),
            done => {
                done.trying(|| "map the ids of a tree".to_owned())?;
                Ok(self)
            }
        }
    }

    /// Whether the file system of this tree can be seen through the ids of a user namespace.
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn probe_map(&self, user_namespace: BorrowedFd<'_>) -> io::Result<()> {
        set_attributes(self.0.as_fd(), MountAttrFlags::empty(), Some(user_namespace))
    }

    /// Puts the tree at a path of the *calling* mount namespace.
    ///
    /// # Errors
    ///
    /// [`Failure`]
    pub fn attach(&self, target: &Path) -> Result<(), Failure> {
        move_mount(self.0.as_fd(), "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .trying(|| format!("attach a tree at {}", target.display()))
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const NO_CHANGE: libc::mount_attr = libc::mount_attr { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };

fn set_attributes(
    tree: BorrowedFd<'_>,
    attributes: MountAttrFlags,
    user_namespace: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let map = if user_namespace.is_some() { libc::MOUNT_ATTR_IDMAP } else { 0 };
    let change = libc::mount_attr {
        attr_set: u64::from(attributes.bits()) | map,
        userns_fd: user_namespace.map_or(0, |fd| u64::from(fd.as_raw_fd().cast_unsigned())),
        ..NO_CHANGE
    };
    change_attributes(tree, &change)
}

fn change_attributes(tree: BorrowedFd<'_>, change: &libc::mount_attr) -> io::Result<()> {
    // SAFETY: the path and `change` outlive the call, and the size is that of `change`.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            std::ptr::from_ref(change),
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Cuts this mount namespace off from the one it was copied from: nothing mounted on one side shows on the other.
///
/// # Errors
///
/// [`Failure`]
pub fn make_all_private() -> Result<(), Failure> {
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .trying(|| "make all mounts private".to_owned())
}

/// Makes `root`, attached over its own `path`, the root of this mount namespace, and drops everything else in it.
/// Needs CAP_SYS_ADMIN where the namespace was made.
///
/// # Errors
///
/// [`Failure`]
pub fn pivot_into(root: &Tree, path: &Path) -> Result<(), Failure> {
    root.attach(path)?;
    rustix::process::fchdir(root).trying(|| format!("enter {}", path.display()))?;
    // The old root is put on top of the new one and then taken away: no directory for it is needed inside.
    rustix::process::pivot_root(".", ".").trying(|| format!("pivot into {}", path.display()))?;
    unmount(".", UnmountFlags::DETACH).trying(|| "detach the old root".to_owned())?;
    rustix::process::chdir("/").trying(|| "enter the new root".to_owned())
}
