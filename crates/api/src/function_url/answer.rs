//! The HTTP answer that a function's result becomes: payload format 2.0, with what is inferred where the function says
//! less. The result is hostile: whatever it is, an answer can be sent or it is malformed.
//!
//! Source: developer guide, "Invoking Lambda function URLs" (response payload format); answers recorded from AWS: a string
//! is the body as it is, other JSON without `statusCode` is written compactly, and what is no JSON is passed on.

use super::prelude;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Headers that are the connection's and not the function's.
const NOT_THEIRS: [HeaderName; 5] =
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")];
/// Headers and cookies of one answer (ours).
const HEADERS_MAX: usize = 128;
/// Any member but the body, as it is written, bytes (ours): whole values are only built of what is small.
const MEMBER_BYTES: usize = 128 * 1024;

/// What makes a result an answer, as it is written; everything else is passed over.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow, deserialize_with = "as_written")]
    status_code: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "as_written")]
    headers: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "as_written")]
    cookies: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "as_written")]
    body: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "as_written")]
    is_base64_encoded: Option<&'a RawValue>,
}

/// Also `null`: there, and not left out.
fn as_written<'de, D: Deserializer<'de>>(member: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(member).map(Some)
}

/// The result has the form of an answer and cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read an HTTP answer in what the function returned")]
pub struct Malformed;

/// Status and headers of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// 200 to 599.
    pub status: StatusCode,
    /// Cookies as `Set-Cookie` among them.
    pub headers: HeaderMap,
}

impl Head {
    /// 200 with this content type.
    #[must_use]
    pub fn ok(content_type: HeaderValue) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]) }
    }

    /// Reads `statusCode`, `headers` and `cookies`; without a content type the answer has `default`.
    ///
    /// # Errors
    ///
    /// [`Malformed`]
    pub(super) fn read(members: &Map<String, Value>, default: HeaderValue) -> Result<Self, Malformed> {
        let status = members.get("statusCode").map_or(Ok(StatusCode::OK), status)?;
        let mut headers = HeaderMap::new();
        let given = match members.get("headers") {
            None | Some(Value::Null) => None,
            Some(Value::Object(given)) => Some(given),
            Some(_) => return Err(Malformed),
        };
        for (name, value) in given.into_iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Malformed)?;
            if let Some(value) = scalar(value)?.filter(|_| !NOT_THEIRS.contains(&name)) {
                // Before it is put in: a map of headers that outgrows its bounds panics.
                if headers.len() >= HEADERS_MAX {
                    return Err(Malformed);
                }
                headers.append(name, value);
            }
        }
        let cookies = match members.get("cookies") {
            None | Some(Value::Null) => None,
            Some(Value::Array(cookies)) => Some(cookies),
            Some(_) => return Err(Malformed),
        };
        for cookie in cookies.into_iter().flatten() {
            let cookie = cookie.as_str().and_then(|cookie| HeaderValue::from_str(cookie).ok()).ok_or(Malformed)?;
            if headers.len() >= HEADERS_MAX {
                return Err(Malformed);
            }
            headers.append(SET_COOKIE, cookie);
        }
        headers.entry(CONTENT_TYPE).or_insert(default);
        Ok(Self { status, headers })
    }
}

/// Reads the result of a function as an answer.
///
/// # Errors
///
/// [`Malformed`]
pub fn answer(payload: &Bytes) -> Result<(Head, Bytes), Malformed> {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    // Not built into anything: a result may have 6 MB, and as values of its own many times that.
    let Ok(result) = serde_json::from_slice::<&RawValue>(payload) else {
        return match prelude::split(payload)? {
            Some((head, at)) => Ok((head, payload.slice(at..))),
            None => Ok((Head::ok(JSON), payload.clone())),
        };
    };
    if result.get().starts_with('{') {
        let members: Members<'_> = serde_json::from_str(result.get()).map_err(|_| Malformed)?;
        if members.status_code.is_some() {
            return Ok((members.head(JSON)?, members.body()?));
        }
    }
    text(result).map(|body| (Head::ok(JSON), body))
}

impl Members<'_> {
    fn head(&self, default: HeaderValue) -> Result<Head, Malformed> {
        let mut members = Map::new();
        let given = [("statusCode", self.status_code), ("headers", self.headers), ("cookies", self.cookies)];
        for (name, member) in given {
            let Some(member) = member else { continue };
            if member.get().len() > MEMBER_BYTES {
                return Err(Malformed);
            }
            members.insert(name.to_owned(), serde_json::from_str(member.get()).map_err(|_| Malformed)?);
        }
        Head::read(&members, default)
    }

    fn body(&self) -> Result<Bytes, Malformed> {
        let encoded = self.is_base64_encoded.is_some_and(|it| it.get() == "true");
        match self.body.filter(|body| body.get() != "null") {
            None => Ok(Bytes::new()),
            Some(body) if !encoded => text(body),
            Some(body) if body.get().starts_with('"') => {
                STANDARD.decode(text(body)?).map(Bytes::from).map_err(|_| Malformed)
            }
            Some(_) => Err(Malformed),
        }
    }
}

/// What a string says; any other value as it is written, without the space between its parts.
fn text(value: &RawValue) -> Result<Bytes, Malformed> {
    let written = value.get();
    if written.starts_with('"') {
        // Half of a surrogate pair is JSON and no text.
        return serde_json::from_str::<String>(written).map(Bytes::from).map_err(|_| Malformed);
    }
    let (mut quoted, mut escaped) = (false, false);
    let compact = written.bytes().filter(|byte| {
        if quoted {
            (quoted, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
            return true;
        }
        quoted = *byte == b'"';
        !byte.is_ascii_whitespace()
    });
    Ok(compact.collect::<Vec<u8>>().into())
}

/// A number, or one in a string.
fn status(value: &Value) -> Result<StatusCode, Malformed> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    // Informational answers precede one; they are none.
    let number = number.and_then(|number| u16::try_from(number).ok()).filter(|number| (200..600).contains(number));
    number.and_then(|number| StatusCode::from_u16(number).ok()).ok_or(Malformed)
}

/// The value of a header; `None` for null.
fn scalar(value: &Value) -> Result<Option<HeaderValue>, Malformed> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return Err(Malformed),
    };
    HeaderValue::from_str(&text).map(Some).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(payload: &'static str) -> Result<(u16, String, String), Malformed> {
        let (head, body) = answer(&Bytes::from_static(payload.as_bytes()))?;
        let content_type = head.headers.get(CONTENT_TYPE).expect("always").to_str().expect("text").to_owned();
        Ok((head.status.as_u16(), content_type, String::from_utf8_lossy(&body).into_owned()))
    }

    #[test]
    fn what_no_client_would_take_is_malformed() {
        let large = serde_json::json!({ "statusCode": 200, "headers": { "x": "y".repeat(MEMBER_BYTES) } }).to_string();
        assert!(answer(&Bytes::from(large)).is_err());
        let headers: Map<String, Value> = (0..40_000).map(|number| (format!("h{number}"), Value::from("x"))).collect();
        let many = serde_json::json!({ "statusCode": 200, "headers": headers }).to_string();
        assert!(answer(&Bytes::from(many)).is_err());
        let cookies = vec!["a=b"; 40_000];
        let many = serde_json::json!({ "statusCode": 200, "cookies": cookies }).to_string();
        assert!(answer(&Bytes::from(many)).is_err());
    }

    fn json(status: u16, body: &str) -> Result<(u16, String, String), Malformed> {
        Ok((status, "application/json".to_owned(), body.to_owned()))
    }

    #[test]
    fn what_is_no_answer_is_the_body_of_one() {
        assert_eq!(read(r#""hello""#), json(200, "hello"));
        assert_eq!(read(r#"["hello", 3, true]"#), json(200, r#"["hello",3,true]"#));
        assert_eq!(read(r#"{"b": 1, "a": {}}"#), json(200, r#"{"b":1,"a":{}}"#));
        assert_eq!(read(r#"{"body": "x", "headers": {"a": "b"}}"#), json(200, r#"{"body":"x","headers":{"a":"b"}}"#));
        assert_eq!(read(" null "), json(200, "null"));
        let number = "123456789012345678901234567890";
        assert_eq!(read(number), json(200, number), "as it was said");
        assert_eq!(read("{\"a \\\" b\": [1 , \"\\\\\" , 2\n]}"), json(200, "{\"a \\\" b\":[1,\"\\\\\",2]}"));
        assert_eq!(read("plain text"), json(200, "plain text"));
        assert_eq!(read(""), json(200, ""));
    }

    #[test]
    fn an_answer_is_read_member_by_member() {
        assert_eq!(read(r#"{"statusCode": 418}"#), json(418, ""));
        assert_eq!(read(r#"{"statusCode": "418", "body": "short"}"#), json(418, "short"));
        assert_eq!(read(r#"{"statusCode": 200, "body": {"a": 1}}"#), json(200, r#"{"a":1}"#));
        assert_eq!(read(r#"{"statusCode": 200, "body": "aGk=", "isBase64Encoded": true}"#), json(200, "hi"));
        let html = read(r#"{"statusCode": 200, "headers": {"Content-Type": "text/html"}, "body": "<p>"}"#);
        assert_eq!(html, Ok((200, "text/html".to_owned(), "<p>".to_owned())));
    }

    #[test]
    fn headers_and_cookies_are_kept_but_for_those_of_the_connection() {
        let payload = r#"{"statusCode": 201, "headers": {"X-N": 1, "x-b": true, "x-null": null, "Content-Length": "9",
            "Transfer-Encoding": "chunked"}, "cookies": ["a=b; Secure", "c=d"]}"#;
        let (head, _) = answer(&Bytes::from_static(payload.as_bytes())).expect("an answer");
        let cookies: Vec<_> = head.headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=b; Secure", "c=d"]);
        assert_eq!((head.headers.get("x-n"), head.headers.len()), (Some(&HeaderValue::from_static("1")), 5));
        assert_eq!(head.headers.get("x-b"), Some(&HeaderValue::from_static("true")));
    }

    #[test]
    fn what_cannot_be_sent_is_malformed() {
        let many = format!(r#"{{"statusCode": 200, "cookies": [{}"a"]}}"#, r#""a","#.repeat(HEADERS_MAX));
        for wrong in [
            r#"{"statusCode": 100}"#,
            r#"{"statusCode": 600}"#,
            r#"{"statusCode": 200.5}"#,
            r#"{"statusCode": null}"#,
            r#"{"statusCode": "ok"}"#,
            r#"{"statusCode": 200, "headers": []}"#,
            r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
            r#"{"statusCode": 200, "headers": {"a": "b\r\nc: d"}}"#,
            r#"{"statusCode": 200, "headers": {"a": ["b"]}}"#,
            r#"{"statusCode": 200, "cookies": "a=b"}"#,
            r#"{"statusCode": 200, "cookies": ["a\nb"]}"#,
            r#"{"statusCode": 200, "body": "!", "isBase64Encoded": true}"#,
            &many,
        ] {
            assert_eq!(answer(&Bytes::from(wrong.to_owned())), Err(Malformed), "{wrong}");
        }
    }

    proptest! {
        /// Whatever a function returns, what is read of it can be sent.
        #[test]
        fn nothing_panics(payload: Vec<u8>) {
            if let Ok((head, _)) = answer(&Bytes::from(payload)) {
                prop_assert!(head.status.as_u16() >= 200 && head.headers.len() <= HEADERS_MAX + 1);
            }
        }
    }
}
