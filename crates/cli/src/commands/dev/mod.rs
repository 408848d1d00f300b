//! `hearth dev`: a folder served as a function while it is worked on. What is saved is served by the next invoke; each
//! invoke is one line, what the function logs is shown as it is written.
//!
//! The function is an ordinary one: of the service that answers at the endpoint, or else of one of its own that ends
//! with this command.

mod print;
mod report;
mod watch;

use crate::client::{Client, Target};
use crate::commands::deploy::{self, Change, Deployed, Function, Source, SourceArgs};
use crate::commands::logs::{Event, Follower, Pages};
use crate::output::{self, Output, Tone};
use crate::service::{Service, Settings};
use crate::signals::Stop;
use crate::{privilege, runtimes};
use anyhow::Context as _;
use clap::Args;
use print::Printer;
use report::{Line, Reader};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;
use watch::Watch;

/// How often the log is asked for (ours: a person takes it for at once).
const POLL: Duration = Duration::from_millis(100);
/// How long a log that cannot be read is left alone (ours).
const PAUSE: Duration = Duration::from_secs(1);

/// Serve a folder as a function, and reload it on save
#[derive(Args, Debug)]
pub(crate) struct DevArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    target: Target,
}

/// Where the function will be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// By the service that answers at the endpoint.
    There,
    /// By one of its own, for which this process has the rights.
    Here,
}

/// Looks for a service, and gets the rights for one if there is none. Before any thread exists: the executor that asks
/// has ended when this returns.
///
/// # Errors
///
/// Why this process can have no service.
pub(crate) fn prepare(args: &DevArgs) -> anyhow::Result<Place> {
    let target = args.target.clone().completed(|name| std::env::var(name).ok());
    let asking = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start an executor")?;
    if asking.block_on(answers(&target))? {
        return Ok(Place::There);
    }
    drop(asking);
    privilege::acquire().with_context(|| format!("no service answers at {}", target.endpoint))?;
    Ok(Place::Here)
}

/// Runs the command.
///
/// # Errors
///
/// When the function cannot be made, or its service ends. A change that cannot be deployed is shown, and is no end.
pub(crate) async fn run(args: DevArgs, place: Place, output: Output) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen().context("listen for signals")?;
    let source = Source::new(args.source)?;
    let target = args.target.completed(|name| std::env::var(name).ok());
    let (target, own) = match place {
        Place::There => (target, None),
        Place::Here => Own::start(target).await?,
    };
    let session = Session { source, output, target, printer: Printer::start().context("start to print")? };
    let ended = tokio::select! {
        ended = session.serve() => ended,
        () = stop.asked() => Ok(()),
    };
    if let Some(own) = own {
        own.stop().await?;
    }
    session.printer.finish().await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// Whether a service answers there.
async fn answers(target: &Target) -> anyhow::Result<bool> {
    Ok(Client::new(target)?.environments().await.is_ok())
}

/// A service for this session alone.
#[derive(Debug)]
struct Own {
    service: Service,
    data: TempDir,
}

impl Own {
    /// Starts it; the target then leads there.
    async fn start(target: Target) -> anyhow::Result<(Target, Option<Self>)> {
        // Not /tmp, which is often memory: the functions' own /tmp wants a disk.
        let parent = std::env::var_os("TMPDIR").unwrap_or_else(|| "/var/tmp".into());
        let data =
            tempfile::Builder::new().prefix("hearth-dev-").tempdir_in(parent).context("make a data directory")?;
        let service = Service::start(Settings::private(data.path().to_owned(), runtimes::directory())?).await?;
        Ok((Target { endpoint: service.endpoint().to_owned(), ..target }, Some(Self { service, data })))
    }

    async fn stop(self) -> anyhow::Result<()> {
        // Whoever ends this does not wait for an invoke.
        self.service.stop(Duration::ZERO).await?;
        self.data.close().context("remove the data directory")
    }
}

/// One folder, served.
#[derive(Debug)]
struct Session {
    source: Source,
    output: Output,
    target: Target,
    printer: Printer,
}

impl Session {
    /// Until something fails for good.
    async fn serve(&self) -> anyhow::Result<()> {
        let function = Function::new(Client::new(&self.target)?, self.source.name.clone());
        // Before the first look: what is saved meanwhile is not missed.
        let watch = Watch::begin(&self.source.folder)?;
        let begin_ms = output::now_ms();
        let (change, described, deployed) = self.source.deploy(&function, false, None).await?;
        let (name, endpoint) = (&self.source.name, &self.target.endpoint);
        let event = json!({
            "event": "ready",
            "endpoint": endpoint,
            "function": name,
            "functionArn": described.function_arn,
            "runtime": described.runtime,
            "handler": described.handler,
        });
        let summary = deploy::summary(name, change, &described, self.output);
        self.print(&event, || format!("{summary}\nhearth invoke {name} --endpoint {endpoint} --payload '{{}}'"))
            .await?;
        tokio::select! {
            ended = self.reload(&function, watch, Arc::new(deployed)) => ended,
            ended = self.follow(begin_ms) => ended,
        }
    }

    /// Deploys what is saved.
    async fn reload(&self, function: &Function, mut watch: Watch, mut last: Arc<Deployed>) -> anyhow::Result<()> {
        loop {
            watch.changed().await?;
            let began = Instant::now();
            let mut outcome = self.source.deploy(function, false, Some(Arc::clone(&last))).await;
            if outcome.is_err() {
                // The service may not have what these are changes of; whatever else it is, this says it again.
                outcome = self.source.deploy(function, false, None).await;
            }
            match outcome {
                Ok((change, described, deployed)) => {
                    last = Arc::new(deployed);
                    if change == Change::Unchanged {
                        continue;
                    }
                    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    let event = json!({ "event": "reloaded", "codeSha256": described.code_sha256, "tookMs": ms });
                    let text = || self.output.paint(Tone::Faint, &format!("reloaded in {ms} ms")).into_owned();
                    self.print(&event, text).await?;
                }
                // Half a change, as a rule: the other half is to come.
                Err(error) => self.complain(&format!("{error:#}")).await?,
            }
        }
    }

    /// Shows the log.
    async fn follow(&self, begin_ms: i64) -> anyhow::Result<()> {
        let client = Client::new(&self.target)?;
        let group = format!("/aws/lambda/{}", self.source.name);
        let (mut follower, mut reader) = (Follower::new(begin_ms), Reader::default());
        loop {
            let mut pages = Pages::new(&client, &group, follower.asked_from_ms());
            let mut pause = POLL;
            loop {
                match pages.next().await {
                    Ok(Some(events)) => {
                        for event in follower.fresh(events) {
                            self.show(&mut reader, &event).await?;
                        }
                    }
                    Ok(None) => break,
                    // The first invoke makes the group.
                    Err(error) if error.is("ResourceNotFoundException") => break,
                    Err(error) if error.is_refusal() => {
                        self.complain(&format!("read the log: {error}")).await?;
                        pause = PAUSE;
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            follower.forget();
            tokio::time::sleep(pause).await;
        }
    }

    async fn show(&self, reader: &mut Reader, event: &Event) -> std::io::Result<()> {
        let at = event.timestamp;
        match reader.read(&event.log_stream_name, &event.message) {
            Line::Platform => Ok(()),
            Line::Said => {
                let (stream, message) = (&event.log_stream_name, &event.message);
                let value = json!({ "event": "log", "timestamp": at, "logStreamName": stream, "message": message });
                self.print(&value, || self.output.log_message(message)).await
            }
            Line::Invoked(invoked) => {
                let mut value = json!(invoked);
                if let Value::Object(members) = &mut value {
                    members.extend([("event".to_owned(), json!("invoked")), ("timestamp".to_owned(), json!(at))]);
                }
                self.print(&value, || invoked.line(self.output)).await
            }
            Line::InitFailed(error) => {
                let value = json!({ "event": "initFailed", "timestamp": at, "error": error });
                let text = format!("init failed: {}", self.output.foreign(&error));
                self.print(&value, || self.output.paint(Tone::Bad, &text).into_owned()).await
            }
        }
    }

    async fn complain(&self, error: &str) -> std::io::Result<()> {
        let value = json!({ "event": "error", "error": error });
        self.print(&value, || self.output.paint(Tone::Bad, error).into_owned()).await
    }

    /// For a program or for a person.
    async fn print(&self, event: &Value, text: impl FnOnce() -> String) -> std::io::Result<()> {
        self.printer.line(if self.output.json { event.to_string() } else { text() }).await
    }
}
