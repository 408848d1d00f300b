//! What is executed for a function: its runtime, or a script of the customer's with the runtime as its arguments.
//!
//! A shell looks at the script first, as it does on AWS: that gives the exit statuses that everybody knows (127 missing,
//! 126 not executable) and a line in the log that says so. A runtime that is started by a `bootstrap` of its own does all
//! this itself (AWS's do); the OS-only runtimes, whose `bootstrap` is the function's, know no such script.

use hearth_api::function::FunctionVersion;
use hearth_api::runtime_tree::RuntimeTree;

/// The variable that names the script.
pub(crate) const WRAPPER: &str = "AWS_LAMBDA_EXEC_WRAPPER";
/// What handles [`WRAPPER`] by itself.
pub(crate) const BOOTSTRAP: &str = "/var/runtime/bootstrap";
const SHELL: &str = "/bin/sh";
/// With the script as `$0` and the runtime's command after it.
const RUN_WRAPPER: &str = r#"[ -f "$0" ] || { echo "$0: does not exist"; exit 127; }
[ -x "$0" ] || { echo "$0: is not an executable"; exit 126; }
exec "$0" "$@""#;

/// Programs to try in order, and the arguments of the one that exists.
pub(crate) fn of_runtime(function: &FunctionVersion, tree: &RuntimeTree) -> (Vec<String>, Vec<String>) {
    let arguments = tree.arguments_for(&function.handler);
    let wrapper = function.environment.as_ref().and_then(|variables| variables.get(WRAPPER));
    match (wrapper.filter(|wrapper| !wrapper.is_empty()), tree.programs.first()) {
        (Some(wrapper), Some(program)) if program != BOOTSTRAP => {
            let shell = ["-c", RUN_WRAPPER, wrapper, program].map(str::to_owned);
            (vec![SHELL.to_owned()], shell.into_iter().chain(arguments).collect())
        }
        _ => (tree.programs.clone(), arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::path::Path;
    use std::process::Command;

    fn function(wrapper: &str) -> FunctionVersion {
        testing::function(&[(WRAPPER, wrapper)])
    }

    fn tree(program: &str) -> RuntimeTree {
        testing::tree("python3.11", &[program], &["-m", "{handler}"])
    }

    #[test]
    fn without_a_wrapper_the_runtime_itself_is_executed() {
        let plain = (vec!["/python".to_owned()], vec!["-m".to_owned(), "app.handler".to_owned()]);
        assert_eq!(of_runtime(&function(""), &tree("/python")), plain);
        let none = FunctionVersion { environment: None, ..function("") };
        assert_eq!(of_runtime(&none, &tree("/python")), plain);
    }

    #[test]
    fn a_bootstrap_is_left_to_itself() {
        assert_eq!(of_runtime(&function("/opt/wrapper"), &tree(BOOTSTRAP)).0, [BOOTSTRAP]);
    }

    /// Runs what a sandbox would.
    fn run(wrapper: &Path) -> (Option<i32>, String) {
        let (programs, arguments) = of_runtime(&function(wrapper.to_str().unwrap()), &tree("/python"));
        let output = Command::new(&programs[0]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn a_wrapper_gets_the_command_of_the_runtime() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let wrapper = folder.path().join("with space; exit");
        let name = wrapper.display();
        assert_eq!(run(&wrapper), (Some(127), format!("{name}: does not exist\n")));
        assert_eq!(run(folder.path()).0, Some(127), "a folder is no script");
        // Written under another name: a file that is still open for writing could not be executed.
        let draft = folder.path().join("draft");
        std::fs::write(&draft, "#!/bin/sh\nfor word in \"$0\" \"$@\"; do echo \"$word\"; done\nexit 3\n").unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::copy(&draft, &wrapper).unwrap();
        // Root may read and write what it likes, but not execute what nobody may.
        assert_eq!(run(&wrapper), (Some(126), format!("{name}: is not an executable\n")));
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(run(&wrapper), (Some(3), format!("{name}\n/python\n-m\napp.handler\n")));
    }
}
