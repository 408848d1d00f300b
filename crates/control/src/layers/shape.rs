//! Layer versions as operations answer them.

use crate::FrontDoor;
use crate::lambda::Call;
use hearth_api::layer::LayerVersion;
use serde_json::{Map, Value, json};

/// Everything, with a link to the package.
pub(super) fn full(door: &FrontDoor, call: &Call, version: &LayerVersion) -> Value {
    let code = &version.code;
    let mut out = Map::new();
    out.insert(
        "Content".to_owned(),
        json!({
            "Location": door.links.location(&call.authority, code),
            "CodeSha256": code.sha256,
            "CodeSize": code.size,
        }),
    );
    out.insert("LayerArn".to_owned(), Value::from(version.key.arn()));
    facts(version, &mut out);
    Value::Object(out)
}

/// As an entry of a list: nothing about the package.
pub(super) fn entry(version: &LayerVersion) -> Value {
    let mut out = Map::new();
    facts(version, &mut out);
    Value::Object(out)
}

/// What was not said when it was published stays unsaid; an empty list was said.
fn facts(version: &LayerVersion, out: &mut Map<String, Value>) {
    out.insert("LayerVersionArn".to_owned(), Value::from(version.arn()));
    out.insert("Description".to_owned(), Value::from(version.description.as_str()));
    out.insert("CreatedDate".to_owned(), Value::from(version.created.as_str()));
    out.insert("Version".to_owned(), Value::from(version.number));
    if let Some(runtimes) = &version.compatible_runtimes {
        out.insert("CompatibleRuntimes".to_owned(), json!(runtimes));
    }
    if let Some(license) = &version.license_info {
        out.insert("LicenseInfo".to_owned(), Value::from(license.as_str()));
    }
    if let Some(architectures) = &version.compatible_architectures {
        out.insert("CompatibleArchitectures".to_owned(), json!(architectures));
    }
}
