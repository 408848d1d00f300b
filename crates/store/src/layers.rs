//! The trait of layers. A version never changes after it was published, but for its policy, and its number is never used
//! again.

use crate::StoreError;
use hearth_api::environments::BoxFuture;
use hearth_api::function::Scope;
use hearth_api::layer::{LayerKey, LayerPolicy, LayerVersion};
use std::collections::HashSet;
use std::fmt::Debug;
use uuid::Uuid;

/// Which versions are listed: those whose owner says that they work with all of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerFilter {
    /// A runtime's identifier.
    pub runtime: Option<String>,
    /// An architecture.
    pub architecture: Option<String>,
}

impl LayerFilter {
    /// Whether a version is listed.
    #[must_use]
    pub fn admits(&self, version: &LayerVersion) -> bool {
        let said = |wanted: &Option<String>, said: &Option<Vec<String>>| {
            wanted.as_ref().is_none_or(|wanted| said.as_ref().is_some_and(|said| said.contains(wanted)))
        };
        said(&self.runtime, &version.compatible_runtimes) && said(&self.architecture, &version.compatible_architectures)
    }
}

/// Layers and their versions.
pub trait Layers: Send + Sync + Debug {
    /// Stores a version under the next number of its layer, also when all versions before it have been deleted.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn publish(&self, version: LayerVersion) -> BoxFuture<'_, Result<LayerVersion, StoreError>>;

    /// Reads one version.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn layer_version(&self, key: &LayerKey, number: i64) -> BoxFuture<'_, Result<Option<LayerVersion>, StoreError>>;

    /// Replaces the policy of a version if its revision still is `expected`, `None` standing for no policy.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when somebody was faster, [`StoreError::NotFound`] when the version is gone.
    fn set_layer_policy(
        &self,
        key: &LayerKey,
        number: i64,
        expected: Option<Uuid>,
        policy: Option<LayerPolicy>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Removes a version. Not an error when it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn delete_layer_version(&self, key: &LayerKey, number: i64) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Of each layer of a scope the newest version that `filter` admits, by name, those after `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn list_layers(
        &self,
        scope: &Scope,
        filter: &LayerFilter,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LayerVersion>, StoreError>>;

    /// The versions of a layer that `filter` admits, newest first, those before `before`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn list_layer_versions(
        &self,
        key: &LayerKey,
        filter: &LayerFilter,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LayerVersion>, StoreError>>;

    /// Digests of the packages of all published versions, for [`crate::Packages::sweep`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn layer_packages(&self) -> BoxFuture<'_, Result<HashSet<String>, StoreError>>;

    /// Zip files of all published versions of a scope, bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn layer_bytes(&self, scope: &Scope) -> BoxFuture<'_, Result<u64, StoreError>>;
}
