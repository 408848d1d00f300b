//! Reads a zip and writes the tree it describes. Sizes are counted while inflating, whatever the headers say.
//!
//! Refuses encrypted entries, methods other than stored and deflated, and anything that is not a file, a directory or a
//! link. Of the permissions only "executable" is kept (files are 0644 or 0755, directories 0755), which is what AWS asks
//! packages to have; on AWS, a file that only its owner may read fails when the function opens it, here it does not.

use super::kept::Kept;
use super::splice::Splice;
use super::tree::{Kind, Tree};
use crate::PackageError;
use crate::embedded::directory::{failed, sync};
use hearth_core::limits::{UNZIPPED_BYTES, ZIP_ENTRIES};
use std::borrow::Cow;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Cursor, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use zip::read::{Config, ZipFile, ZipFileEntry};
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ExtraField, System, ZipArchive};

/// Longest target of a link, bytes (Linux's own).
const LINK_BYTES: u64 = 4_095;
/// Up to so many files each is synced on its own; beyond, the whole file system at once is faster.
const SYNCED_ONE_BY_ONE: usize = 64;

const TYPE_MASK: u32 = 0o170_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_LINK: u32 = 0o120_000;

/// A zip in memory.
pub(super) type Archive<'z> = ZipArchive<Cursor<&'z [u8]>>;

/// A zip, or a splice of two, whose table of contents has been found good.
pub(super) struct Package<'z> {
    archives: Vec<Archive<'z>>,
    /// Entries of the tree: which archive has them, and where.
    places: Vec<(usize, usize)>,
    tree: Tree,
}

impl<'z> Package<'z> {
    /// Reads the table of contents and the targets of links; nothing else is inflated yet.
    pub(super) fn read(zip: &'z [u8]) -> Result<Self, PackageError> {
        let archive = open(zip)?;
        let places = (0..archive.len()).map(|index| (0, index)).collect();
        Self::of(vec![archive], places)
    }

    /// The same of two zips.
    pub(super) fn spliced(splice: Splice<'z>) -> Result<Self, PackageError> {
        Self::of(splice.archives, splice.places)
    }

    fn of(mut archives: Vec<Archive<'z>>, places: Vec<(usize, usize)>) -> Result<Self, PackageError> {
        let mut tree = Tree::new();
        for (entry, (which, index)) in places.iter().enumerate() {
            let Some(archive) = archives.get_mut(*which) else { continue };
            let (name, kind) = describe(archive, *index, entry)?;
            tree.add(&name, kind)?;
        }
        tree.check_links()?;
        Ok(Self { archives, places, tree })
    }

    /// Writes everything below `root`, an empty directory that nobody else touches, and waits until it is on the disk.
    /// What is `kept` is not written again. Tells how many bytes the files have.
    pub(super) fn unpack(&mut self, root: &Path, kept: Option<&Kept>) -> Result<u64, PackageError> {
        let each = self.places.len() <= SYNCED_ONE_BY_ONE;
        let mut left = UNZIPPED_BYTES;
        let mut directories = vec![root.to_owned()];
        let mut files = Vec::new();
        for (name, kind) in self.tree.entries() {
            let path = root.join(&name);
            match kind {
                Kind::Directory => {
                    DirBuilder::new().mode(0o755).create(&path).map_err(|source| failed("make", &path, source))?;
                    directories.push(path);
                }
                Kind::File { entry, executable } => files.push((name, *entry, *executable)),
                Kind::Link { target } => symlink(target, &path).map_err(|source| failed("make", &path, source))?,
            }
        }
        if let Some(kept) = kept {
            let (old, new): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, ..)| kept.has(name));
            let paths: Vec<&str> = old.iter().map(|(name, ..)| name.as_str()).collect();
            let linked = kept.link(root, &paths);
            for bytes in linked.iter().flatten() {
                left = left.checked_sub(*bytes).ok_or(PackageError::TooLarge)?;
            }
            let unlinked = old.into_iter().zip(linked).filter(|(_, bytes)| bytes.is_none()).map(|(file, _)| file);
            files = new.into_iter().chain(unlinked).collect();
        }
        for (name, entry, executable) in files {
            let path = root.join(name);
            let place =
                self.places.get(entry).and_then(|(which, index)| Some((self.archives.get_mut(*which)?, *index)));
            let Some((archive, index)) = place else { continue };
            let content = archive.by_index(index).map_err(invalid)?;
            let file = write_file(content, &path, executable, &mut left)?;
            if each {
                file.sync_all().map_err(|source| failed("sync", &path, source))?;
            }
        }
        for path in &directories {
            // Whatever the process's umask took away.
            std::fs::set_permissions(path, Permissions::from_mode(0o755))
                .map_err(|source| failed("set the permissions of", path, source))?;
        }
        sync_all(root, if each { &directories } else { &[] })?;
        Ok(UNZIPPED_BYTES - left)
    }
}

/// Reads a zip's table of contents, if it is a sensible one.
pub(super) fn open(zip: &[u8]) -> Result<Archive<'_>, PackageError> {
    if zip.is_empty() {
        return Err(PackageError::Empty);
    }
    match ZipIterable::try_new(Cursor::new(zip), Config::default()).map_err(invalid)?.len() {
        0 => return Err(PackageError::Empty),
        // Before any of them costs memory.
        1..=ZIP_ENTRIES => {}
        _ => return Err(PackageError::TooLarge),
    }
    ZipArchive::new(Cursor::new(zip)).map_err(invalid)
}

fn sync_all(root: &Path, directories: &[PathBuf]) -> Result<(), PackageError> {
    if directories.is_empty() {
        let root_file = File::open(root).map_err(|source| failed("open", root, source))?;
        rustix::fs::syncfs(root_file).map_err(|source| failed("sync the file system of", root, source))?;
    }
    for path in directories {
        sync(path)?;
    }
    Ok(())
}

fn write_file<R: Read>(
    mut from: ZipFile<'_, R>,
    path: &Path,
    executable: bool,
    left: &mut u64,
) -> Result<File, PackageError> {
    let failed = |source: std::io::Error| PackageError::Store(failed("write", path, source));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut buffer = [0; 32 * 1_024];
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(again) if again.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(PackageError::Invalid(format!("{}: {error}", path.display()))),
        };
        *left = left.checked_sub(length as u64).ok_or(PackageError::TooLarge)?;
        file.write_all(buffer.get(..length).unwrap_or_default()).map_err(failed)?;
    }
    // Python compares a source's time with the one inside its .pyc file.
    if let Some(time) = modified(&from) {
        file.set_modified(time).map_err(failed)?;
    }
    file.set_permissions(Permissions::from_mode(if executable { 0o755 } else { 0o644 })).map_err(failed)?;
    Ok(file)
}

/// An entry's name, and what it is (a file: at `place`), from its mode where it was made on a system that has modes.
fn describe(archive: &mut Archive<'_>, index: usize, place: usize) -> Result<(String, Kind), PackageError> {
    let entry = archive.by_index_data(index).map_err(invalid)?;
    let name = name(&entry)?;
    let refuse = |why: &str| Err(PackageError::Invalid(format!("{why}: {name:?}")));
    if entry.encrypted() {
        return refuse("an encrypted entry");
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return refuse("an entry that is neither stored nor deflated");
    }
    let mode = match entry.system() {
        System::Dos | System::VFAT | System::WindowsNTFS => 0,
        _ => entry.external_attributes() >> 16,
    };
    let named_directory = name.ends_with('/');
    let kind = match mode & TYPE_MASK {
        TYPE_DIRECTORY => Kind::Directory,
        0 | TYPE_FILE if named_directory => Kind::Directory,
        0 | TYPE_FILE => Kind::File { entry: place, executable: mode & 0o111 != 0 },
        TYPE_LINK if named_directory => return refuse("a link that is a directory"),
        TYPE_LINK => {
            let mut target = String::new();
            let content = archive.by_index(index).map_err(invalid)?;
            match content.take(LINK_BYTES + 1).read_to_string(&mut target) {
                Ok(length) if length as u64 <= LINK_BYTES && !target.contains('\0') => Kind::Link { target },
                Ok(_) => return refuse("the target of a link is no path"),
                Err(error) => return refuse(&format!("the target of a link cannot be read ({error})")),
            }
        }
        _ => return refuse("neither a file, a directory nor a link"),
    };
    Ok((name, kind))
}

/// An entry's name: UTF-8 as nearly every tool writes it, flagged or not; else what the zip says it is.
pub(super) fn name(entry: &ZipFileEntry<'_>) -> Result<String, PackageError> {
    match std::str::from_utf8(entry.name_raw()) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => entry.name().map(Cow::into_owned).map_err(invalid),
    }
}

/// When the file was last changed: exact where the zip says so, else its DOS time, which has no zone, as UTC.
fn modified<R: Read>(entry: &ZipFile<'_, R>) -> Option<SystemTime> {
    let exact = entry.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    if let Some(seconds) = exact {
        return Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(seconds)));
    }
    let dos = entry.last_modified()?;
    let small = |value: u8| i8::try_from(value).ok();
    let date = jiff::civil::DateTime::new(
        i16::try_from(dos.year()).ok()?,
        small(dos.month())?,
        small(dos.day())?,
        small(dos.hour())?,
        small(dos.minute())?,
        small(dos.second())?,
        0,
    )
    .ok()?;
    let seconds = jiff::tz::TimeZone::UTC.to_timestamp(date).ok()?.as_second();
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

pub(super) fn invalid(error: impl std::fmt::Display) -> PackageError {
    PackageError::Invalid(error.to_string())
}
