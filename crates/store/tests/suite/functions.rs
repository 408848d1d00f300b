//! Function metadata: scopes, compare-and-swap, order of lists.

use crate::support::{described, function, key, published, scope};
use hearth_api::function::{Code, FunctionKey, Layer, State, UpdateStatus};
use hearth_api::function_url::{AuthType, FunctionUrl, InvokeMode};
use hearth_store::{FunctionUsage, Functions, StoreError};
use std::sync::Arc;

/// A record comes back as it was stored, from the disk and from memory, in its own scope only.
pub async fn reads_what_was_stored(store: &impl Functions) {
    assert!(store.get(&key("a")).await.unwrap().is_none());
    assert!(store.cached(&key("a")).is_none());
    let stored = store.create(function(key("a"))).await.unwrap();
    assert_eq!(stored.revision, 1);
    let mut expected = function(key("a"));
    expected.revision = 1;
    assert_eq!(*stored, expected);
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(Arc::clone(&stored)));
    assert_eq!(store.cached(&key("a")), Some(stored));
    let elsewhere = FunctionKey { scope: scope("eu-central-1"), name: "a".to_owned() };
    assert!(store.get(&elsewhere).await.unwrap().is_none());
    store.create(function(elsewhere.clone())).await.unwrap();
    store.delete(&elsewhere).await.unwrap();
    assert!(store.get(&key("a")).await.unwrap().is_some());
}

/// Names are unique, updates need the revision they were made from, what is deleted is gone.
pub async fn changes_are_compared_by_revision(store: &impl Functions) {
    let first = store.create(function(key("a"))).await.unwrap();
    assert!(matches!(store.create(function(key("a"))).await, Err(StoreError::Exists(_))));
    let second = store.update(described(&first, "two")).await.unwrap();
    assert_eq!((second.revision, second.latest.description.as_str()), (2, "two"));
    assert!(matches!(store.update(described(&first, "late")).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.cached(&key("a")), Some(Arc::clone(&second)));
    assert!(matches!(store.update(function(key("b"))).await, Err(StoreError::NotFound(_))));
    store.delete(&key("a")).await.unwrap();
    assert!(matches!(store.delete(&key("a")).await, Err(StoreError::NotFound(_))));
    assert!(matches!(store.update((*second).clone()).await, Err(StoreError::NotFound(_))));
    assert!(store.cached(&key("a")).is_none());
    assert!(store.get(&key("a")).await.unwrap().is_none());
    assert_eq!(store.create(function(key("a"))).await.unwrap().revision, 1);
}

/// Versions come and go with the record that names them, and go with their function.
pub async fn versions_are_part_of_their_function(store: &impl Functions) {
    let none = store.create(function(key("a"))).await.unwrap();
    let two = store.update(published(&published(&none, "one"), "two")).await.unwrap();
    assert_eq!(two.versions.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(store.update(published(&none, "late")).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(Arc::clone(&two)));
    let mut less = published(&two, "three");
    less.versions.remove(&1);
    let mut changed = (*less.versions[&2]).clone();
    (changed.description, changed.revision_id) = ("changed".to_owned(), uuid::Uuid::from_u128(9));
    less.versions.insert(2, Arc::new(changed));
    let less = store.update(less).await.unwrap();
    let listed = store.list(&scope("us-east-1"), None, 10).await.unwrap();
    assert_eq!(listed, [Arc::clone(&less)], "as they are on the disk");
    assert_eq!(less.published.last, 3);
    let elsewhere = FunctionKey { scope: scope("eu-central-1"), name: "a".to_owned() };
    store.create(published(&function(elsewhere.clone()), "x")).await.unwrap();
    assert_eq!(*store.delete(&key("a")).await.unwrap(), *less);
    let anew = store.create(function(key("a"))).await.unwrap();
    assert_eq!(store.list(&scope("us-east-1"), None, 10).await.unwrap(), [anew], "nothing of the old one is left");
    assert_eq!(store.get(&elsewhere).await.unwrap().unwrap().versions.len(), 1);
}

/// Reservations of all scopes, and what a scope takes up.
pub async fn reservations_and_usage_are_found(store: &impl Functions) {
    let mut reserved = function(key("a"));
    reserved.reserved_concurrency = Some(0);
    let reserved = store.create(reserved).await.unwrap();
    store.create(published(&function(key("b")), "x")).await.unwrap();
    let foreign = FunctionKey { scope: scope("eu-central-1"), name: "a".to_owned() };
    let mut more = function(foreign.clone());
    more.reserved_concurrency = Some(7);
    store.create(more).await.unwrap();
    let mut found = store.reservations().await.unwrap();
    found.sort();
    assert_eq!(found, [(foreign, 7), (key("a"), 0)]);
    let usage = store.usage(&scope("us-east-1")).await.unwrap();
    assert_eq!(usage, FunctionUsage { functions: 2, code_bytes: 1 + 1 + 10 });
    let mut freed = (*reserved).clone();
    freed.reserved_concurrency = None;
    store.update(freed).await.unwrap();
    assert_eq!(store.reservations().await.unwrap().len(), 1);
}

/// Of many that update one revision at once, one wins.
pub async fn one_of_many_wins<S: Functions + 'static>(store: Arc<S>) {
    let first = store.create(function(key("a"))).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (store, changed) = (Arc::clone(&store), described(&first, &n.to_string()));
            tokio::spawn(async move { store.update(changed).await })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(record) => winners.push(record),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(&key("a")).await.unwrap(), winners.pop());
}

/// Lists are by name in bytes, page by page, one scope.
pub async fn lists_are_paged_by_name(store: &impl Functions) {
    for name in ["b", "a", "B", "a-1", "a_1"] {
        store.create(function(key(name))).await.unwrap();
    }
    let foreign = FunctionKey { scope: scope("eu-central-1"), name: "aa".to_owned() };
    store.create(function(foreign)).await.unwrap();
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(&scope("us-east-1"), after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(last.latest.key.name.clone());
        names.extend(page.iter().map(|record| record.latest.key.name.clone()));
    }
    assert_eq!(names, ["B", "a", "a-1", "a_1", "b"]);
    assert!(store.list(&scope("us-west-2"), None, 10).await.unwrap().is_empty());
}

/// The packages of what serves and of what is about to, in every scope.
pub async fn packages_in_use_are_found(store: &impl Functions) {
    assert!(store.packages_in_use().await.unwrap().is_empty());
    let with = |key: FunctionKey, sha256: &str| {
        let mut record = function(key);
        Arc::make_mut(&mut record.latest).code.sha256 = sha256.to_owned();
        record
    };
    let mut updating = with(key("a"), "new");
    updating.previous = Some(with(key("a"), "old").latest);
    let layer = Layer { arn: "arn".to_owned(), code: Code { sha256: "layer".to_owned(), size: 1 } };
    Arc::make_mut(&mut updating.latest).layers.push(layer);
    store.create(updating).await.unwrap();
    store.create(published(&with(key("b"), "new"), "published")).await.unwrap();
    store.create(published(&with(key("gone"), "gone"), "gone too")).await.unwrap();
    store.delete(&key("gone")).await.unwrap();
    let foreign = FunctionKey { scope: scope("eu-central-1"), name: "a".to_owned() };
    store.create(with(foreign, "foreign")).await.unwrap();
    let used = store.packages_in_use().await.unwrap();
    assert_eq!(used, ["new", "old", "layer", "published", "foreign"].map(str::to_owned).into());
}

/// Creations and updates under way are found, and those that ended are not.
pub async fn unfinished_changes_are_found(store: &impl Functions) {
    store.create(function(key("done"))).await.unwrap();
    let mut pending = function(key("pending"));
    Arc::make_mut(&mut pending.latest).state = State::Pending;
    let pending = store.create(pending).await.unwrap();
    let mut updating = function(key("updating"));
    Arc::make_mut(&mut updating.latest).last_update = UpdateStatus::InProgress;
    updating.previous = Some(Arc::clone(&updating.latest));
    store.create(updating).await.unwrap();
    let mut publishing = published(&function(key("publishing")), "x");
    Arc::make_mut(publishing.versions.get_mut(&1).unwrap()).state = State::Pending;
    store.create(publishing).await.unwrap();
    let mut names: Vec<_> =
        store.unfinished().await.unwrap().iter().map(|record| record.latest.key.name.clone()).collect();
    names.sort();
    assert_eq!(names, ["pending", "publishing", "updating"]);
    let mut active = (*pending).clone();
    Arc::make_mut(&mut active.latest).state = State::Active;
    store.update(active).await.unwrap();
    assert_eq!(store.unfinished().await.unwrap().len(), 2);
}

/// Those that were created last come first, in all scopes, and a change does not count.
pub async fn the_latest_come_first(store: &impl Functions) {
    let first = store.create(function(key("first"))).await.unwrap();
    store.create(function(key("gone"))).await.unwrap();
    store.create(function(key("a"))).await.unwrap();
    store.create(function(FunctionKey { scope: scope("eu-central-1"), name: "last".to_owned() })).await.unwrap();
    store.delete(&key("gone")).await.unwrap();
    store.update((*first).clone()).await.unwrap();
    let latest = store.latest(3).await.unwrap();
    let names: Vec<_> = latest.iter().map(|record| record.latest.key.name.as_str()).collect();
    assert_eq!(names, ["last", "a", "first"]);
    assert_eq!(store.latest(1).await.unwrap().len(), 1);
}

/// A URL leads to its function as long as that has it.
pub async fn urls_find_their_function(store: &impl Functions) {
    let url = |id: &str| FunctionUrl {
        id: id.to_owned(),
        auth: AuthType::None,
        invoke_mode: InvokeMode::Buffered,
        cors: None,
        created: String::new(),
        modified: String::new(),
    };
    let mut with_one = function(key("a"));
    with_one.urls.insert(String::new(), url("one"));
    let with_one = store.create(with_one).await.unwrap();
    store.create(function(key("b"))).await.unwrap();
    let mut with_two = (*with_one).clone();
    with_two.urls.insert("prod".to_owned(), url("two"));
    let with_two = store.update(with_two).await.unwrap();
    for id in ["one", "two", "one"] {
        assert_eq!(store.function_of_url(id).await.unwrap(), Some(key("a")), "{id}");
    }
    assert_eq!(store.function_of_url("three").await.unwrap(), None);
    let mut without = (*with_two).clone();
    without.urls.remove("");
    assert_eq!(store.update(without).await.unwrap().urls.len(), 1);
    assert_eq!(store.function_of_url("one").await.unwrap(), None);
    assert_eq!(store.function_of_url("two").await.unwrap(), Some(key("a")));
    store.delete(&key("a")).await.unwrap();
    assert_eq!(store.function_of_url("two").await.unwrap(), None);
}
