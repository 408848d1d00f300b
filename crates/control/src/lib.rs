//! The front door: Lambda's REST API and CloudWatch Logs on one port.
//!
//! It decides who is calling, what they may send and how large it may be, keeps functions and their states, routes
//! invocations to [`Environments`] and reads logs back. It never runs a function itself and knows nothing of sandboxes.
//!
//! What it refuses to do: answer a web page (see `guard`), read a body without a bound, or pretend: an operation or a
//! setting that Hearth does not honour yet gets an error that says so. Signatures are verified for function URLs with
//! `AWS_IAM`, and *not* for the API itself. There the credential scope only says which account and region is meant, so the
//! port must not be reachable by anybody who may not deploy functions.

mod answer;
mod body;
mod credentials;
mod events;
mod functions;
mod guard;
mod identity;
mod inside;
mod invoke;
mod lambda;
mod layers;
mod logs;
mod members;
mod private;
mod server;
mod task;
#[cfg(test)]
mod testing;
mod url;

pub use credentials::{Credentials, CredentialsError};

use body::Places;
use hearth_api::environments::Environments;
use hearth_api::function::Scope;
use hearth_store::{EventQueue, Functions, Layers, Logs, Packages};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, Semaphore, watch};

/// Uploads of code that may be in memory at once (ours): each holds up to 70 MB of request and 100 MB of zips.
const UPLOADS: usize = 8;
/// Functions whose cold starts are expected after a start (ours: most are of a few kinds, and one waits of each).
const EXPECTED: usize = 16;

/// What the front door is told by whoever starts it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Account and region of requests that name none.
    pub scope: Scope,
    /// Names by which clients may address the service, besides `localhost` and its own addresses; without port.
    pub hosts: Vec<String>,
    /// What callers of function URLs with `AWS_IAM` sign with.
    pub credentials: Credentials,
    /// How long requests that are being answered may take once [`FrontDoor::serve`] has been told to stop.
    pub drain: Duration,
}

/// Where things are kept.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Function metadata.
    pub functions: Arc<dyn Functions>,
    /// Layers.
    pub layers: Arc<dyn Layers>,
    /// Deployment packages.
    pub packages: Arc<dyn Packages>,
    /// Events of asynchronous invokes.
    pub events: Arc<dyn EventQueue>,
    /// Logs.
    pub logs: Arc<dyn Logs>,
}

/// The service behind the port.
#[derive(Debug)]
pub struct FrontDoor {
    config: Config,
    stores: Stores,
    environments: Arc<dyn Environments>,
    /// Told whenever a function has left Pending or InProgress.
    settled: Notify,
    uploads: Arc<Semaphore>,
    /// Large bodies that function URLs read at once.
    url_bodies: Places,
    /// Held while a reservation changes: the sum of all has a limit, and the environments must hear of them in order.
    reserving: Mutex<()>,
    /// Operations that read or write logs at once.
    readers: Arc<Semaphore>,
    live_tails: Arc<Semaphore>,
    /// Whether [`FrontDoor::serve`] has been told to stop: answers without an end of their own end then.
    stopping: watch::Sender<bool>,
    runner: events::Runner,
    links: private::CodeLinks,
}

impl FrontDoor {
    /// Puts the parts together; nothing runs yet.
    #[must_use]
    pub fn new(config: Config, stores: Stores, environments: Arc<dyn Environments>) -> Arc<Self> {
        Arc::new(Self {
            config,
            stores,
            environments,
            settled: Notify::new(),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            url_bodies: Places::new(url::LARGE_AT_ONCE),
            reserving: Mutex::new(()),
            readers: Arc::new(Semaphore::new(logs::READERS)),
            live_tails: Arc::new(Semaphore::new(logs::SESSIONS)),
            stopping: watch::Sender::new(false),
            runner: events::Runner::new(),
            links: private::CodeLinks::new(),
        })
    }

    /// Takes up what a stop or a `kill -9` left unfinished: functions that were being created or updated, and events
    /// that were accepted but not handled. Removes packages that neither a function nor a layer refers to. Cold starts of those
    /// functions are expected that were created last. Call it once, before [`FrontDoor::serve`] and before anything runs.
    ///
    /// # Errors
    ///
    /// When the store fails; part of it may have been taken up then.
    pub async fn recover(self: &Arc<Self>) -> Result<(), hearth_store::StoreError> {
        let mut used = self.stores.functions.packages_in_use().await?;
        used.extend(self.stores.layers.layer_packages().await?);
        self.stores.packages.sweep(&used).await?;
        for (key, reserved) in self.stores.functions.reservations().await? {
            self.environments.reserve(&key, Some(reserved));
        }
        for record in self.stores.functions.unfinished().await? {
            functions::settle::spawn(self, record.latest.key.clone());
        }
        // The one that was created last is expected last, which is most.
        for record in self.stores.functions.latest(EXPECTED).await?.into_iter().rev() {
            self.environments.expect(Arc::clone(&record.latest));
        }
        events::recover(self).await
    }
}
