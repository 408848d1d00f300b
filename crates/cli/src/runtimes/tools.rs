//! Runs the tools of others (mmdebstrap, pip, npm, tar, …), each in a mount and pid namespace of its own: whatever it
//! mounts or leaves running is gone when it ends, and it ends when this process does, even by `kill -9`.

use super::interrupt::Interrupt;
use anyhow::{Context as _, bail};
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

const INSIDE: &str = include_str!("files/inside.sh");
/// How much of what a failed tool said is shown, lines (ours: enough for the cause, not the whole build).
const SHOWN_LINES: usize = 12;

/// Starts tools and stops them when the user interrupts.
#[derive(Debug)]
pub(super) struct Tools {
    interrupt: Interrupt,
}

/// A tool to run.
#[derive(Debug)]
pub(super) struct Tool {
    name: String,
    command: Command,
}

/// Whether a command in a tree may change it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside {
    /// As root.
    Writable,
    /// As a function would run: uid 993, everything but `/tmp` read-only.
    ReadOnly,
}

impl Tools {
    pub(super) fn new(interrupt: Interrupt) -> Self {
        Self { interrupt }
    }

    /// Fails once the user has interrupted.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        Ok(self.interrupt.check()?)
    }

    /// Runs a tool to its end and returns its standard output.
    ///
    /// # Errors
    ///
    /// That it could not be started or failed, with the end of what it said.
    pub(super) fn run(&self, tool: Tool) -> anyhow::Result<Vec<u8>> {
        self.check()?;
        let Tool { name, mut command } = tool;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        self.interrupt.guard(child);
        let (mut output, mut complaints) = pipes.with_context(|| format!("read what {name} says"))?;
        // Both pipes are closed when nothing of the tool's pid namespace lives any more, so that nobody writes into
        // folders that are removed next.
        let (output, complaints) = std::thread::scope(|scope| {
            let complaints = scope.spawn(|| read(&mut complaints));
            (read(&mut output), complaints.join().unwrap_or_default())
        });
        let mut child = self.interrupt.release().with_context(|| format!("wait for {name}"))?;
        let status = child.wait().with_context(|| format!("wait for {name}"))?;
        self.check()?;
        if !status.success() {
            bail!("{name} failed ({status}): {}", last_lines(&complaints, &output));
        }
        Ok(output)
    }
}

impl Tool {
    /// Runs `program` on the host, with the user's own environment: proxies and package mirrors are set there.
    pub(super) fn on_host(program: &str) -> Self {
        Self { name: program.to_owned(), command: isolated(Network::Host, program) }
    }

    /// Runs `program` in `tree`, with exactly this environment and no network.
    pub(super) fn inside(tree: &Path, mode: Inside, environment: &[(&str, &str)], program: &[&str]) -> Self {
        let mut command = isolated(Network::None, "sh");
        command.arg("-c").arg(INSIDE).arg("inside.sh").arg(tree);
        command.arg(match mode {
            Inside::Writable => "writable",
            Inside::ReadOnly => "read-only",
        });
        command.args(["/usr/bin/env", "-i", "-C", "/"]);
        command.args(environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(program);
        Self { name: format!("{} in the tree", program.first().unwrap_or(&"env")), command }
    }

    /// Adds arguments.
    pub(super) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Adds to its environment.
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }
}

/// Whether a tool can reach the host's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Host,
    None,
}

fn isolated(network: Network, program: &str) -> Command {
    // setpriv: the kernel kills `unshare` when this process dies; `unshare` then takes its whole pid namespace along.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]);
    if network == Network::None {
        command.arg("--net");
    }
    command.arg("--").arg(program);
    command
}

fn read(pipe: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // An error here is the end of the pipe as well; what was read is what there is to show.
    pipe.read_to_end(&mut bytes).ok();
    bytes
}

/// The end of what somebody said, for people.
pub(super) fn last_lines(complaints: &[u8], output: &[u8]) -> String {
    let said = if complaints.trim_ascii().is_empty() { output } else { complaints };
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(SHOWN_LINES);
    let shown = lines.get(first..).unwrap_or_default().join("\n  ");
    if shown.is_empty() { "it said nothing".to_owned() } else { shown }
}
