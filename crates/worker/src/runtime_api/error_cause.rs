//! Errors that a runtime posts with their cause: that is for traces, of which none are made here. The caller gets the rest.
//!
//! Source: RIE `rapi/handler/mime_type_error_cause_json.go`.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

/// Nothing else that is posted as an error is read.
const WITH_CAUSE: &[u8] = b"application/vnd.aws.lambda.error.cause+json";
/// What the caller gets of one that cannot be read.
const INVALID: &[u8] = b"\"Invalid error body\"";

/// What the caller gets of it.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Error {
    error_message: String,
    error_type: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stack_trace: Vec<String>,
}

/// Without the cause, if that is what the headers announce.
pub(super) fn without(headers: &HeaderMap, payload: Bytes) -> Bytes {
    if headers.get(CONTENT_TYPE).is_none_or(|sent| sent.as_bytes() != WITH_CAUSE) {
        return payload;
    }
    let rest = serde_json::from_slice::<Error>(&payload).and_then(|error| serde_json::to_vec(&error));
    rest.map_or(Bytes::from_static(INVALID), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_cause_of_an_error_is_not_for_the_caller() {
        let with_cause = HeaderValue::from_bytes(WITH_CAUSE).unwrap();
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, with_cause)]);
        let of = |sent: &'static str| without(&headers, Bytes::from_static(sent.as_bytes()));
        let all = r#"{"errorCause":{"paths":[]},"errorType":"E","errorMessage":"m","stackTrace":["a","b"],"more":1}"#;
        assert_eq!(of(all), r#"{"errorMessage":"m","errorType":"E","stackTrace":["a","b"]}"#);
        assert_eq!(of(r#"{"errorCause":1}"#), r#"{"errorMessage":"","errorType":""}"#);
        for invalid in ["", "1", "{", r#"{"errorType":1}"#] {
            assert_eq!(of(invalid), r#""Invalid error body""#);
        }
        let other = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        assert_eq!(without(&other, Bytes::from_static(all.as_bytes())), all);
    }
}
