//! Resource policies: `AddPermission`, `RemovePermission`, `GetPolicy`. One for the function, one for each version and
//! alias. Requests to function URLs are held to them; who may call the API is not decided by them, as signatures are not
//! verified there.

use super::edit::edit;
use super::resolve;
use super::target::{LATEST, Target};
use crate::FrontDoor;
use crate::answer::Answer;
use crate::lambda::Call;
use crate::members::{Members, flag, owned, required, text};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::FunctionVersion;
use hearth_core::limits::POLICY_BYTES;
use hearth_store::FunctionRecord;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// Adds a statement; answers it as JSON text.
pub(super) async fn add(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    if target.qualifier.as_deref() == Some(LATEST) {
        return Err(ApiError::invalid_parameter("We currently do not support adding policies for $LATEST."));
    }
    let sid = required(members, "StatementId")?;
    let statement = statement(&target.arn(), sid, members)?;
    let change = |record: &mut FunctionRecord| {
        let revision = revision(record, &target).ok_or_else(|| resolve::missing(&target))?;
        if text(members, "RevisionId").is_some_and(|seen| seen != revision.to_string()) {
            let message = "The Revision Id provided does not match the latest Revision Id. \
                           Call the GetPolicy API to retrieve the latest Revision Id";
            return Err(ApiError::new(ErrorKind::PreconditionFailedException, message));
        }
        let statements = record.policies.entry(key(&target)).or_default();
        if statements.iter().any(|known| said(known) == Some(sid)) {
            let message = format!(
                "The statement id ({sid}) provided already exists. \
                 Please provide a new statement id, or remove the existing statement."
            );
            return Err(ApiError::new(ErrorKind::ResourceConflictException, message));
        }
        statements.push(statement.clone());
        let size = document(statements).len();
        if size > POLICY_BYTES {
            let message = format!("The final policy size ({size}) is bigger than the limit ({POLICY_BYTES}).");
            return Err(ApiError::new(ErrorKind::PolicyLengthExceededException, message));
        }
        renew(record, &target);
        Ok(())
    };
    // A function that is not there is missed as such, not as its version or alias.
    edit(door, &target.key, || target.unqualified().not_found(), change).await?;
    Ok(Answer::created(json!({ "Statement": statement.to_string() })))
}

/// Takes a statement away; with the last one the policy goes.
pub(super) async fn remove(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let sid = required(members, "StatementId")?;
    let not_found = |message: String| ApiError::new(ErrorKind::ResourceNotFoundException, message);
    let change = |record: &mut FunctionRecord| {
        let revision = revision(record, &target).ok_or_else(|| resolve::missing(&target))?;
        let none = || not_found("No policy is associated with the given resource.".to_owned());
        let statements = record.policies.get_mut(&key(&target)).ok_or_else(none)?;
        let at = statements.iter().position(|known| said(known) == Some(sid));
        let at = at.ok_or_else(|| not_found(format!("Statement {sid} is not found in resource policy.")))?;
        if text(members, "RevisionId").is_some_and(|seen| seen != revision.to_string()) {
            return Err(ApiError::revision_mismatch());
        }
        statements.remove(at);
        if statements.is_empty() {
            record.policies.remove(&key(&target));
        }
        renew(record, &target);
        Ok(())
    };
    let missing = || not_found(format!("No policy found for: {}", target.key.arn()));
    edit(door, &target.key, missing, change).await?;
    Ok(Answer::no_content())
}

/// The policy as JSON text, and the revision of what it hangs on.
pub(super) async fn get(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let target = Target::of(&call.scope, members)?;
    let record = door.record(&target.key).await?;
    let found = record.as_ref().and_then(|record| {
        let statements = record.policies.get(&key(&target))?;
        Some(json!({ "Policy": document(statements), "RevisionId": revision(record, &target)? }))
    });
    found.map(Answer::ok).ok_or_else(|| {
        let message = "The resource you requested does not exist.";
        ApiError::new(ErrorKind::ResourceNotFoundException, message)
    })
}

/// Under which name the policy is kept: the unqualified function's is also `$LATEST`'s.
fn key(target: &Target) -> String {
    target.qualifier.clone().filter(|qualifier| qualifier != LATEST).unwrap_or_default()
}

/// The revision of the function, version or alias that is meant.
fn revision(record: &FunctionRecord, target: &Target) -> Option<Uuid> {
    let alias = target.qualifier.as_ref().and_then(|qualifier| record.aliases.get(qualifier));
    let version = || resolve::version(record, target.qualifier.as_deref()).map(|version| version.revision_id);
    alias.map(|alias| alias.revision_id).or_else(version)
}

/// A policy is part of what a revision stands for.
fn renew(record: &mut FunctionRecord, target: &Target) {
    let revision_id = Uuid::new_v4();
    let renewed = |version: &FunctionVersion| Arc::new(FunctionVersion { revision_id, ..version.clone() });
    match target.qualifier.as_deref() {
        None | Some(LATEST) => record.latest = renewed(&record.latest),
        Some(qualifier) => match record.aliases.get_mut(qualifier) {
            Some(alias) => alias.revision_id = revision_id,
            None => {
                let number = qualifier.parse().ok();
                if let Some(version) = number.and_then(|number| record.versions.get_mut(&number)) {
                    *version = renewed(version);
                }
            }
        },
    }
}

fn said(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str)
}

fn document(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }).to_string()
}

fn statement(resource: &str, sid: &str, members: &Members) -> Result<Value, ApiError> {
    let mut statement = json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal(required(members, "Principal")?)?,
        "Action": required(members, "Action")?,
        "Resource": resource,
    });
    let condition = condition(members);
    if let Some(statement) = statement.as_object_mut().filter(|_| !condition.is_empty()) {
        statement.insert("Condition".to_owned(), Value::Object(condition));
    }
    Ok(statement)
}

fn principal(principal: &str) -> Result<Value, ApiError> {
    let service = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"].iter().any(|end| principal.ends_with(end));
    let account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
    match principal {
        "*" => Ok(json!("*")),
        _ if service => Ok(json!({ "Service": principal })),
        _ if account => Ok(json!({ "AWS": format!("arn:aws:iam::{principal}:root") })),
        _ if principal.starts_with("arn:") => Ok(json!({ "AWS": principal })),
        _ => {
            let message = "The provided principal was invalid. Please check the principal and try again.";
            Err(ApiError::invalid_parameter(message))
        }
    }
}

/// The conditions in the order in which AWS prints them.
fn condition(members: &Members) -> Members {
    let equals = [
        ("AWS:SourceAccount", "SourceAccount"),
        ("lambda:FunctionUrlAuthType", "FunctionUrlAuthType"),
        ("aws:PrincipalOrgID", "PrincipalOrgID"),
        ("lambda:EventSourceToken", "EventSourceToken"),
    ];
    let equals = equals.into_iter().filter_map(|(key, member)| Some((key.to_owned(), owned(members, member)?.into())));
    let equals: Map<String, Value> = equals.collect();
    let mut out = Map::new();
    if !equals.is_empty() {
        out.insert("StringEquals".to_owned(), Value::Object(equals));
    }
    if let Some(source) = text(members, "SourceArn") {
        out.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": source }));
    }
    if flag(members, "InvokedViaFunctionUrl") {
        out.insert("Bool".to_owned(), json!({ "lambda:InvokedViaFunctionUrl": "true" }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(members: Value) -> Value {
        statement("arn:r", "s", members.as_object().expect("object")).expect("a statement")
    }

    #[test]
    fn statements_are_as_recorded() {
        let plain = made(json!({ "Principal": "s3.amazonaws.com", "Action": "lambda:InvokeFunction" }));
        assert_eq!(
            plain.to_string(),
            r#"{"Sid":"s","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:r"}"#
        );
        let full = made(json!({
            "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "SourceArn": "arn:s", "FunctionUrlAuthType": "NONE",
            "SourceAccount": "000000000000", "PrincipalOrgID": "o-1234567890",
        }));
        assert_eq!(
            full["Condition"].to_string(),
            r#"{"StringEquals":{"AWS:SourceAccount":"000000000000","lambda:FunctionUrlAuthType":"NONE","aws:PrincipalOrgID":"o-1234567890"},"ArnLike":{"AWS:SourceArn":"arn:s"}}"#
        );
    }

    #[test]
    fn principals_are_services_accounts_arns_or_anybody() {
        assert_eq!(principal("*"), Ok(json!("*")));
        assert_eq!(principal("000000000000"), Ok(json!({ "AWS": "arn:aws:iam::000000000000:root" })));
        assert_eq!(principal("arn:aws:iam::1:user/x"), Ok(json!({ "AWS": "arn:aws:iam::1:user/x" })));
        assert_eq!(principal("alexa-appkit.amazon.com"), Ok(json!({ "Service": "alexa-appkit.amazon.com" })));
        for wrong in ["", "invalid.example.com", "00000000000", "amazonaws"] {
            assert!(principal(wrong).is_err(), "{wrong}");
        }
    }
}
