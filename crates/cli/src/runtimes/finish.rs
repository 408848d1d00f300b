//! What makes a runtime tree out of unpacked packages: the files that maintainer scripts would have made, the mount
//! points, and nothing that a function could misuse.

use super::build::{Build, create_folder, remove, write};
use super::tools::Inside;
use anyhow::{Context as _, bail};
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

/// Mount points; and folders that must be there when a process starts, because Python and the dynamic loader drop what
/// is missing then from their search paths for good.
const FOLDERS: [&str; 19] = [
    "dev",
    "proc",
    "sys",
    "tmp",
    "mnt",
    "root",
    "opt/bin",
    "opt/extensions",
    "opt/lib",
    "opt/nodejs",
    "opt/python",
    "var/lang/bin",
    "var/lang/lib",
    "var/runtime/lib",
    "var/task/lib",
    "var/tmp",
    "etc/ssl/certs",
    "usr/lib/ssl",
    "usr/local/bin",
];
/// Everything else in /etc is for a system with an administrator.
const ETC: [&str; 14] = [
    "bash.bashrc",
    "debian_version",
    "gai.conf",
    "host.conf",
    "ld.so.conf",
    "ld.so.conf.d",
    "ld.so.cache",
    "mime.types",
    "networks",
    "os-release",
    "protocols",
    "rpc",
    "services",
    "ssl",
];
pub(super) const FILES: [(&str, &str); 6] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"),
    ("etc/group", "root:x:0:\nsbx_user1051:x:990:\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("etc/hosts", "127.0.0.1 localhost\n"),
    ("etc/resolv.conf", ""),
    ("etc/timezone", "UTC\n"),
];
const LINKS: [(&str, &str); 5] = [
    ("usr/share/zoneinfo/UTC", "etc/localtime"),
    ("etc/ssl/certs/ca-certificates.crt", "usr/lib/ssl/cert.pem"),
    // Where an OpenSSL that is not Debian's looks.
    ("etc/ssl/certs/ca-certificates.crt", "etc/ssl/cert.pem"),
    ("etc/ssl/certs", "usr/lib/ssl/certs"),
    ("proc/self/mounts", "etc/mtab"),
];
/// For administrators and package managers.
const UNUSED: [&str; 21] = [
    "boot",
    "home",
    "media",
    "run",
    "srv",
    "var/backups",
    "var/cache",
    "var/lib",
    "var/local",
    "var/lock",
    "var/log",
    "var/mail",
    "var/opt",
    "var/run",
    "var/spool",
    "usr/games",
    "usr/include",
    "usr/src",
    "usr/lib/dpkg",
    "usr/share/zoneinfo/posix",
    "usr/share/zoneinfo/right",
];
/// What stays of /usr/share.
const SHARE: [&str; 4] = ["ca-certificates", "terminfo", "zoneinfo", "misc"];

/// Finishes the tree.
pub(super) fn finish(build: &mut Build<'_>) -> anyhow::Result<()> {
    let tree = build.tree.as_path();
    // mmdebstrap leaves device nodes there.
    remove(&tree.join("dev"))?;
    UNUSED.iter().try_for_each(|path| remove(&tree.join(path)))?;
    keep(&tree.join("etc"), |name| ETC.contains(&name))?;
    keep(&tree.join("usr/share"), |name| SHARE.contains(&name))?;
    let managers = ["dpkg", "debconf", "update-", "apt"];
    for programs in ["usr/bin", "usr/sbin"] {
        keep(&tree.join(programs), |name| !managers.iter().any(|prefix| name.starts_with(prefix)))?;
    }
    FOLDERS.iter().try_for_each(|path| create_folder(&tree.join(path)))?;
    FILES.iter().try_for_each(|(path, text)| write(&tree.join(path), text))?;
    certificates(tree)?;
    for (target, path) in LINKS {
        link(tree, &format!("/{target}"), path)?;
    }
    // AWS's /bin/sh is bash; and no alternatives system chose an awk or a which.
    link(tree, "bash", "usr/bin/sh")?;
    for (program, name) in [("mawk", "awk"), ("which.debianutils", "which")] {
        if tree.join("usr/bin").join(program).exists() {
            link(tree, program, &format!("usr/bin/{name}"))?;
        }
    }
    build.run_inside(Inside::Writable, &[("PATH", "/usr/sbin:/usr/bin")], &["/usr/sbin/ldconfig"])?;
    normalise(tree)?;
    set_mode(&tree.join("tmp"), 0o1777)?;
    set_mode(&tree.join("var/tmp"), 0o1777)
}

/// Makes everything root's and readable by all, takes away what only the owner may keep, refuses what has no place.
pub(super) fn normalise(folder: &Path) -> anyhow::Result<()> {
    for entry in entries(folder)? {
        let metadata = fs::symlink_metadata(&entry).with_context(|| format!("look at {}", entry.display()))?;
        let kind = metadata.file_type();
        if kind.is_symlink() {
            continue;
        }
        if kind.is_block_device() || kind.is_char_device() || kind.is_fifo() || kind.is_socket() {
            bail!("{} is neither file nor folder", entry.display());
        }
        if metadata.uid() != 0 || metadata.gid() != 0 {
            chown(&entry, Some(0), Some(0)).with_context(|| format!("give {} to root", entry.display()))?;
        }
        // No set-uid, set-gid or sticky bit, nobody but the owner writes, everybody reads.
        let executable = if kind.is_dir() || metadata.mode() & 0o111 != 0 { 0o111 } else { 0 };
        set_mode(&entry, metadata.mode() & 0o755 | 0o444 | executable)?;
        if kind.is_dir() {
            normalise(&entry)?;
        }
    }
    Ok(())
}

/// One bundle of all certificates, as ca-certificates' own script makes it.
fn certificates(tree: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    let mut folders = vec![tree.join("usr/share/ca-certificates")];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "crt") {
                files.push(entry);
            }
        }
    }
    files.sort();
    let mut bundle = Vec::new();
    for file in files {
        bundle.extend(fs::read(&file).with_context(|| format!("read {}", file.display()))?);
    }
    write(&tree.join("etc/ssl/certs/ca-certificates.crt"), bundle)?;
    // Now they are in the bundle.
    remove(&tree.join("usr/share/ca-certificates"))
}

fn keep(folder: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    for entry in entries(folder)? {
        if !entry.file_name().and_then(|name| name.to_str()).is_some_and(&wanted) {
            remove(&entry)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>();
    list().with_context(|| format!("list {}", folder.display()))
}

fn link(tree: &Path, target: &str, path: &str) -> anyhow::Result<()> {
    let path = tree.join(path);
    remove(&path)?;
    symlink(target, &path).with_context(|| format!("link {} to {target}", path.display()))
}

pub(super) fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_keeps_rights_that_a_function_could_use() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can give files to root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let modes = [("a", 0o4755, 0o755), ("b", 0o600, 0o644), ("c", 0o2777, 0o755), ("d", 0o700, 0o755)];
        for (name, before, _) in modes {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            chown(&path, Some(1000), Some(1000)).unwrap();
            set_mode(&path, before).unwrap();
        }
        normalise(folder.path()).unwrap();
        for (name, _, after) in modes {
            let metadata = fs::metadata(folder.path().join(name)).unwrap();
            assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (0, 0, after), "{name}");
        }
    }

    #[test]
    fn a_socket_has_no_place_in_a_tree() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let error = normalise(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("socket is neither file nor folder"), "{error}");
    }
}
