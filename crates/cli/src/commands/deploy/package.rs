//! A folder as a deployment package: the same folder gives the same bytes, whenever and wherever it is packed.

use super::ignore::{Rules, Source};
use anyhow::{Context as _, bail, ensure};
use hearth_core::limits::{UNZIPPED_BYTES, ZIPPED_BYTES};
use std::fs::{self, File};
use std::io::{self, Cursor, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Fast: a package travels within one machine, as a rule.
const COMPRESSION: i64 = 1;
const MB: u64 = 1 << 20;

/// What is in a folder and belongs into its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path in the package, with `/`.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: EntryKind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file that can be run, or not.
    File {
        /// Whether anybody may run it.
        executable: bool,
    },
    /// A link to something else in the folder.
    Link(PathBuf),
}

/// The rules of a folder: its `.hearthignore`, else its `.gitignore`.
///
/// # Errors
///
/// That the file is there and cannot be read.
pub(crate) fn rules(folder: &Path) -> anyhow::Result<Rules> {
    for (name, source) in [(".hearthignore", Source::Hearth), (".gitignore", Source::Git)] {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(Rules::parse(&text, source)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        }
    }
    Ok(Rules::usual())
}

/// Everything of `folder` that belongs into its package, in order of the names.
///
/// # Errors
///
/// What cannot be read, or has no place in a package.
pub(crate) fn entries(folder: &Path, rules: &Rules) -> anyhow::Result<Vec<Entry>> {
    let mut found = Vec::new();
    walk(rules, folder, "", &mut Vec::new(), &mut found)?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// `above` identifies the folders on the way here: a link may lead back to one.
fn walk(
    rules: &Rules,
    folder: &Path,
    prefix: &str,
    above: &mut Vec<(u64, u64)>,
    found: &mut Vec<Entry>,
) -> anyhow::Result<()> {
    let metadata = fs::metadata(folder).with_context(|| format!("look at {}", folder.display()))?;
    let identity = (metadata.dev(), metadata.ino());
    ensure!(!above.contains(&identity), "{} leads in a circle: its package would have no end", folder.display());
    above.push(identity);
    let list = || fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>();
    for entry in list().with_context(|| format!("list {}", folder.display()))? {
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            bail!("{} has a name that no package can have: it is not UTF-8", path.display());
        };
        let name = format!("{prefix}{name}");
        let look = || format!("look at {}", path.display());
        let kind = entry.file_type().with_context(look)?;
        if kind.is_symlink()
            && let Some(target) = inner_target(&name, &fs::read_link(&path).with_context(look)?)
        {
            // Where it leads may be left out, and then so is it.
            if !rules.excluded(&name, path.is_dir()) && path.exists() {
                found.push(Entry { name, path, kind: EntryKind::Link(target) });
            }
            continue;
        }
        // A link that leads out of the folder: what it leads to is packed in its place.
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Gone between two looks, as an editor's temporary files are; or a link to nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(look),
        };
        if rules.excluded(&name, metadata.is_dir()) {
            continue;
        }
        if metadata.is_dir() {
            // A virtual environment is for the Python of this machine.
            if !path.join("pyvenv.cfg").exists() {
                walk(rules, &path, &format!("{name}/"), above, found)?;
            }
        } else if metadata.is_file() {
            let executable = metadata.permissions().mode() & 0o111 != 0;
            found.push(Entry { name, path, kind: EntryKind::File { executable } });
        }
    }
    above.pop();
    Ok(())
}

/// The target of a link at `name`, if it leads to a place in the folder.
fn inner_target(name: &str, target: &Path) -> Option<PathBuf> {
    let mut depth = name.split('/').count() - 1;
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth = depth.checked_sub(1)?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(target.to_owned())
}

/// The zip of `entries`.
///
/// # Errors
///
/// What cannot be read, or that it is more than Lambda takes.
pub(crate) fn zip(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut unzipped = 0;
    let mut contents = Vec::new();
    for Entry { name, path, kind } in entries {
        let packing = || format!("pack {}", path.display());
        let options = SimpleFileOptions::default().compression_level(Some(COMPRESSION));
        match kind {
            EntryKind::Link(target) => {
                zip.add_symlink(name, target.to_string_lossy(), options).with_context(packing)?;
            }
            EntryKind::File { executable } => {
                contents.clear();
                match File::open(path).and_then(|mut file| file.read_to_end(&mut contents)) {
                    Ok(_) => {}
                    // Gone since the folder was listed: the next look will not find it either.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error).with_context(packing),
                }
                unzipped += contents.len() as u64;
                ensure!(
                    unzipped <= UNZIPPED_BYTES,
                    "the package is larger than the {} MB that Lambda takes: leave out what it does not need by a \
                     .hearthignore",
                    UNZIPPED_BYTES / MB
                );
                let mode = if *executable { 0o755 } else { 0o644 };
                zip.start_file(name, options.unix_permissions(mode)).with_context(packing)?;
                zip.write_all(&contents).with_context(packing)?;
            }
        }
    }
    let bytes = zip.finish().context("finish the package")?.into_inner();
    ensure!(
        bytes.len() as u64 <= ZIPPED_BYTES,
        "the package is {} MB zipped, Lambda takes {} MB: leave out what it does not need by a .hearthignore",
        bytes.len() as u64 / MB,
        ZIPPED_BYTES / MB
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        entries(folder, &rules(folder).unwrap()).unwrap().into_iter().map(|entry| entry.name).collect()
    }

    fn packed(folder: &Path) -> Vec<u8> {
        zip(&entries(folder, &rules(folder).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_same_folder_gives_the_same_bytes() {
        let files = [("app.py", "x = 1\n"), ("lib/deep/a.py", ""), ("z.txt", "z")];
        let (one, other) = (folder(&files), folder(&files));
        assert_eq!(packed(one.path()), packed(other.path()));
        fs::write(other.path().join("z.txt"), "y").unwrap();
        assert_ne!(packed(one.path()), packed(other.path()));
    }

    #[test]
    fn what_is_ignored_stays_out() {
        let folder = folder(&[
            ("app.py", ""),
            (".git/HEAD", ""),
            (".gitignore", "*.log\nnode_modules/\n"),
            ("a.log", ""),
            ("node_modules/a/index.js", ""),
            ("env/pyvenv.cfg", ""),
            ("env/bin/python", ""),
        ]);
        assert_eq!(names(folder.path()), ["app.py", "node_modules/a/index.js"]);
        fs::write(folder.path().join(".hearthignore"), "node_modules\n").unwrap();
        assert_eq!(names(folder.path()), ["a.log", "app.py"], "its own file counts alone");
    }

    #[test]
    fn modes_and_links_are_kept() {
        let outside = folder(&[("shared.py", "shared")]);
        let folder = folder(&[("bootstrap", "#!/bin/sh\n"), ("lib/a.so.1", "")]);
        fs::set_permissions(folder.path().join("bootstrap"), fs::Permissions::from_mode(0o700)).unwrap();
        symlink("a.so.1", folder.path().join("lib/a.so")).unwrap();
        symlink(outside.path(), folder.path().join("shared")).unwrap();
        symlink("nowhere", folder.path().join("broken")).unwrap();
        let bytes = packed(folder.path());
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(zip.by_name("bootstrap").unwrap().unix_mode().unwrap() & 0o777, 0o755);
        assert!(zip.by_name("lib/a.so").unwrap().is_symlink());
        let mut text = String::new();
        zip.by_name("shared/shared.py").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "shared", "a link that leads out is followed");
        assert!(zip.by_name("broken").is_err());
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = folder(&[("app.py", "")]);
        symlink(folder.path(), folder.path().join("self")).unwrap();
        let error = entries(folder.path(), &Rules::usual()).unwrap_err().to_string();
        assert!(error.ends_with("self leads in a circle: its package would have no end"), "{error}");
    }

    #[test]
    fn only_links_that_stay_inside_are_links_in_the_package() {
        assert!(inner_target("a/b", Path::new("../c")).is_some());
        assert!(inner_target("a/b", Path::new("../../c")).is_none());
        assert!(inner_target("a", Path::new("/c")).is_none());
    }
}
