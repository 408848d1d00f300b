//! How one runtime is made: of what and in which steps. Which runtimes there are is in the catalogue; how each step is
//! done is in the modules beside it.

use super::build::Build;
use super::debian::{self, Release};
use super::tools::Inside;
use super::{finish, smoke};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// How to make one runtime.
#[derive(Debug)]
pub(super) struct Recipe {
    /// AWS's identifier.
    pub(super) name: &'static str,
    /// What INIT_START shows. The number after `v` is raised when the recipe changes.
    pub(super) version: String,
    /// The Debian release of the packages.
    pub(super) release: Release,
    /// Debian packages in the tree, with all that they depend on.
    pub(super) packages: Vec<String>,
    /// See [`hearth_api::runtime_tree::RuntimeTree::programs`].
    pub(super) programs: Vec<String>,
    /// See [`hearth_api::runtime_tree::RuntimeTree::arguments`].
    pub(super) arguments: Vec<String>,
    /// See [`hearth_api::runtime_tree::RuntimeTree::environment`].
    pub(super) environment: Vec<(String, String)>,
    /// Texts that the steps use: a change of one is a change of the recipe.
    pub(super) inputs: Vec<String>,
    /// What to do, in order.
    pub(super) steps: Vec<Step>,
    /// Checks the finished tree: a program in it, with the text of what it runs.
    pub(super) verify: Vec<String>,
    /// The function of the smoke invocation; a compiled language has none.
    pub(super) smoke: Option<Smoke>,
}

/// The smallest function of a language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Smoke {
    /// Its file.
    pub(super) file: &'static str,
    /// What is in it: it answers `{"echo": event.say, "request": its request id}`.
    pub(super) content: &'static [u8],
    /// Its handler.
    pub(super) handler: &'static str,
}

/// One step.
pub(super) struct Step {
    /// What progress shows.
    pub(super) doing: &'static str,
    /// Does it.
    pub(super) run: Work,
}

type Work = Box<dyn Fn(&mut Build<'_>) -> anyhow::Result<()> + Send + Sync>;

/// A program that the host must have.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Need {
    /// The program.
    pub(super) program: &'static str,
    /// The Debian package that brings it.
    pub(super) package: &'static str,
}

/// What makes a Debian tree.
pub(super) const MMDEBSTRAP: Need = Need { program: "mmdebstrap", package: "mmdebstrap" };
/// What fetches Python packages.
pub(super) const PIP: Need = Need { program: "python3 -m pip", package: "python3-pip" };
/// What fetches Node.js packages.
pub(super) const NPM: Need = Need { program: "npm", package: "npm" };

/// What every tree has: a C library, certificates, time zones and a shell.
pub(super) const BASE: [&str; 12] = [
    "libc6",
    "libc-bin",
    "libstdc++6",
    "libgcc-s1",
    "ca-certificates",
    "tzdata",
    "netbase",
    "media-types",
    "bash",
    "coreutils",
    "grep",
    "sed",
];

impl Step {
    /// A step that does `run`.
    pub(super) fn new(
        doing: &'static str,
        run: impl Fn(&mut Build<'_>) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { doing, run: Box::new(run) }
    }

    /// Unpacks the recipe's packages.
    pub(super) fn unpack() -> Self {
        Self::new("unpacking Debian packages", debian::unpack)
    }

    /// Makes a tree of what was unpacked.
    pub(super) fn finish() -> Self {
        Self::new("finishing the tree", finish::finish)
    }

    /// Proves the tree: its own check, then one invocation in a real sandbox.
    pub(super) fn proofs() -> [Self; 2] {
        [Self::new("checking the tree from inside", verify), Self::new("invoking a function in it", smoke::invoke)]
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing)
    }
}

impl Recipe {
    /// Digest of the recipe, 64 hex digits: stable as long as it makes the same (Debian's security fixes aside).
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            // The length first: no two lists of parts give the same bytes.
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        };
        [self.name, &self.version, self.release.suite].into_iter().for_each(&mut part);
        let lists = [&self.packages, &self.programs, &self.arguments, &self.inputs];
        lists.into_iter().flatten().for_each(|text| part(text));
        self.environment.iter().flat_map(|(name, value)| [name, value]).for_each(|text| part(text));
        hex::encode(hash.finalize())
    }
}

/// Runs the recipe's own check in the finished tree.
fn verify(build: &mut Build<'_>) -> anyhow::Result<()> {
    let environment = build.environment("not.used");
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let program: Vec<&str> = build.recipe.verify.iter().map(String::as_str).collect();
    build.run_inside(Inside::ReadOnly, &environment, &program)
}

/// Several texts as owned ones.
pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
