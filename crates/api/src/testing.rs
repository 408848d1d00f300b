//! What tests of several crates are about. Only with the feature `testing`, which nothing but tests asks for.

#![allow(clippy::unwrap_used, reason = "what is parsed stands here")]

use crate::function::{Code, FunctionKey, FunctionVersion, LogFormat, Scope, SnapStart, State, UpdateStatus};
use hearth_core::ids::{AccountId, Region};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The default account, in a region.
#[must_use]
pub fn scope(region: &str) -> Scope {
    Scope { account: AccountId::parse("000000000000").unwrap(), region: Region::parse(region).unwrap() }
}

/// A function of the default account in `us-east-1` with small settings; the same at every call.
#[must_use]
pub fn function(name: &str) -> FunctionVersion {
    FunctionVersion {
        key: FunctionKey { scope: scope("us-east-1"), name: name.to_owned() },
        version: "$LATEST".to_owned(),
        incarnation: Uuid::nil(),
        runtime: "python3.11".to_owned(),
        runtime_version: "ab".repeat(32),
        handler: "app.handler".to_owned(),
        role: "arn:aws:iam::000000000000:role/any".to_owned(),
        description: String::new(),
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        environment: None,
        code: Code { sha256: "x".to_owned(), size: 1 },
        layers: Vec::new(),
        passive: BTreeMap::new(),
        log_group: format!("/aws/lambda/{name}"),
        log_format: LogFormat::Text,
        snap_start: SnapStart::None,
        last_modified: String::new(),
        revision_id: Uuid::nil(),
        state: State::Active,
        last_update: UpdateStatus::Successful,
    }
}
