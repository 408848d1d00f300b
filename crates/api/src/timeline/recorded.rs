//! From what the core has recorded to what travels.

use super::{Activity, Init, Invocation, Lane, Report, Span};
use hearth_core::billing::{Rule, billed_ms};
use hearth_core::environment::{ColdStart, InitReport, InvocationReport, Moment, Status, timeline};

impl Span {
    /// Of an environment that was made at `created`.
    #[must_use]
    pub fn recorded(span: timeline::Span, created: Moment, under_way: bool) -> Self {
        Self {
            lane: span.lane.into(),
            activity: span.activity.into(),
            start_us: span.start.since(created),
            duration_us: span.end.since(span.start),
            under_way,
        }
    }
}

impl Invocation {
    /// Of an environment that was made at `created`, billed by `rule`.
    #[must_use]
    pub fn recorded(invocation: &timeline::Invocation, created: Moment, rule: Rule) -> Self {
        Self {
            number: invocation.number,
            request_id: invocation.request_id.to_string(),
            start_us: invocation.started.since(created),
            answered_us: invocation.answered.map(|moment| moment.since(created)),
            init: invocation.init.map(Init::from),
            report: invocation.report.map(|report| Report::recorded(report, rule)),
        }
    }
}

impl Report {
    fn recorded(report: InvocationReport, rule: Rule) -> Self {
        Self {
            duration_us: report.duration_us,
            billed_ms: billed_ms(rule, report.duration_us, report.cold_start),
            init_us: report.cold_start.and_then(ColdStart::init_us),
            restore_us: report.cold_start.and_then(ColdStart::restore_us),
            status: report.status.name().to_owned(),
            error_type: error_type(report.status),
        }
    }
}

impl From<InitReport> for Init {
    fn from(report: InitReport) -> Self {
        let status = report.status.name().to_owned();
        Self { duration_us: report.duration_us, status, error_type: error_type(report.status) }
    }
}

/// Where the runtime has chosen it, the log has it.
fn error_type(status: Status) -> Option<String> {
    status.fault().map(|fault| fault.to_string())
}

impl From<timeline::Lane> for Lane {
    fn from(lane: timeline::Lane) -> Self {
        match lane {
            timeline::Lane::Environment => Self::Environment,
            timeline::Lane::Runtime => Self::Runtime,
            timeline::Lane::Extension(place) => Self::Extension(place),
        }
    }
}

impl From<timeline::Activity> for Activity {
    fn from(activity: timeline::Activity) -> Self {
        use timeline::Activity as A;
        match activity {
            A::Create => Self::Create,
            A::Cold => Self::Cold,
            A::Init => Self::Init,
            A::Restore => Self::Restore,
            A::Invoke(number) => Self::Invoke(number),
            A::Frozen => Self::Frozen,
            A::Reset => Self::Reset,
            A::Shutdown => Self::Shutdown,
            A::ResponseLatency => Self::ResponseLatency,
            A::ResponseDuration => Self::ResponseDuration,
            A::RuntimeOverhead => Self::RuntimeOverhead,
            A::Register => Self::Register,
            A::Event => Self::Event,
            A::ExtensionOverhead => Self::ExtensionOverhead,
            A::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::error::ErrorType;
    use hearth_core::ids::RequestId;

    #[test]
    fn a_report_is_told_with_what_it_costs() {
        let cold_start = Some(ColdStart::Init(80_000));
        let report = |status| InvocationReport { request_id: RequestId(7), duration_us: 1_200, cold_start, status };
        let timeout = Report::recorded(report(Status::Timeout), Rule::Current);
        assert_eq!((timeout.billed_ms, timeout.status.as_str(), timeout.error_type), (82, "timeout", None));
        let exit = Report::recorded(report(Status::Error(ErrorType::RuntimeExitError)), Rule::Classic);
        assert_eq!((exit.billed_ms, exit.status.as_str()), (2, "error"));
        assert_eq!(exit.error_type.as_deref(), Some("Runtime.ExitError"));
        let said = Report::recorded(report(Status::InitError), Rule::Current);
        assert_eq!((said.status.as_str(), said.error_type), ("error", None), "what the runtime said is in the log");
    }

    #[test]
    fn times_count_from_the_making_of_the_environment() {
        let (lane, activity) = (timeline::Lane::Runtime, timeline::Activity::Init);
        let span = timeline::Span { lane, activity, start: Moment(1_500), end: Moment(1_700) };
        let recorded = Span::recorded(span, Moment(1_000), true);
        assert_eq!((recorded.start_us, recorded.duration_us, recorded.under_way), (500, 200, true));
    }
}
