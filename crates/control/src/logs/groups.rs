//! `DescribeLogGroups`, `CreateLogGroup`, `DeleteLogGroup` and the retention policy.

use super::{PAGE, Request, internal, invalid, no_group, page};
use crate::members::{number, parse_page_token};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_store::LogGroupInfo;
use serde_json::{Map, Value, json};

/// Days that a retention policy may say (documented).
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Request<'_> {
    /// Groups by name: those that begin with a prefix, or contain a pattern (without regard to case, as on AWS).
    pub(super) fn describe_groups(&self) -> Result<Value, ApiError> {
        let (prefix, pattern) = (self.text("logGroupNamePrefix"), self.text("logGroupNamePattern"));
        if prefix.is_some() && pattern.is_some() {
            return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
        }
        let pattern = pattern.map(str::to_lowercase);
        let token = self.text("nextToken").map(|token| parse_page_token(token, ErrorKind::InvalidParameterException));
        let token = token.transpose()?;
        let mut groups = self.logs.groups(self.scope).map_err(internal)?;
        groups.retain(|group| {
            prefix.is_none_or(|prefix| group.name.starts_with(prefix))
                && pattern.as_deref().is_none_or(|pattern| group.name.to_lowercase().contains(pattern))
                // Groups may come and go between pages: the token is a name to go on behind, not a place in a list.
                && token.as_deref().is_none_or(|after| group.name.as_str() > after)
        });
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let limit = number(self.members, "limit").unwrap_or(PAGE).clamp(1, PAGE);
        let (page, next) = page(&groups, |group| group.name.clone(), None, limit);
        let mut out = Map::new();
        let entries: Vec<Value> = page.into_iter().map(|group| self.group_shape(group)).collect();
        out.insert("logGroups".to_owned(), Value::from(entries));
        if let Some(next) = next {
            out.insert("nextToken".to_owned(), next);
        }
        Ok(Value::Object(out))
    }

    fn group_shape(&self, group: &LogGroupInfo) -> Value {
        let arn = self.group_arn(&group.name);
        let mut shape = json!({
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "storedBytes": group.stored_bytes,
            "logGroupClass": "STANDARD",
            "logGroupArn": arn,
        });
        if let (Some(days), Some(members)) = (group.retention_days, shape.as_object_mut()) {
            members.insert("retentionInDays".to_owned(), days.into());
        }
        shape
    }

    /// From now on, events older than that are removed.
    pub(super) fn put_retention(&self) -> Result<(), ApiError> {
        let asked = self.members.get("retentionInDays").and_then(Value::as_i64).unwrap_or_default();
        let days = RETENTION_DAYS.into_iter().find(|days| i64::from(*days) == asked);
        let days = days.ok_or_else(|| {
            invalid(format!(
                "1 validation error detected: Value '{asked}' at 'retentionInDays' failed to satisfy constraint: \
                 Member must satisfy enum value set: {RETENTION_DAYS:?}"
            ))
        })?;
        self.set_retention(Some(days))
    }

    /// From now on, events are kept for ever.
    pub(super) fn delete_retention(&self) -> Result<(), ApiError> {
        self.set_retention(None)
    }

    fn set_retention(&self, days: Option<u32>) -> Result<(), ApiError> {
        let set = self.logs.set_retention(self.scope, self.group()?, days).map_err(internal)?;
        if set { Ok(()) } else { Err(no_group()) }
    }

    /// Makes an empty group.
    pub(super) fn create_group(&self) -> Result<(), ApiError> {
        let made = self.logs.create_group(self.scope, self.group()?).map_err(internal)?;
        let exists =
            || ApiError::new(ErrorKind::ResourceAlreadyExistsException, "The specified log group already exists");
        if made { Ok(()) } else { Err(exists()) }
    }

    /// Deletes a group with everything in it.
    pub(super) fn delete_group(&self) -> Result<(), ApiError> {
        let deleted = self.logs.delete_group(self.scope, self.group()?).map_err(internal)?;
        if deleted { Ok(()) } else { Err(no_group()) }
    }
}
