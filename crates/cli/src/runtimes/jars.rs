//! The jars of AWS's client for Java, which somebody brings: in no registry that Hearth uses.

use super::tree::machine_of;
use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// A class of each artifact that is needed.
const CLASSES: [(&str, &str); 3] = [
    ("aws-lambda-java-runtime-interface-client", "com/amazonaws/services/lambda/runtime/api/client/AWSLambda.class"),
    ("aws-lambda-java-core", "com/amazonaws/services/lambda/runtime/Context.class"),
    ("aws-lambda-java-serialization", "com/amazonaws/services/lambda/runtime/serialization/PojoSerializer.class"),
];
/// Where the client has its native library, which it unpacks when it starts.
const NATIVE: &str = "jni/libaws-lambda-jni.linux-";
/// What the client calls machines.
const MACHINES: [(&str, &str); 2] = [("x86_64", "x86_64"), ("aarch64", "aarch_64")];
/// What brings all of them.
const ADVICE: &str = "what `mvn dependency:copy-dependencies -DincludeScope=runtime` writes for a project that depends on \
                      com.amazonaws:aws-lambda-java-runtime-interface-client has all that are needed";
/// In a folder, at most (ours: a client has about five).
const JARS: usize = 100;
/// Of all together, bytes (ours).
const BYTES: u64 = 200 << 20;

/// Jars that have the client.
#[derive(Debug)]
pub(super) struct Jars {
    /// Where they are.
    pub(super) folder: PathBuf,
    /// By name: their digests.
    pub(super) files: BTreeMap<String, String>,
}

impl Jars {
    /// Whether a folder has any jar.
    pub(super) fn are_in(folder: &Path) -> bool {
        fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| is_jar(&entry.path())))
    }

    /// Looks into the jars of a folder.
    ///
    /// # Errors
    ///
    /// What is no jar, is missing, or is for other machines.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
        let mut paths = list().with_context(|| format!("list {}", folder.display()))?;
        paths.retain(|path| is_jar(path));
        ensure!(paths.len() <= JARS, "it has {} jars: give a folder with those of AWS's client alone", paths.len());
        let mut missing: Vec<(&str, &str)> = CLASSES.to_vec();
        let mut files = BTreeMap::new();
        let mut natives = Vec::new();
        let mut bytes = 0;
        for path in paths {
            let (Some(name), looking) = (path.file_name(), || format!("read {}", path.display())) else { continue };
            let name = name.to_str().with_context(|| format!("{} has a name that is not UTF-8", path.display()))?;
            let content = content(&path, &mut bytes).with_context(looking)?;
            let mut jar = ZipArchive::new(std::io::Cursor::new(&content))
                .with_context(|| format!("{name} is no jar, or a part of one"))?;
            missing.retain(|(_, class)| jar.index_for_name(class).is_none());
            natives.extend(native(&mut jar).with_context(looking)?);
            files.insert(name.to_owned(), hex::encode(Sha256::digest(&content)));
        }
        if !missing.is_empty() {
            let artifacts: Vec<&str> = missing.iter().map(|(artifact, _)| *artifact).collect();
            bail!("none of its jars is {}: {ADVICE}", artifacts.join(", or "));
        }
        let here = std::env::consts::ARCH;
        let fits = natives.iter().any(|machine| machine == here);
        ensure!(fits, "its client is for {}, this machine is {here}: {ADVICE}", listed(&natives));
        Ok(Self { folder: folder.to_owned(), files })
    }
}

fn is_jar(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jar") && path.is_file()
}

fn content(path: &Path, bytes: &mut u64) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(BYTES + 1 - *bytes).read_to_end(&mut content)?;
    *bytes += content.len() as u64;
    ensure!(*bytes <= BYTES, "the jars are larger than {} MB: give those of AWS's client alone", BYTES >> 20);
    Ok(content)
}

/// For which machines a jar has the client's library, by what its files are and not by what they are called.
fn native<R: std::io::Read + std::io::Seek>(jar: &mut ZipArchive<R>) -> anyhow::Result<Vec<String>> {
    let mut machines = Vec::new();
    for (machine, called) in MACHINES {
        let Some(index) = jar.index_for_name(&format!("{NATIVE}{called}.so")) else { continue };
        let mut head = [0; 20];
        jar.by_index(index)?.read_exact(&mut head)?;
        let is = machine_of(&head).unwrap_or("another machine");
        machines.extend((is == machine).then(|| is.to_owned()));
    }
    Ok(machines)
}

fn listed(machines: &[String]) -> String {
    if machines.is_empty() { "no machine that Hearth knows".to_owned() } else { machines.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    /// The head of a shared library for a machine, by ELF's number.
    fn library(machine: u16) -> Vec<u8> {
        let mut head = b"\x7fELF".to_vec();
        head.resize(18, 0);
        head.extend(machine.to_le_bytes());
        head
    }

    fn jar(folder: &Path, name: &str, entries: &[(&str, &[u8])]) {
        let mut zip = ZipWriter::new(File::create(folder.join(name)).unwrap());
        for (name, content) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
    }

    /// Jars with a library of that name for that machine.
    fn client(called: &str, machine: u16) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let library = library(machine);
        let native = format!("{NATIVE}{called}.so");
        jar(folder.path(), "client.jar", &[(CLASSES[0].1, b""), (&native, &library)]);
        jar(folder.path(), "core.jar", &[(CLASSES[1].1, b"")]);
        jar(folder.path(), "serialization.jar", &[(CLASSES[2].1, b"")]);
        fs::write(folder.path().join("pom.xml"), "").unwrap();
        folder
    }

    fn refused(folder: &Path) -> String {
        format!("{:#}", Jars::open(folder).unwrap_err())
    }

    #[test]
    fn a_whole_client_is_taken_by_what_is_in_it() {
        let (here, called) = if cfg!(target_arch = "aarch64") { (183, "aarch_64") } else { (62, "x86_64") };
        let folder = client(called, here);
        let jars = Jars::open(folder.path()).unwrap();
        assert_eq!(jars.files.keys().collect::<Vec<_>>(), ["client.jar", "core.jar", "serialization.jar"]);
        assert!(Jars::are_in(folder.path()) && !Jars::are_in(Path::new("/proc")));
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = client("x86_64", 62);
        fs::remove_file(folder.path().join("core.jar")).unwrap();
        let error = refused(folder.path());
        assert!(error.starts_with("none of its jars is aws-lambda-java-core: what `mvn"), "{error}");
    }

    #[test]
    fn a_library_for_another_machine_is_refused_whatever_it_is_called() {
        // RISC-V, under either name.
        for called in ["x86_64", "aarch_64"] {
            let error = refused(client(called, 243).path());
            assert!(error.starts_with("its client is for no machine that Hearth knows, this machine is"), "{error}");
        }
        let (other, called, name) =
            if cfg!(target_arch = "aarch64") { (62, "x86_64", "x86_64") } else { (183, "aarch_64", "aarch64") };
        let error = refused(client(called, other).path());
        assert!(error.starts_with(&format!("its client is for {name}, this machine is")), "{error}");
    }

    #[test]
    fn what_is_no_jar_is_refused() {
        let folder = client("x86_64", 62);
        let path = folder.path().join("core.jar");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = refused(folder.path());
        assert!(error.starts_with("core.jar is no jar, or a part of one"), "{error}");
    }
}
