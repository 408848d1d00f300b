//! What the unit tests of this crate share: scopes, versions, and a front door on a store of its own behind which nothing
//! runs. What needs answers of a function is tested over HTTP, in `tests/`.

use crate::{Config, Credentials, FrontDoor, Stores};
use hearth_api::environments::{
    BlanksStatus, BoxFuture, EnvironmentStatus, Environments, Invocation, InvokeError, InvokeResponse,
};
use hearth_api::function::{FunctionKey, FunctionVersion, Scope};
pub(crate) use hearth_api::testing::function as version;
use hearth_api::timeline::{EnvironmentTimeline, Wanted};
use hearth_store::FunctionRecord;
use hearth_store::embedded::EmbeddedStore;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// The default account and region.
pub(crate) fn scope() -> Scope {
    hearth_api::testing::scope("us-east-1")
}

/// Environments in which nothing can run.
#[derive(Debug)]
struct Draining;

impl Environments for Draining {
    fn invoke(
        &self,
        _function: Arc<FunctionVersion>,
        _invocation: Invocation,
    ) -> BoxFuture<'static, Result<InvokeResponse, InvokeError>> {
        Box::pin(async { Err(InvokeError::Draining) })
    }

    fn retire(&self, _key: &FunctionKey, _incarnations: &[Uuid]) {}

    fn reserve(&self, _key: &FunctionKey, _reserved: Option<u32>) {}

    fn runtime_version(&self, _runtime: &str) -> Result<String, String> {
        Ok("ab".repeat(32))
    }

    fn list(&self) -> Vec<EnvironmentStatus> {
        Vec::new()
    }

    fn expect(&self, _function: Arc<FunctionVersion>) {}

    fn blanks(&self) -> BlanksStatus {
        BlanksStatus::default()
    }

    fn timelines(&self, _wanted: &Wanted) -> Vec<EnvironmentTimeline> {
        Vec::new()
    }
}

/// A front door on a store of its own, which lives as long as the directory.
pub(crate) fn door() -> (TempDir, Arc<FrontDoor>) {
    let directory = tempfile::tempdir().expect("directory");
    let store = Arc::new(EmbeddedStore::open(directory.path()).expect("store"));
    let stores = Stores {
        functions: store.clone(),
        layers: store.clone(),
        packages: store.clone(),
        events: store.clone(),
        logs: store,
    };
    let config = Config {
        scope: scope(),
        hosts: Vec::new(),
        credentials: Credentials::well_known(scope().account),
        drain: Duration::ZERO,
    };
    (directory, FrontDoor::new(config, stores, Arc::new(Draining)))
}

/// A record that is not stored yet.
pub(crate) fn record(latest: FunctionVersion) -> FunctionRecord {
    FunctionRecord::new(latest)
}
