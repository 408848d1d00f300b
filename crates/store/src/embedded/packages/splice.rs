//! A package and what has changed in it, as one zip. What has not changed is copied as it is, neither inflated nor
//! deflated: the result is a function of the two, byte for byte.
//!
//! Refuses to remove anything: who takes a file away sends the whole package.

use super::names;
use super::unpack::{invalid, name, open};
use crate::PackageError;
use std::collections::{BTreeMap, HashSet};
use std::io::Cursor;
use zip::ZipWriter;

/// Everything in `changes`, and of `base` what is not replaced by it, in order of the paths. Of two entries with one path
/// the later counts, as in unpacking.
pub(super) fn splice(base: &[u8], changes: &[u8]) -> Result<Vec<u8>, PackageError> {
    let mut archives = [open(base)?, open(changes)?];
    let mut chosen = BTreeMap::new();
    for (which, archive) in archives.iter().enumerate() {
        for index in 0..archive.len() {
            let name = name(&archive.by_index_data(index).map_err(invalid)?)?;
            chosen.insert(names::components(&name)?.join("/"), (which, index));
        }
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(base.len() + changes.len())));
    for (which, index) in chosen.into_values() {
        let Some(archive) = archives.get_mut(which) else { continue };
        zip.raw_copy_file(archive.by_index_raw(index).map_err(invalid)?).map_err(invalid)?;
    }
    Ok(zip.finish().map_err(invalid)?.into_inner())
}

/// The paths of a zip's entries.
pub(super) fn paths(zip: &[u8]) -> Result<HashSet<String>, PackageError> {
    let archive = open(zip)?;
    let path = |index| Ok(names::components(&name(&archive.by_index_data(index).map_err(invalid)?)?)?.join("/"));
    (0..archive.len()).map(path).collect()
}
