//! The runtimes that are only an operating system: the function brings its own `bootstrap`.

use super::debian::BOOKWORM;
use super::recipe::{BASE, Recipe, Smoke, Step, owned};

/// What AWS's images have beside the base, and scripts named `bootstrap` use.
const TOOLS: [&str; 5] = ["mawk", "findutils", "gzip", "tar", "curl"];
/// The first that is there: a runtime tree's own, the function's, a layer's.
pub(super) const PROGRAMS: [&str; 3] = ["/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"];
/// Answers with curl, as AWS's tutorial for a custom runtime does.
pub(super) const SMOKE: Smoke =
    Smoke { file: "bootstrap", content: include_bytes!("files/smoke.sh"), handler: "not.used" };

/// The recipe of `provided.al2` and `provided.al2023`. Both are Debian 12: its C library is newer than that of Amazon
/// Linux 2 and of 2023, so what was built for either runs.
pub(super) fn recipe(name: &'static str, version: String) -> Recipe {
    let [verify, smoke] = Step::proofs();
    Recipe {
        name,
        version,
        release: BOOKWORM,
        packages: owned(&[BASE.as_slice(), &TOOLS].concat()),
        programs: owned(&PROGRAMS),
        arguments: Vec::new(),
        environment: Vec::new(),
        inputs: Vec::new(),
        steps: vec![Step::unpack(), Step::finish(), verify, smoke],
        verify: owned(&["/bin/bash", "-c", include_str!("files/verify.sh")]),
        smoke: Some(SMOKE),
    }
}
