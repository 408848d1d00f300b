use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if *name == "bootstrap" {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

fn found(files: &[(&str, &str)]) -> (String, String) {
    let folder = folder(files);
    let present = ["python3.9", "python3.13", "python3.11", "nodejs20.x", "nodejs18.x"].map(str::to_owned);
    let guess = guess(folder.path(), Given::default(), &present).unwrap();
    (guess.runtime, guess.handler)
}

fn refused(files: &[(&str, &str)], given: Given<'_>) -> String {
    let folder = folder(files);
    guess(folder.path(), given, &[]).unwrap_err().to_string().replace(&folder.path().display().to_string(), "DIR")
}

fn is(found: (String, String), runtime: &str, handler: &str) -> bool {
    (found.0.as_str(), found.1.as_str()) == (runtime, handler)
}

#[test]
fn python_is_told_by_its_usual_files() {
    assert!(is(found(&[("app.py", "def handler(event, context):\n")]), "python3.13", "app.handler"));
    let console = [("lambda_function.py", "import json\n\ndef lambda_handler(event, context):\n"), ("app.py", "")];
    assert!(is(found(&console), "python3.13", "lambda_function.lambda_handler"));
    let web = [("main.py", "app = FastAPI()\nhandler = Mangum(app)\n"), (".python-version", "3.9.18\n")];
    assert!(is(found(&web), "python3.9", "main.handler"));
    let imported = [("index.py", "from core import (run, handler)\n")];
    assert!(is(found(&imported), "python3.13", "index.handler"));
}

#[test]
fn node_is_told_by_its_usual_files() {
    assert!(is(found(&[("index.mjs", "export const handler = async () => 1;")]), "nodejs20.x", "index.handler"));
    assert!(is(found(&[("app.js", "exports.lambdaHandler = f;")]), "nodejs20.x", "app.lambdaHandler"));
    let main = [
        ("package.json", r#"{"main":"./dist/server.js"}"#),
        ("dist/server.js", "module.exports = { handler };"),
        ("index.js", "// not this"),
        (".nvmrc", "v22\n"),
    ];
    assert!(is(found(&main), "nodejs22.x", "dist/server.handler"));
}

#[test]
fn a_program_called_bootstrap_decides() {
    assert!(is(found(&[("bootstrap", "#!/bin/sh\n"), ("app.py", "")]), "provided.al2023", "bootstrap"));
    let folder = folder(&[("bootstrap", "")]);
    fs::set_permissions(folder.path().join("bootstrap"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = guess(folder.path(), Given::default(), &[]).unwrap_err();
    assert!(matches!(error, GuessError::NotExecutable { .. }), "{error}");
}

#[test]
fn what_is_given_counts() {
    let folder = folder(&[("src/web.py", ""), ("lib/web.js", "")]);
    let of = |runtime, handler| guess(folder.path(), Given { runtime, handler, to_install: false }, &[]);
    let guessed = of(None, Some("src/web.run")).unwrap();
    assert_eq!((guessed.runtime.as_str(), guessed.handler.as_str()), ("python3.11", "src/web.run"));
    assert_eq!(of(None, Some("lib/web.run")).unwrap().runtime, "nodejs20.x");
    assert_eq!(of(Some("python3.12"), Some("src.web.run")).unwrap().runtime, "python3.12");
    assert_eq!(of(Some("java21"), Some("example.Handler")).unwrap().handler, "example.Handler");
}

#[test]
fn without_anything_known_the_usual_runtime_is_taken() {
    let folder = folder(&[("app.py", "def handler(e, c): pass")]);
    assert_eq!(guess(folder.path(), Given::default(), &[]).unwrap().runtime, "python3.11");
}

#[test]
fn what_cannot_be_guessed_says_what_to_say() {
    let none = Given::default();
    assert!(refused(&[("README", "")], none).starts_with("no function in DIR: it has no lambda_function.py"));
    assert_eq!(refused(&[("index.ts", "")], none), "DIR has index.ts: compile it to JavaScript first");
    let both = refused(&[("app.py", ""), ("index.js", "")], none);
    assert_eq!(both, "DIR has app.py and index.js: --runtime says which it is");
    let unnamed = refused(&[("app.py", "def main(): pass\n    def handler(): pass\nhandler == 1\n")], none);
    assert_eq!(
        unnamed,
        "app.py has no function called lambda_handler or handler: --handler names it, such as --handler app.NAME"
    );
    let missing = Given { runtime: Some("nodejs20.x"), handler: Some("index.handler"), to_install: false };
    assert_eq!(refused(&[], missing), "the handler index.handler is not in DIR: it has no index.mjs");
}
