//! Function metadata: one row per function and one per published version, and in memory what was read before.
//!
//! Memory fills on demand, so a start costs the same with ten functions as with ten thousand. It is split in shards; the
//! warm path takes the read lock of one shard and nothing else.

use super::database::{Reader, damaged};
use super::urls::{self, KnownUrls};
use super::versions;
use super::writer::Writer;
use crate::{FunctionRecord, FunctionUsage, StoreError};
use hearth_api::function::{Code, FunctionKey, Layer, Scope, State, UpdateStatus};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

const SHARDS: usize = 64;

/// The table and its cache.
#[derive(Debug)]
pub(super) struct FunctionTable {
    writer: Arc<Writer>,
    reader: Arc<Reader>,
    cache: Arc<Cache>,
    urls: Arc<KnownUrls>,
}

impl FunctionTable {
    pub(super) fn new(writer: Arc<Writer>, reader: Arc<Reader>) -> Self {
        Self { writer, reader, cache: Arc::default(), urls: Arc::default() }
    }

    pub(super) fn cached(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>> {
        self.cache.get(key)
    }

    pub(super) async fn get(&self, key: FunctionKey) -> Result<Option<Arc<FunctionRecord>>, StoreError> {
        if let Some(known) = self.cache.get(&key) {
            return Ok(Some(known));
        }
        let before = self.cache.generation(&key);
        let wanted = key.clone();
        let query = move |database: &Connection| {
            // The function and its versions of one moment.
            let moment = database.unchecked_transaction()?;
            select(&moment, &wanted)
        };
        let found = self.reader.read(format!("read {key}"), query).await?;
        Ok(found.map(|record| self.cache.remember(key, record, before)))
    }

    pub(super) async fn create(&self, mut record: FunctionRecord) -> Result<Arc<FunctionRecord>, StoreError> {
        record.revision = 1;
        let record = Arc::new(record);
        let key = record.latest.key.clone();
        let row = Encoded::new(&record)?;
        let apply = move |database: &Connection| {
            let mut insert = database.prepare_cached(
                "INSERT INTO functions (account, region, name, revision, unfinished, reserved, record)
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?;
            let FunctionKey { scope, name } = &record.latest.key;
            let (account, region) = (scope.account.as_str(), scope.region.as_str());
            let Encoded { revision, unfinished, record: encoded } = row;
            let reserved = record.reserved_concurrency;
            let inserted = insert.execute(params![account, region, name, revision, unfinished, reserved, encoded])?;
            if inserted == 0 {
                return Ok(Err(StoreError::Exists(record.latest.key.to_string())));
            }
            versions::write(database, &record)?;
            urls::write(database, &record)?;
            Ok(Ok(record))
        };
        self.writer.write(format!("store {key}"), apply, self.publish()).await
    }

    pub(super) async fn update(&self, mut record: FunctionRecord) -> Result<Arc<FunctionRecord>, StoreError> {
        let expected = to_integer(record.revision)?;
        record.revision = record.revision.saturating_add(1);
        let record = Arc::new(record);
        let key = record.latest.key.clone();
        let row = Encoded::new(&record)?;
        let apply = move |database: &Connection| {
            let mut update = database.prepare_cached(
                "UPDATE functions SET revision = ?, unfinished = ?, reserved = ?, record = ?
                 WHERE account = ? AND region = ? AND name = ? AND revision = ?",
            )?;
            let key = &record.latest.key;
            let (account, region) = (key.scope.account.as_str(), key.scope.region.as_str());
            let changed = update.execute(params![
                row.revision,
                row.unfinished,
                record.reserved_concurrency,
                row.record,
                account,
                region,
                key.name,
                expected
            ])?;
            Ok(match changed {
                1 => {
                    versions::write(database, &record)?;
                    urls::write(database, &record)?;
                    Ok(record)
                }
                _ if select(database, key)?.is_some() => Err(StoreError::Conflict(key.to_string())),
                _ => Err(StoreError::NotFound(key.to_string())),
            })
        };
        self.writer.write(format!("change {key}"), apply, self.publish()).await
    }

    pub(super) async fn delete(&self, key: FunctionKey) -> Result<Arc<FunctionRecord>, StoreError> {
        let (cache, known) = (Arc::clone(&self.cache), Arc::clone(&self.urls));
        let gone = key.clone();
        let what = format!("delete {key}");
        let apply = move |database: &Connection| {
            let Some(record) = select(database, &key)? else { return Ok(Err(StoreError::NotFound(key.to_string()))) };
            let mut delete =
                database.prepare_cached("DELETE FROM functions WHERE account = ? AND region = ? AND name = ?")?;
            delete.execute([key.scope.account.as_str(), key.scope.region.as_str(), &key.name])?;
            versions::delete(database, &key)?;
            urls::delete(database, &key)?;
            Ok(Ok(record))
        };
        let forget = move |_record: &Arc<FunctionRecord>| {
            known.forget(&gone);
            cache.forget(&gone);
        };
        self.writer.write(what, apply, forget).await
    }

    pub(super) async fn list(
        &self,
        scope: Scope,
        after: String,
        limit: usize,
    ) -> Result<Vec<Arc<FunctionRecord>>, StoreError> {
        let what = format!("list the functions of {} in {}", scope.account, scope.region);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = move |database: &Connection| {
            let moment = database.unchecked_transaction()?;
            let mut select = moment.prepare_cached(
                "SELECT record FROM functions WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?",
            )?;
            let (account, region) = (scope.account.as_str(), scope.region.as_str());
            select.query_map(params![account, region, after, limit], |row| decode(&moment, row))?.collect()
        };
        self.reader.read(what, query).await
    }

    pub(super) async fn unfinished(&self) -> Result<Vec<Arc<FunctionRecord>>, StoreError> {
        let query = |database: &Connection| {
            let moment = database.unchecked_transaction()?;
            let mut select = moment.prepare("SELECT record FROM functions WHERE unfinished = 1")?;
            select.query_map([], |row| decode(&moment, row))?.collect()
        };
        self.reader.read("list the functions whose change was under way".to_owned(), query).await
    }

    pub(super) async fn latest(&self, limit: usize) -> Result<Vec<Arc<FunctionRecord>>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = move |database: &Connection| {
            let moment = database.unchecked_transaction()?;
            // Rows are numbered as they come.
            let mut select = moment.prepare("SELECT record FROM functions ORDER BY rowid DESC LIMIT ?")?;
            select.query_map([limit], |row| decode(&moment, row))?.collect()
        };
        self.reader.read("list the functions that were created last".to_owned(), query).await
    }

    pub(super) async fn reservations(&self) -> Result<Vec<(FunctionKey, u32)>, StoreError> {
        let query = |database: &Connection| {
            let mut select = database.prepare("SELECT record, reserved FROM functions WHERE reserved IS NOT NULL")?;
            let mut rows = select.query([])?;
            let mut reservations = Vec::new();
            while let Some(row) = rows.next()? {
                let record: FunctionRecord = serde_json::from_slice(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
                reservations.push((record.latest.key.clone(), row.get(1)?));
            }
            Ok(reservations)
        };
        self.reader.read("list the reservations".to_owned(), query).await
    }

    pub(super) async fn of_url(&self, id: String) -> Result<Option<FunctionKey>, StoreError> {
        if let Some(known) = self.urls.get(&id) {
            return Ok(Some(known));
        }
        let wanted = id.clone();
        let query = move |database: &Connection| urls::read(database, &wanted);
        let found = self.reader.read(format!("find the function of the URL {id}"), query).await?;
        Ok(found.inspect(|key| self.urls.remember(id, key.clone())))
    }

    pub(super) async fn usage(&self, scope: Scope) -> Result<FunctionUsage, StoreError> {
        let what = format!("measure the functions of {} in {}", scope.account, scope.region);
        let query = move |database: &Connection| {
            let moment = database.unchecked_transaction()?;
            let scope = [scope.account.as_str(), scope.region.as_str()];
            let mut usage = FunctionUsage::default();
            let mut select = moment.prepare("SELECT record FROM functions WHERE account = ? AND region = ?")?;
            let mut rows = select.query(scope)?;
            while let Some(row) = rows.next()? {
                let record: References = serde_json::from_slice(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
                usage.functions += 1;
                usage.code_bytes += record.latest.code.size;
            }
            let mut select = moment.prepare("SELECT version FROM versions WHERE account = ? AND region = ?")?;
            let mut rows = select.query(scope)?;
            while let Some(row) = rows.next()? {
                let version: Reference = serde_json::from_slice(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
                usage.code_bytes += version.code.size;
            }
            Ok(usage)
        };
        self.reader.read(what, query).await
    }

    pub(super) async fn packages_in_use(&self) -> Result<HashSet<String>, StoreError> {
        let query = |database: &Connection| {
            let moment = database.unchecked_transaction()?;
            let mut select = moment.prepare("SELECT record FROM functions")?;
            let mut rows = select.query([])?;
            let mut used = HashSet::new();
            while let Some(row) = rows.next()? {
                let record: References = serde_json::from_slice(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
                [Some(record.latest), record.previous].into_iter().flatten().for_each(|it| it.collect(&mut used));
            }
            let mut select = moment.prepare("SELECT version FROM versions")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let version: Reference = serde_json::from_slice(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
                version.collect(&mut used);
            }
            Ok(used)
        };
        self.reader.read("list the packages in use".to_owned(), query).await
    }

    fn publish(&self) -> impl FnOnce(&Arc<FunctionRecord>) + Send + 'static {
        let (cache, known) = (Arc::clone(&self.cache), Arc::clone(&self.urls));
        move |record| {
            known.forget(&record.latest.key);
            cache.replace(record);
        }
    }
}

fn select(database: &Connection, key: &FunctionKey) -> rusqlite::Result<Option<Arc<FunctionRecord>>> {
    let mut select =
        database.prepare_cached("SELECT record FROM functions WHERE account = ? AND region = ? AND name = ?")?;
    let key = [key.scope.account.as_str(), key.scope.region.as_str(), &key.name];
    select.query_row(key, |row| decode(database, row)).optional()
}

/// The record of a row, with its versions.
fn decode(database: &Connection, row: &Row<'_>) -> rusqlite::Result<Arc<FunctionRecord>> {
    let mut record: FunctionRecord = serde_json::from_slice(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
    record.versions = versions::read(database, &record.latest.key)?;
    Ok(Arc::new(record))
}

/// As much of a record as names its packages: a start reads this of every function.
#[derive(Debug, serde::Deserialize)]
struct References {
    latest: Reference,
    previous: Option<Reference>,
}

#[derive(Debug, serde::Deserialize)]
struct Reference {
    code: Code,
    #[serde(default)]
    layers: Vec<Layer>,
}

impl Reference {
    fn collect(self, used: &mut HashSet<String>) {
        used.insert(self.code.sha256);
        used.extend(self.layers.into_iter().map(|layer| layer.code.sha256));
    }
}

/// A record as its row.
struct Encoded {
    revision: i64,
    unfinished: bool,
    record: Vec<u8>,
}

impl Encoded {
    fn new(record: &FunctionRecord) -> Result<Self, StoreError> {
        let latest = &record.latest;
        Ok(Self {
            revision: to_integer(record.revision)?,
            unfinished: latest.last_update == UpdateStatus::InProgress
                || record.versions.values().chain([latest]).any(|version| version.state == State::Pending),
            record: serde_json::to_vec(record)
                .map_err(|source| StoreError::io(format!("encode {}", latest.key), source))?,
        })
    }
}

/// SQLite's integers are signed.
fn to_integer(revision: u64) -> Result<i64, StoreError> {
    i64::try_from(revision).map_err(|source| StoreError::io(format!("store revision {revision}"), source))
}

/// Records in memory.
#[derive(Debug)]
struct Cache {
    hasher: RandomState,
    shards: [RwLock<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    records: HashMap<FunctionKey, Arc<FunctionRecord>>,
    /// Counts the changes, so that a slow read does not put back what has been changed or deleted meanwhile.
    generation: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| RwLock::default()) }
    }
}

impl Cache {
    fn get(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>> {
        self.read(key).records.get(key).cloned()
    }

    fn generation(&self, key: &FunctionKey) -> u64 {
        self.read(key).generation
    }

    /// Keeps what was read from the disk unless the shard has changed since generation `before`; returns the newest.
    fn remember(&self, key: FunctionKey, record: Arc<FunctionRecord>, before: u64) -> Arc<FunctionRecord> {
        let mut shard = self.write(&key);
        if shard.generation == before {
            shard.records.insert(key, Arc::clone(&record));
            return record;
        }
        shard.records.get(&key).cloned().unwrap_or(record)
    }

    fn replace(&self, record: &Arc<FunctionRecord>) {
        let key = &record.latest.key;
        let mut shard = self.write(key);
        shard.generation += 1;
        shard.records.insert(key.clone(), Arc::clone(record));
    }

    fn forget(&self, key: &FunctionKey) {
        let mut shard = self.write(key);
        shard.generation += 1;
        shard.records.remove(key);
    }

    // Nothing panics while a shard is locked, so a poisoned one is as good as before.
    fn read(&self, key: &FunctionKey) -> RwLockReadGuard<'_, Shard> {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &FunctionKey) -> RwLockWriteGuard<'_, Shard> {
        self.shard(key).write().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the remainder is below SHARDS")]
    fn shard(&self, key: &FunctionKey) -> &RwLock<Shard> {
        &self.shards[(self.hasher.hash_one(key) % SHARDS as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_api::testing;

    fn record(revision: u64) -> Arc<FunctionRecord> {
        Arc::new(FunctionRecord { revision, ..FunctionRecord::new(testing::function("a")) })
    }

    #[test]
    fn a_slow_read_puts_nothing_old_back() {
        let cache = Cache::default();
        let key = record(1).latest.key.clone();
        let before = cache.generation(&key);
        cache.replace(&record(2));
        assert_eq!(cache.remember(key.clone(), record(1), before).revision, 2);
        assert_eq!(cache.get(&key), Some(record(2)));
        let before = cache.generation(&key);
        cache.forget(&key);
        cache.remember(key.clone(), record(2), before);
        assert_eq!(cache.get(&key), None);
        let before = cache.generation(&key);
        cache.remember(key.clone(), record(3), before);
        assert_eq!(cache.get(&key), Some(record(3)));
    }
}
