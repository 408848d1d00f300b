//! What all sandboxes of a service share on disk: device nodes, the memory facts, places to mount layers at.

use super::standing::Standing;
use crate::Launcher;
use hearth_core::network::SERVICE;
use hearth_init::mount::{SAFE, Tree};
use hearth_init::{Failure, Trying};
use rustix::fs::{CWD, FileType, Mode, chmod, makedev, mknodat};
use rustix::mount::{UnmountFlags, unmount};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Devices of every sandbox and their minor numbers; the major is that of memory devices.
const DEVICES: [(&str, u32); 5] = [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)];
const MEMORY_DEVICES: u32 = 1;
const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Directories below the service's data.
#[derive(Debug)]
pub(crate) struct Files {
    /// Becomes `/dev`.
    pub(crate) devices: PathBuf,
    /// Whether that is a mount of ours, and still there.
    devices_are_mounted: AtomicBool,
    /// Empty file systems to copy.
    pub(crate) templates: PathBuf,
    /// `/tmp` of each sandbox, for the moment until it is mounted.
    pub(crate) images: PathBuf,
    /// `/proc/meminfo` by memory size.
    memory: PathBuf,
    /// Becomes `/etc/resolv.conf`.
    pub(crate) resolver: PathBuf,
    /// A runtime tree with nothing in it.
    pub(crate) trial: PathBuf,
    /// Mount points of layers, each used in a mount namespace of its own.
    pub(crate) layers: PathBuf,
    /// Folders of launchers, and which of them this service has written.
    launchers: PathBuf,
    written: Mutex<BTreeSet<&'static str>>,
}

impl Files {
    /// Makes what is missing; removes the images an earlier run has left.
    pub(crate) fn create(data: &Path, standing: &Standing) -> Result<Self, Failure> {
        // Absolute: spawners and mounters have other working directories.
        let data = std::path::absolute(data).trying(|| format!("make {} absolute", data.display()))?.join("sandbox");
        let files = Self {
            devices: data.join("dev"),
            devices_are_mounted: AtomicBool::new(false),
            templates: data.join("templates"),
            images: data.join("images"),
            memory: data.join("meminfo"),
            resolver: data.join("resolv.conf"),
            trial: data.join("trial"),
            layers: data.join("layers"),
            launchers: data.join("launchers"),
            written: Mutex::default(),
        };
        let [dev, proc] = ["dev", "proc"].map(|name| files.trial.join(name));
        let empty = files.devices.join("empty");
        for directory in [&empty, &files.templates, &files.images, &files.memory, &dev, &proc, &files.layers] {
            fs::create_dir_all(directory).trying(|| format!("create {}", directory.display()))?;
        }
        files.sweep()?;
        fs::write(&files.resolver, format!("nameserver {SERVICE}\n"))
            .trying(|| format!("write {}", files.resolver.display()))?;
        if standing.is_host() { make_devices(&files.devices) } else { files.borrow_devices() }?;
        for (path, mode) in [(&files.devices, 0o755), (&empty, 0o755), (&files.resolver, 0o644)] {
            show(path, mode).trying(|| format!("show {} to functions", path.display()))?;
        }
        Ok(files)
    }

    /// Removes images that nobody unlinked, because their service was killed before it could.
    pub(crate) fn sweep(&self) -> Result<(), Failure> {
        let list = || format!("list {}", self.images.display());
        for image in fs::read_dir(&self.images).trying(list)? {
            let image = image.trying(list)?.path();
            fs::remove_file(&image).trying(|| format!("remove {}", image.display()))?;
        }
        Ok(())
    }

    /// Device nodes of the host, on a file system in memory that only our own mount namespace has: an ordinary user can
    /// make none.
    fn borrow_devices(&self) -> Result<(), Failure> {
        Tree::mount("tmpfs", &[("size", "64k"), ("mode", "0755")], SAFE)?.attach(&self.devices)?;
        self.devices_are_mounted.store(true, Ordering::Release);
        let empty = self.devices.join("empty");
        fs::create_dir(&empty).trying(|| format!("create {}", empty.display()))?;
        for (name, _) in DEVICES {
            let path = self.devices.join(name);
            fs::write(&path, "").trying(|| format!("create {}", path.display()))?;
            Tree::of(&Path::new("/dev").join(name))?.attach(&path)?;
        }
        make_links(&self.devices)
    }

    /// Unmounts what is mounted below the service's data, which could not be removed otherwise.
    pub(crate) fn unmount(&self) -> Result<(), Failure> {
        if !self.devices_are_mounted.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        unmount(&self.devices, UnmountFlags::DETACH).trying(|| format!("unmount {}", self.devices.display()))
    }

    /// What `/proc/meminfo` shows inside: one file for each memory size, shared by all functions of that size.
    pub(crate) fn memory_facts(&self, memory_mb: u32) -> Result<PathBuf, Failure> {
        let path = self.memory.join(memory_mb.to_string());
        if !path.exists() {
            // The first one stays: another thread may have opened it already, and a file that has been replaced has no
            // name under which it could be mounted.
            let unfinished = tempfile_name(&path);
            let written = fs::write(&unfinished, memory_text(memory_mb)).and_then(|()| show(&unfinished, 0o644));
            let linked = written.and_then(|()| {
                let linked = fs::hard_link(&unfinished, &path);
                fs::remove_file(&unfinished).and(linked)
            });
            match linked {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                done => done.trying(|| format!("write {}", path.display()))?,
            }
        }
        Ok(path)
    }

    /// The folder of a launcher, written anew by each service: an earlier one may have been of another version.
    pub(crate) fn launcher(&self, launcher: Launcher) -> Result<PathBuf, Failure> {
        let Launcher { name, files } = launcher;
        let folder = self.launchers.join(name);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !written.contains(name) {
            let write = || {
                fs::create_dir_all(&folder)?;
                show(&folder, 0o755)?;
                for (file, text) in files {
                    fs::write(folder.join(file), text)?;
                    show(&folder.join(file), 0o755)?;
                }
                Ok::<_, io::Error>(())
            };
            write().trying(|| format!("write the launcher {}", folder.display()))?;
            written.insert(name);
        }
        Ok(folder)
    }

    /// The mount point of the layer with this index.
    pub(crate) fn layer(&self, index: usize) -> Result<PathBuf, Failure> {
        let path = self.layers.join(index.to_string());
        fs::create_dir_all(&path).trying(|| format!("create {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // A start that failed.
        if let Err(failure) = self.unmount() {
            tracing::warn!("{}", failure.line());
        }
    }
}

/// Lets functions, who are another user, see what the umask may have hidden.
fn show(path: &Path, mode: u32) -> io::Result<()> {
    Ok(chmod(path, Mode::from_raw_mode(mode))?)
}

/// A name next to `path` that no other thread uses.
pub(crate) fn tempfile_name(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.unfinished", rustix::thread::gettid().as_raw_nonzero()))
}

fn make_devices(directory: &Path) -> Result<(), Failure> {
    for (name, minor) in DEVICES {
        let path = directory.join(name);
        let what = || format!("make the device {}", path.display());
        match mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(MEMORY_DEVICES, minor))
        {
            Err(rustix::io::Errno::EXIST) => continue,
            made => made.trying(what)?,
        }
        chmod(&path, Mode::from_raw_mode(0o666)).trying(what)?; // mknod obeyed the umask
    }
    make_links(directory)
}

fn make_links(directory: &Path) -> Result<(), Failure> {
    for (name, target) in LINKS {
        let path = directory.join(name);
        match symlink(target, &path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.trying(|| format!("make the link {}", path.display()))?,
        }
    }
    Ok(())
}

fn memory_text(memory_mb: u32) -> String {
    let total = u64::from(memory_mb) * 1_024;
    let line = |name: &str, kib: u64| format!("{:<16}{kib:>8} kB\n", format!("{name}:"));
    let all = ["MemTotal", "MemFree", "MemAvailable"].map(|name| line(name, total)).concat();
    let none = ["Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree", "Shmem", "Slab"];
    all + &none.map(|name| line(name, 0)).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_facts_that_somebody_has_opened_are_never_replaced() {
        let data = tempfile::tempdir().expect("a directory");
        let memory = data.path().join("meminfo");
        fs::create_dir(&memory).expect("a directory");
        let files = Files {
            images: data.path().to_owned(),
            resolver: data.path().to_owned(),
            templates: data.path().to_owned(),
            trial: data.path().to_owned(),
            devices: data.path().to_owned(),
            devices_are_mounted: AtomicBool::new(false),
            memory: memory.clone(),
            layers: data.path().to_owned(),
            launchers: data.path().to_owned(),
            written: Mutex::default(),
        };
        let barrier = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let opened = fs::File::open(files.memory_facts(128).expect("facts")).expect("readable");
                    let links = std::os::unix::fs::MetadataExt::nlink(&opened.metadata().expect("metadata"));
                    assert!(links > 0, "what was opened still has a name");
                });
            }
        });
        assert_eq!(fs::read_dir(&memory).expect("readable").count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn memory_facts_look_like_the_kernels() {
        let text = memory_text(1_769);
        assert!(text.starts_with("MemTotal:        1811456 kB\nMemFree: "), "{text}");
        assert!(text.contains("SwapTotal:             0 kB\n"), "{text}");
    }
}
