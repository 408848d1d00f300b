//! Makes a runtime: checks what the host lacks, takes the steps of the recipe, puts the result in its place.

use super::build::{Build, create_folder};
use super::catalogue::Runtime;
use super::interrupt::Interrupt;
use super::origin::Origin;
use super::progress::Progress;
use super::recipe::Need;
use super::shelf::{Shelf, find};
use super::tools::Tools;
use crate::privilege;
use anyhow::{Context as _, bail, ensure};
use hearth_api::runtime_tree::{FORMAT, RuntimeTree};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// The only one that the recipes fetch packages for.
const ARCHITECTURE: &str = "x86_64";
/// Of Debian's C libraries, all of them.
const KERNEL_MINIMUM: &str = "3.2.0";

/// Makes every one of `runtimes` that is not in `directory` yet, one after the other; `done` hears of each, and whether
/// it had to be made. `from` is what to make it from, where that is not for the recipe to say. Before any thread exists.
///
/// # Errors
///
/// What is missing, or which step failed; runtimes that were finished before stay, of the others nothing does.
pub(super) fn add(
    directory: &Path,
    runtimes: &[&'static Runtime],
    from: Option<&Path>,
    mut done: impl FnMut(&RuntimeTree, bool) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Without a lock: when all is there, nothing is to be waited for.
    if let (None, Some(present)) = (from, all_present(directory, runtimes)) {
        return present.iter().try_for_each(|tree| done(tree, false));
    }
    privilege::become_root()?; // which what watches for an interrupt, a thread, would forbid
    let tools = Tools::new(Interrupt::watch()?);
    let busy = || Progress::waiting("runtimes", "waiting for another `hearth runtimes` to finish…");
    let shelf = Shelf::lock(directory, busy)?;
    for &runtime in runtimes {
        let name = runtime.name;
        // A broken or older one is made anew: that is what `add` is asked for.
        if let Ok(Some(present)) = find(directory, name) {
            // But never another one in its place: functions may run in it.
            ensure!(from.is_none(), "{name} is here already: `hearth runtimes rm {name}` makes room for another");
            done(&present, false)?;
            continue;
        }
        make(directory, &shelf, &tools, runtime, from).with_context(|| format!("add the runtime {name}"))?;
        let made = find(directory, name)?.context("find what was just made")?;
        done(&made, true)?;
    }
    Ok(())
}

/// Which programs this host has: each is looked for once, since asking some of them takes a while.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: BTreeMap<&'static str, bool>,
}

impl Programs {
    /// Which of the runtime's needs are missing.
    pub(super) fn missing(&mut self, runtime: &Runtime) -> Vec<&'static Need> {
        let mut here = |need: &&Need| *self.known.entry(need.program).or_insert_with(|| is_there(need.program));
        runtime.needs().iter().filter(|need| !here(need)).collect()
    }
}

/// Why runtimes cannot be made here at all, if so.
pub(super) fn impossible() -> Option<String> {
    let wrong = || format!("runtimes are made for {ARCHITECTURE} only so far, this is {}", std::env::consts::ARCH);
    (std::env::consts::ARCH != ARCHITECTURE).then(wrong)
}

fn all_present(directory: &Path, runtimes: &[&'static Runtime]) -> Option<Vec<RuntimeTree>> {
    runtimes.iter().map(|runtime| find(directory, runtime.name).ok().flatten()).collect()
}

fn make(
    directory: &Path,
    shelf: &Shelf,
    tools: &Tools,
    runtime: &'static Runtime,
    from: Option<&Path>,
) -> anyhow::Result<()> {
    if let Some(reason) = impossible() {
        bail!(reason);
    }
    let draft = shelf.draft(runtime.name)?;
    let work = draft.path().join("work");
    create_folder(&work)?;
    let origin = Origin::open(runtime, from, tools, &work)?;
    // Of a whole tree nothing is fetched.
    let missing = if matches!(origin, Origin::Tree(_)) { Vec::new() } else { Programs::default().missing(runtime) };
    if !missing.is_empty() {
        let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
        let programs: Vec<&str> = missing.iter().map(|need| need.program).collect();
        bail!("{} is missing: `apt-get install {}` brings it", programs.join(" and "), packages.join(" "));
    }
    let sources = origin.place(from).map(|(what, place)| (what.to_owned(), place.display().to_string()));
    let recipe = runtime.recipe(origin)?;
    let mut build = Build {
        recipe: &recipe,
        tools,
        tree: draft.path().join("tree"),
        work,
        cache: directory.join(".cache"),
        sources: sources.into_iter().collect(),
    };
    let progress = Progress::new(recipe.name, recipe.steps.len());
    for (number, step) in (1..).zip(&recipe.steps) {
        progress.step(number, step.doing);
        (step.run)(&mut build).with_context(|| format!("step {number}, {}", step.doing))?;
        tools.check()?;
    }
    super::build::remove(&build.work)?;
    let Build { tree, sources, .. } = build;
    let version_hash = recipe.digest();
    let manifest = RuntimeTree {
        format: FORMAT,
        name: recipe.name.to_owned(),
        version: recipe.version,
        version_hash,
        programs: recipe.programs,
        arguments: recipe.arguments,
        environment: recipe.environment.into_iter().collect(),
        architecture: ARCHITECTURE.to_owned(),
        kernel_minimum: KERNEL_MINIMUM.to_owned(),
        sources,
        root: tree,
    };
    draft.keep(&manifest, directory)
}

/// Whether the first word can be run, and with the words after it does not fail.
fn is_there(program: &str) -> bool {
    let mut words = program.split(' ');
    let Some(name) = words.next() else { return false };
    let status = Command::new(name)
        .args(words)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::super::shelf::write_tree;
    use super::*;

    #[test]
    fn a_program_is_there_or_not() {
        assert!(is_there("sh -c true"));
        assert!(!is_there("sh -c false"));
        assert!(!is_there("no-such-program-as-this"));
    }

    #[test]
    fn what_is_there_is_not_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::find("provided.al2023").unwrap();
        let manifest = serde_json::json!({
            "format": FORMAT, "name": runtime.name, "version": "provided:al2023.v0", "version_hash": "",
            "programs": ["/bin/sh"], "arguments": [], "environment": {}, "architecture": ARCHITECTURE,
            "kernel_minimum": "", "sources": {},
        });
        super::super::build::write(&directory.path().join("provided.al2023/manifest.json"), manifest.to_string())
            .unwrap();
        write_tree(&directory.path().join("provided.al2023/tree"));
        let mut heard = Vec::new();
        add(directory.path(), &[runtime], None, |tree, made| {
            heard.push((tree.version.clone(), made));
            Ok(())
        })
        .unwrap();
        assert_eq!(heard, [("provided:al2023.v0".to_owned(), false)]);
        assert!(!directory.path().join(".lock").exists(), "not even locked");

        let other = add(directory.path(), &[runtime], Some(Path::new("/")), |_, _| Ok(())).unwrap_err().to_string();
        assert_eq!(
            other,
            "provided.al2023 is here already: `hearth runtimes rm provided.al2023` makes room for another"
        );
    }
}
