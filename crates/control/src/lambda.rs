//! One request to Lambda's REST API: found in the model, read within its bound, decoded, handed to its operation.

use crate::answer::{Answer, HttpResponse, refuse, respond};
use crate::body::{self, BodyError};
use crate::{FrontDoor, functions, invoke, layers, task};
use bytes::Bytes;
use hearth_api::error::{ApiError, Protocol};
use hearth_api::function::Scope;
use hearth_api::model::route_lambda;
use hearth_core::ids::RequestId;
use hearth_core::limits::{CODE_REQUEST_BYTES, CONTROL_REQUEST_BYTES};
use http::request::Parts;
use http_body::Body;
use std::sync::Arc;

/// What a handler knows of the request besides its members.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Whose functions.
    pub(crate) scope: Scope,
    /// The host and port by which the client reached us: links are made with it.
    pub(crate) authority: String,
    /// The request's id.
    pub(crate) request_id: RequestId,
    /// What [`CHANGES_OF`] says.
    pub(crate) changes_of: Option<String>,
}

/// Hearth's own header of `UpdateFunctionCode`: the `CodeSha256` of the function's present package. `ZipFile` then has
/// only what is new or changed in it. AWS's clients do not send it.
pub(crate) const CHANGES_OF: &str = "x-hearth-changes-of";

/// Answers a request.
pub(crate) async fn serve<B>(door: &Arc<FrontDoor>, call: Call, head: Parts, body: B) -> HttpResponse
where
    B: Body<Data = Bytes>,
{
    let id = call.request_id;
    let routed = match route_lambda(&head.method, head.uri.path(), head.uri.query()) {
        Ok(routed) => routed,
        Err(error) => return refuse(&error, Protocol::RestJson, id),
    };
    match routed.operation.name {
        "Invoke" | "InvokeWithResponseStream" => return invoke::serve(door, &call, &head, routed, body).await,
        _ => {}
    }
    respond(control(door, call, head, routed, body).await, Protocol::RestJson, id)
}

async fn control<B>(
    door: &Arc<FrontDoor>,
    call: Call,
    head: Parts,
    routed: hearth_api::model::Routed,
    body: B,
) -> Result<Answer, ApiError>
where
    B: Body<Data = Bytes>,
{
    let operation = routed.operation.name;
    let carries_code = matches!(operation, "CreateFunction" | "UpdateFunctionCode" | "PublishLayerVersion");
    let limit = if carries_code { CODE_REQUEST_BYTES } else { CONTROL_REQUEST_BYTES };
    let upload = if carries_code { Arc::clone(&door.uploads).acquire_owned().await.ok() } else { None };
    let body = body::read(body, limit).await.map_err(|error| match error {
        BodyError::TooLarge { .. } => ApiError::request_too_large(limit, operation),
        BodyError::Interrupted => ApiError::serialization("The request body could not be read."),
    })?;
    // A client that hangs up must not leave a change half made.
    let door = Arc::clone(door);
    let work = tokio::spawn(async move {
        // Held until the operation is over, whether or not somebody still waits: so long is the package in memory.
        let _upload = upload;
        let decode = move || routed.decode(&head.headers, &body);
        // 70 MB of JSON would hold up every other request that this thread of the executor serves.
        let members =
            if carries_code { task::outcome(tokio::task::spawn_blocking(decode), operation).await? } else { decode()? };
        // AWS's names of operations on layers say so, and no others do.
        if operation.contains("Layer") {
            layers::run(&door, &call, operation, members).await
        } else {
            functions::run(&door, &call, operation, members).await
        }
    });
    task::outcome(work, operation).await
}
