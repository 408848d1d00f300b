//! The `process` backend through its public trait, as root or as an ordinary user, with a runtime tree made of busybox
//! alone.
//!
//! The binary plays four parts: the tests; their spawner; `owner`, a service that gets killed; `attempt`, a hostile
//! function. It needs `/bin/busybox` and e2fsprogs, and whatever control groups the kernel has. Nothing in it depends
//! on how fast the machine is: a [`rig::PATIENCE`] that ends is a hang.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod attempts;
mod escape;
mod freeze;
mod leftovers;
mod limits;
mod mounts;
mod network;
mod preboot;
mod processes;
mod rig;

use hearth_sandbox::process::standing;
use rig::Rig;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

type Test = (&'static str, fn(&Rig));

fn main() -> ExitCode {
    if hearth_sandbox::process::is_spawner() {
        hearth_sandbox::process::spawner_main();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("attempt") => return attempts::run(&arguments[1]),
        Some("owner") => {
            // As a service of its own would: what it mounts goes with it.
            standing::become_root_of_a_namespace().unwrap();
            return leftovers::own(&arguments[1], arguments.get(2).is_some());
        }
        _ => {}
    }
    let tests: Vec<Test> = [
        mounts::TESTS,
        processes::TESTS,
        preboot::TESTS,
        limits::TESTS,
        freeze::TESTS,
        escape::TESTS,
        network::TESTS,
        leftovers::TESTS,
    ]
    .concat();
    if arguments.iter().any(|argument| argument == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    standing::become_root_of_a_namespace().unwrap();
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = tests.into_iter().filter(|(name, _)| filters.is_empty() || filters.iter().any(|f| name.contains(*f)));
    run(chosen)
}

fn run(tests: impl Iterator<Item = Test>) -> ExitCode {
    let rig = Rig::new();
    println!("{:?}: {:?}", rig.standing, rig.sandboxes_capabilities());
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), 0);
    for (name, test) in tests {
        let done = catch_unwind(AssertUnwindSafe(|| test(&rig)));
        match (done, rig.take_skipped()) {
            (Ok(()), true) => {
                println!("test {name} ... skipped");
                skipped += 1;
            }
            (Ok(()), false) => {
                println!("test {name} ... ok");
                passed += 1;
            }
            (Err(_), _) => {
                println!("test {name} ... FAILED");
                failed.push(name);
            }
        }
    }
    rig.finish();
    println!("process sandboxes: {passed} passed, {} failed, {skipped} skipped {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
