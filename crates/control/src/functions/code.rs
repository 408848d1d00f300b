//! The package of a request, a function's or a layer's: where it is said to be, and AWS's words for one that cannot be
//! used.

use super::internal;
use crate::members::{Members, text};
use crate::{FrontDoor, task};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_api::error::{ApiError, ErrorKind};
use hearth_api::function::Code;
use hearth_core::limits::{UNZIPPED_BYTES, ZIPPED_BYTES};
use hearth_store::PackageError;
use serde_json::Value;

/// Takes the package out of the members `ZipFile`, `S3Bucket`, `S3Key` and `ImageUri`, and stores it.
///
/// # Errors
///
/// AWS's texts; nothing is kept of a refused package.
pub(crate) async fn store(door: &FrontDoor, source: Members) -> Result<Code, ApiError> {
    let zip = task::outcome(tokio::task::spawn_blocking(|| zip(source)), "decode a package").await?;
    door.stores.packages.put(zip).await.map_err(refused)
}

/// Takes the package as [`store`] does for what has changed in `base`, and stores that with the changes.
///
/// # Errors
///
/// As [`store`].
pub(crate) async fn amend(door: &FrontDoor, base: &Code, source: Members) -> Result<Code, ApiError> {
    let changes = task::outcome(tokio::task::spawn_blocking(|| zip(source)), "decode a package").await?;
    door.stores.packages.amend(base, changes).await.map_err(refused)
}

/// The bytes of the zip, from base64.
fn zip(mut source: Members) -> Result<Bytes, ApiError> {
    if text(&source, "S3Bucket").is_some() || text(&source, "S3Key").is_some() {
        let message = "Code in Amazon S3 is not supported by this version of Hearth: send the package as ZipFile.";
        return Err(ApiError::invalid_parameter(message));
    }
    if text(&source, "ImageUri").is_some() {
        let message = "Container images are not supported by this version of Hearth: send the package as ZipFile.";
        return Err(ApiError::invalid_parameter(message));
    }
    let Some(Value::String(encoded)) = source.remove("ZipFile") else {
        return Err(ApiError::invalid_parameter("Please provide a source for function code."));
    };
    if encoded.len() as u64 / 4 * 3 > ZIPPED_BYTES + 3 {
        return Err(zipped_too_large());
    }
    let decoded = STANDARD.decode(encoded).map_err(|_| ApiError::serialization("ZipFile is not valid base64"))?;
    Ok(Bytes::from(decoded))
}

fn refused(error: PackageError) -> ApiError {
    match error {
        PackageError::Invalid(reason) => {
            tracing::info!(%reason, "a package was refused");
            let message = "Could not unzip uploaded file. Please check your file, then try to upload again.";
            ApiError::invalid_parameter(message)
        }
        PackageError::Empty => ApiError::invalid_parameter("Uploaded file must be a non-empty zip"),
        PackageError::ZippedTooLarge => zipped_too_large(),
        PackageError::TooLarge => {
            ApiError::invalid_parameter(format!("Unzipped size must be smaller than {UNZIPPED_BYTES} bytes"))
        }
        PackageError::Store(error) => internal(error),
    }
}

fn zipped_too_large() -> ApiError {
    let message = format!("Zipped size must be smaller than {ZIPPED_BYTES} bytes");
    ApiError::new(ErrorKind::RequestEntityTooLargeException, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(source: Value) -> Result<Bytes, ApiError> {
        let Value::Object(members) = source else { unreachable!("an object") };
        zip(members)
    }

    #[test]
    fn a_zip_comes_as_base64() {
        assert_eq!(of(json!({ "ZipFile": "UEs=" })), Ok(Bytes::from_static(b"PK")));
        assert_eq!(of(json!({ "ZipFile": "%" })).expect_err("refused").kind, ErrorKind::SerializationException);
    }

    #[test]
    fn other_sources_are_refused_by_name() {
        let message = |source| of(source).expect_err("refused").message;
        assert!(message(json!({ "S3Bucket": "bucket", "S3Key": "k" })).contains("Amazon S3"));
        assert!(message(json!({ "ImageUri": "x" })).contains("Container images"));
        assert_eq!(message(json!({})), "Please provide a source for function code.");
    }

    #[test]
    fn a_large_one_is_refused_before_it_is_decoded() {
        let encoded = "%".repeat(usize::try_from(ZIPPED_BYTES).expect("size") / 3 * 4 + 100);
        assert_eq!(
            of(json!({ "ZipFile": encoded })).expect_err("refused").kind,
            ErrorKind::RequestEntityTooLargeException
        );
    }
}
