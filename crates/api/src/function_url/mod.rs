//! Function URLs: what is kept of one, the event that a request becomes, and the answer that the function's result
//! becomes. Reads and prints only; who may call is the control plane's business.
//!
//! Source: developer guide, "Invoking Lambda function URLs"; answers recorded from AWS.

pub mod answer;
pub mod cors;
pub mod event;
pub mod prelude;

use cors::Cors;
use serde::{Deserialize, Serialize};

/// Characters of an id: lower-case letters and digits.
pub const ID_LENGTH: usize = 32;

/// A function URL: one for the unqualified function, one for each alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionUrl {
    /// The first label of its host. Never changes, and no two URLs have the same.
    pub id: String,
    /// Who may call.
    pub auth: AuthType,
    /// How the answer reaches the client.
    pub invoke_mode: InvokeMode,
    /// What web pages of other origins may do; `None`: the service does not touch their requests.
    pub cors: Option<Cors>,
    /// `CreationTime`, RFC 3339.
    pub created: String,
    /// `LastModifiedTime`, RFC 3339.
    pub modified: String,
}

/// `AuthType`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthType {
    /// Whoever the resource policy lets, without a signature.
    #[serde(rename = "NONE")]
    None,
    /// Callers that sign with SigV4.
    #[serde(rename = "AWS_IAM")]
    Iam,
}

impl AuthType {
    /// AWS's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Iam => "AWS_IAM",
        }
    }
}

/// `InvokeMode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvokeMode {
    /// Once it is whole.
    #[default]
    #[serde(rename = "BUFFERED")]
    Buffered,
    /// As the handler writes it.
    #[serde(rename = "RESPONSE_STREAM")]
    ResponseStream,
}

impl InvokeMode {
    /// AWS's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "BUFFERED",
            Self::ResponseStream => "RESPONSE_STREAM",
        }
    }
}
