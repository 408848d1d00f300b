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
    let process = ProcessSpec { environment, ..process.clone() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command, testing, variables};
    use hearth_api::function::LogFormat;
    use hearth_core::logging::LogLevel;

    fn python_tree() -> RuntimeTree {
        let mut tree = testing::tree("python3.11", &["/var/lang/bin/python3.11"], &PYTHON_CLIENT);
        tree.environment.insert(PYTHON_PATH.to_owned(), "/var/runtime".to_owned());
        tree
    }

    fn preboot(function: &FunctionVersion, tree: &RuntimeTree) -> Option<Preboot> {
        let (programs, arguments) = command::of_runtime(function, tree);
        let environment = variables::of_runtime(function, tree, "stream");
        of(function, tree, &ProcessSpec { programs, arguments, environment, log_variable: None })
    }

    #[test]
    fn what_waits_knows_nothing_of_a_function_that_others_do_not_have() {
        let one = preboot(&testing::function(&[("SECRET", "x")]), &python_tree()).unwrap();
        let other = FunctionVersion { handler: "other.handler".to_owned(), memory_mb: 512, ..testing::function(&[]) };
        assert_eq!(Some(&one), preboot(&other, &python_tree()).as_ref(), "one serves both");
        assert_eq!(one.process.arguments, ["-m", "awslambdaric", "-"]);
        assert_eq!(one.process.environment[PYTHON_PATH], "/tmp:/var/runtime");
        let names: Vec<_> = one.process.environment.keys().map(String::as_str).collect();
        assert_eq!(names, ["AWS_LAMBDA_RUNTIME_API", "LANG", "LD_LIBRARY_PATH", "PATH", PYTHON_PATH, "TZ"]);
    }

    #[test]
    fn what_is_read_at_a_start_makes_another_kind_or_a_plain_start() {
        let plain = preboot(&testing::function(&[]), &python_tree());
        assert!(plain.is_some());
        let json = LogFormat::Json { application: LogLevel::Warn, system: LogLevel::Info };
        for function in
            [testing::function(&[("TZ", "Asia/Tokyo")]), FunctionVersion { log_format: json, ..testing::function(&[]) }]
        {
            let kind = preboot(&function, &python_tree());
            assert!(kind.is_some() && kind != plain, "{kind:?}");
        }
        for name in CUSTOM {
            assert_eq!(preboot(&testing::function(&[(&format!("{name}X"), "")]), &python_tree()), None, "{name}");
        }
    }

    #[test]
    fn node_is_told_what_to_start_and_sees_the_memory() {
        let direct = testing::tree("nodejs18.x", &["/var/lang/bin/node"], &["/var/runtime/index.mjs"]);
        let found = preboot(&testing::function(&[]), &direct).unwrap();
        assert_eq!(found.process.arguments, ["/tmp/launch.mjs", "/var/runtime/index.mjs"]);
        assert_eq!(found.memory_mb, Some(128));
        let by_script = preboot(&testing::function(&[]), &testing::tree("nodejs22.x", &[BOOTSTRAP], &[])).unwrap();
        assert!(by_script.process.arguments.is_empty());
        assert_eq!(by_script.process.environment[WRAPPER], "/tmp/wrapper");
    }

    #[test]
    fn who_starts_in_another_way_starts_plainly() {
        for tree in [
            testing::tree("python3.11", &["/var/lang/bin/python3.11"], &["-m", "other", HANDLER]),
            testing::tree("python3.11", &[BOOTSTRAP], &[]),
            testing::tree("nodejs20.x", &["/var/lang/bin/node"], &["/var/runtime/index.mjs", "more"]),
            testing::tree("provided.al2023", &["/var/task/bootstrap"], &[]),
            testing::tree("java21", &[BOOTSTRAP], &[]),
        ] {
            assert_eq!(preboot(&testing::function(&[]), &tree), None, "{tree:?}");
        }
    }
}
