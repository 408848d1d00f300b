//! What of a folder belongs into its package. Looks at names, kinds and times; reads no file but the patterns of what is
//! left out.

use super::ignore::{Rules, Source};
use anyhow::{Context as _, bail, ensure};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A change within so long after another may leave the same times behind (ours; file systems' clocks tick every 10 ms
/// or oftener).
const TICK: Duration = Duration::from_millis(50);

/// What is in a folder and belongs into its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path in the package, with `/`.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: EntryKind,
    /// When nothing but a change of it changes this; `None` where that cannot be told.
    pub(crate) stamp: Option<Stamp>,
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

/// A file's identity, size and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None`: it was changed just now, and a further change could look the same.
    fn of(file: &Metadata) -> Option<Self> {
        let changed = (file.ctime(), file.ctime_nsec());
        let since_epoch = Duration::new(changed.0.try_into().ok()?, changed.1.try_into().ok()?);
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + since_epoch).ok()?;
        (age > TICK).then(|| Self {
            inode: (file.dev(), file.ino()),
            bytes: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed,
        })
    }
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
                found.push(Entry { name, path, kind: EntryKind::Link(target), stamp: None });
            }
            continue;
        }
        // A link that leads out of the folder: what it leads to is packed in its place.
        let metadata = match if kind.is_symlink() { fs::metadata(&path) } else { entry.metadata() } {
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
            found.push(Entry { name, path, kind: EntryKind::File { executable }, stamp: Stamp::of(&metadata) });
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder with these files.
    pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
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
