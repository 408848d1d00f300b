//! Which layout this kernel has, read from the mount table: never assumed from a version.

use super::v1::{Freezer, V1};
use super::v2::V2;
use super::{Group, Layout, Supports};
use crate::Support;
use hearth_init::{Failure, Trying};
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
pub(crate) fn detect(mounts: &Mounts, name: &str) -> Box<dyn Layout> {
    let controllers = |root: &Path| fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    match &mounts.v2 {
        Some(root) if controllers(root).split_whitespace().any(|controller| controller == "memory") => {
            Box::new(V2::new(root, name, &controllers(root)))
        }
        unified => {
            let freezer = match (unified, mounts.v1.get("freezer")) {
                (Some(root), _) => Freezer::V2(root.join(name)),
                (None, Some(root)) => Freezer::V1(root.join(name)),
                (None, None) if mounts.v1.is_empty() => return Box::new(Nothing),
                (None, None) => Freezer::Nothing,
            };
            Box::new(V1::new(&mounts.v1, freezer, name))
        }
    }
}

/// No control groups at all.
#[derive(Debug)]
struct Nothing;

impl Layout for Nothing {
    fn name(&self) -> &'static str {
        "none"
    }

    fn supports(&self) -> Supports {
        let missing = || Support::Missing("no control groups are mounted: mount -t cgroup2 none /sys/fs/cgroup".into());
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
        let layout = detect(&Mounts::parse(HYBRID), "hearth-test");
        assert_eq!(layout.name(), "v1+v2 freezer");
        assert!(matches!(layout.supports().processes, Support::Missing(_)));
        assert_eq!(layout.supports().memory, Support::Full);
        assert_eq!(detect(&Mounts::default(), "hearth-test").name(), "none");
    }
}
