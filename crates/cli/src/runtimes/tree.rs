//! Looks at programs and trees that somebody else made.

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// How much of a file is read at once, bytes (ours).
const CHUNK: usize = 1 << 16;
/// What a program's header says it is for: offset 18, two bytes, of the ELF specification.
const MACHINES: [(u16, &str); 3] = [(62, "x86_64"), (183, "aarch64"), (40, "arm")];

/// Refuses a program that this machine cannot run.
pub(super) fn machine(program: &Path) -> anyhow::Result<()> {
    let mut head = [0; 20];
    let read = File::open(program).and_then(|mut file| file.read_exact(&mut head));
    read.with_context(|| format!("read {}", program.display()))?;
    if !head.starts_with(b"\x7fELF") {
        bail!("{} is not a program for Linux", program.display());
    }
    let (name, here) = (machine_of(&head), std::env::consts::ARCH);
    ensure!(name == Some(here), "it is for {}, this machine is {here}", name.unwrap_or("another architecture"));
    Ok(())
}

/// The machine that a program or library is for, by its first bytes.
pub(super) fn machine_of(head: &[u8; 20]) -> Option<&'static str> {
    let [0x7f, b'E', b'L', b'F', .., low, high] = *head else { return None };
    let number = u16::from_le_bytes([low, high]);
    MACHINES.iter().find(|(machine, _)| *machine == number).map(|(_, name)| *name)
}

/// Digest of all names, modes and contents under `folder`, 64 hex digits.
pub(super) fn fingerprint(folder: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    add(&mut hash, folder)?;
    Ok(hex::encode(hash.finalize()))
}

fn add(hash: &mut Sha256, folder: &Path) -> anyhow::Result<()> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut entries = list().with_context(|| format!("list {}", folder.display()))?;
    entries.sort();
    for path in entries {
        let look = || format!("read {}", path.display());
        let metadata = fs::symlink_metadata(&path).with_context(look)?;
        // The name of the file in its folder: where the folder is does not matter.
        let name = path.file_name().unwrap_or_default();
        hash.update(name.len().to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(metadata.mode().to_le_bytes());
        if metadata.is_dir() {
            add(hash, &path)?;
        } else if metadata.is_symlink() {
            hash.update(fs::read_link(&path).with_context(look)?.as_os_str().as_bytes());
        } else if metadata.is_file() {
            hash.update(metadata.len().to_le_bytes());
            let mut file = BufReader::with_capacity(CHUNK, File::open(&path).with_context(look)?);
            loop {
                let read = file.fill_buf().with_context(look)?;
                if read.is_empty() {
                    break;
                }
                hash.update(read);
                let length = read.len();
                file.consume(length);
            }
        }
    }
    hash.update([0]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::build::write;
    use super::*;

    #[test]
    fn a_program_for_another_machine_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("sh");
        let mut head = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\0\0";
        head[18] = 183;
        fs::write(&program, head).unwrap();
        let error = machine(&program).unwrap_err().to_string();
        assert!(error.starts_with("it is for aarch64, this machine is "), "{error}");
        fs::write(&program, "#!/bin/sh\n# a text long enough\n").unwrap();
        assert!(machine(&program).unwrap_err().to_string().contains("is not a program for Linux"));
        machine(&std::env::current_exe().unwrap()).unwrap();
    }

    #[test]
    fn a_fingerprint_tells_contents_apart_and_forgets_the_place() {
        let print = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| write(&folder.path().join(name), text).unwrap());
            fingerprint(folder.path()).unwrap()
        };
        assert_eq!(print(&[("a", "1"), ("b/c", "2")]), print(&[("b/c", "2"), ("a", "1")]));
        assert_ne!(print(&[("a", "1")]), print(&[("a", "2")]));
        assert_ne!(print(&[("b/c", "2")]), print(&[("b", "c2")]));
    }
}
