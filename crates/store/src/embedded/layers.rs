//! Layers: one row per version, and one per layer that remembers its last number after all its versions are gone.

use super::database::{Reader, damaged};
use super::writer::Writer;
use crate::{LayerFilter, StoreError};
use hearth_api::function::Scope;
use hearth_api::layer::{LayerKey, LayerPolicy, LayerVersion};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// The tables.
#[derive(Debug)]
pub(super) struct LayerTable {
    writer: Arc<Writer>,
    reader: Arc<Reader>,
}

impl LayerTable {
    pub(super) fn new(writer: Arc<Writer>, reader: Arc<Reader>) -> Self {
        Self { writer, reader }
    }

    pub(super) async fn publish(&self, mut version: LayerVersion) -> Result<LayerVersion, StoreError> {
        let what = format!("publish {}", version.key);
        let apply = move |database: &Connection| {
            let (account, region, name) = columns(&version.key);
            let mut next = database.prepare_cached(
                "INSERT INTO layers (account, region, name, last) VALUES (?, ?, ?, 1)
                 ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            )?;
            version.number = next.query_row(params![account, region, name], |row| row.get(0))?;
            let mut insert = database.prepare_cached(
                "INSERT INTO layer_versions (account, region, name, number, version) VALUES (?, ?, ?, ?, ?)",
            )?;
            insert.execute(params![account, region, name, version.number, encode(&version)?])?;
            Ok(Ok(version))
        };
        self.writer.write(what, apply, |_| {}).await
    }

    pub(super) async fn version(&self, key: LayerKey, number: i64) -> Result<Option<LayerVersion>, StoreError> {
        let what = format!("read {}", key.version_arn(number));
        self.reader.read(what, move |database| select(database, &key, number)).await
    }

    pub(super) async fn set_policy(
        &self,
        key: LayerKey,
        number: i64,
        expected: Option<Uuid>,
        policy: Option<LayerPolicy>,
    ) -> Result<(), StoreError> {
        let arn = key.version_arn(number);
        let what = format!("set the policy of {arn}");
        let apply = move |database: &Connection| {
            let Some(mut version) = select(database, &key, number)? else { return Ok(Err(StoreError::NotFound(arn))) };
            if version.policy.map(|policy| policy.revision_id) != expected {
                return Ok(Err(StoreError::Conflict(arn)));
            }
            version.policy = policy;
            let mut update = database.prepare_cached(
                "UPDATE layer_versions SET version = ? WHERE account = ? AND region = ? AND name = ? AND number = ?",
            )?;
            let (account, region, name) = columns(&key);
            update.execute(params![encode(&version)?, account, region, name, number])?;
            Ok(Ok(()))
        };
        self.writer.write(what, apply, |()| {}).await
    }

    pub(super) async fn delete(&self, key: LayerKey, number: i64) -> Result<(), StoreError> {
        let what = format!("delete {}", key.version_arn(number));
        let apply = move |database: &Connection| {
            let mut delete = database.prepare_cached(
                "DELETE FROM layer_versions WHERE account = ? AND region = ? AND name = ? AND number = ?",
            )?;
            let (account, region, name) = columns(&key);
            delete.execute(params![account, region, name, number]).map(|_deleted| Ok(()))
        };
        self.writer.write(what, apply, |()| {}).await
    }

    pub(super) async fn newest(
        &self,
        scope: Scope,
        filter: LayerFilter,
        after: String,
        limit: usize,
    ) -> Result<Vec<LayerVersion>, StoreError> {
        let what = format!("list the layers of {} in {}", scope.account, scope.region);
        let query = move |database: &Connection| {
            let mut select = database.prepare_cached(
                "SELECT version FROM layer_versions WHERE account = ? AND region = ? AND name > ?
                 ORDER BY name, number DESC",
            )?;
            let rows = select.query_map(params![scope.account.as_str(), scope.region.as_str(), after], decode)?;
            let mut found: Vec<LayerVersion> = Vec::new();
            for version in rows {
                if found.len() == limit {
                    break;
                }
                let version = version?;
                let is_older = found.last().is_some_and(|newest| newest.key == version.key);
                if !is_older && filter.admits(&version) {
                    found.push(version);
                }
            }
            Ok(found)
        };
        self.reader.read(what, query).await
    }

    pub(super) async fn versions(
        &self,
        key: LayerKey,
        filter: LayerFilter,
        before: i64,
        limit: usize,
    ) -> Result<Vec<LayerVersion>, StoreError> {
        let what = format!("list the versions of {key}");
        let query = move |database: &Connection| {
            let mut select = database.prepare_cached(
                "SELECT version FROM layer_versions
                 WHERE account = ? AND region = ? AND name = ? AND number < ? ORDER BY number DESC",
            )?;
            let (account, region, name) = columns(&key);
            let rows = select.query_map(params![account, region, name, before], decode)?;
            rows.filter(|version| version.as_ref().map_or(true, |version| filter.admits(version))).take(limit).collect()
        };
        self.reader.read(what, query).await
    }

    pub(super) async fn packages(&self) -> Result<HashSet<String>, StoreError> {
        let query = |database: &Connection| {
            let mut select = database.prepare("SELECT version FROM layer_versions")?;
            let digests = select.query_map([], |row| decode(row).map(|version| version.code.sha256))?;
            digests.collect()
        };
        self.reader.read("list the packages of layers".to_owned(), query).await
    }

    pub(super) async fn bytes(&self, scope: Scope) -> Result<u64, StoreError> {
        let what = format!("measure the layers of {} in {}", scope.account, scope.region);
        let query = move |database: &Connection| {
            let mut select = database.prepare("SELECT version FROM layer_versions WHERE account = ? AND region = ?")?;
            let scope = [scope.account.as_str(), scope.region.as_str()];
            let mut rows = select.query(scope)?;
            let mut bytes: u64 = 0;
            while let Some(row) = rows.next()? {
                bytes = bytes.saturating_add(decode(row)?.code.size);
            }
            Ok(bytes)
        };
        self.reader.read(what, query).await
    }
}

fn columns(key: &LayerKey) -> (&str, &str, &str) {
    (key.scope.account.as_str(), key.scope.region.as_str(), &key.name)
}

fn select(database: &Connection, key: &LayerKey, number: i64) -> rusqlite::Result<Option<LayerVersion>> {
    let mut select = database.prepare_cached(
        "SELECT version FROM layer_versions WHERE account = ? AND region = ? AND name = ? AND number = ?",
    )?;
    let (account, region, name) = columns(key);
    select.query_row(params![account, region, name, number], decode).optional()
}

fn encode(version: &LayerVersion) -> rusqlite::Result<Vec<u8>> {
    serde_json::to_vec(version).map_err(|source| rusqlite::Error::ToSqlConversionFailure(Box::new(source)))
}

fn decode(row: &Row<'_>) -> rusqlite::Result<LayerVersion> {
    serde_json::from_slice(row.get_ref(0)?.as_blob()?).map_err(damaged)
}
