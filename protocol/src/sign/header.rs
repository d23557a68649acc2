//! Room: what the Authorization header claims.
//! Source: S3 "Authenticating Requests: Using the Authorization Header" and "Error Responses".

use alloc::format;

use super::authenticate::{Claim, check_day, parse_credential, version_2_refused};
use super::{ALGORITHM, CONTENT_SHA256};
use crate::error::{ErrorCode, S3Error};
use crate::limits::CLOCK_SKEW_MAX_MS;
use crate::request::Head;
use crate::time::Timestamp;

/// What follows the algorithm's name in the header's value.
pub(super) fn components<'a>(head: &Head, value: &'a str) -> Result<&'a str, S3Error> {
    if head.headers.all("authorization").nth(1).is_some() {
        return Err(one_space());
    }
    let (scheme, rest) = value.split_once(' ').ok_or_else(one_space)?;
    match scheme {
        ALGORITHM => Ok(rest),
        "AWS" => Err(version_2_refused()),
        "AWS4-ECDSA-P256-SHA256" => Err(S3Error::not_implemented(
            Some("Authorization"),
            Some("Signature Version 4A is not supported. Please use AWS4-HMAC-SHA256."),
        )),
        _ => {
            Err(S3Error::invalid_argument("Authorization", None, "Unsupported Authorization Type"))
        }
    }
}

/// Reads the header's components and checks that they are of here and now.
/// Source: S3 "Authenticating Requests: Using the Authorization Header", its overview.
pub(super) fn claim<'a>(
    head: &'a Head,
    components: &'a str,
    region: &str,
    now: Timestamp,
) -> Result<Claim<'a>, S3Error> {
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for component in components.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let broken = || {
            // Its name alone: the rest may be a signature.
            let name = component.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
            malformed(&format!("the authorization component \"{name}\" is malformed."))
        };
        let (name, value) = component.split_once('=').ok_or_else(broken)?;
        let slot = match name.trim_end() {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(broken()),
        };
        *slot = Some(value.trim()).filter(|value| !value.is_empty());
    }
    let credential = credential.ok_or_else(|| malformed("missing Credential."))?;
    let signed_headers = signed_headers.ok_or_else(|| malformed("missing SignedHeaders."))?;
    let signature = signature.ok_or_else(|| malformed("missing Signature."))?;
    let (access_key, scope) = parse_credential(credential, region, malformed)?;

    let date = request_date(head)?;
    check_day(&scope, date, malformed)?;
    if date.as_millis().abs_diff(now.as_millis()) > CLOCK_SKEW_MAX_MS {
        return Err(S3Error::request_time_too_skewed(&date.amz_date(), now.truncated_to_second()));
    }
    let payload = head
        .headers
        .get_non_empty(CONTENT_SHA256)
        .ok_or_else(|| S3Error::missing_header(CONTENT_SHA256))?;
    Ok(Claim { access_key, scope, date, signed_headers, signature, payload })
}

/// `x-amz-date`, else `Date`.
fn request_date(head: &Head) -> Result<Timestamp, S3Error> {
    let text =
        head.headers.get_non_empty("x-amz-date").or_else(|| head.headers.get_non_empty("date"));
    text.and_then(|text| {
        Timestamp::parse_amz_date(text).or_else(|| Timestamp::parse_http_date(text))
    })
    .ok_or_else(|| {
        S3Error::new(
            ErrorCode::AccessDenied,
            "AWS authentication requires a valid Date or x-amz-date header.",
        )
    })
}

/// The header's value stays out of the answer: it holds a signature, or another secret.
fn one_space() -> S3Error {
    S3Error::invalid_argument(
        "Authorization",
        None,
        "Authorization header is invalid -- one and only one ' ' (space) required.",
    )
}

fn malformed(what: &str) -> S3Error {
    S3Error::authorization_header_malformed(what)
}
