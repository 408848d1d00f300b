//! The environment variables a runtime gets, and its extensions.
//!
//! Source: AWS Lambda developer guide, "Defined runtime environment variables"; recorded from AWS for
//! `provided.al2023`. Later wins: the platform's defaults, the runtime's, the customer's, credentials, the platform's.

use hearth_api::function::{FunctionVersion, LogFormat};
use hearth_api::runtime_tree::RuntimeTree;
use hearth_core::environment::InitType;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where the Runtime API answers inside the sandbox.
pub(crate) const RUNTIME_API: &str = "169.254.100.1:9001";
/// Where Lambda's own API answers inside the sandbox.
const LAMBDA_API: &str = "http://169.254.100.1:9002";
const PATH: &str = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin";
const LD_LIBRARY_PATH: &str =
    "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";

/// The number of the descriptor that a runtime's client writes its log to, in frames.
const LOG_DESCRIPTOR: &str = "_LAMBDA_TELEMETRY_LOG_FD";
/// The languages whose clients know it. They take it out of the environment before the function sees it.
const FRAMING: [&str; 5] = ["dotnet", "java", "nodejs", "python", "ruby"];

/// What extensions do not get.
const RUNTIME_ONLY: [&str; 7] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Everything the runtime process finds in its environment.
pub(crate) fn of_runtime(function: &FunctionVersion, tree: &RuntimeTree, log_stream: &str) -> BTreeMap<String, String> {
    let region = function.key.scope.region.as_str();
    // The customer may replace these.
    let defaults = [
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("PATH", PATH),
        ("LD_LIBRARY_PATH", LD_LIBRARY_PATH),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000"),
        // Not AWS's: an SDK inside that invokes functions means those of this service.
        ("AWS_ENDPOINT_URL_LAMBDA", LAMBDA_API),
    ];
    let mut variables: BTreeMap<String, String> = owned(defaults).collect();
    // With text logs there are none of these (recorded); the clients take them for text and every level then.
    if let LogFormat::Json { application, .. } = function.log_format {
        variables.extend(owned([("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", application.name())]));
    }
    variables.extend(tree.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
    let customer = function.environment.iter().flatten();
    variables
        .extend(customer.filter(|(name, _)| !name.starts_with('_')).map(|(name, value)| (name.clone(), value.clone())));
    // Dummies: an SDK inside talks for the function's own account, never for the operator.
    let account = function.key.scope.account.as_str();
    let (secret, session) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    variables.extend(owned([
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
        ("AWS_SESSION_TOKEN", session.as_str()),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_LAMBDA_FUNCTION_NAME", function.key.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", function.version.as_str()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string().as_str()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", function.init_type().name()),
        ("AWS_LAMBDA_RUNTIME_API", RUNTIME_API),
        ("_AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1"),
        ("_AWS_XRAY_DAEMON_PORT", "2000"),
        ("_HANDLER", function.handler.as_str()),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ]));
    // What is in a snapshot knows of no log stream (documented).
    if function.init_type() == InitType::OnDemand {
        let group = function.log_group.as_str();
        variables.extend(owned([("AWS_LAMBDA_LOG_GROUP_NAME", group), ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream)]));
    }
    variables
}

/// The variable for a pipe that the runtime's client writes framed messages to, if its client knows such a pipe: those of
/// AWS do; a `bootstrap` of the customer's own has standard output and error (recorded for `provided.al2023`).
pub(crate) fn of_log(tree: &RuntimeTree) -> Option<&'static str> {
    FRAMING.iter().any(|language| tree.name.starts_with(language)).then_some(LOG_DESCRIPTOR)
}

/// Everything an extension finds in its environment: what the runtime has, without what is the runtime's own.
///
/// Source: RIE `rapidcore/env`.
pub(crate) fn of_extension(
    function: &FunctionVersion,
    tree: &RuntimeTree,
    runtime: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let customer = |name: &str| function.environment.as_ref().is_some_and(|variables| variables.contains_key(name));
    let kept = |name: &str| {
        let of_the_tree = tree.environment.contains_key(name) && !customer(name);
        !name.starts_with('_') && !RUNTIME_ONLY.contains(&name) && !of_the_tree
    };
    let kept = runtime.iter().filter(|(name, _)| kept(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> impl Iterator<Item = (String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter()
}
