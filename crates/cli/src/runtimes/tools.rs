//! Runs the tools of others (mmdebstrap, pip, npm, tar, …), each in a mount and pid namespace of its own: whatever it
//! mounts or leaves running is gone when it ends, and it ends when this process does, even by `kill -9`.

use super::interrupt::Interrupt;
use anyhow::{Context as _, anyhow, bail};
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

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

/// A tool that runs. Its output is collected, and its end noticed, in threads.
#[derive(Debug)]
pub(super) struct Running<'a> {
    tools: &'a Tools,
    name: String,
    output: JoinHandle<Vec<u8>>,
    complaints: JoinHandle<Vec<u8>>,
}

/// Whether a command in a tree may change it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside<'a> {
    /// As root, without a network.
    Writable,
    /// As a function would run: uid 993, everything but `/tmp` read-only, this folder at `/var/task`.
    ReadOnly(Option<&'a Path>),
}

/// Whether a tool can reach the host's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// It sees what the host sees.
    Host,
    /// It has none.
    None,
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
        self.start(tool, || {})?.wait()
    }

    /// Starts a tool; `ended` is called in another thread when it has closed its output.
    pub(super) fn start(&self, tool: Tool, ended: impl FnOnce() + Send + 'static) -> anyhow::Result<Running<'_>> {
        self.check()?;
        let Tool { name, mut command } = tool;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        self.interrupt.guard(child);
        let (output, complaints) = pipes.ok_or_else(|| anyhow!("read what {name} says"))?;
        Ok(Running { tools: self, name, output: collect(output, ended)?, complaints: collect(complaints, || {})? })
    }
}

impl Running<'_> {
    /// Waits for its end and returns its standard output.
    pub(super) fn wait(self) -> anyhow::Result<Vec<u8>> {
        let Self { tools, name, output, complaints } = self;
        // Both pipes are closed when nothing of the tool's pid namespace lives any more, so that nobody writes into
        // folders that are removed next.
        let output = output.join().map_err(|_| anyhow!("read what {name} says"))?;
        let complaints = complaints.join().map_err(|_| anyhow!("read what {name} says"))?;
        let status = match tools.interrupt.release() {
            Some(mut child) => child.wait().with_context(|| format!("wait for {name}"))?,
            None => bail!("wait for {name}: it was not started"),
        };
        tools.check()?;
        if !status.success() {
            bail!("{name} failed ({status}): {}", last_lines(&complaints, &output));
        }
        Ok(output)
    }

    /// Ends it and returns the end of what it said.
    pub(super) fn stop(self) -> String {
        self.tools.interrupt.kill();
        let output = self.output.join().unwrap_or_default();
        let complaints = self.complaints.join().unwrap_or_default();
        if let Some(mut child) = self.tools.interrupt.release() {
            // Killed above: what the status says is known.
            child.wait().ok();
        }
        last_lines(&complaints, &output)
    }
}

impl Tool {
    /// Runs `program` on the host, with the user's own environment: proxies and package mirrors are set there.
    pub(super) fn on_host(program: &str) -> Self {
        Self { name: program.to_owned(), command: isolated(Network::Host, program) }
    }

    /// Runs `program` in `tree`, with exactly this environment.
    pub(super) fn inside(
        tree: &Path,
        mode: Inside<'_>,
        network: Network,
        environment: &[(&str, &str)],
        program: &[&str],
    ) -> Self {
        let mut command = isolated(network, "sh");
        command.arg("-c").arg(INSIDE).arg("inside.sh").arg(tree);
        let directory = match mode {
            Inside::Writable => {
                command.args(["writable", "-"]);
                "/"
            }
            Inside::ReadOnly(task) => {
                command.arg("read-only").arg(task.unwrap_or(Path::new("-")));
                "/var/task"
            }
        };
        command.args(["/usr/bin/env", "-i", "-C", directory]);
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

fn collect(
    mut pipe: impl Read + Send + 'static,
    ended: impl FnOnce() + Send + 'static,
) -> anyhow::Result<JoinHandle<Vec<u8>>> {
    let thread = std::thread::Builder::new().name("output".into());
    let read = move || {
        let mut bytes = Vec::new();
        // An error here is the end of the pipe as well; what was read is what there is to show.
        pipe.read_to_end(&mut bytes).ok();
        ended();
        bytes
    };
    thread.spawn(read).context("start a thread that reads a tool's output")
}

fn last_lines(complaints: &[u8], output: &[u8]) -> String {
    let said = if complaints.trim_ascii().is_empty() { output } else { complaints };
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.len().saturating_sub(SHOWN_LINES);
    let shown = lines.get(first..).unwrap_or_default().join("\n  ");
    if shown.is_empty() { "it said nothing".to_owned() } else { shown }
}
