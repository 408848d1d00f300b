//! `DescribeLogGroups`, `CreateLogGroup` and `DeleteLogGroup`.

use super::{PAGE, Request, internal, invalid, no_group, page};
use crate::members::{number, parse_page_token};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_store::LogGroupInfo;
use serde_json::{Map, Value, json};

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
        json!({
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "storedBytes": group.stored_bytes,
            "logGroupClass": "STANDARD",
            "logGroupArn": arn,
        })
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
