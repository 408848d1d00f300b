//! Which runtimes can be made, of what and in which steps: a table. How each step is done is in the modules beside it.

use super::build::Build;
use super::tools::Inside;
use super::{debian, finish, native, npm, python, smoke};
use hearth_api::runtime_tree::HANDLER;
use sha2::{Digest as _, Sha256};

/// How to make one runtime.
#[derive(Debug)]
pub(super) struct Recipe {
    /// AWS's identifier.
    pub(super) name: &'static str,
    /// What INIT_START shows. The number after `v` is raised when the recipe changes.
    pub(super) version: &'static str,
    /// What it is made of, for people.
    pub(super) summary: &'static str,
    /// Packages of Debian 12 in the tree, with all that they depend on.
    pub(super) packages: &'static [&'static str],
    /// See [`hearth_api::runtime_tree::RuntimeTree::programs`].
    pub(super) programs: &'static [&'static str],
    /// See [`hearth_api::runtime_tree::RuntimeTree::arguments`].
    pub(super) arguments: &'static [&'static str],
    /// See [`hearth_api::runtime_tree::RuntimeTree::environment`].
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// Programs that the host must have, each with the Debian package that brings it.
    pub(super) needs: &'static [Need],
    /// What to do, in order.
    pub(super) steps: &'static [Step],
    /// Texts that the steps use: a change of one is a change of the recipe.
    pub(super) inputs: &'static [&'static str],
    /// Checks the finished tree: a program in it, with the text of what it runs.
    pub(super) verify: (&'static [&'static str], &'static str),
    /// The function of the smoke invocation: file, its text, handler.
    pub(super) smoke: (&'static str, &'static str, &'static str),
}

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    /// What progress shows.
    pub(super) doing: &'static str,
    /// Does it.
    pub(super) run: fn(&mut Build<'_>) -> anyhow::Result<()>,
}

/// A program that the host must have.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Need {
    /// The program.
    pub(super) program: &'static str,
    /// The Debian package that brings it.
    pub(super) package: &'static str,
}

const MMDEBSTRAP: Need = Need { program: "mmdebstrap", package: "mmdebstrap" };
const PIP: Need = Need { program: "python3 -m pip", package: "python3-pip" };
const NPM: Need = Need { program: "npm", package: "npm" };

const UNPACK: Step = Step { doing: "unpacking Debian packages", run: debian::unpack };
const FINISH: Step = Step { doing: "finishing the tree", run: finish::finish };
const VERIFY: Step = Step { doing: "checking the tree from inside", run: verify };
const SMOKE: Step = Step { doing: "invoking a function in it", run: smoke::invoke };

/// Every runtime that `add` knows.
pub(super) static RECIPES: [Recipe; 3] = [
    Recipe {
        name: "nodejs20.x",
        version: "nodejs:20.v1",
        summary: "Node.js 20 and aws-lambda-ric from npm on Debian 12",
        packages: &[
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
        ],
        programs: &["/var/lang/bin/node"],
        arguments: &["/var/runtime/index.mjs"],
        environment: &[
            ("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs20.x"),
            (
                "NODE_PATH",
                "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
            ),
        ],
        needs: &[MMDEBSTRAP, NPM],
        steps: &[
            Step { doing: "fetching Node.js and AWS's client", run: npm::fetch },
            UNPACK,
            Step { doing: "building the client's native module", run: native::build },
            Step { doing: "putting Node.js and the client into the tree", run: npm::install },
            FINISH,
            VERIFY,
            SMOKE,
        ],
        inputs: &[npm::LAUNCHER, native::SCRIPT, npm::NODE.sha512, npm::CLIENT.sha512, npm::HEADERS.sha512],
        verify: (&["/var/lang/bin/node", "--input-type=module", "-e"], include_str!("files/verify.mjs")),
        smoke: ("smoke.js", include_str!("files/smoke.js"), "smoke.handler"),
    },
    Recipe {
        name: "provided.al2023",
        version: "provided:al2023.v1",
        summary: "what a bootstrap needs, from Debian 12",
        packages: &[
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
            "mawk",
            "findutils",
            "gzip",
            "tar",
            "curl",
        ],
        programs: &["/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"],
        arguments: &[],
        environment: &[],
        needs: &[MMDEBSTRAP],
        steps: &[UNPACK, FINISH, VERIFY, SMOKE],
        inputs: &[],
        verify: (&["/bin/bash", "-c"], include_str!("files/verify.sh")),
        smoke: ("bootstrap", include_str!("files/smoke.sh"), "not.used"),
    },
    Recipe {
        name: "python3.11",
        version: "python:3.11.v1",
        summary: "CPython 3.11 of Debian 12, awslambdaric and boto3 from PyPI",
        packages: &[
            "python3.11",
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
        ],
        programs: &["/var/lang/bin/python3.11"],
        arguments: &["-m", "awslambdaric", HANDLER],
        environment: &[("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"), ("PYTHONPATH", "/var/runtime")],
        needs: &[MMDEBSTRAP, PIP],
        steps: &[
            UNPACK,
            Step { doing: "fetching AWS's client and boto3", run: python::fetch },
            FINISH,
            Step { doing: "compiling to byte code", run: python::compile },
            VERIFY,
            SMOKE,
        ],
        inputs: &[python::REQUIREMENTS, python::PATHS],
        verify: (&["/var/lang/bin/python3.11", "-c"], include_str!("files/verify.py")),
        smoke: ("smoke.py", include_str!("files/smoke.py"), "smoke.handler"),
    },
];

impl Recipe {
    /// The recipe of `name`, if there is one.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        RECIPES.iter().find(|recipe| recipe.name == name)
    }

    /// Digest of the recipe, 64 hex digits: stable as long as it makes the same (Debian's security fixes aside).
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            // The length first: no two lists of parts give the same bytes.
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        };
        [self.name, self.version, debian::SUITE].into_iter().for_each(&mut part);
        [self.packages, self.programs, self.arguments, self.inputs].into_iter().flatten().for_each(|text| part(text));
        self.environment.iter().flat_map(|(name, value)| [name, value]).for_each(|text| part(text));
        hex::encode(hash.finalize())
    }
}

/// Runs the recipe's own check in the finished tree.
fn verify(build: &mut Build<'_>) -> anyhow::Result<()> {
    let (program, text) = build.recipe.verify;
    let environment = build.environment("not.used");
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    build.run_inside(Inside::ReadOnly, &environment, &[program, &[text]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn digests_are_64_hex_digits_and_tell_recipes_apart() {
        let digests: BTreeSet<String> = RECIPES.iter().map(Recipe::digest).collect();
        assert!(digests.iter().all(|digest| digest.len() == 64));
        assert_eq!(digests.len(), RECIPES.len());
    }

    #[test]
    fn names_are_folders_and_in_order() {
        let directory = std::path::Path::new("/runtimes");
        for recipe in &RECIPES {
            hearth_api::runtime_tree::RuntimeTree::places(directory, recipe.name).unwrap();
        }
        assert!(RECIPES.is_sorted_by_key(|recipe| recipe.name), "`ls` shows them in this order");
    }
}
