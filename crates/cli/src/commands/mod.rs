//! One module per command: its options, and what it does with them.

pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod ps;
pub(crate) mod trace;
pub(crate) mod up;
