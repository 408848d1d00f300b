//! Which layout this kernel has, read from the mount table: never assumed from a version.

use super::delegate::handed_over_directory;
use super::own::{Own, is_ours};
use super::v1::{Freezer, V1};
use super::v2::V2;
use super::{Group, Layout, Supports};
use crate::process::standing::Standing;
use crate::{SandboxError, Support};
use hearth_init::{Failure, Trying};
use rustix::fs::Access;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts {
    /// v1: mount point of each controller.
    pub(crate) v1: BTreeMap<String, PathBuf>,
    /// The v2 hierarchy.
    pub(crate) v2: Option<PathBuf>,
}

impl Mounts {
    /// Reads the mount table of this process.
    pub(crate) fn read() -> Result<Self, Failure> {
        let path = "/proc/self/mountinfo";
        fs::read_to_string(path).map(|table| Self::parse(&table)).trying(|| format!("read {path}"))
    }

    /// Those of which this is not true.
    fn without(&self, is: impl Fn(&Path) -> bool) -> Self {
        let v1 = self.v1.iter().filter(|(_, root)| !is(root)).map(|(name, root)| (name.clone(), root.clone()));
        Self { v1: v1.collect(), v2: self.v2.clone().filter(|root| !is(root)) }
    }

    /// All mount points.
    fn all(&self) -> impl Iterator<Item = &Path> {
        self.v1.values().chain(&self.v2).map(PathBuf::as_path)
    }

    /// The first mount of each counts. Source: proc_pid_mountinfo(5).
    pub(crate) fn parse(table: &str) -> Self {
        let mut mounts = Self::default();
        for line in table.lines() {
            let Some((head, tail)) = line.split_once(" - ") else { continue };
            let (Some(point), mut tail) = (head.split(' ').nth(4), tail.split(' ')) else { continue };
            let (kind, options) = (tail.next(), tail.nth(1));
            match kind {
                Some("cgroup2") => drop(mounts.v2.get_or_insert_with(|| PathBuf::from(point))),
                Some("cgroup") => {
                    for controller in options.unwrap_or_default().split(',') {
                        mounts.v1.entry(controller.to_owned()).or_insert_with(|| PathBuf::from(point));
                    }
                }
                _ => {}
            }
        }
        mounts
    }
}

/// The layout here, with the name that all our directories at the top get.
pub(crate) fn detect(mounts: &Mounts, name: &str, standing: &Standing) -> Box<dyn Layout> {
    match *standing {
        Standing::Host => of_host(&mounts.without(is_read_only), name).unwrap_or_else(|| {
            let remedy = if mounts.all().next().is_some() { READ_ONLY } else { MOUNT };
            Box::new(Nothing { remedy })
        }),
        Standing::Namespace { user, .. } => handed_over(mounts, name, user),
    }
}

fn of_host(mounts: &Mounts, name: &str) -> Option<Box<dyn Layout>> {
    Some(match &mounts.v2 {
        Some(root) if has_memory(root) => Box::new(V2::new(root, name, &controllers(root), false)),
        unified => {
            let freezer = match (unified, mounts.v1.get("freezer")) {
                (Some(root), _) => Freezer::V2(root.join(name)),
                (None, Some(root)) => Freezer::V1(root.join(name)),
                (None, None) if mounts.v1.is_empty() => return None,
                (None, None) => Freezer::Nothing,
            };
            Box::new(V1::new(&mounts.v1, freezer, name, not_mounted))
        }
    })
}

/// What somebody who may has made ours: on v2 the group we are in, on v1 [`handed_over_directory`].
fn handed_over(mounts: &Mounts, name: &str, user: u32) -> Box<dyn Layout> {
    let unified = mounts.v2.as_deref().and_then(|root| Own::find(root, user)).map(|own| own.directory);
    if let Some(root) = unified.as_deref().filter(|root| has_memory(root)) {
        return Box::new(V2::new(root, name, &controllers(root), true));
    }
    let ours = |(controller, root): (&String, &PathBuf)| {
        let directory = root.join(handed_over_directory(user));
        is_ours(&directory).then(|| (controller.clone(), directory))
    };
    let roots: BTreeMap<String, PathBuf> = mounts.v1.iter().filter_map(ours).collect();
    let freezer = match (unified, roots.get("freezer")) {
        (Some(root), _) => Freezer::V2(root.join(name)),
        (None, Some(root)) => Freezer::V1(root.join(name)),
        (None, None) if roots.is_empty() => return Box::new(Nothing { remedy: DELEGATE }),
        (None, None) => Freezer::Nothing,
    };
    Box::new(V1::new(&roots, freezer, name, not_handed_over))
}

/// Where the limits of a user's functions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitsFrom {
    /// Control groups that were handed over already.
    HandedOver,
    /// Systemd could hand some over, if there is one to ask.
    Systemd,
    /// Nowhere.
    Nowhere,
}

/// Where those of this process come from, if `user` started it.
///
/// # Errors
///
/// [`SandboxError`] when `/proc` cannot be read.
pub fn limits_from(user: u32) -> Result<LimitsFrom, SandboxError> {
    let mounts = Mounts::read()?;
    let limits = handed_over(&mounts, "hearth", user).supports().memory == Support::Full;
    // What is ours for want of others in it has limits of systemd's choice, and is ended by it when memory runs out.
    let certain = || mounts.v2.as_deref().and_then(|root| Own::find(root, user)).is_none_or(|own| own.handed_over);
    Ok(match &mounts.v2 {
        _ if limits && certain() => LimitsFrom::HandedOver,
        Some(root) if has_memory(root) => LimitsFrom::Systemd,
        _ => LimitsFrom::Nowhere,
    })
}

pub(super) fn controllers(root: &Path) -> String {
    fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default()
}

pub(super) fn has_memory(root: &Path) -> bool {
    controllers(root).split_whitespace().any(|controller| controller == "memory")
}

fn is_read_only(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK) == Err(Errno::ROFS)
}

const READ_ONLY: &str = "control groups cannot be changed here: mount -o remount,rw /sys/fs/cgroup";
const MOUNT: &str = "no control groups are mounted: mount -t cgroup2 none /sys/fs/cgroup";
const DELEGATE: &str = "no control groups were handed over: systemd-run --user --scope -p Delegate=yes hearth up, or \
                        once as root: hearth doctor --delegate";

fn not_mounted(controller: &str) -> String {
    format!("the cgroup v1 controller {controller} is not mounted: mount -t cgroup -o {controller} none DIRECTORY")
}

fn not_handed_over(controller: &str) -> String {
    format!("the cgroup v1 controller {controller} was not handed over: once as root: hearth doctor --delegate")
}

/// No control groups at all.
#[derive(Debug)]
struct Nothing {
    remedy: &'static str,
}

impl Layout for Nothing {
    fn name(&self) -> &'static str {
        "none"
    }

    fn supports(&self) -> Supports {
        let missing = || Support::Missing(self.remedy.to_owned());
        Supports { memory: missing(), cpu: missing(), processes: missing(), freeze: missing() }
    }

    fn parents(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn adopt(&self, _: u32) -> Result<(), Failure> {
        Ok(())
    }

    fn settle(&self, _: u32) -> Result<(), Failure> {
        Ok(())
    }

    fn group(&self, _: u32, _: u32) -> Result<Box<dyn Group>, Failure> {
        Ok(Box::new(super::v1::V1Group::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
22 1 0:20 / / rw - ext4 /dev/root rw
30 22 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
31 22 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 22 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
33 22 0:28 / /mnt/second rw - cgroup2 cgroup2 rw
";

    #[test]
    fn the_mount_table_says_where_each_controller_is() {
        let mounts = Mounts::parse(HYBRID);
        assert_eq!(mounts.v2.as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(mounts.v1.get("cpuacct"), mounts.v1.get("cpu"));
        assert_eq!(mounts.v1.get("memory").map(PathBuf::as_path), Some(Path::new("/sys/fs/cgroup/memory")));
        assert_eq!(mounts.v1.get("pids"), None);
    }

    #[test]
    fn without_the_memory_controller_on_v2_it_is_v1_with_the_v2_freezer() {
        let layout = detect(&Mounts::parse(HYBRID), "hearth-test", &Standing::Host);
        assert_eq!(layout.name(), "v1+v2 freezer");
        assert!(matches!(layout.supports().processes, Support::Missing(_)));
        assert_eq!(layout.supports().memory, Support::Full);
        assert_eq!(detect(&Mounts::default(), "hearth-test", &Standing::Host).name(), "none");
    }

    #[test]
    fn what_nobody_handed_over_is_not_ours() {
        // Groups of this host, which belong to root or, with a number nobody has, to nobody.
        let user = Standing::Namespace { user: u32::MAX, ids: 0 };
        let v1 = Mounts { v2: None, ..Mounts::parse(HYBRID) };
        let layout = detect(&v1, "hearth-test", &user);
        assert_eq!((layout.name(), layout.parents()), ("none", Vec::new()));
        assert!(matches!(layout.supports().memory, Support::Missing(why) if why.contains("--delegate")));
    }
}
