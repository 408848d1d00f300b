//! Queued events: one row each, from before the caller's 202 until it has been handled.

use super::database::{Reader, damaged};
use super::writer::Writer;
use crate::{QueuedEvent, StoreError};
use hearth_api::function::{FunctionKey, Scope};
use hearth_core::ids::{AccountId, Region, RequestId};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// The table.
#[derive(Debug)]
pub(super) struct EventTable {
    writer: Arc<Writer>,
    reader: Arc<Reader>,
}

impl EventTable {
    pub(super) fn new(writer: Arc<Writer>, reader: Arc<Reader>) -> Self {
        Self { writer, reader }
    }

    pub(super) async fn push(&self, event: QueuedEvent) -> Result<(), StoreError> {
        let what = format!("queue event {} for {}", event.request_id, event.key);
        let apply = move |database: &Connection| {
            let mut insert = database.prepare_cached(
                "INSERT INTO events
                 (request_id, account, region, name, qualifier, client_context, accepted_ms, payload)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?;
            let inserted = insert.execute(params![
                event.request_id.0.to_be_bytes(),
                event.key.scope.account.as_str(),
                event.key.scope.region.as_str(),
                event.key.name,
                event.qualifier,
                event.client_context,
                event.accepted_ms,
                &event.payload[..],
            ])?;
            Ok(if inserted == 1 { Ok(()) } else { Err(StoreError::Exists(format!("event {}", event.request_id))) })
        };
        self.writer.write(what, apply, |()| {}).await
    }

    pub(super) async fn done(&self, request_id: RequestId) -> Result<(), StoreError> {
        let apply = move |database: &Connection| {
            let mut delete = database.prepare_cached("DELETE FROM events WHERE request_id = ?")?;
            delete.execute([request_id.0.to_be_bytes()]).map(|_deleted| Ok(()))
        };
        self.writer.write(format!("remove event {request_id}"), apply, |()| {}).await
    }

    pub(super) async fn pending(&self) -> Result<Vec<QueuedEvent>, StoreError> {
        let query = |database: &Connection| {
            let mut select = database.prepare(
                "SELECT request_id, account, region, name, qualifier, client_context, accepted_ms, payload
                 FROM events ORDER BY position",
            )?;
            select.query_map([], decode)?.collect()
        };
        self.reader.read("list the queued events".to_owned(), query).await
    }
}

fn decode(row: &Row<'_>) -> rusqlite::Result<QueuedEvent> {
    let account: String = row.get(1)?;
    let region: String = row.get(2)?;
    let scope = AccountId::parse(&account)
        .zip(Region::parse(&region))
        .map(|(account, region)| Scope { account, region })
        .ok_or_else(|| damaged(NotAScope { account, region }))?;
    Ok(QueuedEvent {
        request_id: RequestId(u128::from_be_bytes(row.get(0)?)),
        key: FunctionKey { scope, name: row.get(3)? },
        qualifier: row.get(4)?,
        client_context: row.get(5)?,
        accepted_ms: row.get(6)?,
        payload: row.get::<_, Vec<u8>>(7)?.into(),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("no account and region: {account:?}, {region:?}")]
struct NotAScope {
    account: String,
    region: String,
}
