//! Deployment packages: whatever the zip says, nothing is written outside of its directory and nothing panics.
#![no_main]

use hearth_store::Packages;
use hearth_store::embedded::EmbeddedStore;
use libfuzzer_sys::fuzz_target;
use std::cell::OnceCell;
use tempfile::TempDir;
use tokio::runtime::Runtime;

struct Stage {
    directory: TempDir,
    store: EmbeddedStore,
    runtime: Runtime,
}

thread_local! {
    static STAGE: OnceCell<Stage> = const { OnceCell::new() };
}

fn stage() -> Stage {
    let directory = tempfile::tempdir().expect("a directory");
    let store = EmbeddedStore::open(&directory.path().join("data")).expect("a store");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    Stage { directory, store, runtime }
}

fuzz_target!(|zip: &[u8]| {
    STAGE.with(|cell| {
        let stage = cell.get_or_init(stage);
        drop(stage.runtime.block_on(stage.store.put(bytes::Bytes::copy_from_slice(zip))));
        let beside = std::fs::read_dir(stage.directory.path()).expect("readable").count();
        assert_eq!(beside, 1, "something was written beside the data directory");
    });
});
