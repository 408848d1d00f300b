//! Trees out of Debian packages: mmdebstrap with the host's own mirror, signatures checked by apt.
//!
//! Names no mirror: what apt on this machine uses is used, for the release that is wanted whatever the host's own is.

use super::build::{Build, create_folder, write};
use super::tools::{Tool, Tools};
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// One release of Debian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// Its code name.
    pub(super) suite: &'static str,
    /// Version of its C library.
    pub(super) glibc: (u32, u32),
    /// What has the time zones' old names (`US/Eastern`) where `tzdata` has them no more.
    pub(super) more_time_zones: &'static [&'static str],
}

/// Debian 11.
pub(super) const BULLSEYE: Release = Release { suite: "bullseye", glibc: (2, 31), more_time_zones: &[] };
/// Debian 12: what everything is made of that needs no other.
pub(super) const BOOKWORM: Release = Release { suite: "bookworm", glibc: (2, 36), more_time_zones: &[] };
/// Debian 13.
pub(super) const TRIXIE: Release = Release { suite: "trixie", glibc: (2, 41), more_time_zones: &["tzdata-legacy"] };
/// Debian 14, which is not released yet.
pub(super) const FORKY: Release = Release { suite: "forky", glibc: (2, 43), more_time_zones: &["tzdata-legacy"] };

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Debian's releases and their aliases: what tells a Debian mirror from one of somebody else.
const SUITES: [&str; 9] =
    ["bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"];
/// The links of a merged /usr, before anything is unpacked: `extract` runs no maintainer script that would make them.
const MERGE_USR: &str =
    r#"for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; [ -e "$1/$d" ] || ln -s "usr/$d" "$1/$d"; done"#;
const LIST_PACKAGES: &str = r#"ls "$1/var/cache/apt/archives" >"$1/packages""#;

/// Unpacks the recipe's packages into the tree.
pub(super) fn unpack(build: &mut Build<'_>) -> anyhow::Result<()> {
    let packages: Vec<&str> = build.recipe.packages.iter().map(String::as_str).collect();
    bootstrap(build.tools, build.recipe.release, &packages, &build.tree, &build.work)?;
    let list = build.tree.join("packages");
    let names = fs::read_to_string(&list).with_context(|| format!("read {}", list.display()))?;
    build.sources.extend(versions(&names));
    super::build::remove(&list)
}

/// Makes a root of Debian packages and what they depend on at `root`, unpacked and nothing more: no script of theirs has
/// run, which also a user without ids to give can do. `work` is for temporary files.
pub(super) fn bootstrap(
    tools: &Tools,
    release: Release,
    packages: &[&str],
    root: &Path,
    work: &Path,
) -> anyhow::Result<()> {
    let targets = Tool::on_host("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    ]);
    let targets = String::from_utf8(tools.run(targets)?).context("understand `apt-get indextargets`")?;
    let settings = String::from_utf8(tools.run(Tool::on_host("apt-config").args(["dump"]))?);
    let settings = settings.context("understand `apt-config dump`")?;

    let temporary = work.join("apt");
    create_folder(&temporary)?;
    let mut tool = Tool::on_host("mmdebstrap")
        .env("TMPDIR", &temporary)
        // Everything in a tree is root's in the end.
        .env("TAR_OPTIONS", "--no-same-owner")
        .args([
            "--quiet",
            "--mode=root",
            "--variant=extract",
            "--skip=chroot/mount",
            &format!("--extract-hook={LIST_PACKAGES}"),
        ])
        .args([format!("--setup-hook={MERGE_USR}"), format!("--include={}", packages.join(","))])
        .args(
            ["doc", "man", "info", "locale", "lintian"]
                .map(|what| format!("--dpkgopt=path-exclude=/usr/share/{what}/*")),
        )
        .args(mirror_settings(&settings).map(|setting| format!("--aptopt={setting}")))
        .args([OsString::from(release.suite), root.into()]);
    let sources = sources(&targets, release.suite);
    if !sources.is_empty() {
        let file = work.join("debian.list");
        write(&file, sources.join("\n"))?;
        tool = tool.args([file]);
    }
    tools.run(tool)?;
    Ok(())
}

/// Lines for apt out of the host's own: those of the wanted release if it has them, else its Debian mirror with another
/// release; none if the host's apt knows no Debian (mmdebstrap then takes Debian's usual mirror).
fn sources(targets: &str, suite: &str) -> Vec<String> {
    let main: Vec<(&str, &str)> = targets
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (uri, release, component) = (words.next()?, words.next()?, words.next()?);
            let known = SUITES.contains(&release.split('-').next()?);
            (known && component == "main").then_some((uri, release))
        })
        .collect();
    let line = |uri: &str, release: &str| format!("deb [signed-by={KEYRING}] {uri} {release} main");
    let ours = |release: &str| release.strip_prefix(suite).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let mut lines: Vec<String> =
        main.iter().filter(|(_, release)| ours(release)).map(|(uri, release)| line(uri, release)).collect();
    if lines.is_empty() {
        for (uri, release) in main {
            match release.split_once('-') {
                None => lines.push(line(uri, suite)),
                Some((_, part @ ("updates" | "security"))) => lines.push(line(uri, &format!("{suite}-{part}"))),
                Some(_) => {}
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

/// What the host's apt is told about reaching and checking its mirror.
fn mirror_settings(dump: &str) -> impl Iterator<Item = &str> {
    let wanted = ["Acquire::Check-", "Acquire::http", "Acquire::https", "Acquire::Force", "Acquire::Retries"];
    dump.lines()
        .filter(move |line| wanted.iter().any(|prefix| line.starts_with(prefix)) && !line.ends_with("\"\";"))
        .map(|line| line.trim_end_matches(';'))
}

/// `python3.11_3.11.2-6_amd64.deb` is version 3.11.2-6 of python3.11; a colon in a version is written `%3a` there.
fn versions(files: &str) -> BTreeMap<String, String> {
    files
        .lines()
        .filter_map(|file| {
            let mut parts = file.strip_suffix(".deb")?.split('_');
            let (name, version) = (parts.next()?, parts.next()?);
            Some((format!("debian:{name}"), version.replace("%3a", ":")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_the_host_has_is_taken_as_it_is() {
        let targets = "http://mirror.example/debian/ bookworm main\nhttp://mirror.example/debian/ bookworm contrib\n\
                       http://mirror.example/security/ bookworm-security main\nhttps://other.example nodistro main\n";
        let lines = sources(targets, "bookworm");
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].ends_with("http://mirror.example/debian/ bookworm main"), "{lines:?}");
        assert!(lines[1].ends_with("http://mirror.example/security/ bookworm-security main"), "{lines:?}");
    }

    #[test]
    fn another_debian_lends_its_mirror() {
        let targets = "http://m.example/debian/ trixie main\nhttp://m.example/debian/ trixie-updates main\n\
                       http://m.example/debian/ trixie-backports main\nhttp://m.example/sec/ trixie-security main\n";
        let lines = sources(targets, "bookworm");
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines.iter().all(|line| line.contains(" bookworm")), "{lines:?}");
    }

    #[test]
    fn a_host_without_debian_leaves_it_to_mmdebstrap() {
        assert!(sources("http://ubuntu.example/ubuntu/ jammy main\n", "bookworm").is_empty());
    }

    #[test]
    fn only_settings_of_the_mirror_are_taken() {
        let dump = "Acquire \"\";\nAcquire::Check-Date \"false\";\nAcquire::http::Proxy \"http://p.example\";\n\
                    Acquire::https \"\";\nAPT::Install-Recommends \"false\";\n";
        let settings: Vec<&str> = mirror_settings(dump).collect();
        assert_eq!(settings, ["Acquire::Check-Date \"false\"", "Acquire::http::Proxy \"http://p.example\""]);
    }

    #[test]
    fn versions_come_from_file_names() {
        let versions = versions("partial\nlock\nlibc6_2.36-9_amd64.deb\nbash_1%3a5.2_amd64.deb\n");
        assert_eq!(versions.get("debian:libc6").map(String::as_str), Some("2.36-9"));
        assert_eq!(versions.get("debian:bash").map(String::as_str), Some("1:5.2"));
        assert_eq!(versions.len(), 2);
    }
}
