//! Hearth's own routes, below `/_hearth/`: for `hearth ps` and `hearth trace`, health checks, and the links by which
//! `GetFunction` lets code be downloaded. They are behind the same guard as everything else.

use crate::FrontDoor;
use crate::answer::{Answer, HttpResponse, refuse, respond, whole, with_request_id};
use crate::functions::internal;
use crate::task;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_api::error::{ApiError, Protocol};
use hearth_api::function::Code;
use hearth_api::timeline::Wanted;
use hearth_core::ids::RequestId;
use hearth_store::StoreError;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// Where these routes begin.
pub(crate) const PREFIX: &str = "/_hearth/";
/// How long a link to code works, seconds (documented: 10 minutes).
const LINK_S: i64 = 600;

/// Answers a request below [`PREFIX`].
pub(crate) async fn serve(door: &FrontDoor, head: &Parts, id: RequestId) -> HttpResponse {
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let result = match (&head.method, path) {
        (&Method::GET, "health") => Ok(Answer::ok(json!({ "status": "ok" }))),
        (&Method::GET, "environments") => {
            // What each uses is read from the kernel: with many, that is long for the executor.
            let environments = Arc::clone(&door.environments);
            let told = tokio::task::spawn_blocking(move || {
                Ok(json!({ "environments": environments.list(), "blanks": environments.blanks() }))
            });
            task::outcome(told, "environments").await.map(Answer::ok)
        }
        (&Method::GET, "timelines") => {
            let wanted = wanted(head.uri.query().unwrap_or_default());
            // Up to some 10 MB of JSON: not on the executor, and not for many at once.
            let reader = Arc::clone(&door.readers).acquire_owned().await.ok();
            let environments = Arc::clone(&door.environments);
            let told = tokio::task::spawn_blocking(move || {
                let _reader = reader;
                Ok(json!({ "environments": environments.timelines(&wanted) }))
            });
            task::outcome(told, "timelines").await.map(Answer::ok)
        }
        (&Method::GET, path) => match path.strip_prefix("code/").and_then(|link| door.links.open(link)) {
            Some(code) => match download(door, &code).await {
                Ok(zip) => return with_request_id(zip, id),
                Err(error) => Err(error),
            },
            None if path.starts_with("code/") => Err(ApiError::access_denied("the link is not valid or has expired")),
            None => Err(ApiError::unknown_operation(head.uri.path())),
        },
        _ => Err(ApiError::unknown_operation(head.uri.path())),
    };
    match result {
        Ok(answer) => respond(Ok(answer), Protocol::RestJson, id),
        Err(error) => refuse(&error, Protocol::RestJson, id),
    }
}

/// `function=NAME&account=ID&region=NAME&environment=ID`, any of them.
fn wanted(query: &str) -> Wanted {
    let of = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let value = value.filter(|value| !value.is_empty())?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    Wanted { function: of("function"), account: of("account"), region: of("region"), environment: of("environment") }
}

async fn download(door: &FrontDoor, code: &Code) -> Result<HttpResponse, ApiError> {
    let zip = door.stores.packages.zip(code).await.map_err(|error| match error {
        StoreError::NotFound(_) => ApiError::access_denied("the code of this link is gone"),
        other => internal(other),
    })?;
    let mut response = Response::new(whole(zip));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    let name = HeaderValue::from_static("attachment; filename=\"function.zip\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Makes and checks links that work without credentials and cannot be guessed: each carries what it is for, until when,
/// and a digest of both with a secret of this process. They end with the process.
#[derive(Debug)]
pub(crate) struct CodeLinks {
    secret: [u8; 32],
}

impl CodeLinks {
    /// With a secret of its own.
    pub(crate) fn new() -> Self {
        let mut secret = [0; 32];
        for (place, byte) in
            secret.iter_mut().zip([Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()].iter().flat_map(Uuid::as_bytes))
        {
            *place = *byte;
        }
        Self { secret }
    }

    /// `Code.Location` of a package, for a client that reached us by `authority`.
    pub(crate) fn location(&self, authority: &str, code: &Code) -> String {
        format!("http://{authority}{PREFIX}code/{}", self.link(code, Timestamp::now().as_second() + LINK_S))
    }

    fn link(&self, code: &Code, until: i64) -> String {
        let what = format!("{}.{}.{until}", URL_SAFE_NO_PAD.encode(&code.sha256), code.size);
        let token = URL_SAFE_NO_PAD.encode(self.seal(what.as_bytes()));
        format!("{what}.{token}")
    }

    /// The package of a link, if it is one of ours and still valid.
    fn open(&self, link: &str) -> Option<Code> {
        let (what, token) = link.rsplit_once('.')?;
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        // Compared by digest: how long that takes says nothing about the token.
        if Sha256::digest(token) != Sha256::digest(self.seal(what.as_bytes())) {
            return None;
        }
        let mut parts = what.split('.');
        let sha256 = String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
        let size = parts.next()?.parse().ok()?;
        let until: i64 = parts.next()?.parse().ok()?;
        (Timestamp::now().as_second() < until).then_some(Code { sha256, size })
    }

    /// Nested, so that nothing can be appended to what was sealed.
    fn seal(&self, what: &[u8]) -> [u8; 32] {
        let inner = Sha256::new().chain_update(self.secret).chain_update(what).finalize();
        Sha256::new().chain_update(self.secret).chain_update(inner).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_what_it_was_made_for_until_it_expires() {
        let links = CodeLinks::new();
        let code = Code { sha256: "a/b+c=".to_owned(), size: 7 };
        let now = Timestamp::now().as_second();
        let link = links.link(&code, now + 100);
        assert_eq!(links.open(&link), Some(code.clone()));
        assert_eq!(links.open(&links.link(&code, now - 1)), None);
        assert_eq!(CodeLinks::new().open(&link), None, "another process");
    }

    #[test]
    fn a_changed_link_opens_nothing() {
        let links = CodeLinks::new();
        let link = links.link(&Code { sha256: "x".to_owned(), size: 7 }, Timestamp::now().as_second() + 100);
        for wrong in [link.replacen(".7.", ".8.", 1), format!("{link}A"), link.replace('.', ""), String::new()] {
            assert_eq!(links.open(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_location_is_a_url_of_this_service() {
        let location = CodeLinks::new().location("127.0.0.1:3001", &Code { sha256: "x".to_owned(), size: 7 });
        assert!(location.starts_with("http://127.0.0.1:3001/_hearth/code/"), "{location}");
        assert!(location.parse::<http::Uri>().is_ok());
    }
}
