//! `hearth deploy`: a folder becomes a function. Looks what is in it, packs it in memory, creates the function or
//! updates it, and waits until it is served.
//!
//! Runs nothing of the folder; only `--install` runs its language's package manager, in a copy.

mod folder;
mod function;
mod guess;
mod ignore;
mod install;
mod package;
mod url;

pub(crate) use folder::rules;
pub(crate) use function::{Change, Function};
pub(crate) use ignore::Rules;
#[cfg(test)]
pub(crate) use ignore::Source as IgnoreSource;

use crate::client::{Client, Target};
use crate::output::{self, Output, Tone};
use crate::{duration, runtimes};
use anyhow::{Context as _, ensure};
use clap::Args;
use function::{Described, Wanted};
use guess::{Given, Guess};
use package::{Contents, Package};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use url::Auth;

/// Of a function's name, characters. Source: AWS Lambda API reference, CreateFunction.
const MAX_NAME: usize = 64;

/// Make a function of a folder, or update it
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Install what requirements.txt or package.json names, in a copy of the folder
    #[arg(long)]
    install: bool,
    /// Give the function a URL, for everybody or for requests that are signed
    // What follows without the sign may be the folder.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "none", value_name = "AUTH")]
    url: Option<Auth>,
    #[command(flatten)]
    target: Target,
}

/// A folder, and what is said about the function in it.
#[derive(Args, Clone, Debug)]
pub(crate) struct SourceArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Name of the function [default: that of the folder]
    #[arg(long, value_parser = name, value_name = "NAME")]
    name: Option<String>,
    /// Such as app.handler [default: what the files say]
    #[arg(long, value_name = "HANDLER")]
    handler: Option<String>,
    /// Such as python3.13 [default: what the files say, the newest that is here]
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<String>,
    /// An environment variable; those that are given are all that it gets [default: as they are]
    #[arg(long, value_parser = variable, value_name = "NAME=VALUE")]
    env: Vec<(String, String)>,
    /// Memory, MB [default: as it is; 128 for a new one]
    #[arg(long, value_name = "MB")]
    memory: Option<u32>,
    /// How long an invocation may take [default: as it is; 3s for a new one]
    #[arg(long, value_parser = seconds, value_name = "TIME")]
    timeout: Option<u64>,
}

/// What was deployed, for sending no more than its changes the next time.
#[derive(Debug)]
pub(crate) struct Deployed {
    code_sha256: String,
    contents: Contents,
}

/// What is to be deployed.
#[derive(Debug)]
struct Code {
    package: Package,
    /// `CodeSha256` of what it has the changes of; `None` where it is all.
    changes_of: Option<String>,
}

/// A folder that is to be a function.
#[derive(Debug)]
pub(crate) struct Source {
    /// Absolute.
    pub(crate) folder: PathBuf,
    /// What the function is called.
    pub(crate) name: String,
    handler: Option<String>,
    runtime: Option<String>,
    wanted: Wanted,
}

/// Runs the command.
///
/// # Errors
///
/// What is wrong with the folder, or why the service refuses.
pub(crate) async fn run(args: DeployArgs, output: Output) -> anyhow::Result<ExitCode> {
    let source = Source::new(args.source)?;
    let target = args.target.completed(|name| std::env::var(name).ok());
    let function = Function::new(Client::new(&target)?, source.name.clone());
    let (change, described, _) = source.deploy(&function, args.install, None).await?;
    let url = match args.url {
        Some(auth) => Some(function.url(auth).await?),
        None => None,
    };
    if output.json {
        output::json_line(&json!({
            "change": change,
            "functionArn": described.function_arn,
            "runtime": described.runtime,
            "handler": described.handler,
            "codeSha256": described.code_sha256,
            "codeSize": described.code_size,
            "functionUrl": url,
        }))?;
    } else {
        output::line(&summary(&source.name, change, &described, output))?;
        output::line(&described.function_arn)?;
        if let Some(url) = url {
            output::line(&url)?;
        }
        output::line(&format!("hearth invoke {} --endpoint {} --payload '{{}}'", source.name, target.endpoint))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What happened, in one line.
pub(crate) fn summary(name: &str, change: Change, described: &Described, output: Output) -> String {
    let what = match change {
        Change::Created => "created",
        Change::Updated => "updated",
        Change::Unchanged => "unchanged",
    };
    let Described { runtime, handler, code_size, .. } = described;
    format!("{} {name} · {runtime} · {handler} · {}", output.paint(Tone::Good, what), output::size(*code_size))
}

impl Source {
    /// Checks the folder and finds a name.
    ///
    /// # Errors
    ///
    /// That it is no folder, or no function can be called so.
    pub(crate) fn new(args: SourceArgs) -> anyhow::Result<Self> {
        let folder = std::fs::canonicalize(&args.folder).with_context(|| format!("find {}", args.folder.display()))?;
        ensure!(folder.is_dir(), "{} is not a folder", folder.display());
        let name = match args.name {
            Some(name) => name,
            None => name_of(&folder)
                .with_context(|| format!("no function can be called as {}: give it a --name", folder.display()))?,
        };
        let environment = (!args.env.is_empty()).then(|| args.env.into_iter().collect());
        Ok(Self {
            folder,
            name,
            handler: args.handler,
            runtime: args.runtime,
            wanted: Wanted { memory_mb: args.memory, timeout_s: args.timeout, environment },
        })
    }

    /// Creates or updates the function; of a package that it has already, only the changes are sent.
    ///
    /// # Errors
    ///
    /// As [`run`].
    pub(crate) async fn deploy(
        &self,
        function: &Function,
        install: bool,
        last: Option<Arc<Deployed>>,
    ) -> anyhow::Result<(Change, Described, Deployed)> {
        let before = function.described().await?;
        let run = self.guess(before.as_ref(), install)?;
        let folder = self.folder.clone();
        let install_for = install.then(|| run.clone());
        // Somebody else may have deployed in between.
        let last = last.filter(|last| before.as_ref().is_some_and(|before| before.code_sha256 == last.code_sha256));
        let code = tokio::task::spawn_blocking(move || packed(&folder, install_for.as_ref(), last.as_deref()));
        let code = code.await.context("pack the folder")??;
        let (change, described, code_sha256) = function.put(before.as_ref(), &run, &self.wanted, &code).await?;
        Ok((change, described, Deployed { code_sha256, contents: code.package.contents }))
    }

    /// How it is run: as said, else as before where that still fits, else as the files say.
    fn guess(&self, before: Option<&Described>, install: bool) -> anyhow::Result<Guess> {
        let (runtime, handler) = (self.runtime.as_deref(), self.handler.as_deref());
        let said = Given { runtime, handler, to_install: install && handler.is_some() };
        let present = runtimes::present();
        if let Some(before) = before {
            let as_before = Given {
                runtime: said.runtime.or(Some(&before.runtime)),
                handler: said.handler.or(Some(&before.handler)),
                ..said
            };
            if let Ok(guess) = guess::guess(&self.folder, as_before, &present) {
                return Ok(guess);
            }
        }
        Ok(guess::guess(&self.folder, said, &present)?)
    }
}

/// The package of a folder, or its changes since it was `last` deployed. With how it is run, its dependencies are installed
/// first.
///
/// # Errors
///
/// What cannot be read, installed or packed.
fn packed(folder: &Path, install_for: Option<&Guess>, last: Option<&Deployed>) -> anyhow::Result<Code> {
    let entries = folder::entries(folder, &rules(folder)?)?;
    ensure!(!entries.is_empty(), "{} has nothing to deploy", folder.display());
    if let Some(run) = install_for {
        let copy = tempfile::tempdir().context("make a folder for a copy")?;
        install::install(&entries, copy.path(), &run.runtime)?;
        let given = Given { runtime: Some(&run.runtime), handler: Some(&run.handler), to_install: false };
        guess::guess(copy.path(), given, &[])
            .with_context(|| format!("find the handler in {} and what was installed", folder.display()))?;
        // What was installed is meant to be in it, whatever version control says.
        let package = package::whole(&folder::entries(copy.path(), &Rules::usual())?)?;
        copy.close().context("remove the copy")?;
        return Ok(Code { package, changes_of: None });
    }
    if let Some(last) = last
        && let Some(package) = package::changes(&entries, &last.contents)?
    {
        return Ok(Code { package, changes_of: Some(last.code_sha256.clone()) });
    }
    Ok(Code { package: package::whole(&entries)?, changes_of: None })
}

/// A function's name out of the folder's.
fn name_of(folder: &Path) -> Option<String> {
    let folder = folder.file_name()?.to_string_lossy();
    let plain: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    name(plain.trim_matches('-')).ok()
}

fn name(text: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=MAX_NAME).contains(&text.len()) && text.chars().all(allowed);
    fits.then(|| text.to_owned()).ok_or("a name has up to 64 letters, digits, dashes and underscores")
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a name and a value, such as LEVEL=debug".to_owned()),
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    let length = duration::parse(text).map_err(|error| error.to_string())?;
    let whole = Duration::from_secs(length.as_secs());
    if whole == length { Ok(length.as_secs()) } else { Err("whole seconds, such as 30s".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lends_its_name() {
        let name = |path: &str| name_of(Path::new(path));
        assert_eq!(name("/src/my shop.v2").as_deref(), Some("my-shop-v2"));
        assert_eq!(name("/src/orders_api").as_deref(), Some("orders_api"));
        assert_eq!(name("/"), None);
        assert_eq!(name("/src/…"), None);
    }

    #[test]
    fn values_are_checked_where_they_are_read() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert!(variable("=b").is_err() && variable("A").is_err());
        assert_eq!(seconds("1m30s"), Ok(90));
        assert!(seconds("1500ms").unwrap_err().contains("whole seconds") && seconds("30").is_err());
        assert!(super::name("a/b").is_err());
    }

    #[test]
    fn an_empty_folder_is_nothing_to_deploy() {
        let folder = tempfile::tempdir().unwrap();
        let error = packed(folder.path(), None, None).unwrap_err().to_string();
        assert!(error.ends_with("has nothing to deploy"), "{error}");
    }
}
