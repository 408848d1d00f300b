//! Pure v2, as on a stock Debian 12; as root, or in a directory that was handed over to an ordinary user.
//!
//! No process may be in a group that hands the memory controller down, so a sandbox is three directories: `eN`, with
//! nobody in it; `eN/init`, unlimited, for PID 1; `eN/f`, limited, for the function's processes. PID 1 clones those
//! straight into `eN/f` (moving there would wait 6 to 20 ms for an RCU grace period). The kernel asks whether *PID 1*
//! may write the `cgroup.procs` of both `eN` and `eN/f`, which is why those two files belong to it. No cgroup file
//! system is mounted inside, and the function has another uid.

use super::directory::{self, Counters, Prepared};
use super::{Entry, Group, Layout, PERIOD_US, Supports};
use crate::{Support, Usage};
use hearth_core::limits::PROCESSES;
use hearth_init::{Failure, Trying};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The controllers that limit.
const WANTED: [&str; 3] = ["memory", "cpu", "pids"];
const SPAWNERS: &str = "spawners";

/// Where the service itself is, below a directory that was handed over: such a one can hand controllers down only while
/// nobody is in it. Also what `DelegateSubgroup=` of a systemd unit may say.
pub(super) const SUPERVISOR: &str = "supervisor";

/// Our directory in the v2 hierarchy.
#[derive(Debug)]
pub(crate) struct V2 {
    /// The root of the hierarchy, or a directory that was handed over to us.
    root: PathBuf,
    /// Whether it is the latter.
    delegated: bool,
    parent: PathBuf,
    controllers: Vec<&'static str>,
    /// Set once the parent hands its controllers down.
    enabled: OnceLock<()>,
}

impl V2 {
    pub(crate) fn new(root: &Path, name: &str, available: &str, delegated: bool) -> Self {
        Self {
            root: root.to_owned(),
            delegated,
            parent: root.join(name),
            controllers: wanted_of(available),
            enabled: OnceLock::new(),
        }
    }

    fn support(&self, controller: &str) -> Support {
        if self.controllers.contains(&controller) {
            return Support::Full;
        }
        let file = self.root.join("cgroup.controllers");
        let missing = format!("the controller {controller} is not in {}", file.display());
        Support::Missing(match self.delegated {
            true => format!("{missing}: whoever handed the directory over has to hand it down (Delegate={controller})"),
            false => format!("{missing}: boot without a v1 mount of it"),
        })
    }

    /// Moves whoever is in the directory that was handed over, ourselves first of all, out of the way.
    fn vacate(&self) -> Result<(), Failure> {
        let aside = self.root.join(SUPERVISOR);
        match directory::create(&aside) {
            Err(failure) if failure.source.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let members = directory::read(&self.root, "cgroup.procs")?;
        for member in members.lines() {
            match directory::write(&aside, "cgroup.procs", member) {
                Err(failure) if failure.source.raw_os_error() == Some(libc::ESRCH) => {} // has just ended
                moved => moved?,
            }
        }
        Ok(())
    }

    fn hand_down(&self, directory: &Path) -> Result<(), Failure> {
        hand_down(directory, &self.controllers)
    }
}

/// Those of `cgroup.controllers` that limit.
pub(super) fn wanted_of(available: &str) -> Vec<&'static str> {
    let there = |wanted: &&str| available.split_whitespace().any(|controller| controller == *wanted);
    WANTED.into_iter().filter(there).collect()
}

/// What is below the directory can use these controllers from then on.
pub(super) fn hand_down(directory: &Path, controllers: &[&str]) -> Result<(), Failure> {
    let all: String = controllers.iter().map(|controller| format!("+{controller} ")).collect();
    directory::write(directory, "cgroup.subtree_control", all.trim_end())
}

impl Layout for V2 {
    fn name(&self) -> &'static str {
        "v2"
    }

    fn supports(&self) -> Supports {
        Supports {
            memory: self.support("memory"),
            cpu: self.support("cpu"),
            processes: self.support("pids"),
            freeze: Support::Full, // part of v2 itself since 5.2
        }
    }

    fn parents(&self) -> Vec<PathBuf> {
        vec![self.parent.clone()]
    }

    fn claim(&self) -> Result<(), Failure> {
        if self.delegated {
            self.vacate()?;
        }
        directory::create(&self.parent)
    }

    /// Into the parent itself, which is possible only while it hands nothing down: the root of the cgroup namespace
    /// that the first spawner makes there, and all others get from it. With `nsdelegate`, PID 1 may clone only below
    /// the root of its namespace.
    fn adopt(&self, spawner: u32) -> Result<(), Failure> {
        directory::write(&self.parent, "cgroup.procs", &spawner.to_string())
    }

    fn settle(&self, spawner: u32) -> Result<(), Failure> {
        let spawners = self.parent.join(SPAWNERS);
        match directory::create(&spawners) {
            Err(failure) if failure.source.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        directory::write(&spawners, "cgroup.procs", &spawner.to_string())?;
        if self.enabled.get().is_none() {
            self.hand_down(&self.root)?;
            self.hand_down(&self.parent)?;
            self.enabled.get_or_init(|| ());
        }
        Ok(())
    }

    fn group(&self, number: u32, owner: u32) -> Result<Box<dyn Group>, Failure> {
        let top = self.parent.join(format!("e{number}"));
        let (init, function) = (top.join("init"), top.join("f"));
        let make = || {
            directory::create(&top)?;
            self.hand_down(&top)?;
            directory::create(&init)?;
            directory::create(&function)?;
            for directory in [&top, &function] {
                let door = directory.join("cgroup.procs");
                chown(&door, Some(owner), Some(owner)).trying(|| format!("give {} to {owner}", door.display()))?;
            }
            if self.controllers.contains(&"pids") {
                directory::write(&function, "pids.max", &PROCESSES.to_string())?;
            }
            let limits_cpu = self.controllers.contains(&"cpu");
            let quota = limits_cpu.then(|| Prepared::open(&function, "cpu.max")).transpose()?;
            Ok((directory::open(&function, "cgroup.freeze")?, quota))
        };
        match make() {
            Ok((freezer, quota)) => {
                let counters = ["memory.stat", "memory.events", "memory.current"];
                let counters = counters.map(|file| Counters::of(&function, file));
                let controllers = self.controllers.clone();
                Ok(Box::new(V2Group { controllers, top, init, function, freezer, quota, counters }))
            }
            Err(failure) => {
                // The first failure is what counts; leftovers go with the parent.
                drop([&function, &init, &top].into_iter().try_for_each(|directory| directory::remove(directory)));
                Err(failure)
            }
        }
    }
}

/// The groups of one sandbox.
#[derive(Debug)]
struct V2Group {
    controllers: Vec<&'static str>,
    top: PathBuf,
    init: PathBuf,
    function: PathBuf,
    freezer: File,
    /// `cpu.max`.
    quota: Option<Prepared>,
    /// `memory.stat`, `memory.events` and `memory.current`.
    counters: [Counters; 3],
}

impl V2Group {
    fn has(&self, controller: &str) -> bool {
        self.controllers.contains(&controller)
    }
}

impl Group for V2Group {
    fn birth(&self) -> Result<Entry, Failure> {
        directory::handle(&self.init).map(Entry::Birth)
    }

    fn seat(&self) -> Result<(Entry, Vec<OwnedFd>), Failure> {
        Ok((Entry::Birth(directory::handle(&self.function)?), Vec::new()))
    }

    fn limits_memory(&self) -> bool {
        self.has("memory")
    }

    fn has_freezer(&self) -> bool {
        true
    }

    fn limit(&self, memory_mb: u32) -> Result<(), Failure> {
        if self.has("memory") {
            directory::write(&self.function, "memory.max", &(u64::from(memory_mb) << 20).to_string())?;
            // The function must not live on in the host's swap.
            directory::write_if_there(&self.function, "memory.swap.max", "0")?;
        }
        Ok(())
    }

    fn limit_cpu(&self, quota_us: Option<u64>) -> Result<(), Failure> {
        let Some(quota) = &self.quota else { return Ok(()) };
        let share = quota_us.map_or("max".to_owned(), |quota_us| quota_us.to_string());
        quota.write(&format!("{share} {PERIOD_US}"))
    }

    fn freeze(&self, frozen: bool) -> Result<(), Failure> {
        let what = || format!("freeze={frozen} the cgroup {}", self.function.display());
        self.freezer.write_all_at(if frozen { b"1" } else { b"0" }, 0).trying(what)
    }

    fn dies_frozen(&self) -> bool {
        true
    }

    fn usage(&self) -> Result<Usage, Failure> {
        let [memory, events, _] = &self.counters;
        if !self.has("memory") {
            return Ok(Usage::default());
        }
        let (memory, events) = (memory.read()?, events.read()?);
        Ok(Usage {
            memory_bytes: directory::number(&memory, "anon") + directory::number(&memory, "shmem"),
            oom_kills: directory::number(&events, "oom_kill"),
        })
    }

    fn cpu_ns(&self) -> Result<u64, Failure> {
        // It is there without the controller too.
        let cpu = directory::read(&self.function, "cpu.stat")?;
        Ok(directory::number(&cpu, "usage_usec") * 1_000)
    }

    fn charged(&self) -> Option<u64> {
        let [.., charged] = &self.counters;
        if self.has("memory") { charged.read().ok()?.trim().parse().ok() } else { None }
    }

    fn remove(&self) -> Result<(), Failure> {
        [&self.function, &self.init, &self.top].into_iter().try_for_each(|directory| directory::remove(directory))
    }
}
