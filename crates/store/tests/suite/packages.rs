//! Deployment packages: what is kept of a good one and that nothing is of a bad one.

use crate::support::{Entry, zip};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hearth_api::function::Code;
use hearth_store::{PackageError, Packages, StoreError};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A package is unpacked, and returned as it was uploaded, by its digest.
pub async fn keeps_a_package(store: &impl Packages) {
    let bytes = zip(&[
        Entry { mode: 0o100_755, ..Entry::file("bootstrap", "#!/bin/sh\n") },
        Entry::file("lib/a.py", "x = 1\n"),
        Entry::link("lib/b.py", "a.py"),
    ]);
    let code = store.put(bytes.clone().into()).await.unwrap();
    assert_eq!(code, Code { sha256: BASE64_STANDARD.encode(Sha256::digest(&bytes)), size: bytes.len() as u64 });
    let root = store.directory(&code);
    assert_eq!(fs::read_to_string(root.join("lib/b.py")).unwrap(), "x = 1\n");
    assert_eq!(fs::read_link(root.join("lib/b.py")).unwrap().to_str(), Some("a.py"));
    let mode = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("bootstrap"), mode("lib/a.py"), mode("lib"), mode("")), (0o755, 0o644, 0o755, 0o755));
    assert_eq!(store.zip(&code).await.unwrap(), bytes);
    assert_eq!(store.put(bytes.into()).await.unwrap(), code);
}

/// Files as one packs them who wants the same bytes for the same files.
fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o644)).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What has changed is enough to make the package that packing anew would give, and nothing of the old one changes.
pub async fn amends_a_package(store: &impl Packages) {
    let lib = "x = 1\n".repeat(1_000);
    let base = store.put(packed(&[("app.py", "1"), ("lib/a.py", &lib)]).into()).await.unwrap();
    let next = store.amend(&base, packed(&[("app.py", "23"), ("lib/b.py", "new")]).into()).await.unwrap();
    let last = store.amend(&next, packed(&[("lib/b.py", "newer")]).into()).await.unwrap();
    for (code, files) in [
        (&base, vec![("app.py", "1"), ("lib/a.py", &lib)]),
        (&next, vec![("app.py", "23"), ("lib/a.py", &lib), ("lib/b.py", "new")]),
        (&last, vec![("app.py", "23"), ("lib/a.py", &lib), ("lib/b.py", "newer")]),
    ] {
        let zip = packed(&files);
        assert_eq!(store.zip(code).await.unwrap(), zip);
        assert_eq!(*code, Code { sha256: BASE64_STANDARD.encode(Sha256::digest(&zip)), size: zip.len() as u64 });
        let unzipped: usize = files.iter().map(|(_, text)| text.len()).sum();
        assert_eq!(store.unzipped_size(code).await.unwrap(), unzipped as u64);
        let root = store.directory(code);
        for (name, text) in &files {
            assert_eq!(fs::read_to_string(root.join(name)).unwrap(), *text, "{name}");
        }
        assert_eq!(fs::read_dir(root.join("lib")).unwrap().count(), files.len() - 1);
    }
    let inode = |code: &Code, name: &str| fs::metadata(store.directory(code).join(name)).unwrap().ino();
    assert_eq!(inode(&base, "lib/a.py"), inode(&last, "lib/a.py"), "it is on the disk once");
    assert_ne!(inode(&base, "app.py"), inode(&next, "app.py"));
    // Neither needs the others.
    store.sweep(&HashSet::from([last.sha256.clone()])).await.unwrap();
    assert!(store.zip(&last).await.is_ok() && !store.directory(&base).exists());
    assert_eq!(fs::read_to_string(store.directory(&last).join("lib/a.py")).unwrap(), lib);
    let gone = store.amend(&next, packed(&[("app.py", "3")]).into()).await;
    assert!(matches!(gone, Err(PackageError::Store(StoreError::NotFound(_)))), "{gone:?}");
}

/// A file that is replaced by something else is that, and what does not fit together is refused.
pub async fn amends_with_links_and_modes(store: &impl Packages) {
    let files = [Entry::file("bootstrap", "#!/bin/sh\n"), Entry::file("lib/a.py", "1"), Entry::link("l", "lib/a.py")];
    let base = store.put(zip(&files).into()).await.unwrap();
    let changes = [Entry { mode: 0o100_755, ..files[0].clone() }, Entry::file("l", "2"), Entry::link("m", "./lib")];
    let code = store.amend(&base, zip(&changes).into()).await.unwrap();
    let root = store.directory(&code);
    assert_eq!(fs::metadata(root.join("bootstrap")).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(fs::metadata(store.directory(&base).join("bootstrap")).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_to_string(root.join("l")).unwrap(), "2");
    assert_eq!(fs::read_to_string(store.directory(&base).join("l")).unwrap(), "1", "the link is still one there");
    assert_eq!(fs::read_to_string(root.join("m/a.py")).unwrap(), "1");
    for wrong in [
        Entry::link("l", "../x"),
        Entry::file("../x", ""),
        Entry::file("lib", "a file where others are below"),
        Entry::file("bootstrap/x", "below a file"),
        Entry::link("lib", "l"),
    ] {
        let refused = store.amend(&base, zip(std::slice::from_ref(&wrong)).into()).await;
        assert!(matches!(refused, Err(PackageError::Invalid(_))), "{wrong:?}: {refused:?}");
    }
    assert!(matches!(store.amend(&base, zip(&[]).into()).await, Err(PackageError::Empty)));
    assert!(matches!(store.amend(&base, "no zip".into()).await, Err(PackageError::Invalid(_))));
}

/// The same bytes at once, many times.
pub async fn many_put_the_same<S: Packages + 'static>(store: Arc<S>) {
    let bytes = bytes::Bytes::from(zip(&[Entry::file("a", "a"), Entry::file("d/b", "b")]));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, bytes) = (Arc::clone(&store), bytes.clone());
            tokio::spawn(async move { store.put(bytes).await })
        })
        .collect();
    for task in tasks {
        let code = task.await.unwrap().unwrap();
        assert_eq!(fs::read_to_string(store.directory(&code).join("d/b")).unwrap(), "b");
    }
}

/// What is no package is told apart as AWS does.
pub async fn refuses_what_is_no_package(store: &impl Packages) {
    for empty in [Vec::new(), zip(&[])] {
        assert!(matches!(store.put(empty.into()).await, Err(PackageError::Empty)));
    }
    assert!(matches!(store.put("not a zip".into()).await, Err(PackageError::Invalid(_))));
    let large = vec![0; usize::try_from(hearth_core::limits::ZIPPED_BYTES).unwrap() + 1];
    assert!(matches!(store.put(large.into()).await, Err(PackageError::ZippedTooLarge)));
}

/// The size of the files, not of the zip; also of a package without any.
pub async fn knows_the_unzipped_size(store: &impl Packages) {
    let files = [Entry::file("a", "12345"), Entry::file("d/b", "123"), Entry::link("c", "a"), Entry::directory("e")];
    let code = store.put(zip(&files).into()).await.unwrap();
    assert_eq!(store.unzipped_size(&code).await.unwrap(), 8);
    let empty = store.put(zip(&[Entry::directory("e")]).into()).await.unwrap();
    assert_eq!(store.unzipped_size(&empty).await.unwrap(), 0);
    let absent = Code { sha256: "absent".to_owned(), size: 1 };
    assert!(matches!(store.unzipped_size(&absent).await, Err(StoreError::NotFound(_))));
}

/// Unused packages go, used ones stay, and what never was there is not found.
pub async fn sweeps_the_unused(store: &impl Packages) {
    let kept = store.put(zip(&[Entry::file("a", "kept")]).into()).await.unwrap();
    let gone = store.put(zip(&[Entry::file("a", "gone")]).into()).await.unwrap();
    store.sweep(&HashSet::from([kept.sha256.clone()])).await.unwrap();
    assert!(store.directory(&kept).join("a").exists());
    assert!(!store.directory(&gone).exists());
    assert!(matches!(store.zip(&gone).await, Err(StoreError::NotFound(_))));
    let odd = Code { sha256: "../../etc".to_owned(), size: 1 };
    assert!(matches!(store.zip(&odd).await, Err(StoreError::NotFound(_))));
    assert!(!store.directory(&odd).exists());
}
