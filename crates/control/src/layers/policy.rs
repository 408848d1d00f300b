//! Who besides its owner may use a layer version: `AddLayerVersionPermission`, `RemoveLayerVersionPermission`,
//! `GetLayerVersionPolicy`. A policy without a statement is none.

use super::target;
use crate::FrontDoor;
use crate::answer::Answer;
use crate::functions::internal;
use crate::lambda::Call;
use crate::members::{Members, owned, required, text};
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::layer::{LayerGrant, LayerKey, LayerPolicy, LayerVersion};
use hearth_core::limits::POLICY_BYTES;
use hearth_store::StoreError;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

const NO_POLICY: &str = "No policy is associated with the given resource.";
const REVISION_MISMATCH: &str = "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy \
                                 API to retrieve the latest Revision Id";

/// Adds a statement; answers it.
pub(super) async fn add(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let key = target::own(&call.scope, members)?;
    let grant = LayerGrant {
        sid: required(members, "StatementId")?.to_owned(),
        principal: required(members, "Principal")?.to_owned(),
        organization: owned(members, "OrganizationId"),
    };
    let number = target::any_number(members);
    let changed = change(door, &key, number, members, |grants| {
        if grants.iter().any(|known| known.sid == grant.sid) {
            let sid = &grant.sid;
            return Err(ApiError::new(
                ErrorKind::ResourceConflictException,
                format!(
                    "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement."
                ),
            ));
        }
        grants.push(grant.clone());
        Ok(())
    });
    let revision = changed.await?.map(|policy| policy.revision_id);
    let statement = statement(&key.version_arn(number), &grant).to_string();
    Ok(Answer { status: StatusCode::CREATED, body: Some(json!({ "Statement": statement, "RevisionId": revision })) })
}

/// Takes a statement away.
pub(super) async fn remove(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let key = target::own(&call.scope, members)?;
    let sid = required(members, "StatementId")?;
    change(door, &key, target::any_number(members), members, |grants| {
        if grants.is_empty() {
            return Err(ApiError::new(ErrorKind::ResourceNotFoundException, NO_POLICY));
        }
        let at = grants.iter().position(|grant| grant.sid == sid).ok_or_else(|| {
            let message = format!("Statement {sid} is not found in resource policy.");
            ApiError::new(ErrorKind::ResourceNotFoundException, message)
        })?;
        grants.remove(at);
        Ok(())
    })
    .await?;
    Ok(Answer::no_content())
}

/// The policy as JSON text, and its revision.
pub(super) async fn get(door: &FrontDoor, call: &Call, members: &Members) -> Result<Answer, ApiError> {
    let key = target::own(&call.scope, members)?;
    let version = find(door, &key, target::any_number(members)).await?;
    let none = || ApiError::new(ErrorKind::ResourceNotFoundException, NO_POLICY);
    let policy = version.policy.as_ref().ok_or_else(none)?;
    let document = document(&version.arn(), &policy.grants).to_string();
    Ok(Answer::ok(json!({ "Policy": document, "RevisionId": policy.revision_id })))
}

/// Changes the statements by the request, unless it names another revision than theirs. Somebody else's change in between
/// is not overwritten: the change is made again on what they stored.
async fn change(
    door: &FrontDoor,
    key: &LayerKey,
    number: i64,
    members: &Members,
    edit: impl Fn(&mut Vec<LayerGrant>) -> Result<(), ApiError>,
) -> Result<Option<LayerPolicy>, ApiError> {
    loop {
        let policy = find(door, key, number).await?.policy;
        let revision = policy.as_ref().map(|policy| policy.revision_id);
        let seen = text(members, "RevisionId");
        if seen.is_some_and(|seen| revision.is_none_or(|revision| revision.to_string() != seen)) {
            return Err(ApiError::new(ErrorKind::PreconditionFailedException, REVISION_MISMATCH));
        }
        let mut grants = policy.map(|policy| policy.grants).unwrap_or_default();
        edit(&mut grants)?;
        let size = document(&key.version_arn(number), &grants).to_string().len();
        if size > POLICY_BYTES {
            return Err(ApiError::new(
                ErrorKind::PolicyLengthExceededException,
                format!("The final policy size ({size}) is bigger than the limit ({POLICY_BYTES})."),
            ));
        }
        let changed = (!grants.is_empty()).then(|| LayerPolicy { revision_id: Uuid::new_v4(), grants });
        match door.stores.layers.set_layer_policy(key, number, revision, changed.clone()).await {
            Ok(()) => return Ok(changed),
            Err(StoreError::Conflict(_)) => {}
            Err(StoreError::NotFound(_)) => return Err(not_found(key, number)),
            Err(other) => return Err(internal(other)),
        }
    }
}

async fn find(door: &FrontDoor, key: &LayerKey, number: i64) -> Result<LayerVersion, ApiError> {
    let found = door.stores.layers.layer_version(key, number).await.map_err(internal)?;
    found.ok_or_else(|| not_found(key, number))
}

/// 404, as the operations on policies word it.
fn not_found(key: &LayerKey, number: i64) -> ApiError {
    let message = format!("Layer version {} does not exist.", key.version_arn(number));
    ApiError::new(ErrorKind::ResourceNotFoundException, message)
}

fn document(arn: &str, grants: &[LayerGrant]) -> Value {
    let statements: Vec<Value> = grants.iter().map(|grant| statement(arn, grant)).collect();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements })
}

fn statement(arn: &str, grant: &LayerGrant) -> Value {
    let principal = match grant.principal.as_str() {
        "*" => json!("*"),
        arn if arn.starts_with("arn:") => json!({ "AWS": arn }),
        account => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
    };
    let mut statement = json!({
        "Sid": grant.sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": "lambda:GetLayerVersion",
        "Resource": arn,
    });
    if let (Some(organization), Some(statement)) = (&grant.organization, statement.as_object_mut()) {
        let condition = json!({ "StringEquals": { "aws:PrincipalOrgID": organization } });
        statement.insert("Condition".to_owned(), condition);
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(principal: &str, organization: Option<&str>) -> String {
        let organization = organization.map(str::to_owned);
        statement("A", &LayerGrant { sid: "s".to_owned(), principal: principal.to_owned(), organization }).to_string()
    }

    #[test]
    fn statements_are_worded_as_on_aws() {
        let with = |principal: &str, rest: &str| {
            format!(
                r#"{{"Sid":"s","Effect":"Allow","Principal":{principal},"Action":"lambda:GetLayerVersion","Resource":"A"{rest}}}"#
            )
        };
        assert_eq!(printed("*", None), with(r#""*""#, ""));
        let account = r#"{"AWS":"arn:aws:iam::111111111111:root"}"#;
        assert_eq!(printed("111111111111", None), with(account, ""));
        assert_eq!(printed("arn:aws:iam::111111111111:root", None), with(account, ""));
        let condition = r#","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}"#;
        assert_eq!(printed("*", Some("o-1234567890")), with(r#""*""#, condition));
    }
}
