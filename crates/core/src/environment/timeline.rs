//! What an environment has done, and when: the spans that `hearth trace` draws.
//!
//! A driver shows its [`Timeline`] the state machine after each event, with the actions that the event led to. What the
//! environment, its runtime and each of its extensions do at that moment follows from the machine's state alone
//! ([`Activity`]); where that has changed, a span ends and another begins. So spans of one lane cannot overlap, and those
//! of runtime and extensions end with the phase they belong to.
//!
//! Memory is bounded: the first Init is kept, and of all that comes later the oldest is forgotten, a phase at a time, and
//! counted.
//!
//! Pure, as the machine is: it reads no clock and decides nothing.

use super::{Action, ExecutionEnvironment, InitPhase, InitReport, InvocationReport, Moment};
use crate::extension::{Extension, Extensions};
use crate::ids::RequestId;
use crate::limits::EXTENSIONS;
use std::collections::VecDeque;

mod activity;
#[cfg(test)]
mod tests;

pub use activity::Activity;

/// Most spans after the first Init (ours: 128 invocations without extensions, in some 20 kB).
pub const SPANS_KEPT: usize = 512;
/// Most extensions that have a lane (ours: internal ones may take other names after each Reset).
pub const EXTENSION_LANES: usize = 2 * EXTENSIONS;
/// Longest name of a lane, bytes (ours: that of a file).
const NAME_MAX: usize = 255;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The environment as a whole: its phases, without a gap.
    Environment,
    /// The runtime, and the function in it.
    Runtime,
    /// An extension, by its place in [`Timeline::extensions`].
    Extension(u8),
}

/// One activity from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose.
    pub lane: Lane,
    /// What.
    pub activity: Activity,
    /// When it began.
    pub start: Moment,
    /// When it ended; of one under way, the moment that was asked for.
    pub end: Moment,
}

/// One invocation, from the phase in which it runs to its report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The how many-th of this environment, from 1.
    pub number: u32,
    /// Its id.
    pub request_id: RequestId,
    /// When its phase began.
    pub started: Moment,
    /// When its caller was answered, or an answer in pieces had reached its end.
    pub answered: Option<Moment>,
    /// The Init inside it, once that is over.
    pub init: Option<InitReport>,
    /// What REPORT says, once it is written.
    pub report: Option<InvocationReport>,
}

/// The record of one environment.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Up to the end of the first Init.
    beginning: Vec<Span>,
    begun: bool,
    /// What came later, by the order of ends.
    recent: VecDeque<Span>,
    under_way: Vec<Span>,
    invocations: VecDeque<Invocation>,
    init: Option<InitReport>,
    number: u32,
    forgotten: u32,
    extensions: Vec<String>,
    /// The lane of each member of the registry, as of `generation`.
    places: [Option<u8>; EXTENSIONS],
    placed: (u32, usize),
}

impl Timeline {
    /// Of an environment whose sandbox is being made from `now` on.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        let create = Span { lane: Lane::Environment, activity: Activity::Create, start: now, end: now };
        Self {
            beginning: Vec::new(),
            begun: false,
            recent: VecDeque::new(),
            under_way: vec![create],
            invocations: VecDeque::new(),
            init: None,
            number: 0,
            forgotten: 0,
            extensions: Vec::new(),
            places: [None; EXTENSIONS],
            placed: (0, 0),
        }
    }

    /// Takes note of what an event at `now` has changed, and of the actions it led to.
    pub fn observe(&mut self, now: Moment, machine: &ExecutionEnvironment, actions: &[Action]) {
        let before = self.phase();
        let phase = activity::of_environment(machine.phase(), before, self.number);
        if phase != before {
            self.end_all(now);
            if let (Some(Activity::Invoke(number)), Some(request_id)) = (phase, machine.phase().invocation()) {
                self.number = number;
                let (answered, init, report) = (None, None, None);
                let invocation = Invocation { number, request_id, started: now, answered, init, report };
                self.invocations.push_back(invocation);
            }
            self.begin(Lane::Environment, phase, now);
        }
        self.change(Lane::Runtime, activity::of_runtime(machine.phase()), now);
        self.place(machine.generation(), machine.extensions());
        for (member, place) in machine.extensions().all().iter().zip(self.places) {
            if let Some(place) = place {
                self.change(Lane::Extension(place), activity::of_extension(machine.phase(), member), now);
            }
        }
        actions.iter().for_each(|action| self.note(now, action));
    }

    /// Spans that have ended, by the order of their ends.
    pub fn ended(&self) -> impl Iterator<Item = Span> {
        self.beginning.iter().chain(&self.recent).copied()
    }

    /// Spans that go on at `now`: none once the environment is gone.
    pub fn under_way(&self, now: Moment) -> impl Iterator<Item = Span> {
        self.under_way.iter().map(move |span| Span { end: now.max(span.start), ..*span })
    }

    /// Invocations, the oldest first.
    pub fn invocations(&self) -> impl Iterator<Item = &Invocation> {
        self.invocations.iter()
    }

    /// How the Init phase went, once it is over. (After a Reset, Init runs inside an invocation.)
    #[must_use]
    pub const fn init(&self) -> Option<InitReport> {
        self.init
    }

    /// Names of extensions, by [`Lane::Extension`].
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// How many invocations are not remembered any more. They came after the first Init and before all others.
    #[must_use]
    pub const fn forgotten(&self) -> u32 {
        self.forgotten
    }

    fn phase(&self) -> Option<Activity> {
        self.under_way.iter().find(|span| span.lane == Lane::Environment).map(|span| span.activity)
    }

    fn note(&mut self, now: Moment, action: &Action) {
        match *action {
            Action::ReportInit(report) if report.phase == InitPhase::Init => {
                self.init.get_or_insert(report);
            }
            Action::ReportInit(report) => {
                if let Some(invocation) = self.invocations.back_mut() {
                    invocation.init = Some(report);
                }
            }
            Action::Complete(id, _) => {
                if let Some(invocation) = self.find(id) {
                    invocation.answered = Some(now);
                }
            }
            Action::Report(report) => {
                if let Some(invocation) = self.find(report.request_id) {
                    invocation.report = Some(report);
                }
            }
            _ => {}
        }
    }

    fn find(&mut self, id: RequestId) -> Option<&mut Invocation> {
        self.invocations.iter_mut().rev().find(|invocation| invocation.request_id == id)
    }

    fn change(&mut self, lane: Lane, activity: Option<Activity>, now: Moment) {
        let at = self.under_way.iter().position(|span| span.lane == lane);
        if at.and_then(|at| self.under_way.get(at)).map(|span| span.activity) == activity {
            return;
        }
        if let Some(at) = at {
            let span = self.under_way.swap_remove(at);
            self.keep(Span { end: now, ..span });
        }
        self.begin(lane, activity, now);
    }

    fn begin(&mut self, lane: Lane, activity: Option<Activity>, now: Moment) {
        self.under_way.extend(activity.map(|activity| Span { lane, activity, start: now, end: now }));
    }

    /// A phase is over, and with it what was done in it; it is the last to end.
    fn end_all(&mut self, now: Moment) {
        let mut ending = std::mem::take(&mut self.under_way);
        ending.sort_by_key(|span| span.lane == Lane::Environment);
        for span in ending.drain(..) {
            self.keep(Span { end: now, ..span });
        }
        self.under_way = ending;
    }

    fn keep(&mut self, span: Span) {
        if !self.begun {
            self.beginning.push(span);
            self.begun = span.lane == Lane::Environment && span.activity != Activity::Create;
            return;
        }
        while self.recent.len() >= SPANS_KEPT {
            self.forget();
        }
        self.recent.push_back(span);
    }

    /// Forgets the oldest phase after the first Init.
    fn forget(&mut self) {
        while let Some(span) = self.recent.pop_front() {
            if span.lane != Lane::Environment {
                continue;
            }
            if let Activity::Invoke(number) = span.activity {
                self.forgotten = self.forgotten.saturating_add(1);
                while self.invocations.pop_front_if(|oldest| oldest.number <= number).is_some() {}
            }
            return;
        }
    }

    /// Finds the lanes of those who have registered, or were launched, since it was last asked.
    fn place(&mut self, generation: u32, extensions: &Extensions) {
        let placed = (generation, extensions.all().len());
        if self.placed == placed {
            return;
        }
        self.placed = placed;
        self.places = [None; EXTENSIONS];
        for (at, member) in extensions.all().iter().enumerate().take(EXTENSIONS) {
            let lane = self.lane(member);
            if let Some(place) = self.places.get_mut(at) {
                *place = lane;
            }
        }
    }

    fn lane(&mut self, member: &Extension) -> Option<u8> {
        let name = shortened(member.name());
        let at = self.extensions.iter().position(|known| known == name).or_else(|| {
            (self.extensions.len() < EXTENSION_LANES).then(|| self.extensions.push(name.to_owned()))?;
            Some(self.extensions.len() - 1)
        })?;
        u8::try_from(at).ok()
    }
}

fn shortened(name: &str) -> &str {
    let end = (0..=name.len().min(NAME_MAX)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.get(..end).unwrap_or_default()
}
