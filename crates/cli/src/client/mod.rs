//! Talks to a running service over its public API, as any AWS client would, and to its private routes for `ps`.
//!
//! No TLS (the service has none) and no signatures (it checks none): the `Authorization` header only says on whose
//! behalf and in which region a request is made.

mod error;
mod streaming;
mod target;

pub(crate) use error::ClientError;
pub(crate) use streaming::Streaming;
pub(crate) use target::{Target, account, region};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hearth_api::timeline::Wanted;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use target::{Service, credential};

/// An answer that is no error.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body, untouched.
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A connection to one service (a pool of them, kept alive).
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    endpoint: String,
    authorization: [Option<HeaderValue>; 2],
}

impl Client {
    /// For the service at `target`; opens no connection yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Endpoint`]
    pub(crate) fn new(target: &Target) -> Result<Self, ClientError> {
        let refuse = |reason| ClientError::Endpoint { endpoint: target.endpoint.clone(), reason };
        let uri: Uri = target.endpoint.parse().map_err(|_| refuse("it does not parse"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(refuse("the service speaks http only")),
            _ => return Err(refuse("it must begin with http://")),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(refuse("it names no host"));
        }
        let authorization = [Service::Lambda, Service::Logs].map(|service| credential(target, service));
        Ok(Self {
            http: HttpClient::builder(TokioExecutor::new()).build_http(),
            endpoint: target.endpoint.trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// A request to Lambda's REST API; `path` begins with the API's date.
    ///
    /// # Errors
    ///
    /// [`ClientError`]
    pub(crate) async fn lambda(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        self.send(path, self.to_lambda(method, path, headers), body).await
    }

    /// A request to Lambda's REST API whose answer is a stream of events.
    ///
    /// # Errors
    ///
    /// [`ClientError`]
    pub(crate) async fn stream(
        &self,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<Streaming, ClientError> {
        let (head, body) = self.request(path, self.to_lambda(Method::POST, path, headers), body).await?.into_parts();
        if head.status.is_success() {
            return Ok(Streaming::new(path, body));
        }
        Err(error::refusal(&whole(path, head, body).await?))
    }

    fn to_lambda(&self, method: Method, path: &str, headers: &[(HeaderName, &str)]) -> http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}/{path}", self.endpoint));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
        self.sign(request, Service::Lambda)
    }

    /// A request to CloudWatch Logs.
    ///
    /// # Errors
    ///
    /// [`ClientError`]
    pub(crate) async fn logs(&self, operation: &str, members: &Value) -> Result<Value, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/", self.endpoint))
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Logs_20140328.{operation}"));
        let body = Bytes::from(members.to_string());
        let answer = self.send(operation, self.sign(request, Service::Logs), body).await?;
        read_json(operation, &answer.body)
    }

    /// Every execution environment of the service.
    ///
    /// # Errors
    ///
    /// [`ClientError`]
    pub(crate) async fn environments(&self) -> Result<Value, ClientError> {
        let path = "_hearth/environments";
        let request = Request::builder().uri(format!("{}/{path}", self.endpoint));
        let answer = self.send(path, request, Bytes::new()).await?;
        read_json(path, &answer.body)
    }

    /// What execution environments have done: those of functions of a name, those whose id begins so.
    ///
    /// # Errors
    ///
    /// [`ClientError`]
    pub(crate) async fn timelines(&self, wanted: &Wanted) -> Result<Value, ClientError> {
        let path = "_hearth/timelines";
        let Wanted { function, account, region, environment } = wanted;
        let [function, account, region, environment] =
            [function, account, region, environment].map(|value| segment(value.as_deref().unwrap_or_default()));
        let query = format!("function={function}&account={account}&region={region}&environment={environment}");
        let uri = format!("{}/{path}?{query}", self.endpoint);
        let answer = self.send(path, Request::builder().uri(uri), Bytes::new()).await?;
        read_json(path, &answer.body)
    }

    fn sign(&self, request: http::request::Builder, service: Service) -> http::request::Builder {
        let [lambda, logs] = &self.authorization;
        let header = match service {
            Service::Lambda => lambda,
            Service::Logs => logs,
        };
        match header {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    async fn send(&self, what: &str, request: http::request::Builder, body: Bytes) -> Result<Answer, ClientError> {
        let (head, body) = self.request(what, request, body).await?.into_parts();
        let answer = whole(what, head, body).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(error::refusal(&answer)) }
    }

    async fn request(
        &self,
        what: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let named = || what.to_owned();
        let request = request.body(Full::new(body)).map_err(|source| ClientError::Request { what: named(), source })?;
        self.http.request(request).await.map_err(|source| {
            let endpoint = self.endpoint.clone();
            if source.is_connect() {
                ClientError::Unreachable { endpoint, source }
            } else {
                ClientError::Lost { endpoint, what: named(), source }
            }
        })
    }
}

/// The answer with its whole body.
async fn whole(what: &str, head: Parts, body: Incoming) -> Result<Answer, ClientError> {
    let broken = |source| ClientError::Broken { what: what.to_owned(), source };
    let body = body.collect().await.map_err(broken)?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// `text` as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Decodes a header such as `X-Amz-Log-Result`. Damaged base64 gives what could not be decoded as it came.
pub(crate) fn decoded(header: &str) -> String {
    match BASE64_STANDARD.decode(header) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => header.to_owned(),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|source| ClientError::Shape { what: what.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_work_is_refused_with_the_reason() {
        for (endpoint, reason) in [
            ("https://127.0.0.1:3001", "http only"),
            ("127.0.0.1:3001", "must begin with http://"),
            ("http://", "not parse"),
            ("a b", "not parse"),
        ] {
            let error =
                Client::new(&Target { endpoint: endpoint.into(), account: None, region: None }).expect_err(endpoint);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_segment_of_the_path() {
        assert_eq!(segment("../a?b"), "%2E%2E%2Fa%3Fb");
    }

    #[test]
    fn a_damaged_log_result_is_shown_as_it_came() {
        assert_eq!(decoded("aGk="), "hi");
        assert_eq!(decoded("%%"), "%%");
    }
}
