//! What layers say about extensions, looked up on the host: nothing in a layer is followed out of it.
//!
//! The rules of an overlay are repeated here for one folder: a later layer's file hides an earlier one of its name, and a
//! file that is called `extensions` hides the folders of earlier layers.

use hearth_core::limits::EXTENSIONS;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Where external extensions are, below `/opt`.
pub(crate) const FOLDER: &str = "extensions";
/// A file of this name in a layer switches extensions off (observed, RIE `extensions`).
const SWITCH: &str = "disable-extensions-jwigqn8j";

/// Whether one of the layers says that there are no extensions. Not followed, should it be a link.
pub(crate) fn disable_extensions(layers: &[PathBuf]) -> bool {
    layers.iter().any(|layer| layer.join(SWITCH).symlink_metadata().is_ok())
}

/// The names in `/opt/extensions` that are no folders, sorted: links count, wherever they lead inside. At most one more
/// than there may be.
pub(crate) fn external_extensions(layers: &[PathBuf]) -> Vec<String> {
    // Whether it is a folder, by name.
    let mut entries: BTreeMap<String, bool> = BTreeMap::new();
    for layer in layers {
        let folder = layer.join(FOLDER);
        match folder.symlink_metadata() {
            Ok(facts) if facts.is_dir() => {}
            Ok(_) => {
                entries.clear();
                continue;
            }
            Err(_) => continue,
        }
        let listed = match fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) => {
                tracing::error!(%error, folder = %folder.display(), "the extensions of a layer cannot be listed");
                continue;
            }
        };
        for entry in listed.flatten() {
            // A name that is no text could not be an extension's name in a header either.
            if let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) {
                entries.insert(name, kind.is_dir());
            }
        }
    }
    entries.into_iter().filter_map(|(name, is_dir)| (!is_dir).then_some(name)).take(EXTENSIONS + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn layer(root: &Path, name: &str, files: &[&str]) -> PathBuf {
        let layer = root.join(name);
        for file in files {
            let path = layer.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        layer
    }

    #[test]
    fn files_and_links_of_all_layers_by_name() {
        let root = tempfile::tempdir().unwrap();
        let one = layer(root.path(), "one", &["extensions/b", "extensions/folder/x", "extensions/hidden"]);
        let two = layer(root.path(), "two", &["extensions/a", "extensions/hidden/now/a/folder", "bin/tool"]);
        symlink("/nowhere", one.join("extensions/link")).unwrap();
        assert_eq!(external_extensions(&[one.clone(), two.clone()]), ["a", "b", "link"]);
        assert_eq!(external_extensions(&[two, one]), ["a", "b", "hidden", "link"]);
        assert!(external_extensions(&[root.path().join("none")]).is_empty());
    }

    #[test]
    fn a_link_in_place_of_the_folder_leads_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let one = layer(root.path(), "one", &["extensions/b"]);
        let two = layer(root.path(), "two", &["other"]);
        symlink(one.join("extensions"), two.join("extensions")).unwrap();
        assert!(external_extensions(&[one, two]).is_empty(), "it hides what is below, and is not followed");
    }

    #[test]
    fn a_file_switches_them_off() {
        let root = tempfile::tempdir().unwrap();
        let one = layer(root.path(), "one", &["extensions/b"]);
        assert!(!disable_extensions(std::slice::from_ref(&one)));
        let two = layer(root.path(), "two", &[SWITCH]);
        assert!(disable_extensions(&[one, two]));
    }
}
