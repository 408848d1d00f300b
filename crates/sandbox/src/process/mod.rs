//! Sandboxes of Linux namespaces, control groups and a system-call filter: no virtual machine, no daemon; as root, or as
//! an ordinary user with what the host lets one have ([`standing`]).
//!
//! Who does what: this program re-executes itself as *spawners*, which have one thread and clone PID 1 of each
//! sandbox ([`spawner`]); PID 1 is the library `hearth-init`; a short-lived thread of the worker brings the function's
//! mounts (`assignment`); the worker tells seats, over channels of their own, what to execute (`sandbox`). Neither
//! spawner nor PID 1 ever holds a secret.
//!
//! What it refuses to do: write `cgroup.kill`, or weaken a limit without saying so in [`Capabilities`].

pub mod accounts;
mod assignment;
mod blank;
mod cgroups;
mod doctor;
mod files;
mod ids;
mod loop_device;
mod mounter;
mod network;
mod news;
mod preboot;
mod processes;
mod room;
mod sandbox;
mod spawner;
pub mod standing;
mod teardown;
mod threads;
mod tmp;
mod user_namespace;
mod watchdog;

pub use cgroups::{HandedOver, LimitsFrom, hand_over, limits_from};
pub use doctor::{Check, doctor};
pub use network::{NetworkConfig, NetworkWish};
pub use spawner::{is_spawner, spawner_main};

use crate::{Capabilities, Sandbox, SandboxError, SandboxEvent, Sandboxes, Support, TmpStock};
use cgroups::{Layout, Mounts};
use files::Files;
use ids::Numbers;
use network::Network;
use sandbox::ProcessSandbox;
use spawner::Spawners;
use standing::Standing;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tmp::TmpMaker;
use tokio::sync::mpsc::UnboundedSender;
use watchdog::Watchdog;

/// Most spawners (ours: more gain nothing).
const SPAWNERS: usize = 8;
/// How long the kernel may take to free the loop devices of sandboxes that have ended (ours).
const FREED_WITHIN: Duration = Duration::from_secs(5);
const NO_STANDING: SandboxError =
    SandboxError::Misused("process sandboxes need root, or a user namespace of their own");

/// Where a service keeps what its sandboxes need, and how its control groups are named.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// The service's data directory, locked by the caller: everything is kept below `sandbox` in it.
    pub data: PathBuf,
    /// Names the control groups `hearth-INSTANCE`: letters, digits, dashes. The same at each start on the same data, so
    /// that a start finds what a killed run has left.
    pub instance: String,
    /// How functions reach what is outside.
    pub network: NetworkConfig,
    /// How many `/tmp`s of the usual size are to be ready, beyond those of blank sandboxes. As many as descriptors allow, and
    /// none where `/tmp` is a tmpfs: that is logged.
    pub tmp_images: u32,
}

/// What all sandboxes of a service share.
#[derive(Debug)]
struct Shared {
    layout: Arc<dyn Layout>,
    files: Files,
    tmp: TmpMaker,
    numbers: Numbers,
    network: Network,
    spawners: Spawners,
    /// Where control groups do not limit memory, or do not freeze.
    watchdog: Option<Watchdog>,
    /// Processors of this host that may be used.
    processors: usize,
}

/// Makes process sandboxes. Dropped, it stops.
#[derive(Debug)]
pub struct ProcessSandboxes {
    shared: Arc<Shared>,
    capabilities: Capabilities,
    stopped: AtomicBool,
}

impl ProcessSandboxes {
    /// Removes what an earlier run on the same data has left, starts the spawners and finds out what can be enforced.
    /// Blocks for some ten milliseconds.
    ///
    /// The program must hand over to [`spawner_main`] first thing in `main` when [`is_spawner`] says so; and an ordinary
    /// user's must call [`standing::become_root_of_a_namespace`] before it has threads.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] without the right to make namespaces, or when leftovers cannot be removed.
    pub fn start(config: ProcessConfig) -> Result<Self, SandboxError> {
        let standing = Standing::read()?.ok_or(NO_STANDING)?;
        if config.instance.is_empty() || !config.instance.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(SandboxError::Misused("an instance id is made of letters, digits and dashes"));
        }
        let name = format!("hearth-{}", config.instance);
        let layout: Arc<dyn Layout> = cgroups::detect(&Mounts::read()?, &name, &standing).into();
        let parents = layout.parents();
        cgroups::sweep(&parents)?;
        Self::begin(config, layout, &standing).inspect_err(|_| {
            // Its spawners have ended by now; why it could not start says more than what could not be removed.
            if let Err(left) = cgroups::sweep(&parents) {
                tracing::warn!("remove the control groups of a start that failed: {}", left.line());
            }
        })
    }

    fn begin(config: ProcessConfig, layout: Arc<dyn Layout>, standing: &Standing) -> Result<Self, SandboxError> {
        let files = Files::create(&config.data, standing)?;
        layout.claim()?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let spawners = Spawners::start(Arc::clone(&layout), processors.min(SPAWNERS))?;
        let network = Network::start(config.network, &config.instance, standing)?;
        let tmp = TmpMaker::new(&files, standing, room::tmp_images(config.tmp_images, &network));
        let in_stock = tmp.ready().wanted;
        if in_stock < config.tmp_images as usize {
            let (asked, support) = (config.tmp_images, tmp.support());
            tracing::warn!(
                asked,
                ?support,
                "{in_stock} images of /tmp are kept ready: it is a tmpfs, or descriptors are few"
            );
        }
        let numbers = room::limited(&config.instance, standing, &network, in_stock);
        let capabilities = capabilities(layout.as_ref(), &tmp, &network);
        let by_kernel = (&capabilities.memory, &capabilities.freeze) == (&Support::Full, &Support::Full);
        let watchdog = (!by_kernel).then(Watchdog::start).transpose()?;
        let shared = Arc::new(Shared { layout, files, tmp, numbers, network, spawners, watchdog, processors });
        let sandboxes = Self { shared, capabilities, stopped: AtomicBool::new(false) };
        blank::try_one(&sandboxes.shared)?;
        Ok(sandboxes)
    }

    /// Ends the spawners, every sandbox there still is, its network, and all control groups. A second call does nothing.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] names what could not be removed; the next start removes it.
    pub fn stop(&self) -> Result<(), SandboxError> {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.shared.spawners.stop();
        // Whatever comes of it, the rest is removed as well.
        let network = self.shared.network.stop();
        self.shared.tmp.give_up();
        cgroups::sweep(&self.shared.layout.parents())?;
        self.shared.files.sweep()?;
        self.shared.files.unmount()?;
        self.wait_for_loop_devices()?;
        network
    }

    /// The kernel frees them once the last mount is gone, which can be a moment after the last process.
    fn wait_for_loop_devices(&self) -> Result<(), SandboxError> {
        let until = Instant::now() + FREED_WITHIN;
        while loop_device::any_bound_in(&self.shared.files.images) {
            if Instant::now() > until {
                let what = format!("wait for the loop devices of {}", self.shared.files.images.display());
                return Err(SandboxError::System { what, source: io::ErrorKind::TimedOut.into() });
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Not where memory is watched: the limit of data that each process has then is set when it starts.
fn can_preboot(memory: &Support) -> bool {
    *memory == Support::Full
}

/// How many sandboxes a service could have at a time that this process were, without a network of its own.
///
/// # Errors
///
/// [`SandboxError`] without the rights of a service.
pub fn most() -> Result<usize, SandboxError> {
    let standing = Standing::read()?.ok_or(NO_STANDING)?;
    Ok(room::numbers("hearth-doctor", &standing, 0, 0).most())
}

fn capabilities(layout: &dyn Layout, tmp: &TmpMaker, network: &Network) -> Capabilities {
    let supports = layout.supports().with_substitutes();
    Capabilities {
        isolation: "process",
        memory: supports.memory,
        cpu: supports.cpu,
        processes: supports.processes,
        freeze: supports.freeze,
        tmp_quota: tmp.support(),
        network: network.mode(),
        network_reason: network.why_isolated().map(str::to_owned),
        cgroups: layout.name().to_owned(),
        seccomp: doctor::seccomp(),
    }
}

impl Sandboxes for ProcessSandboxes {
    /// To be called from a thread of a tokio runtime that may block (`spawn_blocking`): the runtime gets the task that
    /// listens to PID 1.
    fn prepare(&self, root: &Path, events: UnboundedSender<SandboxEvent>) -> Result<Box<dyn Sandbox>, SandboxError> {
        Ok(Box::new(ProcessSandbox::prepare(&self.shared, root, events)?))
    }

    fn most(&self) -> usize {
        self.shared.numbers.most()
    }

    fn prepare_tmp(&self) -> Result<(), SandboxError> {
        room::in_memory()?;
        Ok(self.shared.tmp.prepare()?)
    }

    fn tmps(&self) -> TmpStock {
        self.shared.tmp.ready()
    }

    fn give_up_tmps(&self) -> usize {
        self.shared.tmp.give_up()
    }

    fn can_preboot(&self) -> bool {
        can_preboot(&self.capabilities.memory)
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }
}

impl Drop for ProcessSandboxes {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!("stop the sandboxes: {error}");
        }
    }
}
