//! The platform's log lines, as CloudWatch shows them in text format. Fields are separated by tabs, and every field of
//! REPORT is followed by one.
//!
//! Source: log lines recorded from AWS (2024 and later).

use crate::billing::billed_restore_ms;
use crate::environment::{ColdStart, InitPhase, InitReport, InitType, InvocationReport, RestoreReport, Status};
use crate::extension::Extension;
use crate::ids::RequestId;
use crate::limits::LOG_PER_INVOCATION_BYTES;
use crate::telemetry::{Api, Cause, Dropped, Types};
use std::fmt::Write as _;

/// `INIT_START`: the runtime's version, and its ARN for functions that are no images.
#[must_use]
pub fn init_start(version: &str, arn: &str) -> String {
    format!("INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}\n")
}

/// `RESTORE_START`, likewise.
#[must_use]
pub fn restore_start(version: &str, arn: &str) -> String {
    format!("RESTORE_START Runtime Version: {version}\tRuntime Version ARN: {arn}\n")
}

/// `START`.
#[must_use]
pub fn start(request_id: RequestId, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}\n")
}

/// `END`.
#[must_use]
pub fn end(request_id: RequestId) -> String {
    format!("END RequestId: {request_id}\n")
}

/// `REPORT`. `memory_mb` is what the function has and what was used at most; `init_error` names the error that the runtime
/// reported, if any.
#[must_use]
pub fn report(report: &InvocationReport, billed_ms: u64, memory_mb: (u32, u64), init_error: &str) -> String {
    let (memory_mb, max_memory_mb) = memory_mb;
    let InvocationReport { request_id, duration_us, cold_start, status } = *report;
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {} ms\tBilled Duration: {billed_ms} ms\tMemory Size: {memory_mb} MB\tMax Memory Used: {max_memory_mb} MB\t",
        milliseconds(duration_us),
    );
    match cold_start {
        None => {}
        Some(ColdStart::Init(us)) => put(&mut line, format_args!("Init Duration: {} ms\t", milliseconds(us))),
        Some(ColdStart::Restore(us)) => {
            let (took, billed) = (milliseconds(us), billed_restore_ms(us));
            put(&mut line, format_args!("Restore Duration: {took} ms\tBilled Restore Duration: {billed} ms\t"));
        }
    }
    if let Some(status) = status_text(status, init_error) {
        put(&mut line, format_args!("{status}\t"));
    }
    line.push('\n');
    line
}

/// `INIT_REPORT`, where there is one: of an Init that failed, and of each before a Restore.
#[must_use]
pub fn init_report(report: &InitReport, init_error: &str) -> Option<String> {
    let took = milliseconds(report.duration_us);
    let phase = match report.phase {
        InitPhase::Init => "init",
        InitPhase::Invoke => "invoke",
    };
    match (status_text(report.status, init_error), report.init_type) {
        (Some(status), _) => Some(format!("INIT_REPORT Init Duration: {took} ms\tPhase: {phase}\t{status}\n")),
        (None, InitType::SnapStart) => Some(format!("INIT_REPORT Init Duration: {took} ms\n")),
        (None, InitType::OnDemand) => None,
    }
}

/// `RESTORE_REPORT`.
#[must_use]
pub fn restore_report(report: &RestoreReport, error: &str) -> String {
    let mut line = format!("RESTORE_REPORT Restore Duration: {} ms", milliseconds(report.duration_us));
    if let Some(status) = status_text(report.status, error) {
        put(&mut line, format_args!("\t{status}"));
    }
    line.push('\n');
    line
}

/// `EXTENSION`: where an extension stands at the end of Init.
#[must_use]
pub fn extension(extension: &Extension) -> String {
    let events: Vec<_> = extension.events().collect();
    let (name, state) = (extension.name(), extension.state_after_init().name());
    let mut line = format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]", events.join(", "));
    if let Some(error_type) = extension.error_type() {
        put(&mut line, format_args!("\tError Type: {error_type}"));
    }
    line.push('\n');
    line
}

/// `TELEMETRY` or `LOGS`: an extension has subscribed.
#[must_use]
pub fn subscription(api: Api, name: &str, types: Types) -> String {
    let word = match api {
        Api::Telemetry => "TELEMETRY",
        Api::Logs => "LOGS",
    };
    let shown = |(wanted, name)| if wanted { Some(name) } else { None };
    let types = [(types.platform, "Platform"), (types.function, "Function"), (types.extension, "Extension")];
    let types: Vec<&str> = types.into_iter().filter_map(shown).collect();
    format!("{word}\tName: {name}\tState: Subscribed\tTypes: [{}]\n", types.join(", "))
}

/// That lines have no place in the log (ours; of what a subscriber has missed, a log in text format says nothing).
#[must_use]
pub fn dropped(dropped: &Dropped) -> Option<String> {
    let Dropped { bytes, cause, .. } = dropped;
    let flood = *cause == Cause::Flood;
    let why = format_args!("more than {LOG_PER_INVOCATION_BYTES} in one invocation");
    flood.then(|| format!("[hearth] {bytes} bytes of output were dropped: {why}\n"))
}

/// In the words of records (there, `failure` is documented for what is `Sandbox.*`; no line with it has been seen).
fn status_text(status: Status, init_error: &str) -> Option<String> {
    let name = status.name();
    match status {
        Status::Success => None,
        Status::Timeout => Some(format!("Status: {name}")),
        Status::Error(fault) => Some(format!("Status: {name}\tError Type: {fault}")),
        Status::InitError => Some(format!("Status: {name}\tError Type: {init_error}")),
    }
}

/// Two decimals, rounded to the nearest hundredth of a millisecond.
fn milliseconds(us: u64) -> String {
    let hundredths = us.saturating_add(5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn put(line: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    line.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorType;
    use crate::extension::{ExtensionId, Extensions};

    const ID: RequestId = RequestId(0x8476_a536_e9f4_11e8_9739_2dfe_598c_3fcd);

    fn of(duration_us: u64, cold_start: Option<ColdStart>, status: Status) -> InvocationReport {
        InvocationReport { request_id: ID, duration_us, cold_start, status }
    }

    #[test]
    fn a_cold_start_shows_its_init_after_the_memory() {
        let line = report(&of(12_340, Some(ColdStart::Init(80_000)), Status::Success), 13, (128, 45), "");
        assert_eq!(
            line,
            "REPORT RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\tDuration: 12.34 ms\tBilled Duration: 13 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 45 MB\tInit Duration: 80.00 ms\t\n"
        );
    }

    #[test]
    fn a_failure_shows_status_and_type() {
        let timeout = report(&of(3_000_000, None, Status::Timeout), 3_000, (128, 45), "");
        assert!(timeout.ends_with("Max Memory Used: 45 MB\tStatus: timeout\t\n"), "{timeout}");
        let oom = report(&of(1, None, Status::Error(ErrorType::RuntimeOutOfMemory)), 1, (128, 128), "");
        assert!(oom.ends_with("\tStatus: error\tError Type: Runtime.OutOfMemory\t\n"), "{oom}");
    }

    #[test]
    fn an_extension_shows_what_it_has_registered_for() {
        let mut extensions = Extensions::new(vec!["one".to_owned(), "two".to_owned()]);
        extensions.launch();
        extensions.register("one", &["SHUTDOWN".to_owned(), "INVOKE".to_owned()], ExtensionId(1)).unwrap();
        extensions.next(ExtensionId(1)).unwrap();
        extensions.not_launched(1, "PermissionDenied");
        let lines: Vec<_> = extensions.all().iter().map(extension).collect();
        assert_eq!(
            lines,
            [
                "EXTENSION\tName: one\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
                "EXTENSION\tName: two\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n",
            ]
        );
    }

    #[test]
    fn a_subscription_shows_its_types() {
        let types = Types { platform: true, function: true, extension: false };
        let line = "\tName: one\tState: Subscribed\tTypes: [Platform, Function]\n";
        assert_eq!(subscription(Api::Telemetry, "one", types), format!("TELEMETRY{line}"));
        assert_eq!(subscription(Api::Logs, "one", types), format!("LOGS{line}"));
    }

    #[test]
    fn an_init_that_failed_is_reported_by_phase() {
        let of = |init_type, phase, duration_us, status| {
            let report = InitReport { init_type, phase, duration_us, status };
            init_report(&report, "Runtime.ImportModuleError").unwrap_or_default()
        };
        let (demand, snap_start) = (InitType::OnDemand, InitType::SnapStart);
        let timeout = "INIT_REPORT Init Duration: 10007.33 ms\tPhase: init\tStatus: timeout\n";
        assert_eq!(of(demand, InitPhase::Init, 10_007_330, Status::Timeout), timeout);
        assert_eq!(
            of(demand, InitPhase::Invoke, 5, Status::InitError),
            "INIT_REPORT Init Duration: 0.01 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n"
        );
        assert_eq!(of(demand, InitPhase::Init, 5, Status::Success), "", "said in REPORT");
        let success = "INIT_REPORT Init Duration: 9908.09 ms\n";
        assert_eq!(of(snap_start, InitPhase::Init, 9_908_090, Status::Success), success);
    }

    #[test]
    fn a_restore_is_reported_for_itself_and_with_the_invocation_after_it() {
        // Recorded from AWS.
        let line = report(&of(149_530, Some(ColdStart::Restore(162_640)), Status::Success), 313, (3_538, 163), "");
        let end = "Max Memory Used: 163 MB\tRestore Duration: 162.64 ms\tBilled Restore Duration: 163 ms\t\n";
        assert!(line.ends_with(end), "{line}");
        let of =
            |duration_us, status| restore_report(&RestoreReport { duration_us, status }, "Runtime.AfterRestoreError");
        assert_eq!(of(511_250, Status::Success), "RESTORE_REPORT Restore Duration: 511.25 ms\n");
        let timeout = "RESTORE_REPORT Restore Duration: 10000.12 ms\tStatus: timeout\n";
        assert_eq!(of(10_000_120, Status::Timeout), timeout);
        assert_eq!(
            of(0, Status::InitError),
            "RESTORE_REPORT Restore Duration: 0.00 ms\tStatus: error\tError Type: Runtime.AfterRestoreError\n"
        );
    }
}
