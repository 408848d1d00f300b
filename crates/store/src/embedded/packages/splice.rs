//! A package and what has changed in it, as one zip. What has not changed is copied as it is, neither inflated nor
//! deflated: the result is a function of the two, byte for byte.
//!
//! Refuses to remove anything: who takes a file away sends the whole package.

use super::names;
use super::unpack::{Archive, invalid, name, open};
use crate::PackageError;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use zip::ZipWriter;

/// Two zips with the entries of both, of which the second counts where they have the same path.
#[derive(Clone)]
pub(super) struct Splice<'z> {
    pub(super) archives: Vec<Archive<'z>>,
    /// In order of the paths: which archive has the entry, and where.
    pub(super) places: Vec<(usize, usize)>,
}

impl<'z> Splice<'z> {
    pub(super) fn new(base: &'z [u8], changes: &'z [u8]) -> Result<Self, PackageError> {
        let archives = vec![open(base)?, open(changes)?];
        let mut places = BTreeMap::new();
        for (which, archive) in archives.iter().enumerate() {
            for index in 0..archive.len() {
                // Of two in one archive the later counts, as in unpacking.
                places.insert(path(archive, index)?, (which, index));
            }
        }
        Ok(Self { archives, places: places.into_values().collect() })
    }

    /// All of it.
    pub(super) fn zip(self) -> Result<Vec<u8>, PackageError> {
        Ok(self.write(Cursor::new(Vec::new()))?.into_inner())
    }

    /// The digest and the bytes that [`Splice::zip`] has.
    pub(super) fn digest(self) -> Result<(Sha256, u64), PackageError> {
        let Digester { digest, bytes } = self.write(Digester { digest: Sha256::new(), bytes: 0 })?;
        Ok((digest, bytes))
    }

    fn write<W: Write + Seek>(mut self, to: W) -> Result<W, PackageError> {
        let mut zip = ZipWriter::new(to);
        for (which, index) in self.places {
            let Some(archive) = self.archives.get_mut(which) else { continue };
            zip.raw_copy_file(archive.by_index_raw(index).map_err(invalid)?).map_err(invalid)?;
        }
        zip.finish().map_err(invalid)
    }
}

/// Where an entry goes.
pub(super) fn path(archive: &Archive<'_>, index: usize) -> Result<String, PackageError> {
    Ok(names::components(&name(&archive.by_index_data(index).map_err(invalid)?)?)?.join("/"))
}

/// Takes the digest of what is written. Nothing is kept, so that nothing can be written over: of entries that are copied
/// the sizes are known before.
struct Digester {
    digest: Sha256,
    bytes: u64,
}

impl Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Digester {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(0) | SeekFrom::End(0) => Ok(self.bytes),
            SeekFrom::Start(at) if at == self.bytes => Ok(at),
            SeekFrom::Start(_) | SeekFrom::Current(_) | SeekFrom::End(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
