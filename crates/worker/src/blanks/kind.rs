//! What a blank sandbox was prepared for: a runtime as it stood on disk when it was.

use crate::runtimes::{self, Identity};
use hearth_api::runtime_tree::RuntimeTree;
use hearth_sandbox::Preboot;
use std::io;
use std::path::{Path, PathBuf};

/// What a blank sandbox takes, KiB: namespaces, PID 1, `/tmp` (measured: 350 to 500).
const BLANK_KIB: u64 = 512;
/// What an interpreter in it takes, until one has been measured, KiB.
const INTERPRETER_KIB: u64 = 32 * 1_024;

/// One kind of blank sandboxes: those of a kind are as good as one another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    runtime: String,
    root: PathBuf,
    /// Which directory that is: a runtime may be removed and added again while sandboxes with the old one wait.
    identity: Identity,
    preboot: Option<Preboot>,
}

impl Kind {
    /// For functions that run in this tree, with a runtime that has started so.
    ///
    /// # Errors
    ///
    /// When the tree cannot be looked at.
    pub(crate) fn of(tree: &RuntimeTree, preboot: Option<Preboot>) -> io::Result<Self> {
        let identity = runtimes::identity(&tree.root)?;
        Ok(Self { runtime: tree.name.clone(), root: tree.root.clone(), identity, preboot })
    }

    /// Whether this is of a tree that stands where the other's was.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        self.root == other.root && self.identity != other.identity
    }

    /// The runtime's name.
    pub(crate) fn runtime(&self) -> &str {
        &self.runtime
    }

    /// The tree.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What waits in one.
    pub(crate) fn preboot(&self) -> Option<&Preboot> {
        self.preboot.as_ref()
    }

    /// What one takes, before one has been measured, KiB.
    pub(crate) fn cost_kib(&self) -> u64 {
        BLANK_KIB + self.preboot.as_ref().map_or(0, |_| INTERPRETER_KIB)
    }

    /// What one takes whose processes have so many bytes, KiB.
    pub(crate) fn measured_kib(bytes: u64) -> u64 {
        BLANK_KIB + bytes / 1_024
    }
}
