//! Layers: numbers that are never used again, policies, filters and pages.

use crate::support::{layer, layer_key, scope};
use hearth_api::layer::{LayerGrant, LayerKey, LayerPolicy, LayerVersion};
use hearth_store::{LayerFilter, Layers, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

const ALL: LayerFilter = LayerFilter { runtime: None, architecture: None };

/// Numbers count up per layer and scope, and survive the deletion of everything.
pub async fn numbers_are_never_used_again(store: &impl Layers) {
    let key = layer_key("l");
    for number in [1, 2] {
        let published = store.publish(layer(key.clone())).await.unwrap();
        assert_eq!(published, LayerVersion { number, ..layer(key.clone()) });
        assert_eq!(store.layer_version(&key, number).await.unwrap(), Some(published));
    }
    let elsewhere = LayerKey { scope: scope("eu-central-1"), name: "l".to_owned() };
    assert_eq!(store.publish(layer(elsewhere)).await.unwrap().number, 1);
    for number in [1, 2, 2, 9] {
        store.delete_layer_version(&key, number).await.unwrap();
    }
    assert_eq!(store.layer_version(&key, 2).await.unwrap(), None);
    assert_eq!(store.publish(layer(key)).await.unwrap().number, 3);
}

/// Published at once, each version gets a number of its own.
pub async fn many_publish_at_once<S: Layers + 'static>(store: Arc<S>) {
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.publish(layer(layer_key("l"))).await.unwrap().number })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.insert(task.await.unwrap());
    }
    assert_eq!(numbers, (1..=20).collect());
}

/// A policy is replaced by who has seen the one before, and goes with its version.
pub async fn policies_are_compared_by_revision(store: &impl Layers) {
    let key = layer_key("l");
    let policy = |revision| {
        let grant = LayerGrant { sid: "s".to_owned(), principal: "*".to_owned(), organization: None };
        Some(LayerPolicy { revision_id: Uuid::from_u128(revision), grants: vec![grant] })
    };
    let set = async |expected: Option<u128>, policy| {
        store.set_layer_policy(&layer_key("l"), 1, expected.map(Uuid::from_u128), policy).await
    };
    assert!(matches!(set(None, policy(1)).await, Err(StoreError::NotFound(_))));
    store.publish(layer(key.clone())).await.unwrap();
    assert!(matches!(set(Some(1), policy(2)).await, Err(StoreError::Conflict(_))));
    set(None, policy(1)).await.unwrap();
    assert!(matches!(set(None, policy(2)).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.layer_version(&key, 1).await.unwrap().unwrap().policy, policy(1));
    set(Some(1), None).await.unwrap();
    assert_eq!(store.layer_version(&key, 1).await.unwrap().unwrap().policy, None);
    store.delete_layer_version(&key, 1).await.unwrap();
    assert!(matches!(set(None, policy(1)).await, Err(StoreError::NotFound(_))));
}

/// Of each layer the newest version that fits, page by page; of one layer all that fit, newest first.
pub async fn lists_are_filtered_and_paged(store: &impl Layers) {
    let with = |name: &str, runtimes: Option<&[&str]>| {
        let runtimes = runtimes.map(|list| list.iter().map(|text| (*text).to_owned()).collect());
        LayerVersion { compatible_runtimes: runtimes, ..layer(layer_key(name)) }
    };
    let python: Option<&[&str]> = Some(&["python3.11", "python3.12"]);
    for version in [with("b", python), with("b", Some(&["nodejs20.x"])), with("a", None), with("c", python)] {
        store.publish(version).await.unwrap();
    }
    store.publish(layer(LayerKey { scope: scope("eu-central-1"), name: "aa".to_owned() })).await.unwrap();
    let names = |found: Vec<LayerVersion>| -> Vec<(String, i64)> {
        found.into_iter().map(|version| (version.key.name, version.number)).collect()
    };
    let owned = |rows: &[(&str, i64)]| -> Vec<(String, i64)> {
        rows.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
    };
    let here = scope("us-east-1");
    let list = async |filter: &LayerFilter, after: Option<&str>, limit| {
        names(store.list_layers(&here, filter, after, limit).await.unwrap())
    };
    assert_eq!(list(&ALL, None, 9).await, owned(&[("a", 1), ("b", 2), ("c", 1)]));
    assert_eq!(list(&ALL, None, 2).await, owned(&[("a", 1), ("b", 2)]));
    assert_eq!(list(&ALL, Some("b"), 2).await, owned(&[("c", 1)]));
    let python = LayerFilter { runtime: Some("python3.12".to_owned()), architecture: None };
    assert_eq!(list(&python, None, 9).await, owned(&[("b", 1), ("c", 1)]), "the newest that fits, not the newest");
    let arm = LayerFilter { architecture: Some("arm64".to_owned()), ..python.clone() };
    assert!(list(&arm, None, 9).await.is_empty());

    let versions = async |filter: &LayerFilter, before, limit| -> Vec<i64> {
        let found = store.list_layer_versions(&layer_key("b"), filter, before, limit).await.unwrap();
        found.into_iter().map(|version| version.number).collect()
    };
    assert_eq!(versions(&ALL, None, 9).await, [2, 1]);
    assert_eq!(versions(&ALL, None, 1).await, [2]);
    assert_eq!(versions(&ALL, Some(2), 9).await, [1]);
    assert_eq!(versions(&python, None, 9).await, [1]);
    assert!(store.list_layer_versions(&layer_key("none"), &ALL, None, 9).await.unwrap().is_empty());
}

/// The packages of what is published, and of nothing that was deleted.
pub async fn packages_of_layers_are_found(store: &impl Layers) {
    let with = |sha256: &str| {
        let mut version = layer(layer_key("l"));
        version.code.sha256 = sha256.to_owned();
        version
    };
    for sha256 in ["one", "two", "two", "gone"] {
        store.publish(with(sha256)).await.unwrap();
    }
    store.delete_layer_version(&layer_key("l"), 4).await.unwrap();
    assert_eq!(store.layer_packages().await.unwrap(), ["one", "two"].map(str::to_owned).into());
    let one = layer(layer_key("l"));
    assert_eq!(store.layer_bytes(&one.key.scope).await.unwrap(), 3 * one.code.size);
    assert_eq!(store.layer_bytes(&crate::support::scope("ap-south-1")).await.unwrap(), 0);
}
