//! What the suites share: functions to store, and zips written byte by byte (no library writes hostile ones).
#![allow(dead_code, reason = "every suite uses a part of it")]
#![allow(unreachable_pub, reason = "a module of several test programs")]

use hearth_api::function::{Code, FunctionKey, FunctionVersion};
use hearth_api::layer::{LayerKey, LayerVersion};
use hearth_api::testing;
pub use hearth_api::testing::scope;
use hearth_store::FunctionRecord;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A key in `us-east-1`.
pub fn key(name: &str) -> FunctionKey {
    FunctionKey { scope: scope("us-east-1"), name: name.to_owned() }
}

/// A function that is not stored yet.
pub fn function(key: FunctionKey) -> FunctionRecord {
    let usual = testing::function(&key.name);
    let latest = FunctionVersion {
        key,
        incarnation: Uuid::from_u128(1),
        environment: Some(BTreeMap::from([("KEY".to_owned(), "väluE".to_owned())])),
        passive: BTreeMap::from([("TracingConfig".to_owned(), serde_json::json!({"Mode": "PassThrough"}))]),
        last_modified: "2026-11-24T10:00:00.000+0000".to_owned(),
        revision_id: Uuid::from_u128(2),
        ..usual
    };
    let tags = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    FunctionRecord { tags, ..FunctionRecord::new(latest) }
}

/// A key of a layer in `us-east-1`.
pub fn layer_key(name: &str) -> LayerKey {
    LayerKey { scope: scope("us-east-1"), name: name.to_owned() }
}

/// A layer version that is not stored yet.
pub fn layer(key: LayerKey) -> LayerVersion {
    LayerVersion {
        key,
        number: 0,
        code: Code { sha256: "l".to_owned(), size: 1 },
        description: "a läyer".to_owned(),
        license_info: None,
        compatible_runtimes: None,
        compatible_architectures: Some(vec!["x86_64".to_owned()]),
        created: "2026-11-24T10:00:00.000+0000".to_owned(),
        policy: None,
    }
}

/// The record with another description.
pub fn described(record: &FunctionRecord, description: &str) -> FunctionRecord {
    let mut record = record.clone();
    Arc::make_mut(&mut record.latest).description = description.to_owned();
    record
}

/// The record with one more published version, which runs the package `sha256`.
pub fn published(record: &FunctionRecord, sha256: &str) -> FunctionRecord {
    let mut record = record.clone();
    record.published.last += 1;
    let number = record.published.last;
    let mut version = FunctionVersion::clone(&record.latest);
    version.version = number.to_string();
    version.revision_id = Uuid::from_u128(u128::from(number) + 100);
    version.code = Code { sha256: sha256.to_owned(), size: 10 };
    record.versions.insert(number, Arc::new(version));
    record
}

/// One entry of a zip.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    /// Unix mode with its type bits; 0 leaves the attributes empty.
    pub mode: u32,
    /// The system that made it: 0 DOS, 3 Unix.
    pub system: u8,
    pub flags: u16,
    pub method: u16,
}

impl Entry {
    pub fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        let (name, content) = (name.as_ref().to_vec(), content.as_ref().to_vec());
        Self { name, content, mode: 0o100_644, system: 3, flags: 0, method: 0 }
    }

    pub fn link(name: &str, target: &str) -> Self {
        Self { mode: 0o120_777, ..Self::file(name, target) }
    }

    pub fn directory(name: &str) -> Self {
        Self { mode: 0o040_755, ..Self::file(name, "") }
    }
}

/// A zip of stored entries, exactly as they are given.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut body, mut table) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = u32::try_from(body.len()).unwrap();
        let mut common = Vec::new();
        common.extend(entry.flags.to_le_bytes());
        common.extend(entry.method.to_le_bytes());
        common.extend([0, 0, 0x21, 0x58]); // 2024-01-01 00:00
        common.extend(crc32(&entry.content).to_le_bytes());
        let length = u32::try_from(entry.content.len()).unwrap();
        common.extend(length.to_le_bytes());
        common.extend(length.to_le_bytes());
        common.extend(u16::try_from(entry.name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        body.extend(b"PK\x03\x04\x14\x00");
        body.extend(&common);
        body.extend(&entry.name);
        body.extend(&entry.content);
        table.extend(b"PK\x01\x02\x14");
        table.extend([entry.system, 0x14, 0x00]);
        table.extend(&common);
        table.extend([0; 6]); // comment, disk, internal attributes
        table.extend((entry.mode << 16).to_le_bytes());
        table.extend(offset.to_le_bytes());
        table.extend(&entry.name);
    }
    let start = u32::try_from(body.len()).unwrap();
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let mut zip = body;
    zip.extend(&table);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count);
    zip.extend(count);
    zip.extend(u32::try_from(table.len()).unwrap().to_le_bytes());
    zip.extend(start.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
