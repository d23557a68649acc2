//! Room: presigned requests: what their query claims, and the headers that it carries along.
//! Source: S3 "Authenticating Requests: Using Query Parameters" and "Error Responses".

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::authenticate::{Claim, check_day, parse_credential};
use super::{ALGORITHM, CONTENT_SHA256, UNSIGNED};
use crate::error::{ErrorCode, S3Error};
use crate::limits::{CLOCK_SKEW_MAX_MS, PRESIGN_LIFE_MAX_S};
use crate::request::{Head, SPECIFIED_TWICE};
use crate::time::Timestamp;

/// Whether the query says that it signs.
pub(super) fn is_presigned(head: &Head) -> bool {
    ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"].iter().any(|n| head.query.has(n))
}

/// Reads the parameters and checks that they are of here and now.
pub(super) fn claim<'a>(
    head: &'a Head,
    region: &str,
    now: Timestamp,
) -> Result<Claim<'a>, S3Error> {
    let [algorithm, credential, signature, date, signed_headers, life] = parameters(head)?;
    match algorithm {
        ALGORITHM => {}
        "AWS4-ECDSA-P256-SHA256" => {
            return Err(wrong(&format!("X-Amz-Algorithm only supports \"{ALGORITHM}\"")));
        }
        _ => {
            return Err(wrong(
                "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
            ));
        }
    }
    let (access_key, scope) = parse_credential(credential, region, wrong_credential)?;
    let date = Timestamp::parse_amz_date(date).ok_or_else(|| {
        wrong("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    check_day(&scope, date, wrong_credential)?;
    check_life(date, life_seconds(life)?, now)?;
    refuse_copy_source(head)?;
    Ok(Claim { access_key, scope, date, signed_headers, signature, payload: payload(head)? })
}

/// The six that must be there, each once.
fn parameters(head: &Head) -> Result<[&str; 6], S3Error> {
    let mut values = [""; 6];
    for (name, value) in REQUIRED.iter().zip(&mut values) {
        let mut found = head.query.pairs().iter().filter(|(n, _)| n == name);
        *value = match (found.next(), found.next()) {
            (Some((_, value)), None) if !value.is_empty() => value,
            // Whoever stands between could take another one of them than we do.
            (Some(_), Some(_)) => {
                return Err(wrong(&format!("The {name} parameter must be specified once.")));
            }
            _ => {
                return Err(wrong(
                    "Query-string authentication version 4 requires the X-Amz-Algorithm, \
                     X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
                     X-Amz-Expires parameters.",
                ));
            }
        };
    }
    Ok(values)
}

/// X-Amz-Expires.
fn life_seconds(text: &str) -> Result<u64, S3Error> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("X-Amz-Expires should be a number"));
    }
    if digits.len() < text.len() {
        return Err(wrong("X-Amz-Expires must be non-negative"));
    }
    digits.parse().ok().filter(|life| *life <= PRESIGN_LIFE_MAX_S).ok_or_else(|| {
        wrong(&format!(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given \
             X-Amz-Expires must be less than {PRESIGN_LIFE_MAX_S} seconds"
        ))
    })
}

/// A presigned request lives from its date on; a signer whose clock is ahead is forgiven as much as in
/// the header.
fn check_life(date: Timestamp, life_s: u64, now: Timestamp) -> Result<(), S3Error> {
    if date.as_millis() > now.as_millis() + CLOCK_SKEW_MAX_MS {
        return Err(S3Error::new(ErrorCode::AccessDenied, "Request is not valid yet"));
    }
    let expires = Timestamp::from_millis(date.as_millis() + life_s * 1000);
    if now > expires {
        return Err(S3Error::new(ErrorCode::AccessDenied, "Request has expired")
            .with("X-Amz-Expires", life_s.to_string())
            .with("Expires", expires.iso8601())
            .with("ServerTime", now.truncated_to_second().iso8601()));
    }
    Ok(())
}

/// What stands for the body: said in the query or in the (signed) header, else nothing.
fn payload(head: &Head) -> Result<&str, S3Error> {
    let in_query = head.query.get("X-Amz-Content-Sha256").filter(|value| !value.is_empty());
    let in_header = head.headers.get_non_empty(CONTENT_SHA256);
    if let (Some(one), Some(other)) = (in_query, in_header)
        && one != other
    {
        let message = "The query parameter and the header must not differ";
        return Err(S3Error::invalid_argument(CONTENT_SHA256, Some(other), message));
    }
    Ok(in_query.or(in_header).unwrap_or(UNSIGNED))
}

/// A copy's source must be a signed header: in the query it would be passed over, and the copy taken for
/// an upload of nothing. Source: S3 "UploadPartCopy", x-amz-copy-source.
fn refuse_copy_source(head: &Head) -> Result<(), S3Error> {
    let is_source = |name: &String| name.eq_ignore_ascii_case(COPY_SOURCE);
    let in_query = head.query.pairs().iter().any(|(name, _)| is_source(name));
    if in_query && !head.headers.has(COPY_SOURCE) {
        return Err(S3Error::headers_not_signed(&[COPY_SOURCE]));
    }
    Ok(())
}

/// Makes headers of the `x-amz-*` parameters of an authenticated presigned request: signers move headers
/// into the query, so that a URL is all that its bearer needs, and S3 takes them from there. A header that
/// was sent wins. Does nothing to other requests.
///
/// # Errors
/// `InvalidArgument` for what no header could be, or one header in two spellings, whose order is not signed;
/// `RequestHeaderSectionTooLarge` if they come to more than headers may.
pub fn unhoist(head: &mut Head) -> Result<(), S3Error> {
    if !is_presigned(head) {
        return Ok(());
    }
    let mut hoisted = Vec::new();
    for (name, value) in head.query.pairs() {
        let lower = name.to_ascii_lowercase();
        if !lower.starts_with("x-amz-") || is_not_hoisted(&lower) || head.headers.has(&lower) {
            continue;
        }
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !lower.bytes().all(is_token) || value.chars().any(|c| c.is_ascii_control()) {
            let message = "The query parameter cannot be a header";
            return Err(S3Error::invalid_argument(name.as_str(), Some(value), message));
        }
        hoisted.push((lower, value.clone()));
    }
    hoisted.sort_unstable();
    hoisted.dedup();
    if let Some(two) = hoisted.windows(2).find(|two| two[0].0 == two[1].0) {
        return Err(S3Error::invalid_argument(two[0].0.as_str(), None, SPECIFIED_TWICE));
    }
    hoisted.into_iter().for_each(|(name, value)| head.headers.insert(name, value));
    head.headers.check()
}

/// Parameters that sign, and those that describe a body, which no signer of a URL has seen: it signs the
/// checksum of no bytes, and S3 passes over it.
fn is_not_hoisted(lower: &str) -> bool {
    const BODY: [&str; 5] = [
        CONTENT_SHA256,
        "x-amz-decoded-content-length",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-security-token",
        "x-amz-trailer",
    ];
    const OF_OBJECT: [&str; 3] = ["algorithm", "mode", "type"];
    let checksum = lower.strip_prefix("x-amz-checksum-");
    REQUIRED.iter().any(|name| name.eq_ignore_ascii_case(lower))
        || BODY.contains(&lower)
        || checksum.is_some_and(|what| !OF_OBJECT.contains(&what))
}

fn wrong(message: &str) -> S3Error {
    S3Error::new(ErrorCode::AuthorizationQueryParametersError, message.to_string())
}

fn wrong_credential(what: &str) -> S3Error {
    wrong(&format!("Error parsing the X-Amz-Credential parameter; {what}"))
}

/// What every presigned query has, in the order of [`parameters`].
const REQUIRED: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    SIGNATURE,
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
];
/// The one parameter that is not signed.
pub(super) const SIGNATURE: &str = "X-Amz-Signature";
const COPY_SOURCE: &str = "x-amz-copy-source";

#[cfg(test)]
mod tests;
