//! One call of the Runtime API: read it within bounds, ask the environment's task, answer.

use super::error_cause;
use super::replies::{self, Reply};
use crate::environment::{Arrival, Begun, During, Environment, Message, RuntimeResult, Verdict};
use crate::payload;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hearth_core::environment::{Answer, InitType};
use hearth_core::error::ErrorType;
use hearth_core::ids::RequestId;
use hearth_core::limits::{RESPONSE_PAYLOAD_BYTES, RUNTIME_ERROR_BYTES};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

const PREFIX: &str = "/2018-06-01/";
/// How much of an answer that is too large is read and thrown away, so that the client hears our refusal instead of a
/// broken connection, bytes (ours).
const DISCARD_BYTES: usize = 64 << 20;
/// How long the news of a runtime's end may take that breaks off in the middle of its answer: it says more than the
/// broken answer does (ours).
pub(super) const NEWS_OF_ITS_END: Duration = Duration::from_millis(100);

/// The environment's task is gone: end the connection.
#[derive(Debug, thiserror::Error)]
#[error("the execution environment has ended")]
pub(super) struct Ended;

/// One connection from inside the sandbox.
pub(super) struct Client<'a> {
    pub(super) environment: &'a Environment,
    /// The launch whose process connected.
    pub(super) generation: u32,
    /// The right to send a body.
    pub(super) bodies: &'a Semaphore,
}

impl Client<'_> {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Reply, Ended> {
        let (head, body) = request.into_parts();
        let Some(path) = head.uri.path().strip_prefix(PREFIX) else { return self.extension(&head, body).await };
        let mut segments = path.split('/');
        let call = [segments.next(), segments.next(), segments.next(), segments.next(), segments.next()];
        match (&head.method, call) {
            (&Method::GET, [Some("ping"), None, ..]) => Ok(replies::plain(StatusCode::OK, "pong")),
            (&Method::GET, [Some("runtime"), Some("invocation"), Some("next"), None, _]) => self.next().await,
            (&Method::POST, [Some("runtime"), Some("invocation"), Some(id), Some("response"), None]) => {
                self.response(id, &head.headers, body).await
            }
            (&Method::POST, [Some("runtime"), Some("invocation"), Some(id), Some("error"), None]) => {
                self.error(id, &head.headers, body).await
            }
            (&Method::POST, [Some("runtime"), Some("init"), Some("error"), None, _]) => {
                self.failed(During::Init, &head.headers, body).await
            }
            (&Method::GET, [Some("runtime"), Some("restore"), Some("next"), None, _]) if self.is_restored() => {
                self.restore_next().await
            }
            (&Method::POST, [Some("runtime"), Some("restore"), Some("error"), None, _]) if self.is_restored() => {
                self.failed(During::Restore, &head.headers, body).await
            }
            _ => Ok(replies::not_found()),
        }
    }

    async fn next(&self) -> Result<Reply, Ended> {
        let (reply, delivery) = oneshot::channel();
        self.environment.tell(Message::Next { generation: self.generation, reply });
        Ok(match delivery.await.map_err(|_| Ended)? {
            Ok(delivery) => replies::event(delivery),
            Err(verdict) => replies::verdict(verdict),
        })
    }

    /// Whether environments of this function are restored: others know no calls for it.
    fn is_restored(&self) -> bool {
        self.environment.function().init_type() == InitType::SnapStart
    }

    async fn restore_next(&self) -> Result<Reply, Ended> {
        let (reply, restored) = oneshot::channel();
        self.environment.tell(Message::RestoreNext { generation: self.generation, reply });
        Ok(match restored.await.map_err(|_| Ended)? {
            Verdict::Accepted => replies::restored(),
            refused => replies::verdict(refused),
        })
    }

    async fn response(&self, id: &str, headers: &HeaderMap, body: Incoming) -> Result<Reply, Ended> {
        let began = Instant::now();
        let Some(id) = self.expected(id) else { return Ok(refused(body).await) };
        let mode = headers.get("lambda-runtime-function-response-mode").map(http::HeaderValue::as_bytes);
        if !matches!(mode, None | Some(b"streaming")) {
            let text = "Invalid function response mode";
            let refusal = replies::error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", text);
            let wrong = ErrorType::RuntimeInvalidResponseModeHeader;
            let reply = self.unusable(id, wrong, Bytes::new(), refusal).await?;
            // The caller does not wait for it. Read all the same: a connection with a rest of it would end, and the runtime
            // with that.
            discard(body).await;
            return Ok(reply);
        }
        if mode.is_some() {
            match self.begin(id).await? {
                Ok(Begun::Pieces(pieces)) => {
                    if let Some(content_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
                        pieces.sink.content_type.get_or_init(|| content_type.to_owned());
                    }
                    return self.stream(id, pieces, body).await;
                }
                Ok(Begun::Whole) => {}
                Err(verdict) => {
                    discard(body).await;
                    return Ok(replies::verdict(verdict));
                }
            }
        }
        match self.read(body, RESPONSE_PAYLOAD_BYTES).await? {
            Read::Whole { payload, function_error } => self.respond(id, began, payload, function_error).await,
            Read::TooLarge => self.too_large(id).await,
            Read::Truncated => {
                tokio::time::sleep(NEWS_OF_ITS_END).await;
                let (payload, refusal) = truncated(id);
                self.unusable(id, ErrorType::RuntimeTruncatedResponse, payload, refusal).await
            }
        }
    }

    /// The handler failed: its error is the answer, passed on untouched, unless it says that it has more than the answer.
    async fn error(&self, id: &str, headers: &HeaderMap, body: Incoming) -> Result<Reply, Ended> {
        let began = Instant::now();
        let Some(id) = self.expected(id) else { return Ok(refused(body).await) };
        match self.read(body, RESPONSE_PAYLOAD_BYTES).await? {
            Read::Whole { payload, .. } => self.respond(id, began, error_cause::without(headers, payload), true).await,
            Read::TooLarge => self.too_large(id).await,
            Read::Truncated => Err(Ended),
        }
    }

    /// The runtime could not be made ready for events.
    async fn failed(&self, during: During, headers: &HeaderMap, body: Incoming) -> Result<Reply, Ended> {
        let payload = if self.environment.is_coming_up() {
            match self.read(body, RUNTIME_ERROR_BYTES).await? {
                Read::Whole { payload, .. } => payload,
                Read::TooLarge => return Ok(replies::too_large(RUNTIME_ERROR_BYTES as u64)),
                Read::Truncated => return Err(Ended),
            }
        } else {
            discard(body).await; // it will be refused, whatever it says
            Bytes::new()
        };
        let said = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
        let error_type = error_type(said.unwrap_or_default());
        let (reply, verdict) = oneshot::channel();
        let generation = self.generation;
        self.environment.tell(Message::Failed { generation, during, error_type, payload, reply });
        Ok(replies::verdict(verdict.await.map_err(|_| Ended)?))
    }

    /// The id, if it is that of the invocation that runs: nothing else is worth reading.
    fn expected(&self, id: &str) -> Option<RequestId> {
        let id = RequestId(uuid::Uuid::try_parse(id).ok()?.as_u128());
        self.environment.expects(id).then_some(id)
    }

    /// Says that an answer in pieces begins.
    async fn begin(&self, request_id: RequestId) -> Result<Result<Begun, Verdict>, Ended> {
        let (reply, begun) = oneshot::channel();
        self.environment.tell(Message::RespondBegin { generation: self.generation, request_id, reply });
        begun.await.map_err(|_| Ended)
    }

    async fn respond(
        &self,
        id: RequestId,
        began: Instant,
        payload: Bytes,
        function_error: bool,
    ) -> Result<Reply, Ended> {
        let arrival = Some(Arrival { began, bytes: payload.len() as u64 });
        let result = RuntimeResult { payload, function_error, arrival };
        self.post(id, Answer::Accepted, result).await.map(replies::verdict)
    }

    async fn too_large(&self, id: RequestId) -> Result<Reply, Ended> {
        let limit = RESPONSE_PAYLOAD_BYTES as u64;
        let refusal = replies::too_large(limit);
        self.unusable(id, ErrorType::FunctionResponseSizeTooLarge, payload::too_large(limit), refusal).await
    }

    /// The call was in order, what it brought is not: `refusal` says so to the runtime, `payload` to the caller.
    async fn unusable(&self, id: RequestId, fault: ErrorType, payload: Bytes, refusal: Reply) -> Result<Reply, Ended> {
        let result = RuntimeResult { payload, function_error: true, arrival: None };
        let verdict = self.post(id, Answer::Unusable(fault), result).await?;
        Ok(if verdict == Verdict::Accepted { refusal } else { replies::verdict(verdict) })
    }

    async fn post(&self, request_id: RequestId, answer: Answer, result: RuntimeResult) -> Result<Verdict, Ended> {
        let (reply, verdict) = oneshot::channel();
        let generation = self.generation;
        self.environment.tell(Message::Respond { generation, request_id, answer, result, reply });
        verdict.await.map_err(|_| Ended)
    }

    /// Reads a body of at most `limit` bytes, when no other connection of this environment sends one.
    pub(super) async fn read(&self, body: Incoming, limit: usize) -> Result<Read, Ended> {
        let _turn = self.bodies.acquire().await.map_err(|_| Ended)?;
        Ok(read(body, limit).await)
    }
}

/// The runtime's own error type where it has the form of one: `(Runtime|Function)\.[A-Z][a-zA-Z]+`, anywhere in it.
fn error_type(said: &str) -> String {
    let fits = |prefix: &str| {
        said.match_indices(prefix).any(|(at, _)| {
            let mut rest = said.get(at + prefix.len()..).unwrap_or_default().chars();
            rest.next().is_some_and(|first| first.is_ascii_uppercase())
                && rest.next().is_some_and(|next| next.is_ascii_alphabetic())
        })
    };
    // It becomes part of a log line: no line break, no page of text.
    if said.len() <= 256 && !said.contains(char::is_control) && (fits("Runtime.") || fits("Function.")) {
        return said.to_owned();
    }
    let unknown = if said.starts_with("Function.") { ErrorType::FunctionUnknown } else { ErrorType::RuntimeUnknown };
    unknown.as_str().to_owned()
}

pub(super) enum Read {
    Whole {
        payload: Bytes,
        /// Whether a streamed answer ended with an error of the handler.
        function_error: bool,
    },
    TooLarge,
    Truncated,
}

/// One that comes in one piece is not copied.
async fn read(mut body: Incoming, limit: usize) -> Read {
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let mut length = 0usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Read::Truncated };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => match frame.trailers_ref().and_then(streamed_error) {
                Some(payload) => return Read::Whole { payload, function_error: true },
                None => continue,
            },
        };
        length = length.saturating_add(data.len());
        if length > limit {
            discard(body).await;
            return Read::TooLarge;
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(announced.min(limit).max(first.len() + data.len()));
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&data);
    }
    Read::Whole { payload: if joined.is_empty() { first } else { joined.freeze() }, function_error: false }
}

/// What the caller and the runtime hear of an answer that broke off.
pub(super) fn truncated(id: RequestId) -> (Bytes, Reply) {
    let text = "HTTP request detected as truncated";
    let refusal = replies::error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", text);
    let detail = "Runtime closed the connection in the middle of its response";
    (payload::fatal(id, ErrorType::RuntimeTruncatedResponse, 0, detail), refusal)
}

/// The error with which a streaming handler ended: for a caller that is not streamed to, it is the whole answer.
pub(super) fn streamed_error(trailers: &HeaderMap) -> Option<Bytes> {
    trailers.get("lambda-runtime-function-error-type")?;
    let body = trailers.get("lambda-runtime-function-error-body").map_or(&b""[..], http::HeaderValue::as_bytes);
    Some(STANDARD.decode(body).unwrap_or_default().into())
}

/// An answer to another invocation than the one that runs. Its body is read without being kept, so that the connection
/// stays usable.
async fn refused(body: Incoming) -> Reply {
    discard(body).await;
    replies::verdict(Verdict::InvalidRequestId)
}

/// Reads what nobody wants, as much as is worth a connection that stays usable.
pub(super) async fn discard(body: Incoming) {
    drain(body, DISCARD_BYTES).await;
}

/// Reads a body without keeping it, at most `left` bytes of it.
pub(crate) async fn drain(mut body: Incoming, mut left: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_type_is_kept_only_if_it_is_one() {
        assert_eq!(error_type("Runtime.ImportModuleError"), "Runtime.ImportModuleError");
        assert_eq!(error_type("Function.MyError"), "Function.MyError");
        assert_eq!(error_type("Function.lower"), "Function.Unknown");
        assert_eq!(error_type(""), "Runtime.Unknown");
        assert_eq!(error_type("Runtime.X"), "Runtime.Unknown");
        assert_eq!(error_type("Runtime.Evil\tStatus: success"), "Runtime.Unknown");
        assert_eq!(error_type(&format!("Runtime.{}", "A".repeat(300))), "Runtime.Unknown");
    }
}
