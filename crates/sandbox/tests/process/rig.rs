//! What every test needs: a service, a runtime tree, sandboxes with a shell in them.

use hearth_sandbox::process::standing::Standing;
use hearth_sandbox::process::{NetworkConfig, ProcessConfig, ProcessSandboxes};
use hearth_sandbox::{
    Assignment, Capabilities, ExitStatus, ProcessId, ProcessSpec, Sandbox, SandboxError, SandboxEvent, Sandboxes,
    StartedProcess, Support,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Pid;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// After this a test hangs. Not a measure of anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// What the hostile function needs to run in the tree; missing ones are not needed.
const LIBRARIES: &[&str] = &[
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libm.so.6",
    "/lib/x86_64-linux-gnu/libgcc_s.so.1",
];

pub(crate) struct Rig {
    pub(crate) sandboxes: ProcessSandboxes,
    pub(crate) home: TempDir,
    pub(crate) tree: PathBuf,
    pub(crate) code: PathBuf,
    pub(crate) runtime: Runtime,
    pub(crate) standing: Standing,
    skipped: AtomicBool,
    /// Two runs on one machine would sweep each other's: the second waits.
    _alone: File,
}

/// A shell's whole life.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) struct TestSandbox<'a> {
    pub(crate) sandbox: Box<dyn Sandbox>,
    rig: &'a Rig,
    events: Mutex<UnboundedReceiver<SandboxEvent>>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        // Control groups have fixed names, so that a run sweeps what an aborted one has left.
        let standing = Standing::read().unwrap().unwrap();
        let name = match standing {
            Standing::Host => "hearth-sandbox-tests.lock".to_owned(),
            Standing::Namespace { user, .. } => format!("hearth-sandbox-tests-{user}.lock"),
        };
        let alone = File::create(std::env::temp_dir().join(name)).unwrap();
        rustix::fs::flock(&alone, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let home = TempDir::new().unwrap();
        let tree = make_tree(&home.path().join("tree"));
        let code = make_code(&home.path().join("code"));
        let runtime = Runtime::new().unwrap();
        let sandboxes = ProcessSandboxes::start(config(home.path(), "test")).unwrap();
        Self { sandboxes, home, tree, code, runtime, standing, skipped: AtomicBool::new(false), _alone: alone }
    }

    /// Says why the running test has nothing to show here, which then counts as skipped.
    pub(crate) fn skip(&self, why: &str) {
        println!("SKIPPED ({why})");
        self.skipped.store(true, Ordering::Relaxed);
    }

    /// Whether the test that has just run was; asked once.
    pub(crate) fn take_skipped(&self) -> bool {
        self.skipped.swap(false, Ordering::Relaxed)
    }

    /// Whether this is root of the host; else the test is skipped.
    pub(crate) fn is_host(&self, what: &str) -> bool {
        if !self.standing.is_host() {
            self.skip(&format!("{what}: for root alone"));
        }
        self.standing.is_host()
    }

    /// Whether the kernel does not enforce something; then the test is skipped.
    pub(crate) fn is_without(&self, what: &str, support: &Support) -> bool {
        match support {
            Support::Full => return false,
            Support::Weaker(reason) | Support::Missing(reason) => self.skip(&format!("{what}: {reason}")),
        }
        true
    }

    /// Whether PID 1 and the function have but one user, who then owns everything inside.
    pub(crate) fn has_one_user(&self) -> bool {
        matches!(self.standing, Standing::Namespace { ids: 0, .. })
    }

    /// User and group who own what is root's inside.
    pub(crate) fn owner(&self) -> (&'static str, &'static str) {
        if self.has_one_user() { ("993", "990") } else { ("0", "0") }
    }

    pub(crate) fn sandboxes_capabilities(&self) -> Capabilities {
        self.sandboxes.capabilities()
    }

    /// Ends the service; nothing of it may be left.
    pub(crate) fn finish(self) {
        self.sandboxes.stop().unwrap();
        assert_eq!(crate::leftovers::groups("hearth-test"), Vec::<PathBuf>::new());
    }

    pub(crate) fn assignment(&self) -> Assignment {
        Assignment { code: self.code.clone(), layers: vec![], memory_mb: 128, ephemeral_storage_mb: 512 }
    }

    pub(crate) fn blank(&self) -> TestSandbox<'_> {
        self.blank_of(&self.sandboxes, &self.tree).unwrap()
    }

    pub(crate) fn blank_of(&self, sandboxes: &ProcessSandboxes, tree: &Path) -> Result<TestSandbox<'_>, SandboxError> {
        let _inside = self.runtime.enter();
        let (sender, events) = unbounded_channel();
        let sandbox = sandboxes.prepare(tree, sender)?;
        Ok(TestSandbox { sandbox, rig: self, events: Mutex::new(events) })
    }

    pub(crate) fn sandbox(&self) -> TestSandbox<'_> {
        self.sandbox_with(&self.assignment())
    }

    pub(crate) fn sandbox_with(&self, assignment: &Assignment) -> TestSandbox<'_> {
        let blank = self.blank();
        blank.sandbox.assign(assignment).unwrap();
        blank
    }

    /// A directory with these files in it.
    pub(crate) fn directory(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let directory = self.home.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
        directory
    }
}

pub(crate) fn config(home: &Path, instance: &str) -> ProcessConfig {
    ProcessConfig {
        data: home.join("data"),
        instance: instance.to_owned(),
        network: NetworkConfig::default(),
        tmp_images: 0,
    }
}

pub(crate) fn shell(script: &str) -> ProcessSpec {
    program(&["/bin/sh"], &["-c", script])
}

pub(crate) fn program(programs: &[&str], arguments: &[&str]) -> ProcessSpec {
    let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let environment = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
    ProcessSpec { programs: own(programs), arguments: own(arguments), environment, log_variable: None }
}

impl TestSandbox<'_> {
    /// The next event.
    pub(crate) fn event(&self) -> SandboxEvent {
        let mut events = self.events.lock().unwrap();
        let next = async { tokio::time::timeout(PATIENCE, events.recv()).await };
        self.rig.runtime.block_on(next).expect("an event").expect("the task that sends events")
    }

    /// Runs a shell script until it and all that hold its output have ended.
    pub(crate) fn run(&self, script: &str) -> Ran {
        self.run_program(&shell(script)).unwrap()
    }

    pub(crate) fn run_program(&self, spec: &ProcessSpec) -> Result<Ran, SandboxError> {
        let started = self.sandbox.start(spec)?;
        let process = started.process;
        let (stdout, stderr) = read_both(started);
        let status = self.exit_of(process);
        Ok(Ran { status, stdout, stderr })
    }

    /// What a script prints, which must succeed.
    pub(crate) fn output(&self, script: &str) -> String {
        let ran = self.run(script);
        assert_eq!(ran.status, ExitStatus::Code(0), "{script}: {ran:?}");
        ran.stdout.trim_end().to_owned()
    }

    /// Waits for the end of this process, which must be the next event.
    pub(crate) fn exit_of(&self, wanted: ProcessId) -> ExitStatus {
        match self.event() {
            SandboxEvent::Exited { process, status } if process == wanted => status,
            other => panic!("waited for the end of {wanted:?}, got {other:?}"),
        }
    }

    /// Starts a script and waits until it has printed a line.
    pub(crate) fn start_until_line(&self, script: &str) -> (StartedProcess, String) {
        let started = self.sandbox.start(&shell(script)).unwrap();
        let line = read_line(&started.stdout);
        (started, line)
    }

    /// Kills everything and waits until it is gone.
    pub(crate) fn empty(&self) {
        self.sandbox.kill_processes().unwrap();
        while self.event() != SandboxEvent::Empty {}
    }
}

/// Reads until both ends are closed, as they fill.
fn read_both(started: StartedProcess) -> (String, String) {
    let StartedProcess { stdout, stderr, .. } = started;
    std::thread::scope(|scope| {
        let errors = scope.spawn(|| read_all(stderr));
        (read_all(stdout), errors.join().unwrap())
    })
}

pub(crate) fn read_all(pipe: OwnedFd) -> String {
    let (mut file, mut bytes) = (File::from(pipe), Vec::new());
    while wait_and_read(&mut file, &mut bytes) > 0 {}
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One line; what follows it stays unread only if it was not written at the same time.
pub(crate) fn read_line(pipe: &OwnedFd) -> String {
    let (mut file, mut bytes) = (File::from(pipe.try_clone().unwrap()), Vec::new());
    while !bytes.contains(&b'\n') {
        assert!(wait_and_read(&mut file, &mut bytes) > 0, "a line, got {bytes:?}");
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

fn wait_and_read(file: &mut File, bytes: &mut Vec<u8>) -> usize {
    let timeout = PATIENCE.try_into().unwrap();
    let ready = poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&timeout)).unwrap();
    assert!(ready > 0, "output, or its end; so far {:?}", String::from_utf8_lossy(bytes));
    let mut some = [0; 64 * 1024];
    match file.read(&mut some) {
        Ok(length) => {
            bytes.extend_from_slice(&some[..length]);
            length
        }
        Err(cause) if cause.kind() == ErrorKind::WouldBlock => 1,
        Err(cause) => panic!("{cause}"),
    }
}

/// Pids, as the host sees them, of the children of this PID 1.
pub(crate) fn processes_in(pid_1: u32) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid_1}/task/{pid_1}/children")).unwrap();
    children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn make_tree(tree: &Path) -> PathBuf {
    for directory in ["bin", "var/task", "opt", "tmp", "proc", "dev", "etc", "lib64", "lib/x86_64-linux-gnu"] {
        fs::create_dir_all(tree.join(directory)).unwrap();
    }
    fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
    let applets = Command::new("/bin/busybox").arg("--list").output().unwrap();
    for applet in String::from_utf8(applets.stdout).unwrap().lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", tree.join("bin").join(applet)).unwrap();
    }
    for library in LIBRARIES.iter().filter(|library| Path::new(library).exists()) {
        fs::copy(library, tree.join(library.trim_start_matches('/'))).unwrap();
    }
    fs::copy("/proc/self/exe", tree.join("bin/hostile")).unwrap();
    fs::write(tree.join("etc/resolv.conf"), "").unwrap();
    fs::write(tree.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nsbx_user1051:x:993:990::/:/bin/sh\n").unwrap();
    tree.to_owned()
}

fn make_code(code: &Path) -> PathBuf {
    fs::create_dir_all(code).unwrap();
    let executable = |name: &str, text: &str| {
        fs::write(code.join(name), text).unwrap();
        fs::set_permissions(code.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    executable("bootstrap", "#!/bin/sh\necho \"bootstrap $0 $*\"\n");
    executable("lost", "#!/bin/interpreter-that-is-not-there\n");
    executable("garbage", "\u{1}\u{2}\u{3} no program\n");
    fs::write(code.join("plain"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(code.join("plain"), fs::Permissions::from_mode(0o644)).unwrap();
    code.to_owned()
}
