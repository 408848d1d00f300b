//! The one place where an error becomes an AWS error code, an HTTP status and a body.

/// An error of the control plane or of Invoke, as AWS names it.
///
/// The HTTP status and the body's shape follow from the kind, here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {message}")]
pub struct ApiError {
    /// Which AWS error.
    pub kind: ErrorKind,
    /// AWS's text.
    pub message: String,
}

/// AWS error codes that Hearth answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 404
    ResourceNotFoundException,
}
