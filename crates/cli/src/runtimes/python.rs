//! AWS's Python client and SDK out of PyPI, on CPython out of Debian or out of a prefix on disk.

use super::build::{Build, create_folder, remove, write};
use super::debian::Release;
use super::pip;
use super::prefix::{self, Prefix};
use super::recipe::{BASE, Recipe, Smoke, Step, owned};
use super::tools::Inside;
use anyhow::Context as _;
use hearth_api::runtime_tree::HANDLER;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Where Python looks beside `PYTHONPATH`: layers first, so that a layer's boto3 wins over the runtime's, as on AWS.
const PATHS: &str = include_str!("files/lambda.pth");
/// What stands for the version in [`PATHS`].
const VERSION: &str = "3.X";
/// The same for every version.
pub(super) const SMOKE: Smoke =
    Smoke { file: "smoke.py", content: include_bytes!("files/smoke.py"), handler: "smoke.handler" };

/// One version of Python.
#[derive(Debug)]
pub(super) struct Python {
    /// Such as `3.11`.
    pub(super) version: &'static str,
    /// The Debian release that has it, if one does.
    pub(super) release: Option<Release>,
    /// Every package with version and SHA-256.
    pub(super) requirements: &'static str,
}

/// Where CPython is in the tree.
#[derive(Clone, Copy, Debug)]
enum Home {
    /// Debian's own places, with links where AWS has it.
    Debian,
    /// `/var/lang`, as on AWS.
    Lang,
}

impl Home {
    fn standard_library(self, version: &str) -> String {
        match self {
            Self::Debian => format!("usr/lib/python{version}"),
            Self::Lang => format!("var/lang/lib/python{version}"),
        }
    }

    fn paths_file(self, version: &str) -> String {
        match self {
            Self::Debian => "usr/lib/python3/dist-packages/lambda.pth".to_owned(),
            Self::Lang => format!("var/lang/lib/python{version}/site-packages/lambda.pth"),
        }
    }
}

/// The recipe with CPython of Debian.
pub(super) fn from_debian(name: &'static str, version: String, python: &'static Python, release: Release) -> Recipe {
    let mut recipe = common(name, version, python, release, Home::Debian);
    recipe.packages.insert(0, format!("python{}", python.version));
    recipe
}

/// The recipe with CPython of a prefix on this machine.
pub(super) fn from_prefix(name: &'static str, version: String, python: &'static Python, prefix: Prefix) -> Recipe {
    let mut recipe = common(name, version, python, prefix.release, Home::Lang);
    recipe.inputs.push(prefix.fingerprint.clone());
    recipe.steps.insert(1, Step::new("copying Python", move |build| prefix::copy(build, python.version, &prefix)));
    recipe
}

fn common(name: &'static str, version: String, python: &'static Python, release: Release, home: Home) -> Recipe {
    let program = format!("/var/lang/bin/python{}", python.version);
    let [verify, smoke] = Step::proofs();
    Recipe {
        name,
        version,
        release,
        packages: owned(&[BASE.as_slice(), release.more_time_zones].concat()),
        programs: vec![program.clone()],
        arguments: owned(&["-m", "awslambdaric", HANDLER]),
        environment: vec![
            ("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{name}")),
            ("PYTHONPATH".to_owned(), "/var/runtime".to_owned()),
        ],
        inputs: vec![python.requirements.to_owned(), paths(python)],
        steps: vec![
            Step::unpack(),
            Step::new("fetching AWS's client and boto3", move |build| fetch(build, python)),
            Step::new("putting both where Python finds them", move |build| install(build, python, home)),
            Step::finish(),
            Step::new("compiling to byte code", move |build| compile(build, python, home)),
            verify,
            smoke,
        ],
        verify: vec![program, "-c".to_owned(), include_str!("files/verify.py").to_owned()],
        smoke: Some(SMOKE),
    }
}

fn paths(python: &Python) -> String {
    PATHS.replace(VERSION, python.version)
}

/// Fetches the packages into `/var/runtime`.
fn fetch(build: &mut Build<'_>, python: &Python) -> anyhow::Result<()> {
    let runtime = build.tree.join("var/runtime");
    pip::install(build, python.requirements, python.version, &runtime)?;
    // Command-line programs of the packages, with this host's paths in them.
    remove(&runtime.join("bin"))
}

/// Makes Python find the packages, and takes away what no function needs.
fn install(build: &mut Build<'_>, python: &Python, home: Home) -> anyhow::Result<()> {
    write(&build.tree.join(home.paths_file(python.version)), paths(python))?;
    let standard = build.tree.join(home.standard_library(python.version));
    for unused in ["test", "idlelib", "ensurepip", "lib2to3/tests", "sitecustomize.py"] {
        remove(&standard.join(unused))?;
    }
    let programs = build.tree.join("var/lang/bin");
    create_folder(&programs)?;
    let full = format!("python{}", python.version);
    if matches!(home, Home::Debian) {
        link(&format!("/usr/bin/{full}"), &programs.join(&full))?;
    }
    link(&full, &programs.join("python3"))?;
    link("python3", &programs.join("python"))
}

/// Compiles everything to byte code that is never checked against its source: the tree is read-only, and times of
/// files do not survive every way of copying it.
fn compile(build: &mut Build<'_>, python: &Python, home: Home) -> anyhow::Result<()> {
    let (program, standard) =
        (format!("/var/lang/bin/python{}", python.version), format!("/{}", home.standard_library(python.version)));
    let how = ["-m", "compileall", "-q", "-j0", "--invalidation-mode", "unchecked-hash"];
    let words = [&[program.as_str()], how.as_slice(), &[&standard, "/var/runtime"]].concat();
    build.run_inside(Inside::Writable, &[("PATH", "/usr/bin"), ("LANG", "C.UTF-8")], &words)
}

fn link(target: &str, path: &Path) -> anyhow::Result<()> {
    symlink(target, path).with_context(|| format!("link {} to {target}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{Kind, RUNTIMES};
    use super::*;

    fn all() -> impl Iterator<Item = &'static Python> {
        RUNTIMES.iter().filter_map(|runtime| match &runtime.kind {
            Kind::Python(python) => Some(python),
            Kind::Node(_) | Kind::Java(_) | Kind::Provided | Kind::Foreign(_) => None,
        })
    }

    #[test]
    fn every_requirement_is_pinned_to_one_file() {
        assert_eq!(all().count(), 6);
        for python in all() {
            let lines: Vec<&str> = python.requirements.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(lines.len(), pip::pinned(python.requirements).count());
            assert!(lines.iter().all(|line| line.matches(" --hash=sha256:").count() == 1), "{lines:?}");
            assert!(python.requirements.contains(&format!("CPython {} ", python.version)), "{}", python.version);
        }
    }

    #[test]
    fn layers_of_the_own_version_are_found() {
        for python in all() {
            assert!(paths(python).contains(&format!("/opt/python/lib/python{}/site-packages", python.version)));
        }
    }
}
