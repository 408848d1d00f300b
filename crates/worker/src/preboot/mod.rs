//! Runtimes that have started before they have a function: an interpreter with AWS's own client loaded waits in a blank
//! sandbox, and becomes the function's runtime when it is told its environment, its arguments, and that its code is there.
//!
//! What a function can see is as after a plain start (what is not is listed in `docs/cold-starts.md`). It is started plainly if
//! it sets something that is read when a process starts, or brings a program of its own that starts the runtime; and a
//! launcher that finds that the function replaces what is loaded already starts anew.

use crate::command::{BOOTSTRAP, WRAPPER};
use hearth_api::function::FunctionVersion;
use hearth_api::runtime_tree::{HANDLER, RuntimeTree};
use hearth_sandbox::{Launcher, Preboot, ProcessSpec};
use std::collections::BTreeMap;

/// Where launchers are inside.
const LAUNCHERS: &str = "/tmp";
/// Python imports it by itself.
const PYTHON: Launcher = Launcher { name: "python", files: &[("sitecustomize.py", include_str!("sitecustomize.py"))] };
/// Is given to Node.js in the place of what it is to start.
const NODE: Launcher = Launcher {
    name: "nodejs",
    files: &[("launch.mjs", include_str!("launch.mjs")), ("wrapper", include_str!("wrapper.sh"))],
};
/// How AWS's client for Python is started.
const PYTHON_CLIENT: [&str; 3] = ["-m", "awslambdaric", HANDLER];
/// Where Python looks for modules first.
const PYTHON_PATH: &str = "PYTHONPATH";

/// Variables that a loader, a C library, an interpreter or a client reads when it starts, and platform or tree set.
const READ_AT_START: [&str; 7] = [
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_LAMBDA_RUNTIME_API",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "TZ",
];
/// Beginnings of names of the customer's variables that may be read at a start.
const CUSTOM: [&str; 14] = [
    "AWS_LAMBDA_",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "HOME", // Python looks for modules there
    "LANG",
    "LC_",
    "LD_",
    "LOCPATH",
    "MALLOC_",
    "NODE_",
    "OPENSSL_",
    "PYTHON",
    "TZDIR",
    "UV_",
];
/// A zone may be a file of the function's, which is not there yet when the C library looks for it.
const ZONE: &str = "TZ";

/// How a runtime for this function is prebooted; `process` is its plain start. `None`: it is not.
pub(crate) fn of(function: &FunctionVersion, tree: &RuntimeTree, process: &ProcessSpec) -> Option<Preboot> {
    let mut custom = function.environment.iter().flat_map(BTreeMap::keys);
    if custom.any(|name| CUSTOM.iter().any(|beginning| name.starts_with(beginning))) {
        return None;
    }
    let zone = function.environment.as_ref().and_then(|variables| variables.get(ZONE));
    if zone.is_some_and(|zone| zone.trim_start_matches(':').starts_with('/')) {
        return None;
    }
    let at_start = |name: &String| READ_AT_START.contains(&name.as_str()) || tree.environment.contains_key(name);
    let environment = process.environment.iter().filter(|(name, _)| at_start(name));
    let environment = environment.map(|(name, value)| (name.clone(), value.clone())).collect();
    let process = ProcessSpec { environment, prebooted: false, ..process.clone() };
    if tree.name.starts_with("python") && tree.arguments == PYTHON_CLIENT {
        return Some(python(process));
    }
    let started = tree.name.starts_with("nodejs").then(|| node(process, tree)).flatten()?;
    // Its heap is sized by the memory that it sees when it starts.
    Some(Preboot { launcher: NODE, process: started, memory_mb: Some(function.memory_mb) })
}

/// Started by itself with one program, or by a script that knows Node.js's options and the customer's wrapper.
fn node(mut process: ProcessSpec, tree: &RuntimeTree) -> Option<ProcessSpec> {
    match (tree.programs.as_slice(), tree.arguments.as_slice()) {
        ([program], [main]) if program.ends_with("/node") && main.ends_with(".mjs") => {
            process.arguments.insert(0, format!("{LAUNCHERS}/launch.mjs"));
        }
        ([program], []) if program == BOOTSTRAP => {
            process.environment.insert(WRAPPER.to_owned(), format!("{LAUNCHERS}/wrapper"));
        }
        _ => return None,
    }
    Some(process)
}

fn python(mut process: ProcessSpec) -> Preboot {
    process.arguments = PYTHON_CLIENT.map(|word| if word == HANDLER { "-" } else { word }.to_owned()).to_vec();
    let path = process.environment.entry(PYTHON_PATH.to_owned()).or_default();
    *path = if path.is_empty() { LAUNCHERS.to_owned() } else { format!("{LAUNCHERS}:{path}") };
    Preboot { launcher: PYTHON, process, memory_mb: None }
}
