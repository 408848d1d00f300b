//! What the caller gets when no runtime has answered: the payloads of fatal errors, as AWS words them.

use bytes::Bytes;
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_core::limits::RESPONSE_PAYLOAD_BYTES;
use hearth_sandbox::ExitStatus;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeFirst<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageFirst<'a> {
    error_message: &'a str,
    error_type: &'a str,
}

/// The payload of an invocation that ended with a fatal error; `detail` says how the runtime ended, if it did.
pub(crate) fn fatal(request_id: RequestId, fault: ErrorType, timeout_ms: u64, detail: &str) -> Bytes {
    let message = match fault {
        ErrorType::SandboxTimedout => {
            format!(
                "RequestId: {request_id} Error: Task timed out after {}.{:02} seconds",
                timeout_ms / 1_000,
                timeout_ms % 1_000 / 10
            )
        }
        ErrorType::FunctionResponseSizeTooLarge => return too_large(RESPONSE_PAYLOAD_BYTES as u64),
        ErrorType::SandboxFailure => format!("RequestId: {request_id} Error: the execution environment ended"),
        ErrorType::RuntimeExitError
        | ErrorType::RuntimeOutOfMemory
        | ErrorType::RuntimeInvalidEntrypoint
        | ErrorType::RuntimeUnknown
        | ErrorType::RuntimeTruncatedResponse
        | ErrorType::RuntimeInvalidResponseModeHeader
        | ErrorType::RuntimeRestoreHookUserTimeout
        | ErrorType::FunctionUnknown
        | ErrorType::ExtensionInitError
        | ErrorType::ExtensionExitError
        | ErrorType::ExtensionCrash
        | ErrorType::ExtensionLaunchError => format!("RequestId: {request_id} Error: {detail}"),
    };
    json(&TypeFirst { error_type: fault.as_str(), error_message: &message })
}

/// AWS puts the message first in this one.
pub(crate) fn too_large(limit: u64) -> Bytes {
    let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
    json(&MessageFirst { error_message: &message, error_type: ErrorType::FunctionResponseSizeTooLarge.as_str() })
}

fn json(payload: &impl Serialize) -> Bytes {
    // Two strings always serialise.
    serde_json::to_vec(payload).unwrap_or_default().into()
}

/// How an extension ended, likewise.
pub(crate) fn extension_exit_text(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(0) => "exit code 0".to_owned(),
        ExitStatus::Code(code) => format!("exit status {code}"),
        ExitStatus::Signal(signal) => format!("signal: {}", signal_name(signal)),
    }
}

/// How the runtime ended, in the words AWS uses (Go's `os.ProcessState`).
pub(crate) fn exit_text(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(0) => "Runtime exited without providing a reason".to_owned(),
        ExitStatus::Code(code) => format!("Runtime exited with error: exit status {code}"),
        ExitStatus::Signal(signal) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        31 => "bad system call",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: RequestId = RequestId(1);

    #[test]
    fn payloads_are_worded_as_on_aws() {
        let id = "00000000-0000-0000-0000-000000000001";
        let of = |fault, detail: &str| String::from_utf8(fatal(ID, fault, 1_000, detail).to_vec()).unwrap();
        assert_eq!(
            of(ErrorType::SandboxTimedout, ""),
            format!(
                r#"{{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {id} Error: Task timed out after 1.00 seconds"}}"#
            )
        );
        assert_eq!(
            of(ErrorType::RuntimeExitError, &exit_text(ExitStatus::Code(127))),
            format!(
                r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: Runtime exited with error: exit status 127"}}"#
            )
        );
        assert_eq!(exit_text(ExitStatus::Code(0)), "Runtime exited without providing a reason");
        assert_eq!(exit_text(ExitStatus::Signal(9)), "Runtime exited with error: signal: killed");
        assert_eq!(
            of(ErrorType::FunctionResponseSizeTooLarge, ""),
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
        );
    }
}
