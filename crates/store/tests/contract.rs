//! Runs the contract suite over every backend: here, the embedded one. A further backend adds a line per test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic; the lints spare only #[test] itself"
)]

mod suite;
mod support;

use hearth_store::embedded::EmbeddedStore;
use hearth_store::{EventQueue, Functions, Layers, LogEvent, LogQuery, Logs, Packages};
use std::sync::Arc;
use tempfile::TempDir;

fn empty() -> (TempDir, Arc<EmbeddedStore>) {
    let data = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(data.path()).unwrap();
    (data, Arc::new(store))
}

macro_rules! contract {
    ($($module:ident: $($test:ident($how:tt)),+;)+) => {$(
        mod $module {
            $(contract!(@test $module $test $how);)+
        }
    )+};
    (@test $module:ident $test:ident shared) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let (_data, store) = crate::empty();
            crate::suite::$module::$test(store).await;
        }
    };
    (@test $module:ident $test:ident alone) => {
        #[tokio::test]
        async fn $test() {
            let (_data, store) = crate::empty();
            crate::suite::$module::$test(&*store).await;
        }
    };
    (@test $module:ident $test:ident plain) => {
        #[test]
        fn $test() {
            let (_data, store) = crate::empty();
            crate::suite::$module::$test(&*store);
        }
    };
}

contract! {
    functions: reads_what_was_stored(alone), changes_are_compared_by_revision(alone), one_of_many_wins(shared),
        lists_are_paged_by_name(alone), unfinished_changes_are_found(alone), the_latest_come_first(alone),
        packages_in_use_are_found(alone), versions_are_part_of_their_function(alone),
        reservations_and_usage_are_found(alone), urls_find_their_function(alone);
    layers: numbers_are_never_used_again(alone), many_publish_at_once(shared), policies_are_compared_by_revision(alone),
        lists_are_filtered_and_paged(alone), packages_of_layers_are_found(alone);
    packages: keeps_a_package(alone), amends_a_package(alone), amends_with_links_and_modes(alone), many_put_the_same(shared), refuses_what_is_no_package(alone),
        sweeps_the_unused(alone), knows_the_unzipped_size(alone);
    events: waits_until_done(alone), keeps_any_payload(alone);
    logs: describes_groups_and_streams(plain), reads_pages_both_ways(plain), selects_by_time(plain),
        keeps_messages_as_they_are(plain), writers_share_a_stream(plain), deletes_a_group(plain),
        makes_a_group(plain),
        survives_any_position(plain), names_are_not_paths(plain), forgets_what_is_too_old(plain),
        keeps_groups_within_bytes(plain), loses_nothing_of_what_is_followed(plain);
}

/// Everything is there after a restart, read from the disk on demand.
#[tokio::test]
async fn a_restart_keeps_everything_and_loads_nothing() {
    let (data, store) = empty();
    let record = store.create(support::published(&support::function(support::key("a")), "x")).await.unwrap();
    let code = store.put(support::zip(&[support::Entry::file("a", "b")]).into()).await.unwrap();
    let layer = store.publish(support::layer(support::layer_key("l"))).await.unwrap();
    store.push(suite::events::event(1)).await.unwrap();
    let scope = support::scope("us-east-1");
    let event = LogEvent { timestamp_ms: 1, ingestion_ms: 2, message: "x\n".to_owned() };
    store.open(&scope, "g", "s").unwrap().append(std::slice::from_ref(&event)).unwrap();
    let instance = store.instance().to_owned();
    drop(store);

    let store = EmbeddedStore::open(data.path()).unwrap();
    assert_eq!(store.instance(), instance);
    assert!(store.cached(&support::key("a")).is_none());
    assert_eq!(store.get(&support::key("a")).await.unwrap(), Some(Arc::clone(&record)));
    assert_eq!(store.cached(&support::key("a")), Some(record));
    assert!(store.directory(&code).join("a").exists());
    assert_eq!(store.layer_version(&layer.key, 1).await.unwrap(), Some(layer));
    assert_eq!(store.pending().await.unwrap(), [suite::events::event(1)]);
    // Opened again for writing before it is read: it goes on, and does not begin anew.
    store.open(&scope, "g", "s").unwrap().append(std::slice::from_ref(&event)).unwrap();
    let query = LogQuery { limit: 9, ..LogQuery::default() };
    let page = store.read(&scope, "g", "s", &query).unwrap().unwrap();
    assert_eq!(page.events.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), [event.clone(), event]);
}

/// The size of a package that an earlier Hearth unpacked is counted.
#[tokio::test]
async fn an_older_package_has_a_size_too() {
    let (data, store) = empty();
    let files =
        [support::Entry::file("a", "12345"), support::Entry::file("d/b", "123"), support::Entry::link("c", "a")];
    let code = store.put(support::zip(&files).into()).await.unwrap();
    let kept = store.directory(&code).with_file_name("size");
    std::fs::remove_file(kept).unwrap();
    assert_eq!(store.unzipped_size(&code).await.unwrap(), 8);
    drop(data);
}
