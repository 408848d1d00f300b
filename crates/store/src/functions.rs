//! The trait of function metadata. What a record means is the control plane's business; here it is kept and compared by
//! revision.

use crate::StoreError;
use hearth_api::environments::BoxFuture;
use hearth_api::function::{Alias, FunctionKey, FunctionVersion, Scope};
use hearth_api::function_url::FunctionUrl;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

/// A function: `$LATEST` and what else hangs on its name.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FunctionRecord {
    /// What the control plane shows for `$LATEST`.
    pub latest: Arc<FunctionVersion>,
    /// What invokes still run while an update is in progress; `None` otherwise.
    pub previous: Option<Arc<FunctionVersion>>,
    /// Published versions by number. They are kept apart from the rest: changing the function does not write them anew.
    #[serde(skip)]
    pub versions: BTreeMap<u32, Arc<FunctionVersion>>,
    /// What is remembered of the last publication, also when that version is deleted: numbers are never used twice.
    #[serde(default)]
    pub published: Published,
    /// Aliases by name.
    #[serde(default)]
    pub aliases: BTreeMap<String, Alias>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Executions that are the function's own; `None`: it shares those of its account.
    #[serde(default)]
    pub reserved_concurrency: Option<u32>,
    /// Statements of resource policies: by qualifier, empty for the unqualified function, in their order.
    #[serde(default)]
    pub policies: BTreeMap<String, Vec<serde_json::Value>>,
    /// Function URLs: by alias, empty for the unqualified function.
    #[serde(default)]
    pub urls: BTreeMap<String, FunctionUrl>,
    /// Settings of the function itself that are stored and returned but that no rule reads, by member name.
    #[serde(default)]
    pub passive: BTreeMap<String, serde_json::Value>,
    /// Counts the changes of this record: the token of compare-and-swap. 0 before it is stored.
    pub revision: u64,
}

/// See [`FunctionRecord::published`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Published {
    /// The number; 0 when nothing was published yet.
    pub last: u32,
    /// The description of `$LATEST` at that moment; the version may have got another.
    pub description: String,
}

/// What the functions of a scope take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionUsage {
    /// How many there are.
    pub functions: u64,
    /// Zip files of `$LATEST` and of each version, bytes.
    pub code_bytes: u64,
}

impl FunctionRecord {
    /// A function that has nothing but `$LATEST`, not stored yet.
    #[must_use]
    pub fn new(latest: FunctionVersion) -> Self {
        Self {
            latest: Arc::new(latest),
            previous: None,
            versions: BTreeMap::new(),
            published: Published::default(),
            aliases: BTreeMap::new(),
            tags: BTreeMap::new(),
            reserved_concurrency: None,
            policies: BTreeMap::new(),
            urls: BTreeMap::new(),
            passive: BTreeMap::new(),
            revision: 0,
        }
    }

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

    /// Removes a function with its versions; returns it as it was.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]
    fn delete(&self, key: &FunctionKey) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>>;

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

    /// Functions of all scopes that have a reservation, and how much.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn reservations(&self) -> BoxFuture<'_, Result<Vec<(FunctionKey, u32)>, StoreError>>;

    /// The function that has the URL with this id, of whatever scope. From memory when it was asked for before.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn function_of_url(&self, id: &str) -> BoxFuture<'_, Result<Option<FunctionKey>, StoreError>>;

    /// What the functions of a scope take up.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn usage(&self, scope: &Scope) -> BoxFuture<'_, Result<FunctionUsage, StoreError>>;

    /// Functions of all scopes whose creation, update or publication was under way (Pending, InProgress) when the
    /// service ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>>;

    /// At most `limit` functions of all scopes, the one that was created last first.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn latest(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>>;

    /// Digests of all packages that functions of any scope refer to, for [`crate::Packages::sweep`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn packages_in_use(&self) -> BoxFuture<'_, Result<HashSet<String>, StoreError>>;
}
