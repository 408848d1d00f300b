//! The Extensions API 2020-01-01, on the listener of the Runtime API: read a call within bounds, ask the environment's
//! task, answer. Who may do what, the registry in `core` decides.
//!
//! Source: RIE `rapi/handler/agent*.go`.

use super::handlers::{Client, Ended, Read};
use super::replies::{self, Reply};
use super::telemetry;
use crate::environment::{ExtensionCall, Message, Notice};
use hearth_core::extension::{ExtensionId, Failure, Refusal};
use hearth_core::limits::EXTENSION_BODY_BYTES;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use uuid::Uuid;

const PREFIX: &str = "/2020-01-01/extension/";
const NAME: &str = "lambda-extension-name";
const FEATURES: &str = "lambda-extension-accept-feature";
const IDENTIFIER: &str = "lambda-extension-identifier";
const EVENT_IDENTIFIER: &str = "lambda-extension-event-identifier";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default)]
    configuration_keys: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    function_name: &'a str,
    function_version: &'a str,
    handler: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "eventType", rename_all = "UPPERCASE", rename_all_fields = "camelCase")]
enum Event<'a> {
    Invoke {
        deadline_ms: i64,
        request_id: String,
        invoked_function_arn: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<Tracing<'a>>,
    },
    Shutdown {
        deadline_ms: i64,
        shutdown_reason: &'static str,
    },
}

#[derive(Serialize)]
struct Tracing<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a str,
}

impl Client<'_> {
    /// What is not the Runtime API's.
    pub(super) async fn extension(&self, head: &Parts, body: Incoming) -> Result<Reply, Ended> {
        let subscribes = telemetry::called(head);
        let call = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        if subscribes.is_none() && call.is_empty() {
            return Ok(replies::not_found());
        }
        if self.environment.is_without_extensions() {
            return Ok(replies::plain(StatusCode::NOT_FOUND, ""));
        }
        if let Some(api) = subscribes {
            return self.subscribe(api, head, body).await;
        }
        match (&head.method, call) {
            (&Method::POST, "register") => self.register(&head.headers, body).await,
            (&Method::GET, "event/next") => self.extension_next(&head.headers).await,
            (&Method::POST, "init/error") => self.extension_failed(&head.headers, Failure::Init, body).await,
            (&Method::POST, "exit/error") => self.extension_failed(&head.headers, Failure::Exit, body).await,
            _ => Ok(replies::not_found()),
        }
    }

    async fn register(&self, headers: &HeaderMap, body: Incoming) -> Result<Reply, Ended> {
        let body = match self.read(body, EXTENSION_BODY_BYTES).await? {
            Read::Whole { payload, .. } => payload,
            Read::TooLarge => return Ok(replies::too_large(EXTENSION_BODY_BYTES as u64)),
            Read::Truncated => return Err(Ended),
        };
        let name = text(headers, NAME).unwrap_or_default().to_owned();
        if name.is_empty() {
            return Ok(refusal(&Refusal::EmptyName));
        }
        let registration: Registration = match serde_json::from_slice(&body) {
            Ok(registration) => registration,
            Err(error) => return Ok(forbidden("InvalidRequestFormat", &error.to_string())),
        };
        if registration.configuration_keys.is_some_and(|keys| !keys.is_empty()) {
            let text = "configurationKeys are deprecated; use environment variables instead";
            return Ok(forbidden("InvalidRequestFormat", text));
        }
        let events = registration.events.unwrap_or_default();
        let id = match self.ask(|reply| ExtensionCall::Register { name, events, reply }).await? {
            Ok(id) => id,
            Err(refused) => return Ok(refusal(&refused)),
        };
        let function = self.environment.function();
        let wants_account =
            text(headers, FEATURES).is_some_and(|all| all.split(',').any(|one| one.trim() == "accountId"));
        let body = Registered {
            account_id: wants_account.then(|| function.key.scope.account.as_str()),
            function_name: &function.key.name,
            function_version: &function.version,
            handler: &function.handler,
        };
        Ok(identified(replies::json_of(StatusCode::OK, &body), IDENTIFIER, &id.to_string()))
    }

    async fn extension_next(&self, headers: &HeaderMap) -> Result<Reply, Ended> {
        let id = match identifier(headers) {
            Ok(id) => id,
            Err(anonymous) => return Ok(anonymous.reply()),
        };
        Ok(match self.ask(|reply| ExtensionCall::Next { id, reply }).await? {
            Ok(notice) => event(&notice),
            Err(refused) => refusal(&refused),
        })
    }

    async fn extension_failed(&self, headers: &HeaderMap, failure: Failure, body: Incoming) -> Result<Reply, Ended> {
        // Nobody looks at it, as on AWS.
        drop(self.read(body, EXTENSION_BODY_BYTES).await?);
        let id = match identifier(headers) {
            Ok(id) => id,
            Err(anonymous) => return Ok(anonymous.reply()),
        };
        let Some(said) = text(headers, ERROR_TYPE).filter(|said| !said.is_empty()) else {
            return Ok(forbidden("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"));
        };
        // It becomes part of a log line: no page of text. (A header cannot hold a line break.)
        let error_type: String = said.chars().filter(|letter| !letter.is_control()).take(256).collect();
        Ok(match self.ask(|reply| ExtensionCall::Fail { id, failure, error_type, reply }).await? {
            Ok(()) => replies::accepted(),
            Err(refused) => refusal(&refused),
        })
    }

    pub(super) async fn ask<T>(
        &self,
        call: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> ExtensionCall,
    ) -> Result<Result<T, Refusal>, Ended> {
        let (reply, answer) = oneshot::channel();
        self.environment.tell(Message::Extension { generation: self.generation, call: call(reply) });
        answer.await.map_err(|_| Ended)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Somebody who does not say who calls.
#[derive(Debug, PartialEq)]
pub(super) enum Anonymous {
    Missing,
    Invalid,
}

impl Anonymous {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Missing => {
                forbidden("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
            }
            Self::Invalid => forbidden("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"),
        }
    }
}

pub(super) fn identifier(headers: &HeaderMap) -> Result<ExtensionId, Anonymous> {
    let said = headers.get(IDENTIFIER).ok_or(Anonymous::Missing)?;
    let id = Uuid::try_parse_ascii(said.as_bytes()).map_err(|_| Anonymous::Invalid)?;
    Ok(ExtensionId(id.as_u128()))
}

fn event(notice: &Notice) -> Reply {
    match notice {
        Notice::Invoke { deadline_ms, request_id, invoked_function_arn, trace_id } => {
            let tracing = trace_id.as_deref().map(|value| Tracing { kind: "X-Amzn-Trace-Id", value });
            let body = Event::Invoke {
                deadline_ms: *deadline_ms,
                request_id: request_id.to_string(),
                invoked_function_arn,
                tracing,
            };
            let reply = replies::json_of(StatusCode::OK, &body);
            identified(reply, EVENT_IDENTIFIER, &Uuid::new_v4().to_string())
        }
        Notice::Shutdown { deadline_ms, reason } => {
            let body = Event::Shutdown { deadline_ms: *deadline_ms, shutdown_reason: reason.name() };
            replies::json_of(StatusCode::OK, &body)
        }
    }
}

fn identified(mut reply: Reply, header: &'static str, id: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(id) {
        reply.headers_mut().insert(HeaderName::from_static(header), value);
    }
    reply
}

pub(super) fn refusal(refusal: &Refusal) -> Reply {
    forbidden(refusal.error_type(), &refusal.to_string())
}

/// Every refusal of the Extensions API has this status.
fn forbidden(error_type: &str, text: &str) -> Reply {
    replies::error(StatusCode::FORBIDDEN, error_type, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::environment::Reason;
    use hearth_core::ids::RequestId;

    #[test]
    fn events_have_the_members_of_aws() {
        let json = |event: &Event<'_>| serde_json::to_string(event).unwrap();
        let tracing = Some(Tracing { kind: "X-Amzn-Trace-Id", value: "Root=1" });
        let invoke = Event::Invoke {
            deadline_ms: 5,
            request_id: RequestId(1).to_string(),
            invoked_function_arn: "arn",
            tracing,
        };
        assert_eq!(
            json(&invoke),
            r#"{"eventType":"INVOKE","deadlineMs":5,"requestId":"00000000-0000-0000-0000-000000000001","invokedFunctionArn":"arn","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}"#
        );
        let shutdown = Event::Shutdown { deadline_ms: 7, shutdown_reason: Reason::Spindown.name() };
        assert_eq!(json(&shutdown), r#"{"eventType":"SHUTDOWN","deadlineMs":7,"shutdownReason":"spindown"}"#);
    }

    #[test]
    fn an_identifier_is_a_uuid() {
        let mut headers = HeaderMap::new();
        assert_eq!(identifier(&headers), Err(Anonymous::Missing));
        headers.insert(IDENTIFIER, HeaderValue::from_static("me"));
        assert_eq!(identifier(&headers), Err(Anonymous::Invalid));
        headers.insert(IDENTIFIER, HeaderValue::from_static("00000000-0000-0000-0000-000000000009"));
        assert_eq!(identifier(&headers), Ok(ExtensionId(9)));
    }
}
