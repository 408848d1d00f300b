//! What a folder's files say about the function in it: its language, its runtime, its handler. Looks, and runs nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Where a handler is looked for, in this order; the folder's own `main` of package.json comes first.
const PYTHON_MODULES: [&str; 5] = ["lambda_function", "app", "handler", "main", "index"];
const NODE_MODULES: [&str; 4] = ["index", "app", "handler", "main"];
const NODE_EXTENSIONS: [&str; 3] = ["mjs", "js", "cjs"];
/// What a handler is called, in this order.
const PYTHON_HANDLERS: [&str; 2] = ["lambda_handler", "handler"];
const NODE_HANDLERS: [&str; 2] = ["handler", "lambdaHandler"];
/// What is in folders that need a step of their own before they can be deployed.
const UNBUILT: [(&str, &str); 8] = [
    ("index.ts", "compile it to JavaScript first"),
    ("src/index.ts", "compile it to JavaScript first"),
    ("Cargo.toml", "build it, and deploy a folder with the program in it under the name `bootstrap`"),
    ("go.mod", "build it, and deploy a folder with the program in it under the name `bootstrap`"),
    ("pom.xml", "package it, and create the function with its jar"),
    ("build.gradle", "package it, and create the function with its jar"),
    ("lambda_function.rb", "give --runtime ruby3.4 --handler lambda_function.lambda_handler"),
    ("function.csproj", "publish it first"),
];

/// What the user said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Given<'a> {
    /// `--runtime`
    pub(crate) runtime: Option<&'a str>,
    /// `--handler`
    pub(crate) handler: Option<&'a str>,
    /// Whether the handler's file may come with what is still to be installed, as that of Datadog's wrapper does.
    pub(crate) to_install: bool,
}

/// What a function is run by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guess {
    /// Such as `python3.11`.
    pub(crate) runtime: String,
    /// Such as `app.handler`.
    pub(crate) handler: String,
}

/// Why nothing could be guessed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuessError {
    /// Nothing looks like a function.
    #[error(
        "no function in {folder}: it has no lambda_function.py, app.py, index.mjs, index.js or executable `bootstrap`; \
         --handler and --runtime say what it is"
    )]
    Nothing {
        /// Where.
        folder: String,
    },
    /// It is not ready.
    #[error("{folder} has {file}: {advice}")]
    Unbuilt {
        /// Where.
        folder: String,
        /// What was found.
        file: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Two languages.
    #[error("{folder} has {python} and {node}: --runtime says which it is")]
    Both {
        /// Where.
        folder: String,
        /// The one.
        python: String,
        /// The other.
        node: String,
    },
    /// A file without a handler that we know.
    #[error("{file} has no function called {}: --handler names it, such as --handler {module}.NAME", names.join(" or "))]
    NoHandler {
        /// Which.
        file: String,
        /// What a handler is called.
        names: Vec<&'static str>,
        /// Its first part.
        module: String,
    },
    /// The handler's file is not there.
    #[error("the handler {handler} is not in {folder}: it has no {expected}")]
    NoFile {
        /// As given.
        handler: String,
        /// Where.
        folder: String,
        /// What was looked for.
        expected: String,
    },
    /// The program is not one.
    #[error("{folder}/bootstrap cannot be run: `chmod +x` makes it so")]
    NotExecutable {
        /// Where.
        folder: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Python,
    Node,
    /// Any other: the handler is not for us to understand.
    Other,
}

/// A file that may hold the handler.
#[derive(Debug)]
struct Module {
    name: String,
    file: String,
}

/// Runtime and handler of the function in `folder`. `present` are the runtimes on this machine.
///
/// # Errors
///
/// [`GuessError`] says what to say.
pub(crate) fn guess(folder: &Path, given: Given<'_>, present: &[String]) -> Result<Guess, GuessError> {
    let language = match given.runtime {
        Some(runtime) => language_of(runtime),
        None => language_in(folder, given.handler)?,
    };
    let runtime = given.runtime.map_or_else(|| runtime_for(folder, language, present), str::to_owned);
    let handler = match given.handler {
        Some(handler) if given.to_install => handler.to_owned(),
        Some(handler) => checked(folder, language, handler)?,
        None => handler_in(folder, language)?,
    };
    Ok(Guess { runtime, handler })
}

fn language_of(runtime: &str) -> Language {
    if runtime.starts_with("python") {
        Language::Python
    } else if runtime.starts_with("nodejs") {
        Language::Node
    } else {
        Language::Other
    }
}

fn language_in(folder: &Path, handler: Option<&str>) -> Result<Language, GuessError> {
    let module = handler.and_then(|handler| handler.split_once('.').map(|_| module_of(handler)));
    if let Some(module) = module {
        if folder.join(format!("{module}.py")).is_file() {
            return Ok(Language::Python);
        }
        if NODE_EXTENSIONS.iter().any(|extension| folder.join(format!("{module}.{extension}")).is_file()) {
            return Ok(Language::Node);
        }
    }
    let place = folder.display().to_string();
    if let Ok(metadata) = fs::metadata(folder.join("bootstrap")) {
        let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        return if executable { Ok(Language::Other) } else { Err(GuessError::NotExecutable { folder: place }) };
    }
    match (python_modules(folder).into_iter().next(), node_modules(folder).into_iter().next()) {
        (Some(python), Some(node)) => Err(GuessError::Both { folder: place, python: python.file, node: node.file }),
        (Some(_), None) => Ok(Language::Python),
        (None, Some(_)) => Ok(Language::Node),
        (None, None) => Err(nothing(folder)),
    }
}

fn nothing(folder: &Path) -> GuessError {
    let place = folder.display().to_string();
    match UNBUILT.iter().find(|(file, _)| folder.join(file).is_file()) {
        Some((file, advice)) => GuessError::Unbuilt { folder: place, file, advice },
        None => GuessError::Nothing { folder: place },
    }
}

fn python_modules(folder: &Path) -> Vec<Module> {
    let modules = PYTHON_MODULES.iter().map(|name| Module { name: (*name).to_owned(), file: format!("{name}.py") });
    modules.filter(|module| folder.join(&module.file).is_file()).collect()
}

fn node_modules(folder: &Path) -> Vec<Module> {
    let main = fs::read(folder.join("package.json")).ok().and_then(|text| main_of(&text));
    let usual = NODE_MODULES.iter().flat_map(|name| {
        NODE_EXTENSIONS.map(|extension| Module { name: (*name).to_owned(), file: format!("{name}.{extension}") })
    });
    main.into_iter().chain(usual).filter(|module| folder.join(&module.file).is_file()).collect()
}

/// `main` of a package.json, where it leads to a file that a handler can name.
fn main_of(text: &[u8]) -> Option<Module> {
    let package: serde_json::Value = serde_json::from_slice(text).ok()?;
    let file = package.get("main")?.as_str()?.trim_start_matches("./");
    let (name, extension) = file.rsplit_once('.')?;
    (NODE_EXTENSIONS.contains(&extension) && !name.contains(['.', '\\']) && !name.starts_with('/'))
        .then(|| Module { name: name.to_owned(), file: file.to_owned() })
}

fn handler_in(folder: &Path, language: Language) -> Result<String, GuessError> {
    let (modules, names) = match language {
        Language::Python => (python_modules(folder), PYTHON_HANDLERS),
        Language::Node => (node_modules(folder), NODE_HANDLERS),
        // A bootstrap reads it or not.
        Language::Other => return Ok("bootstrap".to_owned()),
    };
    for module in &modules {
        let text = fs::read_to_string(folder.join(&module.file)).unwrap_or_default();
        let found = names.iter().find(|name| match language {
            Language::Python => python_defines(&text, name),
            Language::Node | Language::Other => node_exports(&text, name),
        });
        if let Some(name) = found {
            return Ok(format!("{}.{name}", module.name));
        }
    }
    match modules.into_iter().next() {
        Some(Module { name, file }) => Err(GuessError::NoHandler { file, names: names.to_vec(), module: name }),
        None => Err(nothing(folder)),
    }
}

/// The handler as given, if its file is there.
fn checked(folder: &Path, language: Language, handler: &str) -> Result<String, GuessError> {
    let module = module_of(handler);
    let expected: Vec<String> = match language {
        // Python takes slashes and dots alike for folders, and packages for modules.
        Language::Python => {
            let path = module.replace('.', "/");
            vec![format!("{path}.py"), format!("{path}/__init__.py")]
        }
        Language::Node => NODE_EXTENSIONS.map(|extension| format!("{module}.{extension}")).to_vec(),
        Language::Other => return Ok(handler.to_owned()),
    };
    if expected.iter().any(|file| folder.join(file).is_file()) {
        return Ok(handler.to_owned());
    }
    let expected = expected.into_iter().next().unwrap_or_default();
    Err(GuessError::NoFile { handler: handler.to_owned(), folder: folder.display().to_string(), expected })
}

fn module_of(handler: &str) -> &str {
    // Node.js: the file up to the first dot after the last slash; a Python module has its dots in front of the last.
    let after_folders = handler.rfind('/').map_or(0, |slash| slash + 1);
    let dot = handler.get(after_folders..).and_then(|name| name.rfind('.'));
    dot.and_then(|dot| handler.get(..after_folders + dot)).unwrap_or(handler)
}

/// Whether a top-level line defines, assigns or imports `name`.
fn python_defines(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let defined = line.strip_prefix("def ").and_then(|rest| rest.strip_prefix(name));
        let assigned = line.strip_prefix(name).map(str::trim_start);
        defined.is_some_and(|rest| rest.trim_start().starts_with('('))
            || assigned.is_some_and(|rest| (rest.starts_with('=') && !rest.starts_with("==")) || rest.starts_with(':'))
            || (line.starts_with("from ") && line.split_once(" import ").is_some_and(|(_, what)| has_word(what, name)))
    })
}

/// Whether a file exports something and mentions `name`: how is not for us to parse.
fn node_exports(text: &str, name: &str) -> bool {
    text.contains("export") && has_word(text, name)
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').any(|found| found == word)
}

/// What the folder pins, else the newest on this machine, else the usual one.
fn runtime_for(folder: &Path, language: Language, present: &[String]) -> String {
    let (prefix, suffix, pins, usual) = match language {
        Language::Python => ("python", "", [".python-version", ".python-version"], "python3.11"),
        Language::Node => ("nodejs", ".x", [".nvmrc", ".node-version"], "nodejs20.x"),
        Language::Other => return "provided.al2023".to_owned(),
    };
    for pin in pins {
        let text = fs::read_to_string(folder.join(pin)).unwrap_or_default();
        let parts = if language == Language::Python { 2 } else { 1 };
        let version: Vec<&str> = text.trim().trim_start_matches('v').split('.').take(parts).collect();
        if version.len() == parts && version.iter().all(|part| part.parse::<u32>().is_ok()) {
            return format!("{prefix}{}{suffix}", version.join("."));
        }
    }
    let number = |name: &str| -> Option<Vec<u32>> {
        let version = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
        version.split('.').map(|part| part.parse().ok()).collect()
    };
    let newest = present.iter().filter_map(|name| Some((number(name)?, name))).max();
    newest.map_or_else(|| usual.to_owned(), |(_, name)| name.clone())
}

#[cfg(test)]
#[path = "guess/tests.rs"]
mod tests;
