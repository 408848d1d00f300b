//! The event that a request to a function URL becomes: payload format 2.0.
//!
//! Source: developer guide, "Invoking Lambda function URLs" (request payload format); events recorded from AWS: cookies
//! stand in `cookies` and in the header `cookie` as well, and what has no content is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_core::ids::{AccountId, RequestId};
use http::header::{CONNECTION, CONTENT_TYPE, COOKIE, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::request::Parts;
use http::{HeaderName, Version};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Headers of the connection, not of the request.
const OF_THE_CONNECTION: [HeaderName; 5] =
    [CONNECTION, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive"), HeaderName::from_static("te")];

/// Who has signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its access key id.
    pub access_key: String,
    /// Its account.
    pub account: AccountId,
}

/// What of a request is not in its head or body.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The URL's id.
    pub id: &'a str,
    /// The host that the client named, without port.
    pub domain: &'a str,
    /// The port that it named, if it did.
    pub port: Option<&'a str>,
    /// From where it came.
    pub source: IpAddr,
    /// The invocation's id.
    pub request_id: RequestId,
    /// Its trace.
    pub trace_id: &'a str,
    /// Who has signed it; `None`: nobody was asked to.
    pub caller: Option<&'a Caller>,
    /// When it came.
    pub now: Timestamp,
}

/// The event.
#[must_use]
pub fn event(head: &Parts, body: &[u8], context: &Context<'_>) -> Bytes {
    let query = head.uri.query().unwrap_or_default();
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
    put("version", json!("2.0"));
    put("routeKey", json!("$default"));
    put("rawPath", json!(head.uri.path()));
    put("rawQueryString", json!(query));
    let cookies = cookies(head);
    if !cookies.is_empty() {
        put("cookies", Value::Array(cookies));
    }
    put("headers", Value::Object(headers(head, context)));
    let parameters = parameters(query);
    if !parameters.is_empty() {
        put("queryStringParameters", Value::Object(parameters));
    }
    put("requestContext", request_context(head, context));
    let text = if is_text(head) { std::str::from_utf8(body).ok() } else { None };
    if !body.is_empty() {
        put("body", text.map_or_else(|| Value::from(STANDARD.encode(body)), Value::from));
    }
    put("isBase64Encoded", Value::Bool(text.is_none() && !body.is_empty()));
    Bytes::from(Value::Object(event).to_string())
}

fn request_context(head: &Parts, context: &Context<'_>) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    let account = context.caller.map_or("anonymous", |caller| caller.account.as_str());
    put("accountId", json!(account));
    put("apiId", json!(context.id));
    if let Some(Caller { access_key, .. }) = context.caller {
        put("authentication", Value::Null);
        // Whoever has an account's key is its root here: there are no users and roles.
        let iam = json!({
            "accessKey": access_key, "accountId": account, "callerId": account, "cognitoIdentity": null,
            "principalOrgId": null, "userArn": format!("arn:aws:iam::{account}:root"), "userId": account,
        });
        put("authorizer", json!({ "iam": iam }));
    }
    put("domainName", json!(context.domain));
    put("domainPrefix", json!(context.id));
    let agent = head.headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
    let http = json!({
        "method": head.method.as_str(), "path": head.uri.path(), "protocol": protocol(head.version),
        "sourceIp": context.source.to_string(), "userAgent": agent,
    });
    put("http", http);
    put("requestId", json!(context.request_id.to_string()));
    put("routeKey", json!("$default"));
    put("stage", json!("$default"));
    let time = context.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
    put("time", json!(time));
    put("timeEpoch", json!(context.now.as_millisecond()));
    Value::Object(out)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// Lower-cased names, values of one name joined with commas; and what a proxy says of where the request came from.
fn headers(head: &Parts, context: &Context<'_>) -> Map<String, Value> {
    let mut out = Map::new();
    for name in head.headers.keys().filter(|name| !OF_THE_CONNECTION.contains(name)) {
        let separator = if name == COOKIE { "; " } else { "," };
        let values = head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        out.insert(name.as_str().to_owned(), Value::from(values.collect::<Vec<_>>().join(separator)));
    }
    // Over HTTP/2 the host is not a header.
    let authority = || context.port.map_or(context.domain.to_owned(), |port| format!("{}:{port}", context.domain));
    out.entry("host").or_insert_with(|| Value::from(authority()));
    let said = [
        ("x-amzn-trace-id", context.trace_id.to_owned()),
        ("x-forwarded-for", context.source.to_string()),
        ("x-forwarded-port", context.port.unwrap_or("80").to_owned()),
        ("x-forwarded-proto", "http".to_owned()),
    ];
    out.extend(said.map(|(name, value)| (name.to_owned(), Value::from(value))));
    out
}

fn cookies(head: &Parts) -> Vec<Value> {
    let values = head.headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut out = Vec::new();
    for value in values {
        out.extend(value.split(';').map(str::trim).filter(|cookie| !cookie.is_empty()).map(Value::from));
    }
    out
}

/// Decoded, values of one name joined with commas.
fn parameters(query: &str) -> Map<String, Value> {
    let mut out: Map<String, Value> = Map::new();
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value);
        match out.get_mut(&decode(name)) {
            Some(Value::String(known)) => {
                known.push(',');
                known.push_str(&value);
            }
            Some(_) | None => drop(out.insert(decode(name), Value::from(value))),
        }
    }
    out
}

/// Whether a body of this type is passed on as text (observed on AWS): everything else is base64, forms as well.
fn is_text(head: &Parts) -> bool {
    let given = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let of_text = ["application/json", "application/javascript", "application/xml"];
    essence.starts_with("text/")
        || of_text.contains(&essence.as_str())
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const DOMAIN: &str = "abc.lambda-url.us-east-1.localhost";

    fn made(request: http::request::Builder, body: &[u8], caller: Option<&Caller>) -> Value {
        let (head, ()) = request.body(()).expect("request").into_parts();
        let context = Context {
            id: "abc",
            domain: DOMAIN,
            port: Some("3001"),
            source: [192, 0, 2, 7].into(),
            request_id: RequestId(1),
            trace_id: "Root=1-0-0",
            caller,
            now: Timestamp::from_millisecond(1_691_114_702_522).expect("a time"),
        };
        serde_json::from_slice(&event(&head, body, &context)).expect("JSON")
    }

    #[test]
    fn a_plain_request_is_as_recorded() {
        let request =
            Request::get("/a%20b?name=Bob").header("host", format!("{DOMAIN}:3001")).header("User-Agent", "x");
        let expected = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/a%20b", "rawQueryString": "name=Bob",
            "headers": {
                "host": "abc.lambda-url.us-east-1.localhost:3001", "user-agent": "x", "x-amzn-trace-id": "Root=1-0-0",
                "x-forwarded-for": "192.0.2.7", "x-forwarded-port": "3001", "x-forwarded-proto": "http",
            },
            "queryStringParameters": { "name": "Bob" },
            "requestContext": {
                "accountId": "anonymous", "apiId": "abc", "domainName": DOMAIN, "domainPrefix": "abc",
                "http": {
                    "method": "GET", "path": "/a%20b", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "x",
                },
                "requestId": "00000000-0000-0000-0000-000000000001", "routeKey": "$default", "stage": "$default",
                "time": "04/Aug/2023:02:05:02 +0000", "timeEpoch": 1_691_114_702_522_i64,
            },
            "isBase64Encoded": false,
        });
        assert_eq!(made(request, b"", None).to_string(), expected.to_string(), "also in this order");
    }

    #[test]
    fn repeated_headers_cookies_and_parameters() {
        let request = Request::get("/?a=1&b=x+y%2C&a=2&c&=d")
            .header("X-Two", "1")
            .header("x-two", "2")
            .header("cookie", "a=b; c=d")
            .header("cookie", "e=f")
            .header("connection", "keep-alive");
        let made = made(request, b"", None);
        assert_eq!(made["headers"]["x-two"], "1,2");
        assert_eq!(made["headers"]["cookie"], "a=b; c=d; e=f");
        assert_eq!(made["headers"].get("connection"), None);
        assert_eq!(made["cookies"], json!(["a=b", "c=d", "e=f"]));
        assert_eq!(made["queryStringParameters"], json!({ "a": "1,2", "b": "x y,", "c": "", "": "d" }));
    }

    #[test]
    fn only_what_is_text_comes_as_text() {
        let body = |content_type: Option<&str>, body: &[u8]| {
            let mut request = Request::post("/");
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let made = made(request, body, None);
            (made["body"].as_str().map(str::to_owned), made["isBase64Encoded"] == true)
        };
        let text = |text: &str| (Some(text.to_owned()), false);
        for of_text in ["text/plain", "application/json; charset=utf-8", "application/xml", "application/problem+json"]
        {
            assert_eq!(body(Some(of_text), "é".as_bytes()), text("é"), "{of_text}");
        }
        for binary in [Some("application/x-www-form-urlencoded"), Some("multipart/form-data; boundary=x"), None] {
            assert_eq!(body(binary, b"a=b"), (Some("YT1i".to_owned()), true), "{binary:?}");
        }
        assert_eq!(body(Some("text/plain"), b"\xff"), (Some("/w==".to_owned()), true), "not UTF-8");
        assert_eq!(body(Some("text/plain"), b""), (None, false));
    }

    #[test]
    fn a_caller_who_signed_is_named() {
        let account = AccountId::parse("123456789012").expect("account");
        let caller = Caller { access_key: "AKIA".to_owned(), account };
        let context = &made(Request::get("/"), b"", Some(&caller))["requestContext"];
        assert_eq!(context["accountId"], "123456789012");
        let iam = &context["authorizer"]["iam"];
        assert_eq!((&iam["accessKey"], &iam["userArn"]), (&json!("AKIA"), &json!("arn:aws:iam::123456789012:root")));
        assert_eq!(context["authentication"], Value::Null);
    }
}
