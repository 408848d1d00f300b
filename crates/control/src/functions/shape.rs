//! `FunctionConfiguration`: what every read and every change of a function answers.

use crate::members::Members;
use hearth_api::function::{FunctionVersion, LogFormat, SnapStart, State, UpdateStatus};
use hearth_core::environment::InitType;
use serde_json::{Map, Value, json};

/// How much of a configuration is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Everything.
    Full,
    /// As an entry of a list: no state, no runtime version.
    Entry,
}

/// The text and code that AWS gives for every creation and every update (recorded: also for updates).
const CREATING: (&str, &str) = ("The function is being created.", "Creating");

/// The configuration of a version; `qualifier` is the one to show in the ARN.
pub(super) fn configuration(version: &FunctionVersion, qualifier: Option<&str>, view: View) -> Value {
    let mut out = Map::new();
    let arn = match qualifier {
        Some(qualifier) => format!("{}:{qualifier}", version.key.arn()),
        None => version.key.arn(),
    };
    put(&mut out, "FunctionName", version.key.name.as_str());
    put(&mut out, "FunctionArn", arn);
    put(&mut out, "Runtime", version.runtime.as_str());
    put(&mut out, "Role", version.role.as_str());
    put(&mut out, "Handler", version.handler.as_str());
    put(&mut out, "CodeSize", version.code.size);
    put(&mut out, "Description", version.description.as_str());
    put(&mut out, "Timeout", version.timeout_s);
    put(&mut out, "MemorySize", version.memory_mb);
    put(&mut out, "LastModified", version.last_modified.as_str());
    put(&mut out, "CodeSha256", version.code.sha256.as_str());
    put(&mut out, "Version", version.version.as_str());
    if let Some(variables) = &version.environment {
        put(&mut out, "Environment", json!({ "Variables": variables }));
    }
    if !version.layers.is_empty() {
        let layers = version.layers.iter().map(|layer| json!({ "Arn": layer.arn, "CodeSize": layer.code.size }));
        put(&mut out, "Layers", layers.collect::<Value>());
    }
    put(&mut out, "TracingConfig", passive(version, "TracingConfig", || json!({ "Mode": "PassThrough" })));
    put(&mut out, "RevisionId", version.revision_id.to_string());
    if view == View::Full {
        state(version, &mut out);
    }
    put(&mut out, "PackageType", "Zip");
    put(&mut out, "Architectures", passive(version, "Architectures", || json!([super::unsupported::architecture()])));
    put(&mut out, "EphemeralStorage", json!({ "Size": version.ephemeral_storage_mb }));
    put(&mut out, "SnapStart", snap_start(version));
    if view == View::Full {
        put(&mut out, "RuntimeVersionConfig", json!({ "RuntimeVersionArn": runtime_version_arn(version) }));
    }
    put(&mut out, "LoggingConfig", logging(version));
    Value::Object(out)
}

fn snap_start(version: &FunctionVersion) -> Value {
    let apply_on = match version.snap_start {
        SnapStart::None => "None",
        SnapStart::PublishedVersions => "PublishedVersions",
    };
    let status = match version.init_type() {
        InitType::OnDemand => "Off",
        InitType::SnapStart => "On",
    };
    json!({ "ApplyOn": apply_on, "OptimizationStatus": status })
}

fn logging(version: &FunctionVersion) -> Value {
    match version.log_format {
        LogFormat::Text => json!({ "LogFormat": "Text", "LogGroup": version.log_group }),
        LogFormat::Json { application, system } => json!({
            "LogFormat": "JSON",
            "ApplicationLogLevel": application.name(),
            "SystemLogLevel": system.name(),
            "LogGroup": version.log_group,
        }),
    }
}

/// `State` and `LastUpdateStatus` with their reasons. While a function is Pending it has no update status.
fn state(version: &FunctionVersion, out: &mut Members) {
    match &version.state {
        State::Pending => {
            put(out, "State", "Pending");
            put(out, "StateReason", CREATING.0);
            put(out, "StateReasonCode", CREATING.1);
            return;
        }
        State::Active => put(out, "State", "Active"),
        State::Failed { code, reason } => {
            put(out, "State", "Failed");
            put(out, "StateReason", reason.as_str());
            put(out, "StateReasonCode", code.as_str());
        }
    }
    match &version.last_update {
        UpdateStatus::Successful => put(out, "LastUpdateStatus", "Successful"),
        UpdateStatus::InProgress => {
            put(out, "LastUpdateStatus", "InProgress");
            put(out, "LastUpdateStatusReason", CREATING.0);
            put(out, "LastUpdateStatusReasonCode", CREATING.1);
        }
        UpdateStatus::Failed { code, reason } => {
            put(out, "LastUpdateStatus", "Failed");
            put(out, "LastUpdateStatusReason", reason.as_str());
            put(out, "LastUpdateStatusReasonCode", code.as_str());
        }
    }
}

/// AWS's ids are digests of something it does not tell; this one is the digest of the runtime tree's recipe.
fn runtime_version_arn(version: &FunctionVersion) -> String {
    format!("arn:aws:lambda:{}::runtime:{}", version.key.scope.region, version.runtime_version)
}

fn passive(version: &FunctionVersion, name: &str, default: impl FnOnce() -> Value) -> Value {
    version.passive.get(name).cloned().unwrap_or_else(default)
}

fn put(out: &mut Members, name: &str, value: impl Into<Value>) {
    out.insert(name.to_owned(), value.into());
}
