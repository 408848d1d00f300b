//! `/tmp` of a sandbox: a sparse copy of an empty ext4 file system on a loop device. Its size is enforced with ENOSPC,
//! as on AWS, and its data is not charged to the function's memory.
//!
//! Most of what one takes is done ahead where a stock of them is kept: each is given to one sandbox and never taken back.
//!
//! Where the host has no loop devices or no mkfs.ext4, or is not ours, a tmpfs of the same size, which control groups
//! charge to the function: said by [`TmpMaker::support`], never silent.

use super::files::{Files, tempfile_name};
use super::loop_device::LoopDevice;
use super::standing::Standing;
use crate::{Support, TmpStock};
use hearth_core::limits::EPHEMERAL_STORAGE_MB;
use hearth_init::mount::{SAFE, Tree};
use hearth_init::{Failure, Trying};
use rustix::fs::{AtFlags, Gid, Mode, SeekFrom, Uid, chownat, copy_file_range, seek};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Everybody may write, only the owner may remove.
const MODE: u32 = 0o1777;
/// As many as ext4 makes room for.
const FILES_PER_MB: u64 = 64;
/// Threads that empty the stock (ours).
const UNMOUNTERS: usize = 16;

/// Makes `/tmp`s.
#[derive(Debug)]
pub(crate) struct TmpMaker {
    /// Why there are no loop devices, if so.
    missing: Option<String>,
    templates: PathBuf,
    images: PathBuf,
    /// Templates that are known to be complete, by size in MB.
    made: Mutex<BTreeMap<u32, PathBuf>>,
    /// The number of the next image.
    next: AtomicU64,
    /// Of the usual size, root's.
    stock: Mutex<Vec<Tree>>,
    /// How many are to be in it.
    wanted: usize,
}

impl TmpMaker {
    /// Finds out what this host has. `wanted`: how many of the usual size are to be ready, if that is done with loop devices.
    pub(crate) fn new(files: &Files, standing: &Standing, wanted: usize) -> Self {
        let missing = missing(standing).err();
        let wanted = missing.as_ref().map_or(wanted, |_| 0);
        let (templates, images) = (files.templates.clone(), files.images.clone());
        let (made, next, stock) = (Mutex::default(), AtomicU64::default(), Mutex::default());
        Self { missing, templates, images, made, next, stock, wanted }
    }

    pub(crate) fn support(&self) -> Support {
        self.missing.clone().map_or(Support::Full, Support::Weaker)
    }

    /// One `/tmp` of this size that belongs to `owner`, which is root inside.
    pub(crate) fn make(&self, size_mb: u32, owner: u32) -> Result<Tree, Failure> {
        if self.missing.is_some() {
            let (size, owner) = (format!("{size_mb}m"), owner.to_string());
            // A file is memory even when it is empty.
            let files = (u64::from(size_mb) * FILES_PER_MB).to_string();
            let options =
                [("size", size.as_str()), ("nr_inodes", &files), ("mode", "1777"), ("uid", &owner), ("gid", &owner)];
            return Tree::mount("tmpfs", &options, SAFE);
        }
        let ready = if size_mb == EPHEMERAL_STORAGE_MB.2 { self.stock().pop() } else { None };
        let tree = ready.map_or_else(|| self.mount(size_mb), Ok)?;
        let (uid, gid) = (Uid::from_raw(owner), Gid::from_raw(owner));
        chownat(&tree, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
            .trying(|| "give /tmp to its sandbox".to_owned())?;
        Ok(tree)
    }

    /// Makes one more for the stock.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        let tree = self.mount(EPHEMERAL_STORAGE_MB.2)?;
        self.stock().push(tree);
        Ok(())
    }

    pub(crate) fn ready(&self) -> TmpStock {
        TmpStock { ready: self.stock().len(), wanted: self.wanted }
    }

    /// Empties the stock; how many there were. The kernel takes some milliseconds for each, most of which it waits.
    pub(crate) fn give_up(&self) -> usize {
        let mut stock = std::mem::take(&mut *self.stock());
        let count = stock.len();
        thread::scope(|scope| {
            while !stock.is_empty() {
                let some = stock.split_off(stock.len().saturating_sub(count.div_ceil(UNMOUNTERS)));
                // Where there is no thread, what it was to drop has been dropped here.
                drop(thread::Builder::new().spawn_scoped(scope, || drop(some)));
            }
        });
        count
    }

    fn stock(&self) -> MutexGuard<'_, Vec<Tree>> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A mount of a new image, which is root's.
    fn mount(&self, size_mb: u32) -> Result<Tree, Failure> {
        let image = self.images.join(format!("{}.ext4", self.next.fetch_add(1, Ordering::Relaxed)));
        let tree = copy_sparse(&self.template(size_mb)?, &image).and_then(|file| mount_image(&file));
        // The device holds it: without a name nothing can be left of it, however this service ends.
        let unlinked = fs::remove_file(&image).trying(|| format!("unlink {}", image.display()));
        tree.and_then(|tree| unlinked.map(|()| tree))
    }

    /// An empty file system of this size, made once.
    fn template(&self, size_mb: u32) -> Result<PathBuf, Failure> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = made.get(&size_mb) {
            return Ok(path.clone());
        }
        let path = self.templates.join(format!("{size_mb}.ext4"));
        if !path.exists() {
            let unfinished = tempfile_name(&path);
            let done = make_file_system(&unfinished, size_mb).and_then(|()| {
                fs::rename(&unfinished, &path).trying(|| format!("name the template {}", path.display()))
            });
            if let Err(failure) = done {
                // What counts is why it could not be made.
                drop(fs::remove_file(&unfinished));
                return Err(failure);
            }
        }
        made.insert(size_mb, path.clone());
        Ok(path)
    }
}

/// What is needed for ext4 on loop devices, or what is missing and what to do.
pub(crate) fn missing(standing: &Standing) -> Result<(), String> {
    if !standing.is_host() {
        return Err("a tmpfs, which is memory: only root may mount a file system on a device".to_owned());
    }
    for program in ["mkfs.ext4", "debugfs"] {
        find_program(program)
            .ok_or(format!("a tmpfs, which is memory: {program} is not there (apt-get install e2fsprogs)"))?;
    }
    File::open("/dev/loop-control")
        .map(drop)
        .map_err(|cause| format!("a tmpfs, which is memory: /dev/loop-control: {cause} (modprobe loop)"))
}

/// Also where an ordinary PATH does not look.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(more).map(|directory| directory.join(name)).find(|program| program.is_file())
}

fn make_file_system(image: &Path, size_mb: u32) -> Result<(), Failure> {
    File::create(image)
        .and_then(|file| file.set_len(u64::from(size_mb) << 20))
        .trying(|| format!("create {}", image.display()))?;
    // No journal, nothing reserved for root, 4 KiB blocks as the device has them; no zeroes are written.
    let options = ["-q", "-F", "-b", "4096", "-m0", "-O", "^has_journal,^resize_inode"];
    let sparse = ["-E", "nodiscard,assume_storage_prezeroed=1"];
    run(Command::new(program("mkfs.ext4")?).args(options).args(sparse).arg(image))?;
    run(Command::new(program("debugfs")?).args(["-w", "-R", "rmdir lost+found"]).arg(image))
}

fn program(name: &str) -> Result<PathBuf, Failure> {
    find_program(name).ok_or_else(|| Failure { what: format!("find {name}"), source: io::ErrorKind::NotFound.into() })
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output().trying(|| format!("run {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(said)).trying(|| format!("run {command:?} ({})", output.status))
}

fn mount_image(file: &File) -> Result<Tree, Failure> {
    let device = LoopDevice::bind(file)?;
    let source = device.path.to_string_lossy();
    let tree = Tree::mount("ext4", &[("source", &source), ("noinit_itable", "")], SAFE)?;
    // A path, because chmod on a descriptor wants one that was opened for reading.
    rustix::fs::chmodat(&tree, ".", Mode::from_raw_mode(MODE), AtFlags::empty())
        .trying(|| "prepare the root of /tmp".to_owned())?;
    Ok(tree)
}

/// Copies only what is not a hole: 50 µs, whatever the size.
fn copy_sparse(from: &Path, to: &Path) -> Result<File, Failure> {
    let what = || format!("copy {} to {}", from.display(), to.display());
    let source = File::open(from).trying(what)?;
    let target = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(to).trying(what)?;
    let size = source.metadata().trying(what)?.len();
    target.set_len(size).trying(what)?;
    let mut offset = 0;
    while offset < size {
        let data = match seek(&source, SeekFrom::Data(offset)) {
            Err(Errno::NXIO) => break, // only a hole is left
            found => found.trying(what)?,
        };
        offset = seek(&source, SeekFrom::Hole(data)).trying(what)?;
        let (mut read_at, mut write_at) = (data, data);
        while read_at < offset {
            let left = usize::try_from(offset - read_at).unwrap_or(usize::MAX);
            let copied =
                copy_file_range(&source, Some(&mut read_at), &target, Some(&mut write_at), left).trying(what)?;
            if copied == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof)).trying(what);
            }
        }
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt, MetadataExt};

    #[test]
    fn a_sparse_copy_has_the_data_and_the_holes() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        let source = File::create(&from).unwrap();
        source.set_len(64 << 20).unwrap();
        source.write_all_at(b"start", 0).unwrap();
        source.write_all_at(b"middle", 33 << 20).unwrap();
        let target = copy_sparse(&from, &to).unwrap();
        let (mut start, mut middle) = ([0; 5], [0; 6]);
        target.read_exact_at(&mut start, 0).unwrap();
        target.read_exact_at(&mut middle, 33 << 20).unwrap();
        assert_eq!((&start, &middle), (b"start", b"middle"));
        let facts = target.metadata().unwrap();
        assert_eq!(facts.len(), 64 << 20);
        assert!(facts.blocks() * 512 < 8 << 20, "{} blocks", facts.blocks());
    }
}
