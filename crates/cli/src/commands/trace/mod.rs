//! `hearth trace`: what execution environments have done, as a page that needs nothing but a browser, or as a file for
//! ui.perfetto.dev.
//!
//! The service records it all along; this only asks for it and draws it. See `hearth_core::environment::timeline`.

mod axis;
mod page;
mod perfetto;
mod rows;
mod table;
mod words;

use crate::client::{Client, ClientError, Target};
use crate::output::{self, Output};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use hearth_api::timeline::{EnvironmentTimeline, Wanted};
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Most environments on one page, the latest (ours: what a browser draws at once).
const SHOWN_MAX: usize = 24;

/// Draw what execution environments have done
#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// Name of the function: its environments, and those that have ended lately
    #[arg(required_unless_present = "environment")]
    name: Option<String>,
    /// One environment: its id, or how that begins (see `hearth ps`)
    #[arg(long, short, value_name = "ID", value_parser = id)]
    environment: Option<String>,
    /// What to write
    #[arg(long, value_enum, default_value = "html")]
    format: Format,
    /// Where to; `-` is standard output [default: trace.html or trace.json]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A page for any browser, complete in itself
    Html,
    /// JSON in the format of Chrome's tracing, for ui.perfetto.dev
    Perfetto,
}

#[derive(Debug, Deserialize)]
struct Answer {
    environments: Vec<EnvironmentTimeline>,
}

/// Runs the command.
///
/// # Errors
///
/// When the service cannot be reached, when it remembers no such environment, and when the file cannot be written.
pub(crate) async fn run(args: TraceArgs, output: Output) -> anyhow::Result<ExitCode> {
    let target = args.target.completed(|name| std::env::var(name).ok());
    let (account, region) = (target.account.clone(), target.region.clone());
    let wanted = Wanted { function: args.name, account, region, environment: args.environment };
    let environments = of(&Client::new(&target)?, &wanted).await?;
    if environments.is_empty() {
        anyhow::bail!("{}", nothing(&wanted));
    }
    let shown = environments.get(environments.len().saturating_sub(SHOWN_MAX)..).unwrap_or_default();
    let (text, name) = match args.format {
        Format::Html => (page::html(shown, environments.len() - shown.len()), "trace.html"),
        Format::Perfetto => (perfetto::json(&environments).to_string(), "trace.json"),
    };
    let file = args.output.unwrap_or_else(|| PathBuf::from(name));
    if file.as_os_str() == "-" {
        output::line(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    let invocations = environments.iter().map(|environment| environment.invocations.len()).sum::<usize>();
    if output.json {
        let file = file.display().to_string();
        let said = json!({ "file": file, "environments": environments.len(), "invocations": invocations });
        output::json_line(&said)?;
    } else {
        let counted = [(environments.len(), "environment"), (invocations, "invocation")].map(counted);
        output::line(&format!("{} · {}", file.display(), counted.join(" · ")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The timelines that are wanted, by the time the environments were made.
async fn of(client: &Client, wanted: &Wanted) -> Result<Vec<EnvironmentTimeline>, ClientError> {
    let answer = client.timelines(wanted).await?;
    let read = serde_json::from_value::<Answer>(answer);
    let answer = read.map_err(|source| ClientError::Shape { what: "timelines".to_owned(), source })?;
    Ok(answer.environments)
}

fn nothing(wanted: &Wanted) -> String {
    let what = match (&wanted.function, &wanted.environment) {
        (_, Some(id)) => format!("no execution environment {id} is remembered: `hearth ps` lists those that there are"),
        (name, None) => {
            let name = name.as_deref().unwrap_or_default();
            format!("no execution environment of {name} is remembered: `hearth invoke {name}` makes one")
        }
    };
    format!("{what} (of those that have ended, the service remembers the latest)")
}

fn counted((count, what): (usize, &str)) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// For `--environment`.
fn id(text: &str) -> Result<String, String> {
    let hex = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| text.to_ascii_lowercase()).ok_or_else(|| "an id is up to 32 hex digits".to_owned())
}

/// What the tests of this command draw.
#[cfg(test)]
mod testing;
