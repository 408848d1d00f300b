//! Packages made to do harm: nothing may be written outside their directory, and nothing may be kept of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic; the lints spare only #[test] itself"
)]

mod support;

use hearth_store::embedded::EmbeddedStore;
use hearth_store::{PackageError, Packages};
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use support::{Entry, zip};
use tempfile::TempDir;
use tokio::runtime::Runtime;

struct Fixture {
    // The data directory is one level down, so that what climbs out of it is seen.
    around: TempDir,
    store: EmbeddedStore,
    runtime: Runtime,
}

impl Fixture {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&around.path().join("data")).unwrap();
        Self { around, store, runtime: Runtime::new().unwrap() }
    }

    fn put(&self, zip: Vec<u8>) -> Result<PathBuf, PackageError> {
        self.runtime.block_on(self.store.put(zip.into())).map(|code| self.store.directory(&code))
    }

    /// What is kept, relative to the packages' directory, and whether anything else has appeared anywhere around.
    fn kept(&self) -> Vec<PathBuf> {
        let data = self.around.path().join("data");
        assert_eq!(fs::read_dir(self.around.path()).unwrap().count(), 1, "written outside the data directory");
        assert_eq!(fs::read_dir(data.join("tmp")).unwrap().count(), 0, "left in tmp/");
        fs::read_dir(data.join("packages")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn refuse(&self, what: &str, zip: Vec<u8>) -> PackageError {
        let error = self.put(zip).expect_err(what);
        assert!(self.kept().is_empty(), "{what} was kept");
        error
    }
}

#[test]
fn names_that_leave_the_package_are_refused() {
    let fixture = Fixture::new();
    for name in ["../x", "a/../../x", "/tmp/x", "..", "a/..", "..\\x", "a\0/../x"] {
        let error = fixture.refuse(name, zip(&[Entry::file("ok", "ok"), Entry::file(name, "x")]));
        assert!(matches!(error, PackageError::Invalid(_)), "{name}: {error:?}");
    }
}

#[test]
fn links_that_leave_the_package_are_refused() {
    let fixture = Fixture::new();
    for target in ["..", "/etc/passwd", "../../../../etc/passwd", "d/../../x", "", "a\0b", &"x".repeat(5_000)] {
        fixture.refuse(target, zip(&[Entry::link("l", target)]));
    }
    fixture.refuse("through a link", zip(&[Entry::link("l", "/tmp"), Entry::file("l/x", "x")]));
    fixture
        .refuse("through a link inside", zip(&[Entry::directory("d/"), Entry::link("l", "d"), Entry::file("l/x", "")]));
    fixture.refuse("a chain", zip(&[Entry::link("d/a", ".."), Entry::link("b", "d/a/../x")]));
}

#[test]
fn special_files_are_refused() {
    let fixture = Fixture::new();
    for mode in [0o010_644, 0o020_666, 0o060_666, 0o140_777] {
        fixture.refuse(&format!("{mode:o}"), zip(&[Entry { mode, ..Entry::file("x", "") }]));
    }
}

#[test]
fn encrypted_and_unknown_methods_are_refused() {
    let fixture = Fixture::new();
    fixture.refuse("encrypted", zip(&[Entry { flags: 1, ..Entry::file("x", "secret") }]));
    for method in [6, 12, 14, 93, 99] {
        fixture.refuse(&format!("method {method}"), zip(&[Entry { method, ..Entry::file("x", "y") }]));
    }
}

#[test]
fn damaged_zips_are_refused() {
    let fixture = Fixture::new();
    let good = zip(&[Entry::file("a.py", "x = 1\n".repeat(40))]);
    let mut flipped = good.clone();
    flipped[60] ^= 1;
    fixture.refuse("a wrong checksum", flipped);
    fixture.refuse("a cut table", good[..good.len() - 30].to_vec());
    fixture.refuse("a cut start", good[20..].to_vec());
}

#[test]
fn a_bomb_is_stopped_while_it_inflates() {
    let fixture = Fixture::new();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("zeros", zip::write::SimpleFileOptions::default()).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..251 {
        writer.write_all(&block).unwrap();
    }
    let mut bomb = writer.finish().unwrap().into_inner();
    assert!(matches!(fixture.refuse("a bomb", bomb.clone()), PackageError::TooLarge));
    // The same with headers that say it is small: uncompressed sizes of the local and the central header.
    let declared = (251_u32 << 20).to_le_bytes();
    let places: Vec<usize> = (0..bomb.len() - 4).filter(|at| bomb[*at..*at + 4] == declared).collect();
    assert!(!places.is_empty());
    for at in places {
        bomb[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    fixture.refuse("a bomb that says it is small", bomb);
}

#[test]
fn entries_that_share_their_bytes_are_counted_each() {
    let fixture = Fixture::new();
    // A table of contents that names one 10 MiB member 30 times.
    let entries: Vec<Entry> = (0..30).map(|n| Entry::file(format!("{n:02}"), "")).collect();
    let content = vec![b'x'; 10 << 20];
    let alone = zip(&[Entry::file("00", &content)]);
    let table = zip(&entries);
    let (start, end) = (30 * (30 + 2), table.len() - 22);
    let body = alone.len() - 22 - 48;
    let mut overlapping = alone[..body].to_vec();
    for header in table[start..end].chunks(48) {
        let mut header = header.to_vec();
        header[16..28].copy_from_slice(&alone[body + 16..body + 28]);
        header[42..46].copy_from_slice(&[0; 4]);
        overlapping.extend(header);
    }
    let mut tail = table[end..].to_vec();
    tail[16..20].copy_from_slice(&u32::try_from(body).unwrap().to_le_bytes());
    overlapping.extend(tail);
    let error = fixture.refuse("overlapping entries", overlapping);
    assert!(matches!(error, PackageError::TooLarge), "{error:?}");
}

#[test]
fn windows_zips_have_no_modes_and_setuid_is_dropped() {
    let fixture = Fixture::new();
    let root = fixture
        .put(zip(&[
            Entry { mode: 0, system: 0, ..Entry::file("dos.py", "") },
            Entry { mode: 0, system: 0, ..Entry::file("dir/", "") },
            Entry { mode: 0o107_777, ..Entry::file("setuid", "") },
            Entry { mode: 0o100_600, ..Entry::file("private", "") },
            Entry { mode: 0o600, ..Entry::file("untyped", "") },
        ]))
        .unwrap();
    let mode = |name: &str| fs::symlink_metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("dos.py"), mode("dir"), mode("setuid")), (0o644, 0o755, 0o755));
    assert_eq!((mode("private"), mode("untyped")), (0o644, 0o644));
}

#[test]
fn the_later_of_two_files_with_one_name_counts() {
    let fixture = Fixture::new();
    let root = fixture.put(zip(&[Entry::file("a", "1"), Entry::file("./a", "2"), Entry::file("a", "3")])).unwrap();
    assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "2");
}

fn names() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => Just("a".to_owned()), 3 => Just("b".to_owned()), 2 => Just("l".to_owned()),
        1 => Just("..".to_owned()), 1 => Just(".".to_owned()), 1 => Just(String::new()), 1 => "\\PC{1,3}",
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = prop_oneof![
        3 => (names(), ".{0,9}").prop_map(|(name, content)| Entry::file(name, content)),
        2 => (names(), names()).prop_map(|(name, target)| Entry::link(&name, &target)),
        1 => names().prop_map(|name| Entry::directory(&(name + "/"))),
        1 => (prop::collection::vec(any::<u8>(), 1..9), any::<u16>(), 0_u8..20)
            .prop_map(|(name, mode, system)| Entry { mode: mode.into(), system, ..Entry::file(name, "x") }),
    ];
    prop::collection::vec(entry, 1..8)
}

/// Every path of the tree, resolved with all its links, is inside.
fn stays_inside(root: &Path, directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_symlink() {
            // Followed by the kernel itself, from a root that has a forbidden file beside it.
            if let Ok(real) = fs::canonicalize(&path) {
                assert!(real.starts_with(root), "{} leads to {}", path.display(), real.display());
            }
        } else if metadata.is_dir() {
            stays_inside(root, &path);
        } else {
            assert!(metadata.is_file());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_zip_stays_in_its_directory(entries in entries()) {
        thread_local! { static FIXTURE: Fixture = Fixture::new(); }
        FIXTURE.with(|fixture| {
            let before = fixture.kept().len();
            match fixture.put(zip(&entries)) {
                Ok(root) => stays_inside(&fs::canonicalize(&root).unwrap(), &root),
                Err(PackageError::Store(error)) => panic!("a zip made the disk fail: {error:?}"),
                Err(_) => assert_eq!(fixture.kept().len(), before),
            }
            fixture.kept();
        });
    }

    #[test]
    fn any_damage_is_survived(entries in entries(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        thread_local! { static FIXTURE: Fixture = Fixture::new(); }
        let mut bytes = zip(&entries);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        FIXTURE.with(|fixture| {
            match fixture.put(bytes) {
                Ok(root) => stays_inside(&fs::canonicalize(&root).unwrap(), &root),
                Err(PackageError::Store(error)) => panic!("a zip made the disk fail: {error:?}"),
                Err(_) => {}
            }
            fixture.kept();
        });
    }
}
