//! `hearth runtimes ls`: every runtime that Hearth can make, and whether it is here.

use super::add::{impossible, missing};
use super::recipe::{Need, RECIPES, Recipe};
use super::shelf::find;
use crate::output::{json_line, line};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One line.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    /// `present`, `absent`, or `broken` with the reason.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    version: String,
    version_hash: String,
    made_of: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<PathBuf>,
    /// Programs that making it needs and this host lacks.
    missing: Vec<&'static Need>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sources: BTreeMap<String, String>,
}

/// Prints all.
///
/// # Errors
///
/// That standard output cannot be written.
pub(super) fn list(directory: &Path, json: bool) -> anyhow::Result<()> {
    let rows = RECIPES.iter().map(|recipe| row(directory, recipe));
    if json {
        rows.into_iter().try_for_each(|row| json_line(&row))?;
        return Ok(());
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["NAME", "STATUS", "VERSION", "MADE OF"]);
    let mut remarks = Vec::new();
    for row in rows {
        table.add_row([row.name, row.status, &row.version, row.made_of]);
        remarks.extend(row.reason.map(|reason| format!("{} is broken: {reason}", row.name)));
        for need in row.missing {
            remarks.push(format!("{} needs {}: apt-get install {}", row.name, need.program, need.package));
        }
    }
    line(&table.trim_fmt())?;
    line(&format!("\nin {}; `hearth runtimes add NAME…` makes what is absent", directory.display()))?;
    remarks.extend(impossible());
    remarks.iter().try_for_each(|remark| line(remark))?;
    Ok(())
}

fn row(directory: &Path, recipe: &'static Recipe) -> Row {
    let mut row = Row {
        name: recipe.name,
        status: "absent",
        reason: None,
        version: recipe.version.to_owned(),
        version_hash: recipe.digest(),
        made_of: recipe.summary,
        root: None,
        missing: Vec::new(),
        sources: BTreeMap::new(),
    };
    match find(directory, recipe.name) {
        Ok(Some(tree)) => {
            row.status = "present";
            (row.version, row.version_hash) = (tree.version, tree.version_hash);
            (row.root, row.sources) = (Some(tree.root), tree.sources);
        }
        Ok(None) => row.missing = missing(recipe),
        Err(error) => {
            row.status = "broken";
            row.reason = Some(format!("{error:#}"));
            row.missing = missing(recipe);
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_runtime_says_why() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("python3.11")).unwrap();
        std::fs::write(directory.path().join("python3.11/manifest.json"), "{").unwrap();
        let row = row(directory.path(), Recipe::find("python3.11").unwrap());
        assert_eq!(row.status, "broken");
        assert!(row.reason.unwrap().contains("manifest.json"), "names the file");
    }
}
