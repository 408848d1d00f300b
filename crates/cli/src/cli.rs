//! The command line as a whole.

use crate::commands::{demo, deploy, dev, doctor, invoke, logs, ps, trace, up};
use crate::output::Output;
use crate::privilege;
use crate::runtimes;
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// AWS Lambda's execution environment on your own machine: no Docker, no account
#[derive(Debug, Parser)]
#[command(name = "hearth", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::UpArgs),
    Deploy(deploy::DeployArgs),
    Dev(dev::DevArgs),
    Invoke(invoke::InvokeArgs),
    Logs(logs::LogsArgs),
    Ps(ps::PsArgs),
    Trace(trace::TraceArgs),
    Runtimes(runtimes::RuntimesArgs),
    Doctor(doctor::DoctorArgs),
    Demo(demo::DemoArgs),
}

impl Cli {
    /// Runs the command; the exit code is its verdict.
    ///
    /// # Errors
    ///
    /// What kept it from reaching one.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let output = Output::new(self.json);
        match self.command {
            Command::Up(args) => {
                privilege::acquire()?;
                execute(up::run(args, output))
            }
            Command::Deploy(args) => execute(deploy::run(args, output)),
            Command::Dev(args) => {
                let place = dev::prepare(&args)?;
                execute(dev::run(args, place, output))
            }
            Command::Invoke(args) => execute(invoke::run(args, output)),
            Command::Logs(args) => execute(logs::run(args, output)),
            Command::Ps(args) => execute(ps::run(args, output)),
            Command::Trace(args) => execute(trace::run(args, output)),
            Command::Runtimes(args) => runtimes::run(args, self.json).map(|()| ExitCode::SUCCESS),
            Command::Doctor(args) => {
                let rights = if args.looks() { privilege::acquire() } else { Ok(()) };
                doctor::run(&args, rights, output)
            }
            Command::Demo(args) => {
                privilege::acquire()?;
                demo::prepare()?;
                execute(demo::run(args, output))
            }
        }
    }
}

/// Half of the processors are for functions: with a thread for each, an invocation would hop between threads that wake each
/// other, and find its function's processor taken.
fn execute(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let executor = builder.worker_threads((processors / 2).max(1)).enable_all().build();
    let executor = executor.context("start the async executor")?;
    let done = executor.block_on(command);
    if done.is_err() {
        // What could not be done in time may still be at it, in a thread that would be waited for until it is.
        executor.shutdown_background();
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    fn refused(line: &[&str]) -> ErrorKind {
        Cli::try_parse_from(line).expect_err("must be refused").kind()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_stands_before_or_after_the_command() {
        for line in [["hearth", "--json", "ps"], ["hearth", "ps", "--json"]] {
            assert!(Cli::try_parse_from(line).expect("valid").json);
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert_eq!(refused(&["hearth", "invoke", "f", "--tail", "--type", "Event"]), ErrorKind::ArgumentConflict);
        assert_eq!(refused(&["hearth", "logs", "f", "--group", "g"]), ErrorKind::ArgumentConflict);
        assert_eq!(refused(&["hearth", "logs"]), ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn values_are_checked_where_they_are_read() {
        for line in [
            ["hearth", "up", "--idle-timeout", "10"].as_slice(),
            &["hearth", "up", "--region", "../etc"],
            &["hearth", "up", "--account", "1234"],
            &["hearth", "up", "--listen", "3001"],
            &["hearth", "ps", "--account", "test"],
            &["hearth", "logs", "f", "--since", "yesterday"],
            &["hearth", "deploy", ".", "--env", "A"],
            &["hearth", "dev", ".", "--timeout", "30"],
        ] {
            assert_eq!(refused(line), ErrorKind::ValueValidation, "{line:?}");
        }
        assert_eq!(refused(&["hearth", "invoke", "f", "--type", "event"]), ErrorKind::InvalidValue);
        assert_eq!(refused(&["hearth", "up", "--billing", "free"]), ErrorKind::InvalidValue);
    }
}
