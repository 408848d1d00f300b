//! Layers over HTTP: numbers, lists, policies, and what functions may refer to.

mod common;

use common::{Answer, Data, FUNCTIONS, OTHER_ZIP, Service, ZIP, request};
use http::Method;
use serde_json::{Value, json};

const LAYERS: &str = "/2018-10-31/layers";
const NOT_FOUND: &str = "The resource you requested does not exist.";

/// The ARN of a layer, or with `:1` of its first version.
fn arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:layer:{name}")
}

/// Publishes with members beside the package.
async fn publish(service: &Service, name: &str, members: Value) -> Value {
    let mut body = json!({ "Content": { "ZipFile": ZIP } });
    body.as_object_mut().expect("object").extend(members.as_object().expect("object").clone());
    let answer = service.post(&format!("{LAYERS}/{name}/versions"), &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.json()
}

async fn delete(service: &Service, path: &str) -> Answer {
    service.send(Method::DELETE, &format!("{LAYERS}/{path}"), &[], "").await
}

/// As somebody of another account.
async fn foreign(service: &Service, method: Method, path: &str, body: &str) -> Answer {
    let header = "AWS4-HMAC-SHA256 Credential=111111111111/20261124/us-east-1/lambda/aws4_request";
    service.send(method, path, &[("authorization", header)], body.to_owned()).await
}

fn error(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn a_version_is_published_read_listed_and_deleted() {
    let data = Data::new();
    let service = Service::start(&data).await;
    let said = json!({
        "Description": "d", "LicenseInfo": "MIT", "CompatibleRuntimes": ["python3.12"],
        "CompatibleArchitectures": ["x86_64"],
    });
    let mut published = publish(&service, "l", said).await;
    let read = service.get(&format!("{LAYERS}/l/versions/1")).await.json();
    let by_arn = service.get(&format!("{LAYERS}?find=LayerVersion&Arn={}:1", arn("l"))).await.json();
    let by_layer_arn = service.get(&format!("{LAYERS}/{}/versions/1", arn("l"))).await.json();
    let location = published["Content"]["Location"].as_str().expect("link").to_owned();
    for mut same in [read, by_arn, by_layer_arn] {
        // Each answer has a link of its own time.
        same["Content"]["Location"] = json!(location);
        assert_eq!(same, published);
    }
    let link = location.strip_prefix(&format!("http://{}", service.address)).expect("ours").to_owned();
    assert_eq!(service.get(&link).await.body.len(), published["Content"]["CodeSize"]);
    let content = published.as_object_mut().expect("object").remove("Content").expect("content");
    assert_eq!(content.as_object().expect("object").keys().collect::<Vec<_>>(), ["Location", "CodeSha256", "CodeSize"]);
    assert!(published["CreatedDate"].as_str().expect("date").ends_with("+0000"));
    published.as_object_mut().expect("object").remove("CreatedDate");
    assert_eq!(
        published,
        json!({
            "LayerArn": arn("l"), "LayerVersionArn": format!("{}:1", arn("l")), "Description": "d", "Version": 1,
            "CompatibleRuntimes": ["python3.12"], "LicenseInfo": "MIT", "CompatibleArchitectures": ["x86_64"],
        })
    );
    let second = publish(&service, "l", json!({ "CompatibleRuntimes": [] })).await;
    assert_eq!((&second["Version"], &second["Description"]), (&json!(2), &json!("")));
    assert_eq!(second["CompatibleRuntimes"], json!([]), "an empty list was said");
    assert!(second.get("CompatibleArchitectures").is_none() && second.get("LicenseInfo").is_none());
    let listed = service.get(&format!("{LAYERS}/l/versions")).await.json();
    let rows = listed["LayerVersions"].as_array().expect("rows");
    assert_eq!(rows.iter().map(|row| &row["Version"]).collect::<Vec<_>>(), [2, 1]);
    assert!(rows.iter().all(|row| row.get("Content").is_none() && row.get("LayerArn").is_none()));
    for path in ["l/versions/1", "l/versions/2", "l/versions/2", "nosuchlayer/versions/1"] {
        assert_eq!(delete(&service, path).await.status, 204, "{path}");
    }
    assert_eq!(service.get(&format!("{LAYERS}/l/versions")).await.json(), json!({ "LayerVersions": [] }));
    assert_eq!(service.get(LAYERS).await.json(), json!({ "Layers": [] }));
    assert_eq!(publish(&service, "l", json!({})).await["Version"], 3, "numbers are never used again");
}

#[tokio::test]
async fn what_is_not_there_is_told_as_recorded() {
    let data = Data::new();
    let service = Service::start(&data).await;
    publish(&service, "l", json!({})).await;
    let get = async |path: &str| service.get(&format!("{LAYERS}{path}")).await.error();
    let absent = error(404, "ResourceNotFoundException", NOT_FOUND);
    assert_eq!(get("/none/versions/1").await, absent);
    assert_eq!(get("/l/versions/2").await, absent);
    assert_eq!(get(&format!("?find=LayerVersion&Arn={}:2", arn("l"))).await, absent);
    assert_eq!(get(&format!("?find=LayerVersion&Arn={}:99999999999999999999", arn("l"))).await, absent);
    assert_eq!(get("?find=LayerVersion&Arn=arn:aws:lambda:::awslayer:AmazonLinux1703").await, absent);
    let elsewhere = arn("l").replace("us-east-1", "eu-west-1");
    assert_eq!(get(&format!("?find=LayerVersion&Arn={elsewhere}:1")).await, absent);
    let below_one = error(400, "InvalidParameterValueException", "Layer Version Cannot be less than 1");
    for number in ["0", "-1"] {
        assert_eq!(get(&format!("/l/versions/{number}")).await, below_one);
        assert_eq!(delete(&service, &format!("l/versions/{number}")).await.error(), below_one);
    }
    assert_eq!(get("/none/versions").await.0, 200);
    let empty = service.post(&format!("{LAYERS}/l/versions"), &json!({ "Content": {} })).await.error();
    assert_eq!((empty.0, empty.1.as_str()), (400, "InvalidParameterValueException"));
    let broken = service.post(&format!("{LAYERS}/l/versions"), &json!({ "Content": { "ZipFile": "UEs=" } })).await;
    let text = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    assert_eq!(broken.error(), error(400, "InvalidParameterValueException", text));
}

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let data = Data::new();
    let service = Service::start(&data).await;
    for number in 0..5 {
        publish(&service, &format!("l{number}"), json!({ "CompatibleRuntimes": ["python3.12"] })).await;
    }
    publish(&service, "l1", json!({ "CompatibleRuntimes": ["nodejs20.x"] })).await;
    let mut rows = Vec::new();
    let mut marker = String::new();
    loop {
        let page = service.get(&format!("{LAYERS}?MaxItems=2&Marker={marker}")).await.json();
        rows.extend(page["Layers"].as_array().expect("rows").clone());
        let Some(next) = page["NextMarker"].as_str() else { break };
        marker = next.to_owned();
    }
    let named: Vec<_> = rows.iter().map(|row| (&row["LayerName"], &row["LatestMatchingVersion"]["Version"])).collect();
    let expected = [("l0", 1), ("l1", 2), ("l2", 1), ("l3", 1), ("l4", 1)].map(|(name, n)| (json!(name), json!(n)));
    assert_eq!(named, expected.iter().map(|(name, n)| (name, n)).collect::<Vec<_>>());
    assert_eq!(rows[0]["LayerArn"], arn("l0"));
    let filtered = service.get(&format!("{LAYERS}?CompatibleRuntime=nodejs20.x")).await.json();
    assert_eq!(filtered["Layers"].as_array().expect("rows").len(), 1);
    let older = service.get(&format!("{LAYERS}/l1/versions?CompatibleRuntime=python3.12")).await.json();
    assert_eq!(older["LayerVersions"][0]["Version"], 1);
    let first = service.get(&format!("{LAYERS}/l1/versions?MaxItems=1")).await.json();
    assert_eq!(first["LayerVersions"][0]["Version"], 2);
    let marker = first["NextMarker"].as_str().expect("marker");
    let second = service.get(&format!("{LAYERS}/l1/versions?MaxItems=1&Marker={marker}")).await.json();
    assert_eq!((&second["LayerVersions"][0]["Version"], second.get("NextMarker")), (&json!(1), None));
    assert_eq!(service.get(&format!("{LAYERS}/l1/versions?Marker=bDA")).await.status, 400, "of another list");
    assert_eq!(service.get(&format!("{LAYERS}?Marker=*")).await.status, 400);
}

#[tokio::test]
async fn policies_are_told_as_recorded() {
    let data = Data::new();
    let service = Service::start(&data).await;
    publish(&service, "l", json!({})).await;
    let policy = |version: &str| format!("{LAYERS}/{version}/policy");
    let statement = |sid: &str| json!({ "StatementId": sid, "Action": "lambda:GetLayerVersion", "Principal": "*" });
    let no_policy = error(404, "ResourceNotFoundException", "No policy is associated with the given resource.");
    assert_eq!(service.get(&policy("l/versions/1")).await.error(), no_policy);
    let added = service.post(&policy("l/versions/1"), &statement("s1")).await;
    assert_eq!(added.status, 201);
    let text = |sid: &str| {
        format!(
            r#"{{"Sid":"{sid}","Effect":"Allow","Principal":"*","Action":"lambda:GetLayerVersion","Resource":"{}:1"}}"#,
            arn("l")
        )
    };
    assert_eq!(added.json()["Statement"], text("s1"));
    let shown = service.get(&policy("l/versions/1")).await.json();
    assert_eq!(shown["RevisionId"], added.json()["RevisionId"]);
    let document = format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{}]}}"#, text("s1"));
    assert_eq!(shown["Policy"], document);

    let twice = "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing \
                 statement.";
    let again = service.post(&policy("l/versions/1"), &statement("s1")).await;
    assert_eq!(again.error(), error(409, "ResourceConflictException", twice));
    let stale = "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve \
                 the latest Revision Id";
    let stale = error(412, "PreconditionFailedException", stale);
    let wrong = format!("{}?RevisionId=00000000-0000-0000-0000-000000000001", policy("l/versions/1"));
    assert_eq!(service.post(&wrong, &statement("s2")).await.error(), stale);
    let removal = "l/versions/1/policy/s1?RevisionId=00000000-0000-0000-0000-000000000001";
    assert_eq!(delete(&service, removal).await.error(), stale);
    let revision = added.json()["RevisionId"].as_str().expect("revision").to_owned();
    let right = format!("{}?RevisionId={revision}", policy("l/versions/1"));
    assert_eq!(service.post(&right, &statement("s2")).await.status, 201);

    for (version, named) in [("none/versions/1", "none:1"), ("l/versions/2", "l:2")] {
        let absent = format!("Layer version {} does not exist.", arn(named));
        let absent = error(404, "ResourceNotFoundException", &absent);
        assert_eq!(service.post(&policy(version), &statement("s")).await.error(), absent);
        assert_eq!(service.get(&policy(version)).await.error(), absent);
        assert_eq!(delete(&service, &format!("{version}/policy/s")).await.error(), absent);
    }
    let unknown = "Statement doesnotexist is not found in resource policy.";
    let unknown = error(404, "ResourceNotFoundException", unknown);
    assert_eq!(delete(&service, "l/versions/1/policy/doesnotexist").await.error(), unknown);
    for sid in ["s1", "s2"] {
        assert_eq!(delete(&service, &format!("l/versions/1/policy/{sid}")).await.status, 204);
    }
    assert_eq!(service.get(&policy("l/versions/1")).await.error(), no_policy, "the last one takes the policy with it");

    for number in 0.. {
        let answer = service.post(&policy("l/versions/1"), &statement(&format!("{number:0>100}"))).await;
        if answer.status == 201 {
            assert!(number < 1_000, "a policy has a bound");
            continue;
        }
        let (status, code, message) = answer.error();
        assert_eq!((status, code.as_str()), (400, "PolicyLengthExceededException"));
        assert!(message.ends_with("is bigger than the limit (20480)."), "{message}");
        break;
    }
}

#[tokio::test]
async fn a_function_shows_its_layers_and_keeps_deleted_ones() {
    let data = Data::new();
    let mut service = Service::start(&data).await;
    for name in ["a", "b"] {
        publish(&service, name, json!({ "Content": { "ZipFile": OTHER_ZIP } })).await;
    }
    let (first, second) = (format!("{}:1", arn("a")), format!("{}:1", arn("b")));
    let mut with_layers = request("f");
    with_layers["Layers"] = json!([second, first]);
    let created = service.post(FUNCTIONS, &with_layers).await.json();
    let size = created["Layers"][0]["CodeSize"].as_u64().expect("size");
    assert_eq!(created["Layers"], json!([{ "Arn": second, "CodeSize": size }, { "Arn": first, "CodeSize": size }]));
    assert_eq!(service.settled("f").await["Layers"], created["Layers"]);
    for name in ["a", "b"] {
        assert_eq!(delete(&service, &format!("{name}/versions/1")).await.status, 204);
    }
    let update = service.put(&format!("{FUNCTIONS}/f/configuration"), &json!({ "Timeout": 9 })).await.json();
    assert_eq!(update["Layers"], created["Layers"], "what is not named stays");
    service.settled("f").await;
    service.stop();
    service.stopped().await;

    let service = Service::start(&data).await;
    service.invoke("f", &[], "1").await;
    let ran = service.environments.calls.lock().expect("lock")[0].0.clone();
    assert_eq!(ran.layers.iter().map(|layer| &layer.arn).collect::<Vec<_>>(), [&second, &first]);
    for layer in &ran.layers {
        let root = hearth_store::Packages::directory(&*data.store, &layer.code);
        assert!(root.join("app.py").exists(), "the package outlives the version, also a start");
    }
    let none = service.put(&format!("{FUNCTIONS}/f/configuration"), &json!({ "Layers": [] })).await.json();
    assert!(none.get("Layers").is_none());
}

#[tokio::test]
async fn layers_that_a_function_cannot_have() {
    let data = Data::new();
    let service = Service::start(&data).await;
    for number in 1..=6 {
        publish(&service, &format!("l{number}"), json!({})).await;
    }
    publish(&service, "l1", json!({})).await;
    service.active("f").await;
    let refused = async |layers: &[String]| {
        let update = service.put(&format!("{FUNCTIONS}/f/configuration"), &json!({ "Layers": layers })).await.error();
        let mut create = request("g");
        create["Layers"] = json!(layers);
        assert_eq!(service.post(FUNCTIONS, &create).await.error(), update, "create says the same");
        update
    };
    let invalid = |message: String| error(400, "InvalidParameterValueException", &message);
    let version = |name: &str, number: u32| format!("{}:{number}", arn(name));
    let six: Vec<_> = (1..=6).map(|number| version(&format!("l{number}"), 1)).collect();
    assert_eq!(refused(&six).await, invalid("Cannot reference more than 5 layers.".to_owned()));
    let twice = |one: &str, other: &str| {
        invalid(format!(
            "Two different versions of the same layer are not allowed to be referenced in the same function. {one} and \
             {other} are versions of the same layer."
        ))
    };
    let (one, two) = (version("l1", 1), version("l1", 2));
    assert_eq!(refused(&[one.clone(), two.clone()]).await, twice(&one, &two));
    assert_eq!(refused(&[one.clone(), one.clone()]).await, twice(&one, &one));
    for absent in [version("none", 1), version("l1", 9), "arn:aws:lambda:::awslayer:AmazonLinux1703".to_owned()] {
        let message = format!("Layer version {absent} does not exist.");
        assert_eq!(refused(&[absent]).await, invalid(message));
    }
    let elsewhere = one.replace("us-east-1", "eu-west-1");
    let message = "Layers are not in the same region as the function. Layers are expected to be in region us-east-1.";
    assert_eq!(refused(&[elsewhere]).await, invalid(message.to_owned()));
    let (status, code, _) = refused(&[arn("l1")]).await;
    assert_eq!((status, code.as_str()), (400, "ValidationException"), "no version");
    let (status, code, message) = refused(&[one.replace("000000000000", "111111111111")]).await;
    assert_eq!((status, code.as_str()), (403, "AccessDeniedException"));
    assert!(
        message.contains("is not authorized to perform: lambda:GetLayerVersion on resource: arn:aws:"),
        "{message}"
    );
    assert_eq!(service.settled("f").await.get("Layers"), None, "nothing has changed");
}

#[tokio::test]
async fn another_account_needs_a_grant() {
    let data = Data::new();
    let service = Service::start(&data).await;
    publish(&service, "l", json!({})).await;
    let path = format!("{LAYERS}/{}/versions/1", arn("l"));
    let mut function = request("f");
    function["Layers"] = json!([format!("{}:1", arn("l"))]);
    let function = function.to_string();
    assert_eq!(foreign(&service, Method::GET, &path, "").await.status, 403);
    assert_eq!(foreign(&service, Method::POST, FUNCTIONS, &function).await.status, 403);
    let grant = json!({ "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "111111111111" });
    assert_eq!(service.post(&format!("{LAYERS}/l/versions/1/policy"), &grant).await.status, 201);
    assert_eq!(foreign(&service, Method::GET, &path, "").await.status, 200);
    let created = foreign(&service, Method::POST, FUNCTIONS, &function).await.json();
    assert_eq!(created["Layers"][0]["Arn"], format!("{}:1", arn("l")));
    // A grant is for use, not for more.
    assert_eq!(foreign(&service, Method::DELETE, &path, "").await.status, 403);
    let another = json!({ "StatementId": "t", "Action": "lambda:GetLayerVersion", "Principal": "*" }).to_string();
    assert_eq!(foreign(&service, Method::POST, &format!("{path}/policy"), &another).await.status, 403);
    let listed = foreign(&service, Method::GET, LAYERS, "").await.json();
    assert_eq!(listed, json!({ "Layers": [] }));
}
