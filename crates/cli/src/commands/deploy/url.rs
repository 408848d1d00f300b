//! `hearth deploy --url`: the function's URL, and the two statements of its policy that let everybody in, or do not.

use super::function::Function;
use crate::client::{self, ClientError};
use anyhow::Context as _;
use clap::ValueEnum;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// Named as AWS's console names them: those that were made there, or by an earlier deploy, are the same.
const EVERYBODY_URL: &str = "FunctionURLAllowPublicAccess";
const EVERYBODY_INVOKE: &str = "FunctionURLInvokeAllowPublicAccess";

/// Who may use a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// Everybody
    None,
    /// Those who sign their requests, and whom the resource policy allows where they are of another account
    Iam,
}

impl Auth {
    /// As the API names it.
    const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Iam => "AWS_IAM",
        }
    }
}

/// A URL as the service describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    function_url: String,
    auth_type: String,
}

impl Function {
    /// Gives it a URL for those who are meant; what else there is of one (CORS, the way it answers) stays as it is.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached or refuses.
    pub(super) async fn url(&self, auth: Auth) -> anyhow::Result<String> {
        let what = || format!("give {} a URL", self.name());
        let path = format!("2021-10-31/functions/{}/url", client::segment(self.name()));
        let found = match self.send(Method::GET, &path, &[], &Value::Null).await {
            Ok(answer) => Some(described(&answer.body)?),
            Err(error) if error.is("ResourceNotFoundException") => None,
            Err(error) => return Err(error).with_context(what),
        };
        let request = json!({ "AuthType": auth.name() });
        let url = match found {
            Some(found) if found.auth_type == auth.name() => found,
            found => {
                let method = if found.is_some() { Method::PUT } else { Method::POST };
                described(&self.send(method, &path, &[], &request).await.with_context(what)?.body)?
            }
        };
        match auth {
            Auth::None => self.open().await,
            Auth::Iam => self.close().await,
        }
        .with_context(|| format!("say in the policy of {} who may use its URL", self.name()))?;
        Ok(url.function_url)
    }

    /// Lets everybody use a URL without authentication, and no other.
    async fn open(&self) -> Result<(), ClientError> {
        let path = self.policy();
        for statement in [
            json!({ "StatementId": EVERYBODY_URL, "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
                "FunctionUrlAuthType": "NONE" }),
            json!({ "StatementId": EVERYBODY_INVOKE, "Action": "lambda:InvokeFunction", "Principal": "*",
                "InvokedViaFunctionUrl": true }),
        ] {
            allow(self.send(Method::POST, &path, &[], &statement).await, "ResourceConflictException")?;
        }
        Ok(())
    }

    /// Takes that back.
    async fn close(&self) -> Result<(), ClientError> {
        for statement in [EVERYBODY_URL, EVERYBODY_INVOKE] {
            let path = format!("{}/{statement}", self.policy());
            allow(self.send(Method::DELETE, &path, &[], &Value::Null).await, "ResourceNotFoundException")?;
        }
        Ok(())
    }

    fn policy(&self) -> String {
        format!("2015-03-31/functions/{}/policy", client::segment(self.name()))
    }
}

/// It is done, or was.
fn allow<T>(done: Result<T, ClientError>, was: &str) -> Result<(), ClientError> {
    match done {
        Err(error) if !error.is(was) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn described(body: &[u8]) -> anyhow::Result<Described> {
    serde_json::from_slice(body).context("understand the function's URL")
}
