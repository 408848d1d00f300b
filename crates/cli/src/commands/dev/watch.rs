//! Tells when a folder has changed. The folder is watched, not its files: editors write a new file and rename it over
//! the old one.

use crate::commands::deploy::{self, Rules};
use anyhow::{Context as _, anyhow};
use notify::event::{AccessKind, AccessMode, Event, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, timeout_at};

/// A change is over when nothing more has come for so long (ours: an editor's steps are closer together, and a person
/// waits for it).
const QUIET: Duration = Duration::from_millis(10);
/// It counts as over after so long even if more comes (ours).
const LONGEST: Duration = Duration::from_millis(40);

/// A folder that is watched until this is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    changes: Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Begins to watch `folder`, which is absolute; what comes from now on is not missed.
    ///
    /// # Errors
    ///
    /// As the system answers, such as that there are too many folders.
    pub(super) fn begin(folder: &Path) -> anyhow::Result<Self> {
        // One is enough: it says that something happened, the package says what.
        let (tell, changes) = channel(1);
        let top = folder.to_owned();
        let rules = deploy::rules(folder)?;
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error may stand for events that were lost.
            if event.map_or(true, |event| matters(&top, &rules, &event)) {
                // Full: one is waiting already. Closed: nobody listens any more.
                tell.try_send(()).ok();
            }
        })
        .context("watch for changes")?;
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .with_context(|| format!("watch {} for changes", folder.display()))?;
        Ok(Self { changes, _watcher: watcher })
    }

    /// Waits for the end of the next change.
    ///
    /// # Errors
    ///
    /// That there will be none any more.
    ///
    /// # Cancel safety
    ///
    /// Not safe: a change that is under way is forgotten.
    pub(super) async fn changed(&mut self) -> anyhow::Result<()> {
        let ended = || anyhow!("nothing watches the folder any more");
        self.changes.recv().await.ok_or_else(ended)?;
        let latest = Instant::now() + LONGEST;
        loop {
            let quiet = (Instant::now() + QUIET).min(latest);
            match timeout_at(quiet, self.changes.recv()).await {
                Ok(Some(())) => {}
                Ok(None) => return Err(ended()),
                Err(_) => return Ok(()),
            }
        }
    }
}

/// Whether the package may be another one after `event`.
fn matters(top: &Path, rules: &Rules, event: &Event) -> bool {
    let writes = match event.kind {
        // Packing reads every file.
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    };
    writes && (event.need_rescan() || event.paths.iter().any(|path| belongs(top, rules, path)))
}

fn belongs(top: &Path, rules: &Rules, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(top) else { return true };
    // The rules themselves are not packed, and decide what is.
    if [".hearthignore", ".gitignore"].iter().any(|name| inside == Path::new(name)) {
        return true;
    }
    inside.as_os_str().is_empty() || inside.to_str().is_none_or(|inside| !rules.excluded_anywhere(inside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, ModifyKind, RemoveKind};

    fn matters_at(kind: EventKind, path: &str) -> bool {
        let top = Path::new("/home/me/app");
        let rules = Rules::parse("*.log\n", crate::commands::deploy::IgnoreSource::Git);
        matters(top, &rules, &Event::new(kind).add_path(top.join(path)))
    }

    #[test]
    fn reading_is_no_change_and_what_is_ignored_none_either() {
        let modify = EventKind::Modify(ModifyKind::Any);
        assert!(matters_at(modify, "app.py") && matters_at(EventKind::Create(CreateKind::File), "lib/a.py"));
        assert!(matters_at(EventKind::Access(AccessKind::Close(AccessMode::Write)), "app.py"));
        assert!(!matters_at(EventKind::Access(AccessKind::Close(AccessMode::Read)), "app.py"));
        assert!(!matters_at(EventKind::Access(AccessKind::Open(AccessMode::Any)), "app.py"));
        for ignored in ["a.log", ".git/index", "lib/__pycache__/a.pyc"] {
            assert!(!matters_at(modify, ignored), "{ignored}");
        }
        assert!(matters_at(EventKind::Remove(RemoveKind::File), ".hearthignore"), "it decides what is packed");
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_is_one_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.py");
        std::fs::write(&path, "1").unwrap();
        let mut watch = Watch::begin(&folder.path().canonicalize().unwrap()).unwrap();
        std::fs::write(folder.path().join("app.py.new"), "2").unwrap();
        std::fs::rename(folder.path().join("app.py.new"), &path).unwrap();
        watch.changed().await.unwrap();
        // A folder that is made later is watched as well.
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        watch.changed().await.unwrap();
        std::fs::write(folder.path().join("lib/a.py"), "3").unwrap();
        watch.changed().await.unwrap();
    }
}
