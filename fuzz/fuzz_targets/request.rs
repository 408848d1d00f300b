//! Requests to the Lambda and Logs APIs: any path, query and body is answered, never with a panic.
#![no_main]

use hearth_api::model::{decode_logs, route_lambda};
use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;

const TARGETS: [&str; 4] = [
    "Logs_20140328.FilterLogEvents",
    "Logs_20140328.GetLogEvents",
    "Logs_20140328.PutLogEvents",
    "Logs_20140328.DescribeLogStreams",
];

fuzz_target!(|input: (u8, &str, Option<&str>, &[u8])| {
    let (choice, path, query, body) = input;
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let method = &methods[usize::from(choice) % methods.len()];
    let bases = ["/2015-03-31/functions", "/2015-03-31/functions/", "/2018-10-31/layers", "/"];
    let path = format!("{}{path}", bases[usize::from(choice / 4) % bases.len()]);
    if let Ok(routed) = route_lambda(method, &path, query) {
        drop(routed.decode(&HeaderMap::new(), body));
    }
    drop(decode_logs(TARGETS[usize::from(choice) % TARGETS.len()], body));
});
