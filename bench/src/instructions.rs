//! What one invoke makes the processor do where no kernel is involved: `instructions SCENARIO COUNT` does it COUNT times.
//! `bench/instructions` counts, under callgrind.

use anyhow::{Result, bail, ensure};
use hearth_api::arn::parse_function_reference;
use hearth_api::log_frame::Decoder;
use hearth_api::model::route_lambda;
use hearth_api::payload::check_json;
use hearth_api::platform_event::PlatformEvent;
use hearth_core::environment::{Action, Answer, Call, Event, ExecutionEnvironment, InvocationReport, Moment, Status};
use hearth_core::ids::RequestId;
use http::{HeaderMap, HeaderValue, Method};
use std::hint::black_box;

/// The lifecycle: an environment that is warm gets an invocation, answers it and is frozen again.
fn lifecycle(count: u64) -> Result<()> {
    let (mut machine, mut actions) = (ExecutionEnvironment::new(), Vec::new());
    let mut tell = |at: u64, event: Event| {
        actions.clear();
        machine.handle(Moment(at), event, &mut actions)?;
        anyhow::Ok(actions.last().copied())
    };
    tell(0, Event::Start)?;
    tell(1, Event::Next)?;
    for round in 1..=count {
        let (at, request_id) = (round * 1_000, RequestId(u128::from(round)));
        tell(at, Event::Invoke(Call { request_id, timeout_ms: 3_000 }))?;
        tell(at + 1, Event::Respond { request_id, answer: Answer::Accepted })?;
        ensure!(tell(at + 2, Event::Next)? == Some(Action::Freeze), "it is not frozen");
    }
    Ok(())
}

/// A request for `Invoke`, from its path to the function it names, with 1 kB of JSON.
fn request(count: u64) -> Result<()> {
    let payload = events(16);
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-invocation-type", HeaderValue::from_static("RequestResponse"));
    headers.insert("x-amz-log-type", HeaderValue::from_static("None"));
    for _ in 0..count {
        let path = black_box("/2015-03-31/functions/shop-orders-created/invocations");
        let routed = route_lambda(&Method::POST, path, black_box(Some("Qualifier=live")))?;
        let members = routed.decode(&headers, &[])?;
        let name = members.get("FunctionName").and_then(|name| name.as_str()).unwrap_or_default();
        ensure!(parse_function_reference(name).name == "shop-orders-created", "another name");
        check_json(black_box(&payload)).map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

/// 64 kB of JSON, looked at for being JSON.
fn payload(count: u64) -> Result<()> {
    let payload = events(1_024);
    for _ in 0..count {
        check_json(black_box(&payload)).map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

/// START, END and REPORT, as text and as JSON.
fn lines(count: u64) -> Result<()> {
    for round in 1..=count {
        let request_id = RequestId(u128::from(round));
        let report = InvocationReport { request_id, duration_us: 1_234, cold_start: None, status: Status::Success };
        let said = [
            PlatformEvent::Start { request_id, version: "$LATEST".to_owned(), trace: None },
            PlatformEvent::End(request_id),
            PlatformEvent::Report {
                report,
                reported: None,
                billed_ms: 2,
                memory_mb: (128, 40),
                spans: Vec::new(),
                trace: None,
            },
        ];
        for event in &said {
            black_box((event.text(), event.line(1_700_000_000_000)));
        }
    }
    Ok(())
}

/// A hundred frames of a runtime's log.
fn frames(count: u64) -> Result<()> {
    let mut stream = Vec::new();
    for _ in 0..100 {
        let message = b"[INFO] 2026-11-29T10:00:00.000Z order 4711 was taken and is being looked at";
        stream.extend_from_slice(&0xa55a_0003_u32.to_be_bytes());
        stream.extend_from_slice(&(message.len() as u32).to_be_bytes());
        stream.extend_from_slice(&1_700_000_000_000_000_u64.to_be_bytes());
        stream.extend_from_slice(message);
    }
    for _ in 0..count {
        let (mut decoder, mut rest, mut parts) = (Decoder::default(), stream.as_slice(), 0);
        while let Some(part) = decoder.next(&mut rest) {
            black_box(part);
            parts += 1;
        }
        ensure!(parts == 100, "{parts} parts");
    }
    Ok(())
}

/// An event of so many records of 64 bytes.
fn events(records: usize) -> Vec<u8> {
    let record = r#"{"id":"00000000-4711","total":12.50,"paid":true,"tags":["a","b"]}"#;
    format!(r#"{{"Records":[{}]}}"#, vec![record; records].join(",")).into_bytes()
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scenario, count] = arguments.as_slice() else { bail!("usage: instructions SCENARIO COUNT") };
    let count = count.parse()?;
    match scenario.as_str() {
        "lifecycle" => lifecycle(count),
        "request" => request(count),
        "payload" => payload(count),
        "lines" => lines(count),
        "frames" => frames(count),
        _ => bail!("no scenario {scenario}"),
    }
}
