//! The queue of asynchronous invokes.

use crate::support::key;
use hearth_core::ids::RequestId;
use hearth_store::{EventQueue, QueuedEvent, StoreError};

/// An event for function `a`.
pub fn event(id: u128) -> QueuedEvent {
    QueuedEvent {
        request_id: RequestId(id),
        key: key("a"),
        qualifier: Some("$LATEST".to_owned()),
        client_context: None,
        payload: bytes::Bytes::from(format!("{{\"id\":{id}}}")),
        accepted_ms: 5,
    }
}

/// Events wait in the order they came in until they are done.
pub async fn waits_until_done(store: &impl EventQueue) {
    for id in [3, u128::MAX, 1] {
        store.push(event(id)).await.unwrap();
    }
    assert_eq!(store.pending().await.unwrap(), [event(3), event(u128::MAX), event(1)]);
    assert!(matches!(store.push(event(3)).await, Err(StoreError::Exists(_))));
    store.done(RequestId(u128::MAX)).await.unwrap();
    store.done(RequestId(u128::MAX)).await.unwrap();
    assert_eq!(store.pending().await.unwrap(), [event(3), event(1)]);
}

/// A payload is bytes, of any length up to the limit.
pub async fn keeps_any_payload(store: &impl EventQueue) {
    let mut large = event(1);
    large.payload = vec![0xff; hearth_core::limits::EVENT_PAYLOAD_BYTES].into();
    let mut none = event(2);
    none.payload = bytes::Bytes::new();
    none.client_context = Some("{}".to_owned());
    store.push(large.clone()).await.unwrap();
    store.push(none.clone()).await.unwrap();
    assert_eq!(store.pending().await.unwrap(), [large, none]);
}
