//! v1 controllers, and whichever freezer there is. The v2 freezer is ten times faster, so it is used wherever that
//! hierarchy is mounted, even without controllers.
//!
//! Processes join by writing "0" to `tasks`: writing to `cgroup.procs` instead waits for an RCU grace period, 6 to
//! 20 ms, whenever nobody has done so for the last 50 ms. Into the v2 hierarchy PID 1 is born, and its children with it.

use super::directory::{self, Counters, Prepared};
use super::{Entry, Group, Layout, PERIOD_US, Supports};
use crate::{Support, Usage};
use hearth_core::limits::PROCESSES;
use hearth_init::{Failure, Trying};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Which freezer, and our directory in it.
#[derive(Clone, Debug)]
pub(crate) enum Freezer {
    V2(PathBuf),
    V1(PathBuf),
    Nothing,
}

/// Our directories in each hierarchy; `None` where a controller is not mounted.
#[derive(Debug)]
pub(crate) struct V1 {
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    accounting: Option<PathBuf>,
    pids: Option<PathBuf>,
    freezer: Freezer,
    /// What to do about a controller that is missing.
    remedy: fn(&str) -> String,
}

impl V1 {
    /// `roots`: where our directories, called `name`, may be made for each controller.
    pub(crate) fn new(
        roots: &BTreeMap<String, PathBuf>,
        freezer: Freezer,
        name: &str,
        remedy: fn(&str) -> String,
    ) -> Self {
        let ours = |controller: &str| roots.get(controller).map(|root| root.join(name));
        let (memory, cpu, accounting, pids) = (ours("memory"), ours("cpu"), ours("cpuacct"), ours("pids"));
        Self { memory, cpu, accounting, pids, freezer, remedy }
    }

    fn support(&self, directory: Option<&PathBuf>, controller: &str) -> Support {
        directory.map_or_else(|| Support::Missing((self.remedy)(controller)), |_| Support::Full)
    }
}

impl Layout for V1 {
    fn name(&self) -> &'static str {
        match self.freezer {
            Freezer::V2(_) => "v1+v2 freezer",
            Freezer::V1(_) | Freezer::Nothing => "v1",
        }
    }

    fn supports(&self) -> Supports {
        Supports {
            memory: self.support(self.memory.as_ref(), "memory"),
            cpu: self.support(self.cpu.as_ref(), "cpu"),
            processes: self.support(self.pids.as_ref(), "pids"),
            freeze: match self.freezer {
                Freezer::V2(_) | Freezer::V1(_) => Support::Full,
                Freezer::Nothing => self.support(None, "freezer"),
            },
        }
    }

    fn parents(&self) -> Vec<PathBuf> {
        let freezer = match &self.freezer {
            Freezer::V2(directory) | Freezer::V1(directory) => Some(directory),
            Freezer::Nothing => None,
        };
        let all = [self.memory.as_ref(), self.cpu.as_ref(), self.accounting.as_ref(), self.pids.as_ref(), freezer];
        // Controllers mounted together share a directory.
        all.into_iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn adopt(&self, spawner: u32) -> Result<(), Failure> {
        self.settle(spawner)
    }

    fn settle(&self, spawner: u32) -> Result<(), Failure> {
        self.parents().iter().try_for_each(|parent| directory::write(parent, "cgroup.procs", &spawner.to_string()))
    }

    fn group(&self, number: u32, _owner: u32) -> Result<Box<dyn Group>, Failure> {
        let name = format!("e{number}");
        let below = |parent: &Option<PathBuf>| parent.as_ref().map(|parent| parent.join(&name));
        let mut group = V1Group {
            memory_counters: below(&self.memory).map(|memory| {
                ["memory.stat", "memory.oom_control", "memory.usage_in_bytes"].map(|file| Counters::of(&memory, file))
            }),
            memory: below(&self.memory),
            accounting: below(&self.accounting),
            pids: below(&self.pids),
            ..V1Group::default()
        };
        let made = self.parents().iter().try_for_each(|parent| {
            let directory = parent.join(&name);
            directory::create(&directory)?;
            group.directories.push(directory);
            Ok(())
        });
        let made = made.and_then(|()| {
            group.freezer = match &self.freezer {
                Freezer::V2(parent) => Some(Switch::open(parent.join(&name), "cgroup.freeze", b"1", b"0")?),
                Freezer::V1(parent) => Some(Switch::open(parent.join(&name), "freezer.state", b"FROZEN", b"THAWED")?),
                Freezer::Nothing => None,
            };
            group.freezer_is_v2 = matches!(self.freezer, Freezer::V2(_));
            if let Some(pids) = &group.pids {
                directory::write(pids, "pids.max", &PROCESSES.to_string())?;
            }
            if let Some(cpu) = below(&self.cpu) {
                set_period(&cpu)?;
                group.quota = Some(Prepared::open(&cpu, "cpu.cfs_quota_us")?);
            }
            Ok(())
        });
        match made {
            Ok(()) => Ok(Box::new(group)),
            Err(failure) => {
                // The first failure is what counts; leftovers go with the parents.
                drop(group.remove());
                Err(failure)
            }
        }
    }
}

/// Written only where it is another: with each write the kernel goes through all groups there are.
fn set_period(cpu: &Path) -> Result<(), Failure> {
    let (file, wanted) = ("cpu.cfs_period_us", PERIOD_US.to_string());
    if directory::read(cpu, file)?.trim() == wanted { Ok(()) } else { directory::write(cpu, file, &wanted) }
}

/// The file that freezes, kept open.
#[derive(Debug)]
struct Switch {
    directory: PathBuf,
    file: File,
    freeze: &'static [u8],
    thaw: &'static [u8],
}

impl Switch {
    fn open(directory: PathBuf, file: &str, freeze: &'static [u8], thaw: &'static [u8]) -> Result<Self, Failure> {
        let file = directory::open(&directory, file)?;
        Ok(Self { directory, file, freeze, thaw })
    }
}

/// The groups of one sandbox; the default has none.
#[derive(Debug, Default)]
pub(crate) struct V1Group {
    memory: Option<PathBuf>,
    /// `memory.stat`, `memory.oom_control` and `memory.usage_in_bytes`.
    memory_counters: Option<[Counters; 3]>,
    /// `cpu.cfs_quota_us`.
    quota: Option<Prepared>,
    accounting: Option<PathBuf>,
    pids: Option<PathBuf>,
    freezer: Option<Switch>,
    freezer_is_v2: bool,
    directories: Vec<PathBuf>,
}

impl V1Group {
    fn doors(&self) -> impl Iterator<Item = &PathBuf> {
        let unified = self.freezer.as_ref().filter(|_| self.freezer_is_v2).map(|freezer| freezer.directory.as_path());
        self.directories.iter().filter(move |directory| Some(directory.as_path()) != unified)
    }
}

impl Group for V1Group {
    fn birth(&self) -> Result<Entry, Failure> {
        match &self.freezer {
            Some(freezer) if self.freezer_is_v2 => directory::handle(&freezer.directory).map(Entry::Birth),
            _ => Ok(Entry::Nowhere),
        }
    }

    fn seat(&self) -> Result<(Entry, Vec<OwnedFd>), Failure> {
        let doors = self.doors().map(|door| directory::open(door, "tasks").map(OwnedFd::from));
        Ok((Entry::Nowhere, doors.collect::<Result<_, _>>()?))
    }

    fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    fn has_freezer(&self) -> bool {
        self.freezer.is_some()
    }

    fn limit(&self, memory_mb: u32) -> Result<(), Failure> {
        if let Some(memory) = &self.memory {
            let bytes = (u64::from(memory_mb) << 20).to_string();
            directory::write(memory, "memory.limit_in_bytes", &bytes)?;
            // Memory and swap together: the function must not live on in the host's swap.
            directory::write_if_there(memory, "memory.memsw.limit_in_bytes", &bytes)?;
            // What waits in TCP and UDP sockets is counted only where it is limited, and apart; in v2 it is memory.
            directory::write_if_there(memory, "memory.kmem.tcp.limit_in_bytes", &bytes)?;
        }
        Ok(())
    }

    fn limit_cpu(&self, quota_us: Option<u64>) -> Result<(), Failure> {
        let Some(quota) = &self.quota else { return Ok(()) };
        quota.write(&quota_us.map_or("-1".to_owned(), |quota_us| quota_us.to_string()))
    }

    fn freeze(&self, frozen: bool) -> Result<(), Failure> {
        let Some(switch) = &self.freezer else { return Ok(()) };
        let value = if frozen { switch.freeze } else { switch.thaw };
        let what = || format!("freeze={frozen} the cgroup {}", switch.directory.display());
        switch.file.write_all_at(value, 0).trying(what)
    }

    fn dies_frozen(&self) -> bool {
        self.freezer_is_v2 || self.freezer.is_none()
    }

    fn usage(&self) -> Result<Usage, Failure> {
        let mut usage = Usage::default();
        if let Some([stat, control, _]) = &self.memory_counters {
            let stat = stat.read()?;
            usage.memory_bytes = directory::number(&stat, "total_rss") + directory::number(&stat, "total_shmem");
            usage.oom_kills = directory::number(&control.read().unwrap_or_default(), "oom_kill");
        }
        Ok(usage)
    }

    fn cpu_ns(&self) -> Result<u64, Failure> {
        let Some(accounting) = &self.accounting else { return Ok(0) };
        Ok(directory::read(accounting, "cpuacct.usage")?.trim().parse().unwrap_or(0))
    }

    fn charged(&self) -> Option<u64> {
        let [_, _, charged] = self.memory_counters.as_ref()?;
        charged.read().ok()?.trim().parse().ok()
    }

    fn remove(&self) -> Result<(), Failure> {
        self.directories.iter().try_for_each(|directory| directory::remove(directory))
    }
}
