//! `hearth up`: the service in the foreground, until a signal stops it.
//!
//! Standard output carries two lines and nothing else: what this kernel lets it enforce, and `ready URL` once requests
//! are accepted. Its own log goes to standard error (`HEARTH_LOG=info` shows more).

use crate::output::{self, Output};
use crate::service::{self, Service, Settings};
use crate::signals::Stop;
use crate::{client, duration, privilege, runtimes};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use hearth_core::billing;
use serde_json::json;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Start the service; needs root
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
    /// How long an execution environment may idle before it is shut down
    #[arg(long, default_value = "10m", value_parser = duration::parse, value_name = "TIME")]
    idle_timeout: Duration,
    /// How long running invokes may go on after a signal to stop
    #[arg(long, default_value = "7s", value_parser = duration::parse, value_name = "TIME")]
    drain: Duration,
    /// What REPORT bills: the rule in force (Init counts), or the one before August 2025
    #[arg(long, value_enum, default_value = "current", value_name = "RULE")]
    billing: Billing,
    /// Where runtimes are [default: /var/lib/hearth/runtimes]
    #[arg(long, env = "HEARTH_RUNTIMES", value_name = "DIR")]
    runtimes: Option<PathBuf>,
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

/// Runs the command.
///
/// # Errors
///
/// When the service cannot start, or not be taken down in time.
pub(crate) async fn run(args: UpArgs, output: Output) -> anyhow::Result<ExitCode> {
    privilege::require_root()?;
    let mut stop = Stop::listen().context("listen for signals")?;
    let drain = args.drain;
    if !args.listen.address.ip().is_loopback() {
        tracing::warn!(address = %args.listen.address, "whoever reaches this address can deploy and run functions");
    }
    let mut service = Service::start(settings(args)?).await?;
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
    Ok(Settings {
        listen: args.listen.address,
        hosts: args.listen.name.into_iter().collect(),
        data: args.data,
        scope: service::scope(&args.account, &args.region)?,
        idle_timeout: args.idle_timeout,
        drain: args.drain,
        billing: match args.billing {
            Billing::Current => billing::Rule::Current,
            Billing::Classic => billing::Rule::Classic,
        },
        runtimes: args.runtimes.unwrap_or_else(runtimes::directory),
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
}
