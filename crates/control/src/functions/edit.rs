//! One way to change a function's record.

use super::internal;
use crate::FrontDoor;
use hearth_api::error::ApiError;
use hearth_api::function::FunctionKey;
use hearth_store::{FunctionRecord, StoreError};

/// Changes a record by `change` and stores it. Somebody else's change in between is not overwritten: `change` runs again
/// on what they stored. What `change` leaves as it was is not written.
///
/// # Errors
///
/// `missing` when there is no such function, and those of `change`, which leave everything as it was.
pub(super) async fn edit<T>(
    door: &FrontDoor,
    key: &FunctionKey,
    missing: impl Fn() -> ApiError,
    change: impl Fn(&mut FunctionRecord) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    loop {
        let record = door.record(key).await?.ok_or_else(&missing)?;
        let mut changed = FunctionRecord::clone(&record);
        let answer = change(&mut changed)?;
        if changed == *record {
            return Ok(answer);
        }
        match door.stores.functions.update(changed).await {
            Ok(_) => return Ok(answer),
            Err(StoreError::Conflict(_)) => {}
            Err(StoreError::NotFound(_)) => return Err(missing()),
            Err(other) => return Err(internal(other)),
        }
    }
}
