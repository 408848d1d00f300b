//! Nothing is left: after a stop, after a drop, after a `kill -9` of the whole service.

use crate::Test;
use crate::rig::{Rig, config, shell, wait_until};
use hearth_sandbox::process::{NetworkConfig, NetworkWish, ProcessConfig, ProcessSandboxes, doctor};
use hearth_sandbox::{Assignment, Sandboxes, TmpStock};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use tokio::sync::mpsc::unbounded_channel;

pub(crate) const TESTS: &[Test] = &[
    ("a_drop_leaves_nothing", a_drop_leaves_nothing),
    ("a_stop_leaves_nothing", a_stop_leaves_nothing),
    ("tmps_in_stock_are_given_away_or_given_up", tmps_in_stock_are_given_away_or_given_up),
    ("a_killed_service_is_swept_by_the_next", a_killed_service_is_swept_by_the_next),
    ("doctor_finds_what_is_there", doctor_finds_what_is_there),
];

/// Our directories in every hierarchy of control groups, wherever in it we may make some.
pub(crate) fn groups(name: &str) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounted = table.lines().filter(|line| line.contains(" - cgroup")).filter_map(|line| line.split(' ').nth(4));
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or("");
    let own = own.strip_suffix("supervisor").unwrap_or(own);
    let outside = fs::read_to_string("/proc/self/uid_map").unwrap();
    let handed_over = format!("hearth-{}", outside.split_whitespace().nth(1).unwrap());
    let mut found = Vec::new();
    let parents = mounted.flat_map(|mount| ["", own, &handed_over].map(|way| Path::new(mount).join(way).join(name)));
    let parents: std::collections::BTreeSet<PathBuf> = parents.collect();
    for parent in parents {
        let sandboxes = fs::read_dir(&parent).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        found.extend(sandboxes.filter(|path| path.is_dir() && !path.ends_with("spawners")));
        found.extend(parent.exists().then_some(parent));
    }
    found.sort();
    found
}

fn loop_devices(data: &Path) -> usize {
    let files = fs::read_dir("/sys/block").into_iter().flatten().filter_map(Result::ok);
    let files = files.filter_map(|device| fs::read_to_string(device.path().join("loop/backing_file")).ok());
    files.filter(|file| Path::new(file).starts_with(data)).count()
}

fn a_drop_leaves_nothing(rig: &Rig) {
    let before = groups("hearth-test");
    let sandbox = rig.sandbox();
    sandbox.start_until_line("(sleep 1000 &); echo ready; sleep 1000");
    let pid = sandbox.sandbox.pid();
    if rig.sandboxes_capabilities().cgroups != "none" {
        assert!(groups("hearth-test").len() > before.len());
    }
    drop(sandbox);
    assert_eq!(groups("hearth-test"), before);
    wait_until("PID 1 is gone", || !Path::new(&format!("/proc/{pid}")).exists());
}

fn tmps_in_stock_are_given_away_or_given_up(rig: &Rig) {
    if rig.is_without("/tmp", &rig.sandboxes_capabilities().tmp_quota) {
        return;
    }
    let home = rig.home.path().join("stock");
    let sandboxes = ProcessSandboxes::start(ProcessConfig { tmp_images: 3, ..config(&home, "test-stock") }).unwrap();
    let devices = |count| wait_until("loop devices", || loop_devices(&home.join("data")) == count);
    for _ in 0..3 {
        sandboxes.prepare_tmp().unwrap();
    }
    devices(3);
    let stock = |ready| assert_eq!(sandboxes.tmps(), TmpStock { ready, wanted: 3 });
    stock(3);
    let sandbox = rig.blank_of(&sandboxes, &rig.tree).unwrap();
    stock(2);
    devices(3);
    sandbox.sandbox.assign(&rig.assignment()).unwrap();
    let (root, _) = rig.owner();
    assert_eq!(sandbox.output("stat -c '%a %u' /tmp; ls -A /tmp"), format!("1777 {root}"));
    let other = Assignment { ephemeral_storage_mb: 600, ..rig.assignment() };
    let larger = rig.blank_of(&sandboxes, &rig.tree).unwrap();
    stock(1);
    larger.sandbox.assign(&other).unwrap();
    stock(1);
    drop((sandbox, larger));
    devices(1);
    assert_eq!((sandboxes.give_up_tmps(), sandboxes.give_up_tmps()), (1, 0));
    devices(0);
    sandboxes.prepare_tmp().unwrap();
    sandboxes.stop().unwrap();
    assert_eq!(loop_devices(&home.join("data")), 0);
}

fn a_stop_leaves_nothing(rig: &Rig) {
    let config = config(&rig.home.path().join("second"), "test-second");
    let sandboxes = ProcessSandboxes::start(config.clone()).unwrap();
    let sandbox = rig.blank_of(&sandboxes, &rig.tree).unwrap();
    sandbox.sandbox.assign(&rig.assignment()).unwrap();
    sandbox.start_until_line("echo ready; sleep 1000");
    sandboxes.stop().unwrap();
    assert_eq!(groups("hearth-test-second"), Vec::<PathBuf>::new());
    assert_eq!(loop_devices(&config.data), 0);
    let pid = sandbox.sandbox.pid();
    wait_until("PID 1 is gone", || !Path::new(&format!("/proc/{pid}")).exists());
}

fn a_killed_service_is_swept_by_the_next(rig: &Rig) {
    let home = rig.home.path();
    let mut owner = Command::new("/proc/self/exe")
        .args(["owner", home.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pids: Vec<PathBuf> = line.split_whitespace().map(|pid| Path::new("/proc").join(pid)).collect();
    assert_eq!(pids.len(), 3, "{line}");
    assert!(pids.iter().all(|pid| pid.exists()));
    owner.kill().unwrap();
    owner.wait().unwrap();
    if rig.sandboxes_capabilities().cgroups != "none" {
        assert!(!groups("hearth-test-owner").is_empty(), "a kill leaves directories");
    }
    let config = config(&home.join("owner"), "test-owner");
    fs::write(config.data.join("sandbox/images/left.ext4"), "left").unwrap();
    let next = ProcessSandboxes::start(config.clone()).unwrap();
    wait_until("everything of the killed service is gone", || pids.iter().all(|pid| !pid.exists()));
    wait_until("its loop devices are free", || loop_devices(&config.data) == 0);
    assert!(!config.data.join("sandbox/images/left.ext4").exists());
    let sandbox = rig.blank_of(&next, &rig.tree).unwrap();
    sandbox.sandbox.assign(&rig.assignment()).unwrap();
    assert_eq!(sandbox.output("echo works"), "works");
    drop(sandbox);
    next.stop().unwrap();
    assert_eq!(groups("hearth-test-owner"), Vec::<PathBuf>::new());
}

/// The service that gets killed: three sandboxes, one of them frozen; prints their pids and waits.
pub(crate) fn own(home: &str, nat: bool) -> ExitCode {
    let home = Path::new(home);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let wish = if nat { NetworkWish::Nat } else { NetworkWish::Isolated };
    let network = NetworkConfig { wish, ..NetworkConfig::default() };
    let config = ProcessConfig { network, ..config(&home.join("owner"), "test-owner") };
    let sandboxes = ProcessSandboxes::start(config).unwrap();
    let made: Vec<_> = (0..3)
        .map(|_| {
            let (sender, receiver) = unbounded_channel();
            let sandbox = sandboxes.prepare(&home.join("tree"), sender).unwrap();
            let assignment =
                Assignment { code: home.join("code"), layers: vec![], memory_mb: 128, ephemeral_storage_mb: 512 };
            sandbox.assign(&assignment).unwrap();
            let started = sandbox.start(&shell("while :; do :; done")).unwrap();
            (sandbox, receiver, started)
        })
        .collect();
    made[0].0.freeze().unwrap();
    let pids: Vec<String> = made.iter().map(|(sandbox, ..)| sandbox.pid().to_string()).collect();
    println!("{}", pids.join(" "));
    std::io::stdout().flush().unwrap();
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing).unwrap(); // until it is killed, or the test is
    ExitCode::FAILURE
}

fn doctor_finds_what_is_there(rig: &Rig) {
    let checks = doctor(rig.home.path());
    let of = |name: &str| checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(of("rights").ok, !rig.has_one_user());
    assert!(of("kernel").ok, "{checks:?}");
    assert!(of("user namespaces").ok, "{checks:?}");
    assert_eq!(of("control groups").detail, rig.sandboxes_capabilities().cgroups);
}
