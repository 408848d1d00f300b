//! Checks of single members that AWS makes behind the model's, with errors of their own. They need nothing but the
//! request: what depends on a function's state is the control plane's.

use super::overrides::{RETIRED_RUNTIMES, SUPPORTED_RUNTIMES};
use crate::arn::parse_function_reference;
use crate::error::ApiError;
use serde_json::{Map, Value};

/// Characters of a function's name itself (documented); with account and region around it the model's 140 hold.
const FUNCTION_NAME_MAX: usize = 64;

/// Checks the members of a request that the model has found valid.
pub(super) fn check(operation: &str, members: &Map<String, Value>) -> Result<(), ApiError> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    match operation {
        "CreateFunction" => {
            text("FunctionName").map_or(Ok(()), function_name)?;
            text("Runtime").map_or(Ok(()), runtime)
        }
        "UpdateFunctionConfiguration" => text("Runtime").map_or(Ok(()), runtime),
        _ => Ok(()),
    }
}

fn function_name(reference: &str) -> Result<(), ApiError> {
    if parse_function_reference(reference).name.len() <= FUNCTION_NAME_MAX {
        return Ok(());
    }
    Err(ApiError::invalid_parameter(format!(
        "1 validation error detected: Value '{reference}' at 'functionName' failed to satisfy constraint: \
         Member must have length less than or equal to {FUNCTION_NAME_MAX}"
    )))
}

fn runtime(runtime: &str) -> Result<(), ApiError> {
    if SUPPORTED_RUNTIMES.contains(&runtime) {
        return Ok(());
    }
    if RETIRED_RUNTIMES.contains(&runtime) {
        return Err(ApiError::invalid_parameter(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        )));
    }
    // Bounded: the model has no length for it, and a body may be 70 MB.
    let shown: String = runtime.chars().take(1_024).collect();
    let known = SUPPORTED_RUNTIMES.join(", ");
    Err(ApiError::invalid_parameter(format!(
        "Value {shown} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{known}] \
         or be a valid ARN"
    )))
}
