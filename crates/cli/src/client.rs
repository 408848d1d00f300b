//! Talks to a running service over its public API, as any AWS client would, and to its private routes for `ps`.
//!
//! No TLS (the service has none) and no signatures (it checks none): the `Authorization` header only says on whose
//! behalf and in which region a request is made.

use crate::output;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Which service to talk to, and as whom.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// URL of the service
    #[arg(long, env = "HEARTH_ENDPOINT", default_value = "http://127.0.0.1:3001", value_name = "URL")]
    pub(crate) endpoint: String,
    /// Account, twelve digits [default: AWS_ACCESS_KEY_ID if it is one, else the service's own]
    #[arg(long, value_parser = account, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Region [default: AWS_REGION, else AWS_DEFAULT_REGION, else the service's own]
    #[arg(long, value_parser = region, value_name = "NAME")]
    pub(crate) region: Option<String>,
}

impl Target {
    /// What the command line leaves open is taken from where the AWS CLI would take it, so that both see the same.
    pub(crate) fn completed(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        self.account = self.account.or_else(|| set("AWS_ACCESS_KEY_ID").and_then(|id| account(&id).ok()));
        self.region = self.region.or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
        self
    }
}

/// For `--account`.
pub(crate) fn account(text: &str) -> Result<String, String> {
    let parsed = hearth_core::ids::AccountId::parse(text).ok_or("an account is twelve digits")?;
    Ok(parsed.to_string())
}

/// For `--region`.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let parsed = hearth_core::ids::Region::parse(text);
    Ok(parsed.ok_or("a region is lower-case letters, digits and dashes, such as us-east-1")?.to_string())
}

/// Why the service gave no answer, or none that we wanted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The URL cannot be used.
    #[error("{endpoint:?} is not the URL of a service: {reason}")]
    Endpoint {
        /// As given.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody there.
    #[error("no service answers at {endpoint} (`hearth up` starts one)")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        source: hyper_util::client::legacy::Error,
    },
    /// The connection broke in the middle.
    #[error("read the answer to {what}")]
    Broken {
        /// The request.
        what: String,
        /// Why.
        source: hyper::Error,
    },
    /// A request that HTTP cannot carry.
    #[error("build the request to {what}")]
    Request {
        /// The request.
        what: String,
        /// Why.
        source: http::Error,
    },
    /// The service refused.
    #[error("{code}: {message}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// AWS's error code.
        code: String,
        /// Its text.
        message: String,
    },
    /// The answer is no JSON, or not the JSON that was asked for.
    #[error("the answer to {what} is not what the API promises")]
    Shape {
        /// The request.
        what: String,
        /// Where it differs.
        source: serde_json::Error,
    },
}

impl ClientError {
    /// Whether the service answered with this AWS error code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

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

/// Which of the service's APIs: the credential scope names it.
#[derive(Clone, Copy, Debug)]
enum Service {
    Lambda,
    Logs,
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
        let mut request = Request::builder().method(method).uri(format!("{}/{path}", self.endpoint));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(path, self.sign(request, Service::Lambda), body).await
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
        let named = || what.to_owned();
        let request = request.body(Full::new(body)).map_err(|source| ClientError::Request { what: named(), source })?;
        let response = self
            .http
            .request(request)
            .await
            .map_err(|source| ClientError::Unreachable { endpoint: self.endpoint.clone(), source })?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|source| ClientError::Broken { what: named(), source })?.to_bytes();
        let answer = Answer { status: head.status, headers: head.headers, body };
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }
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

/// Names account and region as SigV4 does. `None` leaves both to the service. What is left open alone is left empty,
/// which no account and no region is, so that the service's own default applies to that one too.
fn credential(target: &Target, service: Service) -> Option<HeaderValue> {
    if target.account.is_none() && target.region.is_none() {
        return None;
    }
    let date = output::timestamp(output::now_ms()).chars().filter(char::is_ascii_digit).take(8).collect::<String>();
    let account = target.account.as_deref().unwrap_or("hearth");
    let region = target.region.as_deref().unwrap_or_default();
    let service = match service {
        Service::Lambda => "lambda",
        Service::Logs => "logs",
    };
    let text = format!(
        "AWS4-HMAC-SHA256 Credential={account}/{date}/{region}/{service}/aws4_request, SignedHeaders=host, Signature={}",
        "0".repeat(64)
    );
    HeaderValue::from_str(&text).ok()
}

/// Reads AWS's error, in the form of either API; whatever else answers is shown by its status.
fn refusal(answer: &Answer) -> ClientError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let code = answer.header("x-amzn-errortype").or_else(|| text("__type")).or_else(|| text("Code"));
    // `Code:documentation-url` in Lambda's header, `namespace#Code` in the body of Logs.
    let code = code.and_then(|code| code.split(':').next()).and_then(|code| code.rsplit('#').next());
    let message = text("message").or_else(|| text("Message")).map(str::to_owned);
    ClientError::Refused {
        status: answer.status,
        code: code.map_or_else(|| format!("HTTP {}", answer.status), str::to_owned),
        message: message.unwrap_or_else(|| String::from_utf8_lossy(&answer.body).trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(account: Option<&str>, region: Option<&str>) -> Target {
        Target {
            endpoint: "http://127.0.0.1:1".into(),
            account: account.map(str::to_owned),
            region: region.map(str::to_owned),
        }
    }

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn account_and_region_travel_in_the_credential_scope() {
        let header = credential(&target(Some("111122223333"), Some("eu-west-1")), Service::Logs).expect("a header");
        let text = header.to_str().expect("ascii");
        assert!(text.starts_with("AWS4-HMAC-SHA256 Credential=111122223333/2"), "{text}");
        assert!(text.contains("/eu-west-1/logs/aws4_request, SignedHeaders=host, Signature=000"), "{text}");
        assert!(credential(&target(None, None), Service::Lambda).is_none());
    }

    #[test]
    fn what_is_left_open_is_taken_from_where_the_aws_cli_takes_it() {
        let variables = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("111122223333".to_owned()),
            "AWS_REGION" => Some(String::new()),
            "AWS_DEFAULT_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        };
        assert_eq!(target(None, None).completed(variables), target(Some("111122223333"), Some("eu-west-1")));
        let given = target(Some("999999999999"), Some("us-east-2"));
        assert_eq!(given.clone().completed(variables), given);
        let test = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "test".to_owned());
        assert_eq!(target(None, None).completed(test), target(None, None), "`test` is no account");
    }

    #[test]
    fn a_url_that_cannot_work_is_refused_with_the_reason() {
        for (endpoint, reason) in [
            ("https://127.0.0.1:3001", "http only"),
            ("127.0.0.1:3001", "must begin with http://"),
            ("http://", "not parse"),
            ("a b", "not parse"),
        ] {
            let error = Client::new(&Target { endpoint: endpoint.into(), ..target(None, None) }).expect_err(endpoint);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn errors_of_both_apis_are_read() {
        let lambda = refusal(&answer(
            404,
            &[("x-amzn-errortype", "ResourceNotFoundException:http://internal.amazon.com/coral/")],
            r#"{"Type":"User","Message":"Function not found"}"#,
        ));
        assert!(lambda.is("ResourceNotFoundException"), "{lambda:?}");
        assert_eq!(lambda.to_string(), "ResourceNotFoundException: Function not found");
        let logs = refusal(&answer(
            400,
            &[],
            r#"{"__type":"com.amazonaws.logs#ResourceNotFoundException","message":"no group"}"#,
        ));
        assert!(logs.is("ResourceNotFoundException"), "{logs:?}");
        let other = refusal(&answer(502, &[], "bad gateway\n"));
        assert_eq!(other.to_string(), "HTTP 502 Bad Gateway: bad gateway");
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
