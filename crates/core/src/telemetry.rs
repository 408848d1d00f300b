//! What extensions may subscribe to, and how events reach a subscriber: [`Outbox`] decides what is sent when, and what is
//! given up.
//!
//! Pure: no socket, no clock, no JSON. Source: AWS Lambda developer guide, "Accessing real-time telemetry data for
//! extensions using the Telemetry API" and the page of the Logs API that it replaced.

mod outbox;

pub use outbox::{Order, Outbox, Parcel};

/// By which API an extension has subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The Telemetry API 2022-07-01.
    Telemetry,
    /// The Logs API 2020-08-15.
    Logs,
}

impl Api {
    /// What AWS calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry",
            Self::Logs => "Logs",
        }
    }

    /// The one that cannot be used beside it.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Telemetry => Self::Logs,
            Self::Logs => Self::Telemetry,
        }
    }
}

/// The schema of the events, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schema {
    /// Logs API, 2020-08-15.
    Logs20200815,
    /// Logs API, 2021-03-18: with `platform.runtimeDone`.
    Logs20210318,
    /// Telemetry API, 2022-07-01.
    Telemetry20220701,
    /// Telemetry API, 2022-12-13: lines as JSON objects, and who the instance is.
    Telemetry20221213,
    /// Telemetry API, 2025-01-29.
    Telemetry20250129,
}

impl Schema {
    /// The schema of this name in this API.
    #[must_use]
    pub fn parse(api: Api, name: &str) -> Option<Self> {
        Some(match (api, name) {
            (Api::Logs, "2020-08-15") => Self::Logs20200815,
            (Api::Logs, "2021-03-18") => Self::Logs20210318,
            (Api::Telemetry, "2022-07-01") => Self::Telemetry20220701,
            (Api::Telemetry, "2022-12-13") => Self::Telemetry20221213,
            (Api::Telemetry, "2025-01-29") => Self::Telemetry20250129,
            _ => return None,
        })
    }

    /// Which API it belongs to.
    #[must_use]
    pub const fn api(self) -> Api {
        match self {
            Self::Logs20200815 | Self::Logs20210318 => Api::Logs,
            Self::Telemetry20220701 | Self::Telemetry20221213 | Self::Telemetry20250129 => Api::Telemetry,
        }
    }
}

/// A kind of events that can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// What the platform says.
    Platform,
    /// What the function prints.
    Function,
    /// What extensions print.
    Extension,
}

/// What an extension has subscribed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Types {
    /// What the platform says.
    pub platform: bool,
    /// What the function prints.
    pub function: bool,
    /// What extensions print.
    pub extension: bool,
}

impl Types {
    /// Whether events of this kind are among them.
    #[must_use]
    pub const fn include(self, category: Category) -> bool {
        match category {
            Category::Platform => self.platform,
            Category::Function => self.function,
            Category::Extension => self.extension,
        }
    }

    /// Their names on the wire.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [(self.platform, "platform"), (self.function, "function"), (self.extension, "extension")]
            .into_iter()
            .filter_map(|(wanted, name)| wanted.then_some(name))
    }
}

/// Where events go; always inside the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A POST (or PUT) of a JSON array.
    Http {
        /// The port it listens on.
        port: u16,
        /// Path and query.
        path: String,
        /// Whether the Logs API was asked for PUT.
        put: bool,
    },
    /// One connection, an event per line.
    Tcp {
        /// The port it listens on.
        port: u16,
    },
}

impl Destination {
    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Http { port, .. } | Self::Tcp { port } => *port,
        }
    }
}

/// When events are sent: as soon as one of the three is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffering {
    /// So many events.
    pub max_items: usize,
    /// So many bytes of events.
    pub max_bytes: usize,
    /// So long after the first, milliseconds.
    pub timeout_ms: u64,
}

/// A subscription as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// How events are worded.
    pub schema: Schema,
    /// Which.
    pub types: Types,
    /// Where to.
    pub destination: Destination,
    /// When.
    pub buffering: Buffering,
}

/// Events that did not reach their subscriber, or lines that did not reach the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// How many.
    pub records: u64,
    /// Their size together, bytes.
    pub bytes: u64,
    /// Why the last of them.
    pub cause: Cause,
}

impl Dropped {
    /// Together with those that came after them.
    #[must_use]
    pub const fn and(self, later: Self) -> Self {
        let records = self.records.saturating_add(later.records);
        Self { records, bytes: self.bytes.saturating_add(later.bytes), cause: later.cause }
    }

    /// The same where either may be nothing.
    #[must_use]
    pub fn sum(earlier: Option<Self>, later: Option<Self>) -> Option<Self> {
        earlier.into_iter().chain(later).reduce(Self::and)
    }
}

/// Why events are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// More came than it took.
    Slow,
    /// It did not take them, as often as it was tried.
    Unreachable,
    /// An invocation printed more than its log may hold (ours).
    Flood,
}

impl Cause {
    /// As subscribers read it, and the log.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Slow => {
                "Some logs were dropped because the downstream consumer is slower than the logs production rate"
            }
            Self::Unreachable => "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
            Self::Flood => "Some logs were dropped because one invocation logged more than it may",
        }
    }
}
