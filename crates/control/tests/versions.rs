//! Versions and aliases over HTTP.

mod common;

use common::{Answer, Data, FUNCTIONS, OTHER_ZIP, Service, arn, request};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const NOT_FOUND: &str = "ResourceNotFoundException";
const PARAMETER: &str = "InvalidParameterValueException";

async fn publish(service: &Service, name: &str, members: Value) -> Answer {
    service.post(&format!("{FUNCTIONS}/{name}/versions"), &members).await
}

async fn alias(service: &Service, name: &str, members: Value) -> Answer {
    service.post(&format!("{FUNCTIONS}/{name}/aliases"), &members).await
}

async fn delete(service: &Service, path: &str) -> Answer {
    service.send(Method::DELETE, path, &[], "").await
}

/// Changes the configuration and waits until it is settled.
async fn configured(service: &Service, name: &str, members: Value) -> Value {
    let answer = service.put(&format!("{FUNCTIONS}/{name}/configuration"), &members).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    service.settled(name).await
}

fn refused(answer: &Answer, status: u16, code: &str, message: &str) {
    assert_eq!(answer.error(), (status, code.to_owned(), message.to_owned()));
}

/// The code that the last invocation ran.
fn ran(service: &Service) -> (String, String) {
    let calls = service.environments.calls.lock().expect("lock");
    let (function, invocation) = calls.last().expect("a call");
    (function.version.clone(), invocation.invoked_function_arn.clone())
}

#[tokio::test]
async fn a_version_is_a_copy_that_stays() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let before = service.active("f").await;
    let first = publish(&service, "f", json!({ "Description": "first" })).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let first = first.json();
    assert_eq!((&first["Version"], &first["FunctionArn"]), (&json!("1"), &json!(format!("{}:1", arn("f")))));
    assert_eq!((&first["State"], &first["LastUpdateStatus"]), (&json!("Active"), &json!("Successful")));
    assert_eq!(first["Description"], "first");
    let latest = service.settled("f").await;
    assert_ne!(latest["RevisionId"], before["RevisionId"], "recorded: it changes $LATEST too");
    assert_eq!(publish(&service, "f", json!({})).await.json(), first, "nothing has changed");
    assert_eq!(service.settled("f").await, latest);

    configured(&service, "f", json!({ "Timeout": 9, "Description": "of latest" })).await;
    let second = publish(&service, "f", json!({})).await.json();
    assert_eq!((&second["Version"], &second["Description"]), (&json!("2"), &json!("of latest")));
    let found = service.get(&format!("{FUNCTIONS}/f?Qualifier=1")).await.json();
    assert_eq!(found["Configuration"], first);
    assert_eq!(service.get(&format!("{FUNCTIONS}/{}:1/configuration", arn("f"))).await.json(), first);
    let list = service.get(&format!("{FUNCTIONS}/f/versions?MaxItems=2")).await.json();
    let numbers = |list: &Value| -> Vec<String> {
        let versions = list["Versions"].as_array().expect("list");
        versions.iter().map(|it| it["Version"].as_str().expect("version").to_owned()).collect()
    };
    assert_eq!(numbers(&list), ["$LATEST", "1"]);
    let next = list["NextMarker"].as_str().expect("marker");
    let last = service.get(&format!("{FUNCTIONS}/f/versions?MaxItems=2&Marker={next}")).await.json();
    assert_eq!((numbers(&last), last.get("NextMarker")), (vec!["2".to_owned()], None));
    let all = service.get(&format!("{FUNCTIONS}?FunctionVersion=ALL&MaxItems=2")).await.json();
    assert_eq!(all["Functions"][1]["FunctionArn"], format!("{}:1", arn("f")));
    let next = all["NextMarker"].as_str().expect("marker");
    let last = service.get(&format!("{FUNCTIONS}?FunctionVersion=ALL&Marker={next}")).await.json();
    assert_eq!(last["Functions"].as_array().expect("list").len(), 1);
}

#[tokio::test]
async fn publishing_checks_what_the_caller_has_seen() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let function = service.active("f").await;
    let wrong = publish(&service, "f", json!({ "RevisionId": "x" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.error().1.as_str()), (412, "PreconditionFailedException"));
    let current = function["CodeSha256"].as_str().expect("digest");
    let message = format!(
        "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the \
         CodeSHA256 in $LATEST."
    );
    refused(&publish(&service, "f", json!({ "CodeSha256": "x" })).await, 400, PARAMETER, &message);
    let seen = json!({ "CodeSha256": current, "RevisionId": function["RevisionId"] });
    assert_eq!(publish(&service, "f", seen).await.json()["Version"], "1");
    let missing = publish(&service, "absent", json!({})).await;
    refused(&missing, 404, NOT_FOUND, &format!("Function not found: {}", arn("absent")));
}

#[tokio::test]
async fn publish_with_a_create_or_an_update() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let mut members = request("f");
    members["Publish"] = json!(true);
    let created = service.post(FUNCTIONS, &members).await.json();
    assert_eq!((&created["Version"], &created["State"]), (&json!("1"), &json!("Pending")));
    assert_eq!(created["FunctionArn"], arn("f"), "recorded: not qualified");
    service.settled("f").await;
    assert_eq!(publish(&service, "f", json!({})).await.json()["State"], "Active", "the same version, settled");
    let update = json!({ "ZipFile": OTHER_ZIP, "Publish": true });
    let updated = service.put(&format!("{FUNCTIONS}/f/code"), &update).await.json();
    assert_eq!((&updated["Version"], &updated["State"]), (&json!("2"), &json!("Pending")));
    assert_eq!(updated["FunctionArn"], format!("{}:2", arn("f")));
    // An invocation waits until it is Active.
    let answer = service.invoke("f:2", &[], "1").await;
    assert_eq!(answer.header("x-amz-executed-version"), Some("2"));
    service.settled("f").await;
    let again = service.put(&format!("{FUNCTIONS}/f/code"), &update).await.json();
    assert_eq!(again["Version"], "2", "the same code once more");
}

#[tokio::test]
async fn a_version_keeps_its_code_and_its_environments() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    publish(&service, "f", json!({})).await;
    service.invoke("f:1", &[], "1").await;
    service.put(&format!("{FUNCTIONS}/f/code"), &json!({ "ZipFile": OTHER_ZIP })).await;
    service.settled("f").await;
    service.invoke("f:1", &[], "1").await;
    service.invoke("f", &[], "1").await;
    let calls = service.environments.calls.lock().expect("lock").clone();
    let [(before, _), (after, _), (latest, _)] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((before.incarnation, &before.code), (after.incarnation, &after.code));
    assert_ne!(latest.code, after.code);
    let retired = service.environments.retired.lock().expect("lock").clone();
    assert!(!retired.iter().any(|(_, gone)| gone.contains(&after.incarnation)), "{retired:?}");
    let path = format!("{FUNCTIONS}/f?Qualifier=1");
    assert_eq!(delete(&service, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(service.environments.retired.lock().expect("lock").last().expect("one").1, [after.incarnation]);
    refused(&service.invoke("f:1", &[], "1").await, 404, NOT_FOUND, &format!("Function not found: {}:1", arn("f")));
    assert_eq!(delete(&service, &path).await.status, StatusCode::NO_CONTENT, "recorded: gone already is no error");
    assert_eq!(publish(&service, "f", json!({})).await.json()["Version"], "2", "numbers are not used twice");
    let absent = delete(&service, &format!("{FUNCTIONS}/absent?Qualifier=1")).await;
    refused(&absent, 404, NOT_FOUND, &format!("Function not found: {}", arn("absent")));
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let data = Data::new();
    let mut service = Service::start(&data).await;
    service.active("f").await;
    publish(&service, "f", json!({})).await;
    service.put(&format!("{FUNCTIONS}/f/code"), &json!({ "ZipFile": OTHER_ZIP })).await;
    service.settled("f").await;
    alias(&service, "f", json!({ "Name": "prod", "FunctionVersion": "1" })).await;
    service.put("/2017-10-31/functions/f/concurrency", &json!({ "ReservedConcurrentExecutions": 3 })).await;
    let read = async |service: &Service| {
        let paths = ["?Qualifier=1", "?Qualifier=prod", "/aliases/prod", "/versions"];
        let mut all = Vec::new();
        for path in paths {
            let mut found = service.get(&format!("{FUNCTIONS}/f{path}")).await.json();
            if let Some(found) = found.as_object_mut() {
                found.remove("Code");
            }
            all.push(found);
        }
        all
    };
    let before = read(&service).await;
    service.stop();
    service.stopped().await;
    let service = Service::start(&data).await;
    assert_eq!(read(&service).await, before);
    let reserved = service.environments.reserved.lock().expect("lock").clone();
    assert_eq!(
        reserved.iter().map(|(key, reserved)| (key.name.as_str(), *reserved)).collect::<Vec<_>>(),
        [("f", Some(3))]
    );
    let code = service.get(&format!("{FUNCTIONS}/f?Qualifier=1")).await.json()["Code"]["Location"].clone();
    let path = code.as_str().expect("link").split_once("/_hearth").expect("ours").1.to_owned();
    assert_eq!(service.get(&format!("/_hearth{path}")).await.status, StatusCode::OK, "the package of the version");
}

#[tokio::test]
async fn aliases_come_and_go() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    publish(&service, "f", json!({})).await;
    let made = alias(&service, "f", json!({ "Name": "prod", "FunctionVersion": "1", "RoutingConfig": {} })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let mut made = made.json();
    let revision = made.as_object_mut().expect("object").remove("RevisionId").expect("revision");
    let expected = json!({
        "AliasArn": format!("{}:prod", arn("f")), "Name": "prod", "FunctionVersion": "1", "Description": "",
    });
    assert_eq!(made, expected, "an empty RoutingConfig is not echoed");
    let path = format!("{FUNCTIONS}/f/aliases/prod");
    assert_eq!(service.get(&path).await.json()["RevisionId"], revision);
    let found = service.get(&format!("{FUNCTIONS}/f:prod")).await.json();
    assert_eq!(found["Configuration"]["FunctionArn"], format!("{}:prod", arn("f")));
    assert_eq!(found["Configuration"]["Version"], "1");
    service.invoke("f", &[], "1").await;
    assert_eq!(ran(&service), ("$LATEST".to_owned(), arn("f")));
    for form in ["f:prod", "000000000000:function:f:prod", &format!("{}:prod", arn("f"))] {
        let answer = service.invoke(form, &[], "1").await;
        assert_eq!(answer.header("x-amz-executed-version"), Some("1"), "{form}");
        assert_eq!(ran(&service), ("1".to_owned(), format!("{}:prod", arn("f"))), "{form}");
    }
    let updated = service.put(&path, &json!({})).await.json();
    assert_ne!(updated["RevisionId"], revision, "recorded: it changes in any case");
    let stale = service.put(&path, &json!({ "RevisionId": revision })).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let version = delete(&service, &format!("{FUNCTIONS}/f?Qualifier=1")).await;
    let message = "Unable to delete version because the following aliases reference it: [prod]";
    refused(&version, 409, "ResourceConflictException", message);
    let by_alias = delete(&service, &format!("{FUNCTIONS}/f?Qualifier=prod")).await;
    refused(&by_alias, 400, PARAMETER, "Deletion of aliases is not currently supported.");
    assert_eq!(alias(&service, "f", json!({ "Name": "a", "FunctionVersion": "$LATEST" })).await.status, 201);
    let list = service.get(&format!("{FUNCTIONS}/f/aliases?MaxItems=1")).await.json();
    assert_eq!(list["Aliases"][0]["Name"], "a");
    let next = list["NextMarker"].as_str().expect("marker");
    let last = service.get(&format!("{FUNCTIONS}/f/aliases?Marker={next}")).await.json();
    assert_eq!((&last["Aliases"][0]["Name"], last.get("NextMarker")), (&json!("prod"), None));
    let of_one = service.get(&format!("{FUNCTIONS}/f/aliases?FunctionVersion=1")).await.json();
    assert_eq!(of_one["Aliases"].as_array().expect("list").len(), 1);
    for _ in 0..2 {
        assert_eq!(delete(&service, &path).await.status, StatusCode::NO_CONTENT);
    }
    refused(&service.get(&path).await, 404, NOT_FOUND, &format!("Cannot find alias arn: {}:prod", arn("f")));
    refused(&service.put(&path, &json!({})).await, 404, NOT_FOUND, &format!("Alias not found: {}:prod", arn("f")));
    let gone = service.invoke("f:prod", &[], "1").await;
    refused(&gone, 404, NOT_FOUND, &format!("Function not found: {}:prod", arn("f")));
}

#[tokio::test]
async fn weights_route_and_wrong_ones_are_refused() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    publish(&service, "f", json!({})).await;
    configured(&service, "f", json!({ "Timeout": 9 })).await;
    publish(&service, "f", json!({})).await;
    let weighted = |version: &str, weights: Value| {
        let routing = json!({ "AdditionalVersionWeights": weights });
        json!({ "Name": "prod", "FunctionVersion": version, "RoutingConfig": routing })
    };
    let missing = format!("Function not found: {}:10", arn("f"));
    let validation = "ValidationException";
    let cases = [
        (
            weighted("1", json!({ "2": 0.1, "3": 0.1 })),
            400,
            PARAMETER,
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            weighted("1", json!({ "1": 0.5 })),
            400,
            PARAMETER,
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        (
            weighted("$LATEST", json!({ "1": 0.5 })),
            400,
            PARAMETER,
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (weighted("10", json!({ "2": 0.5 })), 404, NOT_FOUND, missing.as_str()),
        (weighted("1", json!({ "10": 0.5 })), 404, NOT_FOUND, missing.as_str()),
        (
            weighted("1", json!({ "2": 2.0 })),
            400,
            validation,
            "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy \
             constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member \
             must have value greater than or equal to 0.0, Member must not be null]",
        ),
        (
            weighted("1", json!({ "$LATEST": 0.5 })),
            400,
            validation,
            "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to \
             satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, \
             Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]",
        ),
        (
            json!({ "Name": "2024", "FunctionVersion": "1" }),
            400,
            validation,
            "1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        ),
    ];
    for (members, status, code, message) in cases {
        refused(&alias(&service, "f", members).await, status, code, message);
    }
    let absent = alias(&service, "absent", weighted("1", json!({ "2": 0.5 }))).await;
    refused(&absent, 404, NOT_FOUND, &format!("Function not found: {}:1", arn("absent")));
    let made = alias(&service, "f", weighted("1", json!({ "2": 0.2 }))).await.json();
    assert_eq!(made["RoutingConfig"], json!({ "AdditionalVersionWeights": { "2": 0.2 } }));
    let twice = alias(&service, "f", weighted("1", json!({}))).await;
    refused(&twice, 409, "ResourceConflictException", &format!("Alias already exists: {}:prod", arn("f")));
    let additional = delete(&service, &format!("{FUNCTIONS}/f?Qualifier=2")).await;
    assert_eq!(additional.status, StatusCode::CONFLICT, "its second version is referenced too");

    let path = format!("{FUNCTIONS}/f/aliases/prod");
    for (weight, expected) in [(1.0, "2"), (0.0, "1")] {
        let routing = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "2": weight } } });
        service.put(&path, &routing).await;
        for _ in 0..10 {
            assert_eq!(service.invoke("f:prod", &[], "1").await.header("x-amz-executed-version"), Some(expected));
        }
    }
    service.put(&path, &json!({ "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.5 } } })).await;
    let mut both = std::collections::HashSet::new();
    // One of them missing in two hundred would be a miracle.
    for _ in 0..200 {
        let answer = service.invoke("f:prod", &[], "1").await;
        both.insert(answer.header("x-amz-executed-version").expect("version").to_owned());
    }
    assert_eq!(both.len(), 2);
    let event = [("x-amz-invocation-type", "Event")];
    assert_eq!(service.invoke("f:prod", &event, "2").await.status, StatusCode::ACCEPTED);
    let cleared = service.put(&path, &json!({ "FunctionVersion": "2", "RoutingConfig": {} })).await.json();
    assert_eq!((cleared.get("RoutingConfig"), &cleared["FunctionVersion"]), (None, &json!("2")));
}
