//! Room: who sent a request: how he signed, what of it he signed, and whether the signature is right.
//! Invariants: every `x-amz-*` header of an accepted request is signed; one mechanism, never two;
//! nothing is said of a secret but "right" or "wrong".
//! Source: S3 "Authenticating Requests (AWS Signature Version 4)" and "Error Responses".

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::canonical::{Canonical, string_to_sign};
use super::{
    ALGORITHM, Authenticated, CONTENT_SHA256, Chain, Keyring, PayloadMode, SERVICE, Scope,
    Signature, TERMINAL, header, mismatch, presigned, streaming_refused,
};
use crate::error::S3Error;
use crate::request::{Head, Method};
use crate::time::Timestamp;

/// Finds out who sent `head`.
///
/// # Errors
/// Every way in which a request may fail to be signed: nobody in without a signature.
pub fn authenticate(
    head: &Head,
    region: &str,
    keyring: &dyn Keyring,
    now: Timestamp,
) -> Result<Authenticated, S3Error> {
    let claim = match mechanism(head)? {
        Mechanism::Header(components) => header::claim(head, components, region, now)?,
        Mechanism::Query => presigned::claim(head, region, now)?,
    };
    let payload = PayloadMode::parse(claim.payload)?;
    refuse_token(head)?;
    claim.check_coverage(head)?;
    let key = keyring
        .signing_key(claim.access_key, &claim.scope)
        .ok_or_else(|| S3Error::invalid_access_key_id(claim.access_key))?;

    let canonical = Canonical {
        method: head.method.as_str(),
        path: &head.path,
        query: head.query.raw(),
        headers: &head.headers,
        signed: claim.signed_headers,
        payload: claim.payload,
    }
    .bytes();
    let Claim { access_key, ref scope, date, signature: provided, .. } = claim;
    let to_sign = string_to_sign(date, scope, &canonical);
    match Signature::parse(provided) {
        Some(signature) if key.verify(to_sign.as_bytes(), &signature) => Ok(Authenticated {
            access_key: access_key.to_owned(),
            payload,
            chain: Chain::new(access_key, key, scope, date, signature),
        }),
        _ => Err(mismatch(access_key, provided, &to_sign, Some(&canonical))),
    }
}

/// What a request says of who signed it, when and what. Nothing of it is proven.
pub(super) struct Claim<'a> {
    pub(super) access_key: &'a str,
    pub(super) scope: Scope,
    pub(super) date: Timestamp,
    /// The names, as sent.
    pub(super) signed_headers: &'a str,
    pub(super) signature: &'a str,
    /// What stands for the body: the value of `x-amz-content-sha256`, or what is taken for it.
    pub(super) payload: &'a str,
}

impl Claim<'_> {
    /// `host` and every `x-amz-*` header that came must be signed.
    fn check_coverage(&self, head: &Head) -> Result<(), S3Error> {
        let signed: Vec<String> =
            self.signed_headers.split(';').map(|name| name.trim().to_ascii_lowercase()).collect();
        let required = core::iter::once("host")
            .chain(head.headers.iter().map(|(name, _)| name).filter(|n| n.starts_with("x-amz-")));
        let mut missing: Vec<&str> =
            required.filter(|name| !signed.iter().any(|signed| signed == name)).collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        Err(S3Error::headers_not_signed(&missing))
    }
}

/// Reads `<access key>/<day>/<region>/<service>/aws4_request`, the last three of which must be ours. `wrong`
/// makes the error of what is wrong with it.
pub(super) fn parse_credential<'a>(
    text: &'a str,
    region: &str,
    wrong: fn(&str) -> S3Error,
) -> Result<(&'a str, Scope), S3Error> {
    // From the right, for an access key may contain a slash.
    let mut words = text.rsplitn(5, '/');
    let (Some(terminal), Some(service), Some(of_region), Some(day), Some(access_key)) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong(
            "the Credential is mal-formed; expecting \
             \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ));
    };
    if day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(&format!(
            "incorrect date format \"{day}\". This date in the credential must be in the format \
             \"yyyyMMdd\"."
        )));
    }
    if of_region != region {
        let text = format!("the region '{of_region}' is wrong; expecting '{region}'");
        return Err(wrong(&text).with("Region", region));
    }
    if service != SERVICE {
        return Err(wrong(&format!(
            "incorrect service \"{service}\". This endpoint belongs to \"{SERVICE}\"."
        )));
    }
    if terminal != TERMINAL {
        return Err(wrong(&format!(
            "incorrect terminal \"{terminal}\". This endpoint uses \"{TERMINAL}\"."
        )));
    }
    Ok((access_key, Scope { day: day.into(), region: region.into(), service: service.into() }))
}

/// The day of the credential must be the day of the request.
pub(super) fn check_day(
    scope: &Scope,
    date: Timestamp,
    wrong: fn(&str) -> S3Error,
) -> Result<(), S3Error> {
    if scope.day == date.amz_day() {
        return Ok(());
    }
    Err(wrong("Invalid credential date. Date is not the same as X-Amz-Date."))
}

/// The one way in which a request is signed.
enum Mechanism<'a> {
    /// By the Authorization header; with what follows the algorithm's name there.
    Header(&'a str),
    /// By query parameters.
    Query,
}

fn mechanism(head: &Head) -> Result<Mechanism<'_>, S3Error> {
    let presigned = presigned::is_presigned(head);
    let version_2 = head.query.has("Signature") && head.query.has("AWSAccessKeyId");
    match (head.headers.get_non_empty("authorization"), presigned, version_2) {
        (Some(value), false, false) => header::components(head, value).map(Mechanism::Header),
        (None, true, _) => Ok(Mechanism::Query),
        (None, false, true) => Err(version_2_refused()),
        (None, false, false) => Err(anonymous(head)),
        // The header's value stays out of the answer: it holds a signature.
        (Some(_), ..) => Err(S3Error::invalid_argument(
            "Authorization",
            None,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
             query string parameter or the Authorization header should be specified",
        )),
    }
}

fn anonymous(head: &Head) -> S3Error {
    // S3 "GetObject": whoever does not sign does not choose what a browser is to make of an answer.
    let reads = matches!(head.method, Method::Get | Method::Head) && head.target.key().is_some();
    if reads && head.query.pairs().iter().any(|(name, _)| name.starts_with("response-")) {
        return S3Error::invalid_request(
            "Request specific response headers cannot be used for anonymous GET requests.",
        );
    }
    // Nobody can have signed the chunks of a request that nobody signed.
    match head.headers.get(CONTENT_SHA256) {
        Some(text) if text.starts_with("STREAMING-AWS4-") => streaming_refused(),
        _ => S3Error::access_denied(),
    }
}

/// There are no temporary credentials here, so no session token can be right.
fn refuse_token(head: &Head) -> Result<(), S3Error> {
    let in_query = head.query.get("X-Amz-Security-Token").is_some_and(|token| !token.is_empty());
    if in_query || head.headers.get_non_empty("x-amz-security-token").is_some() {
        return Err(S3Error::invalid_token());
    }
    Ok(())
}

/// For the mechanism that came before this one.
pub(super) fn version_2_refused() -> S3Error {
    S3Error::invalid_request(format!(
        "The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
    ))
}
