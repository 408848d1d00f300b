//! `hearth demo`: the freeze story, told by a service of its own and read from that service's log.
//!
//! Everything goes through the front door as any client would go, and nothing is left behind: the data directory is
//! temporary. It refuses to tell a story that does not hold: then it exits 1 and says where.

mod functions;
mod story;

use crate::client::{Client, Target};
use crate::commands::logs::{self, Event};
use crate::commands::ps;
use crate::output::{self, Output, Tone};
use crate::runtimes;
use crate::service::{self, Service, Settings};
use crate::signals::Stop;
use anyhow::Context as _;
use clap::Args;
use functions::{Example, Invoked};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use story::{Story, Untold};

/// Between the two invokes: long enough that nobody takes the freeze for a delay.
const PAUSE: Duration = Duration::from_secs(4);

/// Show how Lambda freezes a function between two invokes; starts a service of its own
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {}

/// What must be there before the service starts: runtimes.
///
/// # Errors
///
/// Why one could not be added.
pub(crate) fn prepare() -> anyhow::Result<()> {
    runtimes::ensure(&functions::EXAMPLES.map(|example| example.runtime))
}

/// One function's two invokes and its log.
#[derive(Debug)]
struct Told {
    example: Example,
    invokes: [Invoked; 2],
    events: Vec<Event>,
    verdict: Result<Story, Untold>,
}

/// Runs the command.
///
/// # Errors
///
/// When the service cannot start or does not do as asked. A story that does not hold is exit code 1.
pub(crate) async fn run(_args: DemoArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen().context("listen for signals")?;
    // Not /tmp, which is often memory: the functions' own /tmp wants a disk.
    let parent = std::env::var_os("TMPDIR").unwrap_or_else(|| "/var/tmp".into());
    let data = tempfile::Builder::new().prefix("hearth-demo-").tempdir_in(parent).context("make a data directory")?;
    let settings = Settings::private(data.path().to_owned(), runtimes::directory())?;
    let service = Service::start(settings).await?;
    let told = tokio::select! {
        told = tell(&service, output) => told,
        () = stop.asked() => Err(anyhow::anyhow!("stopped by a signal")),
    };
    let drain = if told.is_ok() { service::DRAIN } else { Duration::ZERO };
    // To its end, whatever signals come: no later start would know this directory and remove what is left.
    service.stop(drain).await?;
    data.close().context("remove the data directory")?;
    show(&told?, output)
}

/// Creates both functions and invokes each twice, side by side.
async fn tell(service: &Service, output: Output) -> anyhow::Result<Vec<Told>> {
    let client = Client::new(&Target { endpoint: service.endpoint().to_owned(), account: None, region: None })?;
    if !output.json {
        output::line(&service.capabilities_line(output))?;
        output::line("each function starts work that needs 6 s, does not wait for it, and returns after 5 s")?;
    }
    let [node, python] = functions::EXAMPLES;
    let (node, python) = tokio::try_join!(tell_one(&client, node, output), tell_one(&client, python, output))?;
    Ok(vec![node, python])
}

async fn tell_one(client: &Client, example: Example, output: Output) -> anyhow::Result<Told> {
    let say = |text: String| {
        if !output.json {
            eprintln!("{:<7}  {text}", example.language);
        }
    };
    functions::create(client, &example).await?;
    let first = functions::invoke(client, &example).await?;
    say(format!("first invoke answered after {:.2} s; now it is frozen for {} s", first.seconds(), PAUSE.as_secs()));
    tokio::time::sleep(PAUSE).await;
    let second = functions::invoke(client, &example).await?;
    say(format!("second invoke answered after {:.2} s", second.seconds()));
    let group = format!("/aws/lambda/{}", example.name);
    let events = logs::Pages::new(client, &group, 0).all().await?;
    let environments = ps::of(client).await?;
    let own = environments.iter().filter(|environment| environment.function == example.name).count();
    let pause_ms = i64::try_from(PAUSE.as_millis()).unwrap_or(i64::MAX);
    // The log alone would not show an environment that was made and never wrote.
    let verdict = if own > 1 { Err(Untold::Environments(own)) } else { story::read(&events, pause_ms) };
    Ok(Told { example, invokes: [first, second], events, verdict })
}

/// Prints what was told, and whether it holds.
fn show(told: &[Told], output: Output) -> anyhow::Result<ExitCode> {
    let holds = told.iter().all(|told| told.verdict.is_ok());
    if output.json {
        output::json_line(&json!({ "holds": holds, "functions": told.iter().map(as_json).collect::<Vec<_>>() }))?;
    } else {
        for told in told {
            for line in as_text(told, output) {
                output::line(&line)?;
            }
        }
    }
    Ok(ExitCode::from(u8::from(!holds)))
}

fn as_text(told: &Told, output: Output) -> Vec<String> {
    let title =
        format!("{} ({}), log group /aws/lambda/{}", told.example.language, told.example.runtime, told.example.name);
    let mut lines = vec![String::new(), output.paint(Tone::Strong, &title).into_owned()];
    let begin = told.events.first().map_or(0, |event| event.timestamp);
    for (at, event) in told.events.iter().enumerate() {
        if let Ok(story) = &told.verdict
            && story.second_start == at
        {
            let pause = format!("                                      … frozen for {} …", seconds(story.frozen_ms));
            lines.push(output.paint(Tone::Good, &pause).into_owned());
        }
        let when = format!("{}  +{:>8}", output::timestamp(event.timestamp), seconds(event.timestamp - begin));
        lines.push(format!("{}  {}", output.paint(Tone::Faint, &when), output.log_message(&event.message)));
    }
    lines.push(match &told.verdict {
        Ok(story) => output.paint(Tone::Good, &explanation(story)).into_owned(),
        Err(error) => output.paint(Tone::Bad, &format!("the story does not hold: {error}")).into_owned(),
    });
    lines
}

fn explanation(story: &Story) -> String {
    format!(
        "while frozen for {} nothing ran: the 6 s of work finished inside the second invoke, {} after its START",
        seconds(story.frozen_ms),
        seconds(story.finished_after_ms)
    )
}

fn as_json(told: &Told) -> Value {
    json!({
        "function": told.example.name,
        "runtime": told.example.runtime,
        "invokes": told.invokes,
        "events": told.events,
        "frozenMs": told.verdict.as_ref().ok().map(|story| story.frozen_ms),
        "finishedAfterMs": told.verdict.as_ref().ok().map(|story| story.finished_after_ms),
        "explanation": match &told.verdict {
            Ok(story) => explanation(story),
            Err(error) => error.to_string(),
        },
    })
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms.unsigned_abs() % 1_000)
}
