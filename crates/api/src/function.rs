//! A function as Hearth keeps it: what the control plane stores and what a worker needs to run it.

use hearth_core::environment::InitType;
use hearth_core::ids::{AccountId, Region};
use hearth_core::logging::LogLevel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use uuid::Uuid;

/// Who owns something and where: two scopes see nothing of each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The owning account.
    #[serde(with = "text")]
    pub account: AccountId,
    /// The region it lives in.
    #[serde(with = "text")]
    pub region: Region,
}

/// Names one function of one account in one region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionKey {
    /// Account and region.
    pub scope: Scope,
    /// The unqualified name, 1 to 64 characters.
    pub name: String,
}

impl FunctionKey {
    /// The unqualified ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:{}:function:{}", self.scope.region, self.scope.account, self.name)
    }
}

/// One version of a function: everything an execution environment is made from. Never changed in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionVersion {
    /// Which function.
    pub key: FunctionKey,
    /// `$LATEST` or a number.
    pub version: String,
    /// Changes with every change of code or configuration, and with nothing else: environments of another incarnation
    /// are retired.
    pub incarnation: Uuid,
    /// The runtime's identifier, such as `python3.11`.
    pub runtime: String,
    /// The version of that runtime: 64 hex digits, the end of `RuntimeVersionArn`.
    pub runtime_version: String,
    /// The handler's name, as the runtime reads it.
    pub handler: String,
    /// The execution role's ARN. Kept and returned; nothing is enforced by it.
    pub role: String,
    /// Free text, up to 256 characters.
    pub description: String,
    /// Memory, MB.
    pub memory_mb: u32,
    /// Function timeout, seconds.
    pub timeout_s: u32,
    /// Size of `/tmp`, MB.
    pub ephemeral_storage_mb: u32,
    /// The customer's environment variables; `None` when the request had no `Environment` at all.
    pub environment: Option<BTreeMap<String, String>>,
    /// The deployment package.
    pub code: Code,
    /// Layers in order: a file of a later one hides that of an earlier one.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// `TracingConfig` and the like that are stored and returned but that no rule reads yet,
    /// by member name, in the JSON form of the API.
    #[serde(default)]
    pub passive: BTreeMap<String, serde_json::Value>,
    /// Log group; `/aws/lambda/NAME` unless `LoggingConfig` says otherwise.
    pub log_group: String,
    /// `LogFormat` and the levels that go with it.
    #[serde(default)]
    pub log_format: LogFormat,
    /// `ApplyOn` of `SnapStart`.
    #[serde(default)]
    pub snap_start: SnapStart,
    /// When code or configuration last changed, `YYYY-MM-DDThh:mm:ss.sss+0000`.
    pub last_modified: String,
    /// Opaque id that changes with every change, also of state.
    pub revision_id: Uuid,
    /// `State` and its reason.
    pub state: State,
    /// `LastUpdateStatus`.
    pub last_update: UpdateStatus,
}

/// A name for a version, or for two that share the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// `$LATEST` or a number.
    pub version: String,
    /// Free text, up to 256 characters.
    pub description: String,
    /// A second version that takes some of the requests.
    pub additional: Option<AdditionalVersion>,
    /// Opaque id that changes with every change.
    pub revision_id: Uuid,
}

/// `AdditionalVersionWeights` of an alias: there is one at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdditionalVersion {
    /// A published version.
    pub version: String,
    /// Its share of the requests, 0 to 1.
    pub weight: f64,
}

/// A deployment package in the code store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// SHA-256 of the zip, base64, as `CodeSha256` shows it.
    pub sha256: String,
    /// Size of the zip, bytes.
    pub size: u64,
}

/// `LogFormat` of a function, with the levels that exist in JSON format only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    /// Lines as they are printed; START, END and REPORT.
    #[default]
    Text,
    /// Objects, one a line: `platform.*` records, and what the runtime's client makes of what is logged.
    Json {
        /// `ApplicationLogLevel`.
        #[serde(with = "text")]
        application: LogLevel,
        /// `SystemLogLevel`.
        #[serde(with = "text")]
        system: LogLevel,
    },
}

/// Which versions of a function use SnapStart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapStart {
    /// None.
    #[default]
    None,
    /// Those that are published while it is so: never `$LATEST`.
    PublishedVersions,
}

/// A layer version as a function refers to it. It stays usable when the version is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The ARN of the version.
    pub arn: String,
    /// Its package.
    pub code: Code,
}

/// `State` of a function version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Being created: cannot be invoked yet.
    Pending,
    /// Can be invoked.
    Active,
    /// Could not be created; the text is `StateReason`.
    Failed {
        /// `StateReasonCode`.
        code: String,
        /// `StateReason`.
        reason: String,
    },
}

/// `LastUpdateStatus` of a function version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateStatus {
    /// The last update (or the creation) has been applied.
    Successful,
    /// An update is being applied; the configuration before it still serves.
    InProgress,
    /// The last update could not be applied.
    Failed {
        /// `LastUpdateStatusReasonCode`.
        code: String,
        /// `LastUpdateStatusReason`.
        reason: String,
    },
}

impl FunctionVersion {
    /// The ARN with its version, as `FunctionArn` of a qualified read and error messages print it.
    #[must_use]
    pub fn qualified_arn(&self) -> String {
        format!("{}:{}", self.key.arn(), self.version)
    }

    /// How environments of this version come up.
    #[must_use]
    pub fn init_type(&self) -> InitType {
        match self.snap_start {
            SnapStart::PublishedVersions if self.version != "$LATEST" => InitType::SnapStart,
            SnapStart::PublishedVersions | SnapStart::None => InitType::OnDemand,
        }
    }
}

impl fmt::Display for FunctionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn())
    }
}

/// Ids and levels of `hearth-core` (which knows no serde) as text.
mod text {
    use hearth_core::ids::{AccountId, Region};
    use hearth_core::logging::LogLevel;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) trait Text: Sized {
        fn read(text: &str) -> Option<Self>;
    }
    impl Text for AccountId {
        fn read(text: &str) -> Option<Self> {
            Self::parse(text)
        }
    }
    impl Text for Region {
        fn read(text: &str) -> Option<Self> {
            Self::parse(text)
        }
    }
    impl Text for LogLevel {
        fn read(text: &str) -> Option<Self> {
            Self::parse(text)
        }
    }

    pub(super) fn serialize<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(super) fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::read(&text).ok_or_else(|| de::Error::custom(format!("not an account, region or log level: {text:?}")))
    }
}
