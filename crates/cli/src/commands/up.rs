//! `hearth up`: the service in the foreground, until a signal stops it.
//!
//! Standard output carries two lines and nothing else: what this kernel lets it enforce, and `ready URL` once requests
//! are accepted. Its own log goes to standard error (`HEARTH_LOG=info` shows more).

use crate::output::{self, Output};
use crate::service::{self, Service, Settings};
use crate::signals::Stop;
use crate::{client, duration, privilege, runtimes};
use anyhow::Context as _;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum, value_parser};
use hearth_control::Credentials;
use hearth_core::billing;
use hearth_core::limits::{EXPOSED_PORTS, LOG_LIMIT_MB, STREAM_MIB_PER_S};
use hearth_core::network::{self, Prefix, PrefixError};
use hearth_sandbox::process::{NetworkConfig, NetworkWish};
use serde_json::json;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// Start the service; as root, or as an ordinary user with what the host lets one have
#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// Where to listen; port 0 picks one
    #[arg(long, default_value = "127.0.0.1:3001", value_parser = listen, value_name = "ADDR:PORT")]
    listen: Listen,
    /// Where functions, code and logs are kept
    #[arg(long, default_value = "./.hearth", value_name = "DIR")]
    data: PathBuf,
    /// Region of requests that are not signed for one
    #[arg(long, default_value = "us-east-1", value_parser = client::region, value_name = "NAME")]
    region: String,
    /// Account of requests whose access key id is not one
    #[arg(long, default_value = "000000000000", value_parser = client::account, value_name = "ID")]
    account: String,
    /// Access keys that function URLs with AWS_IAM accept, as in ~/.aws/credentials [default: secret `test` for the key `test` and for every account]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// How long an execution environment may idle before it is shut down
    #[arg(long, default_value = "10m", value_parser = duration::parse, value_name = "TIME")]
    idle_timeout: Duration,
    /// How long running invokes may go on after a signal to stop
    #[arg(long, default_value = "7s", value_parser = duration::parse, value_name = "TIME")]
    drain: Duration,
    /// What REPORT bills: the rule in force (Init counts), or the one before August 2025
    #[arg(long, value_enum, default_value = "current", value_name = "RULE")]
    billing: Billing,
    /// How much CPU functions get in their Init: all there is, as on AWS, or what belongs to their memory
    #[arg(long, value_enum, default_value = "full", value_name = "SPEED")]
    init_cpu: InitCpu,
    /// How fast a streamed response goes after its first 6 MB, in MiB per second; 0: as fast as it is read
    #[arg(long, default_value_t = STREAM_MIB_PER_S, value_name = "MIB")]
    stream_rate: u32,
    /// Most MB of logs that are kept of each log group; the oldest go first
    #[arg(long, default_value_t = LOG_LIMIT_MB.2, value_parser = log_limit(), value_name = "MB")]
    log_limit: u64,
    /// Where runtimes are [default: /var/lib/hearth/runtimes]
    #[arg(long, env = "HEARTH_RUNTIMES", value_name = "DIR")]
    runtimes: Option<PathBuf>,
    /// What functions reach: whatever this host does but not the host itself, or nothing [default: nat if it can be had]
    #[arg(long, value_enum, value_name = "MODE")]
    network: Option<Network>,
    /// Addresses for functions with `nat`, as large as /8 to /24 [default: a /20 that this host does not route]
    #[arg(long, value_parser = network_range, value_name = "PREFIX")]
    network_range: Option<Prefix>,
    /// Resolver to ask on behalf of functions, instead of those of this host; can be repeated
    #[arg(long, value_parser = dns_server, value_name = "ADDR")]
    dns: Vec<SocketAddr>,
    /// Port of this host's loopback that functions reach as host.hearth.internal:PORT; can be repeated
    #[arg(long, value_parser = exposed_port, value_name = "PORT")]
    expose_host: Vec<u16>,
    /// Memory that sandboxes may take which wait for cold starts, in MB, or `off` [default: an eighth of this host's, at most 1024]
    #[arg(long, value_name = "MB|off")]
    pool: Option<Pool>,
    /// Whether Python and Node.js wait in them that have started already
    #[arg(long, value_enum, default_value = "on", value_name = "on|off")]
    preboot: Preboot,
    /// How many images of /tmp are ready beyond those of sandboxes that wait, each for one cold start of a burst
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u32).range(..=MOST_TMP_IMAGES), value_name = "N")]
    tmp_images: u32,
}

/// As many as a service can have sandboxes.
const MOST_TMP_IMAGES: i64 = 4_096;

/// `--preboot`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Preboot {
    /// Where that works
    On,
    /// Every runtime is started for its function
    Off,
}

/// `--pool`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pool {
    Off,
    Mb(u64),
}

impl FromStr for Pool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            text => text.parse().map(Self::Mb).map_err(|_| "a number of MB, or `off`".to_owned()),
        }
    }
}

/// `--network`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Network {
    /// Whatever this host reaches, but neither the host nor each other
    Nat,
    /// Nothing but what this service answers
    Isolated,
}

/// `--init-cpu`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InitCpu {
    /// All there is
    Full,
    /// The share that they have in invocations
    Share,
}

/// `--billing`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Billing {
    /// Init counts
    Current,
    /// Init is free
    Classic,
}

/// `--listen`: the address, and the name that it was given as.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listen {
    address: SocketAddr,
    name: Option<String>,
}

fn listen(text: &str) -> Result<Listen, String> {
    if let Ok(address) = text.parse() {
        return Ok(Listen { address, name: None });
    }
    let (name, _) = text.rsplit_once(':').ok_or("an address and a port, such as 127.0.0.1:3001")?;
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    let address = found.next().ok_or_else(|| format!("{name} has no address"))?;
    Ok(Listen { address, name: Some(name.to_owned()) })
}

fn network_range(text: &str) -> Result<Prefix, String> {
    let range: Prefix = text.parse().map_err(|error: PrefixError| error.to_string())?;
    if (8..=24).contains(&range.length()) { Ok(range) } else { Err("the range must be a /8 to a /24".to_owned()) }
}

fn dns_server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, network::DNS_PORT));
    address.or_else(|_| text.parse()).map_err(|_| "an address, such as 192.0.2.1 or 192.0.2.1:53".to_owned())
}

fn log_limit() -> RangedU64ValueParser {
    clap::value_parser!(u64).range(LOG_LIMIT_MB.0..=LOG_LIMIT_MB.1)
}

fn exposed_port(text: &str) -> Result<u16, String> {
    let port = text.parse().map_err(|_| "a port, 1 to 65535".to_owned())?;
    if network::exposable(port) { Ok(port) } else { Err(format!("port {port} inside is the service's own")) }
}

/// Runs the command.
///
/// # Errors
///
/// When the service cannot start, or not be taken down in time.
pub(crate) async fn run(args: UpArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen().context("listen for signals")?;
    let drain = args.drain;
    if !args.listen.address.ip().is_loopback() {
        tracing::warn!(address = %args.listen.address, "whoever reaches this address can deploy and run functions");
    }
    let mut service = Service::start(settings(args)?).await?;
    // For an ordinary user it is the default, and the first line says so.
    if !privilege::is_ordinary()
        && let Some(reason) = service.capabilities().network_reason
    {
        tracing::warn!("network isolated, functions reach nothing outside: {reason}");
    }
    announce(&service, output)?;
    tokio::select! {
        () = stop.asked() => {}
        () = service.broken() => {
            service.stop(Duration::ZERO).await?;
            anyhow::bail!("the front door has ended by itself; its log says why");
        }
    }
    tracing::info!("stopping: no new invokes, {drain:?} for the running ones");
    tokio::select! {
        stopped = service.stop(drain) => stopped.map(|()| ExitCode::SUCCESS),
        () = stop.asked() => {
            tracing::warn!("a second signal: killed; the next start removes what is left");
            // Not by returning: the executor would wait for threads that are at work.
            std::process::exit(service::KILLED.into())
        }
    }
}

fn settings(args: UpArgs) -> anyhow::Result<Settings> {
    if args.network == Some(Network::Isolated) {
        anyhow::ensure!(args.network_range.is_none(), "--network-range is for --network nat");
        anyhow::ensure!(
            args.dns.is_empty(),
            "--dns is for --network nat: without it, only the host's name is answered"
        );
    }
    let mut exposed = args.expose_host;
    exposed.sort_unstable();
    exposed.dedup();
    anyhow::ensure!(exposed.len() <= EXPOSED_PORTS, "--expose-host: at most {EXPOSED_PORTS} ports");
    let wish = match args.network {
        Some(Network::Nat) => NetworkWish::Nat,
        Some(Network::Isolated) => NetworkWish::Isolated,
        None => NetworkWish::NatIfPossible,
    };
    let scope = service::scope(&args.account, &args.region)?;
    let credentials = match &args.credentials {
        None => Credentials::well_known(scope.account.clone()),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            let read = Credentials::parse(&text, scope.account.clone());
            read.with_context(|| format!("read the credentials in {}", path.display()))?
        }
    };
    Ok(Settings {
        listen: args.listen.address,
        hosts: args.listen.name.into_iter().collect(),
        data: args.data,
        scope,
        credentials,
        idle_timeout: args.idle_timeout,
        drain: args.drain,
        billing: match args.billing {
            Billing::Current => billing::Rule::Current,
            Billing::Classic => billing::Rule::Classic,
        },
        init_at_full_speed: args.init_cpu == InitCpu::Full,
        stream_bytes_per_s: NonZeroU64::new(u64::from(args.stream_rate) << 20),
        log_limit_mb: args.log_limit,
        runtimes: args.runtimes.unwrap_or_else(runtimes::directory),
        network: NetworkConfig { wish, range: args.network_range, exposed },
        dns: args.dns,
        pool_mb: match args.pool {
            None => Some(service::usual_pool_mb()),
            Some(Pool::Mb(mb)) => Some(mb),
            Some(Pool::Off) => None,
        },
        preboot: args.preboot == Preboot::On,
        tmp_images: args.tmp_images,
    })
}

fn announce(service: &Service, output: Output) -> std::io::Result<()> {
    if output.json {
        output::json_line(&json!({
            "event": "capabilities",
            "version": env!("CARGO_PKG_VERSION"),
            "capabilities": service.capabilities(),
        }))?;
        return output::json_line(&json!({ "event": "ready", "endpoint": service.endpoint() }));
    }
    output::line(&service.capabilities_line(output))?;
    output::line(&format!("ready {}", service.endpoint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is_and_a_name_is_remembered() {
        assert_eq!(listen("[::1]:0").expect("valid").address, "[::1]:0".parse().expect("an address"));
        let named = listen("localhost:3001").expect("valid");
        assert!(named.address.ip().is_loopback());
        assert_eq!(named.name.as_deref(), Some("localhost"));
        assert!(listen("3001").expect_err("no address").contains("127.0.0.1:3001"));
        assert!(listen("127.0.0.1:99999").is_err());
    }

    #[test]
    fn ports_and_resolvers_are_checked_where_they_are_read() {
        assert_eq!(exposed_port("5432"), Ok(5_432));
        for taken in ["0", "53", "9001", "9002", "65536", "http"] {
            assert!(exposed_port(taken).is_err(), "{taken}");
        }
        let text = |text: &str| dns_server(text).map(|address| address.to_string());
        assert_eq!(text("192.0.2.1"), Ok("192.0.2.1:53".to_owned()));
        assert_eq!(text("[::1]:5353"), Ok("[::1]:5353".to_owned()));
        assert!(text("dns.example").is_err());
        assert!(network_range("100.64.0.0/20").is_ok());
        for wrong in ["100.64.0.1/20", "100.64.0.0/25", "0.0.0.0/0", "100.64.0.0"] {
            assert!(network_range(wrong).is_err(), "{wrong}");
        }
    }
}
