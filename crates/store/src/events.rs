//! The trait of the queue behind asynchronous invokes. It keeps events; when to try again is not its business.

use crate::StoreError;
use bytes::Bytes;
use hearth_api::environments::BoxFuture;
use hearth_api::function::FunctionKey;
use hearth_core::ids::RequestId;
use std::fmt::Debug;

/// Events of asynchronous invokes: stored before the caller's 202, removed when they have been handled.
pub trait EventQueue: Send + Sync + Debug {
    /// Stores one event durably.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] when an event of this id is waiting already.
    fn push(&self, event: QueuedEvent) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Removes one that has been handled; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn done(&self, request_id: RequestId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Everything that was not handled when the service ended, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`]
    fn pending(&self) -> BoxFuture<'_, Result<Vec<QueuedEvent>, StoreError>>;
}

/// One event of an asynchronous invoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedEvent {
    /// Its id; the same at every attempt.
    pub request_id: RequestId,
    /// Which function.
    pub key: FunctionKey,
    /// The qualifier of the call, if any.
    pub qualifier: Option<String>,
    /// Decoded client context, if any.
    pub client_context: Option<String>,
    /// The event.
    pub payload: Bytes,
    /// When it was accepted, epoch milliseconds.
    pub accepted_ms: i64,
}
