//! AWS's Python client and SDK out of PyPI, with the host's pip and its settings. Wheels only, each pinned to one file:
//! nothing is built and no code of a package runs.

use super::build::{Build, remove, write};
use super::tools::{Inside, Tool};
use anyhow::Context as _;
use std::fs;
use std::os::unix::fs::symlink;

/// Every package with version and SHA-256.
pub(super) const REQUIREMENTS: &str = include_str!("files/requirements-python3.11.txt");
/// Where Python looks beside `PYTHONPATH`: layers first, so that a layer's boto3 wins over the runtime's, as on AWS.
pub(super) const PATHS: &str = include_str!("files/lambda.pth");

/// Installs the packages at `/var/runtime`.
pub(super) fn fetch(build: &mut Build<'_>) -> anyhow::Result<()> {
    let requirements = build.work.join("requirements.txt");
    write(&requirements, REQUIREMENTS)?;
    let runtime = build.tree.join("var/runtime");
    let pip = Tool::on_host("python3")
        // A user's own `user = true` contradicts `--target`.
        .env("PIP_USER", "0")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-conflicts"])
        .args(["--root-user-action=ignore", "--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:"])
        .args(["--implementation", "cp", "--python-version", "3.11"])
        .args(["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"])
        .args(["--requirement".as_ref(), requirements.as_os_str(), "--target".as_ref(), runtime.as_os_str()]);
    build.tools.run(pip)?;
    // Command-line programs of the packages, with this host's paths in them.
    remove(&runtime.join("bin"))?;
    build.sources.extend(pinned().map(|(name, version)| (format!("pypi:{name}"), version.to_owned())));

    write(&build.tree.join("usr/lib/python3/dist-packages/lambda.pth"), PATHS)?;
    let standard = build.tree.join("usr/lib/python3.11");
    for unused in ["test", "idlelib", "ensurepip", "lib2to3/tests", "sitecustomize.py"] {
        remove(&standard.join(unused))?;
    }
    let programs = build.tree.join("var/lang/bin");
    fs::create_dir_all(&programs).with_context(|| format!("make the folder {}", programs.display()))?;
    for (target, link) in [("/usr/bin/python3.11", "python3.11"), ("python3.11", "python3"), ("python3", "python")] {
        symlink(target, programs.join(link)).with_context(|| format!("link {link} to {target}"))?;
    }
    Ok(())
}

/// Compiles everything to byte code that is never checked against its source: the tree is read-only, and times of
/// files do not survive every way of copying it.
pub(super) fn compile(build: &mut Build<'_>) -> anyhow::Result<()> {
    let program = [
        "/usr/bin/python3.11",
        "-m",
        "compileall",
        "-q",
        "-j0",
        "--invalidation-mode",
        "unchecked-hash",
        "/usr/lib/python3.11",
        "/var/runtime",
    ];
    build.run_inside(Inside::Writable, &[("PATH", "/usr/bin"), ("LANG", "C.UTF-8")], &program)
}

/// Name and version of every line of the requirements.
fn pinned() -> impl Iterator<Item = (&'static str, &'static str)> {
    REQUIREMENTS.lines().filter_map(|line| line.split_ascii_whitespace().next()?.split_once("=="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned_to_one_file() {
        let lines: Vec<&str> = REQUIREMENTS.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), pinned().count());
        assert!(lines.iter().all(|line| line.matches(" --hash=sha256:").count() == 1), "{lines:?}");
    }
}
