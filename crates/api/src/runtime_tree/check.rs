//! Whether a tree can be what its manifest says: what is looked at are the programs without which nothing runs in it. That
//! takes a hundred microseconds, so it is done for each change of a function, not for each of its environments; that everything
//! else is complete, `hearth runtimes add` has proved with an invocation.

use super::RuntimeTree;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Links that one resolution may pass (the kernel's own limit).
const LINK_HOPS: usize = 40;
/// Bytes of the header of a 64-bit ELF file.
const HEADER_BYTES: usize = 64;
/// Which machine a program is for: two bytes of its header, and Rust's name of it.
const MACHINES: [(u16, &str); 2] = [(62, "x86_64"), (183, "aarch64")];
const SHELL: &str = "/bin/sh";
/// Where functions bring programs of their own.
const OF_FUNCTIONS: [&str; 2] = ["/var/task/", "/opt/"];

/// Why a tree cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Its programs are for another machine.
    #[error("{what} is for {found}, this machine is {}", std::env::consts::ARCH)]
    Architecture {
        /// The tree or a program in it.
        what: String,
        /// For what it is.
        found: String,
    },
    /// A program is missing.
    #[error("it has no {0}")]
    Missing(String),
    /// A program ends too early.
    #[error("{0} is cut off")]
    Truncated(String),
    /// A program cannot be read.
    #[error("{what} cannot be read ({reason})")]
    Unreadable {
        /// Which.
        what: String,
        /// The system's answer.
        reason: io::Error,
    },
}

/// See [`RuntimeTree::check`].
pub(super) fn check(tree: &RuntimeTree) -> Result<(), Unusable> {
    if tree.architecture != std::env::consts::ARCH {
        return Err(Unusable::Architecture { what: "it".to_owned(), found: tree.architecture.clone() });
    }
    program(&tree.root, SHELL)?;
    if tree.programs.iter().any(|path| OF_FUNCTIONS.iter().any(|prefix| path.starts_with(prefix))) {
        return Ok(());
    }
    let there = tree.programs.iter().find(|path| inside(&tree.root, path).is_some());
    let first = there.or(tree.programs.first()).map_or("program to start", String::as_str);
    program(&tree.root, first)
}

/// Whether a program is there, whole and for this machine. A script is as good as a binary.
fn program(root: &Path, path: &str) -> Result<(), Unusable> {
    let place = inside(root, path).ok_or_else(|| Unusable::Missing(path.to_owned()))?;
    let unreadable = |reason| Unusable::Unreadable { what: path.to_owned(), reason };
    let file = File::open(place).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let mut head = Vec::new();
    file.take(HEADER_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    if head.starts_with(b"#!") {
        return Ok(());
    }
    let Some(header) = Header::read(&head).filter(|header| header.end <= length) else {
        return Err(Unusable::Truncated(path.to_owned()));
    };
    let machine = MACHINES.iter().find(|(number, _)| *number == header.machine).map(|(_, name)| *name);
    if machine == Some(std::env::consts::ARCH) {
        return Ok(());
    }
    let found = machine.map_or_else(|| format!("machine {}", header.machine), str::to_owned);
    Err(Unusable::Architecture { what: path.to_owned(), found })
}

/// What an ELF file says about itself.
struct Header {
    machine: u16,
    /// Where its table of sections ends, which comes last.
    end: u64,
}

impl Header {
    fn read(head: &[u8]) -> Option<Self> {
        let two = |at: usize| head.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
        let eight = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        if !head.starts_with(b"\x7fELF") || head.len() < HEADER_BYTES {
            return None;
        }
        let table = u64::from(two(58)?) * u64::from(two(60)?);
        Some(Self { machine: two(18)?, end: eight(40)?.saturating_add(table) })
    }
}

/// Where `path` of the tree at `root` is, as a process sees it whose root the tree is; `None` when nothing is there.
#[must_use]
pub fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let mut found = root.to_owned();
    let mut depth = 0_usize;
    let mut hops = 0;
    let mut ahead: Vec<PathBuf> = vec![PathBuf::from(path)];
    while let Some(next) = ahead.pop() {
        let mut parts = next.components();
        let Some(part) = parts.next() else { continue };
        let rest = parts.as_path();
        if !rest.as_os_str().is_empty() {
            ahead.push(rest.to_owned());
        }
        match part {
            Component::RootDir => (found, depth) = (root.to_owned(), 0),
            Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir if depth == 0 => {}
            Component::ParentDir => {
                found.pop();
                depth -= 1;
            }
            Component::Normal(name) => {
                let place = found.join(name);
                if fs::symlink_metadata(&place).ok()?.is_symlink() {
                    hops += 1;
                    if hops > LINK_HOPS {
                        return None;
                    }
                    ahead.push(fs::read_link(&place).ok()?);
                } else {
                    (found, depth) = (place, depth + 1);
                }
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::os::unix::fs::symlink;

    /// A tree in a folder of its own, removed at the end.
    struct Fixture(RuntimeTree);

    impl Fixture {
        /// With a shell behind links as Debian has them, and a program.
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("hearth-check-{}-{name}", std::process::id()));
            fs::create_dir_all(root.join("usr/bin")).unwrap();
            symlink("usr/bin", root.join("bin")).unwrap();
            symlink("/bin/bash", root.join("usr/bin/sh")).unwrap();
            let fixture = Self(RuntimeTree {
                format: 1,
                name: "python3.11".to_owned(),
                version: String::new(),
                version_hash: String::new(),
                programs: vec!["/usr/bin/python".to_owned()],
                arguments: Vec::new(),
                environment: BTreeMap::new(),
                architecture: std::env::consts::ARCH.to_owned(),
                kernel_minimum: String::new(),
                sources: BTreeMap::new(),
                root,
            });
            fixture.write("bash", &elf(std::env::consts::ARCH));
            fixture.write("python", &elf(std::env::consts::ARCH));
            fixture
        }

        fn write(&self, name: &str, content: &[u8]) {
            fs::write(self.0.root.join("usr/bin").join(name), content).unwrap();
        }

        fn remove(&self, name: &str) {
            fs::remove_file(self.0.root.join("usr/bin").join(name)).unwrap();
        }

        fn complaint(&self) -> Option<String> {
            check(&self.0).err().map(|error| error.to_string())
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0.root).unwrap();
        }
    }

    /// A header, a hundred bytes, and a table of two sections.
    fn elf(machine: &str) -> Vec<u8> {
        let number = MACHINES.iter().find(|(_, name)| *name == machine).unwrap().0;
        let mut file = vec![0; 164 + 2 * 64];
        file[..4].copy_from_slice(b"\x7fELF");
        file[18..20].copy_from_slice(&number.to_le_bytes());
        file[40..48].copy_from_slice(&164_u64.to_le_bytes());
        file[58..60].copy_from_slice(&64_u16.to_le_bytes());
        file[60..62].copy_from_slice(&2_u16.to_le_bytes());
        file
    }

    #[test]
    fn a_whole_tree_is_usable() {
        let mut tree = Fixture::new("whole");
        assert_eq!(tree.complaint(), None);
        tree.write("python", b"#!/bin/sh\n");
        assert_eq!(tree.complaint(), None, "a script is a program");
        tree.0.programs = vec!["/nowhere".to_owned(), "/usr/bin/python".to_owned()];
        assert_eq!(tree.complaint(), None, "the first that is there");
        tree.0.programs = vec!["/var/runtime/bootstrap".to_owned(), "/var/task/bootstrap".to_owned()];
        assert_eq!(tree.complaint(), None, "the function brings it");
    }

    #[test]
    fn what_is_missing_is_named() {
        let tree = Fixture::new("missing");
        tree.remove("python");
        assert_eq!(tree.complaint().as_deref(), Some("it has no /usr/bin/python"));
        tree.remove("bash");
        assert_eq!(tree.complaint().as_deref(), Some("it has no /bin/sh"));
    }

    #[test]
    fn a_program_that_was_cut_off_is_named() {
        let tree = Fixture::new("cut-off");
        let whole = elf(std::env::consts::ARCH);
        for length in [0, 3, 63, 64, whole.len() - 1] {
            tree.write("python", &whole[..length]);
            assert_eq!(tree.complaint().as_deref(), Some("/usr/bin/python is cut off"), "{length}");
        }
    }

    #[test]
    fn another_machines_tree_is_refused() {
        let (here, other) = (std::env::consts::ARCH, MACHINES.map(|(_, name)| name));
        let other = other.into_iter().find(|name| *name != here).unwrap();
        let mut tree = Fixture::new("machine");
        tree.write("bash", &elf(other));
        assert_eq!(tree.complaint(), Some(format!("/bin/sh is for {other}, this machine is {here}")));
        tree.0.architecture = other.to_owned();
        assert_eq!(tree.complaint(), Some(format!("it is for {other}, this machine is {here}")));
    }

    #[test]
    fn no_link_leads_out_of_the_tree() {
        let tree = Fixture::new("links");
        let root = &tree.0.root;
        for (target, link) in [("/usr/bin/../../../../..", "up"), ("round", "round"), ("/etc/passwd", "host")] {
            symlink(target, root.join(link)).unwrap();
        }
        assert_eq!(inside(root, "/up/usr/bin/bash"), Some(root.join("usr/bin/bash")));
        assert_eq!(inside(root, "/up/up/../bin/sh"), Some(root.join("usr/bin/bash")));
        assert_eq!(inside(root, "/round"), None);
        assert_eq!(inside(root, "/host"), None, "the host has one, the tree has not");
    }
}
