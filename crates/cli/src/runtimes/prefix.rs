//! CPython out of a prefix on this machine (pyenv, uv, or wherever somebody compiled it), for the versions that are in
//! no Debian release: the interpreter and its standard library are copied, and every shared library that they load.

use super::build::{Build, copy as copy_file, create_folder, write};
use super::debian::{BOOKWORM, FORKY, Release, TRIXIE};
use super::tools::{Tool, Tools};
use super::tree::{fingerprint, machine};
use anyhow::{Context as _, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Of no use to a function: tests, graphics, compilers' settings.
const SKIPPED: [&str; 10] = [
    "__pycache__",
    "ensurepip",
    "idlelib",
    "pip",
    "setuptools",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
];
const SKIPPED_MODULES: [&str; 4] = ["_ctypes_test", "_test", "_tkinter", "xx"];
/// The C library's own: they must be those of the tree.
const C_LIBRARY: [&str; 10] = [
    "ld-linux-x86-64.so.2",
    "libanl.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libthread_db.so.1",
    "libutil.so.1",
];

/// A usable prefix.
#[derive(Clone, Debug)]
pub(super) struct Prefix {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The Debian release whose C library is new enough for libraries of this machine.
    pub(super) release: Release,
    /// Of its interpreter and standard library.
    pub(super) fingerprint: String,
}

impl Prefix {
    /// Whether CPython `version` is at `path`.
    pub(super) fn is(path: &Path, version: &str) -> bool {
        path.join(format!("bin/python{version}")).is_file() && path.join(format!("lib/python{version}/os.py")).is_file()
    }

    /// Looks at the one at `path`.
    pub(super) fn open(tools: &Tools, path: &Path, version: &str) -> anyhow::Result<Self> {
        ensure!(Self::is(path, version), "{} has no bin/python{version} with its library", path.display());
        machine(&path.join(format!("bin/python{version}")))?;
        let said = String::from_utf8(tools.run(Tool::on_host("getconf").args(["GNU_LIBC_VERSION"]))?)?;
        let glibc = version_of(&said).with_context(|| format!("understand `getconf GNU_LIBC_VERSION`: {said:?}"))?;
        let release = base_for(glibc);
        let fingerprint = fingerprint(&path.join("lib").join(format!("python{version}")))?;
        Ok(Self { path: path.to_owned(), release, fingerprint })
    }
}

/// Where pyenv or uv keeps CPython `version`, if either does: the newest.
pub(super) fn find(version: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("HOME");
    let below_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
    let data = set("XDG_DATA_HOME").or_else(|| below_home(".local/share"));
    let places = [
        set("PYENV_ROOT").or_else(|| below_home(".pyenv")).map(|root| root.join("versions")),
        set("UV_PYTHON_INSTALL_DIR").or_else(|| data.map(|data| data.join("uv/python"))),
    ];
    let entries = places.into_iter().flatten().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    let found = entries.filter_map(|entry| {
        let patch = patch(&entry.file_name().to_string_lossy(), version)?;
        Prefix::is(&entry.path(), version).then(|| (patch, entry.path()))
    });
    found.max().map(|(_, path)| path)
}

/// Copies interpreter, standard library and shared libraries to `/var/lang`.
pub(super) fn copy(build: &mut Build<'_>, version: &str, prefix: &Prefix) -> anyhow::Result<()> {
    let lang = build.tree.join("var/lang");
    let program = format!("bin/python{version}");
    copy_file(&prefix.path.join(&program), &lang.join(&program))?;
    let library = format!("lib/python{version}");
    copy_folder(&prefix.path.join(&library), &lang.join(&library))?;

    let modules = library + "/lib-dynload";
    let mut loaded = vec![prefix.path.join(&program)];
    // From where they were built: their search paths may be relative to that.
    if let Ok(kept) = fs::read_dir(lang.join(&modules)) {
        loaded.extend(kept.flatten().map(|entry| prefix.path.join(&modules).join(entry.file_name())));
    }
    let said = build.tools.run(Tool::on_host("ldd").args(&loaded))?;
    for (name, path) in libraries(&String::from_utf8_lossy(&said))? {
        let present = build.tree.join("usr/lib/x86_64-linux-gnu").join(&name);
        // What the tree has of Debian may serve its other programs as well.
        if !C_LIBRARY.contains(&name.as_str()) && !same(&present, &path) {
            copy_file(&path, &lang.join("lib").join(&name))?;
        }
    }
    write(&build.tree.join("etc/ld.so.conf.d/0-lambda.conf"), "/var/lang/lib\n")?;
    Ok(())
}

/// `pyenv` names folders `3.12.1`, `uv` `cpython-3.12.1-linux-x86_64-gnu`: the number of the patch.
fn patch(name: &str, version: &str) -> Option<u32> {
    let name = name.strip_prefix("cpython-").unwrap_or(name);
    let rest = name.strip_prefix(version)?.strip_prefix('.')?;
    let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    (after.is_empty() || after.starts_with('-')).then(|| number.parse().ok())?
}

/// `glibc 2.36`
fn version_of(said: &str) -> Option<(u32, u32)> {
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The oldest release whose C library is not older; the newest where none is, and then the tree's check decides.
fn base_for(glibc: (u32, u32)) -> Release {
    [BOOKWORM, TRIXIE].into_iter().find(|release| release.glibc >= glibc).unwrap_or(FORKY)
}

/// What `ldd` lists, by the name that is asked for.
fn libraries(said: &str) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for line in said.lines() {
        let Some((name, place)) = line.trim().split_once(" => ") else { continue };
        if place == "not found" {
            bail!("this machine lacks {name}, which that Python needs");
        }
        let path = place.rsplit_once(" (").map_or(place, |(path, _)| path);
        found.insert(name.to_owned(), PathBuf::from(path));
    }
    Ok(found)
}

fn same(one: &Path, other: &Path) -> bool {
    fs::read(one).is_ok_and(|one| fs::read(other).is_ok_and(|other| one == other))
}

/// Links are followed: what they lead to may be outside.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    create_folder(to)?;
    let list = || fs::read_dir(from)?.collect::<std::io::Result<Vec<_>>>();
    for entry in list().with_context(|| format!("list {}", from.display()))? {
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        let skipped = SKIPPED.contains(&&*text) || text.starts_with("config-") || text.ends_with(".pyc");
        if skipped || (text.ends_with(".so") && SKIPPED_MODULES.iter().any(|module| text.starts_with(module))) {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(&name))?;
        } else if path.is_file() {
            copy_file(&path, &to.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_pyenv_and_uv_are_understood() {
        assert_eq!(patch("3.12.1", "3.12"), Some(1));
        assert_eq!(patch("cpython-3.12.11-linux-x86_64-gnu", "3.12"), Some(11));
        for other in ["3.1.2", "3.12", "3.12.1rc1", "3.121.0", "pypy3.12.1", "3.12.x"] {
            assert_eq!(patch(other, "3.12"), None, "{other}");
        }
    }

    #[test]
    fn libraries_come_with_the_name_that_is_asked_for() {
        let said = "/p/bin/python3.12:\n\tlinux-vdso.so.1 (0x1)\n\tlibpython3.12.so.1.0 => /p/lib/libpython3.12.so.1.0 (0x2)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x3)\n\t/lib64/ld-linux-x86-64.so.2 (0x4)\n";
        let found = libraries(said).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["libc.so.6", "libpython3.12.so.1.0"]);
        assert_eq!(found["libpython3.12.so.1.0"], Path::new("/p/lib/libpython3.12.so.1.0"));
        let error = libraries("\tlibffi.so.7 => not found\n").unwrap_err().to_string();
        assert_eq!(error, "this machine lacks libffi.so.7, which that Python needs");
    }

    #[test]
    fn the_trees_c_library_is_not_older_than_this_machines() {
        assert_eq!(version_of("glibc 2.36\n"), Some((2, 36)));
        let suites = [(2, 17), (2, 36), (2, 39), (2, 42), (2, 99)].map(|glibc| base_for(glibc).suite);
        assert_eq!(suites, ["bookworm", "bookworm", "trixie", "forky", "forky"]);
    }

    #[test]
    fn what_no_function_needs_is_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for file in ["os.py", "test/a.py", "lib-dynload/_tkinter.cpython-312.so", "lib-dynload/_ssl.cpython-312.so"] {
            write(&from.join(file), "").unwrap();
        }
        copy_folder(&from, &to).unwrap();
        assert!(to.join("os.py").exists() && to.join("lib-dynload/_ssl.cpython-312.so").exists());
        assert!(!to.join("test").exists() && !to.join("lib-dynload/_tkinter.cpython-312.so").exists());
    }
}
