//! `hearth runtimes`: makes, lists and removes runtime trees. Runs no function of a user and needs no service.

mod add;
mod build;
mod catalogue;
mod debian;
mod finish;
mod foreign;
mod interrupt;
mod jars;
mod java;
mod list;
mod native;
mod node;
mod npm;
mod origin;
mod pip;
mod prefix;
mod progress;
mod provided;
mod python;
mod recipe;
mod sdk;
mod shelf;
mod smoke;
mod tools;
mod tree;

use crate::output::{json_line, line};
use crate::privilege;
use anyhow::{Context as _, ensure};
use catalogue::{RUNTIMES, Runtime, known};
use clap::{Args, Subcommand};
use hearth_api::runtime_tree::RuntimeTree;
use serde_json::json;
use std::path::PathBuf;

/// Make, list and remove the runtimes that functions run in
#[derive(Debug, Args)]
pub(crate) struct RuntimesArgs {
    /// Where runtimes live [default for root: /var/lib/hearth/runtimes, else $XDG_DATA_HOME/hearth/runtimes]
    #[arg(long = "runtimes", value_name = "DIR", env = "HEARTH_RUNTIMES", hide_env_values = true)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every runtime: whether it is here, how it would be made, what is missing for that
    Ls,
    /// Make runtimes that are not here yet
    Add {
        /// Such as python3.11, nodejs20.x, provided.al2023
        #[arg(required = true, value_name = "NAME", value_parser = known)]
        names: Vec<&'static Runtime>,
        /// Make it from this: a Python prefix, a folder with the jars of AWS's Java client, or a whole file system (a
        /// folder, or an archive that tar unpacks)
        #[arg(long, value_name = "PREFIX|JARS|DIR|TARBALL")]
        from: Option<PathBuf>,
    },
    /// Remove runtimes; their functions fail from then on
    Rm {
        /// Such as python3.11
        #[arg(required = true, value_name = "NAME", value_parser = known)]
        names: Vec<&'static Runtime>,
    },
}

/// Runs the command.
///
/// # Errors
///
/// What was missing or failed, for a person.
pub(crate) fn run(args: RuntimesArgs, json: bool) -> anyhow::Result<()> {
    let directory = absolute(args.directory.unwrap_or_else(directory))?;
    match args.command {
        Command::Ls => list::list(&directory, json),
        Command::Add { names, from } => {
            ensure!(from.is_none() || names.len() == 1, "--from makes one runtime at a time");
            let from = from.map(absolute).transpose()?;
            add::add(&directory, &names, from.as_deref(), |tree, made| say(tree, made, json))
        }
        Command::Rm { names } => {
            let shelf = shelf::Shelf::lock(&directory, || {
                progress::Progress::waiting("runtimes", "waiting for another `hearth runtimes` to finish…");
            })?;
            for Runtime { name, .. } in names {
                let removed = shelf.remove(name)?;
                let status = if removed { "removed" } else { "absent" };
                if json {
                    json_line(&json!({ "name": name, "status": status }))?;
                } else {
                    line(&format!("{name}: {status}"))?;
                }
            }
            Ok(())
        }
    }
}

/// Adds the runtimes of these names that are missing, with progress on standard error.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn ensure(names: &[&str]) -> anyhow::Result<()> {
    let runtimes: Vec<_> = names.iter().map(|name| known(name)).collect::<anyhow::Result<_>>()?;
    add::add(&absolute(directory())?, &runtimes, None, |_, _| Ok(()))
}

/// Every runtime that there is.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    RUNTIMES.iter().map(|runtime| runtime.name)
}

/// Those that are on this machine.
pub(crate) fn present() -> Vec<String> {
    let directory = directory();
    names().filter(|name| matches!(shelf::find(&directory, name), Ok(Some(_)))).map(str::to_owned).collect()
}

/// Where runtimes live unless told otherwise: `$HEARTH_RUNTIMES`, else the user's own folder, else root's.
pub(crate) fn directory() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = set("HEARTH_RUNTIMES") {
        return directory;
    }
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    data.filter(|_| privilege::is_ordinary()).unwrap_or_else(|| PathBuf::from("/var/lib")).join("hearth/runtimes")
}

/// Tools are given these paths, and not all run in the same folder.
fn absolute(directory: PathBuf) -> anyhow::Result<PathBuf> {
    std::path::absolute(&directory).with_context(|| format!("find {}", directory.display()))
}

fn say(tree: &RuntimeTree, made: bool, json: bool) -> anyhow::Result<()> {
    let status = if made { "added" } else { "present" };
    if json {
        json_line(&json!({ "name": tree.name, "status": status, "version": tree.version, "root": tree.root }))?;
    } else {
        line(&format!("{}: {status} ({})", tree.name, tree.version))?;
    }
    Ok(())
}
