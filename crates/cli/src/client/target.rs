//! Which service, which account, which region: from the command line, else from where the AWS CLI takes them.

use crate::output;
use clap::Args;
use http::HeaderValue;

/// Which service to talk to, and as whom.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// URL of the service
    #[arg(long, env = "HEARTH_ENDPOINT", default_value = "http://127.0.0.1:3001", value_name = "URL")]
    pub(crate) endpoint: String,
    /// Account, twelve digits [default: AWS_ACCESS_KEY_ID if it is one, else the service's own]
    #[arg(long, value_parser = account, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Region [default: AWS_REGION, else AWS_DEFAULT_REGION, else the service's own]
    #[arg(long, value_parser = region, value_name = "NAME")]
    pub(crate) region: Option<String>,
}

impl Target {
    /// What the command line leaves open is taken from where the AWS CLI would take it, so that both see the same.
    pub(crate) fn completed(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        self.account = self.account.or_else(|| set("AWS_ACCESS_KEY_ID").and_then(|id| account(&id).ok()));
        self.region = self.region.or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
        self
    }
}

/// For `--account`.
pub(crate) fn account(text: &str) -> Result<String, String> {
    let parsed = hearth_core::ids::AccountId::parse(text).ok_or("an account is twelve digits")?;
    Ok(parsed.to_string())
}

/// For `--region`.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let parsed = hearth_core::ids::Region::parse(text);
    Ok(parsed.ok_or("a region is lower-case letters, digits and dashes, such as us-east-1")?.to_string())
}

/// Which of the service's APIs: the credential scope names it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service {
    Lambda,
    Logs,
}

/// Names account and region as SigV4 does. `None` leaves both to the service. What is left open alone is left empty,
/// which no account and no region is, so that the service's own default applies to that one too.
pub(super) fn credential(target: &Target, service: Service) -> Option<HeaderValue> {
    if target.account.is_none() && target.region.is_none() {
        return None;
    }
    let date = output::timestamp(output::now_ms()).chars().filter(char::is_ascii_digit).take(8).collect::<String>();
    let account = target.account.as_deref().unwrap_or("hearth");
    let region = target.region.as_deref().unwrap_or_default();
    let service = match service {
        Service::Lambda => "lambda",
        Service::Logs => "logs",
    };
    let text = format!(
        "AWS4-HMAC-SHA256 Credential={account}/{date}/{region}/{service}/aws4_request, SignedHeaders=host, Signature={}",
        "0".repeat(64)
    );
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(account: Option<&str>, region: Option<&str>) -> Target {
        Target {
            endpoint: "http://127.0.0.1:1".into(),
            account: account.map(str::to_owned),
            region: region.map(str::to_owned),
        }
    }

    #[test]
    fn account_and_region_travel_in_the_credential_scope() {
        let header = credential(&target(Some("111122223333"), Some("eu-west-1")), Service::Logs).expect("a header");
        let text = header.to_str().expect("ascii");
        assert!(text.starts_with("AWS4-HMAC-SHA256 Credential=111122223333/2"), "{text}");
        assert!(text.contains("/eu-west-1/logs/aws4_request, SignedHeaders=host, Signature=000"), "{text}");
        assert!(credential(&target(None, None), Service::Lambda).is_none());
    }

    #[test]
    fn what_is_left_open_is_taken_from_where_the_aws_cli_takes_it() {
        let variables = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("111122223333".to_owned()),
            "AWS_REGION" => Some(String::new()),
            "AWS_DEFAULT_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        };
        assert_eq!(target(None, None).completed(variables), target(Some("111122223333"), Some("eu-west-1")));
        let given = target(Some("999999999999"), Some("us-east-2"));
        assert_eq!(given.clone().completed(variables), given);
        let test = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "test".to_owned());
        assert_eq!(target(None, None).completed(test), target(None, None), "`test` is no account");
    }
}
