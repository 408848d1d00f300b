//! The record of what an environment has done, for `hearth trace`: kept up by its task, read by anybody, and for a while
//! still there when the environment is not.

use super::Environment;
use crate::Node;
use crate::clock::wall_us;
use hearth_api::function::FunctionVersion;
use hearth_api::timeline::{EnvironmentTimeline, Init, Invocation, Span, Wanted};
use hearth_core::billing::Rule;
use hearth_core::environment::timeline::Timeline;
use hearth_core::environment::{Action, ExecutionEnvironment, Moment, Phase};
use std::cmp::Reverse;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// How many environments that have ended are remembered (ours: some 30 kB each at most).
const ENDED_KEPT: usize = 64;
/// How many environments one answer tells of at most (ours: some 10 MB of JSON).
const TOLD_MAX: usize = 128;

/// The latest environments that have ended. Its lock is taken when one ends and when somebody asks, never by invocations.
#[derive(Debug, Default)]
pub(crate) struct Ended(Mutex<VecDeque<Record>>);

/// All that is left of an environment.
#[derive(Clone, Debug)]
struct Record {
    id: String,
    function: Arc<FunctionVersion>,
    created: Moment,
    phase: &'static str,
    timeline: Timeline,
}

impl Ended {
    /// Remembers an environment, at its end.
    pub(super) fn keep(&self, environment: &Environment) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.truncate(ENDED_KEPT - 1);
        ended.push_front(environment.recorded(Phase::Gone.name()));
    }

    fn matching(&self, wanted: &Wanted) -> Vec<Record> {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.iter().filter(|record| wanted.matches(&record.function.key, &record.id)).cloned().collect()
    }
}

/// What those environments of the node that are wanted have done, by the time they were made: the latest [`TOLD_MAX`].
pub(crate) fn timelines(node: &Node, wanted: &Wanted) -> Vec<EnvironmentTimeline> {
    // Those that are there first: one that ends meanwhile is found among the ended ones, which are looked at later.
    let mut there = node.pools.all();
    there.retain(|environment| wanted.matches(&environment.function.key, &environment.id));
    there.sort_by_key(|environment| Reverse(environment.created));
    there.truncate(TOLD_MAX);
    let mut records: Vec<_> = there.iter().map(|environment| environment.recorded(environment.seen().phase)).collect();
    let ended = node.ended.matching(wanted);
    let ids: HashSet<_> = ended.iter().map(|record| record.id.clone()).collect();
    records.retain(|record| !ids.contains(&record.id));
    records.extend(ended);
    records.sort_by_key(|record| record.created);
    let latest = records.get(records.len().saturating_sub(TOLD_MAX)..).unwrap_or_default();
    let (now, now_us) = (node.clock.now(), wall_us());
    let epoch_us = |moment: Moment| now_us.saturating_sub(i64::try_from(now.since(moment)).unwrap_or(i64::MAX));
    latest.iter().map(|record| record.told(now, epoch_us(record.created), node.config.billing)).collect()
}

impl Environment {
    /// What an event has led to.
    pub(super) fn record(&self, now: Moment, machine: &ExecutionEnvironment, actions: &[Action]) {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner).observe(now, machine, actions);
    }

    fn recorded(&self, phase: &'static str) -> Record {
        let timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Record { id: self.id.clone(), function: Arc::clone(&self.function), created: self.created, phase, timeline }
    }
}

impl Record {
    fn told(&self, now: Moment, created_us: i64, rule: Rule) -> EnvironmentTimeline {
        let Self { id, function, created, phase, timeline } = self;
        let ended = timeline.ended().map(|span| Span::recorded(span, *created, false));
        let under_way = timeline.under_way(now).map(|span| Span::recorded(span, *created, true));
        let mut spans: Vec<_> = ended.chain(under_way).collect();
        spans.sort_by_key(|span| (span.start_us, span.lane));
        let invocations = timeline.invocations().map(|invocation| Invocation::recorded(invocation, *created, rule));
        EnvironmentTimeline {
            id: id.clone(),
            account: function.key.scope.account.to_string(),
            region: function.key.scope.region.to_string(),
            function: function.key.name.clone(),
            version: function.version.clone(),
            runtime: function.runtime.clone(),
            memory_mb: function.memory_mb,
            created_us,
            phase: (*phase).to_owned(),
            init: timeline.init().map(Init::from),
            extensions: timeline.extensions().to_vec(),
            forgotten: timeline.forgotten(),
            spans,
            invocations: invocations.collect(),
        }
    }
}
