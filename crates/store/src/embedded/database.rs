//! The SQLite database: its settings, its tables and the version of their layout. Refuses a database that a newer
//! version of Hearth has changed.

use super::blocking::blocking;
use super::directory::failed;
use crate::StoreError;
use rusqlite::Connection;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How the tables came to be: the layout of a file, kept in `user_version`, is the number of steps that it has seen. Steps
/// are added at the end and never changed.
const STEPS: &[&str] = &[FIRST, VERSIONS, LAYERS, FUNCTION_URLS];

const FIRST: &str = "
    CREATE TABLE functions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        revision INTEGER NOT NULL,
        unfinished INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (account, region, name)
    );
    CREATE INDEX functions_unfinished ON functions (unfinished) WHERE unfinished = 1;
    CREATE TABLE events (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id BLOB NOT NULL UNIQUE,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        qualifier TEXT,
        client_context TEXT,
        accepted_ms INTEGER NOT NULL,
        payload BLOB NOT NULL
    );
";

/// Published versions, a row each: publishing one must not rewrite those before it.
const VERSIONS: &str = "
    ALTER TABLE functions ADD COLUMN reserved INTEGER;
    CREATE INDEX functions_reserved ON functions (reserved) WHERE reserved IS NOT NULL;
    CREATE TABLE versions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        revision_id BLOB NOT NULL,
        version BLOB NOT NULL,
        PRIMARY KEY (account, region, name, number)
    );
";

const LAYERS: &str = "
    CREATE TABLE layers (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (account, region, name)
    );
    CREATE TABLE layer_versions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        version BLOB NOT NULL,
        PRIMARY KEY (account, region, name, number)
    );
";

/// Which function a URL is of. The rest of a URL is part of the function's record.
const FUNCTION_URLS: &str = "
    CREATE TABLE function_urls (
        id TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL
    );
    CREATE INDEX function_urls_of_function ON function_urls (account, region, name);
";

/// The newest layout.
fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Opens the database for writing and brings its tables up to date.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    close_to_others(path).map_err(|source| failed("make", path, source))?;
    let settle = || -> rusqlite::Result<Result<Connection, i64>> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // WAL with FULL: a commit is on the disk when it returns. NORMAL would lose acknowledged ones with the power.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -1_024)?;
        let layout: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let missing = usize::try_from(layout).ok().and_then(|layout| STEPS.get(layout..));
        let Some(missing) = missing else { return Ok(Err(layout)) };
        if !missing.is_empty() {
            let transaction = connection.transaction()?;
            missing.iter().try_for_each(|step| transaction.execute_batch(step))?;
            transaction.pragma_update(None, "user_version", known())?;
            transaction.commit()?;
        }
        Ok(Ok(connection))
    };
    match settle() {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(newer)) => Err(failed(
            "open",
            path,
            format!(
                "its layout is {newer}, this version of Hearth knows {}: use the version that made it",
                STEPS.len()
            ),
        )),
        Err(source) => Err(failed("open", path, source)),
    }
}

/// Environment variables and events are nobody else's, and others may pass through the data directory. SQLite would make
/// the file readable for all, and gives those beside it the same permissions.
fn close_to_others(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// A connection that only reads: in WAL mode it neither waits for the writer nor makes it wait.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Mutex<Connection>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let settle = || {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -1_024)?;
            Ok(connection)
        };
        let connection = settle().map_err(|source: rusqlite::Error| failed("open", path, source))?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Runs a query on a thread that may block; `what` says what it reads.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        what: String,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = Arc::clone(self);
        let task = what.clone();
        blocking(
            || task,
            move || {
                // A panic in a query leaves no state behind that the next one could trip over.
                let connection = reader.connection.lock().unwrap_or_else(PoisonError::into_inner);
                query(&connection).map_err(|source| StoreError::io(what, source))
            },
        )
        .await
    }
}

/// A column's content that is not what was written there.
pub(super) fn damaged(source: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_layout_is_refused_and_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("hearth.db");
        let newer = known() + 1;
        open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
        let error = open(&path).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let expected = format!(
            "its layout is {newer}, this version of Hearth knows {}: use the version that made it",
            STEPS.len()
        );
        assert_eq!(cause, expected);
        assert_eq!(layout(&path), newer);
    }

    fn layout(path: &Path) -> i64 {
        Connection::open(path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_layout_is_brought_up_to_date_and_keeps_what_it_holds() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("hearth.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(FIRST).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute("INSERT INTO functions VALUES ('a', 'r', 'n', 1, 0, x'00')", []).unwrap();
        drop(old);
        let kept: i64 = open(&path).unwrap().query_row("SELECT count(*) FROM functions", [], |row| row.get(0)).unwrap();
        assert_eq!((kept, layout(&path)), (1, known()));
    }

    #[test]
    fn a_commit_waits_for_the_disk() {
        // A kill cannot show it, only a power failure.
        let data = tempfile::tempdir().unwrap();
        let database = open(&data.path().join("hearth.db")).unwrap();
        let setting = |name: &str| -> String {
            database
                .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!((setting("journal_mode").as_str(), setting("synchronous").as_str()), ("wal", "2"));
    }

    #[test]
    fn only_its_owner_can_read_it() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("hearth.db");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let _database = open(&path).unwrap();
        let files: Vec<_> = std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap()).collect();
        assert!(files.len() > 1, "the write-ahead log is there: {files:?}");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
        }
    }

    #[test]
    fn the_reader_cannot_write() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("hearth.db");
        open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert!(reader.connection.lock().unwrap().execute("DELETE FROM functions", []).is_err());
    }
}
