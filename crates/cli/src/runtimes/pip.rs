//! Packages of PyPI, with the host's pip and its settings. Wheels only, each pinned to one file: nothing is built and no
//! code of a package runs.

use super::build::{Build, write};
use super::tools::Tool;
use std::path::Path;

/// Of wheels that run in every tree: Debian 11's C library is the oldest, 2.31. pip takes the first two for different
/// things, though they are the same.
const PLATFORMS: [&str; 3] = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"];

/// Installs what `requirements` pin into `target`, for CPython `python` on x86_64.
pub(super) fn install(build: &mut Build<'_>, requirements: &str, python: &str, target: &Path) -> anyhow::Result<()> {
    let file = build.work.join("requirements.txt");
    write(&file, requirements)?;
    let pip = Tool::on_host("python3")
        // A user's own `user = true` contradicts `--target`.
        .env("PIP_USER", "0")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-conflicts"])
        .args(["--root-user-action=ignore", "--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:"])
        .args(["--implementation", "cp", "--python-version", python])
        .args(PLATFORMS.iter().flat_map(|platform| ["--platform", *platform]))
        .args(["--requirement".as_ref(), file.as_os_str(), "--target".as_ref(), target.as_os_str()]);
    build.tools.run(pip)?;
    build.sources.extend(pinned(requirements).map(|(name, version)| (format!("pypi:{name}"), version.to_owned())));
    Ok(())
}

/// Name and version of every line.
pub(super) fn pinned(requirements: &str) -> impl Iterator<Item = (&str, &str)> {
    requirements.lines().filter_map(|line| line.split_ascii_whitespace().next()?.split_once("=="))
}
