//! The AWS SDK for JavaScript in the Node.js trees. AWS's own trees have all of its clients; these have those that
//! functions use most, and without type declarations and the copies for browsers that no function loads.

use super::build::{Build, remove, write};
use super::tools::Tool;
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One choice of versions.
#[derive(Debug)]
pub(super) struct Sdk {
    /// npm's lock file: the clients, all that they need, and the SHA-512 of each package.
    pub(super) lock: &'static str,
}

/// The last ones that run on Node.js 18.
pub(super) static FOR_NODE_18: Sdk = Sdk { lock: include_str!("files/aws-sdk-node18.lock.json") };
/// For Node.js 20 and later.
pub(super) static CURRENT: Sdk = Sdk { lock: include_str!("files/aws-sdk.lock.json") };

const UNUSED_FOLDERS: [&str; 3] = ["dist-es", "dist-types", ".bin"];
const UNUSED_FILES: [&str; 4] = [".d.ts", ".d.mts", ".map", ".md"];

#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
}

impl Sdk {
    /// The clients by name, with version.
    fn clients(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut lock: Lock = serde_json::from_str(self.lock).context("understand the lock file of the SDK")?;
        let root = lock.packages.remove("").context("find the SDK's clients in its lock file")?;
        Ok(root.dependencies)
    }
}

/// Puts it at `/var/runtime/node_modules`.
pub(super) fn install(build: &mut Build<'_>, sdk: &Sdk) -> anyhow::Result<()> {
    let folder = build.work.join("sdk");
    let clients = sdk.clients()?;
    write(&folder.join("package.json"), json!({ "name": "aws-sdk", "dependencies": clients }).to_string())?;
    write(&folder.join("package-lock.json"), sdk.lock)?;
    // `ci` installs what the lock file names and checks each package against it, or fails.
    let npm = Tool::on_host("npm").args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
    build.tools.run(npm.args([&folder]))?;
    let modules = folder.join("node_modules");
    prune(&modules)?;
    let place = build.tree.join("var/runtime/node_modules");
    let cp = Tool::on_host("cp").args(["--recursive", "--no-target-directory"]);
    build.tools.run(cp.args([&modules, &place]))?;
    build.sources.extend(clients.into_iter().map(|(name, version)| (format!("npm:{name}"), version)));
    Ok(())
}

/// Removes what no function on Node.js loads.
fn prune(folder: &Path) -> anyhow::Result<()> {
    let list = || fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>();
    for entry in list().with_context(|| format!("list {}", folder.display()))? {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type().with_context(|| format!("look at {}", path.display()))?;
        if kind.is_dir() && !UNUSED_FOLDERS.contains(&&*name) {
            prune(&path)?;
        } else if kind.is_dir() || UNUSED_FILES.iter().any(|suffix| name.ends_with(suffix)) {
            remove(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_pinned_to_what_is_locked() {
        for sdk in [&FOR_NODE_18, &CURRENT] {
            let lock: serde_json::Value = serde_json::from_str(sdk.lock).unwrap();
            let packages = lock["packages"].as_object().unwrap();
            for (name, version) in sdk.clients().unwrap() {
                assert_eq!(packages[&format!("node_modules/{name}")]["version"], version, "{name}");
            }
            let pinned = sdk.lock.matches("\"integrity\": \"sha512-").count();
            assert_eq!(pinned, packages.len() - 1, "all but the root");
        }
    }

    #[test]
    fn what_functions_use_most_is_there() {
        for sdk in [&FOR_NODE_18, &CURRENT] {
            let clients = sdk.clients().unwrap();
            for name in ["client-dynamodb", "client-lambda", "client-s3", "client-sns", "client-sqs", "lib-dynamodb"] {
                assert!(clients.contains_key(&format!("@aws-sdk/{name}")), "{name}");
            }
        }
    }

    #[test]
    fn declarations_go_and_code_stays() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a/dist-cjs/index.js", "a/dist-es/index.js", "a/index.d.ts", "a/package.json", "b/README.md"] {
            write(&folder.path().join(file), "x").unwrap();
        }
        prune(folder.path()).unwrap();
        let there = |file: &str| folder.path().join(file).exists();
        assert!(there("a/dist-cjs/index.js") && there("a/package.json"));
        assert!(!there("a/dist-es") && !there("a/index.d.ts") && !there("b/README.md"));
    }
}
