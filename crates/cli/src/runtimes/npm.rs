//! Packages out of npm, with the host's npm and its settings, each pinned to one file by SHA-512. No script of any
//! package runs.

use super::build::{Build, create_folder};
use super::tools::Tool;
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};
use std::fs;
use std::path::Path;

/// One package, one version, one file.
#[derive(Debug)]
pub(super) struct Package {
    /// Its name, which has no scope.
    pub(super) name: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// Of the package's file, base64: npm calls it `integrity`.
    pub(super) sha512: &'static str,
}

/// Fetches and checks packages, and unpacks each into its folder of `work/packages`.
pub(super) fn fetch(build: &mut Build<'_>, wanted: &[(&str, &Package)]) -> anyhow::Result<()> {
    let (archives, packages) = (build.work.join("archives"), build.work.join("packages"));
    create_folder(&archives)?;
    let specs = wanted.iter().map(|(_, package)| format!("{}@{}", package.name, package.version));
    let pack = Tool::on_host("npm").args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]);
    build.tools.run(pack.args([&archives]).args(specs))?;
    for (folder, package) in wanted {
        let archive = archives.join(format!("{}-{}.tgz", package.name, package.version));
        check(&archive, package)?;
        let folder = packages.join(folder);
        create_folder(&folder)?;
        let tar =
            Tool::on_host("tar").args(["--extract", "--gzip", "--no-same-owner", "--strip-components=1", "--file"]);
        build.tools.run(tar.args([&archive]).args(["--directory"]).args([&folder]))?;
    }
    Ok(())
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
        let other = Package { name: "node-addon-api", version: "6.1.0", sha512: "+eaw" };
        let error = check(&archive, &other).unwrap_err().to_string();
        assert!(error.starts_with("node-addon-api 6.1.0 from npm is not the expected file"), "{error}");
    }
}
