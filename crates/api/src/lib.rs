//! Shapes on the wire and the one mapping from errors to AWS error codes. Parses and prints; opens no socket.

pub mod arn;
pub mod environments;
pub mod error;
pub mod event_stream;
pub mod function;
pub mod function_url;
pub mod guest;
pub mod layer;
pub mod log_frame;
pub mod model;
pub mod payload;
pub mod platform_event;
pub mod runtime_tree;
pub mod signature;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeline;
