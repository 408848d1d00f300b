//! `PublishVersion`, and what publishing means for every operation that does it: a copy of `$LATEST` under the next
//! number, with environments of its own, that never changes again.

use super::edit::edit;
use super::shape::{View, configuration};
use super::target::Target;
use super::update::changeable;
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, text};
use hearth_api::error::ApiError;
use hearth_api::function::{FunctionVersion, State, UpdateStatus};
use hearth_store::{FunctionRecord, Published};
use std::sync::Arc;
use uuid::Uuid;

/// Publishes `$LATEST`; answers the version that is there already when nothing has changed since.
pub(super) async fn run(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    super::unsupported::check(members)?;
    let target = Target::of(&call.scope, members)?.unqualified();
    let published = edit(
        door,
        &target.key,
        || target.not_found(),
        |record| {
            changeable(record, members)?;
            let current = &record.latest.code.sha256;
            if let Some(asked) = text(members, "CodeSha256").filter(|asked| asked != current) {
                return Err(ApiError::invalid_parameter(format!(
                    "CodeSHA256 ({asked}) is different from current CodeSHA256 in $LATEST ({current}). \
                     Please try again with the CodeSHA256 in $LATEST."
                )));
            }
            Ok(publish(record, text(members, "Description"), State::Active))
        },
    );
    let published = published.await?;
    Ok(Answer::created(configuration(&published, Some(&published.version), View::Full)))
}

/// Publishes the record's `$LATEST`, unless that would be the last version once more. Returns the version.
pub(super) fn publish(record: &mut FunctionRecord, description: Option<&str>, state: State) -> Arc<FunctionVersion> {
    if let Some(same) = unchanged(record) {
        return same;
    }
    let latest = &record.latest;
    // Four thousand million publications are not to be expected; the last number would be overwritten then.
    let number = record.published.last.saturating_add(1);
    let version = Arc::new(FunctionVersion {
        version: number.to_string(),
        incarnation: Uuid::new_v4(),
        description: description.unwrap_or(&latest.description).to_owned(),
        revision_id: Uuid::new_v4(),
        state,
        last_update: UpdateStatus::Successful,
        ..FunctionVersion::clone(latest)
    });
    record.published = Published { last: number, description: latest.description.clone() };
    record.versions.insert(number, Arc::clone(&version));
    // Recorded: it changes `$LATEST` too.
    record.latest = Arc::new(FunctionVersion { revision_id: Uuid::new_v4(), ..FunctionVersion::clone(latest) });
    version
}

/// The version that was published last, if `$LATEST` still is as it was then.
fn unchanged(record: &FunctionRecord) -> Option<Arc<FunctionVersion>> {
    let last = record.versions.get(&record.published.last)?;
    let latest = FunctionVersion {
        version: last.version.clone(),
        incarnation: last.incarnation,
        description: last.description.clone(),
        last_modified: last.last_modified.clone(),
        revision_id: last.revision_id,
        state: last.state.clone(),
        last_update: last.last_update.clone(),
        ..FunctionVersion::clone(&record.latest)
    };
    let same = latest == **last && record.published.description == record.latest.description;
    same.then(|| Arc::clone(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, version};

    fn numbers(record: &FunctionRecord) -> Vec<u32> {
        record.versions.keys().copied().collect()
    }

    fn latest(record: &mut FunctionRecord) -> &mut FunctionVersion {
        Arc::make_mut(&mut record.latest)
    }

    #[test]
    fn what_has_not_changed_is_not_published_again() {
        let mut record = record(version("f"));
        let first = publish(&mut record, Some("the first"), State::Active);
        assert_eq!((first.version.as_str(), first.description.as_str()), ("1", "the first"));
        assert_ne!(first.incarnation, record.latest.incarnation);
        assert_ne!(record.latest.revision_id, version("f").revision_id, "it changes $LATEST's revision");
        // Another revision, another moment, another incarnation: an update that changed nothing.
        latest(&mut record).revision_id = Uuid::new_v4();
        latest(&mut record).incarnation = Uuid::new_v4();
        latest(&mut record).last_modified = "later".to_owned();
        let before = record.clone();
        assert_eq!(publish(&mut record, Some("ignored"), State::Pending), first);
        assert_eq!(record, before);
    }

    #[test]
    fn whatever_has_changed_is_published_and_numbers_are_not_used_twice() {
        let mut record = record(version("f"));
        publish(&mut record, Some("of the version only"), State::Active);
        latest(&mut record).description = "changed".to_owned();
        assert_eq!(publish(&mut record, None, State::Active).description, "changed");
        latest(&mut record).code.sha256 = "other".to_owned();
        publish(&mut record, None, State::Active);
        latest(&mut record).timeout_s += 1;
        publish(&mut record, None, State::Active);
        assert_eq!(numbers(&record), [1, 2, 3, 4]);
        record.versions.remove(&4);
        assert_eq!(publish(&mut record, None, State::Active).version, "5");
        assert_eq!(numbers(&record), [1, 2, 3, 5]);
    }
}
