//! The one place where an error becomes an AWS error code, an HTTP status and a body.
//!
//! Handlers say *which* AWS error it is and its text; they never choose a status or a body. Internal causes are logged by
//! whoever meets them: nothing here sends them to a caller.
//!
//! Source: botocore's models (status, fault, `message` or `Message`), answers recorded from AWS (the rest).

use crate::environments::InvokeError;
use bytes::Bytes;
use hearth_core::concurrency::Limit;
use hearth_core::environment::NotRestored;
use serde_json::{Map, Value};

/// An error of the control plane or of Invoke, as AWS names it.
///
/// The HTTP status and the body's shape follow from the kind, here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.code())]
pub struct ApiError {
    /// Which AWS error.
    pub kind: ErrorKind,
    /// AWS's text.
    pub message: String,
}

/// AWS error codes that Hearth answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's; what is decided about each stands in `ErrorKind::answer`")]
pub enum ErrorKind {
    AccessDeniedException,
    /// Of a function URL: the function failed, or what it returned is no answer. A text without JSON around it.
    BadGateway,
    CodeStorageExceededException,
    IncompleteSignatureException,
    InvalidParameterException,
    InvalidParameterValueException,
    InvalidRequestContentException,
    InvalidRuntimeException,
    InvalidSignatureException,
    InvalidZipFileException,
    LimitExceededException,
    /// Not AWS's: an operation of the model that has no handler yet.
    NotImplementedException,
    OperationAbortedException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    ProvisionedConcurrencyConfigNotFoundException,
    RequestEntityTooLargeException,
    ResourceAlreadyExistsException,
    ResourceConflictException,
    ResourceNotFoundException,
    ResourceNotReadyException,
    SerializationException,
    ServiceException,
    SnapStartException,
    SnapStartTimeoutException,
    TooManyRequestsException(ThrottleReason),
    UnknownOperationException,
    UnrecognizedClientException,
    UnsupportedMediaTypeException,
    ValidationException,
}

/// `Reason` of a throttle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum ThrottleReason {
    ConcurrentInvocationLimitExceeded,
    FunctionInvocationRateLimitExceeded,
    ReservedFunctionConcurrentInvocationLimitExceeded,
    CallerRateLimitExceeded,
}

/// How an error is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Lambda: status and `x-amzn-ErrorType` name the error.
    RestJson,
    /// CloudWatch Logs: 400 or 500, and `__type` in the body names the error.
    Json11,
}

/// An error, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorParts {
    /// HTTP status.
    pub status: u16,
    /// Value of the header `x-amzn-ErrorType`.
    pub error_type: &'static str,
    /// The body, JSON.
    pub body: Bytes,
}

/// Whose fault an error is: `Type` in the body. AWS's front (validation, authorisation, routing) writes none.
#[derive(Clone, Copy)]
enum Fault {
    User,
    Service,
    Unsaid,
}

/// What is decided about a kind: code, status in REST, key of the message, fault.
struct Answer(&'static str, u16, &'static str, Fault);

impl ErrorKind {
    /// AWS's error code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.answer().0
    }

    /// HTTP status in Lambda's REST protocol.
    #[must_use]
    pub fn status(self) -> u16 {
        self.answer().1
    }

    /// The table. No `_`: a new kind does not compile until it has an answer.
    const fn answer(self) -> Answer {
        use Fault::{Service, Unsaid, User};
        match self {
            Self::AccessDeniedException => Answer("AccessDeniedException", 403, "Message", Unsaid),
            Self::BadGateway => Answer("InternalServerErrorException", 502, "Message", Unsaid),
            Self::CodeStorageExceededException => Answer("CodeStorageExceededException", 400, "message", User),
            Self::IncompleteSignatureException => Answer("IncompleteSignatureException", 403, "message", Unsaid),
            Self::InvalidParameterException => Answer("InvalidParameterException", 400, "message", User),
            Self::InvalidParameterValueException => Answer("InvalidParameterValueException", 400, "message", User),
            Self::InvalidRequestContentException => Answer("InvalidRequestContentException", 400, "message", User),
            Self::InvalidRuntimeException => Answer("InvalidRuntimeException", 502, "Message", Service),
            Self::InvalidSignatureException => Answer("InvalidSignatureException", 403, "message", Unsaid),
            Self::InvalidZipFileException => Answer("InvalidZipFileException", 502, "Message", Service),
            Self::LimitExceededException => Answer("LimitExceededException", 400, "message", User),
            Self::NotImplementedException => Answer("NotImplementedException", 501, "message", Service),
            Self::OperationAbortedException => Answer("OperationAbortedException", 400, "message", User),
            Self::PolicyLengthExceededException => Answer("PolicyLengthExceededException", 400, "message", User),
            Self::PreconditionFailedException => Answer("PreconditionFailedException", 412, "message", User),
            Self::ProvisionedConcurrencyConfigNotFoundException => {
                Answer("ProvisionedConcurrencyConfigNotFoundException", 404, "message", User)
            }
            Self::RequestEntityTooLargeException => Answer("RequestEntityTooLargeException", 413, "message", User),
            Self::ResourceAlreadyExistsException => Answer("ResourceAlreadyExistsException", 400, "message", User),
            Self::ResourceConflictException => Answer("ResourceConflictException", 409, "message", User),
            Self::ResourceNotFoundException => Answer("ResourceNotFoundException", 404, "Message", User),
            Self::ResourceNotReadyException => Answer("ResourceNotReadyException", 502, "message", Service),
            Self::SerializationException => Answer("SerializationException", 400, "Message", Unsaid),
            Self::ServiceException => Answer("ServiceException", 500, "Message", Service),
            Self::SnapStartException => Answer("SnapStartException", 400, "Message", User),
            Self::SnapStartTimeoutException => Answer("SnapStartTimeoutException", 408, "Message", User),
            Self::TooManyRequestsException(_) => Answer("TooManyRequestsException", 429, "message", User),
            Self::UnknownOperationException => Answer("UnknownOperationException", 404, "message", Unsaid),
            Self::UnrecognizedClientException => Answer("UnrecognizedClientException", 403, "message", Unsaid),
            Self::UnsupportedMediaTypeException => Answer("UnsupportedMediaTypeException", 415, "message", User),
            Self::ValidationException => Answer("ValidationException", 400, "message", Unsaid),
        }
    }
}

impl ThrottleReason {
    /// AWS's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
            Self::FunctionInvocationRateLimitExceeded => "FunctionInvocationRateLimitExceeded",
            Self::ReservedFunctionConcurrentInvocationLimitExceeded => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
            Self::CallerRateLimitExceeded => "CallerRateLimitExceeded",
        }
    }
}

impl ApiError {
    /// An error of this kind with this text.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// 404, with the ARN as the caller meant it (Invoke adds `:$LATEST` when no qualifier was given, reads do not).
    #[must_use]
    pub fn function_not_found(arn: &str) -> Self {
        Self::new(ErrorKind::ResourceNotFoundException, format!("Function not found: {arn}"))
    }

    /// 409: a function of that name is there already.
    #[must_use]
    pub fn function_exists(name: &str) -> Self {
        Self::new(ErrorKind::ResourceConflictException, format!("Function already exist: {name}"))
    }

    /// 409: an update has not been applied yet.
    #[must_use]
    pub fn update_in_progress(arn: &str) -> Self {
        let message = "The operation cannot be performed at this time. An update is in progress for resource: ";
        Self::new(ErrorKind::ResourceConflictException, format!("{message}{arn}"))
    }

    /// 409: the function's state (`Pending`, `Failed`) does not allow it.
    #[must_use]
    pub fn wrong_state(state: &str) -> Self {
        let message =
            "The operation cannot be performed at this time. The function is currently in the following state: ";
        Self::new(ErrorKind::ResourceConflictException, format!("{message}{state}"))
    }

    /// 404: the ARN names another region.
    #[must_use]
    pub fn wrong_region(theirs: &str, ours: &str) -> Self {
        let message = format!("Functions from '{theirs}' are not reachable in this region ('{ours}')");
        Self::new(ErrorKind::ResourceNotFoundException, message)
    }

    /// 400: name and `Qualifier` name two different versions.
    #[must_use]
    pub fn qualifier_mismatch() -> Self {
        Self::invalid_parameter("The derived qualifier from the function name does not match the specified qualifier.")
    }

    /// 400: a rule that the model does not know is broken.
    #[must_use]
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParameterValueException, message)
    }

    /// 400: constraints of the model are broken; `failures` as `Value 'x' at 'y' failed to satisfy constraint: …`.
    #[must_use]
    pub fn validation(failures: &[String]) -> Self {
        let plural = if failures.len() == 1 { "" } else { "s" };
        let message = format!("{} validation error{plural} detected: {}", failures.len(), failures.join("; "));
        Self::new(ErrorKind::ValidationException, message)
    }

    /// 400: the body is not what the protocol expects.
    #[must_use]
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::SerializationException, message)
    }

    /// 400: the payload of an invoke, or the body around a function's configuration, is not JSON.
    #[must_use]
    pub fn invalid_request_content(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequestContentException, message)
    }

    /// 413: the body is larger than `limit` bytes; `operation` as AWS calls it (`InvokeFunction`, `CreateFunction`, …).
    #[must_use]
    pub fn request_too_large(limit: usize, operation: &str) -> Self {
        let message = format!("Request must be smaller than {limit} bytes for the {operation} operation");
        Self::new(ErrorKind::RequestEntityTooLargeException, message)
    }

    /// 429.
    #[must_use]
    pub fn too_many_requests(reason: ThrottleReason) -> Self {
        Self::new(ErrorKind::TooManyRequestsException(reason), "Rate Exceeded.")
    }

    /// 412: somebody else changed the function meanwhile.
    #[must_use]
    pub fn revision_mismatch() -> Self {
        let message = "The Revision Id provided does not match the latest Revision Id. \
                       Call the GetFunction/GetAlias API to retrieve the latest Revision Id";
        Self::new(ErrorKind::PreconditionFailedException, message)
    }

    /// 412, of Hearth's own: changes of a package that is not the function's any more.
    #[must_use]
    pub fn code_mismatch() -> Self {
        let message = "The changes are not of the function's present code: send the whole package.";
        Self::new(ErrorKind::PreconditionFailedException, message)
    }

    /// 403; without a text for what AWS does not explain.
    #[must_use]
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::AccessDeniedException, message)
    }

    /// 403: neither the resource policy nor a signature allows a request to a function URL.
    #[must_use]
    pub fn url_forbidden() -> Self {
        Self::access_denied(
            "Forbidden. For troubleshooting Function URL authorization issues, see: \
             https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
        )
    }

    /// 403: a signature of something else.
    #[must_use]
    pub fn signature_mismatch() -> Self {
        Self::invalid_signature(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
        )
    }

    /// 403: a signature for somebody else or of another time.
    #[must_use]
    pub fn invalid_signature(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidSignatureException, message)
    }

    /// 403: a signature that lacks something.
    #[must_use]
    pub fn incomplete_signature(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::IncompleteSignatureException, message)
    }

    /// 403: an access key, or a session token, that nobody has.
    #[must_use]
    pub fn unknown_token() -> Self {
        Self::new(ErrorKind::UnrecognizedClientException, "The security token included in the request is invalid.")
    }

    /// 502, of a function URL. What went wrong stands in the function's log.
    #[must_use]
    pub fn bad_gateway() -> Self {
        Self::new(ErrorKind::BadGateway, "Internal Server Error")
    }

    /// 403: no policy allows this. Roles are not evaluated, so the resource is not named either.
    #[must_use]
    pub fn not_authorized(user: &str, action: &str) -> Self {
        Self::access_denied(format!(
            "User: {user} is not authorized to perform: {action} on resource: * because no identity-based policy allows \
             the {action} action"
        ))
    }

    /// 501: the model knows the operation, Hearth does not serve it yet.
    #[must_use]
    pub fn not_implemented(operation: &str) -> Self {
        Self::new(ErrorKind::NotImplementedException, format!("{operation} is not implemented by Hearth yet"))
    }

    /// 404: no operation has this method and path.
    #[must_use]
    pub fn unknown_operation(what: &str) -> Self {
        Self::new(ErrorKind::UnknownOperationException, format!("no operation is called {what}"))
    }

    /// 500. The cause goes to the log of whoever met it, not to the caller.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(ErrorKind::ServiceException, "An error occurred and the request cannot be processed.")
    }

    /// Status, header and body.
    #[must_use]
    pub fn response_parts(&self, protocol: Protocol) -> ErrorParts {
        let Answer(code, status, message_key, fault) = self.kind.answer();
        let mut body = Map::new();
        // What AWS will not explain (another account's function) it answers with `null`.
        let silent = self.kind == ErrorKind::AccessDeniedException && self.message.is_empty();
        let message = || if silent { Value::Null } else { Value::from(self.message.as_str()) };
        let status = match protocol {
            Protocol::Json11 => {
                body.insert("__type".to_owned(), Value::from(code));
                body.insert("message".to_owned(), message());
                if status >= 500 { 500 } else { 400 }
            }
            Protocol::RestJson => {
                if let ErrorKind::TooManyRequestsException(reason) = self.kind {
                    body.insert("Reason".to_owned(), Value::from(reason.as_str()));
                }
                match fault {
                    Fault::User => drop(body.insert("Type".to_owned(), Value::from("User"))),
                    Fault::Service => drop(body.insert("Type".to_owned(), Value::from("Service"))),
                    Fault::Unsaid => {}
                }
                body.insert(message_key.to_owned(), message());
                status
            }
        };
        let body = if self.kind == ErrorKind::BadGateway {
            Bytes::from(self.message.clone())
        } else {
            Bytes::from(Value::Object(body).to_string())
        };
        ErrorParts { status, error_type: code, body }
    }
}

impl From<InvokeError> for ApiError {
    /// What the caller of Invoke sees. Texts of capacity and sandbox are for the operator's log: only the missing runtime
    /// says what to do, because whoever deploys the function is who can do it.
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::RuntimeMissing(advice) => Self::new(ErrorKind::InvalidRuntimeException, advice),
            InvokeError::Throttled(Limit::Reserved) => {
                Self::too_many_requests(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded)
            }
            InvokeError::Throttled(Limit::Account) | InvokeError::Capacity(_) => {
                Self::too_many_requests(ThrottleReason::ConcurrentInvocationLimitExceeded)
            }
            InvokeError::NotRestored(NotRestored::Timeout) => {
                let message = "Lambda couldn't restore the snapshot within the timeout limit.";
                Self::new(ErrorKind::SnapStartTimeoutException, message)
            }
            InvokeError::NotRestored(NotRestored::Error) => {
                let message = "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs.";
                Self::new(ErrorKind::SnapStartException, message)
            }
            InvokeError::Draining => Self::new(ErrorKind::ServiceException, "The service is shutting down."),
            InvokeError::Sandbox(_) => Self::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(error: &ApiError, protocol: Protocol) -> (u16, &'static str, String) {
        let ErrorParts { status, error_type, body } = error.response_parts(protocol);
        (status, error_type, String::from_utf8_lossy(&body).into_owned())
    }

    #[test]
    fn a_missing_function_is_404_in_rest_and_400_in_json_1_1() {
        let error = ApiError::function_not_found("arn:x");
        let body = r#"{"Type":"User","Message":"Function not found: arn:x"}"#.to_owned();
        assert_eq!(parts(&error, Protocol::RestJson), (404, "ResourceNotFoundException", body));
        let body = r#"{"__type":"ResourceNotFoundException","message":"Function not found: arn:x"}"#.to_owned();
        assert_eq!(parts(&error, Protocol::Json11), (400, "ResourceNotFoundException", body));
    }

    #[test]
    fn a_throttle_says_why() {
        let error = ApiError::from(InvokeError::Capacity("no memory".to_owned()));
        let body = r#"{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
        assert_eq!(parts(&error, Protocol::RestJson), (429, "TooManyRequestsException", body.to_owned()));
        let error = ApiError::from(InvokeError::Throttled(Limit::Reserved));
        let reserved = body.replace("Concurrent", "ReservedFunctionConcurrent");
        assert_eq!(parts(&error, Protocol::RestJson).2, reserved);
        assert_eq!(parts(&InvokeError::Throttled(Limit::Account).into(), Protocol::RestJson).2, body);
    }

    #[test]
    fn what_could_not_be_restored_is_no_function_error() {
        let (status, code, body) = parts(&InvokeError::NotRestored(NotRestored::Timeout).into(), Protocol::RestJson);
        assert_eq!((status, code), (408, "SnapStartTimeoutException"));
        let message = r#""Message":"Lambda couldn't restore the snapshot within the timeout limit.""#;
        assert_eq!(body, format!(r#"{{"Type":"User",{message}}}"#));
        let (status, code, _) = parts(&InvokeError::NotRestored(NotRestored::Error).into(), Protocol::RestJson);
        assert_eq!((status, code), (400, "SnapStartException"));
    }

    #[test]
    fn another_accounts_function_is_denied_without_a_word() {
        let error = ApiError::access_denied("");
        let body = r#"{"Message":null}"#.to_owned();
        assert_eq!(parts(&error, Protocol::RestJson), (403, "AccessDeniedException", body));
    }

    #[test]
    fn a_failure_behind_a_function_url_is_plain_text() {
        let (status, _, body) = parts(&ApiError::bad_gateway(), Protocol::RestJson);
        assert_eq!((status, body.as_str()), (502, "Internal Server Error"));
    }

    #[test]
    fn validation_counts_its_failures_and_blames_nobody() {
        let one = ApiError::validation(&["a".to_owned()]);
        assert_eq!(parts(&one, Protocol::RestJson).2, r#"{"message":"1 validation error detected: a"}"#);
        let two = ApiError::validation(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(two.message, "2 validation errors detected: a; b");
    }

    #[test]
    fn the_cause_of_a_broken_sandbox_stays_inside() {
        let error = ApiError::from(InvokeError::Sandbox("mount /secret".to_owned()));
        let (status, code, body) = parts(&error, Protocol::RestJson);
        assert_eq!((status, code), (500, "ServiceException"));
        assert!(!body.contains("secret"), "{body}");
    }

    #[test]
    fn an_error_prints_its_code_and_text() {
        assert_eq!(
            ApiError::qualifier_mismatch().to_string(),
            format!(
                "InvalidParameterValueException: {}",
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        );
    }
}
