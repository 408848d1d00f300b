//! The one thread that changes the database. Whatever waits when it is free goes into one transaction, so that many
//! callers share one sync of the disk. Nothing is acknowledged, or visible in memory, before it is on the disk.

use crate::StoreError;
use rusqlite::Connection;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// Changes that may wait; further callers wait for room.
const QUEUE: usize = 1_024;
/// Most changes of one transaction.
const BATCH: usize = 256;

/// Handle of the thread; dropping it lets the thread finish what is queued and waits for it.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(database: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(database, jobs))
            .map_err(|source| StoreError::io("start the database's writer thread", source))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Makes one change. `apply` runs inside a transaction that it may share with others, so an answer such as "exists"
    /// is its value, and an SQL error fails all of them. `publish` runs after the commit, in the order of commits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the change back.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        what: String,
        apply: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, StoreError>> + Send + 'static,
        publish: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || StoreError::io(what.clone(), "the database's writer thread has stopped");
        let job = Change { what: what.clone(), apply: Some(apply), publish, outcome: None, reply };
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Box::new(job)).await.map_err(|_closed| stopped())?;
        answer.await.map_err(|_dropped| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the database's writer thread had panicked");
        }
    }
}

trait Job: Send {
    fn apply(&mut self, database: &Connection) -> rusqlite::Result<()>;
    fn finish(self: Box<Self>, committed: Result<(), Shared>);
}

struct Change<T, A, P> {
    what: String,
    apply: Option<A>,
    publish: P,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, A, P> Job for Change<T, A, P>
where
    T: Send,
    A: FnOnce(&Connection) -> rusqlite::Result<Result<T, StoreError>> + Send,
    P: FnOnce(&T) + Send,
{
    fn apply(&mut self, database: &Connection) -> rusqlite::Result<()> {
        if let Some(apply) = self.apply.take() {
            self.outcome = Some(apply(database)?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), Shared>) {
        let Self { what, publish, outcome, reply, .. } = *self;
        let outcome = match (committed, outcome) {
            (Ok(()), Some(Ok(value))) => {
                publish(&value);
                Ok(value)
            }
            (Ok(()), Some(refused)) => refused,
            (Ok(()), None) => Err(StoreError::io(what, "it was left out of its transaction")),
            (Err(source), _) => Err(StoreError::io(what, source)),
        };
        // A caller that has gone away does not want its answer.
        drop(reply.send(outcome));
    }
}

/// One failure, told to everybody of a transaction.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<rusqlite::Error>);

fn run(mut database: Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::new();
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        let committed = commit(&mut database, &mut batch).map_err(|error| Shared(Arc::new(error)));
        for job in batch.drain(..) {
            job.finish(committed.clone());
        }
    }
}

fn commit(database: &mut Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    for job in batch {
        job.apply(&transaction)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::task::{Context, Waker};

    fn database() -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch("CREATE TABLE t (n INTEGER UNIQUE)").unwrap();
        database
    }

    #[tokio::test]
    async fn a_failed_transaction_fails_everybody_in_it_and_publishes_nothing() {
        let mut database = database();
        let published = Arc::new(Mutex::new(Vec::new()));
        let mut answers = Vec::new();
        let mut batch: Vec<Box<dyn Job>> = Vec::new();
        for n in [1, 1, 2] {
            let (reply, answer) = oneshot::channel();
            let published = Arc::clone(&published);
            batch.push(Box::new(Change {
                what: format!("insert {n}"),
                apply: Some(move |database: &Connection| database.execute("INSERT INTO t VALUES (?)", [n]).map(Ok)),
                publish: move |_: &usize| published.lock().unwrap().push(n),
                outcome: None,
                reply,
            }));
            answers.push(answer);
        }
        let committed = commit(&mut database, &mut batch).map_err(|error| Shared(Arc::new(error)));
        for job in batch.drain(..) {
            job.finish(committed.clone());
        }
        for answer in answers {
            assert!(matches!(answer.await, Ok(Err(StoreError::Io { .. }))));
        }
        assert!(published.lock().unwrap().is_empty());
        let rows: i64 = database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
    }

    #[tokio::test]
    async fn dropping_the_handle_finishes_what_is_queued() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER)").unwrap();
        let writer = Writer::start(connection).unwrap();
        for n in 0..50 {
            let insert = move |database: &Connection| database.execute("INSERT INTO t VALUES (?)", [n]).map(Ok);
            let mut write = Box::pin(writer.write(format!("insert {n}"), insert, |_| {}));
            // Polled once: the change is queued, and nobody waits for it.
            let _answer = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        drop(writer);
        let rows: i64 =
            Connection::open(&path).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 50);
    }
}
