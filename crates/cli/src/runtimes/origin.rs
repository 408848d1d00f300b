//! What a runtime is made from: packages by name, with a Python prefix or the jars of AWS's Java client, or a tree that
//! somebody else made.

use super::build::{create_folder, remove};
use super::catalogue::{Kind, Runtime};
use super::jars::Jars;
use super::prefix::{self, Prefix};
use super::tools::{Tool, Tools};
use super::tree::machine;
use anyhow::{Context as _, bail};
use hearth_api::runtime_tree::inside;
use std::fs;
use std::path::{Path, PathBuf};

/// What a manifest's sources call a prefix.
pub(super) const PREFIX: &str = "cpython";
/// What they call the folder of jars.
const JARS: &str = "jars";
/// What they call a whole tree.
pub(super) const TREE: &str = "tree";

/// Where it comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// Packages, by the recipe's own list.
    Packages,
    /// CPython in a prefix.
    Prefix(Prefix),
    /// AWS's client for Java.
    Jars(Jars),
    /// A whole tree, in a folder.
    Tree(PathBuf),
}

impl Origin {
    /// Of `runtime`: what the user named with `--from`, else what is found. `work` is for an archive's contents.
    ///
    /// # Errors
    ///
    /// What is missing, and what would do; or what is wrong with what was named.
    pub(super) fn open(runtime: &Runtime, from: Option<&Path>, tools: &Tools, work: &Path) -> anyhow::Result<Self> {
        match (from, &runtime.kind) {
            (Some(from), kind) => given(kind, from, tools, work).with_context(|| format!("use {}", from.display())),
            (None, Kind::Python(python)) if python.release.is_none() => {
                let found = prefix::find(python.version).with_context(|| runtime.advice())?;
                Ok(Self::Prefix(Prefix::open(tools, &found, python.version)?))
            }
            (None, Kind::Foreign(_) | Kind::Java(_)) => bail!(runtime.advice()),
            (None, Kind::Python(_) | Kind::Node(_) | Kind::Provided) => Ok(Self::Packages),
        }
    }

    /// What was brought, and where it was: as the user named it, or as it was found.
    pub(super) fn place<'a>(&'a self, from: Option<&'a Path>) -> Option<(&'static str, &'a Path)> {
        match self {
            Self::Packages => None,
            Self::Prefix(prefix) => Some((PREFIX, from.unwrap_or(&prefix.path))),
            Self::Jars(jars) => Some((JARS, from.unwrap_or(&jars.folder))),
            Self::Tree(folder) => Some((TREE, from.unwrap_or(folder))),
        }
    }
}

fn given(kind: &Kind, from: &Path, tools: &Tools, work: &Path) -> anyhow::Result<Origin> {
    let metadata = fs::metadata(from).context("look at it")?;
    let folder = if metadata.is_dir() { from.to_owned() } else { content(unpack(from, tools, work)?)? };
    if let Kind::Python(python) = kind
        && is_prefix(&folder, python.version)
    {
        return Ok(Origin::Prefix(Prefix::open(tools, &folder, python.version)?));
    }
    if matches!(kind, Kind::Java(_)) && inside(&folder, "/bin/sh").is_none() {
        if Jars::are_in(&folder) {
            return Ok(Origin::Jars(Jars::open(&folder)?));
        }
        check(&folder).context("it has no jars, so it would have to be a whole file system")?;
    }
    check(&folder)?;
    Ok(Origin::Tree(folder))
}

/// Only what is no system of its own: one with a shell is a whole tree, which may well have a Python in /usr.
fn is_prefix(path: &Path, version: &str) -> bool {
    Prefix::is(path, version) && (inside(path, "/bin/sh").is_none() || path == Path::new("/usr"))
}

/// Unpacks an archive, compressed or not. tar refuses what would end up outside.
fn unpack(archive: &Path, tools: &Tools, work: &Path) -> anyhow::Result<PathBuf> {
    let folder = work.join("from");
    remove(&folder)?;
    create_folder(&folder)?;
    let tar = Tool::on_host("tar")
        // Device files belong to the machine, not to the tree.
        .args(["--extract", "--no-same-owner", "--exclude=dev/*", "--exclude=./dev/*", "--file"])
        .args([archive])
        .args(["--directory"])
        .args([&folder]);
    tools.run(tar).context("unpack it")?;
    Ok(folder)
}

/// What was packed: many archives hold one folder, and everything in that.
fn content(folder: PathBuf) -> anyhow::Result<PathBuf> {
    let list = || fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let entries = list().with_context(|| format!("list {}", folder.display()))?;
    match entries.as_slice() {
        [only] if inside(&folder, "/bin/sh").is_none() && is_folder(only) => Ok(only.clone()),
        _ => Ok(folder),
    }
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Refuses a folder that cannot be the root of functions.
fn check(tree: &Path) -> anyhow::Result<()> {
    let Some(shell) = inside(tree, "/bin/sh") else {
        if ["manifest.json", "oci-layout"].iter().any(|name| tree.join(name).is_file()) {
            bail!("it is an image, not a file system: give what `docker export` of a container writes");
        }
        bail!("it has no /bin/sh: a runtime tree is the whole root file system that functions see");
    };
    machine(&shell).context("look at its /bin/sh")?;
    for name in ["dev", "etc", "opt", "proc", "sys", "tmp", "var"] {
        if fs::symlink_metadata(tree.join(name)).is_ok_and(|metadata| !metadata.is_dir()) {
            bail!("its /{name} is not a folder");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::build::write;
    use super::super::interrupt::Interrupt;
    use super::*;

    fn root() -> bool {
        // Tools run in namespaces of their own.
        rustix::process::geteuid().is_root()
    }

    fn open(name: &str, from: &Path, work: &Path) -> anyhow::Result<Origin> {
        let tools = Tools::new(Interrupt::watch().unwrap());
        Origin::open(Runtime::find(name).unwrap(), Some(from), &tools, work)
    }

    fn tree(folder: &Path) -> PathBuf {
        let tree = folder.join("tree");
        create_folder(&tree.join("bin")).unwrap();
        fs::copy("/bin/sh", tree.join("bin/sh")).unwrap();
        tree
    }

    #[test]
    fn a_tree_needs_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("usr/bin/java"), "").unwrap();
        let error = format!("{:#}", open("java21", folder.path(), folder.path()).unwrap_err());
        assert!(error.contains("it has no jars") && error.contains("it has no /bin/sh"), "{error}");
        write(&folder.path().join("oci-layout"), "{}").unwrap();
        let error = format!("{:#}", open("java21", folder.path(), folder.path()).unwrap_err());
        assert!(error.contains("docker export"), "{error}");
    }

    #[test]
    fn a_tree_whose_mount_points_are_links_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tree = tree(folder.path());
        assert!(matches!(open("java21", &tree, folder.path()), Ok(Origin::Tree(_))));
        std::os::unix::fs::symlink("/proc", tree.join("proc")).unwrap();
        let error = format!("{:#}", open("java21", &tree, folder.path()).unwrap_err());
        assert!(error.ends_with("its /proc is not a folder"), "{error}");
    }

    #[test]
    fn an_archive_is_unpacked_and_a_truncated_one_refused() {
        if !root() {
            eprintln!("skipped: tools run in namespaces of their own");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path());
        let archive = folder.path().join("tree.tar.gz");
        // The tree itself, and the folder that it is in.
        for (at, what) in [("tree", "."), (".", "tree")] {
            let mut tar = std::process::Command::new("tar");
            tar.args(["--create", "--gzip", "--file"]).arg(&archive);
            assert!(tar.arg("--directory").arg(folder.path().join(at)).arg(what).status().unwrap().success());
            let Ok(Origin::Tree(opened)) = open("ruby3.4", &archive, folder.path()) else {
                panic!("{what} is refused")
            };
            assert!(opened.join("bin/sh").is_file());
        }
        let bytes = fs::read(&archive).unwrap();
        fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
        let error = format!("{:#}", open("ruby3.4", &archive, folder.path()).unwrap_err());
        assert!(error.contains("unpack it") && error.contains("tar"), "{error}");
    }

    #[test]
    fn a_prefix_is_told_from_a_tree() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("bin/python3.12"), "").unwrap();
        write(&folder.path().join("lib/python3.12/os.py"), "").unwrap();
        assert!(is_prefix(folder.path(), "3.12"));
        assert!(!is_prefix(folder.path(), "3.10"));
        write(&folder.path().join("bin/sh"), "").unwrap();
        assert!(!is_prefix(folder.path(), "3.12"));
    }
}
