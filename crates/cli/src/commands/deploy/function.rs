//! The calls that put a package into a function: create it, or update what differs, and wait until it is served.

use super::Code;
use super::guess::Guess;
use crate::client::{self, Answer, Client, ClientError};
use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What functions run as: nothing here looks at it.
const ROLE: &str = "arn:aws:iam::000000000000:role/hearth";
const FUNCTIONS: &str = "2015-03-31/functions";
/// That a zip has the changes of what has this `CodeSha256`, and not all.
const CHANGES_OF: HeaderName = HeaderName::from_static("x-hearth-changes-of");
/// How often the state is asked for (ours: it changes within milliseconds).
const POLL: Duration = Duration::from_millis(5);
/// How long a function may take until it is served (ours).
const PATIENCE: Duration = Duration::from_secs(30);

/// What the user said about a function; `None` is left as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) memory_mb: Option<u32>,
    pub(crate) timeout_s: Option<u64>,
    /// All of its environment variables.
    pub(crate) environment: Option<BTreeMap<String, String>>,
}

/// A function as the service describes it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Described {
    pub(crate) function_arn: String,
    #[serde(default)]
    pub(crate) runtime: String,
    #[serde(default)]
    pub(crate) handler: String,
    pub(crate) code_sha256: String,
    pub(crate) code_size: u64,
    memory_size: u32,
    timeout: u64,
    environment: Option<Variables>,
    state: Option<String>,
    state_reason: Option<String>,
    last_update_status: Option<String>,
    last_update_status_reason: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Variables {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// What became of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    /// It is new.
    Created,
    /// It was there.
    Updated,
    /// It was there, just so.
    Unchanged,
}

/// One function of one service.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    client: Client,
    name: String,
}

impl Function {
    /// The one called `name`.
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the service says about it; `None`: there is none.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached or refuses.
    pub(crate) async fn described(&self) -> anyhow::Result<Option<Described>> {
        let path = format!("{FUNCTIONS}/{}/configuration", client::segment(&self.name));
        match self.client.lambda(Method::GET, &path, &[], Bytes::new()).await {
            Ok(answer) => Ok(Some(serde_json::from_slice(&answer.body).context("understand the function's state")?)),
            Err(error) if error.is("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes it run `code` as said, and waits until it does. Tells what became of it, and the `CodeSha256` of this code
    /// (somebody else's may have replaced it since).
    ///
    /// # Errors
    ///
    /// When the service refuses, or the function does not become ready.
    pub(super) async fn put(
        &self,
        before: Option<&Described>,
        run: &Guess,
        wanted: &Wanted,
        code: &Code,
    ) -> anyhow::Result<(Change, Described, String)> {
        let Some(before) = before else {
            let zip = &code.package.zip;
            self.create(run, wanted, zip).await.with_context(|| format!("create the function {}", self.name))?;
            return Ok((Change::Created, self.ready().await?, digest(zip)));
        };
        let differs = differences(before, run, wanted);
        let mut change = Change::Unchanged;
        if !differs.is_empty() {
            let path = format!("{FUNCTIONS}/{}/configuration", client::segment(&self.name));
            self.send(Method::PUT, &path, &[], &Value::Object(differs))
                .await
                .with_context(|| format!("update the configuration of {}", self.name))?;
            change = Change::Updated;
            self.ready().await?;
        }
        let same = match code.changes_of {
            Some(_) => code.package.packed == 0,
            None => before.code_sha256 == digest(&code.package.zip),
        };
        let mut code_sha256 = before.code_sha256.clone();
        if !same {
            code_sha256 = self.replace(code).await?.code_sha256;
            change = Change::Updated;
        }
        Ok((change, self.ready().await?, code_sha256))
    }

    /// Replaces its code. Until [`Function::ready`], the old one may be served.
    async fn replace(&self, code: &Code) -> anyhow::Result<Described> {
        let path = format!("2015-03-31/functions/{}/code", client::segment(&self.name));
        let request = json!({ "ZipFile": BASE64_STANDARD.encode(&code.package.zip) });
        let header = code.changes_of.as_deref().map(|sha256| (CHANGES_OF, sha256));
        let answer = self
            .send(Method::PUT, &path, header.as_slice(), &request)
            .await
            .with_context(|| format!("update the code of {}", self.name))?;
        serde_json::from_slice(&answer.body).context("understand the function's state")
    }

    /// Waits until what was changed is served.
    ///
    /// # Errors
    ///
    /// That it failed, or takes too long.
    pub(crate) async fn ready(&self) -> anyhow::Result<Described> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let described = self.described().await?;
            let described = described.with_context(|| format!("find {}, which was just there", self.name))?;
            match (described.state.as_deref(), described.last_update_status.as_deref()) {
                (Some("Active") | None, Some("Successful") | None) => return Ok(described),
                (Some("Failed"), _) => bail!("{} failed: {}", self.name, reason(described.state_reason)),
                (_, Some("Failed")) => {
                    bail!("the update of {} failed: {}", self.name, reason(described.last_update_status_reason))
                }
                _ => {}
            }
            ensure!(Instant::now() < deadline, "{} is not ready after {} s", self.name, PATIENCE.as_secs());
            tokio::time::sleep(POLL).await;
        }
    }

    async fn create(&self, run: &Guess, wanted: &Wanted, zip: &[u8]) -> anyhow::Result<()> {
        let mut request = settings(wanted);
        request.extend(
            [
                ("FunctionName", json!(self.name)),
                ("Role", json!(ROLE)),
                ("Runtime", json!(run.runtime)),
                ("Handler", json!(run.handler)),
                ("Code", json!({ "ZipFile": BASE64_STANDARD.encode(zip) })),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        self.send(Method::POST, FUNCTIONS, &[], &Value::Object(request)).await?;
        Ok(())
    }

    /// `request` is the body; null: there is none.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        request: &Value,
    ) -> Result<Answer, ClientError> {
        let headers = [&[(CONTENT_TYPE, "application/json")], headers].concat();
        let body = if request.is_null() { Bytes::new() } else { Bytes::from(request.to_string()) };
        self.client.lambda(method, path, &headers, body).await
    }
}

fn reason(text: Option<String>) -> String {
    text.unwrap_or_else(|| "the service does not say why".to_owned())
}

/// `CodeSha256` of a package.
fn digest(zip: &[u8]) -> String {
    use sha2::Digest as _;
    BASE64_STANDARD.encode(sha2::Sha256::digest(zip))
}

/// Members of a request for what is wanted.
fn settings(wanted: &Wanted) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(memory_mb) = wanted.memory_mb {
        members.insert("MemorySize".to_owned(), json!(memory_mb));
    }
    if let Some(timeout_s) = wanted.timeout_s {
        members.insert("Timeout".to_owned(), json!(timeout_s));
    }
    if let Some(environment) = &wanted.environment {
        members.insert("Environment".to_owned(), json!({ "Variables": environment }));
    }
    members
}

/// The same for an update, without what is so already.
fn differences(before: &Described, run: &Guess, wanted: &Wanted) -> Map<String, Value> {
    let variables = before.environment.clone().unwrap_or_default().variables;
    let mut members = settings(&Wanted {
        memory_mb: wanted.memory_mb.filter(|memory_mb| *memory_mb != before.memory_size),
        timeout_s: wanted.timeout_s.filter(|timeout_s| *timeout_s != before.timeout),
        environment: wanted.environment.clone().filter(|environment| *environment != variables),
    });
    for (name, is, should) in [("Runtime", &before.runtime, &run.runtime), ("Handler", &before.handler, &run.handler)] {
        if is != should {
            members.insert(name.to_owned(), json!(should));
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described() -> Described {
        serde_json::from_value(json!({
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "Runtime": "python3.11",
            "Handler": "app.handler", "CodeSha256": "x", "CodeSize": 1, "MemorySize": 128, "Timeout": 3,
            "Environment": { "Variables": { "A": "1" } }, "State": "Active", "LastUpdateStatus": "Successful",
        }))
        .unwrap()
    }

    fn run(runtime: &str) -> Guess {
        Guess { runtime: runtime.to_owned(), handler: "app.handler".to_owned() }
    }

    #[test]
    fn what_is_so_already_is_not_sent() {
        let environment = |value: &str| Some(BTreeMap::from([("A".to_owned(), value.to_owned())]));
        let same = Wanted { memory_mb: Some(128), timeout_s: Some(3), environment: environment("1") };
        assert!(differences(&described(), &run("python3.11"), &same).is_empty());
        assert!(differences(&described(), &run("python3.11"), &Wanted::default()).is_empty());
        let other = Wanted { memory_mb: Some(256), timeout_s: None, environment: environment("2") };
        let sent = Value::Object(differences(&described(), &run("python3.13"), &other));
        assert_eq!(
            sent,
            json!({ "MemorySize": 256, "Environment": { "Variables": { "A": "2" } }, "Runtime": "python3.13" })
        );
    }

    #[test]
    fn the_digest_is_lambdas() {
        assert_eq!(digest(b"abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
