//! Which layer a request means: `LayerName`, which may be an ARN, and `VersionNumber`.

use super::not_found;
use crate::members::{Members, number, required};
use hearth_api::arn::{LayerReference, parse_layer_reference};
use hearth_api::error::ApiError;
use hearth_api::function::Scope;
use hearth_api::layer::LayerKey;
use hearth_core::ids::AccountId;

/// A layer of the caller's own.
///
/// # Errors
///
/// AWS's for an ARN of another region (404) or account (403).
pub(super) fn own(scope: &Scope, members: &Members) -> Result<LayerKey, ApiError> {
    let key = named(scope, &parse_layer_reference(required(members, "LayerName")?))?;
    if key.scope.account == scope.account { Ok(key) } else { Err(ApiError::access_denied("")) }
}

/// A layer of any account in the caller's region.
///
/// # Errors
///
/// 404 for one of another region or of no account.
pub(super) fn named(scope: &Scope, reference: &LayerReference<'_>) -> Result<LayerKey, ApiError> {
    if reference.region.is_some_and(|region| region != scope.region.as_str()) {
        return Err(not_found());
    }
    let account = match reference.account {
        Some(account) => AccountId::parse(account).ok_or_else(not_found)?,
        None => scope.account.clone(),
    };
    Ok(LayerKey { scope: Scope { account, region: scope.region.clone() }, name: reference.name.to_owned() })
}

/// `VersionNumber`, of a version that may or may not be there.
pub(super) fn any_number(members: &Members) -> i64 {
    number(members, "VersionNumber").unwrap_or_default()
}

/// `VersionNumber`, if there can be such a version.
///
/// # Errors
///
/// `InvalidParameterValueException`
pub(super) fn valid_number(members: &Members) -> Result<i64, ApiError> {
    match any_number(members) {
        number @ 1.. => Ok(number),
        _ => Err(ApiError::invalid_parameter("Layer Version Cannot be less than 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scope;
    use hearth_api::error::ErrorKind;
    use serde_json::json;

    fn of(name: &str) -> Result<LayerKey, ApiError> {
        own(&scope(), json!({ "LayerName": name }).as_object().expect("object"))
    }

    #[test]
    fn a_name_or_an_arn_of_ones_own() {
        let key = LayerKey { scope: scope(), name: "l".to_owned() };
        assert_eq!(of("l"), Ok(key.clone()));
        assert_eq!(of(&key.arn()), Ok(key));
        assert_eq!(of("arn:aws:lambda:eu-west-1:000000000000:layer:l"), Err(not_found()));
        let foreign = of("arn:aws:lambda:us-east-1:111111111111:layer:l").expect_err("refused");
        assert_eq!(foreign.kind, ErrorKind::AccessDeniedException);
    }

    #[test]
    fn versions_count_from_one() {
        let members = |number: i64| json!({ "VersionNumber": number }).as_object().expect("object").clone();
        assert_eq!(valid_number(&members(1)), Ok(1));
        for none in [0, -1, i64::MIN] {
            assert_eq!(
                valid_number(&members(none)).expect_err("refused").message,
                "Layer Version Cannot be less than 1"
            );
        }
    }
}
