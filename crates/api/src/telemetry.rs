//! A subscription to the Telemetry API or the Logs API: the body of the request, and everything that can be wrong with it.
//!
//! Source: AWS Lambda developer guide, "Telemetry API reference" and the page of the Logs API; RIE for managed instances,
//! `telemetry-subscription-schema.json`. What is wrong is listed whole, as AWS does.

use hearth_core::limits::{TELEMETRY_MAX_BYTES, TELEMETRY_MAX_ITEMS, TELEMETRY_TIMEOUT_MS};
use hearth_core::network::{NAMES, exposable};
use hearth_core::telemetry::{Api, Buffering, Destination, Schema, Subscription, Types};
use http::Uri;
use serde::Deserialize;

/// The error type of every refusal.
pub const INVALID: &str = "ValidationError";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    schema_version: Option<String>,
    #[serde(default)]
    types: Vec<String>,
    destination: Option<To>,
    #[serde(default)]
    buffering: When,
}

#[derive(Deserialize)]
struct To {
    protocol: Option<String>,
    #[serde(rename = "URI")]
    uri: Option<String>,
    port: Option<u64>,
    method: Option<String>,
    encoding: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct When {
    max_items: Option<u64>,
    max_bytes: Option<u64>,
    timeout_ms: Option<u64>,
}

/// The subscription in a body.
///
/// # Errors
///
/// All that is wrong with it, for the caller to read.
pub fn subscription(api: Api, body: &[u8]) -> Result<Subscription, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| format!("failed to parse JSON: {error}"))?;
    let mut wrong = Vec::new();
    let schema = schema(api, body.schema_version.as_deref(), &mut wrong);
    let destination = destination(api, body.destination, &mut wrong);
    let types = types(&body.types, &mut wrong);
    let When { max_items, max_bytes, timeout_ms } = body.buffering;
    let items = within("maxItems", max_items, TELEMETRY_MAX_ITEMS, &mut wrong);
    let bytes = within("maxBytes", max_bytes, TELEMETRY_MAX_BYTES, &mut wrong);
    let timeout_ms = within("timeoutMs", timeout_ms, TELEMETRY_TIMEOUT_MS, &mut wrong);
    match (schema, destination) {
        (Some(schema), Some(destination)) if wrong.is_empty() => {
            let size = |value| usize::try_from(value).unwrap_or(usize::MAX);
            let buffering = Buffering { max_items: size(items), max_bytes: size(bytes), timeout_ms };
            Ok(Subscription { schema, types, destination, buffering })
        }
        _ => Err(wrong.join("; ")),
    }
}

fn schema(api: Api, version: Option<&str>, wrong: &mut Vec<String>) -> Option<Schema> {
    let version = match (api, version) {
        // Older than the member itself.
        (Api::Logs, None) => return Some(Schema::Logs20200815),
        (Api::Telemetry, None) => {
            wrong.push("schemaVersion is not provided".to_owned());
            return None;
        }
        (_, Some(version)) => version,
    };
    let schema = Schema::parse(api, version);
    if schema.is_none() {
        wrong.push(format!("schemaVersion {} is not supported", shown(version)));
    }
    schema
}

fn types(names: &[String], wrong: &mut Vec<String>) -> Types {
    let mut types = Types::default();
    if names.is_empty() {
        wrong.push("types should not be empty".to_owned());
    }
    for name in names {
        match name.as_str() {
            "platform" => types.platform = true,
            "function" => types.function = true,
            "extension" => types.extension = true,
            other => {
                wrong.push(format!("type {} is not supported", shown(other)));
                break;
            }
        }
    }
    types
}

fn destination(api: Api, to: Option<To>, wrong: &mut Vec<String>) -> Option<Destination> {
    let found = match to {
        None => Err("destination is not provided".to_owned()),
        Some(to) => match to.protocol.as_deref() {
            Some("HTTP") => http(api, &to),
            Some("TCP") => match to.port {
                None => Err("port is not provided".to_owned()),
                Some(port) => port_of(port).map(|port| Destination::Tcp { port }),
            },
            None => Err("protocol is not provided".to_owned()),
            Some(other) => Err(format!("protocol {} is not supported", shown(other))),
        },
    };
    found.map_err(|what| wrong.push(what)).ok()
}

fn http(api: Api, to: &To) -> Result<Destination, String> {
    let put = match (api, to.method.as_deref()) {
        (Api::Telemetry, _) | (Api::Logs, None | Some("POST")) => false,
        (Api::Logs, Some("PUT")) => true,
        (Api::Logs, Some(other)) => return Err(format!("method {} is not supported", shown(other))),
    };
    if let (Api::Logs, Some(other)) = (api, to.encoding.as_deref().filter(|encoding| *encoding != "JSON")) {
        return Err(format!("encoding {} is not supported", shown(other)));
    }
    let text = to.uri.as_deref().unwrap_or_default();
    let uri: Uri = text.parse().map_err(|_| format!("URI {} is not valid", shown(text)))?;
    if uri.scheme_str() != Some("http") {
        return Err("URI scheme should be http".to_owned());
    }
    let [_, (long, _), (short, _)] = NAMES;
    if !uri.host().is_some_and(|host| host == long || host == short) {
        return Err(format!("URI host should be {long}"));
    }
    let port = uri.port_u16().ok_or_else(|| "URI port is not provided".to_owned())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Destination::Http { port: port_of(port.into())?, path, put })
}

fn port_of(port: u64) -> Result<u16, String> {
    match u16::try_from(port) {
        Err(_) | Ok(0) => Err(format!("port should be between 1 and {}", u16::MAX)),
        // 9001 is AWS's as well.
        Ok(port) if !exposable(port) => Err(format!("port {port} is reserved")),
        Ok(port) => Ok(port),
    }
}

fn within(name: &str, value: Option<u64>, (min, max, default): (u64, u64, u64), wrong: &mut Vec<String>) -> u64 {
    let value = value.unwrap_or(default);
    if !(min..=max).contains(&value) {
        wrong.push(format!("buffering.{name} should be between {min} and {max}"));
    }
    value
}

/// A word of the caller's, at a length that an answer can have.
fn shown(word: &str) -> String {
    word.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(api: Api, body: &Value) -> Result<Subscription, String> {
        subscription(api, body.to_string().as_bytes())
    }

    fn usual() -> Value {
        json!({"schemaVersion": "2022-12-13", "types": ["platform", "extension"],
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/some/path?x=1"}})
    }

    #[test]
    fn what_is_left_out_has_the_documented_value() {
        let path = "/some/path?x=1".to_owned();
        let buffering = Buffering { max_items: 10_000, max_bytes: 262_144, timeout_ms: 1_000 };
        let types = Types { platform: true, function: false, extension: true };
        let (schema, destination) = (Schema::Telemetry20221213, Destination::Http { port: 8080, path, put: false });
        assert_eq!(of(Api::Telemetry, &usual()), Ok(Subscription { schema, types, destination, buffering }));
        let logs = json!({"types": ["function"], "destination": {"protocol": "TCP", "port": 65535},
            "buffering": {"maxItems": 1000, "maxBytes": 1048576, "timeoutMs": 25}});
        let logs = of(Api::Logs, &logs).unwrap();
        assert_eq!((logs.schema, logs.destination), (Schema::Logs20200815, Destination::Tcp { port: 65535 }));
        assert_eq!(logs.buffering, Buffering { max_items: 1_000, max_bytes: 1_048_576, timeout_ms: 25 });
    }

    #[test]
    fn each_thing_that_is_wrong_is_said() {
        for (pointer, value, text) in [
            ("/schemaVersion", json!("2020-08-15"), "schemaVersion 2020-08-15 is not supported"),
            ("/schemaVersion", Value::Null, "schemaVersion is not provided"),
            ("/types", json!([]), "types should not be empty"),
            ("/types", json!(["platform", "all"]), "type all is not supported"),
            ("/destination", Value::Null, "destination is not provided"),
            ("/destination/protocol", json!("UDP"), "protocol UDP is not supported"),
            ("/destination/protocol", json!("TCP"), "port is not provided"),
            ("/destination/URI", json!("http://sandbox.localdomain/path"), "URI port is not provided"),
            ("/destination/URI", json!("http://127.0.0.1:80/"), "URI host should be sandbox.localdomain"),
            ("/destination/URI", json!("https://sandbox:80/"), "URI scheme should be http"),
            ("/destination/URI", json!("http://sandbox.localdomain:9001/"), "port 9001 is reserved"),
            ("/destination/URI", json!("no\nuri"), "URI no\nuri is not valid"),
        ] {
            let mut body = usual();
            *body.pointer_mut(pointer).unwrap() = value;
            assert_eq!(of(Api::Telemetry, &body), Err(text.to_owned()), "{pointer}");
        }
        for (name, range) in
            [("maxItems", "1000 and 10000"), ("maxBytes", "262144 and 1048576"), ("timeoutMs", "25 and 30000")]
        {
            for value in [24, 2_000_000] {
                let mut body = usual();
                body["buffering"] = json!({name: value});
                assert_eq!(of(Api::Telemetry, &body), Err(format!("buffering.{name} should be between {range}")));
            }
        }
        let two = json!({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}});
        assert_eq!(of(Api::Logs, &two), Err("URI port is not provided; types should not be empty".to_owned()));
        assert!(subscription(Api::Telemetry, b"{").unwrap_err().starts_with("failed to parse JSON: "));
    }

    #[test]
    fn the_logs_api_may_be_sent_to_by_put() {
        let body = json!({"schemaVersion": "2021-03-18", "types": ["platform"], "destination":
            {"protocol": "HTTP", "URI": "http://sandbox:1", "method": "PUT", "encoding": "JSON"}});
        let path = "/".to_owned();
        assert_eq!(of(Api::Logs, &body).unwrap().destination, Destination::Http { port: 1, path, put: true });
    }
}
