//! Which function a URL is of: a row for each URL, in line with the record that has it and changed in the same
//! transaction; and in memory those that were asked for.

use super::database::damaged;
use crate::FunctionRecord;
use hearth_api::function::{FunctionKey, Scope};
use hearth_core::ids::{AccountId, Region};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::io;
use std::sync::{PoisonError, RwLock};

/// Those that were asked for and found. A read that a change overtakes may put back one that is gone: whoever asks looks
/// into the function's record, which says so.
#[derive(Debug, Default)]
pub(super) struct KnownUrls {
    functions: RwLock<HashMap<String, FunctionKey>>,
}

impl KnownUrls {
    pub(super) fn get(&self, id: &str) -> Option<FunctionKey> {
        // Nothing panics while it is locked.
        self.functions.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn remember(&self, id: String, key: FunctionKey) {
        self.functions.write().unwrap_or_else(PoisonError::into_inner).insert(id, key);
    }

    /// Forgets those of a function that has changed.
    pub(super) fn forget(&self, key: &FunctionKey) {
        self.functions.write().unwrap_or_else(PoisonError::into_inner).retain(|_, known| known != key);
    }
}

/// The function of a URL.
pub(super) fn read(database: &Connection, id: &str) -> rusqlite::Result<Option<FunctionKey>> {
    let mut select = database.prepare_cached("SELECT account, region, name FROM function_urls WHERE id = ?")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?));
    let Some((account, region, name)) = select.query_row([id], row).optional()? else { return Ok(None) };
    let scope =
        AccountId::parse(&account).zip(Region::parse(&region)).map(|(account, region)| Scope { account, region });
    let scope = scope.ok_or_else(|| damaged(io::Error::other("neither account nor region")))?;
    Ok(Some(FunctionKey { scope, name }))
}

/// Brings the rows in line with the record.
pub(super) fn write(database: &Connection, record: &FunctionRecord) -> rusqlite::Result<()> {
    let key = &record.latest.key;
    delete(database, key)?;
    let mut insert =
        database.prepare_cached("INSERT INTO function_urls (id, account, region, name) VALUES (?, ?, ?, ?)")?;
    for url in record.urls.values() {
        insert.execute(params![url.id, key.scope.account.as_str(), key.scope.region.as_str(), key.name])?;
    }
    Ok(())
}

/// Removes those of a function.
pub(super) fn delete(database: &Connection, key: &FunctionKey) -> rusqlite::Result<()> {
    let mut delete =
        database.prepare_cached("DELETE FROM function_urls WHERE account = ? AND region = ? AND name = ?")?;
    delete.execute([key.scope.account.as_str(), key.scope.region.as_str(), &key.name]).map(drop)
}
