//! A worker over fakes: a sandbox without isolation whose "runtime" is a thread of the test that speaks real HTTP, and
//! a log in memory. Only what the kernel enforces is missing; the order of things is real.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]
#![allow(dead_code, reason = "each test file uses its own part of this")]

mod stores;

use bytes::Bytes;
use hearth_api::environments::{Environments, Invocation, InvokeError, InvokeResponse, ResponseSink};
use hearth_api::function::FunctionVersion;
use hearth_core::billing::Rule;
use hearth_core::ids::RequestId;
use hearth_core::network::Mode;
use hearth_sandbox::{
    Assignment, Capabilities, ExitStatus, Preboot, ProcessId, ProcessSpec, Sandbox, SandboxError, SandboxEvent,
    Sandboxes, Sockets, StartedProcess, Support, TmpStock, Usage,
};
use hearth_store::Logs;
use hearth_worker::{Worker, WorkerConfig};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stores::{FakeLogs, FakePackages};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// What a test's runtime does from its launch to its end.
pub(crate) type Program = Arc<dyn Fn(&mut Runtime) -> ExitStatus + Send + Sync>;

/// Memory sizes.
pub(crate) type Shares = Arc<Mutex<Vec<Option<u32>>>>;

/// Whether a process cannot be started, and why.
pub(crate) type Refusal = fn(&ProcessSpec) -> Option<SandboxError>;

/// How a runtime asks for an event.
pub(crate) const NEXT: &str = "GET /2018-06-01/runtime/invocation/next";

/// Status, headers, body.
pub(crate) type Reply = (u16, Vec<(String, String)>, String);

/// The runtime's side: a connection to the Runtime API and its standard output.
pub(crate) struct Runtime {
    connection: BufReader<TcpStream>,
    stdout: std::fs::File,
    /// What it was started as.
    pub(crate) program: String,
    /// Launches of this environment so far, this one included.
    pub(crate) launch: usize,
    /// Which environment.
    pub(crate) environment: usize,
    killed: Arc<AtomicBool>,
    kernel: Kernel,
}

/// What its sandbox hears of it from elsewhere.
#[derive(Clone, Debug)]
struct Kernel {
    events: UnboundedSender<SandboxEvent>,
    oom_kills: Arc<AtomicU64>,
}

impl Runtime {
    pub(crate) fn print(&mut self, text: &str) {
        self.stdout.write_all(text.as_bytes()).unwrap();
    }

    /// Asks for the next event; `None` when the environment has ended the connection.
    pub(crate) fn next(&mut self) -> Option<(String, String)> {
        self.ask(NEXT)?;
        self.event()
    }

    /// The event that it has asked for.
    pub(crate) fn event(&mut self) -> Option<(String, String)> {
        let (status, headers, body) = self.reply()?;
        assert_eq!(status, 200, "{body}");
        let id = headers.iter().find(|(name, _)| name == "lambda-runtime-aws-request-id").unwrap().1.clone();
        Some((id, body))
    }

    pub(crate) fn respond(&mut self, id: &str, body: &str) -> u16 {
        self.call("POST", &format!("runtime/invocation/{id}/response"), body).map_or(0, |(status, ..)| status)
    }

    pub(crate) fn call(&mut self, method: &str, path: &str, body: &str) -> Option<Reply> {
        self.request(&format!("{method} /2018-06-01/{path}"), "", body)
    }

    /// With headers of its own, each with its line end.
    pub(crate) fn request(&mut self, line: &str, headers: &str, body: &str) -> Option<Reply> {
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n");
        let stream = self.connection.get_mut();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
        self.reply()
    }

    /// Sends a request, and does not wait for its answer.
    pub(crate) fn ask(&mut self, line: &str) -> Option<()> {
        self.connection.get_mut().write_all(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).ok()
    }

    /// Goes away, and waits until that is known.
    pub(crate) fn leave(mut self) {
        self.connection.get_ref().shutdown(Shutdown::Write).unwrap();
        self.connection.read_to_end(&mut Vec::new()).unwrap();
    }

    /// A second connection of the same runtime.
    pub(crate) fn another(&self) -> Self {
        let address = self.connection.get_ref().peer_addr().unwrap();
        let connection = BufReader::new(TcpStream::connect(address).unwrap());
        let (stdout, killed) = (self.stdout.try_clone().unwrap(), Arc::clone(&self.killed));
        let (program, kernel) = (self.program.clone(), self.kernel.clone());
        Self { connection, stdout, program, launch: self.launch, environment: self.environment, killed, kernel }
    }

    /// Closes the connection, in the middle of whatever it is in, and makes another.
    pub(crate) fn reconnect(&mut self) {
        *self = self.another();
    }

    /// Begins an answer of which the rest never comes.
    pub(crate) fn break_off(&mut self, id: &str) {
        let head = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\npart"
        );
        self.connection.get_mut().write_all(head.as_bytes()).unwrap();
        self.reconnect();
    }

    /// Begins an answer in pieces.
    pub(crate) fn begin(&mut self, id: &str) {
        self.begin_as(id, "streaming");
    }

    /// In a response mode that may not exist.
    pub(crate) fn begin_as(&mut self, id: &str, mode: &str) {
        let head = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
             Lambda-Runtime-Function-Response-Mode: {mode}\r\n\
             Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
        );
        self.connection.get_mut().write_all(head.as_bytes()).unwrap();
    }

    /// One more; false once the connection is gone.
    pub(crate) fn piece(&mut self, piece: &str) -> bool {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        self.connection.get_mut().write_all(chunk.as_bytes()).is_ok()
    }

    /// Ends it, with trailers if there are any (each with its line end).
    pub(crate) fn end(&mut self, trailers: &str) -> Option<Reply> {
        self.connection.get_mut().write_all(format!("0\r\n{trailers}\r\n").as_bytes()).ok()?;
        self.reply()
    }

    /// What it has asked for.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let mut line = String::new();
        if self.connection.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.connection.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length =
            headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).ok()?;
        Some((status, headers, String::from_utf8(body).unwrap()))
    }

    /// The kernel ends it: the memory is full.
    pub(crate) fn run_out_of_memory(&self) -> ExitStatus {
        self.kernel.oom_kills.fetch_add(1, Ordering::SeqCst);
        ExitStatus::Signal(9)
    }

    /// The sandbox is gone, whatever runs in it.
    pub(crate) fn lose_sandbox(&self) {
        self.kernel.events.send(SandboxEvent::Gone).unwrap_or_default();
    }

    /// Works without end, until it is killed.
    pub(crate) fn hang(&self) -> ExitStatus {
        while !self.killed.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        ExitStatus::Signal(9)
    }
}

/// A runtime that answers each event with what `handler` makes of it.
pub(crate) fn serving(handler: impl Fn(&mut Runtime, &str, &str) -> String + Send + Sync + 'static) -> Program {
    Arc::new(move |runtime| {
        while let Some((id, event)) = runtime.next() {
            let answer = handler(runtime, &id, &event);
            runtime.respond(&id, &answer);
        }
        ExitStatus::Code(0)
    })
}

pub(crate) struct FakeSandboxes {
    program: Program,
    pub(crate) made: AtomicUsize,
    /// By which what happens in them is told, by number.
    pub(crate) events: Mutex<Vec<UnboundedSender<SandboxEvent>>>,
    pub(crate) ended: Arc<AtomicUsize>,
    pub(crate) frozen: Arc<AtomicUsize>,
    /// The memory sizes whose shares of CPU were set; `None`: full speed.
    pub(crate) shares: Shares,
    /// How often one was frozen.
    pub(crate) freezes: Arc<AtomicUsize>,
    /// Whether freezing fails.
    pub(crate) never_freezes: Arc<AtomicBool>,
    /// Asked before each start.
    pub(crate) refuse: Arc<Mutex<Refusal>>,
    /// How many there is room for.
    pub(crate) room: AtomicUsize,
    /// Each sandbox takes one of those that are ready.
    tmps: Mutex<TmpStock>,
    /// How many `/tmp`s were made ahead.
    pub(crate) tmps_made: AtomicUsize,
    /// One whose end takes until something is said here, or nobody is left to say it.
    pub(crate) ends_late: EndsLate,
}

pub(crate) type EndsLate = Arc<Mutex<Option<(usize, Receiver<()>)>>>;

impl std::fmt::Debug for FakeSandboxes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeSandboxes")
    }
}

#[derive(Debug)]
struct FakeSandbox {
    program: Holder,
    number: usize,
    listener: Mutex<Option<TcpListener>>,
    address: SocketAddr,
    kernel: Kernel,
    launches: AtomicI32,
    /// All that were started.
    processes: Mutex<Vec<(ProcessId, Arc<AtomicBool>)>>,
    ended: Arc<AtomicUsize>,
    frozen: Arc<AtomicUsize>,
    shares: Shares,
    freezes: Arc<AtomicUsize>,
    never_freezes: Arc<AtomicBool>,
    refuse: Arc<Mutex<Refusal>>,
    ends_late: EndsLate,
}

impl FakeSandbox {
    /// Those which are meant end, if they work; one that waits for an answer ends with its connection.
    fn end(&self, is_meant: impl Fn(ProcessId) -> bool) {
        let processes = self.processes.lock().unwrap();
        let meant = processes.iter().filter(|(process, _)| is_meant(*process));
        meant.for_each(|(_, killed)| killed.store(true, Ordering::SeqCst));
    }
}

struct Holder(Program);

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

impl Sandboxes for FakeSandboxes {
    fn prepare(&self, _root: &Path, events: UnboundedSender<SandboxEvent>) -> Result<Box<dyn Sandbox>, SandboxError> {
        let alive = self.made.load(Ordering::SeqCst) - self.ended.load(Ordering::SeqCst);
        if alive >= self.room.load(Ordering::SeqCst) {
            return Err(SandboxError::NoRoom(format!("{alive} are alive")));
        }
        let mut tmps = self.tmps.lock().unwrap();
        tmps.ready = tmps.ready.saturating_sub(1);
        drop(tmps);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut all = self.events.lock().unwrap();
        all.push(events.clone());
        Ok(Box::new(FakeSandbox {
            program: Holder(Arc::clone(&self.program)),
            number: self.made.fetch_add(1, Ordering::SeqCst),
            address: listener.local_addr().unwrap(),
            listener: Mutex::new(Some(listener)),
            kernel: Kernel { events, oom_kills: Arc::default() },
            launches: AtomicI32::new(0),
            processes: Mutex::default(),
            ended: Arc::clone(&self.ended),
            frozen: Arc::clone(&self.frozen),
            shares: Arc::clone(&self.shares),
            freezes: Arc::clone(&self.freezes),
            never_freezes: Arc::clone(&self.never_freezes),
            refuse: Arc::clone(&self.refuse),
            ends_late: Arc::clone(&self.ends_late),
        }))
    }

    fn most(&self) -> usize {
        1_000
    }

    fn prepare_tmp(&self) -> Result<(), SandboxError> {
        self.tmps.lock().unwrap().ready += 1;
        self.tmps_made.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn tmps(&self) -> TmpStock {
        *self.tmps.lock().unwrap()
    }

    fn give_up_tmps(&self) -> usize {
        std::mem::take(&mut self.tmps.lock().unwrap().ready)
    }

    fn can_preboot(&self) -> bool {
        false
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            isolation: "none",
            memory: Support::Full,
            cpu: Support::Full,
            processes: Support::Full,
            freeze: Support::Full,
            tmp_quota: Support::Full,
            network: Mode::Isolated,
            network_reason: None,
            cgroups: "none".to_owned(),
            seccomp: Support::Full,
        }
    }
}

impl Sandbox for FakeSandbox {
    fn take_sockets(&self) -> Result<Sockets, SandboxError> {
        let runtime_api = self.listener.lock().unwrap().take().ok_or(SandboxError::Misused("taken twice"))?;
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        Ok(Sockets {
            runtime_api,
            dns: UdpSocket::bind("127.0.0.1:0").unwrap(),
            dns_over_tcp: listener(),
            lambda_api: listener(),
            exposed: vec![],
        })
    }

    fn socket(&self) -> Result<OwnedFd, SandboxError> {
        Err(SandboxError::Misused("a fake has no network of its own"))
    }

    fn start_ahead(&self) -> Result<(), SandboxError> {
        Ok(())
    }

    fn preboot(&self, _preboot: &Preboot) -> Result<(), SandboxError> {
        Err(SandboxError::Misused("a fake has no processes"))
    }

    fn start_waiting(&self, _process: &ProcessSpec) -> Option<StartedProcess> {
        None
    }

    fn assign(&self, _assignment: &Assignment) -> Result<(), SandboxError> {
        Ok(())
    }

    fn start(&self, process: &ProcessSpec) -> Result<StartedProcess, SandboxError> {
        if let Some(error) = self.refuse.lock().unwrap()(process) {
            return Err(error);
        }
        let number = self.launches.fetch_add(1, Ordering::SeqCst) + 1;
        let killed = Arc::new(AtomicBool::new(false));
        self.processes.lock().unwrap().push((ProcessId(number), Arc::clone(&killed)));
        let name = process.programs.first().cloned().unwrap_or_default();
        let (out_end, out) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let (err_end, _err) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let (program, kernel, address) = (Arc::clone(&self.program.0), self.kernel.clone(), self.address);
        let environment = self.number;
        std::thread::spawn(move || {
            let connection = BufReader::new(TcpStream::connect(address).unwrap());
            let launch = usize::try_from(number).unwrap();
            let (stdout, events) = (out.into(), kernel.events.clone());
            let mut runtime = Runtime { connection, stdout, program: name, launch, environment, killed, kernel };
            let status = program(&mut runtime);
            drop(runtime);
            events.send(SandboxEvent::Exited { process: ProcessId(number), status }).unwrap_or_default();
        });
        Ok(StartedProcess { process: ProcessId(number), stdout: out_end, stderr: err_end, log: None })
    }

    fn kill_processes(&self) -> Result<(), SandboxError> {
        self.end(|_| true);
        self.kernel.events.send(SandboxEvent::Empty).unwrap_or_default();
        Ok(())
    }

    fn signal(&self, process: ProcessId, _signal: i32) -> Result<(), SandboxError> {
        self.end(|one| one == process);
        Ok(())
    }

    fn limit_cpu(&self, memory_mb: Option<u32>) -> Result<(), SandboxError> {
        self.shares.lock().unwrap().push(memory_mb);
        Ok(())
    }

    fn freeze(&self) -> Result<(), SandboxError> {
        if self.never_freezes.load(Ordering::SeqCst) {
            return Err(SandboxError::Misused("it does not freeze"));
        }
        self.frozen.fetch_add(1, Ordering::SeqCst);
        self.freezes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn thaw(&self) -> Result<(), SandboxError> {
        self.frozen.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn usage(&self) -> Result<Usage, SandboxError> {
        let oom_kills = self.kernel.oom_kills.load(Ordering::SeqCst);
        Ok(Usage { memory_bytes: 30 << 20, oom_kills })
    }

    fn cpu_ns(&self) -> Result<u64, SandboxError> {
        Ok(0)
    }

    fn charged(&self) -> Option<u64> {
        None
    }

    fn pid(&self) -> u32 {
        1
    }

    fn terminate(&self) -> Result<(), SandboxError> {
        let late = self.ends_late.lock().unwrap().take_if(|(number, _)| *number == self.number);
        late.into_iter().for_each(|(_, word)| word.recv().unwrap_or_default());
        self.end(|_| true);
        self.ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A worker whose functions all run `program`.
pub(crate) struct Stage {
    pub(crate) worker: Worker,
    pub(crate) sandboxes: Arc<FakeSandboxes>,
    pub(crate) logs: Arc<FakeLogs>,
    pub(crate) function: Arc<FunctionVersion>,
    _runtimes: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(program: Program) -> Self {
        Self::with(program, Rule::Current, Duration::from_secs(600))
    }

    pub(crate) fn with(program: Program, billing: Rule, idle_timeout: Duration) -> Self {
        Self::made(program, |config| (config.billing, config.idle_timeout) = (billing, idle_timeout))
    }

    /// With other settings than usual.
    pub(crate) fn made(program: Program, settings: impl FnOnce(&mut WorkerConfig)) -> Self {
        Self::made_with_tmps(0, program, settings)
    }

    /// The same where so many `/tmp`s are to be ready.
    pub(crate) fn made_with_tmps(tmps: usize, program: Program, settings: impl FnOnce(&mut WorkerConfig)) -> Self {
        let runtimes = tempfile::tempdir().unwrap();
        let home = runtimes.path().join("fake");
        std::fs::create_dir_all(home.join("tree/bin")).unwrap();
        for program in ["tree/bin/sh", "tree/bootstrap"] {
            std::fs::write(home.join(program), "#!").unwrap();
        }
        let manifest = r#"{"format":1,"name":"fake","version":"fake:1","version_hash":"ab","programs":["/var/runtime/bootstrap","/var/task/bootstrap","/opt/bootstrap"],
            "arguments":[],"environment":{},"architecture":"HERE","kernel_minimum":"3.2","sources":{}}"#;
        std::fs::write(home.join("manifest.json"), manifest.replace("HERE", std::env::consts::ARCH)).unwrap();
        let (made, ended) = (AtomicUsize::new(0), Arc::default());
        let refuse: Refusal = |_| None;
        let refuse = Arc::new(Mutex::new(refuse));
        let shares = Arc::default();
        let (frozen, freezes, never_freezes) = (Arc::default(), Arc::default(), Arc::default());
        let sandboxes = FakeSandboxes {
            program,
            made,
            events: Mutex::default(),
            ended,
            shares,
            frozen,
            freezes,
            never_freezes,
            refuse,
            room: AtomicUsize::new(usize::MAX),
            tmps: Mutex::new(TmpStock { ready: 0, wanted: tmps }),
            tmps_made: AtomicUsize::new(0),
            ends_late: EndsLate::default(),
        };
        let sandboxes = Arc::new(sandboxes);
        let logs = Arc::new(FakeLogs::default());
        let mut config = WorkerConfig {
            sandboxes: Arc::clone(&sandboxes) as Arc<dyn Sandboxes>,
            packages: Arc::new(FakePackages),
            logs: Arc::clone(&logs) as Arc<dyn Logs>,
            runtimes: runtimes.path().to_owned(),
            idle_timeout: Duration::from_secs(600),
            billing: Rule::Current,
            stream_bytes_per_s: None,
            dns: Vec::new(),
            pool_kib: None,
            preboot: true,
            init_at_full_speed: true,
        };
        settings(&mut config);
        let worker = Worker::new(config);
        Self { worker, sandboxes, logs, function: Arc::new(function()), _runtimes: runtimes }
    }

    pub(crate) async fn invoke(&self, payload: &str) -> Result<InvokeResponse, InvokeError> {
        self.worker.invoke(Arc::clone(&self.function), invocation(payload, false)).await
    }

    /// With an answer that comes as it is written: its pieces, and how it ended.
    pub(crate) fn stream(&self, payload: &str) -> (mpsc::Receiver<Bytes>, JoinHandle<InvokeResponse>) {
        let (sink, pieces) = ResponseSink::new();
        let invocation = Invocation { stream: Some(sink), ..invocation(payload, true) };
        let call = self.worker.invoke(Arc::clone(&self.function), invocation);
        (pieces, tokio::spawn(async move { call.await.unwrap() }))
    }

    /// Returns when every environment is free again. A caller who is back before that waits for it, but not for long: on a
    /// machine that stands still for a moment there would be a second one.
    pub(crate) async fn rested(&self) {
        while self.worker.list().iter().any(|environment| environment.idle_ms.is_none()) {
            tokio::task::yield_now().await;
        }
    }

    /// With the log's end, so that REPORT has been written when it returns.
    pub(crate) async fn invoke_to_the_end(&self, payload: &str) -> InvokeResponse {
        self.worker.invoke(Arc::clone(&self.function), invocation(payload, true)).await.unwrap()
    }
}

pub(crate) fn invocation(payload: &str, log_tail: bool) -> Invocation {
    Invocation {
        request_id: RequestId(Uuid::new_v4().as_u128()),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        client_context: None,
        trace_id: None,
        log_tail,
        stream: None,
    }
}

pub(crate) fn function() -> FunctionVersion {
    FunctionVersion {
        incarnation: Uuid::new_v4(),
        runtime: "fake".to_owned(),
        handler: "h".to_owned(),
        timeout_s: 60,
        revision_id: Uuid::new_v4(),
        ..hearth_api::testing::function("f")
    }
}
