//! Who is calling: account and region of a request, from its SigV4 credential scope.
//!
//! It refuses nothing: what cannot be read counts as not given. Signatures are not verified (see the crate's page).

use hearth_api::function::Scope;
use hearth_core::ids::{AccountId, Region};
use http::header::AUTHORIZATION;
use http::request::Parts;
use percent_encoding::percent_decode_str;

/// Account and region that a request means. The access key id is the account when it is twelve digits.
pub(crate) fn scope(head: &Parts, default: &Scope) -> Scope {
    let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let found = match header {
        Some(header) => header_credential(header).map(parse),
        None => query_credential(head.uri.query().unwrap_or_default()).map(|credential| parse(&credential)),
    };
    let (account, region) = found.unwrap_or_default();
    Scope {
        account: account.unwrap_or_else(|| default.account.clone()),
        region: region.unwrap_or_else(|| default.region.clone()),
    }
}

/// `AWS4-HMAC-SHA256 Credential=AKID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=…`
fn header_credential(header: &str) -> Option<&str> {
    let fields = header.strip_prefix("AWS4-HMAC-SHA256")?;
    fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="))
}

/// The same of a presigned URL.
fn query_credential(query: &str) -> Option<String> {
    let raw = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
    Some(percent_decode_str(raw).decode_utf8().ok()?.into_owned())
}

/// The access key id may itself contain slashes as far as AWS is concerned, so the scope is read from its end.
fn parse(credential: &str) -> (Option<AccountId>, Option<Region>) {
    let mut from_end = credential.rsplitn(5, '/');
    let (_terminator, _service) = (from_end.next(), from_end.next());
    let region = from_end.next().and_then(Region::parse);
    let _date = from_end.next();
    (from_end.next().and_then(AccountId::parse), region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scope as test_scope;
    use http::Request;

    fn of(uri: &str, authorization: Option<&str>) -> (String, String) {
        let mut request = Request::builder().uri(uri);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let (head, ()) = request.body(()).expect("request").into_parts();
        let scope = scope(&head, &test_scope());
        (scope.account.to_string(), scope.region.to_string())
    }

    #[test]
    fn the_credential_scope_names_account_and_region() {
        let header = "AWS4-HMAC-SHA256 Credential=123456789012/20261124/eu-central-1/lambda/aws4_request, \
                      SignedHeaders=host, Signature=00";
        assert_eq!(of("/", Some(header)), ("123456789012".into(), "eu-central-1".into()));
    }

    #[test]
    fn an_ordinary_key_leaves_the_default_account() {
        let header = "AWS4-HMAC-SHA256 Credential=test/20261124/eu-west-1/logs/aws4_request,SignedHeaders=host";
        assert_eq!(of("/", Some(header)), ("000000000000".into(), "eu-west-1".into()));
    }

    #[test]
    fn a_presigned_url_counts_too() {
        let uri = "/?a=b&X-Amz-Credential=123456789012%2F20261124%2Fus-west-2%2Flambda%2Faws4_request";
        assert_eq!(of(uri, None), ("123456789012".into(), "us-west-2".into()));
    }

    #[test]
    fn what_cannot_be_read_is_the_default() {
        for header in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b/../c/d"] {
            assert_eq!(of("/", Some(header)), ("000000000000".into(), "us-east-1".into()), "{header}");
        }
    }
}
