//! Settings that Hearth does not honour yet. A function that asks for one would run differently from what its owner
//! expects, so the request is refused, with a text that says which setting it was.

use crate::members::{Members, object, text};
use hearth_api::error::ApiError;
use serde_json::Value;

/// The architecture of this machine, as Lambda names it.
pub(super) const fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// Refuses what cannot be honoured, in a request to create a function or to change its code or configuration.
///
/// # Errors
///
/// `InvalidParameterValueException`
pub(super) fn check(members: &Members) -> Result<(), ApiError> {
    let asked = [
        ("VpcConfig", inner(members, "VpcConfig", "SubnetIds") || inner(members, "VpcConfig", "SecurityGroupIds")),
        ("DeadLetterConfig", inner(members, "DeadLetterConfig", "TargetArn")),
        ("FileSystemConfigs", filled(members, "FileSystemConfigs")),
        ("KMSKeyArn", filled(members, "KMSKeyArn")),
        ("CodeSigningConfigArn", filled(members, "CodeSigningConfigArn")),
        ("ImageConfig", filled(members, "ImageConfig")),
        ("PackageType Image", text(members, "PackageType") == Some("Image")),
        ("DurableConfig", filled(members, "DurableConfig")),
        ("CapacityProviderConfig", filled(members, "CapacityProviderConfig")),
        ("TenancyConfig", filled(members, "TenancyConfig")),
        ("PublishTo", filled(members, "PublishTo")),
    ];
    if let Some((setting, _)) = asked.iter().find(|(_, asked)| *asked) {
        return Err(ApiError::invalid_parameter(format!(
            "{setting} is not supported by this version of Hearth: leave it out of the request."
        )));
    }
    foreign_architecture(members)
}

fn foreign_architecture(members: &Members) -> Result<(), ApiError> {
    let asked = members.get("Architectures").and_then(Value::as_array).and_then(|list| list.first());
    match asked.and_then(Value::as_str) {
        Some(asked) if asked != architecture() => Err(ApiError::invalid_parameter(format!(
            "This machine runs functions of architecture {} only, not {asked}.",
            architecture()
        ))),
        Some(_) | None => Ok(()),
    }
}

fn inner(members: &Members, outer: &str, name: &str) -> bool {
    object(members, outer).is_some_and(|outer| filled(outer, name))
}

/// Clients send empty lists and empty objects for "none", which is what they get.
fn filled(members: &Members, name: &str) -> bool {
    match members.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(object)) => !object.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(members: Value) -> Result<(), ApiError> {
        check(members.as_object().expect("object"))
    }

    #[test]
    fn what_means_none_passes() {
        let none = json!({
            "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [] }, "KMSKeyArn": "",
            "DeadLetterConfig": {}, "SnapStart": { "ApplyOn": "None" },
            "PackageType": "Zip", "Architectures": [architecture()],
        });
        assert_eq!(checked(none), Ok(()));
    }

    #[test]
    fn what_is_not_honoured_is_named() {
        let error = checked(json!({ "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/x" }));
        assert!(error.expect_err("refused").message.starts_with("KMSKeyArn is not supported"));
        for setting in [
            json!({ "PublishTo": "LATEST_PUBLISHED" }),
            json!({ "VpcConfig": { "SubnetIds": ["subnet-1"] } }),
            json!({ "Architectures": ["riscv64"] }),
        ] {
            assert!(checked(setting.clone()).is_err(), "{setting}");
        }
    }
}
