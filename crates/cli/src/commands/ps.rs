//! `hearth ps`: every execution environment of the service, one line each.

use crate::client::{Client, ClientError, Target};
use crate::duration;
use crate::output::{self, Output, Tone};
use clap::Args;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

/// List execution environments
#[derive(Args, Debug)]
pub(crate) struct PsArgs {
    #[command(flatten)]
    target: Target,
}

/// One environment, as the service tells it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Environment {
    pub(crate) id: String,
    account: String,
    region: String,
    pub(crate) function: String,
    version: String,
    pub(crate) phase: String,
    age_ms: u64,
    idle_ms: Option<u64>,
    memory_bytes: u64,
    memory_limit_mb: u32,
    pub(crate) invokes: u64,
    pid: u32,
}

/// What waits for cold starts.
#[derive(Debug, Default, Deserialize)]
struct Blanks {
    budget_mb: u64,
    kinds: Vec<Kind>,
    #[serde(default)]
    tmps: Tmps,
}

/// Images of `/tmp`.
#[derive(Debug, Default, Deserialize)]
struct Tmps {
    ready: usize,
    wanted: usize,
}

/// Blank sandboxes for one runtime.
#[derive(Debug, Deserialize)]
struct Kind {
    runtime: String,
    ready: usize,
    wanted: usize,
}

#[derive(Debug, Deserialize)]
struct Answer {
    environments: Vec<Environment>,
    #[serde(default)]
    blanks: Blanks,
}

/// Runs the command.
///
/// # Errors
///
/// When the service cannot be reached.
pub(crate) async fn run(args: PsArgs, output: Output) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.target)?;
    if output.json {
        output::json_line(&client.environments().await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Answer { environments, blanks } = ask(&client).await?;
    if environments.is_empty() {
        eprintln!("no execution environments: the first invoke of a function makes one");
    } else {
        output::line(&table(environments, output))?;
    }
    if let Some(line) = waiting(&blanks) {
        output::line(&output.paint(Tone::Faint, &line))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All environments of the service.
///
/// # Errors
///
/// [`ClientError`]
pub(crate) async fn of(client: &Client) -> Result<Vec<Environment>, ClientError> {
    Ok(ask(client).await?.environments)
}

async fn ask(client: &Client) -> Result<Answer, ClientError> {
    let answer = client.environments().await?;
    serde_json::from_value(answer).map_err(|source| ClientError::Shape { what: "environments".to_owned(), source })
}

/// What is ready for cold starts, in a line; `None` where nothing is to be.
fn waiting(blanks: &Blanks) -> Option<String> {
    // The kinds of a runtime differ in what they are for.
    let mut runtimes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for Kind { runtime, ready, wanted } in &blanks.kinds {
        let all = runtimes.entry(runtime).or_default();
        *all = (all.0 + ready, all.1 + wanted);
    }
    let of = |ready, wanted, name| {
        if ready == wanted { format!("{ready} {name}") } else { format!("{ready} of {wanted} {name}") }
    };
    let all: Vec<_> = runtimes.iter().map(|(name, (ready, wanted))| of(*ready, *wanted, *name)).collect();
    let sandboxes = (!all.is_empty()).then(|| format!("{} (within {} MB)", all.join(", "), blanks.budget_mb));
    let Tmps { ready, wanted } = blanks.tmps;
    let tmps = (wanted > 0).then(|| of(ready, wanted, "images of /tmp"));
    let all: Vec<_> = sandboxes.into_iter().chain(tmps).collect();
    (!all.is_empty()).then(|| format!("ready for cold starts: {}", all.join(", ")))
}

fn table(mut environments: Vec<Environment>, output: Output) -> String {
    environments.sort_by(|a, b| {
        let key =
            |e: &Environment| (e.account.clone(), e.region.clone(), e.function.clone(), std::cmp::Reverse(e.age_ms));
        key(a).cmp(&key(b))
    });
    // Whose it is matters only where there is more than one owner.
    let scopes = environments.iter().map(|e| (&e.account, &e.region)).collect::<std::collections::BTreeSet<_>>().len();
    let mut head = vec!["ENVIRONMENT", "PHASE", "FUNCTION", "VERSION", "AGE", "IDLE", "MEMORY MB", "INVOKES", "PID"];
    if scopes > 1 {
        head.extend(["ACCOUNT", "REGION"]);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    for environment in &environments {
        let mut row = row(environment);
        if scopes > 1 {
            row.extend([Cell::new(&environment.account), Cell::new(&environment.region)]);
        }
        table.add_row(row);
    }
    // Coloured after the layout, which would count the colour's bytes as width.
    let tone = |row| if row == 0 { Tone::Strong } else { Tone::Plain };
    let lines = table.lines().enumerate().map(|(row, line)| output.paint(tone(row), line.trim_end()).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn row(environment: &Environment) -> Vec<Cell> {
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let time = |ms| duration::short(Duration::from_millis(ms));
    vec![
        Cell::new(environment.id.get(..12).unwrap_or(&environment.id)),
        Cell::new(&environment.phase),
        Cell::new(&environment.function),
        Cell::new(&environment.version),
        right(time(environment.age_ms)),
        right(environment.idle_ms.map_or_else(|| "-".to_owned(), time)),
        right(format!("{}/{}", output::megabytes(environment.memory_bytes), environment.memory_limit_mb)),
        right(environment.invokes.to_string()),
        right(environment.pid.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_api::environments::{BlankStatus, BlanksStatus, EnvironmentStatus, TmpsStatus};

    fn status(function: &str, account: &str) -> EnvironmentStatus {
        EnvironmentStatus {
            id: "0123456789abcdef0123456789abcdef".into(),
            account: account.into(),
            region: "us-east-1".into(),
            function: function.into(),
            version: "$LATEST".into(),
            phase: "Idle".into(),
            age_ms: 190_000,
            idle_ms: Some(7_000),
            memory_bytes: 3 << 19,
            memory_limit_mb: 128,
            invokes: 3,
            pid: 4711,
        }
    }

    fn read(of: &[EnvironmentStatus]) -> Vec<Environment> {
        serde_json::from_value(serde_json::to_value(of).expect("writes")).expect("reads what the service writes")
    }

    #[test]
    fn a_line_tells_everything_about_an_environment() {
        let text = table(read(&[status("hello", "000000000000")]), Output::fixed(false));
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "ENVIRONMENT PHASE FUNCTION VERSION AGE IDLE MEMORY MB INVOKES PID",
                "0123456789ab Idle hello $LATEST 3m10s 7s 1.5/128 3 4711",
            ]
        );
        assert!(!text.contains('\u{1b}'), "no colour off a terminal");
    }

    #[test]
    fn what_is_ready_for_cold_starts_is_said_in_a_line() {
        let kind =
            |runtime: &str, ready, prebooted| BlankStatus { runtime: runtime.into(), prebooted, ready, wanted: 2 };
        let kinds = vec![kind("python3.11", 1, true), kind("nodejs20.x", 2, true), kind("python3.11", 2, false)];
        let tmps = TmpsStatus { ready: 7, wanted: 9 };
        let status = BlanksStatus { budget_mb: 512, kinds, tmps: TmpsStatus::default() };
        let read = |status| serde_json::from_value(serde_json::to_value(status).expect("writes")).expect("reads");
        let line = |status| waiting(&read(status)).expect("something is");
        let sandboxes = "ready for cold starts: 2 nodejs20.x, 3 of 4 python3.11 (within 512 MB)";
        assert_eq!(line(status.clone()), sandboxes);
        assert_eq!(line(BlanksStatus { tmps, ..status }), format!("{sandboxes}, 7 of 9 images of /tmp"));
        let alone = BlanksStatus { tmps, ..BlanksStatus::default() };
        assert_eq!(line(alone), "ready for cold starts: 7 of 9 images of /tmp");
        assert_eq!(waiting(&read(BlanksStatus::default())), None);
    }

    #[test]
    fn owners_show_where_there_is_more_than_one() {
        let both = [status("b", "111122223333"), status("a", "000000000000")];
        let text = table(read(&both), Output::fixed(false));
        assert!(text.contains("ACCOUNT") && text.contains("111122223333"), "{text}");
        assert!(text.find(" a ") < text.find(" b "), "sorted by owner and function:\n{text}");
    }
}
