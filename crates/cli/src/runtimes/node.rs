//! Node.js, AWS's client for it, and the AWS SDK for JavaScript, all out of npm, on a tree out of Debian.

use super::build::{Build, copy, create_folder, write};
use super::debian::BOOKWORM;
use super::native::{self, MODULE};
use super::npm::{self, Package};
use super::recipe::{BASE, Recipe, Smoke, Step, owned};
use super::{sdk, sdk::Sdk};
use anyhow::Context as _;
use std::os::unix::fs::PermissionsExt as _;

/// Starts `run()` of the client.
const LAUNCHER: &str = include_str!("files/index.mjs");
/// Starts Node.js with the features that AWS turns off turned off.
const BOOTSTRAP: &str = include_str!("files/bootstrap-node.sh");
/// What stands for those features in [`BOOTSTRAP`].
const FEATURES: &str = "@features@";
const NODE: &str = "/var/lang/bin/node";
/// Imports the SDK as an ES module, so that the tree must lead there.
const SMOKE: Smoke = Smoke { file: "smoke.mjs", content: include_bytes!("files/smoke.mjs"), handler: "smoke.handler" };
/// For trees that may have no SDK.
pub(super) const PLAIN_SMOKE: Smoke =
    Smoke { file: "smoke.js", content: include_bytes!("files/smoke.js"), handler: "smoke.handler" };

/// One version of Node.js.
#[derive(Debug)]
pub(super) struct Node {
    /// Such as `20`.
    pub(super) major: u8,
    /// Node.js itself, with the headers of Node-API.
    pub(super) package: Package,
    /// AWS's client for it.
    pub(super) client: &'static Client,
    /// The SDK beside it.
    pub(super) sdk: &'static Sdk,
    /// Experimental features that AWS turns off, unless `NODE_OPTIONS` turns them on.
    ///
    /// Source: AWS Lambda developer guide, "Building Lambda functions with Node.js", 2025.
    pub(super) off: &'static [&'static str],
}

/// One version of AWS's client.
#[derive(Debug)]
pub(super) struct Client {
    /// Itself.
    pub(super) package: Package,
    /// The headers that its native module is built with, of the version that it asks for.
    pub(super) headers: Package,
    /// The source of its native module, which a C library, a C++ library and curl are built for.
    pub(super) source: &'static str,
    /// Debian packages that build all that.
    pub(super) compilers: &'static [&'static str],
    /// The folder that the module belongs into.
    pub(super) place: &'static str,
    /// Its files in the tree, beside the module.
    files: &'static [&'static str],
    start: Start,
}

/// How a client starts.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// Importing it does.
    Import,
    /// Its command-line program prints a line that no log on AWS has; a launcher of ours does the same without.
    Launcher,
}

/// For Node.js up to 22.
pub(super) static CLIENT_3: Client = Client {
    package: Package {
        name: "aws-lambda-ric",
        version: "3.3.0",
        sha512: "9p06TbKVK4a050NY/vYOxhMHvnIiUu5o1W0//q6yNLSqA/c91pn4BOj3C3sRTpplkUNsGJdU5qWyU2STo6L8hA==",
    },
    headers: Package {
        name: "node-addon-api",
        version: "6.1.0",
        sha512: "+eawOlIgy680F0kBzPUNFhMZGtJ1YmqM6l4+Crf4IkImjYrO/mqPwRMh352g23uIaQKFItcQ64I7KMaJxHgAVA==",
    },
    source: "src/rapid-client.cc",
    compilers: &["autoconf", "automake", "cmake", "g++", "libtool", "make"],
    place: "dist",
    files: &["package.json", "LICENSE", "NOTICE", "THIRD-PARTY-LICENSES", "dist/index.mjs"],
    start: Start::Launcher,
};

/// For Node.js 24 and later: it refuses handlers with a callback, as AWS does there and not before.
pub(super) static CLIENT_4: Client = Client {
    package: Package {
        name: "aws-lambda-ric",
        version: "4.0.2",
        sha512: "FE5Vskx7mYNnqAnWWJXUOsLp2VGgdsJsCoRLFTa8L4Yk0QVtArqR8q58yPA++QC1a73ZWJXBQ2AH31nIAv7NOQ==",
    },
    headers: Package {
        name: "node-addon-api",
        version: "8.9.2",
        sha512: "VijLXbi3UACN69I0JVXJsX4tjACjNoQDgv2gTF6sx2wWEi8tkSg2eX8p5gSIFi8z2+DL3oHmY6OyKce38SDolg==",
    },
    source: "src/native/rapid-client.cc",
    compilers: &["cmake", "g++", "make", "xz-utils"],
    place: ".",
    files: &["package.json", "LICENSE", "NOTICE", "THIRD-PARTY-LICENSES", "index.mjs"],
    start: Start::Import,
};

/// The recipe of one version.
pub(super) fn recipe(name: &'static str, version: String, node: &'static Node) -> Recipe {
    let [verify, smoke] = Step::proofs();
    let client = node.client;
    let (programs, arguments) = match (client.start, node.off) {
        (Start::Import, _) => (vec![NODE.to_owned()], vec![format!("/var/runtime/{}/index.mjs", client.package.name)]),
        (Start::Launcher, []) => (vec![NODE.to_owned()], vec!["/var/runtime/index.mjs".to_owned()]),
        (Start::Launcher, _) => (vec!["/var/runtime/bootstrap".to_owned()], Vec::new()),
    };
    let modules = [
        format!("/opt/nodejs/node{}/node_modules", node.major),
        "/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task".to_owned(),
    ];
    let mut inputs = vec![LAUNCHER.to_owned(), bootstrap(node), native::SCRIPT.to_owned(), node.sdk.lock.to_owned()];
    inputs.extend([&node.package, &client.package, &client.headers].map(|package| package.sha512.to_owned()));
    Recipe {
        name,
        version,
        release: BOOKWORM,
        packages: owned(&BASE),
        programs,
        arguments,
        environment: vec![
            ("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{name}")),
            ("NODE_PATH".to_owned(), modules.join(":")),
        ],
        inputs,
        steps: vec![
            Step::new("fetching Node.js and AWS's client", move |build| fetch(build, node)),
            Step::unpack(),
            Step::new("building the client's native module", move |build| native::build(build, node)),
            Step::new("putting Node.js and the client into the tree", move |build| install(build, node)),
            Step::new("fetching the AWS SDK", move |build| sdk::install(build, node.sdk)),
            Step::finish(),
            verify,
            smoke,
        ],
        verify: owned(&[NODE, "--input-type=module", "-e", include_str!("files/verify.mjs")]),
        smoke: Some(SMOKE),
    }
}

fn fetch(build: &mut Build<'_>, node: &Node) -> anyhow::Result<()> {
    let wanted = [("node", &node.package), ("client", &node.client.package), ("node-addon-api", &node.client.headers)];
    npm::fetch(build, &wanted)?;
    for (_, package) in wanted {
        build.sources.insert(format!("npm:{}", package.name), package.version.to_owned());
    }
    Ok(())
}

/// Puts Node.js, the client and what starts it into the tree.
fn install(build: &mut Build<'_>, node: &Node) -> anyhow::Result<()> {
    let packages = build.work.join("packages");
    let runtime = build.tree.join("var/runtime");
    let home = runtime.join(node.client.package.name);
    copy(&packages.join("node/bin/node"), &build.tree.join("var/lang/bin/node"))?;
    for file in node.client.files {
        copy(&packages.join("client").join(file), &home.join(file))?;
    }
    copy(&build.work.join(MODULE), &home.join(node.client.place).join(MODULE))?;
    if matches!(node.client.start, Start::Launcher) {
        write(&runtime.join("index.mjs"), LAUNCHER)?;
    }
    if !node.off.is_empty() {
        let path = runtime.join("bootstrap");
        write(&path, bootstrap(node))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", path.display()))?;
    }
    // What an ES module imports is looked for in /var/task/node_modules, then here; never along NODE_PATH.
    create_folder(&runtime.join("node_modules"))?;
    let link = build.tree.join("var/node_modules");
    std::os::unix::fs::symlink("runtime/node_modules", &link).with_context(|| format!("link {}", link.display()))
}

fn bootstrap(node: &Node) -> String {
    BOOTSTRAP.replace(FEATURES, &node.off.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{Kind, RUNTIMES};
    use super::*;
    use std::process::Command;

    fn node(name: &str) -> &'static Node {
        match &RUNTIMES.iter().find(|runtime| runtime.name == name).unwrap().kind {
            Kind::Node(node) => node,
            other => panic!("{other:?}"),
        }
    }

    fn started_with(node: &Node, options: &str) -> String {
        let script = bootstrap(node).replace(NODE, "echo");
        let output =
            Command::new("sh").args(["-c", &script]).env_clear().env("NODE_OPTIONS", options).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    #[test]
    fn a_wrapper_gets_the_whole_command() {
        let script = bootstrap(node("nodejs20.x"));
        let run = |wrapper: &str| {
            let command = &mut Command::new("sh");
            let output =
                command.args(["-c", &script]).env_clear().env("AWS_LAMBDA_EXEC_WRAPPER", wrapper).output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let command = "/var/lang/bin/node --no-experimental-require-module /var/runtime/index.mjs\n";
        assert_eq!(run("/bin/echo"), (Some(0), command.to_owned()));
        assert_eq!(run("/no/such"), (Some(127), "/no/such: does not exist\n".to_owned()));
        assert_eq!(run("/etc/passwd"), (Some(126), "/etc/passwd: is not an executable\n".to_owned()));
    }

    #[test]
    fn features_are_off_unless_asked_for() {
        let (twenty, twenty_two) = (node("nodejs20.x"), node("nodejs22.x"));
        assert_eq!(started_with(twenty, ""), "--no-experimental-require-module /var/runtime/index.mjs");
        let both = "--no-experimental-detect-module --no-experimental-require-module /var/runtime/index.mjs";
        assert_eq!(started_with(twenty_two, "--enable-source-maps"), both);
        let one = "--no-experimental-detect-module /var/runtime/index.mjs";
        assert_eq!(started_with(twenty_two, "--trace-warnings --experimental-require-module"), one);
    }

    #[test]
    fn callback_handlers_end_with_node_24() {
        for (name, version) in
            [("nodejs18.x", "3.3.0"), ("nodejs20.x", "3.3.0"), ("nodejs22.x", "3.3.0"), ("nodejs24.x", "4.0.2")]
        {
            assert_eq!(node(name).client.package.version, version, "{name}");
        }
    }
}
