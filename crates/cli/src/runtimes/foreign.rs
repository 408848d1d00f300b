//! Runtimes out of a tree that somebody else made: a container's file system of AWS's own image, or a tree of another
//! machine's Hearth. Nothing in it is changed but what functions need and it lacks.

use super::build::{Build, create_folder, remove, write};
use super::debian::BOOKWORM;
use super::finish::{FILES, normalise, set_mode};
use super::provided;
use super::recipe::{Recipe, Smoke, Step, owned};
use super::tools::Tool;
use super::tree::fingerprint;
use anyhow::{Context as _, ensure};
use hearth_api::runtime_tree::inside;
use std::fs;
use std::path::Path;

/// What AWS's images start.
const BOOTSTRAP: &str = "/var/runtime/bootstrap";
/// Mount points, and folders that must be there when a process starts.
const FOLDERS: [&str; 12] = [
    "dev",
    "mnt",
    "opt/bin",
    "opt/extensions",
    "opt/lib",
    "opt/nodejs",
    "opt/python",
    "proc",
    "sys",
    "tmp",
    "var/runtime/lib",
    "var/task/lib",
];

/// A runtime that Hearth has no recipe for.
#[derive(Debug)]
pub(super) struct Foreign {
    /// Why there is none, for people.
    pub(super) why: &'static str,
    /// Its smallest function, unless it would have to be compiled.
    pub(super) smoke: Option<Smoke>,
}

/// Ruby needs no compiler.
pub(super) const RUBY_SMOKE: Smoke =
    Smoke { file: "smoke.rb", content: include_bytes!("files/smoke.rb"), handler: "smoke.handler" };

/// The recipe for the tree in `folder`; `own` is the one from packages, where there is one: a tree of another Hearth
/// starts as that says.
pub(super) fn recipe(
    name: &'static str,
    version: String,
    folder: &Path,
    own: Option<Recipe>,
    smoke: Option<Smoke>,
) -> anyhow::Result<Recipe> {
    let there = |path: &str| inside(folder, path).is_some_and(|place| place.is_file());
    let execution = ("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{name}"));
    let provided = name.starts_with("provided");
    let (programs, arguments, environment) = match own {
        _ if provided => (owned(&provided::PROGRAMS), Vec::new(), Vec::new()),
        Some(own) if own.programs.iter().any(|program| there(program)) => {
            (own.programs, own.arguments, own.environment)
        }
        _ => (vec![BOOTSTRAP.to_owned()], Vec::new(), vec![execution]),
    };
    ensure!(
        provided || programs.iter().any(|program| there(program)),
        "it has no {}: AWS's own images have one, and so must every other tree",
        programs.join(" or ")
    );
    // Answers with curl, which not every tree has.
    let smoke = smoke.filter(|_| !provided || there("/usr/bin/curl"));
    let mut steps = Step::proofs().into_iter();
    let from = folder.to_owned();
    let mut all =
        vec![Step::new("copying the tree", move |build| copy(build, &from)), Step::new("finishing the tree", finish)];
    all.extend(steps.next());
    all.extend(steps.next().filter(|_| smoke.is_some()));
    Ok(Recipe {
        name,
        version,
        release: BOOKWORM,
        packages: Vec::new(),
        programs,
        arguments,
        environment,
        inputs: vec![fingerprint(folder)?],
        steps: all,
        verify: owned(&["/bin/sh", "-c", "exit 0"]),
        smoke,
    })
}

fn copy(build: &mut Build<'_>, from: &Path) -> anyhow::Result<()> {
    let cp = Tool::on_host("cp").args(["--archive", "--no-target-directory", "--reflink=auto"]);
    build.tools.run(cp.args([from, &build.tree]))?;
    // Device files of a running container.
    remove(&build.tree.join("dev"))
}

/// Adds what functions need and the tree lacks.
fn finish(build: &mut Build<'_>) -> anyhow::Result<()> {
    let tree = build.tree.as_path();
    for folder in FOLDERS {
        make(tree, folder)?;
    }
    make(tree, "etc")?;
    for (path, text) in FILES {
        let place = tree.join(path);
        let metadata = fs::symlink_metadata(&place);
        // Of a container's host, as a rule; a function's is mounted over it.
        if path == "etc/resolv.conf" && metadata.as_ref().is_ok_and(fs::Metadata::is_symlink) {
            remove(&place)?;
        }
        if fs::symlink_metadata(&place).is_err() {
            write(&place, text)?;
        }
    }
    normalise(tree)?;
    set_mode(&tree.join("tmp"), 0o1777)
}

/// Makes a folder in the tree and those above it, through no link: it could lead out.
fn make(tree: &Path, folder: &str) -> anyhow::Result<()> {
    let mut path = tree.to_owned();
    for name in folder.split('/') {
        path.push(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => ensure!(metadata.is_dir(), "{} is not a folder", path.display()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => create_folder(&path)?,
            Err(error) => return Err(error).with_context(|| format!("look at {}", path.display())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Runtime;
    use super::super::origin::Origin;
    use super::*;

    fn of(name: &str, folder: &Path) -> anyhow::Result<Recipe> {
        Runtime::find(name).unwrap().recipe(Origin::Tree(folder.to_owned()))
    }

    #[test]
    fn a_tree_of_aws_starts_its_own_bootstrap() {
        let folder = tempfile::tempdir().unwrap();
        let error = of("java21", folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("it has no /var/runtime/bootstrap"), "{error}");
        write(&folder.path().join("var/runtime/bootstrap"), "").unwrap();
        let recipe = of("java21", folder.path()).unwrap();
        assert_eq!((recipe.programs, recipe.version.as_str()), (owned(&[BOOTSTRAP]), "java:21.v1"));
        assert!(recipe.smoke.is_none(), "a compiled language");
        let python = of("python3.12", folder.path()).unwrap();
        assert_eq!(python.programs, [BOOTSTRAP]);
        assert_eq!(python.environment, [("AWS_EXECUTION_ENV".to_owned(), "AWS_Lambda_python3.12".to_owned())]);
    }

    #[test]
    fn a_tree_of_hearth_starts_as_hearth_starts_it() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("var/lang/bin/python3.11"), "").unwrap();
        let recipe = of("python3.11", folder.path()).unwrap();
        assert_eq!(recipe.programs, ["/var/lang/bin/python3.11"]);
        assert!(recipe.arguments.contains(&"awslambdaric".to_owned()));
    }

    #[test]
    fn a_folder_is_never_made_through_a_link() {
        let tree = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/tmp", tree.path().join("opt")).unwrap();
        assert!(make(tree.path(), "opt/lib").unwrap_err().to_string().ends_with("opt is not a folder"));
        make(tree.path(), "var/task/lib").unwrap();
        assert!(tree.path().join("var/task/lib").is_dir());
    }
}
