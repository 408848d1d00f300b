//! The manifest beside a runtime tree: what a worker must know to start the runtime in it.
//!
//! On disk a runtime is `<directory>/<name>/tree` (the read-only root of its functions) and
//! `<directory>/<name>/manifest.json` (this). `hearth runtimes add` writes both. Whether the tree is fit for use is another
//! question, see [`RuntimeTree::check`].

mod check;

pub use check::{Unusable, inside};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The only manifest format there is so far.
pub const FORMAT: u32 = 1;
/// What stands for the function's handler in [`RuntimeTree::arguments`].
pub const HANDLER: &str = "{handler}";
const MANIFEST: &str = "manifest.json";
const TREE: &str = "tree";

/// One runtime on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeTree {
    /// Format of the manifest: [`FORMAT`].
    pub format: u32,
    /// AWS's identifier, such as `python3.11`.
    pub name: String,
    /// What `INIT_START Runtime Version:` shows, such as `python:3.11.v1`.
    pub version: String,
    /// The last part of the Runtime Version ARN: 64 hex digits, the digest of the recipe.
    pub version_hash: String,
    /// Programs to try in order, absolute paths inside; the first that exists is started.
    pub programs: Vec<String>,
    /// Arguments after `argv[0]`; [`HANDLER`] stands for the function's handler.
    pub arguments: Vec<String>,
    /// What this runtime adds to the environment of its functions.
    pub environment: BTreeMap<String, String>,
    /// What the programs are compiled for, such as `x86_64`.
    pub architecture: String,
    /// Oldest Linux that the tree's C library runs on.
    pub kernel_minimum: String,
    /// What it was made of, with versions: `debian:python3.11` is `3.11.2-6`.
    pub sources: BTreeMap<String, String>,
    /// The tree itself on this machine.
    #[serde(skip)]
    pub root: PathBuf,
}

/// Why a runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeTreeError {
    /// No identifier of a runtime looks like this (and it must not become a path).
    #[error("runtime name {name:?}: only lower-case letters, digits and dots, first a letter")]
    Name {
        /// As given.
        name: String,
    },
    /// It is not there.
    #[error("runtime {name} is not on this machine: `hearth runtimes add {name}` adds it")]
    Missing {
        /// Which.
        name: String,
    },
    /// Its manifest cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Its manifest is not one.
    #[error("understand {}", path.display())]
    Parse {
        /// The manifest.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// Its manifest is of another Hearth.
    #[error(
        "{} has format {found}, this Hearth knows {FORMAT}: `hearth runtimes rm {name}`, then `add` it again",
        path.display()
    )]
    Format {
        /// Which runtime.
        name: String,
        /// The manifest.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// Its tree cannot be used.
    #[error("runtime {name} cannot be used, {reason}: `hearth runtimes rm {name}`, then `hearth runtimes add {name}`")]
    Unusable {
        /// Which runtime.
        name: String,
        /// Why.
        reason: Unusable,
    },
}

impl RuntimeTree {
    /// The arguments for a function with this handler.
    #[must_use]
    pub fn arguments_for(&self, handler: &str) -> Vec<String> {
        self.arguments.iter().map(|argument| argument.replace(HANDLER, handler)).collect()
    }

    /// Whether functions can run in the tree: it is for this machine, it has a shell, and what starts the runtime is
    /// there, whole.
    ///
    /// # Errors
    ///
    /// [`RuntimeTreeError::Unusable`]
    pub fn check(&self) -> Result<(), RuntimeTreeError> {
        check::check(self).map_err(|reason| RuntimeTreeError::Unusable { name: self.name.clone(), reason })
    }

    /// Where the runtime called `name` lives under `directory`: its folder, then manifest and tree in it.
    ///
    /// # Errors
    ///
    /// [`RuntimeTreeError::Name`] when `name` could be anything but one folder's name.
    pub fn places(directory: &Path, name: &str) -> Result<(PathBuf, PathBuf, PathBuf), RuntimeTreeError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
        let fits = name.len() <= 64 && name.starts_with(|first: char| first.is_ascii_lowercase());
        if !fits || !name.bytes().all(allowed) {
            return Err(RuntimeTreeError::Name { name: name.to_owned() });
        }
        let home = directory.join(name);
        let (manifest, tree) = (home.join(MANIFEST), home.join(TREE));
        Ok((home, manifest, tree))
    }
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// Reads the manifest of the runtime called `name` under `directory`.
///
/// # Errors
///
/// [`RuntimeTreeError`]; its text is meant for the person who asked for the runtime.
pub fn load(directory: &Path, name: &str) -> Result<RuntimeTree, RuntimeTreeError> {
    let (_, path, root) = RuntimeTree::places(directory, name)?;
    let text = std::fs::read(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => RuntimeTreeError::Missing { name: name.to_owned() },
        _ => RuntimeTreeError::Read { path: path.clone(), source },
    })?;
    // The format first: a later one may have fields that are unknown here.
    let FormatOnly { format } =
        serde_json::from_slice(&text).map_err(|source| RuntimeTreeError::Parse { path: path.clone(), source })?;
    if format != FORMAT {
        return Err(RuntimeTreeError::Format { name: name.to_owned(), path, found: format });
    }
    let tree: RuntimeTree = serde_json::from_slice(&text).map_err(|source| RuntimeTreeError::Parse { path, source })?;
    Ok(RuntimeTree { root, ..tree })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST_TEXT: &str = r#"{"format":1,"name":"python3.11","version":"python:3.11.v1","version_hash":"00",
        "programs":["/var/lang/bin/python3.11"],"arguments":["-m","awslambdaric","{handler}"],
        "environment":{"PYTHONPATH":"/var/runtime"},"architecture":"x86_64","kernel_minimum":"3.2",
        "sources":{"pypi:awslambdaric":"4.2.2"}}"#;

    fn directory_with(name: &str, manifest: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("hearth-runtime-tree-{}-{name}", std::process::id()));
        std::fs::create_dir_all(directory.join(name)).unwrap();
        std::fs::write(directory.join(name).join(MANIFEST), manifest).unwrap();
        directory
    }

    #[test]
    fn a_manifest_is_read_and_knows_its_tree() {
        let directory = directory_with("python3.11", MANIFEST_TEXT);
        let tree = load(&directory, "python3.11").unwrap();
        assert_eq!(tree.root, directory.join("python3.11").join("tree"));
        assert_eq!(tree.arguments_for("app.handler"), ["-m", "awslambdaric", "app.handler"]);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_missing_runtime_says_which_command_adds_it() {
        let error = load(Path::new("/nonexistent"), "nodejs20.x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "runtime nodejs20.x is not on this machine: `hearth runtimes add nodejs20.x` adds it"
        );
    }

    #[test]
    fn a_name_never_becomes_another_path() {
        for wrong in ["", ".", "..", "../python3.11", "python3.11/..", "/etc", ".cache", "Python3.11"] {
            assert!(matches!(load(Path::new("/"), wrong), Err(RuntimeTreeError::Name { .. })), "{wrong}");
        }
    }

    #[test]
    fn another_format_and_rubbish_are_told_apart() {
        let directory = directory_with("later", r#"{"format":2,"whatever":[]}"#);
        assert!(matches!(load(&directory, "later"), Err(RuntimeTreeError::Format { found: 2, .. })));
        std::fs::remove_dir_all(directory).unwrap();
        let directory = directory_with("rubbish", "{");
        assert!(matches!(load(&directory, "rubbish"), Err(RuntimeTreeError::Parse { .. })));
        std::fs::remove_dir_all(directory).unwrap();
    }
}
