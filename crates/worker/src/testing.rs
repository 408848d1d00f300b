//! What unit tests are about: a function, a runtime's manifest.

use hearth_api::function::FunctionVersion;
use hearth_api::runtime_tree::RuntimeTree;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One with these variables of the customer's.
pub(crate) fn function(variables: &[(&str, &str)]) -> FunctionVersion {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    FunctionVersion { environment: Some(variables.collect()), ..hearth_api::testing::function("f") }
}

/// The manifest of a tree that is nowhere.
pub(crate) fn tree(name: &str, programs: &[&str], arguments: &[&str]) -> RuntimeTree {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    RuntimeTree {
        format: 1,
        name: name.to_owned(),
        version: String::new(),
        version_hash: String::new(),
        programs: owned(programs),
        arguments: owned(arguments),
        environment: BTreeMap::new(),
        architecture: String::new(),
        kernel_minimum: String::new(),
        sources: BTreeMap::new(),
        root: PathBuf::new(),
    }
}
