//! One runtime in the making: its folders, and how its steps run things in the tree. Knows no recipe.

use super::recipe::Recipe;
use super::tools::{Inside, Tool, Tools};
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A runtime in the making.
#[derive(Debug)]
pub(super) struct Build<'a> {
    /// How.
    pub(super) recipe: &'a Recipe,
    /// Runs tools.
    pub(super) tools: &'a Tools,
    /// The tree, becoming.
    pub(super) tree: PathBuf,
    /// For whatever is needed on the way; removed afterwards.
    pub(super) work: PathBuf,
    /// Kept between builds: expensive things, under names that tell everything that went into them.
    pub(super) cache: PathBuf,
    /// What it is made of, as in the manifest.
    pub(super) sources: BTreeMap<String, String>,
}

impl Build<'_> {
    /// Runs a program in the tree, without a network.
    pub(super) fn run_inside(
        &self,
        mode: Inside,
        environment: &[(&str, &str)],
        program: &[&str],
    ) -> anyhow::Result<()> {
        self.tools.run(Tool::inside(&self.tree, mode, environment, program))?;
        Ok(())
    }

    /// The environment of a function with this runtime: what every one has on AWS and its client needs, and the
    /// runtime's own.
    pub(super) fn environment(&self, handler: &str) -> Vec<(String, String)> {
        let common = [
            ("AWS_LAMBDA_RUNTIME_API", "169.254.100.1:9001"),
            ("_HANDLER", handler),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "smoke"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/smoke"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "smoke"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
            (
                "LD_LIBRARY_PATH",
                "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
            ),
        ];
        let common = common.map(|(name, value)| (name.to_owned(), value.to_owned()));
        common.into_iter().chain(self.recipe.environment.iter().cloned()).collect()
    }
}

/// Writes a file, with its folders.
///
/// # Errors
///
/// Names the file.
pub(super) fn write(path: &Path, text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// Makes a folder and those above it, if they are not there.
///
/// # Errors
///
/// Names the folder.
pub(super) fn create_folder(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("make the folder {}", path.display()))
}

/// Copies a file with its mode, and makes the folders above it.
///
/// # Errors
///
/// Names both.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(parent) = to.parent() {
        create_folder(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Removes whatever is at `path`, if anything.
///
/// # Errors
///
/// Names the path.
pub(super) fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
