//! One node: drives execution environments and serves the Runtime API to them.
//!
//! Every concurrent invocation has an environment of its own, of exactly the function version it calls. The warm path
//! takes one lock, the function's own; idle environments are reused most recently used first. What an environment may
//! do and when is decided by `hearth_core::environment`; here is only the I/O around it.

mod blanks;
mod clock;
mod command;
mod environment;
mod inside;
mod layers;
mod logs;
mod payload;
mod pool;
mod preboot;
mod runtime_api;
mod runtimes;
mod telemetry;
#[cfg(test)]
mod testing;
mod variables;

pub use blanks::most_that_wait;

use blanks::Blanks;
use clock::Clock;
use environment::{Ended, Environment, Reply};
use hearth_api::environments::{
    BlanksStatus, BoxFuture, EnvironmentStatus, Environments, FunctionDoor, Invocation, InvokeError, InvokeResponse,
};
use hearth_api::function::{FunctionKey, FunctionVersion};
use hearth_api::timeline::{EnvironmentTimeline, Wanted};
use hearth_core::billing;
use hearth_sandbox::{Sandboxes, Support};
use hearth_store::{Logs, Packages};
use inside::Resolvers;
use pool::{FunctionPool, Place, Pools, Promise, Room};
use runtimes::Runtimes;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Sandboxes that are ended at a time (ours: a processor is left to cold starts).
const ENDINGS: usize = 1;
/// And more of them when the service stops (ours).
const ENDINGS_OF_A_DRAIN: usize = 1_024;

/// How long an idle environment may take to make room (ours: its extensions have two seconds for their end).
const LEAVING: Duration = Duration::from_secs(3);

/// What a worker needs to know.
#[derive(Debug)]
pub struct WorkerConfig {
    /// Makes sandboxes.
    pub sandboxes: Arc<dyn Sandboxes>,
    /// Where unpacked code is.
    pub packages: Arc<dyn Packages>,
    /// Where log lines go.
    pub logs: Arc<dyn Logs>,
    /// The directory of runtime trees.
    pub runtimes: PathBuf,
    /// How long an environment may idle before it is shut down.
    pub idle_timeout: Duration,
    /// Which billing rule REPORT lines follow.
    pub billing: billing::Rule,
    /// How fast a streamed answer goes after its first burst; `None`: as fast as the caller takes it.
    pub stream_bytes_per_s: Option<NonZeroU64>,
    /// Whom to ask for names on behalf of functions; empty: this host's resolvers.
    pub dns: Vec<SocketAddr>,
    /// Whether Init runs at full speed, as on AWS, and not at the share that belongs to the function's memory.
    pub init_at_full_speed: bool,
    /// Memory that blank sandboxes may take while they wait for cold starts, KiB; `None`: none wait.
    pub pool_kib: Option<u64>,
    /// Whether runtimes wait in them that have started already, where that works.
    pub preboot: bool,
}

/// Runs functions on this node.
#[derive(Debug)]
pub struct Worker {
    node: Arc<Node>,
}

/// What all environments of the node share.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: WorkerConfig,
    pub(crate) runtimes: Runtimes,
    pub(crate) pools: Pools,
    pub(crate) blanks: Arc<Blanks>,
    /// What the latest environments that have ended had done.
    pub(crate) ended: Ended,
    pub(crate) clock: Clock,
    pub(crate) resolvers: Resolvers,
    /// Weak: whoever is behind it has us.
    door: OnceLock<Weak<dyn FunctionDoor>>,
    draining: AtomicBool,
    /// Turns of sandboxes to be ended: many at once would hold up cold starts, which need the same locks of the kernel.
    pub(crate) endings: Semaphore,
    /// Whether what functions write to `/tmp` is counted as their memory.
    pub(crate) tmp_is_memory: bool,
}

impl Node {
    /// Whether runtimes that have started wait for functions.
    pub(crate) fn preboots(&self) -> bool {
        self.config.preboot && self.config.sandboxes.can_preboot()
    }

    /// There is too little of something: those that wait for cold starts go, or, when none do, the environment that has been idle for
    /// longest. Whether the same may work now. `sacrifices`: see [`Blanks::give_up`].
    pub(crate) async fn make_room(self: &Arc<Self>, sacrifices: u64) -> bool {
        let node = Arc::clone(self);
        let given_up = tokio::task::spawn_blocking(move || node.blanks.give_up(sacrifices)).await;
        if given_up.unwrap_or(false) {
            return true;
        }
        let Some(environment) = self.pools.take_longest_idle() else { return false };
        tracing::info!(
            environment = environment.id,
            "no room for another environment: the one that was idle for longest goes"
        );
        tokio::time::timeout(LEAVING, environment.leave()).await.is_ok()
    }

    /// Where functions invoke functions, while it is open.
    pub(crate) fn door(&self) -> Option<Arc<dyn FunctionDoor>> {
        self.door.get()?.upgrade()
    }

    /// Whether the service is stopping.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

impl Worker {
    /// A worker without environments. If sandboxes are to wait for cold starts, to be called inside a tokio runtime.
    #[must_use]
    pub fn new(mut config: WorkerConfig) -> Self {
        let resolvers = Resolvers::new(std::mem::take(&mut config.dns));
        let (pools, clock) = (Pools::default(), Clock::start());
        let capabilities = config.sandboxes.capabilities();
        // Control groups count a tmpfs; a watchdog does not.
        let tmp_is_memory = capabilities.memory == Support::Full && capabilities.tmp_quota != Support::Full;
        let (door, draining) = (OnceLock::new(), AtomicBool::new(false));
        let ended = Ended::default();
        let blanks = Blanks::open(&config.sandboxes, clock, config.pool_kib);
        let runtimes = Runtimes::new(config.runtimes.clone());
        let endings = Semaphore::new(ENDINGS);
        let node =
            Node { config, runtimes, pools, blanks, ended, clock, resolvers, door, draining, endings, tmp_is_memory };
        Self { node: Arc::new(node) }
    }

    /// Lets functions invoke functions by this front door. To be called once, before anything is invoked.
    pub fn open_door(&self, door: Weak<dyn FunctionDoor>) {
        self.node.door.set(door).unwrap_or_default();
    }

    /// Takes no more invocations, gives those that run up to `limit`, then ends every environment; returns when the
    /// last one is gone, and every blank sandbox.
    pub async fn drain(&self, limit: Duration) {
        self.node.draining.store(true, Ordering::SeqCst);
        // Nobody is held up any more.
        self.node.endings.add_permits(ENDINGS_OF_A_DRAIN);
        self.node.pools.retire_all();
        if tokio::time::timeout(limit, self.node.pools.wait_until_empty()).await.is_err() {
            self.node.pools.stop_all();
            self.node.pools.wait_until_empty().await;
        }
        self.node.blanks.close().await;
    }
}

impl Environments for Worker {
    fn invoke(
        &self,
        function: Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> BoxFuture<'static, Result<InvokeResponse, InvokeError>> {
        Box::pin(invoke(Arc::clone(&self.node), function, invocation))
    }

    fn retire(&self, key: &FunctionKey, incarnations: &[Uuid]) {
        self.node.pools.retire(key, incarnations);
    }

    fn reserve(&self, key: &FunctionKey, reserved: Option<u32>) {
        self.node.pools.reserve(key, reserved);
    }

    fn expect(&self, function: Arc<FunctionVersion>) {
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || {
            let Ok(tree) = node.runtimes.look_at(&function.runtime) else { return };
            if let Ok((_, kind)) = environment::plan(&node, &function, &tree, "") {
                node.blanks.expect(&kind);
            }
        });
    }

    fn runtime_version(&self, runtime: &str) -> Result<String, String> {
        self.node.runtimes.look_at(runtime).map(|tree| tree.version_hash.clone()).map_err(|error| error.to_string())
    }

    fn list(&self) -> Vec<EnvironmentStatus> {
        self.node.pools.all().iter().map(|environment| environment.status(self.node.clock.now())).collect()
    }

    fn blanks(&self) -> BlanksStatus {
        self.node.blanks.status()
    }

    fn timelines(&self, wanted: &Wanted) -> Vec<EnvironmentTimeline> {
        environment::timelines(&self.node, wanted)
    }
}

/// Places one invocation. Everything up to the moment it is placed happens at the first poll, or in a task of its own:
/// a caller that hangs up cancels nothing.
async fn invoke(
    node: Arc<Node>,
    function: Arc<FunctionVersion>,
    mut invocation: Invocation,
) -> Result<InvokeResponse, InvokeError> {
    loop {
        if node.is_draining() {
            return Err(InvokeError::Draining);
        }
        let pool = node.pools.of(&function.key);
        let environment = match pool.take(function.incarnation).map_err(InvokeError::Throttled)? {
            Place::Now(room) => enter(&node, &pool, &function, room)?,
            Place::Soon(promise) => return wait_and_invoke(node, pool, function, invocation, promise).await,
        };
        match environment.invoke(invocation).await {
            Reply::Done(result) => return result,
            // It ended in the instant it was chosen; nothing of the invocation has run.
            Reply::Elsewhere(untouched) => invocation = untouched,
        }
        pool.release(&environment);
    }
}

fn wait_and_invoke(
    node: Arc<Node>,
    pool: Arc<FunctionPool>,
    function: Arc<FunctionVersion>,
    invocation: Invocation,
    promise: Promise,
) -> BoxFuture<'static, Result<InvokeResponse, InvokeError>> {
    let task = tokio::spawn(async move {
        let room = match promise.kept().await {
            Some(Room::Idle(environment)) => Room::Idle(environment),
            // Something may have become idle meanwhile.
            Some(Room::New(share)) => pool.place(function.incarnation, share),
            None => pool.take_now(function.incarnation).map_err(InvokeError::Throttled)?,
        };
        let environment = enter(&node, &pool, &function, room)?;
        let again: BoxFuture<'static, _> = match environment.invoke(invocation).await {
            Reply::Done(result) => return result,
            Reply::Elsewhere(untouched) => Box::pin(invoke(node, function, untouched)),
        };
        pool.release(&environment);
        again.await
    });
    Box::pin(async { task.await.unwrap_or_else(|panic| Err(InvokeError::Sandbox(panic.to_string()))) })
}

/// The environment of a room, made if it is new.
fn enter(
    node: &Arc<Node>,
    pool: &Arc<FunctionPool>,
    function: &Arc<FunctionVersion>,
    room: Room,
) -> Result<Arc<Environment>, InvokeError> {
    let share = match room {
        Room::Idle(environment) => return Ok(environment),
        Room::New(share) => share,
    };
    // As many as there can be sandboxes, and none that could make room: without a task of its own for each that is too many.
    let most = node.config.sandboxes.most();
    if node.pools.population() >= most && !node.pools.any_idle() {
        pool.give_back(share);
        return Err(InvokeError::Capacity(format!("there are {most} already, as many as there can be")));
    }
    let environment = Environment::create(node, pool, Arc::clone(function), share);
    // Added first, looked second: whichever of a drain and we comes later sees the other.
    if node.is_draining() {
        environment.stop();
    }
    Ok(environment)
}
