//! The client commands of the real binary against a stand-in for the service: what they send, print and return. What
//! the real service answers is for the suites below `tests/`.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

const INVOKE: &str = "/2015-03-31/functions/f/invocations";

/// A request as it came.
#[derive(Debug)]
struct Request {
    line: String,
    headers: HashMap<String, String>,
    body: String,
}

/// A status line, headers and a body.
type Answer = (&'static str, Vec<(&'static str, String)>, String);

/// Answers each request by `answer`, and reports it.
fn service(mut answer: impl FnMut(&Request, usize) -> Answer + Send + 'static) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    let (report, requests) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a connection");
            let request = read(&stream);
            let (status, headers, body) = answer(&request, number);
            let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            // The command may have ended meanwhile, and the test too.
            stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok();
            report.send(request).ok();
        }
    });
    (endpoint, requests)
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let line = next();
    let mut headers = HashMap::new();
    loop {
        let header = next();
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    Request { line, headers, body: String::from_utf8(body).expect("text") }
}

fn hearth(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
    for inherited in ["AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"] {
        command.env_remove(inherited);
    }
    command.args(arguments).env("HEARTH_ENDPOINT", endpoint).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn run(endpoint: &str, arguments: &[&str]) -> Output {
    hearth(endpoint, arguments).output().expect("it runs")
}

fn event(id: u32, timestamp: u32, message: &str) -> String {
    format!(r#"{{"logStreamName":"s","timestamp":{timestamp},"message":"{message}\n","eventId":"{id}"}}"#)
}

#[test]
fn invoke_passes_the_payload_on_and_prints_the_answer_as_it_came() {
    let (endpoint, requests) = service(|_, _| ("200 OK", vec![], " {\"b\":1,\n\"a\":2}".into()));
    let done = run(&endpoint, &["invoke", "f", "--payload", " {\"x\": 1}"]);
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), " {\"b\":1,\n\"a\":2}"), "not a byte changed");
    let request = requests.recv().expect("a request");
    assert_eq!(request.line, format!("POST {INVOKE} HTTP/1.1"));
    assert_eq!(request.body, " {\"x\": 1}");
    assert_eq!(request.headers.get("x-amz-invocation-type").map(String::as_str), Some("RequestResponse"));
    assert!(!request.headers.contains_key("authorization"), "the service's own account and region");
}

#[test]
fn a_failed_function_is_exit_code_1_with_its_error_on_standard_output() {
    let (endpoint, requests) = service(|_, _| {
        let headers = vec![
            ("x-amz-function-error", "Unhandled".to_owned()),
            ("x-amz-log-result", "UkVQT1JUIFJlcXVlc3RJZDogeAo=".to_owned()),
        ];
        ("200 OK", headers, r#"{"errorMessage":"no"}"#.into())
    });
    let done = run(&endpoint, &["invoke", "f", "--tail"]);
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(1), r#"{"errorMessage":"no"}"#));
    assert_eq!(text(&done.stderr), "REPORT RequestId: x\n");
    let request = requests.recv().expect("a request");
    assert_eq!(request.headers.get("x-amz-log-type").map(String::as_str), Some("Tail"));
    assert_eq!(request.body, "{}", "an event where none was given");
}

#[test]
fn a_refusal_is_said_on_standard_error() {
    let (endpoint, _requests) = service(|_, _| {
        let header = ("x-amzn-errortype", "ResourceNotFoundException".to_owned());
        ("404 Not Found", vec![header], r#"{"Type":"User","Message":"Function not found: f"}"#.into())
    });
    let done = run(&endpoint, &["invoke", "f"]);
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(1), ""));
    assert_eq!(text(&done.stderr), "hearth: ResourceNotFoundException: Function not found: f\n");
}

#[test]
fn an_event_is_accepted_and_a_dry_run_runs_nothing() {
    for (kind, status, said) in
        [("Event", "202 Accepted", "accepted as 42\n"), ("DryRun", "204 No Content", "allowed; nothing was run\n")]
    {
        let (endpoint, requests) =
            service(move |_, _| (status, vec![("x-amzn-requestid", "42".to_owned())], String::new()));
        let done = run(&endpoint, &["invoke", "f", "--type", kind]);
        assert_eq!((done.status.code(), text(&done.stdout), text(&done.stderr)), (Some(0), "", said));
        let request = requests.recv().expect("a request");
        assert_eq!(request.headers.get("x-amz-invocation-type").map(String::as_str), Some(kind));
    }
}

#[test]
fn account_and_region_reach_the_service_from_options_or_variables() {
    let expect = |command: &mut Command, requests: &Receiver<Request>, scope: &str| {
        assert!(command.output().expect("it runs").status.success());
        let request = requests.recv().expect("a request");
        let authorization = request.headers.get("authorization").expect("signed for somebody");
        let (account, rest) = scope.split_once('/').expect("account/region");
        assert!(authorization.contains(&format!("Credential={account}/")), "{authorization}");
        assert!(authorization.contains(&format!("/{rest}/lambda/aws4_request")), "{authorization}");
    };
    let (endpoint, requests) = service(|_, _| ("200 OK", vec![], "null".into()));
    let options = ["invoke", "f", "--account", "111122223333", "--region", "eu-west-1"];
    expect(&mut hearth(&endpoint, &options), &requests, "111122223333/eu-west-1");
    let mut variables = hearth(&endpoint, &["invoke", "f"]);
    variables.env("AWS_ACCESS_KEY_ID", "999999999999").env("AWS_REGION", "us-east-2");
    expect(&mut variables, &requests, "999999999999/us-east-2");
}

#[test]
fn logs_reads_every_page() {
    let (endpoint, requests) = service(|_, number| {
        let page = match number {
            0 => format!(r#"{{"events":[{}],"nextToken":"more"}}"#, event(1, 1_000, "one")),
            1 => r#"{"events":[],"nextToken":"still more"}"#.to_owned(),
            _ => format!(r#"{{"events":[{}]}}"#, event(2, 2_000, "two")),
        };
        ("200 OK", vec![], page)
    });
    let done = run(&endpoint, &["logs", "f", "--since", "36500d"]);
    assert_eq!(text(&done.stdout), "1970-01-01T00:00:01.000Z  one\n1970-01-01T00:00:02.000Z  two\n");
    let bodies: Vec<_> = requests.try_iter().map(|request| request.body).collect();
    assert!(bodies.iter().all(|body| body.contains(r#""logGroupName":"/aws/lambda/f""#)), "{bodies:?}");
    assert!(bodies[1].contains(r#""nextToken":"more""#) && bodies[2].contains(r#""nextToken":"still more""#));
}

#[test]
fn following_waits_for_the_group_and_prints_each_event_once() {
    let (endpoint, _requests) = service(|_, number| {
        let missing = r#"{"__type":"ResourceNotFoundException","message":"no such group"}"#;
        let (one, late, two) = (event(1, 50_000, "one"), event(2, 49_000, "late"), event(3, 51_000, "two"));
        match number {
            0 => ("400 Bad Request", vec![], missing.to_owned()),
            1 => ("200 OK", vec![], format!(r#"{{"events":[{one}]}}"#)),
            2 => ("200 OK", vec![], format!(r#"{{"events":[{late},{one}]}}"#)),
            _ => ("200 OK", vec![], format!(r#"{{"events":[{late},{one},{two}]}}"#)),
        }
    });
    let mut follower = hearth(&endpoint, &["logs", "-f", "f", "--since", "36500d"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let lines = BufReader::new(follower.stdout.take().expect("piped")).lines();
    let messages: Vec<_> =
        lines.take(3).map(|line| line.expect("a line").split_once("  ").expect("time and text").1.to_owned()).collect();
    follower.kill().expect("it follows until it is stopped");
    follower.wait().expect("reaped");
    assert_eq!(messages, ["one", "late", "two"]);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let (endpoint, _requests) = service(|_, _| {
        // More than a pipe holds.
        let events: Vec<_> = (0..5_000).map(|number| event(number, number, "a line of some length")).collect();
        ("200 OK", vec![], format!(r#"{{"events":[{}]}}"#, events.join(",")))
    });
    let mut child = hearth(&endpoint, &["logs", "f", "--since", "36500d"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("it ends");
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), ""));
}

#[test]
fn ps_of_a_service_without_environments_says_so() {
    let (endpoint, requests) = service(|_, _| ("200 OK", vec![], r#"{"environments":[]}"#.into()));
    let done = run(&endpoint, &["ps"]);
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), ""));
    assert!(text(&done.stderr).contains("no execution environments"));
    assert_eq!(requests.recv().expect("a request").line, "GET /_hearth/environments HTTP/1.1");
    let json = run(&endpoint, &["ps", "--json"]);
    assert_eq!(text(&json.stdout), "{\"environments\":[]}\n");
}

#[test]
fn nobody_at_the_endpoint_is_said_with_what_to_do() {
    let done = run("http://127.0.0.1:1", &["ps"]);
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done.stderr);
    assert!(said.contains("http://127.0.0.1:1") && said.contains("hearth up"), "{said}");
}

#[test]
fn a_service_that_goes_away_is_not_called_absent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        // Both the first try and the second, which the client may make as nothing was answered.
        for stream in listener.incoming() {
            read(&stream.expect("a connection"));
        }
    });
    let done = run(&endpoint, &["invoke", "f"]);
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done.stderr);
    assert!(said.contains("ended the connection without an answer to 2015-03-31/functions/f/invocations"), "{said}");
}
