//! Requests to function URLs: found by their host, allowed by resource policy or signature, handed to the function as an
//! event, answered with what it returns, whole or as it writes it.
//!
//! These hosts are the function's own: nothing else is served there, so that what a function sends to a browser is never
//! of the same origin as Lambda's API. A client that goes away cancels nothing.
//!
//! Source: developer guide, "Invoking Lambda function URLs" and "Control access to Lambda function URLs".

mod address;
mod permission;
mod stream;

pub(crate) use address::Address;
pub(crate) use stream::Streamed;

use crate::FrontDoor;
use crate::answer::{HttpResponse, refuse, whole, with_request_id};
use crate::body::BodyError;
use crate::functions::internal;
use crate::functions::target::Target;
use crate::invoke::{TRACE_ID, trace_id};
use bytes::Bytes;
use hearth_api::environments::{Invocation, InvokeError, InvokeResponse, ResponseSink};
use hearth_api::error::{ApiError, Protocol};
use hearth_api::function::FunctionVersion;
use hearth_api::function_url::answer::{Head, answer};
use hearth_api::function_url::cors::is_preflight;
use hearth_api::function_url::event::{Caller, Context, event};
use hearth_api::function_url::{AuthType, FunctionUrl, InvokeMode};
use hearth_api::signature::{Audience, Claim, claim, is_signed};
use hearth_core::ids::RequestId;
use hearth_core::limits::REQUEST_PAYLOAD_BYTES;
use hearth_store::FunctionRecord;
use http::Response;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::request::Parts;
use http_body::Body;
use http_body_util::Either;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// Large bodies that are read at once (ours: with the events that they become, some 15 MB each). Whoever may use a URL may send
/// them, everybody where nobody has to sign. What runs is bounded by the account's concurrency.
pub(crate) const LARGE_AT_ONCE: usize = 64;

const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// A URL that there is.
struct Found {
    record: Arc<FunctionRecord>,
    target: Target,
    url: FunctionUrl,
}

/// Answers a request to `address` that came from `source`.
pub(crate) async fn serve<B>(
    door: &FrontDoor,
    address: &Address,
    source: IpAddr,
    head: Parts,
    body: B,
    request_id: RequestId,
) -> HttpResponse
where
    B: Body<Data = Bytes>,
{
    let trace_id = trace_id(&head.headers, request_id);
    let found = match find(door, address).await {
        Ok(found) => found,
        Err(error) => return finish(refuse(&error, Protocol::RestJson, request_id), &trace_id, request_id),
    };
    let asked = head.headers.clone();
    if let Some(cors) = found.url.cors.as_ref().filter(|_| is_preflight(&head)) {
        let mut http = Response::new(whole(Bytes::new()));
        *http.headers_mut() = cors.preflight(&asked);
        return finish(http, &trace_id, request_id);
    }
    let cors = found.url.cors.clone();
    let request = Request { address, source, head, trace_id: &trace_id, id: request_id };
    let mut http = match request.run(door, found, body).await {
        Ok(http) => http,
        Err(error) => refuse(&error, Protocol::RestJson, request_id),
    };
    if let Some(cors) = cors {
        cors.apply(&asked, http.headers_mut());
    }
    finish(http, &trace_id, request_id)
}

/// What every answer carries.
fn finish(mut http: HttpResponse, trace_id: &str, id: RequestId) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(trace_id) {
        http.headers_mut().insert(TRACE_ID, value);
    }
    with_request_id(http, id)
}

/// The URL of an address. AWS does not say whether one does not exist or is another's: 403 without a word.
async fn find(door: &FrontDoor, address: &Address) -> Result<Found, ApiError> {
    let missing = || ApiError::access_denied("");
    let key = door.stores.functions.function_of_url(&address.id).await.map_err(internal)?.ok_or_else(missing)?;
    if key.scope.region.as_str() != address.region {
        return Err(missing());
    }
    let record = door.record(&key).await?.ok_or_else(missing)?;
    let found = record.urls.iter().find(|(_, url)| url.id == address.id);
    let (qualifier, url) = found.map(|(qualifier, url)| (qualifier.clone(), url.clone())).ok_or_else(missing)?;
    let target = Target { key, qualifier: Some(qualifier).filter(|qualifier| !qualifier.is_empty()) };
    Ok(Found { record, target, url })
}

/// A request that has found its URL.
struct Request<'a> {
    address: &'a Address,
    source: IpAddr,
    head: Parts,
    trace_id: &'a str,
    id: RequestId,
}

impl Request<'_> {
    async fn run<B>(mut self, door: &FrontDoor, found: Found, body: B) -> Result<HttpResponse, ApiError>
    where
        B: Body<Data = Bytes>,
    {
        let Found { record, target, url } = found;
        let policy = record.policies.get(target.qualifier.as_deref().unwrap_or_default()).map(Vec::as_slice);
        let policy = policy.unwrap_or_default();
        // All that can be said before the body is read: nothing is kept for nobody.
        let claim = match url.auth {
            AuthType::None if permission::allows(policy, url.auth, None) => None,
            AuthType::Iam if is_signed(&self.head) => Some(self.claim(door)?),
            AuthType::None | AuthType::Iam => return Err(ApiError::url_forbidden()),
        };
        let (body, place) = door.url_bodies.read(body, REQUEST_PAYLOAD_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => too_large(),
            BodyError::Interrupted => ApiError::invalid_request_content("The request body could not be read."),
        })?;
        let caller = claim.map(|claim| claim.prove(&self.head, &body)).transpose()?;
        if let Some(caller) = &caller {
            self.admit(caller, &target, policy)?;
        }
        let payload = event(&self.head, &body, &self.context(caller.as_ref()));
        if payload.len() > REQUEST_PAYLOAD_BYTES {
            return Err(too_large());
        }
        drop((body, place));
        let function = door.invocable(&target, self.id).await?;
        let (sink, pieces) = match url.invoke_mode {
            InvokeMode::Buffered => (None, None),
            InvokeMode::ResponseStream => {
                let (sink, pieces) = ResponseSink::new();
                (Some(sink), Some(pieces))
            }
        };
        let content_type = sink.as_ref().map(|sink| Arc::clone(&sink.content_type)).unwrap_or_default();
        let outcome = self.invoke(door, function, &target, payload, sink);
        match pieces {
            None => buffered(&outcome.await.map_err(failed)?),
            Some(pieces) => {
                let (head, body) = stream::open(pieces, &content_type, outcome).await?;
                Ok(respond(head, body))
            }
        }
    }

    fn claim(&self, door: &FrontDoor) -> Result<Claim<'_>, ApiError> {
        let audience = Audience { service: "lambda", region: &self.address.region };
        claim(&self.head, audience, Timestamp::now(), |key| door.config.credentials.find(key))
    }

    /// Whether who has signed the request may call. Identities have no policies here: whoever has a key of the function's
    /// own account may do everything, as its root may.
    fn admit(&mut self, caller: &Caller, target: &Target, policy: &[serde_json::Value]) -> Result<(), ApiError> {
        let own = caller.account == target.key.scope.account;
        if !own && !permission::allows(policy, AuthType::Iam, Some(&caller.account)) {
            return Err(ApiError::url_forbidden());
        }
        // The function has no use for them. (What a presigned URL was signed with stands in the query that it is given.)
        for secret in [AUTHORIZATION, SECURITY_TOKEN] {
            self.head.headers.remove(secret);
        }
        Ok(())
    }

    fn context<'a>(&'a self, caller: Option<&'a Caller>) -> Context<'a> {
        Context {
            id: &self.address.id,
            domain: &self.address.domain,
            port: self.address.port.as_deref(),
            source: self.source,
            request_id: self.id,
            trace_id: self.trace_id,
            caller,
            now: Timestamp::now(),
        }
    }

    fn invoke(
        &self,
        door: &FrontDoor,
        function: Arc<FunctionVersion>,
        target: &Target,
        payload: Bytes,
        stream: Option<ResponseSink>,
    ) -> stream::Outcome {
        let invocation = Invocation {
            request_id: self.id,
            payload,
            invoked_function_arn: target.arn(),
            client_context: None,
            trace_id: Some(self.trace_id.to_owned()),
            log_tail: false,
            stream,
        };
        door.environments.invoke(function, invocation)
    }
}

fn too_large() -> ApiError {
    ApiError::request_too_large(REQUEST_PAYLOAD_BYTES, "InvokeFunction")
}

/// What a visitor hears of an invocation that could not run: hooks of the function that fail are no fault of theirs.
fn failed(error: InvokeError) -> ApiError {
    match error {
        InvokeError::NotRestored(_) => ApiError::bad_gateway(),
        other => other.into(),
    }
}

/// The answer in a result that is whole.
fn buffered(response: &InvokeResponse) -> Result<HttpResponse, ApiError> {
    if response.function_error {
        return Err(ApiError::bad_gateway());
    }
    let (head, body) = answer(&response.payload).map_err(|_| ApiError::bad_gateway())?;
    Ok(respond(head, whole(body)))
}

fn respond(head: Head, body: crate::answer::ResponseBody) -> HttpResponse {
    let mut http = Response::new(body);
    *http.status_mut() = head.status;
    *http.headers_mut() = head.headers;
    http
}

/// A body that comes as it is written.
fn streamed(body: Streamed) -> crate::answer::ResponseBody {
    Either::Right(Either::Right(Either::Right(body)))
}
