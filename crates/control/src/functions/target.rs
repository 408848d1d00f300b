//! Which function a request means: `FunctionName` in any of its forms, and `Qualifier`.

use crate::members::{Members, required, text};
use hearth_api::arn::parse_function_reference;
use hearth_api::error::ApiError;
use hearth_api::function::{FunctionKey, Scope};

/// The version that is edited.
pub(crate) const LATEST: &str = "$LATEST";

/// A function and the qualifier that was used to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The function.
    pub(crate) key: FunctionKey,
    /// A version or alias; `None` when the request named neither.
    pub(crate) qualifier: Option<String>,
}

impl Target {
    /// Reads `FunctionName` and `Qualifier`.
    ///
    /// # Errors
    ///
    /// AWS's for an ARN of another region (404) or account (403), and for two qualifiers that differ (400).
    pub(crate) fn of(scope: &Scope, members: &Members) -> Result<Self, ApiError> {
        Self::parse(scope, required(members, "FunctionName")?, text(members, "Qualifier"))
    }

    /// The same of a reference that stands elsewhere, and the qualifier that was `asked` for besides.
    pub(super) fn parse(scope: &Scope, reference: &str, asked: Option<&str>) -> Result<Self, ApiError> {
        let named = parse_function_reference(reference);
        if let Some(region) = named.region.filter(|region| *region != scope.region.as_str()) {
            return Err(ApiError::wrong_region(region, scope.region.as_str()));
        }
        if named.account.is_some_and(|account| account != scope.account.as_str()) {
            return Err(ApiError::access_denied(""));
        }
        let qualifier = match (named.qualifier, asked) {
            (Some(derived), Some(asked)) if derived != asked => return Err(ApiError::qualifier_mismatch()),
            (derived, asked) => derived.or(asked).map(str::to_owned),
        };
        Ok(Self { key: FunctionKey { scope: scope.clone(), name: named.name.to_string() }, qualifier })
    }

    /// The function itself.
    pub(crate) fn unqualified(&self) -> Self {
        Self { qualifier: None, ..self.clone() }
    }

    /// The ARN with exactly the qualifier that was used.
    pub(crate) fn arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.key.arn()),
            None => self.key.arn(),
        }
    }

    /// Whether this means `$LATEST`, said or unsaid.
    pub(crate) fn is_latest(&self) -> bool {
        self.qualifier.as_deref().is_none_or(|qualifier| qualifier == LATEST)
    }

    /// 404, as reads word it.
    pub(crate) fn not_found(&self) -> ApiError {
        ApiError::function_not_found(&self.arn())
    }

    /// 404, as Invoke words it.
    pub(crate) fn not_found_by_invoke(&self) -> ApiError {
        match &self.qualifier {
            Some(_) => self.not_found(),
            None => ApiError::function_not_found(&format!("{}:{LATEST}", self.key.arn())),
        }
    }
}
