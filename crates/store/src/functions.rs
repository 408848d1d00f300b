//! The trait of function metadata. What a record means is the control plane's business; here it is kept and compared by
//! revision.

use crate::StoreError;
use hearth_api::environments::BoxFuture;
use hearth_api::function::{FunctionKey, FunctionVersion, Scope};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

/// A function: `$LATEST` and what else hangs on its name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FunctionRecord {
    /// What the control plane shows for `$LATEST`.
    pub latest: Arc<FunctionVersion>,
    /// What invokes still run while an update is in progress; `None` otherwise.
    pub previous: Option<Arc<FunctionVersion>>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Counts the changes of this record: the token of compare-and-swap. 0 before it is stored.
    pub revision: u64,
}

impl FunctionRecord {
    /// What an invocation of `$LATEST` runs now.
    #[must_use]
    pub fn serving(&self) -> &Arc<FunctionVersion> {
        self.previous.as_ref().unwrap_or(&self.latest)
    }
}

/// Function metadata.
pub trait Functions: Send + Sync + Debug {
    /// Stores a new function (`revision` is set to 1).
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] when the name is taken in that scope.
    fn create(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>>;

    /// Reads one function. Never blocks on a write; from memory when it was read before.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn get(&self, key: &FunctionKey) -> BoxFuture<'_, Result<Option<Arc<FunctionRecord>>, StoreError>>;

    /// The warm path's read: memory only. `None`: not known here, ask [`Functions::get`].
    fn cached(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>>;

    /// Replaces the record if its stored revision still is `record.revision`; stores `revision + 1`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when somebody was faster, [`StoreError::NotFound`] when it is gone.
    fn update(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>>;

    /// Removes a function.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]
    fn delete(&self, key: &FunctionKey) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Functions of a scope by name, those after `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn list(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>>;

    /// Functions of all scopes whose creation or update was under way (Pending, InProgress) when the service ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>>;

    /// Digests of all packages that functions of any scope refer to, for [`crate::Packages::sweep`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn packages_in_use(&self) -> BoxFuture<'_, Result<HashSet<String>, StoreError>>;
}
