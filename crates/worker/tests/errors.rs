//! `docs/errors.md`: what each type of a fatal error looks like to callers, in the log and in telemetry, as a worker over a
//! fake sandbox does it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is a failed test")]

mod common;

use common::{Program, Refusal, Runtime, Stage, function};
use hearth_api::environments::Environments;
use hearth_api::function::{Code, FunctionVersion, Layer, LogFormat};
use hearth_core::error::ErrorType;
use hearth_core::logging::LogLevel;
use hearth_sandbox::{ExitStatus, SandboxError};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Barrier};

const INTRODUCTION: &str = "\
# Types of fatal errors

What a failure of each type looks like, made by `crates/worker/tests/errors.rs` from a worker that meets it: the payload that the
caller gets (with `X-Amz-Function-Error: Unhandled` and status 200), the end of the REPORT line, and `status` and `errorType` of
`platform.runtimeDone` and `platform.report`, which are the same in telemetry and in JSON logs. `ID` is the request's id. An Init that
fails says the same of itself in INIT_REPORT and `platform.initReport`; what the caller gets is of the second one, inside the invocation.

An error that the handler raises is none of these: its payload is what the runtime has posted, untouched, REPORT has no
status, and the environment goes on.

AWS's records say `failure` for what is `Sandbox.*`, and `error` for the rest. Lines of text say the same here, because both are made from
one event; no line of AWS's that names a `Sandbox.Failure` has been seen.

RIE knows two more, `Runtime.InvalidWorkingDir` and `Runtime.InvalidTaskConfig`, which only container images can lead to. What it calls
`Sandbox.Timeout` is `Sandbox.Timedout` to AWS's callers, and here everywhere.

An environment of SnapStart that cannot be restored is an error of the API and has no REPORT: see [snapstart.md](snapstart.md). What
ended it is in RESTORE_REPORT and `platform.restoreReport`, where hooks of more than 10 s are `Runtime.RestoreHookUserTimeout`.
";

const FIRST: &str = "
## The first one wins

What fails later changes neither the type nor, once it is out, the answer. An answer that cannot be used ends nothing: what ends the
environment after it is what the log names.

";

const COLUMNS: &str = "the caller's payload | REPORT ends with | records | the environment |";

/// One way to fail.
struct Case {
    when: &'static str,
    runtime: Program,
    /// The external extension, if there is one.
    extension: Option<Program>,
    refuse: Refusal,
}

impl Case {
    fn new(when: &'static str, runtime: impl Fn(&mut Runtime) -> ExitStatus + Send + Sync + 'static) -> Self {
        Self { when, runtime: Arc::new(runtime), extension: None, refuse: |_| None }
    }

    fn with_extension(self, extension: impl Fn(&mut Runtime) -> ExitStatus + Send + Sync + 'static) -> Self {
        Self { extension: Some(Arc::new(extension)), ..self }
    }

    fn refusing(self, refuse: Refusal) -> Self {
        Self { refuse, ..self }
    }
}

/// The way to each type. Whoever adds a type has to say how it comes about.
fn case(of: ErrorType) -> Case {
    match of {
        ErrorType::RuntimeExitError => Case::new("The runtime's process ends by itself.", |runtime| {
            runtime.next();
            ExitStatus::Code(1)
        }),
        ErrorType::RuntimeOutOfMemory => {
            Case::new("The kernel kills it because the function's memory is full.", |runtime| {
                runtime.next();
                runtime.run_out_of_memory()
            })
        }
        ErrorType::RuntimeInvalidEntrypoint => Case::new("No `bootstrap` can be executed.", |_| ExitStatus::Code(0))
            .refusing(|process| {
                let (tried, reason) = (process.programs.clone(), "No such file or directory (os error 2)".to_owned());
                Some(SandboxError::NoProgram { tried, reason })
            }),
        ErrorType::RuntimeUnknown => Case::new(
            "`init/error` without a type of the form `Runtime.Word` or `Function.Word`: with one, that is the type.",
            |runtime| report_init(runtime, ""),
        ),
        ErrorType::FunctionUnknown => {
            Case::new("`init/error` with a type that begins with `Function.` and is not of that form.", |runtime| {
                report_init(runtime, "Lambda-Runtime-Function-Error-Type: Function.none\r\n")
            })
        }
        ErrorType::RuntimeTruncatedResponse => {
            Case::new("The answer breaks off.", |runtime| serve(runtime, |runtime, id| runtime.break_off(id)))
        }
        ErrorType::RuntimeInvalidResponseModeHeader => {
            Case::new("`Lambda-Runtime-Function-Response-Mode` is something else than `streaming`.", |runtime| {
                serve(runtime, |runtime, id| {
                    let line = format!("POST /2018-06-01/runtime/invocation/{id}/response");
                    let mode = "Lambda-Runtime-Function-Response-Mode: Streaming\r\n";
                    assert_eq!(runtime.request(&line, mode, "5").unwrap().0, 400);
                })
            })
        }
        ErrorType::FunctionResponseSizeTooLarge => Case::new("The answer is larger than it may be.", |runtime| {
            serve(runtime, |runtime, id| {
                assert_eq!(runtime.respond(id, &"x".repeat(7 << 20)), 413);
            })
        }),
        ErrorType::ExtensionInitError => Case::new("An extension exits after `init/error`.", |runtime| runtime.hang())
            .with_extension(|extension| {
                let id = register(extension);
                fail(extension, &id, "init");
                ExitStatus::Code(1)
            }),
        ErrorType::ExtensionExitError => {
            Case::new("An extension exits after `exit/error`.", waiting).with_extension(|extension| {
                let id = register(extension);
                next(extension, &id);
                fail(extension, &id, "exit");
                ExitStatus::Code(1)
            })
        }
        ErrorType::ExtensionCrash => {
            Case::new("An extension exits without a word.", waiting).with_extension(|extension| {
                let id = register(extension);
                next(extension, &id);
                ExitStatus::Code(1)
            })
        }
        ErrorType::ExtensionLaunchError => Case::new("An extension cannot be launched.", |runtime| runtime.hang())
            .with_extension(|_| ExitStatus::Code(0))
            .refusing(|process| {
                let (tried, reason) =
                    (process.programs.clone(), format!("{}: Permission denied (os error 13)", process.programs[0]));
                Some(SandboxError::NoProgram { tried, reason })
            }),
        ErrorType::SandboxTimedout => Case::new("The function timeout passes.", waiting),
        ErrorType::SandboxFailure => Case::new("The environment itself fails.", |runtime| {
            runtime.next();
            runtime.lose_sandbox();
            runtime.hang()
        }),
    }
}

/// More than one thing goes wrong.
fn combinations() -> [Case; 4] {
    let told = Arc::new(Barrier::new(2));
    let heard = Arc::clone(&told);
    [
        Case::new("An extension calls `exit/error`, then the runtime exits.", move |runtime| {
            runtime.next();
            heard.wait();
            ExitStatus::Code(3)
        })
        .with_extension(move |extension| {
            let id = register(extension);
            next(extension, &id);
            fail(extension, &id, "exit");
            told.wait();
            extension.hang()
        }),
        Case::new("The runtime calls `init/error` with `Runtime.ImportModuleError`, then it exits.", |runtime| {
            report_init(runtime, "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n")
        }),
        Case::new("The runtime answers, then it exits.", |runtime| {
            let (id, _) = runtime.next().unwrap();
            runtime.respond(&id, "\"the answer\"");
            ExitStatus::Code(3)
        }),
        Case::new("The answer is too large, then the runtime exits (as Python's client does).", |runtime| {
            let (id, _) = runtime.next().unwrap();
            runtime.respond(&id, &"x".repeat(7 << 20));
            ExitStatus::Code(3)
        }),
    ]
}

/// Answers each event so.
fn serve(runtime: &mut Runtime, answer: impl Fn(&mut Runtime, &str)) -> ExitStatus {
    let mut last = String::new();
    while let Some((id, _)) = runtime.next() {
        // The same again, until what has broken off is noticed.
        if id != last {
            answer(runtime, &id);
            last = id;
        }
    }
    ExitStatus::Code(0)
}

/// Takes the event, and does not answer.
fn waiting(runtime: &mut Runtime) -> ExitStatus {
    runtime.next();
    runtime.hang()
}

fn report_init(runtime: &mut Runtime, headers: &str) -> ExitStatus {
    let body = r#"{"errorMessage":"no such module","errorType":"Own"}"#;
    assert_eq!(runtime.request("POST /2018-06-01/runtime/init/error", headers, body).unwrap().0, 202);
    ExitStatus::Code(1)
}

/// Registers for invocations; gives the header with the identifier.
fn register(extension: &mut Runtime) -> String {
    let name = extension.program.rsplit('/').next().unwrap().to_owned();
    let line = "POST /2020-01-01/extension/register";
    let (status, headers, body) =
        extension.request(line, &format!("Lambda-Extension-Name: {name}\r\n"), r#"{"events":["INVOKE"]}"#).unwrap();
    assert_eq!(status, 200, "{body}");
    let id = headers.iter().find(|(name, _)| name == "lambda-extension-identifier").unwrap();
    format!("Lambda-Extension-Identifier: {}\r\n", id.1)
}

fn next(extension: &mut Runtime, id: &str) {
    extension.request("GET /2020-01-01/extension/event/next", id, "");
}

fn fail(extension: &mut Runtime, id: &str, which: &str) {
    let headers = format!("{id}Lambda-Extension-Function-Error-Type: Extension.Own\r\n");
    assert_eq!(extension.request(&format!("POST /2020-01-01/extension/{which}/error"), &headers, "{}").unwrap().0, 202);
}

/// A worker that will fail so.
fn stage(case: &Case, log_format: LogFormat, layer: &Path) -> Stage {
    let (runtime, extension) = (Arc::clone(&case.runtime), case.extension.clone());
    let mut stage = Stage::new(Arc::new(move |process| match &extension {
        Some(extension) if process.program.starts_with("/opt/extensions/") => extension(process),
        _ => runtime(process),
    }));
    *stage.sandboxes.refuse.lock().unwrap() = case.refuse;
    let code = Code { sha256: layer.to_str().unwrap().to_owned(), size: 0 };
    let layers = case.extension.iter().map(|_| Layer { arn: String::new(), code: code.clone() }).collect();
    stage.function = Arc::new(FunctionVersion { timeout_s: 1, log_format, layers, ..function() });
    stage
}

/// What becomes of the environment.
async fn afterwards(stage: &Stage) -> &'static str {
    loop {
        match stage.worker.list().first().map(|environment| environment.phase.clone()).as_deref() {
            None => return "is replaced",
            Some("Cold") => return "is reset",
            Some("Idle") => return "goes on",
            Some(_) => tokio::task::yield_now().await,
        }
    }
}

/// Type (if the records name one) and the cells of a failure.
async fn seen(case: &Case, layer: &Path) -> (Option<String>, String) {
    let text = stage(case, LogFormat::Text, layer);
    let answer = text.invoke_to_the_end("null").await;
    let report = text.logs.last("REPORT");
    let id = report.split(['\t', ' ']).nth(2).unwrap();
    let payload = String::from_utf8(answer.payload.to_vec()).unwrap().replace(id, "ID");
    assert_eq!(answer.function_error, payload != "\"the answer\"", "{payload}");
    let payload = if payload.is_empty() { "empty".to_owned() } else { format!("`{payload}`") };
    let (_, end) = report.trim_end().split_once("\tStatus: ").unwrap_or_else(|| panic!("{report}"));
    let end = end.replace('\t', "  ");

    let json = stage(case, LogFormat::Json { application: LogLevel::Info, system: LogLevel::Debug }, layer);
    json.invoke_to_the_end("null").await;
    let [done, report] = ["runtimeDone", "report"].map(|kind| {
        let line = json.logs.last_with(&format!(r#""type":"platform.{kind}""#));
        let record = serde_json::from_str::<serde_json::Value>(&line).unwrap()["record"].clone();
        (record["status"].as_str().unwrap().to_owned(), record["errorType"].as_str().map(str::to_owned))
    });
    assert_eq!(done, report);
    let (status, error_type) = report;
    let records = [Some(status), error_type.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let after = afterwards(&text).await;
    assert_eq!(after, afterwards(&json).await);
    (error_type, format!("{payload} | `Status: {end}` | {records} | {after} |"))
}

async fn page() -> String {
    let layer = tempfile::tempdir().unwrap();
    std::fs::create_dir(layer.path().join("extensions")).unwrap();
    std::fs::write(layer.path().join("extensions/one"), "").unwrap();
    let mut page = INTRODUCTION.to_owned();
    writeln!(page, "\n| type | when | {COLUMNS}\n|{}", " --- |".repeat(6)).unwrap();
    for of in ErrorType::ALL {
        let case = case(*of);
        let (error_type, cells) = seen(&case, layer.path()).await;
        // Records of a timeout name none.
        let expected = (*of != ErrorType::SandboxTimedout).then_some(of.as_str());
        assert_eq!(error_type.as_deref(), expected);
        writeln!(page, "| `{of}` | {} | {cells}", case.when).unwrap();
    }
    page.push_str(FIRST);
    writeln!(page, "| what happens | {COLUMNS}\n|{}", " --- |".repeat(5)).unwrap();
    for case in combinations() {
        let (_, cells) = seen(&case, layer.path()).await;
        writeln!(page, "| {} | {cells}", case.when).unwrap();
    }
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_types_of_errors_match_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let page = page().await;
    if std::env::var_os("HEARTH_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "run with HEARTH_BLESS=1 to write it anew");
}
