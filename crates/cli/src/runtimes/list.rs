//! `hearth runtimes ls`: every runtime of AWS: whether it is here, how it would be made, or what is missing for that.

use super::add::{Programs, impossible};
use super::catalogue::{RUNTIMES, Runtime};
use super::origin::{PREFIX, TREE};
use super::recipe::Need;
use super::shelf::find;
use crate::output::{json_line, line};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One line.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    status: Status,
    /// Why it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    version: String,
    /// Of the one that is here, or of the recipe from packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    version_hash: Option<String>,
    made_of: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<PathBuf>,
    /// Programs that making it needs and this host lacks.
    missing: Vec<&'static Need>,
    /// What somebody would have to bring.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sources: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It is here.
    Present,
    /// `add` makes it.
    Absent,
    /// `add` makes it from what `--from` names.
    Needs,
    /// It is here and cannot be used.
    Broken,
}

/// Prints all.
///
/// # Errors
///
/// That standard output cannot be written.
pub(super) fn list(directory: &Path, json: bool) -> anyhow::Result<()> {
    let mut programs = Programs::default();
    let rows = RUNTIMES.iter().map(|runtime| row(directory, runtime, &mut programs));
    if json {
        rows.into_iter().try_for_each(|row| json_line(&row))?;
        return Ok(());
    }
    table(&rows.collect::<Vec<_>>()).into_iter().try_for_each(|text| line(&text))?;
    line(&format!("\nin {}; `hearth runtimes add NAME…` makes what is absent", directory.display()))?;
    impossible().iter().try_for_each(|remark| line(remark))?;
    Ok(())
}

/// The table, then what there is to remark.
fn table(rows: &[Row]) -> Vec<String> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["NAME", "STATUS", "VERSION", "MADE OF"]);
    let mut remarks: Vec<String> = Vec::new();
    // The same for all of a language: said once.
    let mut advice: Vec<(String, Vec<&str>)> = Vec::new();
    for row in rows {
        let status = match row.status {
            Status::Present => "present",
            Status::Absent => "absent",
            Status::Needs => "needs --from",
            Status::Broken => "broken",
        };
        table.add_row([row.name, status, &row.version, &row.made_of]);
        remarks.extend(row.reason.as_ref().map(|reason| format!("{} is broken: {reason}", row.name)));
        for need in &row.missing {
            remarks.push(format!("{} needs {}: apt-get install {}", row.name, need.program, need.package));
        }
        if let Some(text) = row.advice.as_ref().map(|text| text.replace(row.name, "NAME")) {
            match advice.iter_mut().find(|(known, _)| *known == text) {
                Some((_, names)) => names.push(row.name),
                None => advice.push((text, vec![row.name])),
            }
        }
    }
    remarks.extend(advice.iter().map(|(text, names)| format!("{}: {text}", names.join(", "))));
    let mut lines = vec![table.trim_fmt()];
    if !remarks.is_empty() {
        lines.push(String::new());
        lines.append(&mut remarks);
    }
    lines
}

fn row(directory: &Path, runtime: &'static Runtime, programs: &mut Programs) -> Row {
    let mut row = Row {
        name: runtime.name,
        status: Status::Absent,
        reason: None,
        version: runtime.version(),
        version_hash: runtime.own().map(|recipe| recipe.digest()),
        made_of: runtime.how(),
        root: None,
        missing: Vec::new(),
        advice: None,
        sources: BTreeMap::new(),
    };
    match find(directory, runtime.name) {
        Ok(Some(tree)) => {
            row.status = Status::Present;
            (row.version, row.version_hash) = (tree.version, Some(tree.version_hash));
            (row.root, row.sources) = (Some(tree.root), tree.sources);
            // A tree that was brought tells where it came from; one from packages would be made the same again.
            if let Some(place) = [TREE, PREFIX].iter().find_map(|what| row.sources.get(*what)) {
                row.made_of = format!("what was in {place}");
            }
            return row;
        }
        Ok(None) => {}
        Err(error) => {
            row.status = Status::Broken;
            row.reason = Some(format!("{error:#}"));
        }
    }
    row.missing = programs.missing(runtime);
    row.advice = runtime.lacks();
    if row.advice.is_some() && row.status == Status::Absent {
        row.status = Status::Needs;
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(directory: &Path, runtime: &'static Runtime) -> Row {
        row(directory, runtime, &mut Programs::default())
    }

    #[test]
    fn a_broken_runtime_says_why() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("python3.11")).unwrap();
        std::fs::write(directory.path().join("python3.11/manifest.json"), "{").unwrap();
        let row = look(directory.path(), Runtime::find("python3.11").unwrap());
        assert_eq!(row.status, Status::Broken);
        assert!(row.reason.as_ref().unwrap().contains("manifest.json"), "names the file");
        assert!(table(&[row]).concat().contains("python3.11 is broken: "));
    }

    #[test]
    fn what_cannot_be_made_says_what_it_needs() {
        let directory = tempfile::tempdir().unwrap();
        let rows = ["java17", "java21"].map(|name| look(directory.path(), Runtime::find(name).unwrap()));
        let text = table(&rows).join("\n");
        assert!(text.contains("needs --from") && text.contains("java17, java21: AWS's client for Java"), "{text}");
        let absent = look(directory.path(), Runtime::find("nodejs24.x").unwrap());
        assert_eq!((absent.status, absent.advice), (Status::Absent, None));
        assert!(absent.made_of.contains("aws-lambda-ric 4.0.2"), "{}", absent.made_of);
    }

    #[test]
    fn a_tree_that_was_brought_says_from_where() {
        let directory = tempfile::tempdir().unwrap();
        let manifest = serde_json::json!({
            "format": 1, "name": "ruby3.4", "version": "ruby:3.4.v1", "version_hash": "00",
            "programs": ["/bin/sh"], "arguments": [], "environment": {}, "architecture": std::env::consts::ARCH, "kernel_minimum": "3.2.0",
            "sources": { "tree": "/srv/ruby" },
        });
        super::super::build::write(&directory.path().join("ruby3.4/manifest.json"), manifest.to_string()).unwrap();
        super::super::shelf::write_tree(&directory.path().join("ruby3.4/tree"));
        let row = look(directory.path(), Runtime::find("ruby3.4").unwrap());
        assert_eq!((row.status, row.made_of.as_str()), (Status::Present, "what was in /srv/ruby"));
    }
}
