//! The contract of the store's traits, for any backend: each function takes an empty store.
#![allow(unreachable_pub, reason = "a module of a test program")]

pub mod events;
pub mod functions;
pub mod layers;
pub mod logs;
pub mod packages;
