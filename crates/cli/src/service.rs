//! One service in this process: puts store, sandboxes, worker and front door together, and takes them apart again.
//!
//! The order matters both ways. Starting: the data directory's lock first (it decides whether this process may clean up
//! what an earlier one left), the port second (cheap to refuse), then everything that must be undone. Stopping: no new
//! requests, then the running invokes, then the sandboxes, the lock last.

use crate::output::{Output, Tone};
use crate::trim;
use anyhow::Context as _;
use hearth_api::environments::Environments;
use hearth_api::function::Scope;
use hearth_control::{Config, Credentials, FrontDoor, Stores};
use hearth_core::billing;
use hearth_core::ids::{AccountId, Region};
use hearth_core::limits::{LOG_LIMIT_MB, STREAM_MIB_PER_S};
use hearth_sandbox::process::{NetworkConfig, ProcessConfig, ProcessSandboxes};
use hearth_sandbox::{Capabilities, Sandboxes, Support};
use hearth_store::embedded::EmbeddedStore;
use hearth_worker::{Worker, WorkerConfig};
use rustix::process::Resource;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long running invokes may go on once the service stops, unless the command line says otherwise (design: exit
/// within 10 s of the signal).
pub(crate) const DRAIN: Duration = Duration::from_secs(7);
/// How much longer than the drain connections stay open, for the answers of the invokes that it ended (ours).
const ANSWERING: Duration = Duration::from_secs(1);
/// What the rest of a stop may take (ours): shutting down environments and removing what they leave.
const CLEANUP: Duration = Duration::from_millis(2_500);
/// Connections that may wait to be accepted (ours; `net.core.somaxconn` of today's kernels): while a thousand environments
/// start, nobody is accepted for a while, and who does not fit is reset.
const BACKLOG: u32 = 4_096;
/// See [`usual_pool_mb`].
const POOL_MB_MOST: u64 = 1_024;
/// Exit code after a second signal, as a shell reports a process killed by SIGINT.
pub(crate) const KILLED: u8 = 130;

/// What a service is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where to listen; port 0 picks one.
    pub(crate) listen: SocketAddr,
    /// Names by which clients address it, besides its own addresses.
    pub(crate) hosts: Vec<String>,
    /// What callers of function URLs with `AWS_IAM` sign with.
    pub(crate) credentials: Credentials,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// Account and region of requests that name none.
    pub(crate) scope: Scope,
    /// How long an environment may idle.
    pub(crate) idle_timeout: Duration,
    /// How long running invokes may go on once it stops.
    pub(crate) drain: Duration,
    /// What REPORT bills.
    pub(crate) billing: billing::Rule,
    /// Whether Init runs at full speed.
    pub(crate) init_at_full_speed: bool,
    /// How fast a streamed answer goes after its first burst; `None`: unbounded.
    pub(crate) stream_bytes_per_s: Option<NonZeroU64>,
    /// What a log group may have, MB.
    pub(crate) log_limit_mb: u64,
    /// The directory of runtime trees.
    pub(crate) runtimes: PathBuf,
    /// What functions reach of the world.
    pub(crate) network: NetworkConfig,
    /// Whom to ask for names on their behalf; empty: this host's resolvers.
    pub(crate) dns: Vec<SocketAddr>,
    /// Memory that blank sandboxes may take while they wait for cold starts, MB; `None`: none wait.
    pub(crate) pool_mb: Option<u64>,
    /// Whether runtimes wait in them that have started already.
    pub(crate) preboot: bool,
    /// How many `/tmp`s are to be ready beyond those of sandboxes that wait.
    pub(crate) tmp_images: u32,
}

/// Memory that sandboxes which wait for cold starts may take if nobody says how much, MB: an eighth of what this host has, and at
/// most what thirty prebooted interpreters of the largest kind take.
pub(crate) fn usual_pool_mb() -> u64 {
    let host = rustix::system::sysinfo();
    let mb = host.totalram.saturating_mul(u64::from(host.mem_unit)) >> 20;
    (mb / 8).min(POOL_MB_MOST)
}

/// Each environment costs some descriptors, and the usual soft limit of 1,024 is there for programs that use `select(2)`.
/// Functions get limits of their own.
pub(crate) fn allow_all_descriptors() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open descriptors stays where it is");
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A service that accepts requests.
#[derive(Debug)]
pub(crate) struct Service {
    endpoint: String,
    drain: Duration,
    sandboxes: Arc<ProcessSandboxes>,
    worker: Arc<Worker>,
    store: Arc<EmbeddedStore>,
    close: oneshot::Sender<()>,
    /// `None` once it has ended by itself.
    server: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts everything; when it returns, the port answers.
    ///
    /// # Errors
    ///
    /// What could not be started, and why; nothing is left running.
    pub(crate) async fn start(settings: Settings) -> anyhow::Result<Self> {
        allow_all_descriptors();
        let data = std::path::absolute(&settings.data)
            .with_context(|| format!("find the data directory {}", settings.data.display()))?;
        let store = Arc::new(
            blocking({
                let data = data.clone();
                move || {
                    EmbeddedStore::open(&data).with_context(|| format!("open the data directory {}", data.display()))
                }
            })
            .await?,
        );
        let listener = listen(settings.listen).with_context(|| format!("listen on {}", settings.listen))?;
        let address = listener.local_addr().context("read the port that was picked")?;
        let (instance, network) = (store.instance().to_owned(), settings.network);
        let config = ProcessConfig { data, instance, network, tmp_images: settings.tmp_images };
        let sandboxes = blocking(move || ProcessSandboxes::start(config).context("start the sandboxes")).await?;
        let sandboxes = Arc::new(sandboxes);
        let worker = Arc::new(Worker::new(WorkerConfig {
            sandboxes: Arc::clone(&sandboxes) as Arc<dyn Sandboxes>,
            packages: store.clone(),
            logs: store.clone(),
            runtimes: settings.runtimes,
            idle_timeout: settings.idle_timeout,
            billing: settings.billing,
            stream_bytes_per_s: settings.stream_bytes_per_s,
            init_at_full_speed: settings.init_at_full_speed,
            dns: settings.dns,
            pool_kib: settings.pool_mb.map(|mb| mb << 10),
            preboot: settings.preboot,
        }));
        let front = FrontDoor::new(
            Config {
                scope: settings.scope,
                hosts: settings.hosts,
                credentials: settings.credentials,
                drain: settings.drain + ANSWERING,
            },
            Stores {
                functions: store.clone(),
                layers: store.clone(),
                packages: store.clone(),
                events: store.clone(),
                logs: store.clone(),
            },
            Arc::clone(&worker) as Arc<dyn Environments>,
        );
        let door = Arc::downgrade(&front);
        worker.open_door(door);
        let (close, closed) = oneshot::channel::<()>();
        let server = match front.recover().await {
            Ok(()) => tokio::spawn(front.serve(listener, async move {
                // A sender that was dropped means the same: the service is no more.
                drop(closed.await);
            })),
            Err(error) => {
                worker.drain(Duration::ZERO).await;
                stop_sandboxes(sandboxes).await?;
                return Err(anyhow::Error::new(error).context("take up what the last run left unfinished"));
            }
        };
        trim::spawn(&store, settings.log_limit_mb << 20);
        let endpoint = format!("http://{address}");
        Ok(Self { endpoint, drain: settings.drain, sandboxes, worker, store, close, server: Some(server) })
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What this kernel lets it enforce.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.sandboxes.capabilities()
    }

    /// The same for a person, in one line.
    pub(crate) fn capabilities_line(&self, output: Output) -> String {
        line(&self.endpoint, &self.capabilities(), output)
    }

    /// Waits until the front door has ended by itself, which it should not before [`Service::stop`].
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost.
    pub(crate) async fn broken(&mut self) {
        match &mut self.server {
            Some(server) => {
                if let Err(error) = server.await {
                    tracing::error!(%error, "the front door ended in a panic");
                }
                self.server = None;
            }
            None => std::future::pending().await,
        }
    }

    /// Stops: no new requests, up to `drain` for the running invokes, then everything is taken down.
    ///
    /// # Errors
    ///
    /// When that takes too long; the next start then removes what is left.
    pub(crate) async fn stop(self, drain: Duration) -> anyhow::Result<()> {
        let drain = drain.min(self.drain);
        let take_down = async {
            // The server may have ended by itself, and then nobody listens.
            self.close.send(()).ok();
            self.worker.drain(drain).await;
            if let Some(server) = self.server
                && let Err(error) = server.await
            {
                tracing::error!(%error, "the front door ended in a panic");
            }
            drop(self.worker);
            let stopped = stop_sandboxes(self.sandboxes).await;
            drop(self.store);
            stopped
        };
        tokio::time::timeout(drain + CLEANUP, take_down)
            .await
            .context("not everything could be taken down in time; the next start removes what is left")?
    }
}

/// Removing cgroups, mounts and images blocks.
async fn stop_sandboxes(sandboxes: Arc<ProcessSandboxes>) -> anyhow::Result<()> {
    blocking(move || sandboxes.stop().context("remove what the sandboxes leave")).await
}

/// Runs what must not hold up the executor.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a thread of its own ended in a panic")?
}

impl Settings {
    /// For a service that only its own process talks to.
    pub(crate) fn private(data: PathBuf, runtimes: PathBuf) -> anyhow::Result<Self> {
        let scope = scope("000000000000", "us-east-1")?;
        Ok(Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hosts: Vec::new(),
            credentials: Credentials::well_known(scope.account.clone()),
            data,
            scope,
            idle_timeout: Duration::from_secs(600),
            drain: DRAIN,
            billing: billing::Rule::Current,
            init_at_full_speed: true,
            stream_bytes_per_s: NonZeroU64::new(u64::from(STREAM_MIB_PER_S) << 20),
            log_limit_mb: LOG_LIMIT_MB.2,
            runtimes,
            network: NetworkConfig::default(),
            dns: Vec::new(),
            pool_mb: None,
            preboot: false,
            tmp_images: 0,
        })
    }
}

/// Account and region from text.
///
/// # Errors
///
/// When either is none.
pub(crate) fn scope(account: &str, region: &str) -> anyhow::Result<Scope> {
    let account = AccountId::parse(account).with_context(|| format!("{account:?} is not an account"))?;
    let region = Region::parse(region).with_context(|| format!("{region:?} is not a region"))?;
    Ok(Scope { account, region })
}

fn line(endpoint: &str, capabilities: &Capabilities, output: Output) -> String {
    let verdict = |support: &Support| match support {
        Support::Full => output.paint(Tone::Good, "ok").into_owned(),
        Support::Weaker(_) => output.paint(Tone::Strong, "weaker").into_owned(),
        Support::Missing(_) => output.paint(Tone::Bad, "missing").into_owned(),
    };
    let mut parts = vec![
        format!("hearth {}", env!("CARGO_PKG_VERSION")),
        endpoint.to_owned(),
        format!("isolation {}", capabilities.isolation),
    ];
    let limits = [
        ("memory", &capabilities.memory),
        ("cpu", &capabilities.cpu),
        ("processes", &capabilities.processes),
        ("freeze", &capabilities.freeze),
        ("tmp quota", &capabilities.tmp_quota),
        ("seccomp", &capabilities.seccomp),
    ];
    parts.extend(limits.iter().map(|(name, support)| format!("{name} {}", verdict(support))));
    parts.push(format!("network {}", capabilities.network));
    parts.push(format!("cgroups {}", capabilities.cgroups));
    if limits.iter().any(|(_, support)| **support != Support::Full) {
        parts.push("`hearth doctor` says what to do".to_owned());
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::network::Mode;

    fn capabilities(tmp_quota: Support) -> Capabilities {
        Capabilities {
            isolation: "process",
            memory: Support::Full,
            cpu: Support::Full,
            processes: Support::Full,
            freeze: Support::Full,
            tmp_quota,
            network: Mode::Isolated,
            network_reason: None,
            cgroups: "v2".into(),
            seccomp: Support::Full,
        }
    }

    #[test]
    fn one_line_names_every_limit_and_what_is_missing() {
        let output = Output::fixed(false);
        let full = line("http://127.0.0.1:1", &capabilities(Support::Full), output);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            full,
            format!(
                "hearth {version} · http://127.0.0.1:1 · isolation process · memory ok · cpu ok · processes ok · \
                 freeze ok · tmp quota ok · seccomp ok · network isolated · cgroups v2"
            )
        );
        let weaker = line("http://127.0.0.1:1", &capabilities(Support::Weaker("a tmpfs".into())), output);
        assert!(weaker.contains(" · tmp quota weaker · ") && weaker.ends_with("what to do"), "{weaker}");
        let poor = line("http://127.0.0.1:1", &capabilities(Support::Missing("no loop devices".into())), output);
        assert!(poor.contains(" · tmp quota missing · "), "{poor}");
        assert!(poor.ends_with("`hearth doctor` says what to do"), "{poor}");
    }
}
