//! What hangs on a function: tags, policies, reserved concurrency, and what it does not have.

mod common;

use common::{Answer, Data, FUNCTIONS, Service, arn};
use hearth_api::environments::InvokeError;
use hearth_core::concurrency::Limit;
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

fn refused(answer: &Answer, status: u16, code: &str, message: &str) {
    assert_eq!(answer.error(), (status, code.to_owned(), message.to_owned()));
}

#[tokio::test]
async fn tags_hang_on_functions() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let before = service.active("f").await;
    let path = format!("/2017-03-31/tags/{}", arn("f"));
    assert_eq!(service.get(&path).await.json(), json!({ "Tags": {} }));
    let tagged = service.post(&path, &json!({ "Tags": { "A": "1", "B": "2" } })).await;
    assert_eq!((tagged.status, tagged.body.len()), (StatusCode::NO_CONTENT, 0));
    service.post(&path, &json!({ "Tags": { "B": "3" } })).await;
    let found = service.get(&format!("{FUNCTIONS}/f")).await.json();
    assert_eq!(found["Tags"], json!({ "A": "1", "B": "3" }));
    assert_ne!(found["Configuration"]["RevisionId"], before["RevisionId"]);
    assert_eq!(delete(&service, &format!("{path}?tagKeys=A&tagKeys=C")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(service.get(&path).await.json(), json!({ "Tags": { "B": "3" } }));
    let many: serde_json::Map<String, Value> = (0..50).map(|n| (n.to_string(), json!(""))).collect();
    let too_many = service.post(&path, &json!({ "Tags": many })).await;
    refused(&too_many, 400, PARAMETER, "Number of tags exceeds resource tag limit.");
    let none = service.post(&path, &json!({ "Tags": {} })).await;
    refused(&none, 400, PARAMETER, "An error occurred and the request cannot be processed.");
    let unnamed = delete(&service, &path).await;
    let message =
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null";
    refused(&unnamed, 400, "ValidationException", message);
    let qualified = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
    refused(&service.get(&format!("{path}:$LATEST")).await, 400, PARAMETER, qualified);
    let absent = service.get(&format!("/2017-03-31/tags/{}", arn("absent"))).await;
    refused(&absent, 404, NOT_FOUND, &format!("Function not found: {}", arn("absent")));
    let csc = arn("f").replace("function:f", "event-source-mapping:00000000-0000-0000-0000-000000000000");
    let mapping = service.get(&format!("/2017-03-31/tags/{csc}")).await;
    refused(&mapping, 404, NOT_FOUND, &format!("Event source mapping not found: {csc}"));
}

#[tokio::test]
async fn reservations_are_kept_within_the_account() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    service.active("g").await;
    let path = |name: &str| format!("/2017-10-31/functions/{name}/concurrency");
    let reserve = |name: &'static str, n: u32| {
        let members = json!({ "ReservedConcurrentExecutions": n });
        let (service, path) = (&service, path(name));
        async move { service.put(&path, &members).await }
    };
    assert_eq!(service.get("/2019-09-30/functions/f/concurrency").await.json(), json!({}));
    assert_eq!(reserve("f", 900).await.json(), json!({ "ReservedConcurrentExecutions": 900 }));
    assert_eq!(reserve("g", 0).await.status, StatusCode::OK);
    let message = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                   below its minimum value of [100].";
    refused(&reserve("g", 1).await, 400, PARAMETER, message);
    refused(&reserve("f", 901).await, 400, PARAMETER, message);
    assert_eq!(reserve("f", 899).await.status, StatusCode::OK, "its own does not count against it");
    let found = service.get(&format!("{FUNCTIONS}/f")).await.json();
    assert_eq!(found["Concurrency"], json!({ "ReservedConcurrentExecutions": 899 }));
    assert!(service.get(&format!("{FUNCTIONS}/f?Qualifier=$LATEST")).await.json().get("Concurrency").is_none());
    let settings = service.get("/2016-08-19/account-settings/").await.json();
    assert_eq!(settings["AccountLimit"]["ConcurrentExecutions"], 1_000);
    assert_eq!(settings["AccountLimit"]["UnreservedConcurrentExecutions"], 101);
    assert_eq!(settings["AccountUsage"]["FunctionCount"], 2);
    assert_eq!(delete(&service, &path("f")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(service.get("/2019-09-30/functions/f/concurrency").await.json(), json!({}));
    delete(&service, &format!("{FUNCTIONS}/g")).await;
    let told = service.environments.reserved.lock().expect("lock").clone();
    let told: Vec<_> = told.iter().map(|(key, reserved)| (key.name.as_str(), *reserved)).collect();
    assert_eq!(told, [("f", Some(900)), ("g", Some(0)), ("f", Some(899)), ("f", None), ("g", None)]);
    let absent = reserve("absent", 1).await;
    refused(&absent, 404, NOT_FOUND, &format!("Function not found: {}:$LATEST", arn("absent")));
    let qualified = "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
                     operation. Please specify either a function name or an unqualified function ARN.";
    refused(&reserve("f:1", 1).await, 400, PARAMETER, qualified);
}

#[tokio::test]
async fn a_throttle_says_which_limit() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let throttle = |limit| {
        let answer = Err(InvokeError::Throttled(limit));
        service.environments.answers.lock().expect("lock").push_back(answer);
    };
    throttle(Limit::Reserved);
    let answer = service.invoke("f", &[], "1").await;
    let reserved =
        r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
    assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::TOO_MANY_REQUESTS, reserved.as_bytes()));
    assert_eq!(answer.header("x-amzn-errortype"), Some("TooManyRequestsException"));
    throttle(Limit::Account);
    let answer = service.invoke("f", &[], "1").await;
    assert_eq!(answer.json()["Reason"], "ConcurrentInvocationLimitExceeded");
}

#[tokio::test]
async fn an_event_for_a_function_without_concurrency_is_dropped_and_a_throttled_one_is_kept() {
    use hearth_store::EventQueue as _;
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    let event = [("x-amz-invocation-type", "Event")];
    service.environments.answers.lock().expect("lock").push_back(Err(InvokeError::Throttled(Limit::Reserved)));
    assert_eq!(service.invoke("f", &event, "1").await.status, StatusCode::ACCEPTED);
    service.environments.until(|it| it.calls.lock().expect("lock").len() == 1).await;
    assert_eq!(data.store.pending().await.expect("read").len(), 1, "it waits");
    service.environments.until(|it| it.calls.lock().expect("lock").len() == 2).await;
    let path = "/2017-10-31/functions/f/concurrency";
    service.put(path, &json!({ "ReservedConcurrentExecutions": 0 })).await;
    assert_eq!(service.invoke("f", &event, "2").await.status, StatusCode::ACCEPTED);
    while !data.store.pending().await.expect("read").is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(service.environments.calls.lock().expect("lock").len(), 2, "it never ran");
}

#[tokio::test]
async fn policies_are_kept_for_function_version_and_alias() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    publish(&service, "f", json!({})).await;
    alias(&service, "f", json!({ "Name": "prod", "FunctionVersion": "1" })).await;
    let path = |qualifier: &str| format!("{FUNCTIONS}/f/policy{qualifier}");
    let grant =
        |sid: &str| json!({ "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com" });
    let none = "The resource you requested does not exist.";
    refused(&service.get(&path("")).await, 404, NOT_FOUND, none);
    let added = service.post(&path(""), &grant("one")).await;
    assert_eq!(added.status, StatusCode::CREATED);
    let statement = added.json()["Statement"].as_str().expect("text").to_owned();
    assert!(statement.ends_with(&format!(r#""Resource":"{}"}}"#, arn("f"))), "{statement}");
    let policy = service.get(&path("")).await.json();
    let document = format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}"#);
    assert_eq!(policy["Policy"], document.as_str());
    assert_eq!(policy["RevisionId"], service.settled("f").await["RevisionId"]);
    refused(&service.get(&path("?Qualifier=prod")).await, 404, NOT_FOUND, none);
    for qualifier in ["1", "prod"] {
        let path = path(&format!("?Qualifier={qualifier}"));
        assert_eq!(service.post(&path, &grant("one")).await.status, StatusCode::CREATED, "{qualifier}");
        assert!(service.get(&path).await.json()["Policy"].as_str().expect("text").contains(&format!(":{qualifier}\"")));
    }
    let twice = "The statement id (one) provided already exists. Please provide a new statement id, or remove the existing \
                 statement.";
    refused(&service.post(&path(""), &grant("one")).await, 409, "ResourceConflictException", twice);
    let latest = "We currently do not support adding policies for $LATEST.";
    refused(&service.post(&path("?Qualifier=$LATEST"), &grant("x")).await, 400, PARAMETER, latest);
    let cannot = format!("Cannot find alias arn: {}:absent", arn("f"));
    refused(&service.post(&path("?Qualifier=absent"), &grant("x")).await, 404, NOT_FOUND, &cannot);
    let missing = format!("Function not found: {}:42", arn("f"));
    refused(&service.post(&path("?Qualifier=42"), &grant("x")).await, 404, NOT_FOUND, &missing);
    let mut stale = grant("x");
    stale["RevisionId"] = json!("x");
    assert!(service.post(&path(""), &stale).await.error().2.contains("Call the GetPolicy API"));
    let unknown = delete(&service, &format!("{FUNCTIONS}/f/policy/absent")).await;
    refused(&unknown, 404, NOT_FOUND, "Statement absent is not found in resource policy.");
    assert_eq!(delete(&service, &format!("{FUNCTIONS}/f/policy/one")).await.status, StatusCode::NO_CONTENT);
    refused(&service.get(&path("")).await, 404, NOT_FOUND, none);
    let empty = delete(&service, &format!("{FUNCTIONS}/f/policy/one")).await;
    refused(&empty, 404, NOT_FOUND, "No policy is associated with the given resource.");
    let absent = delete(&service, &format!("{FUNCTIONS}/absent/policy/one")).await;
    refused(&absent, 404, NOT_FOUND, &format!("No policy found for: {}", arn("absent")));
}

#[tokio::test]
async fn what_a_function_does_not_have_reads_as_on_aws() {
    let data = Data::new();
    let service = Service::start(&data).await;
    service.active("f").await;
    publish(&service, "f", json!({})).await;
    let empty = [
        ("/2020-06-30/functions/f/code-signing-config", json!({})),
        ("/2024-08-31/functions/f/recursion-config", json!({ "RecursiveLoop": "Terminate" })),
        ("/2019-09-25/functions/f/event-invoke-config/list", json!({ "FunctionEventInvokeConfigs": [] })),
        ("/2021-10-31/functions/f/urls", json!({ "FunctionUrlConfigs": [] })),
        ("/2019-09-30/functions/f/provisioned-concurrency?List=ALL", json!({ "ProvisionedConcurrencyConfigs": [] })),
    ];
    for (path, expected) in empty {
        assert_eq!(service.get(path).await.json(), expected, "{path}");
    }
    let management = service.get("/2021-07-20/functions/f/runtime-management-config").await.json();
    assert_eq!(management["UpdateRuntimeOn"], "Auto");
    service.put("/2024-08-31/functions/f/recursion-config", &json!({ "RecursiveLoop": "Allow" })).await;
    assert_eq!(
        service.get("/2024-08-31/functions/f/recursion-config").await.json(),
        json!({ "RecursiveLoop": "Allow" })
    );
    let not_found = |message: &str| (404, NOT_FOUND.to_owned(), message.to_owned());
    let no_event = format!("The function {}:$LATEST doesn't have an EventInvokeConfig", arn("f"));
    let no_alias = format!("Cannot find alias arn: {}:x", arn("f"));
    let no_version = format!("Function not found: {}:9", arn("f"));
    let provisioned = "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=";
    let missing = [
        ("/2019-09-25/functions/f/event-invoke-config".to_owned(), no_event.as_str()),
        ("/2021-10-31/functions/f/url".to_owned(), "The resource you requested does not exist."),
        (format!("{provisioned}x"), no_alias.as_str()),
        (format!("{provisioned}9"), no_version.as_str()),
    ];
    for (path, message) in missing {
        assert_eq!(service.get(&path).await.error(), not_found(message), "{path}");
    }
    let none = service.get(&format!("{provisioned}1")).await;
    let code = "ProvisionedConcurrencyConfigNotFoundException";
    refused(&none, 404, code, "No Provisioned Concurrency Config found for this function");
    let latest = "The function resource provided must be an alias or a published version.";
    refused(&service.get(&format!("{provisioned}$LATEST")).await, 400, PARAMETER, latest);
    assert_eq!(delete(&service, &format!("{provisioned}1")).await.status, StatusCode::NO_CONTENT);
    let absent = service.get("/2020-06-30/functions/absent/code-signing-config").await;
    refused(&absent, 404, NOT_FOUND, &format!("Function not found: {}", arn("absent")));
}
