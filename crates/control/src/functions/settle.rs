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

/// Settles a function in the background. When the store fails (a full disk), it tries again: until it is settled, a
/// function can be neither changed nor, if it is new, invoked.
pub(crate) fn spawn(door: &Arc<FrontDoor>, key: FunctionKey) {
    let door = Arc::clone(door);
    tokio::spawn(async move {
        let mut pause = PAUSE_S.0;
        while let Err(error) = settle(&door, &key).await {
            tracing::error!(function = %key, error = &error as &dyn std::error::Error, "could not settle the function yet");
            tokio::time::sleep(Duration::from_secs(pause)).await;
            pause = (pause * 2).min(PAUSE_S.1);
        }
        door.settled.notify_waiters();
    });
}

async fn settle(door: &FrontDoor, key: &FunctionKey) -> Result<(), StoreError> {
    loop {
        let Some(record) = door.stores.functions.get(key).await? else { return Ok(()) };
        let latest = &record.latest;
        let updated = latest.last_update == UpdateStatus::InProgress;
        if latest.state != State::Pending && !updated {
            return Ok(());
        }
        let settled = FunctionVersion {
            state: State::Active,
            last_update: UpdateStatus::Successful,
            revision_id: Uuid::new_v4(),
            ..FunctionVersion::clone(latest)
        };
        let incarnation = settled.incarnation;
        let changed = FunctionRecord {
            latest: Arc::new(settled),
            previous: None,
            tags: record.tags.clone(),
            revision: record.revision,
        };
        match door.stores.functions.update(changed).await {
            Ok(_) if updated => {
                door.environments.retire(key, Some(incarnation));
                return Ok(());
            }
            Ok(_) | Err(StoreError::NotFound(_)) => return Ok(()),
            // A tag was set, or the function was deleted and made anew: look again.
            Err(StoreError::Conflict(_)) => {}
            Err(other) => return Err(other),
        }
    }
}
