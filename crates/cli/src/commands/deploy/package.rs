//! A folder as a deployment package: the same folder gives the same bytes, whenever and wherever it is packed. Knows what
//! it has packed, so that of the next package only what has changed is read and packed.

use super::folder::{Entry, EntryKind, Stamp};
use anyhow::{Context as _, ensure};
use hearth_core::limits::{UNZIPPED_BYTES, ZIPPED_BYTES};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read as _, Write as _};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Fast: a package travels within one machine, as a rule.
const COMPRESSION: i64 = 1;
const MB: u64 = 1 << 20;

/// What a package holds, by name.
#[derive(Debug, Default)]
pub(crate) struct Contents(BTreeMap<String, Known>);

#[derive(Clone, Debug)]
struct Known {
    kind: EntryKind,
    stamp: Option<Stamp>,
    bytes: u64,
    digest: [u8; 32],
}

/// A package, or what has changed in one.
#[derive(Debug)]
pub(crate) struct Package {
    /// As it is sent.
    pub(crate) zip: Vec<u8>,
    /// How many entries that has.
    pub(crate) packed: usize,
    /// What the whole package holds.
    pub(crate) contents: Contents,
}

/// The package of `entries`.
///
/// # Errors
///
/// What cannot be read, or that it is more than Lambda takes.
pub(crate) fn whole(entries: &[Entry]) -> anyhow::Result<Package> {
    pack(entries, &Contents::default())
}

/// What is new or changed since `before`; `None` when something is gone, which takes a whole package.
///
/// # Errors
///
/// As [`whole`].
pub(crate) fn changes(entries: &[Entry], before: &Contents) -> anyhow::Result<Option<Package>> {
    let package = pack(entries, before)?;
    let gone = before.0.keys().any(|name| !package.contents.0.contains_key(name));
    Ok((!gone).then_some(package))
}

fn pack(entries: &[Entry], before: &Contents) -> anyhow::Result<Package> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_level(Some(COMPRESSION));
    let (mut packed, mut unzipped, mut contents) = (0, 0, Contents::default());
    let mut text = Vec::new();
    for Entry { name, path, kind, stamp } in entries {
        let packing = || format!("pack {}", path.display());
        let before = before.0.get(name).filter(|before| before.kind == *kind);
        let known = match before {
            Some(before) if stamp.is_some() && before.stamp == *stamp => before.clone(),
            _ => {
                text.clear();
                match kind {
                    EntryKind::Link(target) => text.extend_from_slice(target.as_os_str().as_encoded_bytes()),
                    EntryKind::File { .. } => match File::open(path).and_then(|mut file| file.read_to_end(&mut text)) {
                        Ok(_) => {}
                        // Gone since the folder was listed: the next look will not find it either.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        Err(error) => return Err(error).with_context(packing),
                    },
                }
                let known = Known {
                    kind: kind.clone(),
                    stamp: *stamp,
                    bytes: text.len() as u64,
                    digest: Sha256::digest(&text).into(),
                };
                if before.is_none_or(|before| before.digest != known.digest) {
                    add(&mut zip, name, kind, &text, options).with_context(packing)?;
                    packed += 1;
                }
                known
            }
        };
        unzipped += known.bytes;
        ensure!(
            unzipped <= UNZIPPED_BYTES,
            "the package is larger than the {} MB that Lambda takes: leave out what it does not need by a .hearthignore",
            UNZIPPED_BYTES / MB
        );
        contents.0.insert(name.clone(), known);
    }
    let zip = zip.finish().context("finish the package")?.into_inner();
    ensure!(
        zip.len() as u64 <= ZIPPED_BYTES,
        "the package is {} MB zipped, Lambda takes {} MB: leave out what it does not need by a .hearthignore",
        zip.len() as u64 / MB,
        ZIPPED_BYTES / MB
    );
    Ok(Package { zip, packed, contents })
}

fn add(
    zip: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    kind: &EntryKind,
    text: &[u8],
    options: SimpleFileOptions,
) -> anyhow::Result<()> {
    match kind {
        EntryKind::Link(target) => zip.add_symlink(name, target.to_string_lossy(), options)?,
        EntryKind::File { executable } => {
            zip.start_file(name, options.unix_permissions(if *executable { 0o755 } else { 0o644 }))?;
            zip.write_all(text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::folder::tests::folder;
    use super::super::folder::{entries, rules};
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    fn packed(folder: &Path) -> Package {
        whole(&entries(folder, &rules(folder).unwrap()).unwrap()).unwrap()
    }

    fn changed(folder: &Path, before: &Contents) -> Option<Package> {
        changes(&entries(folder, &rules(folder).unwrap()).unwrap(), before).unwrap()
    }

    fn names(zip: Vec<u8>) -> Vec<String> {
        zip::ZipArchive::new(Cursor::new(zip)).unwrap().file_names().map(|name| name.unwrap().into_owned()).collect()
    }

    #[test]
    fn the_same_folder_gives_the_same_bytes() {
        let files = [("app.py", "x = 1\n"), ("lib/deep/a.py", ""), ("z.txt", "z")];
        let (one, other) = (folder(&files), folder(&files));
        assert_eq!(packed(one.path()).zip, packed(other.path()).zip);
        fs::write(other.path().join("z.txt"), "y").unwrap();
        assert_ne!(packed(one.path()).zip, packed(other.path()).zip);
    }

    #[test]
    fn modes_and_links_are_kept() {
        let outside = folder(&[("shared.py", "shared")]);
        let folder = folder(&[("bootstrap", "#!/bin/sh\n"), ("lib/a.so.1", "")]);
        fs::set_permissions(folder.path().join("bootstrap"), fs::Permissions::from_mode(0o700)).unwrap();
        symlink("a.so.1", folder.path().join("lib/a.so")).unwrap();
        symlink(outside.path(), folder.path().join("shared")).unwrap();
        symlink("nowhere", folder.path().join("broken")).unwrap();
        let bytes = packed(folder.path()).zip;
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(zip.by_name("bootstrap").unwrap().unix_mode().unwrap() & 0o777, 0o755);
        assert!(zip.by_name("lib/a.so").unwrap().is_symlink());
        let mut text = String::new();
        zip.by_name("shared/shared.py").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "shared", "a link that leads out is followed");
        assert!(zip.by_name("broken").is_err());
    }

    #[test]
    fn only_what_has_changed_is_packed_again() {
        let folder = folder(&[("app.py", "x = 1\n"), ("lib/a.py", "a"), ("lib/b.py", "b")]);
        symlink("a.py", folder.path().join("lib/l.py")).unwrap();
        let first = packed(folder.path()).contents;
        assert_eq!(changed(folder.path(), &first).unwrap().packed, 0);
        // The same number of bytes, at once: times alone may not tell.
        fs::write(folder.path().join("app.py"), "x = 2\n").unwrap();
        fs::write(folder.path().join("lib/c.py"), "c").unwrap();
        fs::set_permissions(folder.path().join("lib/b.py"), fs::Permissions::from_mode(0o755)).unwrap();
        let second = changed(folder.path(), &first).unwrap();
        assert_eq!(names(second.zip), ["app.py", "lib/b.py", "lib/c.py"]);
        assert_eq!(changed(folder.path(), &second.contents).unwrap().packed, 0);
        // Written again, but as it was.
        fs::write(folder.path().join("app.py"), "x = 2\n").unwrap();
        assert_eq!(changed(folder.path(), &second.contents).unwrap().packed, 0);
        fs::remove_file(folder.path().join("lib/l.py")).unwrap();
        fs::write(folder.path().join("lib/l.py"), "a file").unwrap();
        assert_eq!(names(changed(folder.path(), &second.contents).unwrap().zip), ["lib/l.py"]);
        fs::remove_file(folder.path().join("lib/a.py")).unwrap();
        assert!(changed(folder.path(), &second.contents).is_none(), "what is gone takes a whole package");
    }
}
