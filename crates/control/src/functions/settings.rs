//! The settings of a function that can be changed: read from a request into a [`FunctionVersion`], with the rules that
//! the model does not know.

use super::snap_start;
use crate::members::{Members, number, object, owned, text};
use hearth_api::error::ApiError;
use hearth_api::function::{FunctionVersion, LogFormat, SnapStart};
use hearth_core::limits::ENVIRONMENT_VARIABLES_BYTES;
use hearth_core::logging::LogLevel;
use serde_json::Value;
use std::collections::BTreeMap;

/// Names that a function may not set (documented).
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Settings that are kept and shown but that nothing acts on: X-Ray's mode, and the architecture, which has been checked.
const PASSIVE: &[&str] = &["TracingConfig", "Architectures"];

/// Takes over what the request gives; the rest stays.
///
/// # Errors
///
/// AWS's, for values that the model allows and Lambda does not. `version` may be half changed then.
pub(super) fn apply(members: &Members, version: &mut FunctionVersion) -> Result<(), ApiError> {
    without_zero(text(members, "Handler").into_iter(), "Handler")?;
    replace(&mut version.runtime, owned(members, "Runtime"));
    replace(&mut version.handler, owned(members, "Handler"));
    replace(&mut version.role, owned(members, "Role"));
    replace(&mut version.description, owned(members, "Description"));
    replace(&mut version.memory_mb, number(members, "MemorySize"));
    replace(&mut version.timeout_s, number(members, "Timeout"));
    let storage = object(members, "EphemeralStorage").and_then(|storage| number(storage, "Size"));
    replace(&mut version.ephemeral_storage_mb, storage);
    if let Some(logging) = object(members, "LoggingConfig") {
        version.log_format = log_format(logging, version.log_format)?;
        replace(&mut version.log_group, owned(logging, "LogGroup").filter(|group| !group.is_empty()));
    }
    if let Some(apply_on) = object(members, "SnapStart").and_then(|snap_start| text(snap_start, "ApplyOn")) {
        version.snap_start =
            if apply_on == "PublishedVersions" { SnapStart::PublishedVersions } else { SnapStart::None };
    }
    snap_start::check(version)?;
    if let Some(environment) = object(members, "Environment") {
        version.environment = Some(variables(environment)?);
    }
    for name in PASSIVE {
        if let Some(value) = members.get(*name).filter(|value| !value.is_null()) {
            version.passive.insert((*name).to_owned(), value.clone());
        }
    }
    Ok(())
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// The format after a request, whose levels stay what they were, or become `INFO`, where it does not give them. (Both
/// observed, as is the text.)
fn log_format(logging: &Members, now: LogFormat) -> Result<LogFormat, ApiError> {
    let level = |name| text(logging, name).and_then(LogLevel::parse);
    let (application, system) = (level("ApplicationLogLevel"), level("SystemLogLevel"));
    let (application_now, system_now) = match now {
        LogFormat::Json { application, system } => (application, system),
        LogFormat::Text => (LogLevel::DEFAULT, LogLevel::DEFAULT),
    };
    let json = match text(logging, "LogFormat") {
        Some(format) => format == "JSON",
        None => now != LogFormat::Text,
    };
    if json {
        let (application, system) = (application.unwrap_or(application_now), system.unwrap_or(system_now));
        return Ok(LogFormat::Json { application, system });
    }
    if application.or(system).is_some() {
        return Err(ApiError::invalid_parameter(
            "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change \
             the LogFormat to \"JSON\" and try again.",
        ));
    }
    Ok(LogFormat::Text)
}

/// No process can be started with a zero character in its environment, which is where these go.
fn without_zero<'a>(mut texts: impl Iterator<Item = &'a str>, what: &str) -> Result<(), ApiError> {
    if texts.any(|text| text.contains('\0')) {
        return Err(ApiError::invalid_parameter(format!("{what} must not contain the character U+0000.")));
    }
    Ok(())
}

fn variables(environment: &Members) -> Result<BTreeMap<String, String>, ApiError> {
    let Some(variables) = object(environment, "Variables") else { return Ok(BTreeMap::new()) };
    let reserved: Vec<&str> = variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(ApiError::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    without_zero(variables.values().filter_map(Value::as_str), "The value of an environment variable")?;
    let measured = serde_json::to_string(variables).unwrap_or_default();
    if measured.len() > ENVIRONMENT_VARIABLES_BYTES {
        return Err(ApiError::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(variables.keys().filter_map(|name| Some((name.clone(), text(variables, name)?.to_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::version;
    use serde_json::json;

    fn applied(members: Value) -> Result<FunctionVersion, ApiError> {
        let mut version = version("f");
        apply(members.as_object().expect("object"), &mut version).map(|()| version)
    }

    fn message(members: Value) -> String {
        applied(members).expect_err("refused").message
    }

    #[test]
    fn what_is_not_given_stays() {
        assert_eq!(applied(json!({})).expect("applied"), version("f"));
        let changed = applied(json!({ "Timeout": 9, "EphemeralStorage": { "Size": 1024 } })).expect("applied");
        let expected = FunctionVersion { timeout_s: 9, ephemeral_storage_mb: 1024, ..version("f") };
        assert_eq!(changed, expected);
    }

    #[test]
    fn reserved_names_are_listed() {
        let variables = json!({ "Environment": { "Variables": { "AWS_REGION": "x", "OK": "y", "_HANDLER": "z" } } });
        assert!(message(variables).ends_with("Reserved keys used in this request: AWS_REGION, _HANDLER"));
    }

    #[test]
    fn four_kilobytes_are_measured_as_the_json_text_in_the_order_of_the_request() {
        let sized = |length: usize| json!({ "Environment": { "Variables": { "LARGE_VAR": "x".repeat(length) } } });
        assert!(applied(sized(4080)).is_ok());
        let expected = format!("exceeded the 4KB limit. String measured: {{\"LARGE_VAR\":\"{}\"}}", "x".repeat(4081));
        assert!(message(sized(4081)).ends_with(&expected));
        let two = json!({ "Environment": { "Variables": { "SMALL_VAR": "ok", "LARGE_VAR": "x".repeat(4064) } } });
        assert!(message(two).contains(r#"measured: {"SMALL_VAR":"ok","LARGE_VAR":""#));
    }

    #[test]
    fn an_empty_environment_is_not_none() {
        let changed = applied(json!({ "Environment": { "Variables": {} } })).expect("applied");
        assert_eq!(changed.environment, Some(BTreeMap::new()));
    }

    #[test]
    fn json_logs_have_levels_and_text_has_none() {
        let info = LogFormat::Json { application: LogLevel::Info, system: LogLevel::Info };
        let mut version = version("f");
        let mut change = |logging: Value| {
            let members = json!({ "LoggingConfig": logging });
            apply(members.as_object().expect("object"), &mut version).map(|()| version.log_format)
        };
        assert_eq!(change(json!({ "LogGroup": "mine" })), Ok(LogFormat::Text));
        let refused = change(json!({ "SystemLogLevel": "WARN" })).expect_err("text has no levels").message;
        assert!(
            refused.starts_with("LogLevel is not supported when LogFormat is set to \"Text\". Remove"),
            "{refused}"
        );
        assert_eq!(change(json!({ "LogFormat": "JSON" })), Ok(info));
        let debug = LogFormat::Json { application: LogLevel::Debug, system: LogLevel::Info };
        assert_eq!(change(json!({ "ApplicationLogLevel": "DEBUG" })), Ok(debug));
        assert!(change(json!({ "LogFormat": "Text", "ApplicationLogLevel": "DEBUG" })).is_err());
        assert_eq!(change(json!({ "LogGroup": "other" })), Ok(debug));
        assert_eq!(change(json!({ "LogFormat": "Text" })), Ok(LogFormat::Text));
        assert_eq!(change(json!({ "LogFormat": "JSON" })), Ok(info), "levels of before are forgotten");
        assert_eq!(version.log_group, "other");
    }

    #[test]
    fn what_no_process_could_be_started_with_is_refused() {
        assert!(message(json!({ "Handler": "app.han\0dler" })).starts_with("Handler must not"));
        let variables = json!({ "Environment": { "Variables": { "NAME": "val\0ue" } } });
        assert!(message(variables).starts_with("The value of an environment variable must not"));
    }
}
