//! `docs/errors.md`: what each type of a fatal error looks like to callers, in the log and in telemetry, as a worker over a
//! fake sandbox does it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is a failed test")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Program, Refusal, Runtime, Stage, function};
use hearth_api::environments::{Environments, InvokeResponse};
use hearth_api::error::ApiError;
use hearth_api::function::{Code, FunctionVersion, Layer, LogFormat, SnapStart};
use hearth_core::error::ErrorType;
use hearth_core::logging::LogLevel;
use hearth_sandbox::{ExitStatus, SandboxError};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tempfile::TempDir;

const INTRODUCTION: &str = "\
# Types of fatal errors

What a failure of each type looks like, made by `crates/worker/tests/errors.rs` from a worker that meets it: the payload that the
caller gets (with `X-Amz-Function-Error: Unhandled` and status 200), the end of the REPORT line, and `status` and `errorType` of
`platform.runtimeDone` and `platform.report`, which are the same in telemetry and in JSON logs. `ID` is the request's id. An Init that
fails says the same of itself in INIT_REPORT and `platform.initReport`; what the caller gets is of the second one, inside the invocation.

A caller who streams gets the same payload, as `ErrorDetails` of `InvokeComplete`, with the `ErrorCode` `Unhandled`.

An error that the handler raises is none of these: its payload is what the runtime has posted, untouched, REPORT has no
status, and the environment goes on.

AWS's records say `failure` for what is `Sandbox.*`, and `error` for the rest. Lines of text say the same here, because both are made from
one event; no line of AWS's that names a `Sandbox.Failure` has been seen.

RIE knows two more, `Runtime.InvalidWorkingDir` and `Runtime.InvalidTaskConfig`, which only container images can lead to. What it calls
`Sandbox.Timeout` is `Sandbox.Timedout` to AWS's callers, and here everywhere.

Of `Runtime.InvalidEntrypoint` the payload names what the runtime would have tried: these are the programs of `provided.al2023`.
";

const FIRST: &str = "
## The first one wins

What fails later changes neither the type nor, once it is out, the answer. An answer that cannot be used ends nothing: what ends the
environment after it is what the log names.

";

const STREAMED: &str = "
## When an answer streams

Callers who stream have got what came before; those who do not get the payload alone.

";

const RESTORED: &str = "
## When an environment is restored

What happens before the first invocation of an environment of [SnapStart](snapstart.md) is an error of the API and has no REPORT. The
records are `platform.restoreReport` and `platform.restoreRuntimeDone`.

";

/// Only what hangs runs into this.
const PATIENCE: Duration = Duration::from_secs(60);

const COLUMNS: &str = "the caller's payload | REPORT ends with | records | the environment |";

/// One way to fail.
struct Case {
    when: &'static str,
    runtime: Program,
    /// The external extension, if there is one.
    extension: Option<Program>,
    /// How many times.
    extensions: usize,
    refuse: Refusal,
    timeout_s: u32,
}

impl Case {
    fn new(when: &'static str, runtime: impl Fn(&mut Runtime) -> ExitStatus + Send + Sync + 'static) -> Self {
        Self { when, runtime: Arc::new(runtime), extension: None, extensions: 0, refuse: |_| None, timeout_s: 60 }
    }

    fn with_extension(self, extension: impl Fn(&mut Runtime) -> ExitStatus + Send + Sync + 'static) -> Self {
        Self { extension: Some(Arc::new(extension)), extensions: 1, ..self }
    }

    fn times(self, extensions: usize) -> Self {
        Self { extensions, ..self }
    }

    /// That is to be exceeded; no other case is so slow that it would be.
    fn timing_out(self) -> Self {
        Self { timeout_s: 1, ..self }
    }

    fn refusing(self, refuse: Refusal) -> Self {
        Self { refuse, ..self }
    }
}

/// The ways to each type. Whoever adds a type has to say how it comes about.
fn cases(of: ErrorType) -> Vec<Case> {
    let case = match of {
        ErrorType::RuntimeRestoreHookUserTimeout => return Vec::new(), // it ends no invocation: see `restored`
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
        ErrorType::SandboxTimedout => Case::new("The function timeout passes.", waiting).timing_out(),
        ErrorType::SandboxFailure => Case::new("The environment itself fails.", |runtime| {
            runtime.next();
            runtime.lose_sandbox();
            runtime.hang()
        }),
    };
    let mut cases = vec![case];
    if of == ErrorType::ExtensionLaunchError {
        let many = Case::new("There are more than ten of them.", |runtime| runtime.hang());
        cases.push(many.with_extension(|extension| extension.hang()).times(11));
    }
    cases
}

/// What can still happen once an answer has begun.
fn streams() -> [Case; 4] {
    let part = |runtime: &mut Runtime| {
        let (id, _) = runtime.next().unwrap();
        runtime.begin(&id);
        runtime.piece("part");
    };
    [
        Case::new("The handler ends it with an error, in the trailers: none of these types.", move |runtime| {
            part(runtime);
            let body = STANDARD.encode(r#"{"errorMessage":"late","errorType":"Own"}"#);
            let name = "Lambda-Runtime-Function-Error";
            runtime.end(&format!("{name}-Type: Own\r\n{name}-Body: {body}\r\n"));
            runtime.next();
            runtime.hang()
        }),
        Case::new("It breaks off.", |runtime| {
            serve(runtime, |runtime, id| {
                runtime.begin(id);
                runtime.piece("part");
                runtime.reconnect();
            })
        }),
        Case::new("The runtime's process ends.", move |runtime| {
            part(runtime);
            ExitStatus::Code(1)
        }),
        Case::new("The function timeout passes.", move |runtime| {
            part(runtime);
            runtime.hang()
        })
        .timing_out(),
    ]
}

/// What can happen between Init and the first invocation.
fn restores() -> [Case; 3] {
    let restore = |runtime: &mut Runtime| {
        runtime.call("GET", "runtime/restore/next", "");
    };
    [
        Case::new("Hooks take more than 10 s.", move |runtime| {
            restore(runtime);
            runtime.hang()
        }),
        Case::new("`restore/error` with `Runtime.AfterRestoreError`.", move |runtime| {
            restore(runtime);
            let headers = "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError\r\n";
            runtime.request("POST /2018-06-01/runtime/restore/error", headers, "{}");
            ExitStatus::Code(1)
        }),
        Case::new("The runtime's process ends.", move |runtime| {
            restore(runtime);
            ExitStatus::Code(1)
        }),
    ]
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
fn stage(case: &Case, log_format: LogFormat, layers: &Path) -> Stage {
    let (runtime, extension) = (Arc::clone(&case.runtime), case.extension.clone());
    let mut stage = Stage::new(Arc::new(move |process| match &extension {
        Some(extension) if process.program.starts_with("/opt/extensions/") => extension(process),
        _ => runtime(process),
    }));
    *stage.sandboxes.refuse.lock().unwrap() = case.refuse;
    let layer = layers.join(case.extensions.to_string());
    let code = Code { sha256: layer.to_str().unwrap().to_owned(), size: 0 };
    let layers = case.extension.iter().map(|_| Layer { arn: String::new(), code: code.clone() }).collect();
    stage.function = Arc::new(FunctionVersion { timeout_s: case.timeout_s, log_format, layers, ..function() });
    stage
}

const JSON: LogFormat = LogFormat::Json { application: LogLevel::Info, system: LogLevel::Debug };

/// What becomes of the environment.
async fn afterwards(stage: &Stage) -> &'static str {
    let settle = async {
        loop {
            match stage.worker.list().first().map(|environment| environment.phase.clone()).as_deref() {
                None => return "is replaced",
                Some("Cold") => return "is reset",
                Some("Idle") => return "goes on",
                Some(_) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, settle).await.unwrap()
}

/// What the caller reads.
fn told(stage: &Stage, answer: &InvokeResponse) -> String {
    let report = stage.logs.last("REPORT");
    let id = report.split(['\t', ' ']).nth(2).unwrap();
    let payload = String::from_utf8(answer.payload.to_vec()).unwrap().replace(id, "ID");
    assert_eq!(answer.function_error, payload != "\"the answer\"", "{payload}");
    if payload.is_empty() { "empty".to_owned() } else { format!("`{payload}`") }
}

/// Status and type, if there is one, as a record of the log says them.
fn recorded(stage: &Stage, kind: &str) -> (String, Option<String>) {
    let line = stage.logs.last_with(&format!(r#""type":"platform.{kind}""#));
    let record = serde_json::from_str::<serde_json::Value>(&line).unwrap()["record"].clone();
    (record["status"].as_str().unwrap().to_owned(), record["errorType"].as_str().map(str::to_owned))
}

fn joined((status, error_type): &(String, Option<String>)) -> String {
    [Some(status), error_type.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
}

fn end_of(report: &str) -> String {
    let end = report.trim_end().split_once("\tStatus: ").map(|(_, end)| end.replace('\t', "  "));
    end.map_or_else(|| "no status".to_owned(), |end| format!("`Status: {end}`"))
}

/// Type (if the records name one) and the cells of a failure.
async fn seen(case: &Case, layers: &Path) -> (Option<String>, String) {
    let text = stage(case, LogFormat::Text, layers);
    let payload = told(&text, &text.invoke_to_the_end("null").await);
    let streamed = stage(case, LogFormat::Text, layers);
    let (mut pieces, call) = streamed.stream("null");
    while pieces.recv().await.is_some() {}
    assert_eq!(told(&streamed, &call.await.unwrap()), payload, "{}", case.when);
    let json = stage(case, JSON, layers);
    json.invoke_to_the_end("null").await;
    let report = recorded(&json, "report");
    assert_eq!(recorded(&json, "runtimeDone"), report);
    let end = end_of(&text.logs.last("REPORT"));
    assert_eq!(end_of(&streamed.logs.last("REPORT")), end);
    let after = afterwards(&text).await;
    assert_eq!((afterwards(&json).await, afterwards(&streamed).await), (after, after));
    let cells = format!("{payload} | {end} | {} | {after} |", joined(&report));
    (report.1, cells)
}

/// The cells of a failed Restore.
async fn restored(case: &Case, layers: &Path) -> String {
    let [text, json] = [LogFormat::Text, JSON].map(|log_format| {
        let mut stage = stage(case, log_format, layers);
        let (version, snap_start) = ("1".to_owned(), SnapStart::PublishedVersions);
        stage.function = Arc::new(FunctionVersion { version, snap_start, ..FunctionVersion::clone(&stage.function) });
        stage
    });
    let (error, same) = tokio::join!(text.invoke("null"), json.invoke("null"));
    let error = error.unwrap_err();
    assert_eq!(same.unwrap_err(), error);
    let report = recorded(&json, "restoreReport");
    assert_eq!(recorded(&json, "restoreRuntimeDone"), report);
    let after = afterwards(&text).await;
    assert_eq!(afterwards(&json).await, after);
    let end = end_of(&text.logs.last("RESTORE_REPORT"));
    format!("`{}` | {end} | {} | {after} |", ApiError::from(error).kind.code(), joined(&report))
}

/// Packages with so many extensions each.
fn layers(counts: &[usize]) -> TempDir {
    let layers = tempfile::tempdir().unwrap();
    for count in counts {
        let extensions = layers.path().join(format!("{count}/extensions"));
        std::fs::create_dir_all(&extensions).unwrap();
        let names = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"];
        names.iter().take(*count).for_each(|name| std::fs::write(extensions.join(name), "").unwrap());
    }
    layers
}

async fn page() -> String {
    let layers = layers(&[1, 11]);
    let layers = layers.path();
    let mut page = INTRODUCTION.to_owned();
    writeln!(page, "\n| type | when | {COLUMNS}\n|{}", " --- |".repeat(6)).unwrap();
    for of in ErrorType::ALL {
        for case in cases(*of) {
            let (error_type, cells) = seen(&case, layers).await;
            // Records of a timeout name none.
            let expected = (*of != ErrorType::SandboxTimedout).then_some(of.as_str());
            assert_eq!(error_type.as_deref(), expected);
            writeln!(page, "| `{of}` | {} | {cells}", case.when).unwrap();
        }
    }
    let more = [(FIRST, combinations()), (STREAMED, streams())];
    for (about, cases) in more {
        writeln!(page, "{about}| what happens | {COLUMNS}\n|{}", " --- |".repeat(5)).unwrap();
        for case in cases {
            let (_, cells) = seen(&case, layers).await;
            writeln!(page, "| {} | {cells}", case.when).unwrap();
        }
    }
    let columns = "what happens | the caller's error | RESTORE_REPORT ends with | records | the environment |";
    writeln!(page, "{RESTORED}| {columns}\n|{}", " --- |".repeat(5)).unwrap();
    for case in restores() {
        writeln!(page, "| {} | {}", case.when, restored(&case, layers).await).unwrap();
    }
    assert!(page.contains(ErrorType::RuntimeRestoreHookUserTimeout.as_str()));
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
