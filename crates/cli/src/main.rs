//! The `hearth` binary: reads the command line, wires the other crates together, prints what went wrong.
//!
//! It decides nothing about functions: what runs where and how it ends is for the crates below.

mod cli;
mod client;
mod commands;
mod duration;
mod output;
mod privilege;
mod runtimes;
mod service;
mod signals;
mod trim;

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any thread exists and before anything is read: this process may be the spawner of a running service.
    if hearth_sandbox::process::is_spawner() {
        hearth_sandbox::process::spawner_main()
    }
    let cli = <cli::Cli as clap::Parser>::parse();
    log_to_stderr();
    match cli.run() {
        Ok(code) => code,
        // `hearth logs | head`: the reader has enough, which is no failure.
        Err(error) if reader_left(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hearth: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The service's own log; what functions write goes elsewhere.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::WARN.into())
        .with_env_var("HEARTH_LOG")
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

fn reader_left(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe))
}
