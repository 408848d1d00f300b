//! Keeps web pages out. A page that a developer happens to open can make their browser send requests to a local port;
//! this service deploys and runs code without verifying signatures, so such a request must not be served.
//!
//! Three signs give a browser away, and each alone is enough to be refused: an `Origin` that is not our own, fetch
//! metadata that says the request comes from another site, and a `Host` that is none of our names (DNS rebinding: the
//! page's own name made to resolve to this machine). Clients of the AWS SDKs send none of them.
//!
//! Function URLs are there for web pages, and have hosts of their own for that: the API is not served on those, and a page
//! that a function sends is of another origin than the API.

use crate::url::Address;
use hearth_api::error::ApiError;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use std::net::{IpAddr, SocketAddr};

/// Names under which the service may be addressed.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// The address it listens on; an unspecified one stands for every address of this machine.
    address: IpAddr,
    names: Vec<String>,
}

impl Hosts {
    /// Those of a listener, and what the operator added.
    pub(crate) fn new(listener: SocketAddr, names: &[String]) -> Self {
        Self { address: listener.ip(), names: names.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// The function URL that a request is for; `None`: it is for the API, or for nobody.
    pub(crate) fn function_url(&self, head: &Parts) -> Option<Address> {
        let authority = authority(head)?;
        let (host, port) = split(&authority);
        Address::parse(host, port, &self.names)
    }

    /// Refuses a request that a web page may have caused; returns the authority (`host:port`) it was sent to.
    pub(crate) fn admit(&self, head: &Parts) -> Result<String, ApiError> {
        let denied = |why: &str| Err(ApiError::access_denied(why));
        let Some(authority) = authority(head) else { return denied("the request names no host") };
        if !self.serves(split(&authority).0) {
            return denied("this service does not serve the host that the request names");
        }
        for origin in head.headers.get_all(ORIGIN) {
            let own = origin.to_str().is_ok_and(|origin| {
                origin.strip_prefix("http://").is_some_and(|rest| rest.eq_ignore_ascii_case(&authority))
            });
            if !own {
                return denied("requests from web pages of other origins are refused");
            }
        }
        match head.headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
            None | Some(b"none" | b"same-origin") => Ok(authority),
            Some(_) => denied("requests from web pages of other sites are refused"),
        }
    }

    /// An address can only be reached by the page of another name if that page names it, and then `Origin` tells: so
    /// with an unspecified listen address every literal address passes.
    fn serves(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
        if let Ok(address) = literal.parse::<IpAddr>() {
            return address == self.address || address.is_loopback() || self.address.is_unspecified();
        }
        if Address::parse(&host, None, &self.names).is_some() {
            return false;
        }
        host == "localhost" || host.ends_with(".localhost") || self.names.contains(&host)
    }
}

/// `Host` (exactly one) or, over HTTP/2, `:authority`.
fn authority(head: &Parts) -> Option<String> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let header = hosts.next().map(|value| value.to_str().ok());
    if hosts.next().is_some() {
        return None;
    }
    let target = head.uri.authority().map(http::uri::Authority::as_str);
    match (header, target) {
        (Some(None), _) | (None, None) => None,
        (Some(Some(header)), Some(target)) if !header.eq_ignore_ascii_case(target) => None,
        (Some(Some(text)), _) | (None, Some(text)) => Some(text.to_owned()),
    }
}

/// Host and port.
pub(crate) fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(':') => {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn admit(listener: &str, headers: &[(&str, &str)]) -> Result<String, ApiError> {
        let hosts = Hosts::new(listener.parse().expect("address"), &["lambda.test".to_owned()]);
        let mut request = Request::builder().uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        hosts.admit(&request.body(()).expect("request").into_parts().0)
    }

    #[test]
    fn our_names_are_served_with_and_without_port() {
        let local =
            ["127.0.0.1:3001", "127.0.0.1", "localhost:3001", "[::1]:3001", "LOCALHOST", "x.lambda.localhost:1"];
        for host in local.into_iter().chain(["lambda.test:80"]) {
            assert!(admit("127.0.0.1:3001", &[("host", host)]).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_rebound_name_is_refused() {
        for host in
            ["evil.example", "evil.example:3001", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", ""]
        {
            assert!(admit("127.0.0.1:3001", &[("host", host)]).is_err(), "{host}");
        }
        assert!(admit("127.0.0.1:3001", &[]).is_err());
        assert!(admit("127.0.0.1:3001", &[("host", "localhost"), ("host", "evil.example")]).is_err());
    }

    #[test]
    fn the_api_is_not_served_on_hosts_of_function_urls() {
        for host in ["abc.lambda-url.us-east-1.localhost:3001", "abc.lambda-url.us-east-1.lambda.test"] {
            assert!(admit("127.0.0.1:3001", &[("host", host)]).is_err(), "{host}");
        }
        let page = ("origin", "http://abc.lambda-url.us-east-1.localhost:3001");
        assert!(admit("127.0.0.1:3001", &[("host", "localhost:3001"), page]).is_err());
    }

    #[test]
    fn every_literal_address_is_served_when_we_listen_on_all() {
        assert!(admit("0.0.0.0:3001", &[("host", "192.0.2.7:3001")]).is_ok());
        assert!(admit("0.0.0.0:3001", &[("host", "evil.example:3001")]).is_err());
    }

    #[test]
    fn a_foreign_origin_is_refused_even_for_a_name_of_ours() {
        let host = ("host", "localhost:3001");
        assert!(admit("127.0.0.1:3001", &[host, ("origin", "http://localhost:3001")]).is_ok());
        for origin in ["http://localhost:8080", "https://localhost:3001", "https://evil.example", "null", ""] {
            assert!(admit("127.0.0.1:3001", &[host, ("origin", origin)]).is_err(), "{origin}");
        }
        assert!(admit("127.0.0.1:3001", &[host, ("sec-fetch-site", "cross-site")]).is_err());
    }
}
