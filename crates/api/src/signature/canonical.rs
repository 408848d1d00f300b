//! The canonical form of a request, which both sides sign.

use super::decoded;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::fmt::Write as _;

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in a path.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The canonical request.
pub(super) fn request(head: &Parts, signed_headers: &[&str], payload_hash: &str) -> String {
    let mut out = format!("{}\n{}\n{}\n", head.method, path(head.uri.path()), query(head));
    for name in signed_headers {
        // Cannot fail: it writes to a string.
        writeln!(out, "{name}:{}", header(head, name)).unwrap_or_default();
    }
    write!(out, "\n{}\n{payload_hash}", signed_headers.join(";")).unwrap_or_default();
    out
}

/// The first value of a query parameter, decoded.
pub(super) fn query_value(head: &Parts, name: &str) -> Option<String> {
    let query = head.uri.query().unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(decoded)
}

/// Without `.`, `..` and empty segments, and encoded once more: all services but S3 do so.
fn path(raw: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let end = if raw.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    let normal = format!("/{}{end}", segments.join("/"));
    percent_encode(normal.as_bytes(), RESERVED_IN_PATH).to_string()
}

/// Sorted, in one encoding, and without the signature of a presigned URL.
fn query(head: &Parts) -> String {
    let encode = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&bytes, RESERVED).to_string()
    };
    let raw = head.uri.query().unwrap_or_default();
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The values of a header: each trimmed and with single spaces, joined with commas.
fn header(head: &Parts, name: &str) -> String {
    let values = head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut values: Vec<String> = values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    // Over HTTP/2 the host is not a header.
    if values.is_empty() && name == "host" {
        values.extend(head.uri.authority().map(|authority| authority.as_str().to_owned()));
    }
    values.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn paths_are_normal_and_encoded_twice() {
        for (raw, canonical) in [
            ("/", "/"),
            ("//", "/"),
            ("/a/./b/../c/", "/a/c/"),
            ("/../..", "/"),
            ("/a%20b", "/a%2520b"),
            ("/~x/é", "/~x/%C3%A9"),
        ] {
            assert_eq!(path(raw), canonical, "{raw}");
        }
    }

    #[test]
    fn queries_are_sorted_and_encoded_once() {
        let uri = "/?b=2&a=%7e&a=1&c&X-Amz-Signature=00&d=x%2By/z";
        let (head, ()) = Request::get(uri).body(()).expect("request").into_parts();
        assert_eq!(query(&head), "a=1&a=~&b=2&c=&d=x%2By%2Fz");
    }

    #[test]
    fn headers_are_trimmed_and_joined() {
        let request = Request::get("/").header("X-A", "  a   b ").header("x-a", "c").body(()).expect("request");
        assert_eq!(header(&request.into_parts().0, "x-a"), "a b,c");
    }
}
