//! `--install`: what the folder names as its dependencies, installed by the language's own tool into a copy of the
//! folder. The folder itself stays as it is.

use super::folder::{Entry, EntryKind};
use anyhow::{Context as _, bail, ensure};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installer<'a> {
    /// pip, for this version of Python.
    Pip(&'a str),
    /// npm.
    Npm,
}

/// Copies `entries` to `copy` and installs there what they name.
///
/// # Errors
///
/// That nothing is named, that the tool is missing, or what it said when it failed.
pub(super) fn install(entries: &[Entry], copy: &Path, runtime: &str) -> anyhow::Result<()> {
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    let installer = installer(runtime, has)?;
    copy_all(entries, copy)?;
    match installer {
        Installer::Pip(version) => pip(copy, version),
        Installer::Npm => run(&mut npm(copy, has("package-lock.json"))),
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    // What it says is progress, and standard output is for the answer.
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    let status = command.status().with_context(|| format!("start {name}, which --install needs"))?;
    ensure!(status.success(), "{name} could not install the dependencies ({status})");
    Ok(())
}

fn installer(runtime: &str, has: impl Fn(&str) -> bool) -> anyhow::Result<Installer<'_>> {
    if let Some(version) = runtime.strip_prefix("python") {
        ensure!(has("requirements.txt"), "--install needs a requirements.txt in the folder");
        return Ok(Installer::Pip(version));
    }
    if runtime.starts_with("nodejs") {
        ensure!(has("package.json"), "--install needs a package.json in the folder");
        return Ok(Installer::Npm);
    }
    bail!("--install knows Python (requirements.txt) and Node.js (package.json), not {runtime}")
}

/// Wheels for the function's Python, whatever this machine's is.
///
/// In two steps, because `pip install --python-version` holds what it has found for the function's Python against
/// `Requires-Python` with this machine's; `pip download` does not.
fn pip(copy: &Path, version: &str) -> anyhow::Result<()> {
    let wheels = tempfile::tempdir().context("make a folder for wheels")?;
    let mut download = pip_command("download", copy, version);
    run(download.arg("--dest").arg(wheels.path()).arg("--requirement").arg(copy.join("requirements.txt")))?;
    let mut found = Vec::new();
    for wheel in fs::read_dir(wheels.path()).context("read the folder of wheels")? {
        found.push(wheel.context("read the folder of wheels")?.path());
    }
    if !found.is_empty() {
        let mut install = pip_command("install", copy, version);
        // A user's own `user = true` contradicts `--target`; hashes were for the download.
        install.env("PIP_USER", "0").env("PIP_REQUIRE_HASHES", "0");
        install.args(["--no-index", "--no-deps", "--ignore-requires-python", "--root-user-action=ignore"]);
        run(install.arg("--target").arg(copy).args(found))?;
    }
    wheels.close().context("remove the folder of wheels")
}

fn pip_command(what: &str, copy: &Path, version: &str) -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-m", "pip", what, "--disable-pip-version-check", "--no-input"])
        .args(["--implementation", "cp", "--python-version", version, "--only-binary=:all:"])
        .args(["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"])
        .current_dir(copy);
    command
}

fn npm(copy: &Path, locked: bool) -> Command {
    let mut command = Command::new("npm");
    command.arg(if locked { "ci" } else { "install" });
    command.args(["--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"]).current_dir(copy);
    command
}

fn copy_all(entries: &[Entry], copy: &Path) -> anyhow::Result<()> {
    for Entry { name, path, kind, .. } in entries {
        let to = copy.join(name);
        let copying = || format!("copy {}", path.display());
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(copying)?;
        }
        match kind {
            EntryKind::Link(target) => std::os::unix::fs::symlink(target, &to).with_context(copying)?,
            EntryKind::File { .. } => {
                fs::copy(path, &to).with_context(copying)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::folder::entries;
    use super::super::ignore::Rules;
    use super::*;

    #[test]
    fn each_language_has_its_own_tool() {
        let all = |_: &str| true;
        assert_eq!(installer("python3.12", all).unwrap(), Installer::Pip("3.12"));
        assert_eq!(installer("nodejs22.x", all).unwrap(), Installer::Npm);
        assert!(installer("provided.al2023", all).unwrap_err().to_string().contains("not provided.al2023"));
        let none = |_: &str| false;
        assert!(installer("python3.12", none).unwrap_err().to_string().contains("requirements.txt"));
        assert!(installer("nodejs22.x", none).unwrap_err().to_string().contains("package.json"));
    }

    #[test]
    fn the_copy_is_what_the_package_would_hold() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("app.py", "1"), ("lib/a.py", "2"), (".git/HEAD", "3")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("app.py", folder.path().join("main.py")).unwrap();
        let copy = tempfile::tempdir().unwrap();
        copy_all(&entries(folder.path(), &Rules::usual()).unwrap(), copy.path()).unwrap();
        assert_eq!(fs::read_to_string(copy.path().join("main.py")).unwrap(), "1");
        assert_eq!(fs::read_to_string(copy.path().join("lib/a.py")).unwrap(), "2");
        assert!(!copy.path().join(".git").exists());
    }
}
