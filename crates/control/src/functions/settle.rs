//! Ends Pending and InProgress. There is nothing to wait for (the package was unpacked in the request), yet it happens
//! after the answer, as a step of its own with a RevisionId of its own: clients depend on seeing both states.

use crate::FrontDoor;
use hearth_api::function::{FunctionKey, FunctionVersion, State, UpdateStatus};
use hearth_store::{FunctionRecord, StoreError};
use std::sync::Arc;
use uuid::Uuid;

/// Settles a function and its versions in the background.
pub(crate) fn spawn(door: &Arc<FrontDoor>, key: FunctionKey) {
    let door = Arc::clone(door);
    tokio::spawn(async move {
        if let Err(error) = settle(&door, &key).await {
            // It stays as it is and is taken up again by the next start.
            tracing::error!(function = %key, error = &error as &dyn std::error::Error, "could not settle the function");
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
            Ok(_) => {
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
