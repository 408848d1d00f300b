//! Making the sandbox of an environment, and starting the runtime in it.

use super::extensions::{Launch, LaunchFailure};
use super::{Environment, Message};
use crate::Node;
use crate::blanks::{Blank, Kind, Starting};
use crate::logs::LogWriter;
use crate::{command, layers, preboot, variables};
use hearth_api::environments::InvokeError;
use hearth_api::function::FunctionVersion;
use hearth_api::runtime_tree::RuntimeTree;
use hearth_core::limits::EXTENSIONS;
use hearth_sandbox::{
    Assignment, ProcessSpec, Sandbox, SandboxError, SandboxEvent, Sockets, StartedProcess, is_shortage,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long one that could be ended waits for others that are (ours): one that takes long does not hold them all.
const TURN_WITHIN: Duration = Duration::from_secs(1);
/// How often room is made for one environment (ours: one that goes may not be enough).
const MAKING_ROOM: usize = 16;

/// An environment's parts, before anything runs in it.
pub(super) struct Made {
    pub(super) sandbox: Arc<dyn Sandbox>,
    pub(super) events: UnboundedReceiver<SandboxEvent>,
    pub(super) starting: Starting,
    pub(super) sockets: Sockets,
    pub(super) log: LogWriter,
    pub(super) log_stream: String,
    pub(super) process: ProcessSpec,
    /// External extensions by name, in the order of their launch; `None` if a layer switches extensions off.
    pub(super) extensions: Option<Vec<(String, ProcessSpec)>>,
    pub(super) tree: Arc<RuntimeTree>,
}

/// Why an environment was not made.
enum NotMade {
    /// For want of something that may be there again.
    Short(String),
    /// For something else.
    Other(InvokeError),
}

/// Takes a blank sandbox and assigns it to the function; if there is too little of something, in the place of those that wait
/// or are idle. Takes some milliseconds, most of them if none was ready.
pub(super) async fn make(node: &Arc<Node>, me: &Arc<Environment>) -> Result<Made, InvokeError> {
    let mut turns = 0..MAKING_ROOM;
    loop {
        let attempt = {
            let (node, me) = (Arc::clone(node), Arc::clone(me));
            move || (node.blanks.sacrifices(), attempt(&node, &me.function, &me.id))
        };
        let attempted = tokio::task::spawn_blocking(attempt).await;
        let (sacrifices, made) = attempted.map_err(|panic| InvokeError::Sandbox(panic.to_string()))?;
        match made {
            Ok(made) => return Ok(made),
            Err(NotMade::Other(error)) => return Err(error),
            // Nobody blocks a thread for that: those that go need one.
            Err(NotMade::Short(_)) if turns.next().is_some() && node.make_room(sacrifices).await => {}
            Err(NotMade::Short(text)) => return Err(throttled(text)),
        }
    }
}

fn attempt(node: &Node, function: &FunctionVersion, id: &str) -> Result<Made, NotMade> {
    let not_made = |error: &(dyn Error + 'static)| match is_shortage(error) {
        true => NotMade::Short(chain(error)),
        false => NotMade::Other(failed(error)),
    };
    let tree = node.runtimes.find(&function.runtime).map_err(|error| match is_shortage(&error) {
        true => NotMade::Short(chain(&error)),
        false => NotMade::Other(InvokeError::RuntimeMissing(error.to_string())),
    })?;
    let log_stream = log_stream_name(function, id);
    let (process, kind) = plan(node, function, &tree, &log_stream).map_err(|error| not_made(&error))?;
    let directories: Vec<_> = function.layers.iter().map(|layer| node.config.packages.directory(&layer.code)).collect();
    let outfitted = outfit(node, function, &kind, &directories, &log_stream);
    let Outfit { blank: Blank { sandbox, events }, starting, sockets, log } =
        outfitted.map_err(|error| not_made(error.as_ref()))?;
    let extensions = (!layers::disable_extensions(&directories)).then(|| {
        let environment = variables::of_extension(function, &tree, &process.environment);
        let names = layers::external_extensions(&directories).into_iter();
        names.map(|name| (name.clone(), extension(&name, environment.clone()))).collect()
    });
    Ok(Made { sandbox, events, starting, sockets, log, log_stream, process, extensions, tree })
}

/// A sandbox that is a function's.
struct Outfit {
    blank: Blank,
    starting: Starting,
    sockets: Sockets,
    log: LogWriter,
}

fn outfit(
    node: &Node,
    function: &FunctionVersion,
    kind: &Kind,
    layers: &[PathBuf],
    log_stream: &str,
) -> Result<Outfit, Box<dyn Error>> {
    let (blank, starting) = node.blanks.take(kind)?;
    let assigned = || -> Result<_, Box<dyn Error>> {
        blank.sandbox.assign(&Assignment {
            code: node.config.packages.directory(&function.code),
            layers: layers.to_vec(),
            memory_mb: function.memory_mb,
            ephemeral_storage_mb: function.ephemeral_storage_mb,
        })?;
        let sockets = blank.sandbox.take_sockets()?;
        // Most of what there is to do for a new stream: that is made when there is something to read in it.
        node.config.logs.create_group(&function.key.scope, &function.log_group)?;
        let (logs, scope) = (Arc::clone(&node.config.logs), function.key.scope.clone());
        let (group, stream) = (function.log_group.clone(), log_stream.to_owned());
        let open = move || logs.open(&scope, &group, &stream);
        Ok((sockets, LogWriter::new(Box::new(open), function.log_format, node.clock)))
    };
    match assigned() {
        Ok((sockets, log)) => Ok(Outfit { blank, starting, sockets, log }),
        Err(error) => {
            if let Err(leftover) = blank.sandbox.terminate() {
                tracing::warn!(error = %chain(&leftover), "a sandbox that could not be assigned left something behind");
            }
            Err(error)
        }
    }
}

/// How the runtime of a function is started, and the kind of sandbox that it wants.
///
/// # Errors
///
/// When the tree cannot be looked at.
pub(crate) fn plan(
    node: &Node,
    function: &FunctionVersion,
    tree: &RuntimeTree,
    log_stream: &str,
) -> io::Result<(ProcessSpec, Kind)> {
    let (programs, arguments) = command::of_runtime(function, tree);
    let environment = variables::of_runtime(function, tree, log_stream);
    let log_variable = variables::of_log(tree).map(str::to_owned);
    let process = ProcessSpec { programs, arguments, environment, log_variable };
    let preboot = node.preboots().then(|| preboot::of(function, tree, &process)).flatten();
    Ok((process, Kind::of(tree, preboot)?))
}

fn extension(name: &str, environment: BTreeMap<String, String>) -> ProcessSpec {
    let programs = vec![format!("/opt/{}/{name}", layers::FOLDER)];
    ProcessSpec { programs, arguments: Vec::new(), environment, log_variable: None }
}

/// Starts the external extensions, one after the other, on a thread that may block; [`Message::ExtensionsLaunched`] says
/// how it went.
pub(super) fn start_extensions(
    node: &Arc<Node>,
    environment: &Arc<Environment>,
    sandbox: &Arc<dyn Sandbox>,
    programs: &[ProcessSpec],
    generation: u32,
) {
    let (node, environment) = (Arc::clone(node), Arc::clone(environment));
    let (sandbox, programs) = (Arc::clone(sandbox), programs.to_vec());
    tokio::spawn(async move {
        let started = tokio::task::spawn_blocking(move || start_each(&node, sandbox.as_ref(), &programs)).await;
        let launched = started.unwrap_or_else(|_| {
            let gone = SandboxError::Gone("the thread that starts them");
            Launch { started: Vec::new(), failed: Some(LaunchFailure::NotStarted(gone)) }
        });
        environment.tell(Message::ExtensionsLaunched { generation, launched });
    });
}

fn start_each(node: &Node, sandbox: &dyn Sandbox, programs: &[ProcessSpec]) -> Launch {
    let mut launched = Launch { started: Vec::new(), failed: None };
    for program in programs.iter().take(EXTENSIONS) {
        match start_now(node, sandbox, program) {
            Ok(started) => launched.started.push(started),
            Err(error) => {
                launched.failed = Some(LaunchFailure::NotStarted(error));
                return launched;
            }
        }
    }
    if programs.len() > EXTENSIONS {
        launched.failed = Some(LaunchFailure::TooMany);
    }
    launched
}

/// Starts the runtime, at once if one waits, else on a thread that may block; [`Message::Launched`] says how it went.
pub(super) fn start(
    node: &Arc<Node>,
    environment: &Arc<Environment>,
    sandbox: &Arc<dyn Sandbox>,
    process: &ProcessSpec,
    generation: u32,
) {
    if let Some(started) = sandbox.start_waiting(process) {
        return environment.tell(Message::Launched { generation, result: Ok(started) });
    }
    let (node, environment) = (Arc::clone(node), Arc::clone(environment));
    let (sandbox, process) = (Arc::clone(sandbox), process.clone());
    tokio::spawn(async move {
        let started = tokio::task::spawn_blocking(move || start_now(&node, sandbox.as_ref(), &process)).await;
        let result = started.unwrap_or(Err(SandboxError::Gone("the thread that starts it")));
        environment.tell(Message::Launched { generation, result });
    });
}

/// Starts a process; if there is too little of something, in the place of sandboxes that wait.
fn start_now(node: &Node, sandbox: &dyn Sandbox, process: &ProcessSpec) -> Result<StartedProcess, SandboxError> {
    let sacrifices = node.blanks.sacrifices();
    match sandbox.start(process) {
        Err(error) if is_shortage(&error) && node.blanks.give_up(sacrifices) => sandbox.start(process),
        started => started,
    }
}

/// Ends the sandbox on a thread that may block; [`Message::Terminated`] follows. `in_turn`: whether that can wait for a while,
/// because nothing runs in it and nobody waits for its end.
pub(super) fn terminate(node: &Arc<Node>, environment: &Arc<Environment>, sandbox: &Arc<dyn Sandbox>, in_turn: bool) {
    let (node, environment, sandbox) = (Arc::clone(node), Arc::clone(environment), Arc::clone(sandbox));
    tokio::spawn(async move {
        let _turn = match in_turn {
            true => tokio::time::timeout(TURN_WITHIN, node.endings.acquire()).await.ok(),
            false => None,
        };
        match tokio::task::spawn_blocking(move || sandbox.terminate()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), environment = environment.id, "a sandbox left something behind");
            }
            Err(panic) => tracing::error!(%panic, environment = environment.id, "a sandbox could not be ended"),
        }
        environment.tell(Message::Terminated);
    });
}

/// `YYYY/MM/DD/[version]<32 hex>`, by the date in UTC. A group that is not the function's own, which several functions
/// may share, has their names before that (documented).
fn log_stream_name(function: &FunctionVersion, id: &str) -> String {
    let date = jiff::Timestamp::now().strftime("%Y/%m/%d");
    let FunctionVersion { key, version, log_group, .. } = function;
    match log_group.strip_prefix("/aws/lambda/") {
        Some(name) if name == key.name => format!("{date}/[{version}]{id}"),
        _ => format!("{date}/{}[{version}]{id}", key.name),
    }
}

/// What the caller of the invocation gets that an environment was to be made for.
pub(super) fn failed(error: &(dyn Error + 'static)) -> InvokeError {
    let text = chain(error);
    if is_shortage(error) {
        return throttled(text);
    }
    tracing::error!(error = text, "an execution environment could not be made");
    InvokeError::Sandbox(text)
}

fn throttled(shortage: String) -> InvokeError {
    // Not louder: whoever is refused tries again at once.
    tracing::info!(error = shortage, "no room for another execution environment: throttled");
    InvokeError::Capacity(shortage)
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
