//! The extensions of one generation of processes: who has registered for what, and where each of them stands.
//!
//! ```text
//!   external: Started ──register──▶ Registered ──next──▶ Ready ◀──next── Running
//!   internal:        ──register──▶     │                  └────event────▶
//!                                 init/error             exit/error from any of the three
//! ```
//!
//! Pure: it decides and keeps, and starts, signals and sends nothing. A refused call changes nothing.
//!
//! Source: AWS Lambda developer guide, "Using the Lambda Extensions API"; RIE `core/registrations.go`,
//! `core/externalagent_states.go`, `core/internalagent_states.go`.

use crate::ids::RequestId;
use crate::limits::{EXTENSIONS, SHUTDOWN_INTERNAL_MAX_MS, SHUTDOWN_MAX_MS};
use crate::telemetry::Api;
use std::fmt;

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

/// What an extension identifies itself with after its registration: a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtensionId(pub u128);

impl fmt::Display for ExtensionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RequestId(self.0).fmt(f)
    }
}

/// Who started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The platform, from `/opt/extensions`: a process of its own.
    External,
    /// The runtime: a part of its process, or a child.
    Internal,
}

/// Where an extension stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Launched, not registered yet.
    Started,
    /// Registered, and has not asked for an event yet.
    Registered,
    /// Waits for its next event.
    Ready,
    /// Works on an event.
    Running,
    /// Has reported that its start failed.
    InitError,
    /// Has reported that it failed and will exit.
    ExitError,
    /// Could not be launched.
    LaunchError,
    /// Ended in the Shutdown phase, well.
    Exited,
    /// Ended in the Shutdown phase, not well.
    ShutdownFailed,
}

impl State {
    /// As log lines and refusals print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Registered => "Registered",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InitError => "InitError",
            Self::ExitError => "ExitError",
            Self::LaunchError => "LaunchError",
            Self::Exited => "Exited",
            Self::ShutdownFailed => "ShutdownFailed",
        }
    }
}

/// What an extension reports of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its start failed.
    Init,
    /// It cannot go on.
    Exit,
}

/// Why a call of the Extensions API is refused. The text is the one on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It names nobody.
    #[error("Empty extension name")]
    EmptyName,
    /// No such event.
    #[error("{0}: ErrorInvalidEventType")]
    InvalidEvent(String),
    /// Internal extensions end with the runtime.
    #[error("SHUTDOWN: ShutdownEventNotSupportedForInternalExtension")]
    ShutdownForInternal,
    /// Init is over, or has not begun.
    #[error("Extension registration closed already")]
    Closed,
    /// Two of one name.
    #[error("Extension with this name already registered")]
    NameTaken,
    /// There are as many as there may be.
    #[error("Extension limit ({EXTENSIONS}) reached")]
    TooMany,
    /// Init is over: nobody subscribes any more.
    #[error("{} API subscription is closed", .0.name())]
    SubscriptionClosed(Api),
    /// It has subscribed by the other API.
    #[error("{} API is not supported: the extension has subscribed to the {} API", .0.name(), .0.other().name())]
    OtherApi(Api),
    /// Nobody has this identifier.
    #[error("Unknown extension {0}")]
    Unknown(ExtensionId),
    /// Not in this state.
    #[error("State transition from {from} to {to} failed for extension {name}. Error: State transition is not allowed")]
    Transition {
        /// Whose.
        name: String,
        /// The state it is in.
        from: &'static str,
        /// The state it wanted.
        to: &'static str,
    },
}

impl Refusal {
    /// The error type on the wire.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::EmptyName => "Extension.InvalidExtensionName",
            Self::InvalidEvent(_) | Self::ShutdownForInternal => "Extension.InvalidEventType",
            Self::Closed => "Extension.RegistrationClosed",
            Self::NameTaken | Self::Transition { .. } => "Extension.InvalidExtensionState",
            Self::TooMany => "Extension.TooManyExtensions",
            Self::SubscriptionClosed(Api::Telemetry) => "Telemetry.SubscriptionClosed",
            Self::SubscriptionClosed(Api::Logs) => "Logs.SubscriptionClosed",
            Self::OtherApi(Api::Telemetry) => "Telemetry.NotSupported",
            Self::OtherApi(Api::Logs) => "Logs.NotSupported",
            Self::Unknown(_) => "Extension.UnknownExtensionIdentifier",
        }
    }
}

/// One extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    name: String,
    kind: Kind,
    /// Since its registration.
    id: Option<ExtensionId>,
    invoke: bool,
    shutdown: bool,
    state: State,
    /// Whether its process has ended; that of an internal one is the runtime's.
    ended: bool,
    error_type: Option<String>,
}

impl Extension {
    /// The file's name, or what an internal one calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Where it stands once Init is over: who runs was ready, and has been handed its first event in the same instant.
    #[must_use]
    pub fn state_after_init(&self) -> State {
        if self.state == State::Running { State::Ready } else { self.state }
    }

    /// The events it has registered for, in the order of the alphabet.
    pub fn events(&self) -> impl Iterator<Item = &'static str> {
        [(self.invoke, "INVOKE"), (self.shutdown, "SHUTDOWN")]
            .into_iter()
            .filter_map(|(wanted, name)| wanted.then_some(name))
    }

    /// What it reported of itself, or why it could not be launched.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.error_type.as_deref()
    }

    /// Whether its process is known to have ended.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    fn refused(&self, to: State) -> Refusal {
        Refusal::Transition { name: self.name.clone(), from: self.state.name(), to: to.name() }
    }

    /// Whether it is to hear of the end, and can.
    fn hears_of_the_end(&self) -> bool {
        self.kind == Kind::External && self.shutdown && self.id.is_some() && !self.ended
    }
}

/// All extensions of an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Names of the external ones, in the order in which they are launched.
    externals: Vec<String>,
    /// External ones in that order, then internal ones.
    members: Vec<Extension>,
    open: bool,
}

impl Extensions {
    /// Those that the layers of a function bring.
    #[must_use]
    pub fn new(externals: Vec<String>) -> Self {
        Self { externals, ..Self::default() }
    }

    /// All that have been launched or have registered.
    #[must_use]
    pub fn all(&self) -> &[Extension] {
        &self.members
    }

    /// The one with this identifier.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unknown`]
    pub fn of(&self, id: ExtensionId) -> Result<&Extension, Refusal> {
        self.members.iter().find(|member| member.id == Some(id)).ok_or(Refusal::Unknown(id))
    }

    /// Those that work on an event.
    pub fn running(&self) -> impl Iterator<Item = ExtensionId> {
        self.members.iter().filter(|member| member.state == State::Running).filter_map(|member| member.id)
    }

    /// Places in the order of launch of external ones that nobody needs to tell of the end.
    pub fn without_shutdown(&self) -> impl Iterator<Item = usize> {
        let external = self.members.iter().enumerate().filter(|(_, member)| member.kind == Kind::External);
        external.filter(|(_, member)| !member.hears_of_the_end() && !member.ended).map(|(index, _)| index)
    }

    /// A new generation: the external ones start, and registration opens.
    pub(crate) fn launch(&mut self) {
        self.members.clear();
        self.members.extend(self.externals.iter().map(|name| Extension {
            name: name.clone(),
            kind: Kind::External,
            id: None,
            invoke: false,
            shutdown: false,
            state: State::Started,
            ended: false,
            error_type: None,
        }));
        self.open = true;
    }

    /// Nobody is left.
    pub(crate) fn clear(&mut self) {
        self.members.clear();
        self.open = false;
    }

    /// From now on nobody registers.
    pub(crate) const fn close(&mut self) {
        self.open = false;
    }

    pub(crate) fn register(&mut self, name: &str, events: &[String], id: ExtensionId) -> Result<(), Refusal> {
        if name.is_empty() {
            return Err(Refusal::EmptyName);
        }
        let (mut invoke, mut shutdown) = (false, false);
        for event in events {
            match event.as_str() {
                "INVOKE" => invoke = true,
                "SHUTDOWN" => shutdown = true,
                _ => return Err(Refusal::InvalidEvent(event.clone())),
            }
        }
        let total = self.members.len();
        match self.members.iter_mut().find(|member| member.name == name) {
            Some(member) if member.kind == Kind::External => {
                if member.state != State::Started {
                    return Err(member.refused(State::Registered));
                }
                (member.id, member.invoke, member.shutdown) = (Some(id), invoke, shutdown);
                member.state = State::Registered;
                Ok(())
            }
            _ if !self.open => Err(Refusal::Closed),
            Some(_) => Err(Refusal::NameTaken),
            None if total >= EXTENSIONS => Err(Refusal::TooMany),
            None if shutdown => Err(Refusal::ShutdownForInternal),
            None => {
                self.members.push(Extension {
                    name: name.to_owned(),
                    kind: Kind::Internal,
                    id: Some(id),
                    invoke,
                    shutdown: false,
                    state: State::Registered,
                    ended: false,
                    error_type: None,
                });
                Ok(())
            }
        }
    }

    fn find(&mut self, id: ExtensionId) -> Result<&mut Extension, Refusal> {
        self.members.iter_mut().find(|member| member.id == Some(id)).ok_or(Refusal::Unknown(id))
    }

    /// It waits for its next event.
    pub(crate) fn next(&mut self, id: ExtensionId) -> Result<(), Refusal> {
        let member = self.find(id)?;
        match member.state {
            State::Registered | State::Running => {
                member.state = State::Ready;
                Ok(())
            }
            State::Started
            | State::Ready
            | State::InitError
            | State::ExitError
            | State::LaunchError
            | State::Exited
            | State::ShutdownFailed => Err(member.refused(State::Ready)),
        }
    }

    /// It has failed. Saying so twice changes nothing.
    pub(crate) fn failed(&mut self, id: ExtensionId, failure: Failure, error_type: &str) -> Result<(), Refusal> {
        let member = self.find(id)?;
        let to = match failure {
            Failure::Init => State::InitError,
            Failure::Exit => State::ExitError,
        };
        match (failure, member.state) {
            (Failure::Init, State::Registered) | (Failure::Exit, State::Registered | State::Ready | State::Running) => {
                member.state = to;
                member.error_type = Some(error_type.to_owned());
                Ok(())
            }
            (_, state) if state == to => Ok(()),
            _ => Err(member.refused(to)),
        }
    }

    /// One of the external ones cannot be launched.
    pub(crate) fn not_launched(&mut self, index: usize, error_type: &str) {
        if let Some(member) = self.members.get_mut(index).filter(|member| member.state == State::Started) {
            (member.state, member.ended) = (State::LaunchError, true);
            member.error_type = Some(error_type.to_owned());
        }
    }

    /// The process of an external one has ended.
    pub(crate) fn ended(&mut self, index: usize) {
        if let Some(member) = self.members.get_mut(index) {
            member.ended = true;
        }
    }

    /// The same, when it was told to.
    pub(crate) fn ended_in_shutdown(&mut self, index: usize, well: bool) {
        if let Some(member) = self.members.get_mut(index).filter(|member| !member.ended) {
            (member.state, member.ended) = (if well { State::Exited } else { State::ShutdownFailed }, true);
        }
    }

    /// Whether all external ones have registered.
    pub(crate) fn have_registered(&self) -> bool {
        self.members.iter().all(|member| member.id.is_some())
    }

    /// Whether all that have registered wait for an event: the end of Init.
    pub(crate) fn are_ready(&self) -> bool {
        self.members.iter().filter(|member| member.id.is_some()).all(|member| member.state == State::Ready)
    }

    /// Whether all that got the invocation ask for the next event: the end of an invocation.
    pub(crate) fn have_finished(&self) -> bool {
        self.members.iter().filter(|member| member.invoke).all(|member| member.state == State::Ready)
    }

    /// The invocation goes to those that have registered for it. Whether there are any.
    pub(crate) fn begin_invoke(&mut self) -> bool {
        self.run(|member| member.invoke)
    }

    /// The end goes to those that have registered for it and wait. Whether there are any.
    pub(crate) fn begin_shutdown(&mut self) -> bool {
        self.run(Extension::hears_of_the_end)
    }

    fn run(&mut self, wanted: impl Fn(&Extension) -> bool) -> bool {
        let mut any = false;
        for member in self.members.iter_mut().filter(|member| member.state == State::Ready && wanted(member)) {
            member.state = State::Running;
            any = true;
        }
        any
    }

    /// Whether somebody still has to end by himself.
    pub(crate) fn are_awaited(&self) -> bool {
        self.members.iter().any(Extension::hears_of_the_end)
    }

    /// How long the runtime, and all processes together, may take to end; `None` where no extension has registered.
    pub(crate) fn shutdown_budget_ms(&self) -> Option<(u64, u64)> {
        let registered = |kind| self.members.iter().any(|member| member.kind == kind && member.id.is_some());
        if registered(Kind::External) {
            return Some((SHUTDOWN_MAX_MS * 3 / 10, SHUTDOWN_MAX_MS));
        }
        registered(Kind::Internal).then_some((SHUTDOWN_INTERNAL_MAX_MS, SHUTDOWN_INTERNAL_MAX_MS))
    }
}
