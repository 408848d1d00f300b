//! Verifies Signature Version 4, in the `Authorization` header or in the query of a presigned URL. Pure: the secrets, the
//! body and the time are given.
//!
//! Source: IAM user guide, "AWS Signature Version 4 for API requests" (canonical request, string to sign, signing key);
//! texts of errors as recorded from AWS's front.

mod canonical;

use crate::error::ApiError;
use crate::function_url::event::Caller;
use hearth_core::ids::AccountId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use std::fmt;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far a signature's time may be from ours, seconds (documented: five minutes).
const SKEW_S: i64 = 300;
/// Longest life of a presigned URL, seconds (documented: seven days).
const EXPIRES_MAX_S: i64 = 604_800;
const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// What a caller signs with.
#[derive(Clone)]
pub struct Credential {
    /// The secret access key.
    pub secret: String,
    /// The session token that has to come with it, for temporary ones.
    pub token: Option<String>,
    /// Whose it is.
    pub account: AccountId,
}

/// The service and region that a signature must be for.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// Such as `lambda`.
    pub service: &'a str,
    /// Such as `us-east-1`.
    pub region: &'a str,
}

/// Whether a request carries a signature, valid or not.
#[must_use]
pub fn is_signed(head: &Parts) -> bool {
    let in_header = head.headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    in_header || canonical::query_value(head, "X-Amz-Signature").is_some()
}

/// A signature that lacks nothing but the proof: of a known key, for this audience, of this time.
pub struct Claim<'a> {
    signature: Signature,
    audience: Audience<'a>,
    credential: Credential,
}

/// Looks at all of a signature that can be looked at before the body is there; `find` knows the credentials by access key
/// id.
///
/// # Errors
///
/// 403, as AWS words them: a signature that lacks something, that is of another key, audience or time.
pub fn claim<'a>(
    head: &Parts,
    audience: Audience<'a>,
    now: Timestamp,
    find: impl FnOnce(&str) -> Option<Credential>,
) -> Result<Claim<'a>, ApiError> {
    let signature = Signature::read(head)?;
    let scope = signature.scope(audience)?;
    signature.check_time(now)?;
    let credential = find(scope.access_key).ok_or_else(ApiError::unknown_token)?;
    if credential.token.as_deref() != signature.token.as_deref() {
        return Err(ApiError::unknown_token());
    }
    // In order and each once, as SigV4 has it: a header that is named a thousand times would be written as often.
    if !signature.signed_headers.split(';').is_sorted_by(|one, next| one < next) {
        return Err(ApiError::signature_mismatch());
    }
    Ok(Claim { signature, audience, credential })
}

impl Claim<'_> {
    /// Verifies the signature of the request that it was found in, whose body is `body`.
    ///
    /// # Errors
    ///
    /// 403: it is of another request.
    pub fn prove(self, head: &Parts, body: &[u8]) -> Result<Caller, ApiError> {
        let Self { signature, audience, credential } = self;
        let scope = signature.scope(audience)?;
        let hash = payload_hash(head, body)?;
        let signed: Vec<&str> = signature.signed_headers.split(';').collect();
        let request = canonical::request(head, &signed, &hash);
        let digest = hex::encode(Sha256::digest(request.as_bytes()));
        let to_sign = format!("{ALGORITHM}\n{}\n{}\n{digest}", signature.date, scope.text);
        let key = [scope.date, audience.region, audience.service, TERMINATOR]
            .iter()
            .fold(format!("AWS4{}", credential.secret).into_bytes(), |key, part| {
                mac(&key, part).finalize().into_bytes().to_vec()
            });
        let given = hex::decode(&signature.signature).unwrap_or_default();
        // Takes the same time wherever the two differ.
        mac(&key, &to_sign).verify_slice(&given).map_err(|_| ApiError::signature_mismatch())?;
        Ok(Caller { access_key: scope.access_key.to_owned(), account: credential.account })
    }
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text.as_bytes());
    mac
}

/// The payload's hash, which the request may say as well. Lambda takes none that is not signed.
fn payload_hash(head: &Parts, body: &[u8]) -> Result<String, ApiError> {
    let actual = hex::encode(Sha256::digest(body));
    let header = head.headers.get(CONTENT_SHA256).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match header.or_else(|| canonical::query_value(head, "X-Amz-Content-Sha256")) {
        Some(said) if said != actual => Err(ApiError::signature_mismatch()),
        Some(_) | None => Ok(actual),
    }
}

/// A signature as it stands in a request.
struct Signature {
    credential: String,
    signed_headers: String,
    signature: String,
    /// `YYYYMMDDTHHMMSSZ`
    date: String,
    /// Seconds, of a presigned URL.
    expires: Option<String>,
    token: Option<String>,
}

impl Signature {
    fn read(head: &Parts) -> Result<Self, ApiError> {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let Some(authorization) = header(AUTHORIZATION.as_str()) else { return Self::of_query(head) };
        let incomplete = || {
            ApiError::incomplete_signature(
                "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters, and existence \
                 of a 'X-Amz-Date' header.",
            )
        };
        let fields = authorization.strip_prefix(ALGORITHM).ok_or_else(incomplete)?;
        let field = |name: &str| {
            let value = fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            value.map(str::to_owned).ok_or_else(incomplete)
        };
        Ok(Self {
            credential: field("Credential")?,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
            date: header("x-amz-date").ok_or_else(incomplete)?,
            expires: None,
            token: header("x-amz-security-token"),
        })
    }

    fn of_query(head: &Parts) -> Result<Self, ApiError> {
        let parameter = |name: &str| canonical::query_value(head, name);
        let required = |name: &str| {
            parameter(name).ok_or_else(|| {
                ApiError::incomplete_signature(format!("AWS query-string parameters must include '{name}'."))
            })
        };
        if required("X-Amz-Algorithm")? != ALGORITHM {
            return Err(ApiError::incomplete_signature("Unsupported AWS 'algorithm'."));
        }
        Ok(Self {
            credential: required("X-Amz-Credential")?,
            signed_headers: required("X-Amz-SignedHeaders")?,
            signature: required("X-Amz-Signature")?,
            date: required("X-Amz-Date")?,
            expires: Some(required("X-Amz-Expires")?),
            token: parameter("X-Amz-Security-Token"),
        })
    }

    /// The credential's scope, if it is for `audience`.
    fn scope(&self, audience: Audience<'_>) -> Result<Scope<'_>, ApiError> {
        let mut from_end = self.credential.rsplitn(5, '/');
        let (terminator, service, region) = (from_end.next(), from_end.next(), from_end.next());
        let (Some(date), Some(access_key)) = (from_end.next(), from_end.next()) else {
            return Err(ApiError::incomplete_signature("Credential must have exactly 5 slash-delimited elements."));
        };
        let wrong = |text: String| Err(ApiError::invalid_signature(text));
        if region != Some(audience.region) {
            return wrong("Credential should be scoped to a valid region.".to_owned());
        }
        if service != Some(audience.service) {
            return wrong(format!("Credential should be scoped to correct service: '{}'.", audience.service));
        }
        if terminator != Some(TERMINATOR) {
            return wrong(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'."));
        }
        if self.date.get(..8) != Some(date) {
            return wrong(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{}'.",
                self.date.chars().take(8).collect::<String>()
            ));
        }
        if !self.signed_headers.split(';').any(|name| name == "host") {
            return wrong("'Host' must be a 'SignedHeader' in the AWS Authorization.".to_owned());
        }
        let text = self.credential.get(access_key.len() + 1..).unwrap_or_default();
        Ok(Scope { access_key, date, text })
    }

    fn check_time(&self, now: Timestamp) -> Result<(), ApiError> {
        const FORM: &str = "%Y%m%dT%H%M%SZ";
        let in_utc = self.date.strip_suffix('Z').map(|date| format!("{date}+0000"));
        let Some(signed) = in_utc.and_then(|date| Timestamp::strptime("%Y%m%dT%H%M%S%z", date).ok()) else {
            return Err(ApiError::incomplete_signature("Date must be in ISO-8601 'basic format'."));
        };
        let life = match self.expires.as_deref().map(str::parse::<i64>) {
            None => SKEW_S,
            Some(Ok(expires)) if (0..=EXPIRES_MAX_S).contains(&expires) => expires,
            Some(_) => {
                return Err(ApiError::incomplete_signature("X-Amz-Expires must be between 0 and 604800 seconds."));
            }
        };
        let age = now.as_second().saturating_sub(signed.as_second());
        let shown = |second: i64| {
            let time = Timestamp::from_second(second).unwrap_or(now);
            time.strftime(FORM).to_string()
        };
        let (date, present) = (&self.date, now.as_second());
        if age > life {
            let limit = shown(present.saturating_sub(life));
            let text =
                format!("Signature expired: {date} is now earlier than {limit} ({} - {life} sec.)", shown(present));
            return Err(ApiError::invalid_signature(text));
        }
        if age < -SKEW_S {
            let limit = shown(present.saturating_add(SKEW_S));
            let text = format!(
                "Signature not yet current: {date} is still later than {limit} ({} + {SKEW_S} sec.)",
                shown(present)
            );
            return Err(ApiError::invalid_signature(text));
        }
        Ok(())
    }
}

/// `ACCESS_KEY/DATE/REGION/SERVICE/aws4_request`
struct Scope<'a> {
    access_key: &'a str,
    date: &'a str,
    /// Without the access key.
    text: &'a str,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("account", &self.account).finish_non_exhaustive()
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("credential", &self.credential).finish_non_exhaustive()
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;
