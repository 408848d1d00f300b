//! The Telemetry API 2022-07-01 and the Logs API 2020-08-15, on the listener of the Runtime API: one call each, by which an
//! extension subscribes.
//!
//! Source: AWS Lambda developer guide, "Telemetry API reference"; RIE `rapi/handler/runtimelogs.go`.

use super::extensions::{identifier, refusal};
use super::handlers::{Client, Ended, Read};
use super::replies::{self, Reply};
use crate::environment::ExtensionCall;
use bytes::Bytes;
use hearth_api::telemetry;
use hearth_core::limits::SUBSCRIPTION_BYTES;
use hearth_core::telemetry::Api;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;

/// Which of them is called, if one is.
pub(super) fn called(head: &Parts) -> Option<Api> {
    match (&head.method, head.uri.path().trim_end_matches('/')) {
        (&Method::PUT, "/2022-07-01/telemetry") => Some(Api::Telemetry),
        (&Method::PUT, "/2020-08-15/logs") => Some(Api::Logs),
        _ => None,
    }
}

impl Client<'_> {
    pub(super) async fn subscribe(&self, api: Api, head: &Parts, body: Incoming) -> Result<Reply, Ended> {
        let body = match self.read(body, SUBSCRIPTION_BYTES).await? {
            Read::Whole { payload, .. } => payload,
            Read::TooLarge => return Ok(replies::too_large(SUBSCRIPTION_BYTES as u64)),
            Read::Truncated => return Err(Ended),
        };
        let id = match identifier(&head.headers) {
            Ok(id) => id,
            Err(anonymous) => return Ok(anonymous.reply()),
        };
        // Who asks comes before what is asked for.
        if let Err(refused) = self.ask(|reply| ExtensionCall::MaySubscribe { id, api, reply }).await? {
            return Ok(refusal(&refused));
        }
        let subscription = match telemetry::subscription(api, &body) {
            Ok(subscription) => subscription,
            Err(wrong) => return Ok(replies::error(StatusCode::BAD_REQUEST, telemetry::INVALID, &wrong)),
        };
        Ok(match self.ask(|reply| ExtensionCall::Subscribe { id, subscription, reply }).await? {
            Ok(()) => replies::json(StatusCode::OK, Bytes::from_static(b"\"OK\"")),
            Err(refused) => refusal(&refused),
        })
    }
}
