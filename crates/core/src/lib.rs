//! The rules of Lambda's execution environment, without I/O.
//!
//! Nothing in this crate reads a clock, a file, a socket or a random number: time enters as an argument and effects
//! leave as values. That is what makes the lifecycle testable with any order of events.

pub mod bandwidth;
pub mod billing;
pub mod blank_pool;
pub mod concurrency;
pub mod dns;
pub mod environment;
pub mod error;
pub mod extension;
pub mod ids;
pub mod limits;
pub mod logging;
pub mod network;
pub mod package;
pub mod report;
pub mod routing;
pub mod telemetry;
