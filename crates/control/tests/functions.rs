//! Functions over HTTP: shapes, states, pages, refusals.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Data, FUNCTIONS, OTHER_ZIP, Service, ZIP, arn, request};
use hearth_api::timeline::Wanted;
use http::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_new_function_has_the_defaults_of_aws_and_is_pending() {
    let (data, name) = (Data::new(), "f");
    let service = Service::start(&data).await;
    let answer = service.create(name).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let mut created = answer.json();
    let sha256 = created["CodeSha256"].as_str().expect("digest").to_owned();
    for random in ["RevisionId", "LastModified", "CodeSha256", "RuntimeVersionConfig"] {
        assert!(created.as_object_mut().expect("object").remove(random).is_some(), "{random}");
    }
    let expected = json!({
        "FunctionName": name,
        "FunctionArn": arn(name),
        "Runtime": "python3.11",
        "Role": "arn:aws:iam::000000000000:role/any",
        "Handler": "app.handler",
        "CodeSize": STANDARD.decode(ZIP).expect("zip").len(),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "TracingConfig": { "Mode": "PassThrough" },
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "PackageType": "Zip",
        "Architectures": [if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }],
        "EphemeralStorage": { "Size": 512 },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/f" },
    });
    assert_eq!(created, expected);
    assert_eq!(service.settled(name).await["CodeSha256"], sha256.as_str());
}

#[tokio::test]
async fn every_step_has_a_revision_of_its_own() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let mut revisions = vec![service.create("f").await.json()["RevisionId"].clone()];
    revisions.push(service.settled("f").await["RevisionId"].clone());
    let path = format!("{FUNCTIONS}/f/configuration");
    let update = service.put(&path, &json!({ "Timeout": 9, "RevisionId": revisions[1] })).await;
    assert_eq!(update.status, StatusCode::OK);
    let update = update.json();
    assert_eq!((&update["State"], &update["LastUpdateStatus"]), (&json!("Active"), &json!("InProgress")));
    assert_eq!(update["LastUpdateStatusReasonCode"], "Creating");
    revisions.push(update["RevisionId"].clone());
    let settled = service.settled("f").await;
    assert_eq!(settled["Timeout"], 9);
    revisions.push(settled["RevisionId"].clone());
    let mut distinct = revisions.clone();
    distinct.sort_by_key(Value::to_string);
    distinct.dedup();
    assert_eq!(distinct.len(), 4, "{revisions:?}");

    let stale = service.put(&path, &json!({ "Timeout": 10, "RevisionId": revisions[1] })).await;
    let (status, code, message) = stale.error();
    assert_eq!((status, code.as_str()), (412, "PreconditionFailedException"));
    assert!(message.starts_with("The Revision Id provided does not match the latest Revision Id."), "{message}");
    assert_eq!(service.settled("f").await["Timeout"], 9);
}

#[tokio::test]
async fn an_update_retires_the_environments_before_it() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let before = service.active("f").await;
    service.invoke("f", &[], "0").await;
    let update = service.put(&format!("{FUNCTIONS}/f/code"), &json!({ "ZipFile": OTHER_ZIP })).await;
    assert_ne!(update.json()["CodeSha256"], before["CodeSha256"]);
    service.environments.until(|it| !it.retired.lock().expect("lock").is_empty()).await;
    service.settled("f").await;
    service.invoke("f", &[], "1").await;
    let calls = service.environments.calls.lock().expect("lock").clone();
    let (old, ran) = (&calls[0].0, &calls[1].0);
    assert_eq!(ran.code.sha256, update.json()["CodeSha256"].as_str().expect("digest"));
    let retired = service.environments.retired.lock().expect("lock").clone();
    assert_eq!(retired, [(ran.key.clone(), vec![old.incarnation])]);
}

#[tokio::test]
async fn changes_are_of_the_functions_own_code() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let before = service.active("f").await;
    let other = service.active("g").await;
    let of = async |sha256: &str| {
        let body = json!({ "ZipFile": OTHER_ZIP }).to_string();
        service.send(Method::PUT, &format!("{FUNCTIONS}/f/code"), &[("x-hearth-changes-of", sha256)], body).await
    };
    assert_eq!(before["CodeSha256"], other["CodeSha256"], "the same zip");
    let update = of(before["CodeSha256"].as_str().expect("digest")).await;
    assert_eq!(update.status, StatusCode::OK);
    let settled = service.settled("f").await;
    assert_eq!(settled["CodeSha256"], update.json()["CodeSha256"]);
    // What was the function's, and still is another one's, is not this one's any more.
    let (status, code, message) = of(other["CodeSha256"].as_str().expect("digest")).await.error();
    assert_eq!((status, code.as_str()), (412, "PreconditionFailedException"));
    assert!(message.contains("send the whole package"), "{message}");
    assert_eq!(service.settled("f").await, settled);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let before = service.active("f").await;
    let path = format!("{FUNCTIONS}/f/code");
    let planned = service.put(&path, &json!({ "ZipFile": OTHER_ZIP, "DryRun": true })).await.json();
    assert_ne!(planned["CodeSha256"], before["CodeSha256"]);
    assert_eq!(service.settled("f").await, before);
}

#[tokio::test]
async fn the_code_can_be_downloaded_from_its_location() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let found = service.get(&format!("{FUNCTIONS}/f")).await.json();
    assert_eq!(found["Code"]["RepositoryType"], "S3");
    assert!(found.get("Tags").is_none());
    let location = found["Code"]["Location"].as_str().expect("location");
    let path = location.strip_prefix(&format!("http://{}", service.address)).expect("on this service");
    let zip = service.get(path).await;
    assert_eq!(STANDARD.encode(&zip.body), ZIP);
    assert_eq!(service.get(&path.replace(".", ".0")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let data = Data::new();
    let service = Service::start(&data).await;
    for name in ["b", "a", "c"] {
        service.active(name).await;
    }
    let page = service.get(&format!("{FUNCTIONS}?MaxItems=2")).await.json();
    let names = |page: &Value| -> Vec<String> {
        let entries = page["Functions"].as_array().expect("list");
        entries.iter().map(|entry| entry["FunctionName"].as_str().expect("name").to_owned()).collect()
    };
    assert_eq!(names(&page), ["a", "b"]);
    assert!(page["Functions"][0].get("State").is_none());
    let next = page["NextMarker"].as_str().expect("marker");
    let last = service.get(&format!("{FUNCTIONS}?MaxItems=2&Marker={next}&FunctionVersion=ALL")).await.json();
    assert_eq!(names(&last), ["c"]);
    assert_eq!(last["Functions"][0]["FunctionArn"], format!("{}:$LATEST", arn("c")));
    assert!(last.get("NextMarker").is_none());
    assert_eq!(service.get(&format!("{FUNCTIONS}?Marker=%25")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_deleted_function_is_gone_and_its_environments_end() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    service.invoke("f", &[], "0").await;
    let path = format!("{FUNCTIONS}/f");
    let latest = service.send(Method::DELETE, &format!("{path}?Qualifier=$LATEST"), &[], "").await;
    assert_eq!(latest.error().2, "$LATEST version cannot be deleted without deleting the function.");
    let deleted = service.send(Method::DELETE, &path, &[], "").await;
    assert_eq!((deleted.status, deleted.body.len()), (StatusCode::NO_CONTENT, 0));
    let missing = (404, "ResourceNotFoundException".to_owned(), format!("Function not found: {}", arn("f")));
    assert_eq!(service.get(&path).await.error(), missing);
    assert_eq!(service.send(Method::DELETE, &path, &[], "").await.error(), missing);
    let ran = service.environments.calls.lock().expect("lock")[0].0.clone();
    let retired = service.environments.retired.lock().expect("lock").clone();
    assert_eq!(retired, [(ran.key.clone(), vec![ran.incarnation])]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_the_words_of_aws() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let with = |member: &str, value: Value| {
        let mut request = request("g");
        request[member] = value;
        request
    };
    let parameter = "InvalidParameterValueException";
    let unzip = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    let mandatory = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
    let cases = [
        (request("f"), 409, "ResourceConflictException", "Function already exist: f"),
        (with("Code", json!({ "ZipFile": STANDARD.encode("no zip") })), 400, parameter, unzip),
        (with("Code", json!({})), 400, parameter, "Please provide a source for function code."),
        (with("Code", json!({ "S3Bucket": "bucket", "S3Key": "k" })), 400, parameter, "Code in Amazon S3 is not"),
        (
            with("Runtime", json!("ruby3.3")),
            400,
            parameter,
            "ruby3.3 is not on this machine: add it with `hearth runtimes",
        ),
        (with("Handler", Value::Null), 400, parameter, mandatory),
        (
            with("Layers", json!(["arn:aws:lambda:us-east-1:000000000000:layer:l:1"])),
            400,
            parameter,
            "Layer version arn:aws:lambda:us-east-1:000000000000:layer:l:1 does not exist.",
        ),
    ];
    for (request, status, code, message) in cases {
        let (got_status, got_code, got_message) = service.post(FUNCTIONS, &request).await.error();
        assert_eq!((got_status, got_code.as_str()), (status, code), "{got_message}");
        assert!(got_message.starts_with(message), "{got_message}");
    }
    assert_eq!(service.get(&format!("{FUNCTIONS}/g")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_request_that_is_too_large_names_its_operation() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let body = vec![b' '; 70_167_212];
    let (status, code, message) = service.send(Method::POST, FUNCTIONS, &[], body).await.error();
    assert_eq!((status, code.as_str()), (413, "RequestEntityTooLargeException"));
    assert_eq!(message, "Request must be smaller than 70167211 bytes for the CreateFunction operation");
}

#[tokio::test]
async fn accounts_and_regions_see_nothing_of_each_other() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    for scope in ["123456789012/20261124/us-east-1", "test/20261124/eu-west-1"] {
        let credential =
            format!("AWS4-HMAC-SHA256 Credential={scope}/lambda/aws4_request, SignedHeaders=host, Signature=0");
        let headers = [("authorization", credential.as_str())];
        let path = format!("{FUNCTIONS}/f");
        assert_eq!(service.send(Method::GET, &path, &headers, "").await.status, StatusCode::NOT_FOUND, "{scope}");
        let list = service.send(Method::GET, FUNCTIONS, &headers, "").await.json();
        assert_eq!(list["Functions"], json!([]));
    }
    let elsewhere = format!("{FUNCTIONS}/{}", arn("f").replace("us-east-1", "eu-west-1"));
    let expected = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')";
    assert_eq!(service.get(&elsewhere).await.error().2, expected);
}

#[tokio::test]
async fn web_pages_are_kept_out_of_everything() {
    let data = Data::new();
    let service = Service::start(&data).await;
    for path in [FUNCTIONS, "/_hearth/environments", "/"] {
        for header in [("origin", "https://evil.example"), ("host", "evil.example"), ("sec-fetch-site", "cross-site")] {
            let answer = service.send(Method::GET, path, &[header], "").await;
            assert_eq!((answer.status, answer.error().1.as_str()), (StatusCode::FORBIDDEN, "AccessDeniedException"));
        }
    }
    assert_eq!(service.get("/_hearth/health").await.status, StatusCode::OK);
    assert_eq!(
        service.get("/_hearth/environments").await.json(),
        json!({ "environments": [], "blanks": { "budget_mb": 0, "kinds": [], "tmps": { "ready": 0, "wanted": 0 } } })
    );
    for (query, function, environment, region) in [
        ("", None, None, None),
        ("?function=shop", Some("shop"), None, None),
        ("?environment=0123&other=x&function=shop", Some("shop"), Some("0123"), None),
        ("?function=&functions=no&region=eu-west-1", None, None, Some("eu-west-1")),
        ("?function=my%2Dshop&environment=", Some("my-shop"), None, None),
    ] {
        let path = format!("/_hearth/timelines{query}");
        assert_eq!(service.get(&path).await.json(), json!({ "environments": [] }));
        let [function, environment, region] =
            [function, environment, region].map(|it: Option<&str>| it.map(str::to_owned));
        let wanted = service.environments.wanted.lock().expect("lock").pop().expect("asked");
        assert_eq!(wanted, Wanted { function, environment, region, account: None }, "{query}");
    }
}

#[tokio::test]
async fn what_the_model_knows_and_hearth_does_not_is_said() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let answer = service.get("/2015-03-31/event-source-mappings/").await;
    assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
    assert!(answer.error().2.contains("ListEventSourceMappings"));
}

#[tokio::test]
async fn a_change_that_was_under_way_is_settled_by_the_next_start() {
    use hearth_api::function::{State, UpdateStatus};
    use hearth_store::{FunctionRecord, Functions as _};
    let data = Data::new();
    let mut first = Service::start(&data).await;
    first.active("f").await;
    first.stop();
    let key = hearth_api::function::FunctionKey { scope: common::scope(), name: "f".to_owned() };
    let record = data.store.get(&key).await.expect("read").expect("there");
    let mut latest = (*record.latest).clone();
    latest.last_update = UpdateStatus::InProgress;
    latest.timeout_s = 7;
    let mut pending = latest.clone();
    let half = FunctionRecord { latest: latest.into(), previous: Some(record.latest.clone()), ..(*record).clone() };
    data.store.update(half).await.expect("stored");
    pending.key.name = "g".to_owned();
    (pending.state, pending.last_update) = (State::Pending, UpdateStatus::Successful);
    let half = FunctionRecord { latest: pending.into(), previous: None, ..(*record).clone() };
    data.store.create(half).await.expect("stored");
    let second = Service::start(&data).await;
    assert_eq!(second.settled("f").await["Timeout"], 7);
    assert_eq!(second.settled("g").await["Timeout"], 7);
}

#[tokio::test]
async fn packages_that_no_function_refers_to_go_at_the_next_start() {
    use hearth_store::Packages as _;
    let data = Data::new();
    let first = Service::start(&data).await;
    let path = format!("{FUNCTIONS}/f/code");
    let kept = first.active("f").await;
    let gone = first.put(&path, &json!({ "ZipFile": OTHER_ZIP, "DryRun": true })).await.json();
    let code = |shown: &Value| hearth_api::function::Code {
        sha256: shown["CodeSha256"].as_str().expect("digest").to_owned(),
        size: shown["CodeSize"].as_u64().expect("size"),
    };
    assert!(data.store.zip(&code(&gone)).await.is_ok());
    let _second = Service::start(&data).await;
    assert!(data.store.zip(&code(&gone)).await.is_err());
    assert!(data.store.zip(&code(&kept)).await.is_ok());
}
