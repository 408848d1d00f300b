//! What a resource policy says about requests to a function URL: since October 2025 both `lambda:InvokeFunctionUrl` and
//! `lambda:InvokeFunction` have to be allowed.
//!
//! A condition that cannot be met here, or that nobody knows, allows nothing.

use hearth_api::function_url::AuthType;
use hearth_core::ids::AccountId;
use serde_json::Value;

/// Whether the statements of `policy` allow it to `account`, or to anybody.
pub(super) fn allows(policy: &[Value], auth: AuthType, account: Option<&AccountId>) -> bool {
    ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"].iter().all(|action| {
        policy.iter().any(|statement| {
            statement.get("Effect").and_then(Value::as_str) == Some("Allow")
                && acts(statement.get("Action"), action)
                && principal(statement.get("Principal"), account)
                && conditions(statement.get("Condition"), auth)
        })
    })
}

fn acts(said: Option<&Value>, action: &str) -> bool {
    let said = said.and_then(Value::as_str).unwrap_or_default();
    said == "*" || said.eq_ignore_ascii_case("lambda:*") || said.eq_ignore_ascii_case(action)
}

fn principal(said: Option<&Value>, account: Option<&AccountId>) -> bool {
    match said {
        Some(Value::String(anybody)) => anybody == "*",
        Some(Value::Object(named)) => {
            let said = named.get("AWS").and_then(Value::as_str);
            said.is_some_and(|said| said == "*" || account.is_some_and(|account| is_of(said, account)))
        }
        Some(_) | None => false,
    }
}

/// Whether a principal is of this account. Users and roles are not told apart: a key stands for all that its account has.
fn is_of(principal: &str, account: &AccountId) -> bool {
    let mut parts = principal.split(':');
    let [arn, _partition, service, _region, owner] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    arn == "arn" && matches!(service, "iam" | "sts") && owner == account.as_str()
}

fn conditions(said: Option<&Value>, auth: AuthType) -> bool {
    let Some(said) = said else { return true };
    let Some(operators) = said.as_object() else { return false };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().is_some_and(|keys| keys.iter().all(|(key, value)| condition(operator, key, value, auth)))
    })
}

fn condition(operator: &str, key: &str, value: &Value, auth: AuthType) -> bool {
    let value = value.as_str().unwrap_or_default();
    match (operator, key) {
        ("StringEquals", "lambda:FunctionUrlAuthType") => value == auth.as_str(),
        ("Bool", "lambda:InvokedViaFunctionUrl") => value == "true",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statement(action: &str, principal: Value, condition: Value) -> Value {
        json!({ "Sid": "s", "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition })
    }

    fn public() -> Vec<Value> {
        let auth = json!({ "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } });
        let via = json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "true" } });
        vec![
            statement("lambda:InvokeFunctionUrl", json!("*"), auth),
            statement("lambda:InvokeFunction", json!("*"), via),
        ]
    }

    #[test]
    fn both_actions_have_to_be_allowed() {
        let both = public();
        assert!(allows(&both, AuthType::None, None));
        for one in &both {
            assert!(!allows(std::slice::from_ref(one), AuthType::None, None), "{one}");
        }
        assert!(!allows(&both, AuthType::Iam, None), "for another type");
        assert!(!allows(&[], AuthType::None, None));
    }

    #[test]
    fn any_action_is_both() {
        let statement = |action: &str| {
            let mut statement = statement(action, json!("*"), json!({}));
            statement.as_object_mut().expect("object").remove("Condition");
            [statement]
        };
        assert!(allows(&statement("lambda:*"), AuthType::None, None));
        assert!(allows(&statement("*"), AuthType::None, None));
        assert!(!allows(&statement("lambda:GetFunction"), AuthType::None, None));
    }

    #[test]
    fn an_account_is_who_it_is() {
        let account = |id: &str| AccountId::parse(id).expect("account");
        for principal in [
            "arn:aws:iam::111111111111:root",
            "arn:aws:iam::111111111111:role/service/reader",
            "arn:aws-cn:iam::111111111111:user/somebody",
            "arn:aws:sts::111111111111:assumed-role/reader/session",
        ] {
            let policy = [statement("*", json!({ "AWS": principal }), json!({}))];
            assert!(allows(&policy, AuthType::Iam, Some(&account("111111111111"))), "{principal}");
            assert!(!allows(&policy, AuthType::Iam, Some(&account("222222222222"))), "{principal}");
            assert!(!allows(&policy, AuthType::None, None), "{principal}");
        }
        let other = [statement("*", json!({ "AWS": "arn:aws:lambda:us-east-1:111111111111:function:f" }), json!({}))];
        assert!(!allows(&other, AuthType::Iam, Some(&account("111111111111"))));
        let service = [statement("*", json!({ "Service": "s3.amazonaws.com" }), json!({}))];
        assert!(!allows(&service, AuthType::None, None));
    }

    #[test]
    fn a_condition_that_cannot_be_met_allows_nothing() {
        for condition in [
            json!({ "ArnLike": { "AWS:SourceArn": "*" } }),
            json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }),
            json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "false" } }),
            json!("text"),
        ] {
            assert!(!allows(&[statement("*", json!("*"), condition.clone())], AuthType::None, None), "{condition}");
        }
    }
}
