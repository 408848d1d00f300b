//! The native module of AWS's Node.js client, built in a throw-away Debian root: the host needs no compiler.
//!
//! It uses Node-API only, so one module serves every Node.js that the client supports. Building takes a minute or two:
//! the module is kept under a name that tells everything it was built from.

use super::build::{Build, copy, create_folder, remove};
use super::debian::{self, BOOKWORM};
use super::node::{Client, Node};
use super::tools::{Inside, Tool};
use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::os::unix::fs::symlink;

/// How it is built.
pub(super) const SCRIPT: &str = include_str!("files/native.sh");
/// What every Debian has, and scripts that build things take for granted.
const SHELL: [&str; 12] = [
    "bash",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "mawk",
    "sed",
    "tar",
];
/// Commands that scripts of packages would have linked.
const ALTERNATIVES: [(&str, &str); 3] = [("awk", "mawk"), ("automake", "automake-1.16"), ("aclocal", "aclocal-1.16")];
/// What the client calls it.
pub(super) const MODULE: &str = "rapid-client.node";

/// Leaves the module at `work/rapid-client.node`, from the cache or freshly built.
pub(super) fn build(build: &mut Build<'_>, node: &Node) -> anyhow::Result<()> {
    let module = build.work.join(MODULE);
    let cached = build.cache.join(format!("{}-{MODULE}", key(node.client)));
    if cached.is_file() {
        return copy(&cached, &module);
    }
    let root = build.work.join("compilers");
    let packages: Vec<&str> = SHELL.iter().chain(node.client.compilers).copied().collect();
    debian::bootstrap(build.tools, BOOKWORM, &packages, &root, &build.work)?;
    for (name, target) in ALTERNATIVES {
        if root.join("usr/bin").join(target).exists() {
            symlink(target, root.join("usr/bin").join(name)).with_context(|| format!("link {name} to {target}"))?;
        }
    }
    let packages = root.join("build");
    fs::rename(build.work.join("packages"), &packages).context("move the packages into the build root")?;
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let environment = [("PATH", "/usr/sbin:/usr/bin"), ("LANG", "C.UTF-8"), ("MAKEFLAGS", &format!("-j{jobs}"))];
    let script = ["/bin/sh", "-c", SCRIPT, "native.sh", node.client.source];
    build.tools.run(Tool::inside(&root, Inside::Writable, &environment, &script))?;
    copy(&packages.join(MODULE), &module)?;
    fs::rename(&packages, build.work.join("packages")).context("move the packages out of the build root")?;
    remove(&root)?;

    create_folder(&build.cache)?;
    // Whole or not at all: a cut-off copy must not be found by the next build.
    let partial = cached.with_extension("partial");
    copy(&module, &partial)?;
    fs::rename(&partial, &cached).with_context(|| format!("keep {}", cached.display()))
}

/// Tells everything that goes into the module. Not the Node.js whose headers it happens to be built with: Node-API is
/// the same in all of them. Nor Debian's security fixes to the compiler.
fn key(client: &Client) -> String {
    let mut hash = Sha256::new();
    for part in [BOOKWORM.suite, SCRIPT, client.package.sha512, client.headers.sha512, std::env::consts::ARCH] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
