//! Timelines of execution environments as they travel from a worker to `hearth trace`: what
//! [`hearth_core::environment::timeline`] records, in plain numbers and words. Times are microseconds.

use crate::function::FunctionKey;
use serde::{Deserialize, Serialize};

mod recorded;

/// Which environments somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those of functions of this name.
    pub function: Option<String>,
    /// Those of this account.
    pub account: Option<String>,
    /// Those of this region.
    pub region: Option<String>,
    /// Those whose id begins so.
    pub environment: Option<String>,
}

impl Wanted {
    /// Whether an environment is one of them.
    #[must_use]
    pub fn matches(&self, function: &FunctionKey, id: &str) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
        is(&self.function, &function.name)
            && is(&self.account, function.scope.account.as_str())
            && is(&self.region, function.scope.region.as_str())
            && self.environment.as_deref().is_none_or(|wanted| id.starts_with(wanted))
    }
}

/// One environment, from its making to its end or to the moment of the question.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct EnvironmentTimeline {
    /// Its id, as in [`crate::environments::EnvironmentStatus`].
    pub id: String,
    /// Account, region, name and version of its function.
    pub account: String,
    /// See `account`.
    pub region: String,
    /// See `account`.
    pub function: String,
    /// See `account`.
    pub version: String,
    /// The function's runtime.
    pub runtime: String,
    /// Memory limit, MB.
    pub memory_mb: u32,
    /// When it was made, microseconds since the epoch; all other times count from here.
    pub created_us: i64,
    /// The phase it is in; `Gone` once it has ended.
    pub phase: String,
    /// How its Init phase went, once that is over.
    pub init: Option<Init>,
    /// Names of its extensions, by [`Lane::Extension`]. Functions choose them: text of a stranger.
    pub extensions: Vec<String>,
    /// Invocations that are not remembered any more; they came right after the Init phase.
    pub forgotten: u32,
    /// Everything that was done, by its beginning.
    pub spans: Vec<Span>,
    /// The invocations, the oldest first.
    pub invocations: Vec<Invocation>,
}

/// Who does something.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Lane {
    /// The environment: its phases.
    Environment,
    /// The runtime, and the function in it.
    Runtime,
    /// An extension, by its place among the names.
    Extension(u8),
}

/// What is done: see [`hearth_core::environment::timeline::Activity`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Activity {
    /// The sandbox is being made.
    Create,
    /// No process runs.
    Cold,
    /// Init.
    Init,
    /// Restore.
    Restore,
    /// An invocation, by its number.
    Invoke(u32),
    /// Frozen.
    Frozen,
    /// Processes end after a failure, the sandbox stays.
    Reset,
    /// It ends.
    Shutdown,
    /// From the event to the answer's beginning.
    ResponseLatency,
    /// From there to the answer's end, where it goes to the caller in pieces.
    ResponseDuration,
    /// From the answer to the request for the next event.
    RuntimeOverhead,
    /// From an extension's launch to its registration.
    Register,
    /// An extension has the invocation, as the runtime has.
    Event,
    /// An extension has the invocation, and the runtime is done with it.
    ExtensionOverhead,
    /// An extension has reported that it failed, and still runs.
    Failed,
}

/// One activity.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Span {
    /// Whose.
    pub lane: Lane,
    /// What.
    pub activity: Activity,
    /// When it began.
    pub start_us: u64,
    /// How long it took, or has taken so far.
    pub duration_us: u64,
    /// Whether it goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub under_way: bool,
}

/// How an Init went.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Init {
    /// How long it took.
    pub duration_us: u64,
    /// See [`Report::status`].
    pub status: String,
    /// See [`Report::error_type`].
    pub error_type: Option<String>,
}

/// One invocation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Invocation {
    /// The how many-th of the environment, from 1.
    pub number: u32,
    /// Its id.
    pub request_id: String,
    /// When it began.
    pub start_us: u64,
    /// When its caller was answered.
    pub answered_us: Option<u64>,
    /// The Init inside it (suppressed init), once that is over.
    pub init: Option<Init>,
    /// What REPORT says of it, once that is written.
    pub report: Option<Report>,
}

/// What REPORT says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Duration.
    pub duration_us: u64,
    /// Billed Duration, milliseconds.
    pub billed_ms: u64,
    /// Init Duration: on a cold start only.
    pub init_us: Option<u64>,
    /// Restore Duration: likewise, with SnapStart.
    pub restore_us: Option<u64>,
    /// `success`, `error` or `timeout`.
    pub status: String,
    /// The type of a fatal error, where the platform chose it.
    pub error_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Scope;
    use hearth_core::ids::{AccountId, Region};

    #[test]
    fn an_environment_is_wanted_by_function_and_by_the_beginning_of_its_id() {
        let (account, region) = (AccountId::parse("123456789012"), Region::parse("eu-west-1"));
        let scope = Scope { account: account.expect("an account"), region: region.expect("a region") };
        let shop = FunctionKey { scope, name: "shop".to_owned() };
        let wanted = |function: Option<&str>, environment: Option<&str>| {
            let (function, environment) = (function.map(str::to_owned), environment.map(str::to_owned));
            Wanted { function, environment, ..Wanted::default() }.matches(&shop, "0123abcd")
        };
        let of = |account: &str, region: &str| {
            let (account, region) = (Some(account.to_owned()), Some(region.to_owned()));
            Wanted { account, region, ..Wanted::default() }.matches(&shop, "0123abcd")
        };
        assert!(of("123456789012", "eu-west-1"));
        assert!(!of("123456789012", "us-east-1") && !of("000000000000", "eu-west-1"));
        assert!(wanted(None, None) && wanted(Some("shop"), None) && wanted(Some("shop"), Some("0123")));
        assert!(!wanted(Some("sho"), None) && !wanted(None, Some("123")) && !wanted(Some("other"), Some("0123")));
    }

    #[test]
    fn a_span_is_written_in_few_words() {
        let span = Span {
            lane: Lane::Extension(3),
            activity: Activity::Invoke(7),
            start_us: 1,
            duration_us: 2,
            under_way: false,
        };
        let text = serde_json::to_string(&span).expect("writes");
        assert_eq!(text, r#"{"lane":{"extension":3},"activity":{"invoke":7},"start_us":1,"duration_us":2}"#);
        assert_eq!(serde_json::from_str::<Span>(&text).expect("reads"), span);
    }
}
