//! CORS of a function URL: the service answers preflights itself, and sets the headers of all other answers in the place
//! of the function's.
//!
//! Source: API reference, "Cors"; the Fetch standard for what browsers make of it.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

/// `Cors`, as it was given: members that were not are not shown either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(default)]
pub struct Cors {
    /// Whether cookies and the like may be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Request headers that a page may set; `*` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_headers: Option<Vec<String>>,
    /// Methods that a page may use; `*` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_methods: Option<Vec<String>>,
    /// Origins whose pages may call; `*` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_origins: Option<Vec<String>>,
    /// Headers of the answer that a page may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expose_headers: Option<Vec<String>>,
    /// How long a browser may remember the answer to a preflight, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
}

/// The headers that a function's answer may not have where the service sets them.
const OURS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// Whether a browser asks what it may do.
#[must_use]
pub fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// The headers of the answer to a preflight; none that allows anything to an origin, method or header that is not
    /// allowed.
    #[must_use]
    pub fn preflight(&self, asked: &HeaderMap) -> HeaderMap {
        let mut out = HeaderMap::new();
        let method = asked.get(ACCESS_CONTROL_REQUEST_METHOD).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let wanted = asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|value| value.to_str().ok());
        let wanted: Vec<_> =
            wanted.flat_map(|list| list.split(',')).map(str::trim).filter(|it| !it.is_empty()).collect();
        let allowed = lists(self.allow_methods.as_ref(), method, str::eq)
            && wanted.iter().all(|name| lists(self.allow_headers.as_ref(), name, str::eq_ignore_ascii_case));
        if !allowed || !self.origin(asked, &mut out) {
            return out;
        }
        put(&mut out, ACCESS_CONTROL_ALLOW_METHODS, &self.joined(self.allow_methods.as_ref(), method));
        put(&mut out, ACCESS_CONTROL_ALLOW_HEADERS, &self.joined(self.allow_headers.as_ref(), &wanted.join(",")));
        if let Some(seconds) = self.max_age {
            out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
        out
    }

    /// Sets the headers of any other answer to a request with headers `asked`.
    pub fn apply(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        for name in OURS {
            answer.remove(name);
        }
        let mut out = HeaderMap::new();
        if self.origin(asked, &mut out) {
            let exposed = self.expose_headers.as_ref().map(|list| list.join(","));
            put(&mut out, ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.unwrap_or_default());
        }
        for (name, value) in &out {
            answer.append(name, value.clone());
        }
    }

    /// Writes who asked, if it may; says whether it does.
    fn origin(&self, asked: &HeaderMap, out: &mut HeaderMap) -> bool {
        let origins = self.allow_origins.as_deref().unwrap_or_default();
        let any = origins.iter().any(|origin| origin == "*");
        let credentials = self.allow_credentials == Some(true);
        if !any || credentials {
            out.insert(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = asked.get(ORIGIN) else { return false };
        let listed = |origin: &str| origins.iter().any(|known| known.eq_ignore_ascii_case(origin));
        if !any && !origin.to_str().is_ok_and(listed) {
            return false;
        }
        // With credentials, browsers do not take `*` for an origin.
        let said = if any && !credentials { HeaderValue::from_static("*") } else { origin.clone() };
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, said);
        if credentials {
            out.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    /// The list as it is written; what was asked for where credentials make `*` an ordinary name.
    fn joined(&self, list: Option<&Vec<String>>, asked: &str) -> String {
        let list = list.map(Vec::as_slice).unwrap_or_default();
        if self.allow_credentials == Some(true) && list.iter().any(|it| it == "*") {
            return asked.to_owned();
        }
        list.join(",")
    }
}

/// What was never listed is not allowed.
fn lists(list: Option<&Vec<String>>, wanted: &str, same: impl Fn(&str, &str) -> bool) -> bool {
    list.is_some_and(|list| list.iter().any(|known| known == "*" || same(known, wanted)))
}

fn put(out: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Some(value) = HeaderValue::from_str(value).ok().filter(|_| !value.is_empty()) {
        out.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(json: &str) -> Cors {
        serde_json::from_str(json).expect("valid")
    }

    fn asked(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn said(headers: &HeaderMap, name: &str) -> Option<String> {
        headers.get(name).map(|value| value.to_str().expect("text").to_owned())
    }

    const PREFLIGHT: [(&str, &str); 3] = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "X-One, x-two"),
    ];

    #[test]
    fn what_is_listed_is_allowed() {
        let cors = cors(
            r#"{"AllowOrigins": ["https://a.example"], "AllowMethods": ["PUT"], "AllowHeaders": ["x-one", "x-two"],
                "MaxAge": 60, "AllowCredentials": true}"#,
        );
        let answer = cors.preflight(&asked(&PREFLIGHT));
        let expected = [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-methods", "PUT"),
            ("access-control-allow-headers", "x-one,x-two"),
            ("access-control-max-age", "60"),
            ("access-control-allow-credentials", "true"),
            ("vary", "Origin"),
        ];
        assert_eq!(answer, asked(&expected));
    }

    #[test]
    fn what_is_not_listed_is_not() {
        for wrong in [
            r#"{"AllowOrigins": ["https://b.example"], "AllowMethods": ["*"], "AllowHeaders": ["*"]}"#,
            r#"{"AllowOrigins": ["*"], "AllowMethods": ["GET"], "AllowHeaders": ["*"]}"#,
            r#"{"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["x-one"]}"#,
            r#"{"AllowOrigins": ["*"], "AllowMethods": ["*"]}"#,
            r#"{"AllowMethods": ["*"], "AllowHeaders": ["*"]}"#,
        ] {
            assert_eq!(
                said(&cors(wrong).preflight(&asked(&PREFLIGHT)), "access-control-allow-origin"),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_star_is_said_as_it_is_unless_credentials_are_allowed() {
        let open = cors(r#"{"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"]}"#);
        let answer = open.preflight(&asked(&PREFLIGHT));
        for name in ["origin", "methods", "headers"] {
            assert_eq!(said(&answer, &format!("access-control-allow-{name}")).as_deref(), Some("*"));
        }
        let trusting = Cors { allow_credentials: Some(true), ..open };
        let answer = trusting.preflight(&asked(&PREFLIGHT));
        assert_eq!(said(&answer, "access-control-allow-origin").as_deref(), Some("https://a.example"));
        assert_eq!(said(&answer, "access-control-allow-methods").as_deref(), Some("PUT"));
        assert_eq!(said(&answer, "access-control-allow-headers").as_deref(), Some("X-One,x-two"));
    }

    #[test]
    fn the_services_headers_take_the_place_of_the_functions() {
        let cors = cors(r#"{"AllowOrigins": ["https://a.example"], "ExposeHeaders": ["x-seen", "x-too"]}"#);
        let mut answer = asked(&[("access-control-allow-origin", "*"), ("access-control-allow-methods", "*")]);
        cors.apply(&asked(&[("origin", "https://a.example")]), &mut answer);
        let expected = [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-expose-headers", "x-seen,x-too"),
            ("vary", "Origin"),
        ];
        assert_eq!(answer, asked(&expected));
        cors.apply(&asked(&[("origin", "https://b.example")]), &mut answer);
        assert_eq!(said(&answer, "access-control-allow-origin"), None);
    }
}
