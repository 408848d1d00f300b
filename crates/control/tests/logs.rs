//! CloudWatch Logs over HTTP, on logs that the store has written.

mod common;

use common::{Data, Service, scope};
use hearth_store::{LogEvent, Logs as _};
use serde_json::{Value, json};

const GROUP: &str = "/aws/lambda/f";

fn write(data: &Data, stream: &str, events: &[(i64, &str)]) {
    let open = data.store.open(&scope(), GROUP, stream).expect("stream");
    let event = |(time, text): &(i64, &str)| LogEvent {
        timestamp_ms: *time,
        ingestion_ms: *time + 1,
        message: (*text).to_owned(),
    };
    open.append(&events.iter().map(event).collect::<Vec<_>>()).expect("written");
}

fn messages(page: &Value) -> Vec<String> {
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
    events.iter().map(|event| event["message"].as_str().expect("text").to_owned()).collect()
}

async fn filter(service: &Service, members: Value) -> Value {
    let mut request = json!({ "logGroupName": GROUP });
    request.as_object_mut().expect("object").extend(members.as_object().expect("object").clone());
    service.logs("FilterLogEvents", &request).await.json()
}

#[tokio::test]
async fn a_stream_reads_forwards_and_backwards() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let events: Vec<(i64, &str)> = (1_000..).zip(numbers.iter().map(String::as_str)).collect();
    write(&data, "s", &events);
    let get = async |members: Value| {
        let mut request = json!({ "logGroupName": GROUP, "logStreamName": "s", "limit": 70 });
        request.as_object_mut().expect("object").extend(members.as_object().expect("object").clone());
        service.logs("GetLogEvents", &request).await.json()
    };
    let mut forwards = Vec::new();
    let mut page = get(json!({ "startFromHead": true })).await;
    while !messages(&page).is_empty() {
        forwards.extend(messages(&page));
        page = get(json!({ "nextToken": page["nextForwardToken"], "startFromHead": true })).await;
    }
    assert_eq!(forwards, numbers);
    let end = page["nextForwardToken"].clone();
    assert_eq!(get(json!({ "nextToken": end })).await["nextForwardToken"], end, "at the end the token stays");

    let mut backwards: Vec<String> = Vec::new();
    let mut page = get(json!({})).await;
    assert_eq!(page["nextForwardToken"], end);
    while !messages(&page).is_empty() {
        backwards.splice(0..0, messages(&page));
        page = get(json!({ "nextToken": page["nextBackwardToken"] })).await;
    }
    assert_eq!(backwards, numbers);

    write(&data, "s", &[(2_000, "new")]);
    assert_eq!(messages(&get(json!({ "nextToken": end })).await), ["new"]);
    let some = get(json!({ "startFromHead": true, "startTime": 1_010, "endTime": 1_012 })).await;
    assert_eq!(messages(&some), ["10", "11"]);
}

#[tokio::test]
async fn an_answer_is_bounded_in_bytes() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let large = "x".repeat(200_000);
    write(&data, "s", &[(1, &large), (2, &large), (3, &large), (4, &large), (5, &large), (6, &large), (7, "last")]);
    let request = json!({ "logGroupName": GROUP, "logStreamName": "s", "startFromHead": true });
    let first = service.logs("GetLogEvents", &request).await.json();
    assert_eq!(messages(&first).len(), 5);
    let request = json!({ "logGroupName": GROUP, "logStreamName": "s", "nextToken": first["nextForwardToken"] });
    let second = service.logs("GetLogEvents", &request).await.json();
    assert_eq!(messages(&second), [large.as_str(), "last"]);
    let first = filter(&service, json!({})).await;
    assert_eq!(messages(&first).len(), 5);
    assert_eq!(messages(&filter(&service, json!({ "nextToken": first["nextToken"] })).await), [large.as_str(), "last"]);
}

#[tokio::test]
async fn streams_are_merged_by_time_and_pages_of_any_size_give_the_same() {
    let data = Data::new();
    let service = Service::start(&data).await;
    write(&data, "a", &[(10, "a1"), (30, "a2"), (30, "a3"), (20, "a4 late"), (50, "a5")]);
    write(&data, "b", &[(5, "b1"), (30, "b2"), (40, "b3")]);
    write(&data, "c", &[(30, "c1")]);
    let all = messages(&filter(&service, json!({})).await);
    assert_eq!(all, ["b1", "a1", "a2", "a3", "a4 late", "b2", "c1", "b3", "a5"]);
    for limit in 1..=9 {
        let (mut paged, mut ids, mut token) = (Vec::new(), Vec::new(), Value::Null);
        loop {
            let mut members = json!({ "limit": limit });
            if !token.is_null() {
                members["nextToken"] = token.clone();
            }
            let page = filter(&service, members).await;
            ids.extend(page["events"].as_array().expect("list").iter().map(|event| event["eventId"].to_string()));
            paged.extend(messages(&page));
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(paged, all, "in pages of {limit}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all.len());
    }
}

#[tokio::test]
async fn events_are_chosen_by_stream_time_and_pattern() {
    let data = Data::new();
    let service = Service::start(&data).await;
    write(&data, "a", &[(10, "START x"), (20, "ERROR one"), (30, r#"{"level":"ERROR"}"#)]);
    write(&data, "b", &[(15, "ERROR two")]);
    let found = async |members: Value| messages(&filter(&service, members).await);
    assert_eq!(found(json!({ "filterPattern": "ERROR -two" })).await, ["ERROR one", r#"{"level":"ERROR"}"#]);
    assert_eq!(found(json!({ "filterPattern": "{ $.level = ERROR }" })).await, [r#"{"level":"ERROR"}"#]);
    assert_eq!(found(json!({ "startTime": 15, "endTime": 20 })).await, ["ERROR two", "ERROR one"]);
    assert_eq!(found(json!({ "logStreamNames": ["b"] })).await, ["ERROR two"]);
    assert_eq!(found(json!({ "logStreamNamePrefix": "b" })).await, ["ERROR two"]);
    let refused = service.logs("FilterLogEvents", &json!({ "logGroupName": GROUP, "filterPattern": "[a]" })).await;
    assert_eq!((refused.status.as_u16(), refused.json()["__type"].clone()), (400, json!("InvalidParameterException")));
}

#[tokio::test]
async fn groups_and_streams_are_described() {
    let data = Data::new();
    let service = Service::start(&data).await;
    write(&data, "2026/a", &[(10, "x"), (90, "y")]);
    write(&data, "2026/b", &[(20, "x")]);
    let groups = service.logs("DescribeLogGroups", &json!({ "logGroupNamePrefix": "/aws" })).await.json();
    let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}");
    assert_eq!(groups["logGroups"][0]["logGroupName"], GROUP);
    assert_eq!(groups["logGroups"][0]["arn"], format!("{arn}:*"));
    assert_eq!(groups["logGroups"][0]["logGroupArn"], arn);
    let none = service.logs("DescribeLogGroups", &json!({ "logGroupNamePattern": "nothing" })).await.json();
    assert_eq!(none["logGroups"], json!([]));

    let names = |page: &Value| -> Vec<String> {
        let list = page["logStreams"].as_array().unwrap_or_else(|| panic!("{page}"));
        list.iter().map(|stream| stream["logStreamName"].as_str().expect("name").to_owned()).collect()
    };
    let latest = json!({ "logGroupName": GROUP, "orderBy": "LastEventTime", "descending": true, "limit": 1 });
    let page = service.logs("DescribeLogStreams", &latest).await.json();
    assert_eq!(names(&page), ["2026/a"]);
    let first = &page["logStreams"][0];
    assert_eq!((&first["firstEventTimestamp"], &first["lastEventTimestamp"]), (&json!(10), &json!(90)));
    assert_eq!(first["arn"], format!("{arn}:log-stream:2026/a"));
    let mut next = latest.clone();
    next["nextToken"] = page["nextToken"].clone();
    let page = service.logs("DescribeLogStreams", &next).await.json();
    assert_eq!((names(&page), page.get("nextToken")), (vec!["2026/b".to_owned()], None));
    let by_arn = json!({ "logGroupIdentifier": arn, "logStreamNamePrefix": "2026/b" });
    assert_eq!(names(&service.logs("DescribeLogStreams", &by_arn).await.json()), ["2026/b"]);
}

#[tokio::test]
async fn logs_can_be_written_and_deleted_by_hand() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let events = json!([{ "timestamp": 5, "message": "by hand" }]);
    let put = json!({ "logGroupName": GROUP, "logStreamName": "s", "logEvents": events });
    let missing = |what: &str| json!({ "__type": "ResourceNotFoundException", "message": format!("The specified log {what} does not exist.") });
    assert_eq!(service.logs("PutLogEvents", &put).await.json(), missing("group"));
    let group = json!({ "logGroupName": GROUP });
    assert_eq!(service.logs("CreateLogGroup", &group).await.status, 200);
    assert_eq!(service.logs("CreateLogGroup", &group).await.json()["__type"], "ResourceAlreadyExistsException");
    write(&data, "other", &[(1, "x")]);
    assert_eq!(service.logs("PutLogEvents", &put).await.json(), missing("stream"));
    let stream = json!({ "logGroupName": GROUP, "logStreamName": "s" });
    assert_eq!(service.logs("CreateLogStream", &stream).await.status, 200);
    assert_eq!(service.logs("CreateLogStream", &stream).await.json()["__type"], "ResourceAlreadyExistsException");
    assert_eq!(service.logs("PutLogEvents", &put).await.status, 200);
    assert_eq!(messages(&filter(&service, json!({})).await), ["x", "by hand"]);
    assert_eq!(service.logs("DeleteLogGroup", &json!({ "logGroupName": GROUP })).await.status, 200);
    assert_eq!(filter(&service, json!({})).await, missing("group"));
}

#[tokio::test]
async fn accounts_see_their_own_logs_only() {
    let data = Data::new();
    let service = Service::start(&data).await;
    write(&data, "s", &[(1, "x")]);
    let headers = [
        ("x-amz-target", "Logs_20140328.DescribeLogGroups"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=123456789012/20261124/us-east-1/logs/aws4_request"),
    ];
    assert_eq!(service.send(http::Method::POST, "/", &headers, "{}").await.json()["logGroups"], json!([]));
}

#[tokio::test]
async fn what_is_not_served_is_said_in_a_way_that_is_not_retried() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let request = json!({ "logGroupName": GROUP, "logStreamName": "s" });
    let answer = service.logs("DeleteLogStream", &request).await;
    assert_eq!((answer.status.as_u16(), answer.json()["__type"].clone()), (400, json!("UnknownOperationException")));
    assert_eq!(answer.json()["message"], "DeleteLogStream is not implemented by Hearth yet");
}
