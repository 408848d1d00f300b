//! What the tests of this crate share: scopes, versions, and a service on a store of its own with environments that
//! answer without running anything.

use hearth_api::function::{Code, FunctionKey, FunctionVersion, Scope, State, UpdateStatus};
use hearth_core::ids::{AccountId, Region};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The default account and region.
pub(crate) fn scope() -> Scope {
    Scope {
        account: AccountId::parse("000000000000").expect("account"),
        region: Region::parse("us-east-1").expect("region"),
    }
}

/// A version with small settings; the same at every call.
pub(crate) fn version(name: &str) -> FunctionVersion {
    FunctionVersion {
        key: FunctionKey { scope: scope(), name: name.to_owned() },
        version: "$LATEST".to_owned(),
        incarnation: Uuid::nil(),
        runtime: "python3.11".to_owned(),
        handler: "app.handler".to_owned(),
        role: "arn:aws:iam::000000000000:role/any".to_owned(),
        description: String::new(),
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        environment: None,
        code: Code { sha256: "x".to_owned(), size: 1 },
        passive: BTreeMap::new(),
        log_group: format!("/aws/lambda/{name}"),
        last_modified: String::new(),
        revision_id: Uuid::nil(),
        state: State::Active,
        last_update: UpdateStatus::Successful,
    }
}
