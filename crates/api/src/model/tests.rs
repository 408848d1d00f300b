//! Answers recorded from AWS, every route of the model, and hostile input.

use super::shape::{Kind, Location, Shape};
use super::*;
use http::HeaderValue;
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashSet;

const READ_NAME: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
const CREATE_NAME: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const QUALIFIER: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
const RUNTIMES: &str = "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, \
                        java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, \
                        java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2";

fn routed(method: &str, target: &str) -> Result<Routed, ApiError> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    route_lambda(&Method::from_bytes(method.as_bytes()).expect("a method"), path, query)
}

fn decoded(method: &str, target: &str, body: &Value) -> Result<Map<String, Value>, ApiError> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    routed(method, target)?.decode(&HeaderMap::new(), &body)
}

/// A valid CreateFunction with some members replaced.
fn create(members: &Value) -> Result<Map<String, Value>, ApiError> {
    let mut body = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/any", "Handler": "index.handler",
        "Runtime": "nodejs20.x", "Code": {"ZipFile": "UEsFBg=="},
    });
    for (name, value) in members.as_object().expect("an object") {
        body[name] = value.clone();
    }
    decoded("POST", "/2015-03-31/functions", &body)
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ApiError>, code: &str, message: &str) {
    let error = answer.expect_err("AWS refuses this");
    assert_eq!((error.kind.code(), error.message.as_str()), (code, message));
}

fn failed(value: &str, at: &str, constraint: &str) -> String {
    format!("Value '{value}' at '{at}' failed to satisfy constraint: {constraint}")
}

fn one(value: &str, at: &str, constraint: &str) -> String {
    format!("1 validation error detected: {}", failed(value, at, constraint))
}

fn operations() -> impl Iterator<Item = &'static Operation> {
    generated::lambda::OPERATIONS.iter().chain(generated::logs::OPERATIONS)
}

#[test]
fn names_of_functions_as_recorded() {
    let invalid = [
        "*",
        "my-function!",
        "invalid-account:function:my-function",
        "arn:aws:lambda:invalid-region:000000000000:function:my-function",
        "arn:aws:dynamodb:us-east-1:000000000000:function:my-function",
        "arn:aws:lambda:us-east-1:000000000000:function:my-function:1:2",
        "function:my-function:$LATEST:extra",
        "arn:aws:lambda::000000000000:function:my-function",
        "arn:aws:lambda:us-east-1::function:my-function",
        "arn:aws:lambda:us-east-1:000000000000:function:my-function:$LATES",
        "arn:aws:lambda:us-east-1:000000000000@function:myfn",
    ];
    for name in invalid {
        let message = |pattern: &str| {
            one(name, "functionName", &format!("Member must satisfy regular expression pattern: {pattern}"))
        };
        for (method, target) in [
            ("GET", format!("/2015-03-31/functions/{name}")),
            ("DELETE", format!("/2015-03-31/functions/{name}")),
            ("POST", format!("/2015-03-31/functions/{name}/invocations")),
        ] {
            refused(decoded(method, &target, &Value::Null), "ValidationException", &message(READ_NAME));
        }
        refused(create(&json!({"FunctionName": name})), "ValidationException", &message(CREATE_NAME));
    }
}

#[test]
fn lengths_of_names_as_recorded() {
    let long = "a".repeat(65);
    let message = one(&long, "functionName", "Member must have length less than or equal to 64");
    refused(create(&json!({"FunctionName": long})), "InvalidParameterValueException", &message);
    assert!(decoded("GET", &format!("/2015-03-31/functions/{long}"), &Value::Null).is_ok());

    let long = format!("my-function:{}", "a".repeat(129));
    let message = one(&long, "functionName", "Member must have length less than or equal to 140");
    refused(create(&json!({"FunctionName": long})), "ValidationException", &message);

    let long = format!("arn:aws:lambda:invalid-region:000000000000:function:my-function{}", "a".repeat(170));
    let pattern = |text: &str| format!("Member must satisfy regular expression pattern: {text}");
    let message = format!(
        "2 validation errors detected: {}; {}",
        failed(&long, "functionName", "Member must have length less than or equal to 140"),
        failed(&long, "functionName", &pattern(CREATE_NAME)),
    );
    refused(create(&json!({"FunctionName": long})), "ValidationException", &message);
    let message = one(&long, "functionName", &pattern(READ_NAME));
    refused(decoded("GET", &format!("/2015-03-31/functions/{long}"), &Value::Null), "ValidationException", &message);
}

#[test]
fn qualifiers_as_recorded() {
    let get = |qualifier: &str| decoded("GET", &format!("/2015-03-31/functions/f?Qualifier={qualifier}"), &Value::Null);
    let message = format!("Member must satisfy regular expression pattern: {QUALIFIER}");
    refused(get("invalid!"), "ValidationException", &one("invalid!", "qualifier", &message));
    let long = "a".repeat(129);
    let message = one(&long, "qualifier", "Member must have length less than or equal to 128");
    refused(get(&long), "ValidationException", &message);
    assert!(get("%24LATEST").is_ok());
    assert!(get("$latest").is_ok());
}

#[test]
fn members_of_create_as_recorded() {
    let role = r"Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";
    refused(create(&json!({"Role": "r1"})), "ValidationException", &one("r1", "role", role));
    let message = one("[x86_64, arm64]", "architectures", "Member must have length less than or equal to 1");
    refused(create(&json!({"Architectures": ["x86_64", "arm64"]})), "ValidationException", &message);
    let constraint = "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], \
                      Member must not be null]";
    let message = one("[X86_64]", "architectures", constraint);
    refused(create(&json!({"Architectures": ["X86_64"]})), "ValidationException", &message);
    let message =
        one("invalidOption", "snapStart.applyOn", "Member must satisfy enum value set: [PublishedVersions, None]");
    refused(create(&json!({"SnapStart": {"ApplyOn": "invalidOption"}})), "ValidationException", &message);
    let constraint = "Member must satisfy constraint: [Member must have length less than or equal to 1024, \
                      Member must have length greater than or equal to 0, \
                      Member must satisfy regular expression pattern: subnet-[0-9a-z]*]";
    let message = one("[bad-subnet]", "vpcConfig.subnetIds", constraint);
    refused(create(&json!({"VpcConfig": {"SubnetIds": ["bad-subnet"]}})), "ValidationException", &message);
    let arn = "arn:aws:lambda:us-east-1:000000000000:layer:x";
    let constraint = r"Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+), Member must not be null]";
    let message = one(&format!("[{arn}]"), "layers", constraint);
    refused(create(&json!({"Layers": [arn]})), "ValidationException", &message);
}

#[test]
fn values_of_environment_variables_stay_out_of_errors() {
    // Reported by users of AWS: the value is left out, and no "must not be null" for keys.
    let message = "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: \
                   Map keys must satisfy constraint: [Member must satisfy regular expression pattern: \
                   [a-zA-Z]([a-zA-Z0-9_])+]";
    refused(create(&json!({"Environment": {"Variables": {"a": "secret"}}})), "ValidationException", message);
}

#[test]
fn runtimes_as_recorded() {
    for runtime in ["non-existent-runtime", "PYTHON3.9"] {
        for answer in [
            create(&json!({"Runtime": runtime})),
            decoded("PUT", "/2015-03-31/functions/f/configuration", &json!({"Runtime": runtime})),
        ] {
            let error = answer.expect_err("AWS refuses this");
            let start = format!(
                "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{RUNTIMES}"
            );
            assert_eq!(error.kind, ErrorKind::InvalidParameterValueException);
            assert!(error.message.starts_with(&start), "{error}");
            assert!(error.message.ends_with("] or be a valid ARN"), "{error}");
        }
    }
    for runtime in ["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "python3.7", "dotnetcore3.1", "nodejs12.x"] {
        let message = format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        );
        refused(create(&json!({"Runtime": runtime})), "InvalidParameterValueException", &message);
    }
}

#[test]
fn other_operations_as_recorded() {
    let message = one("invalid", "functionVersion", "Member must satisfy enum value set: [ALL]");
    refused(
        decoded("GET", "/2015-03-31/functions/?FunctionVersion=invalid", &Value::Null),
        "ValidationException",
        &message,
    );
    let weights = |weights: Value| {
        let body = json!({"Name": "a", "FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": weights}});
        decoded("POST", "/2015-03-31/functions/f/aliases", &body)
    };
    let value = "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, \
                 Member must have value greater than or equal to 0.0, Member must not be null]";
    let at = "routingConfig.additionalVersionWeights";
    refused(weights(json!({"2": 2.0})), "ValidationException", &one("{2=2.0}", at, value));
    refused(weights(json!({"2": -1})), "ValidationException", &one("{2=-1.0}", at, value));
    let keys = "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, \
                Member must have length greater than or equal to 1, \
                Member must satisfy regular expression pattern: [0-9]+]";
    refused(weights(json!({"$LATEST": 0.5})), "ValidationException", &one("{$LATEST=0.5}", at, keys));
    let layer = json!({
        "Content": {"ZipFile": ""}, "CompatibleRuntimes": ["invalidruntime"], "CompatibleArchitectures": ["invalidarch"],
    });
    let error = decoded("POST", "/2018-10-31/layers/l/versions", &layer).expect_err("AWS refuses this");
    // Recorded with the runtimes first; the model has since changed the order of its members.
    let architectures = "2 validation errors detected: Value '[invalidarch]' at 'compatibleArchitectures' failed to \
                         satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: \
                         [x86_64, arm64], Member must not be null]; ";
    let runtimes = format!(
        "Value '[invalidruntime]' at 'compatibleRuntimes' failed to satisfy constraint: \
         Member must satisfy enum value set: [{RUNTIMES}"
    );
    assert!(error.message.starts_with(&format!("{architectures}{runtimes}")), "{error}");
    assert!(error.message.ends_with("]") && !error.message.ends_with("]]"), "{error}");
    let message = one("0", "provisionedConcurrentExecutions", "Member must have value greater than or equal to 1");
    let target = "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1";
    refused(decoded("PUT", target, &json!({"ProvisionedConcurrentExecutions": 0})), "ValidationException", &message);
    let message = "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: \
                   Member must not be null";
    let target = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";
    refused(decoded("DELETE", target, &Value::Null), "ValidationException", message);
    let pattern = r"Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)";
    let message = one("arn:aws:something", "resource", pattern);
    refused(decoded("GET", "/2017-03-31/tags/arn:aws:something", &Value::Null), "ValidationException", &message);
}

#[test]
fn limits_are_those_of_on_demand_functions() {
    for (member, value, most) in [("Timeout", 901, 900), ("MemorySize", 10_241, 10_240)] {
        let at = lower_first(member);
        let message = one(&value.to_string(), &at, &format!("Member must have value less than or equal to {most}"));
        refused(create(&json!({(member): value})), "ValidationException", &message);
        assert!(create(&json!({(member): most})).is_ok());
    }
    let message = one("127", "memorySize", "Member must have value greater than or equal to 128");
    refused(create(&json!({"MemorySize": 127})), "ValidationException", &message);
    let message = one("511", "ephemeralStorage.size", "Member must have value greater than or equal to 512");
    refused(create(&json!({"EphemeralStorage": {"Size": 511}})), "ValidationException", &message);
}

fn lower_first(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_lowercase())
}

#[test]
fn what_is_missing_is_named() {
    let message = "2 validation errors detected: Value null at 'role' failed to satisfy constraint: \
                   Member must not be null; Value null at 'code' failed to satisfy constraint: Member must not be null";
    let body = json!({"FunctionName": "f", "Role": null, "Unknown": 1});
    refused(decoded("POST", "/2015-03-31/functions", &body), "ValidationException", message);
}

#[test]
fn wrong_types_and_wrong_json_are_serialization_errors() {
    let text = |members: Value, message: &str| refused(create(&members), "SerializationException", message);
    text(json!({"Handler": 1}), "NUMBER_VALUE can not be converted to a String");
    text(json!({"Timeout": "3"}), "STRING_VALUE can not be converted to an Integer");
    text(json!({"Publish": "true"}), "STRING_VALUE can not be converted to a Boolean");
    text(json!({"Environment": {"Variables": {"AB": true}}}), "TRUE_VALUE can not be converted to a String");
    text(json!({"Handler": {}}), "Start of structure or map found where not expected.");
    text(json!({"Code": []}), "Start of list found where not expected");
    text(json!({"Code": "x"}), "Unexpected value type in payload");
    refused(
        routed("POST", "/2015-03-31/functions").and_then(|routed| routed.decode(&HeaderMap::new(), b"{nope")),
        "SerializationException",
        "Could not parse request body into json: Unexpected character ('n' (code 110)): was expecting double-quote to \
         start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, \
         column: 2]",
    );
    refused(
        decoded("GET", "/2015-03-31/functions?MaxItems=many", &Value::Null),
        "SerializationException",
        "STRING_VALUE can not be converted to an Integer",
    );
    let members = decoded("GET", "/2015-03-31/functions?MaxItems=5", &Value::Null).expect("valid");
    assert_eq!(members["MaxItems"], json!(5));
}

#[test]
fn members_come_from_path_query_headers_and_body() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-invocation-type", HeaderValue::from_static("Event"));
    let target = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations/\
                  ?Qualifier=%24LATEST";
    let members = routed("POST", target).and_then(|routed| routed.decode(&headers, b"\xff not JSON"));
    let expected = json!({
        "FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:f", "InvocationType": "Event",
        "Qualifier": "$LATEST",
    });
    assert_eq!(members.map(Value::Object), Ok(expected));

    let members = decoded(
        "DELETE",
        "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:f?tagKeys=a&tagKeys=b+c",
        &Value::Null,
    );
    assert_eq!(members.expect("valid")["TagKeys"], json!(["a", "b c"]));

    let members = create(&json!({"Timeout": 3.9, "Description": null, "Unknown": {"deep": []}})).expect("valid");
    assert_eq!(members["Timeout"], json!(3));
    assert!(!members.contains_key("Description") && !members.contains_key("Unknown"));
}

#[test]
fn the_order_of_environment_variables_is_kept() {
    let members = create(&json!({"Environment": {"Variables": {"ZZ": "1", "AA": "2", "MM": "3"}}})).expect("valid");
    assert_eq!(members["Environment"].to_string(), r#"{"Variables":{"ZZ":"1","AA":"2","MM":"3"}}"#);
}

#[test]
fn every_operation_of_the_model_is_routed_to_itself() {
    assert_eq!(generated::lambda::OPERATIONS.len(), 91);
    for operation in generated::lambda::OPERATIONS {
        let mut path = String::new();
        for segment in operation.path {
            path.push('/');
            path.push_str(match segment {
                route::Segment::Literal(literal) => literal,
                route::Segment::Label(_) => "a%2Fb",
            });
        }
        let query: Vec<String> = operation.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = (!query.is_empty()).then(|| query.join("&"));
        for path in [path.clone(), format!("{path}/")] {
            let method = Method::from_bytes(operation.method.as_bytes()).expect("a method");
            let routed = route_lambda(&method, &path, query.as_deref()).expect(&path);
            assert_eq!(routed.operation.name, operation.name, "{path}");
            let labels =
                operation.input.members().iter().filter(|member| matches!(member.location, Location::Label(_)));
            for member in labels {
                assert_eq!(routed.members[member.name], json!("a/b"), "{path}");
            }
        }
    }
}

#[test]
fn queries_tell_operations_apart() {
    let name = |target: &str| routed("GET", target).map(|routed| routed.operation.name);
    assert_eq!(name("/2018-10-31/layers"), Ok("ListLayers"));
    assert_eq!(name("/2018-10-31/layers?find=LayerVersion&Arn=x"), Ok("GetLayerVersionByArn"));
    assert_eq!(
        name("/2019-09-30/functions/f/provisioned-concurrency?List=ALL"),
        Ok("ListProvisionedConcurrencyConfigs")
    );
    assert_eq!(
        name("/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1"),
        Ok("GetProvisionedConcurrencyConfig")
    );
}

#[test]
fn what_is_no_route_cannot_be_authorised() {
    for (method, target) in [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "//2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/f/invocations"),
        ("POST", "/2015-03-31/functions//invocations"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/f//"),
        ("GET", "/2015-03-31/functions/f/configuration/x"),
    ] {
        let message = "Unable to determine service/operation name to be authorized";
        refused(routed(method, target), "AccessDeniedException", message);
    }
}

#[test]
fn status_codes_are_those_recorded() {
    let status = |name: &str| {
        generated::lambda::OPERATIONS.iter().find(|operation| operation.name == name).map(|operation| operation.status)
    };
    for (name, expected) in [("CreateFunction", 201), ("DeleteFunction", 204), ("GetFunction", 200), ("Invoke", 200)] {
        assert_eq!(status(name), Some(expected), "{name}");
    }
}

#[test]
fn logs_are_read_by_target() {
    let (operation, members) =
        decode_logs("Logs_20140328.GetLogEvents", br#"{"logStreamName":"s","limit":5}"#).expect("valid");
    assert_eq!(operation.name, "GetLogEvents");
    assert_eq!(Value::Object(members), json!({"logStreamName": "s", "limit": 5}));
    let message = one("10001", "limit", "Member must have value less than or equal to 10000");
    refused(
        decode_logs("Logs_20140328.FilterLogEvents", br#"{"logGroupName":"g","limit":10001}"#),
        "InvalidParameterException",
        &message,
    );
    let events =
        br#"{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":1,"message":"m"},{"timestamp":2}]}"#;
    let message = "1 validation error detected: Value null at 'logEvents.2.member.message' failed to satisfy \
                   constraint: Member must not be null";
    refused(decode_logs("Logs_20140328.PutLogEvents", events), "InvalidParameterException", message);
    for target in ["Logs_20140328.StartQuery", "DynamoDB_20120810.GetItem", "GetLogEvents", ""] {
        assert_eq!(decode_logs(target, b"{}").expect_err(target).kind, ErrorKind::UnknownOperationException);
    }
}

/// Calls `visit` with every shape that requests can reach.
fn each_shape(visit: &mut impl FnMut(&'static Shape)) {
    let mut seen = HashSet::new();
    let mut waiting: Vec<&'static Shape> = operations().map(|operation| operation.input).collect();
    while let Some(shape) = waiting.pop() {
        if !seen.insert(std::ptr::from_ref(shape)) {
            continue;
        }
        visit(shape);
        match shape.kind {
            Kind::Structure(members) => waiting.extend(members.iter().map(|member| member.shape)),
            Kind::List(element) => waiting.push(element),
            Kind::Map(key, element) => waiting.extend([key, element]),
            _ => {}
        }
    }
}

#[test]
fn every_pattern_compiles() {
    let mut patterns = 0;
    each_shape(&mut |shape| {
        if let Some(pattern) = shape.pattern {
            assert!(pattern.compiles(), "{}", pattern.text);
            patterns += 1;
        }
    });
    assert!(patterns > 50, "{patterns}");
}

#[test]
fn hostile_requests_get_small_answers() {
    let huge = "x!".repeat(1 << 20);
    let error = create(&json!({"FunctionName": huge, "Role": huge, "Runtime": huge})).expect_err("too long");
    assert!(error.message.len() < 200_000, "{}", error.message.len());
    let events = vec![json!({}); 50_000];
    let body = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events}).to_string();
    let error = decode_logs("Logs_20140328.PutLogEvents", body.as_bytes()).expect_err("empty events");
    assert!(error.message.len() < 200_000, "{}", error.message.len());
    let deep = [b"{\"Tags\":".repeat(1 << 16), b"1".to_vec()].concat();
    let answer = routed("POST", "/2015-03-31/functions").and_then(|routed| routed.decode(&HeaderMap::new(), &deep));
    assert_eq!(answer.expect_err("too deep").kind, ErrorKind::SerializationException);
    let label = format!("/2015-03-31/functions/{}", "%zz%".repeat(10_000));
    assert_eq!(decoded("GET", &label, &Value::Null).expect_err("no name").kind, ErrorKind::ValidationException);
    let label = "/2015-03-31/functions/%ff%fe%00";
    assert_eq!(decoded("GET", label, &Value::Null).expect_err("no name").kind, ErrorKind::ValidationException);
}

/// JSON of any shape, with names that the model knows.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "FunctionName",
        "Code",
        "ZipFile",
        "Environment",
        "Variables",
        "Layers",
        "Timeout",
        "x",
    ]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..6).prop_map(|pairs| Value::Object(
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_answered(operation in 0..91_usize, label in "\\PC*", query in "\\PC*", body in any::<Vec<u8>>()) {
        let operation = &generated::lambda::OPERATIONS[operation];
        let segment = |segment: &route::Segment| match segment {
            route::Segment::Literal(literal) => (*literal).to_owned(),
            route::Segment::Label(_) => label.replace(['/', '?'], "%2F"),
        };
        let path: Vec<String> = operation.path.iter().map(segment).collect();
        let method = Method::from_bytes(operation.method.as_bytes()).expect("a method");
        if let Ok(routed) = route_lambda(&method, &format!("/{}", path.join("/")), Some(&query)) {
            drop(routed.decode(&HeaderMap::new(), &body));
        }
        drop(decode_logs("Logs_20140328.PutLogEvents", &body));
    }

    #[test]
    fn any_json_is_answered(operation in 0..91_usize, body in any_json()) {
        let operation = &generated::lambda::OPERATIONS[operation];
        let routed = Routed { operation, members: Map::new() };
        drop(routed.decode(&HeaderMap::new(), body.to_string().as_bytes()));
    }
}
