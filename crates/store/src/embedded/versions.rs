//! Published versions: a row each, written once. Part of a [`FunctionRecord`], and changed in the same transaction.

use super::database::damaged;
use crate::FunctionRecord;
use hearth_api::function::{FunctionKey, FunctionVersion};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// The versions of one function.
pub(super) fn read(database: &Connection, key: &FunctionKey) -> rusqlite::Result<BTreeMap<u32, Arc<FunctionVersion>>> {
    let mut select = database.prepare_cached(
        "SELECT number, version FROM versions WHERE account = ? AND region = ? AND name = ? ORDER BY number",
    )?;
    let mut rows = select.query(columns(key))?;
    let mut versions = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let version = serde_json::from_slice(row.get_ref(1)?.as_blob()?).map_err(damaged)?;
        versions.insert(row.get::<_, u32>(0)?, Arc::new(version));
    }
    Ok(versions)
}

/// Brings the rows in line with the record: those whose revision is there already are not written again.
pub(super) fn write(database: &Connection, record: &FunctionRecord) -> rusqlite::Result<()> {
    let key = &record.latest.key;
    let mut gone = revisions(database, key)?;
    let [account, region, name] = columns(key);
    let mut replace = database.prepare_cached(
        "INSERT OR REPLACE INTO versions (account, region, name, number, revision_id, version)
         VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for (number, version) in &record.versions {
        if gone.remove(number) == Some(version.revision_id) {
            continue;
        }
        let encoded =
            serde_json::to_vec(version).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        replace.execute(params![account, region, name, number, version.revision_id.as_bytes(), encoded])?;
    }
    let mut delete =
        database.prepare_cached("DELETE FROM versions WHERE account = ? AND region = ? AND name = ? AND number = ?")?;
    for number in gone.keys() {
        delete.execute(params![account, region, name, number])?;
    }
    Ok(())
}

/// Removes all versions of a function.
pub(super) fn delete(database: &Connection, key: &FunctionKey) -> rusqlite::Result<()> {
    let mut delete = database.prepare_cached("DELETE FROM versions WHERE account = ? AND region = ? AND name = ?")?;
    delete.execute(columns(key)).map(drop)
}

fn revisions(database: &Connection, key: &FunctionKey) -> rusqlite::Result<HashMap<u32, Uuid>> {
    let mut select = database
        .prepare_cached("SELECT number, revision_id FROM versions WHERE account = ? AND region = ? AND name = ?")?;
    let mut rows = select.query(columns(key))?;
    let mut revisions = HashMap::new();
    while let Some(row) = rows.next()? {
        let revision = Uuid::from_slice(row.get_ref(1)?.as_blob()?).map_err(damaged)?;
        revisions.insert(row.get::<_, u32>(0)?, revision);
    }
    Ok(revisions)
}

fn columns(key: &FunctionKey) -> [&str; 3] {
    [key.scope.account.as_str(), key.scope.region.as_str(), &key.name]
}
