//! `hearth doctor`: what this machine has and lacks, and what to do about each thing that is missing. Changes nothing,
//! unless asked to hand something over ([`delegate`]).

mod delegate;

use crate::output::{self, Output, Tone};
use crate::{runtimes, service};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check what this machine has and lacks; exits 1 if something needed is missing
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// The data directory that `up` will use
    #[arg(long, default_value = "./.hearth", value_name = "DIR")]
    data: PathBuf,
    /// As root: let an ordinary user limit functions, until the next boot
    #[arg(long, conflicts_with = "data")]
    delegate: bool,
    /// To whom [default: whoever called sudo]
    #[arg(long, requires = "delegate", value_name = "NAME")]
    user: Option<String>,
}

impl DoctorArgs {
    /// Whether this is about what a service could do here.
    pub(crate) fn looks(&self) -> bool {
        !self.delegate
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    name: String,
    verdict: Verdict,
    /// What was found.
    detail: String,
    /// What to do where it is not `ok`.
    remedy: Option<String>,
}

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Works, with less.
    Limited,
    /// Does not work.
    Missing,
}

/// Runs the command. `rights`: whether this process got those of a service.
///
/// # Errors
///
/// When standard output cannot be written.
pub(crate) fn run(args: &DoctorArgs, rights: anyhow::Result<()>, output: Output) -> anyhow::Result<ExitCode> {
    if args.delegate {
        return delegate::run(args.user.as_deref(), output);
    }
    service::allow_all_descriptors(); // as a service does, or they would seem to be few
    let mut findings: Vec<_> = hearth_sandbox::process::doctor(&args.data).into_iter().map(Finding::from).collect();
    findings.extend(rights.err().map(|error| Finding {
        name: "rights".to_owned(),
        verdict: Verdict::Missing,
        detail: "not enough to make sandboxes".to_owned(),
        remedy: Some(format!("{error:#}")),
    }));
    findings.extend(hearth_sandbox::process::most().ok().map(|most| waiting(most, service::usual_pool_mb())));
    findings.push(file_system(&args.data));
    findings.extend(runtime_findings());
    findings.push(mmdebstrap(std::env::var_os("PATH")));
    let missing = findings.iter().any(|finding| finding.verdict == Verdict::Missing);
    if output.json {
        output::json_line(&serde_json::json!({ "ok": !missing, "checks": findings }))?;
    } else {
        let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or_default();
        for finding in &findings {
            output::line(&text(finding, width, output))?;
        }
    }
    Ok(ExitCode::from(u8::from(missing)))
}

fn text(finding: &Finding, width: usize, output: Output) -> String {
    let (tone, word) = match finding.verdict {
        Verdict::Ok => (Tone::Good, "ok     "),
        Verdict::Limited => (Tone::Strong, "limited"),
        Verdict::Missing => (Tone::Bad, "missing"),
    };
    let mut text = format!("{}  {:<width$} {}", output.paint(tone, word), finding.name, finding.detail);
    if let Some(remedy) = &finding.remedy {
        text.push_str(&format!("\n         {:<width$} {}", "", output.paint(Tone::Faint, remedy)));
    }
    text
}

/// Sandboxes that wait for cold starts, where there can be so many in all, and what `hearth up` lets them take.
fn waiting(sandboxes: usize, pool_mb: u64) -> Finding {
    let name = "waiting sandboxes".to_owned();
    match hearth_worker::most_that_wait(sandboxes) {
        0 => Finding {
            name,
            verdict: Verdict::Limited,
            detail: "none: cold starts make their own".to_owned(),
            remedy: Some("there can be too few: see environments".to_owned()),
        },
        most => {
            let detail = format!("up to {most} within {pool_mb} MB (--pool)");
            Finding { name, verdict: Verdict::Ok, detail, remedy: None }
        }
    }
}

/// What the data directory is on, or will be.
fn file_system(data: &Path) -> Finding {
    let absolute = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    // The directory need not exist yet; what is above it tells.
    let found = absolute.ancestors().find(|path| path.exists()).map(rustix::fs::statfs);
    let failed = |detail: String| Finding {
        name: "data directory".to_owned(),
        verdict: Verdict::Missing,
        detail,
        remedy: Some("give another one with --data DIR".to_owned()),
    };
    match found {
        Some(Ok(found)) => {
            let free = found.f_bavail.saturating_mul(u64::try_from(found.f_bsize).unwrap_or_default());
            on(&absolute, &file_system_name(found.f_type), free >> 20)
        }
        Some(Err(error)) => failed(format!("{}: {error}", absolute.display())),
        None => failed(format!("{} cannot be looked at", absolute.display())),
    }
}

fn on(data: &Path, kind: &str, free_mb: u64) -> Finding {
    let name = "data directory".to_owned();
    let detail = format!("{} on {kind}, {free_mb} MB free", data.display());
    if kind == "tmpfs" || kind == "ramfs" {
        let remedy = "memory: functions and logs do not survive a reboot there; give another one with --data DIR";
        return Finding { name, verdict: Verdict::Limited, detail, remedy: Some(remedy.to_owned()) };
    }
    Finding { name, verdict: Verdict::Ok, detail, remedy: None }
}

/// By the kernel's magic numbers (`statfs(2)`).
fn file_system_name(magic: i64) -> String {
    match magic {
        0xEF53 => "ext4".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683E => "btrfs".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x8584_58F6 => "ramfs".to_owned(),
        0x794C_7630 => "overlayfs".to_owned(),
        0x2FC1_2FC1 => "zfs".to_owned(),
        0x6969 => "nfs".to_owned(),
        0x0102_1997 => "9p".to_owned(),
        other => format!("file system {other:#x}"),
    }
}

/// Runtimes on this machine.
fn runtime_findings() -> Vec<Finding> {
    let directory = runtimes::directory();
    let finding = |name: &str| {
        let found = hearth_api::runtime_tree::load(&directory, name);
        let (verdict, detail, remedy) = match found {
            Ok(tree) => (Verdict::Ok, format!("{} in {}", tree.version, directory.display()), None),
            // None is needed as such: who writes Python needs no Node.js.
            Err(error) => (Verdict::Limited, format!("not in {}", directory.display()), Some(error.to_string())),
        };
        Finding { name: format!("runtime {name}"), verdict, detail, remedy }
    };
    runtimes::names().map(finding).collect()
}

/// The tool that runtimes are made with. Those that are there need it no more.
fn mmdebstrap(path: Option<std::ffi::OsString>) -> Finding {
    let name = "mmdebstrap".to_owned();
    let found = path.as_ref().and_then(|path| {
        std::env::split_paths(path).map(|directory| directory.join("mmdebstrap")).find(|file| file.is_file())
    });
    match found {
        Some(file) => Finding { name, verdict: Verdict::Ok, detail: file.display().to_string(), remedy: None },
        None => Finding {
            name,
            verdict: Verdict::Limited,
            detail: "not in PATH: no runtime can be added".to_owned(),
            remedy: Some("apt-get install mmdebstrap".to_owned()),
        },
    }
}

impl From<hearth_sandbox::process::Check> for Finding {
    fn from(check: hearth_sandbox::process::Check) -> Self {
        let verdict = match (check.ok, check.needed) {
            (true, _) => Verdict::Ok,
            (false, true) => Verdict::Missing,
            (false, false) => Verdict::Limited,
        };
        let remedy = (!check.ok).then_some(check.remedy);
        Self { name: check.name.to_owned(), verdict, detail: check.detail, remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_what_to_do() {
        let finding = Finding {
            name: "loop devices".into(),
            verdict: Verdict::Missing,
            detail: "/dev/loop-control is not there".into(),
            remedy: Some("modprobe loop".into()),
        };
        let shown = text(&finding, 12, Output::fixed(false));
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.len(), 2, "{shown}");
        assert!(lines[0].starts_with("missing  loop devices"), "{shown}");
        assert!(lines[1].trim_start() == "modprobe loop", "{shown}");
    }

    #[test]
    fn what_waits_is_a_share_of_what_there_can_be() {
        let finding = waiting(4_096, 1_024);
        assert_eq!((finding.verdict, finding.detail.as_str()), (Verdict::Ok, "up to 64 within 1024 MB (--pool)"));
        assert_eq!(waiting(80, 100).detail, "up to 10 within 100 MB (--pool)");
        let none = waiting(3, 1_024);
        assert_eq!((none.verdict, none.remedy.is_some()), (Verdict::Limited, true));
    }

    #[test]
    fn a_data_directory_need_not_exist_yet() {
        let parent = tempfile::tempdir().expect("a directory");
        let finding = file_system(&parent.path().join("a/b"));
        assert_ne!(finding.verdict, Verdict::Missing, "{finding:?}");
        assert!(finding.detail.contains("a/b on ") && finding.detail.ends_with(" MB free"), "{finding:?}");
    }

    #[test]
    fn memory_is_no_place_for_what_must_last() {
        let finding = on(Path::new("/run/hearth"), &file_system_name(0x0102_1994), 5);
        assert_eq!((finding.verdict, finding.remedy.is_some()), (Verdict::Limited, true), "{finding:?}");
        assert_eq!(finding.detail, "/run/hearth on tmpfs, 5 MB free");
        assert_eq!(on(Path::new("/srv"), "ext4", 5).verdict, Verdict::Ok);
    }

    #[test]
    fn a_tool_is_looked_for_in_every_directory_of_the_path() {
        let directories = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
        let path = std::env::join_paths(directories.iter().map(|directory| directory.path())).expect("a path");
        assert_eq!(mmdebstrap(Some(path.clone())).verdict, Verdict::Limited);
        assert_eq!(mmdebstrap(None).verdict, Verdict::Limited);
        std::fs::write(directories[1].path().join("mmdebstrap"), "").expect("written");
        assert_eq!(mmdebstrap(Some(path)).verdict, Verdict::Ok);
    }
}
