//! What unit tests are about: a function, a runtime's manifest.

use hearth_api::function::{Code, FunctionKey, FunctionVersion, LogFormat, Scope, SnapStart, State, UpdateStatus};
use hearth_api::runtime_tree::RuntimeTree;
use hearth_core::ids::{AccountId, Region};
use std::collections::BTreeMap;
use std::path::PathBuf;
use uuid::Uuid;

/// One with these variables of the customer's.
pub(crate) fn function(variables: &[(&str, &str)]) -> FunctionVersion {
    let account = AccountId::parse("000000000000").unwrap();
    let scope = Scope { account, region: Region::parse("us-east-1").unwrap() };
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    FunctionVersion {
        key: FunctionKey { scope, name: "f".to_owned() },
        version: "$LATEST".to_owned(),
        incarnation: Uuid::nil(),
        runtime: "python3.11".to_owned(),
        runtime_version: String::new(),
        handler: "app.handler".to_owned(),
        role: String::new(),
        description: String::new(),
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        environment: Some(variables.collect()),
        code: Code { sha256: String::new(), size: 0 },
        layers: Vec::new(),
        passive: BTreeMap::new(),
        log_group: String::new(),
        log_format: LogFormat::Text,
        snap_start: SnapStart::None,
        last_modified: String::new(),
        revision_id: Uuid::nil(),
        state: State::Active,
        last_update: UpdateStatus::Successful,
    }
}

/// The manifest of a tree that is nowhere.
pub(crate) fn tree(name: &str, programs: &[&str], arguments: &[&str]) -> RuntimeTree {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    RuntimeTree {
        format: 1,
        name: name.to_owned(),
        version: String::new(),
        version_hash: String::new(),
        programs: owned(programs),
        arguments: owned(arguments),
        environment: BTreeMap::new(),
        architecture: String::new(),
        kernel_minimum: String::new(),
        sources: BTreeMap::new(),
        root: PathBuf::new(),
    }
}
