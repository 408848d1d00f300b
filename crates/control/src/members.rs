//! Reading the members of a decoded request. The model has checked types and constraints; what is still of the wrong
//! type here counts as not given.

use hearth_api::error::{ApiError, ErrorKind};
use serde_json::{Map, Value};

/// The members of a request, by name.
pub(crate) type Members = Map<String, Value>;

/// A string.
pub(crate) fn text<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// A string, owned.
pub(crate) fn owned(members: &Members, name: &str) -> Option<String> {
    text(members, name).map(str::to_owned)
}

/// A whole number that fits.
pub(crate) fn number<N: TryFrom<i64>>(members: &Members, name: &str) -> Option<N> {
    members.get(name).and_then(Value::as_i64).and_then(|number| N::try_from(number).ok())
}

/// A boolean; absent is false.
pub(crate) fn flag(members: &Members, name: &str) -> bool {
    members.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// A structure or map.
pub(crate) fn object<'a>(members: &'a Members, name: &str) -> Option<&'a Members> {
    members.get(name).and_then(Value::as_object)
}

/// A member that the model requires.
///
/// # Errors
///
/// `ValidationException`, should the model not have refused its absence.
pub(crate) fn required<'a>(members: &'a Members, name: &str) -> Result<&'a str, ApiError> {
    text(members, name).ok_or_else(|| {
        let mut member = name.to_owned();
        if let Some(first) = member.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        ApiError::validation(&[format!(
            "Value null at '{member}' failed to satisfy constraint: Member must not be null"
        )])
    })
}

/// An opaque token for the page after `name`.
pub(crate) fn page_token(name: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(name)
}

/// The name in a token made by [`page_token`].
///
/// # Errors
///
/// `kind` when it is none.
pub(crate) fn parse_page_token(token: &str, kind: ErrorKind) -> Result<String, ApiError> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        ApiError::new(kind, "The specified token is not valid: use the one of the page before, unchanged.")
    })
}
