//! Ends Pending and InProgress. There is nothing to wait for (the package was unpacked in the request), yet it happens
//! after the answer, as a step of its own with a RevisionId of its own: clients depend on seeing both states.

use crate::FrontDoor;
use hearth_api::function::{FunctionKey, FunctionVersion, State, UpdateStatus};
use hearth_store::{FunctionRecord, StoreError};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// First and longest pause before it is tried again, seconds (ours).
const PAUSE_S: (u64, u64) = (1, 60);

/// Settles a function and its versions in the background. When the store fails (a full disk), it tries again: until it
/// is settled, a function can be neither changed nor, if it is new, invoked.
pub(crate) fn spawn(door: &Arc<FrontDoor>, key: FunctionKey) {
    let door = Arc::clone(door);
    tokio::spawn(async move {
        let mut pause = PAUSE_S.0;
        while let Err(error) = settle(&door, &key).await {
            tracing::error!(function = %key, error = &error as &dyn std::error::Error, "could not settle it yet");
            tokio::time::sleep(Duration::from_secs(pause)).await;
            pause = (pause * 2).min(PAUSE_S.1);
        }
        door.settled.notify_waiters();
    });
}

fn active(version: &FunctionVersion) -> Arc<FunctionVersion> {
    Arc::new(FunctionVersion {
        state: State::Active,
        last_update: UpdateStatus::Successful,
        revision_id: Uuid::new_v4(),
        ..version.clone()
    })
}

async fn settle(door: &FrontDoor, key: &FunctionKey) -> Result<(), StoreError> {
    loop {
        let Some(record) = door.stores.functions.get(key).await? else { return Ok(()) };
        let latest = &record.latest;
        let mut changed = FunctionRecord::clone(&record);
        changed.previous = None;
        if latest.state == State::Pending || latest.last_update == UpdateStatus::InProgress {
            changed.latest = active(latest);
        }
        for version in changed.versions.values_mut().filter(|version| version.state == State::Pending) {
            *version = active(version);
        }
        if changed == *record {
            return Ok(());
        }
        match door.stores.functions.update(changed).await {
            Ok(settled) => {
                door.environments.expect(Arc::clone(&settled.latest));
                if let Some(previous) = &record.previous {
                    door.environments.retire(key, &[previous.incarnation]);
                }
                return Ok(());
            }
            Err(StoreError::NotFound(_)) => return Ok(()),
            // A tag was set, or the function was deleted and made anew: look again.
            Err(StoreError::Conflict(_)) => {}
            Err(other) => return Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{door, record, version};
    use hearth_api::environments::BoxFuture;
    use hearth_api::function::Scope;
    use hearth_store::{FunctionUsage, Functions};
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A store whose disk is full for the next `failures` changes.
    #[derive(Debug)]
    struct FullFor {
        failures: AtomicU32,
        store: Arc<dyn Functions>,
    }

    impl Functions for FullFor {
        fn create(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>> {
            self.store.create(record)
        }

        fn get(&self, key: &FunctionKey) -> BoxFuture<'_, Result<Option<Arc<FunctionRecord>>, StoreError>> {
            self.store.get(key)
        }

        fn cached(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>> {
            self.store.cached(key)
        }

        fn update(&self, record: FunctionRecord) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>> {
            let less = |failures: u32| failures.checked_sub(1);
            if self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
                return Box::pin(async { Err(StoreError::Io { what: "write".to_owned(), source: "full".into() }) });
            }
            self.store.update(record)
        }

        fn delete(&self, key: &FunctionKey) -> BoxFuture<'_, Result<Arc<FunctionRecord>, StoreError>> {
            self.store.delete(key)
        }

        fn reservations(&self) -> BoxFuture<'_, Result<Vec<(FunctionKey, u32)>, StoreError>> {
            self.store.reservations()
        }

        fn function_of_url(&self, id: &str) -> BoxFuture<'_, Result<Option<FunctionKey>, StoreError>> {
            self.store.function_of_url(id)
        }

        fn usage(&self, scope: &Scope) -> BoxFuture<'_, Result<FunctionUsage, StoreError>> {
            self.store.usage(scope)
        }

        fn list(
            &self,
            scope: &Scope,
            after: Option<&str>,
            limit: usize,
        ) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>> {
            self.store.list(scope, after, limit)
        }

        fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>> {
            self.store.unfinished()
        }

        fn latest(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Arc<FunctionRecord>>, StoreError>> {
            self.store.latest(limit)
        }

        fn packages_in_use(&self) -> BoxFuture<'_, Result<HashSet<String>, StoreError>> {
            self.store.packages_in_use()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_is_waited_for() {
        let (_data, door) = door();
        let mut door = Arc::into_inner(door).expect("nobody else has it");
        let store = Arc::clone(&door.stores.functions);
        door.stores.functions = Arc::new(FullFor { failures: AtomicU32::new(3), store });
        let door = Arc::new(door);
        let pending = FunctionVersion { state: State::Pending, ..version("f") };
        door.stores.functions.create(record(pending)).await.expect("stored");
        let settled = door.settled.notified();
        spawn(&door, version("f").key);
        settled.await;
        let found = door.stores.functions.get(&version("f").key).await.expect("read").expect("there");
        assert_eq!(found.latest.state, State::Active);
    }
}
