//! Why a call to the service failed, and how AWS's errors are read.

use super::Answer;
use hearth_api::event_stream::Broken;
use http::StatusCode;
use serde_json::Value;

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
    /// It was there and is no more.
    #[error("the service at {endpoint} ended the connection without an answer to {what}")]
    Lost {
        /// Where.
        endpoint: String,
        /// The request.
        what: String,
        /// How.
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
    /// A stream of events that is none.
    #[error("read the events that answer {what}")]
    Events {
        /// The request.
        what: String,
        /// What is wrong with it.
        source: Broken,
    },
    /// A stream that ended before its last event.
    #[error("the events that answer {what} break off")]
    CutOff {
        /// The request.
        what: String,
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
    /// Whether the service answered, with an error.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Whether the service answered with this AWS error code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// Reads AWS's error, in the form of either API; whatever else answers is shown by its status.
pub(super) fn refusal(answer: &Answer) -> ClientError {
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
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue};

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
}
