//! Prints what a sandbox costs here, as medians: `cargo run --release -p hearth-sandbox --example cost -- [ROUNDS [nat]]`.
//! As root; needs `/bin/busybox`. Numbers to look at, not a test.

use hearth_sandbox::process::{NetworkConfig, NetworkWish, ProcessConfig, ProcessSandboxes, is_spawner, spawner_main};
use hearth_sandbox::{Assignment, ProcessSpec, SandboxError, SandboxEvent, Sandboxes};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if is_spawner() {
        spawner_main();
    }
    let rounds = std::env::args().nth(1).map_or(Ok(50), |rounds| rounds.parse())?;
    let home = tempfile::tempdir()?;
    make_tree(home.path())?;
    let wish = match std::env::args().nth(2).as_deref() {
        Some("nat") => NetworkWish::Nat,
        _ => NetworkWish::Isolated,
    };
    let network = NetworkConfig { wish, ..NetworkConfig::default() };
    let config = ProcessConfig { data: home.path().join("data"), instance: "cost".to_owned(), network, tmp_images: 0 };
    let runtime = Runtime::new()?;
    let _inside = runtime.enter();
    let begin = Instant::now();
    let sandboxes = ProcessSandboxes::start(config)?;
    println!("{:<24}{:>8} µs, once", "start of the service", begin.elapsed().as_micros());
    let mut costs: BTreeMap<&str, Vec<u128>> = BTreeMap::new();
    for _ in 0..rounds {
        one(&sandboxes, &runtime, home.path(), &mut |name, begin| {
            costs.entry(name).or_default().push(begin.elapsed().as_micros());
        })?;
    }
    for (name, mut all) in costs {
        all.sort_unstable();
        let at = |percent: usize| all.get((all.len() - 1) * percent / 100).copied().unwrap_or(0);
        println!("{:<24}{:>8} µs, p90 {}", name, at(50), at(90));
    }
    Ok(sandboxes.stop()?)
}

fn one(
    sandboxes: &ProcessSandboxes,
    runtime: &Runtime,
    home: &Path,
    spent: &mut dyn FnMut(&'static str, Instant),
) -> Result<(), SandboxError> {
    let (sender, mut events) = unbounded_channel();
    let begin = Instant::now();
    let sandbox = sandboxes.prepare(&home.join("tree"), sender)?;
    spent("1 prepare", begin);
    let begin = Instant::now();
    let code = home.join("code");
    sandbox.assign(&Assignment { code, layers: vec![], memory_mb: 128, ephemeral_storage_mb: 512 })?;
    spent("2 assign", begin);
    let sleeper = ProcessSpec {
        programs: vec!["/bin/busybox".to_owned()],
        arguments: vec!["sleep".to_owned(), "1000".to_owned()],
        environment: BTreeMap::new(),
        log_variable: None,
    };
    let begin = Instant::now();
    let started = sandbox.start(&sleeper)?;
    spent("3 start", begin);
    let begin = Instant::now();
    sandbox.freeze()?;
    sandbox.thaw()?;
    spent("4 freeze and thaw", begin);
    let begin = Instant::now();
    sandbox.usage()?;
    spent("5 usage", begin);
    let begin = Instant::now();
    sandbox.socket()?;
    spent("6 socket inside", begin);
    let begin = Instant::now();
    sandbox.kill_processes()?;
    while runtime.block_on(events.recv()).is_some_and(|event| event != SandboxEvent::Empty) {}
    spent("7 kill until empty", begin);
    drop(started);
    let begin = Instant::now();
    sandbox.start(&sleeper)?;
    spent("8 start again", begin);
    let begin = Instant::now();
    sandbox.terminate()?;
    spent("9 terminate", begin);
    Ok(())
}

fn make_tree(home: &Path) -> io::Result<()> {
    for directory in ["bin", "var/task", "opt", "tmp", "proc", "dev"] {
        fs::create_dir_all(home.join("tree").join(directory))?;
    }
    fs::create_dir_all(home.join("code"))?;
    fs::copy("/bin/busybox", home.join("tree/bin/busybox")).map(drop)
}
