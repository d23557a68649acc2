//! Room: verifying the Authorization header against the head it came with.
//! Invariants: every `x-amz-*` header of an accepted request is signed; nothing is said of a
//! secret but "right" or "wrong".
//! Source: S3 "Authenticating Requests: Using the Authorization Header" and "Error Responses".

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::canonical::{Canonical, string_to_sign};
use super::{
    ALGORITHM, Authenticated, CONTENT_SHA256, Chain, Keyring, PayloadMode, SERVICE, Scope,
    Signature, TERMINAL, mismatch, streaming_refused,
};
use crate::error::{ErrorCode, S3Error};
use crate::limits::CLOCK_SKEW_MAX_MS;
use crate::request::Head;
use crate::time::Timestamp;

/// Finds out who sent `head`.
///
/// # Errors
/// Every way in which a request may fail to be signed: nobody in without a signature. A request
/// that is presigned (query parameters) is `NotImplemented`.
pub fn authenticate(
    head: &Head,
    region: &str,
    keyring: &dyn Keyring,
    now: Timestamp,
) -> Result<Authenticated, S3Error> {
    let authorization = Authorization::parse(mechanism(head)?)?;
    authorization.check_scope(region)?;
    let date = request_date(head)?;
    check_date(date, &authorization.scope, now)?;
    let payload_text = head
        .headers
        .get_non_empty(CONTENT_SHA256)
        .ok_or_else(|| S3Error::missing_header(CONTENT_SHA256))?;
    let payload = PayloadMode::parse(payload_text)?;
    refuse_token(head)?;
    authorization.check_coverage(head)?;
    let key = keyring
        .signing_key(authorization.access_key, &authorization.scope)
        .ok_or_else(|| S3Error::invalid_access_key_id(authorization.access_key))?;

    let canonical = Canonical {
        method: head.method.as_str(),
        path: &head.path,
        query: head.query.raw(),
        headers: &head.headers,
        signed: authorization.signed_headers,
        payload: payload_text,
    }
    .bytes();
    let to_sign = string_to_sign(date, &authorization.scope, &canonical);
    match Signature::parse(authorization.signature) {
        Some(signature) if key.verify(to_sign.as_bytes(), &signature) => Ok(Authenticated {
            access_key: authorization.access_key.to_owned(),
            payload,
            chain: Chain::new(authorization.access_key, key, &authorization.scope, date, signature),
        }),
        _ => Err(mismatch(
            authorization.access_key,
            authorization.signature,
            &to_sign,
            Some(&canonical),
        )),
    }
}

/// What follows the algorithm's name in the Authorization header, once every other way of
/// authenticating is refused.
fn mechanism(head: &Head) -> Result<&str, S3Error> {
    let in_query = query_mechanism(head);
    let Some(value) = head.headers.get_non_empty(AUTHORIZATION) else {
        return Err(match in_query {
            Some(QueryMechanism::Presigned) => S3Error::not_implemented(
                Some("X-Amz-Algorithm"),
                Some(
                    "Presigned requests are not supported. Please sign in the Authorization header.",
                ),
            ),
            Some(QueryMechanism::Version2) => version_2(),
            None => anonymous(head),
        });
    };
    if in_query.is_some() {
        return Err(S3Error::invalid_argument(
            "Authorization",
            Some(value),
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
             query string parameter or the Authorization header should be specified",
        ));
    }
    if head.headers.all(AUTHORIZATION).nth(1).is_some() {
        return Err(one_space(value));
    }
    let (scheme, rest) = value.split_once(' ').ok_or_else(|| one_space(value))?;
    match scheme {
        ALGORITHM => Ok(rest),
        "AWS" => Err(version_2()),
        "AWS4-ECDSA-P256-SHA256" => Err(S3Error::not_implemented(
            Some("Authorization"),
            Some("Signature Version 4A is not supported. Please use AWS4-HMAC-SHA256."),
        )),
        _ => Err(S3Error::invalid_argument(
            "Authorization",
            Some(value),
            "Unsupported Authorization Type",
        )),
    }
}

/// Ways of signing in the query string.
enum QueryMechanism {
    /// Signature Version 4.
    Presigned,
    /// Signature Version 2.
    Version2,
}

fn query_mechanism(head: &Head) -> Option<QueryMechanism> {
    if ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"].iter().any(|n| head.query.has(n))
    {
        Some(QueryMechanism::Presigned)
    } else if head.query.has("Signature") && head.query.has("AWSAccessKeyId") {
        Some(QueryMechanism::Version2)
    } else {
        None
    }
}

fn anonymous(head: &Head) -> S3Error {
    // Nobody can have signed the chunks of a request that nobody signed.
    match head.headers.get(CONTENT_SHA256) {
        Some(text) if text.starts_with("STREAMING-AWS4-") => streaming_refused(),
        _ => S3Error::access_denied(),
    }
}

/// The parts of the Authorization header, borrowed from it.
struct Authorization<'a> {
    access_key: &'a str,
    scope: Scope,
    terminal: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Source: S3 "Authenticating Requests: Using the Authorization Header", its overview.
    fn parse(text: &'a str) -> Result<Self, S3Error> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for component in text.split(',').map(str::trim).filter(|component| !component.is_empty()) {
            let (name, value) = component.split_once('=').ok_or_else(|| {
                malformed(format!("the authorization component \"{component}\" is malformed."))
            })?;
            let slot = match name.trim_end() {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => {
                    return Err(malformed(format!(
                        "the authorization component \"{component}\" is malformed."
                    )));
                }
            };
            *slot = Some(value.trim()).filter(|value| !value.is_empty());
        }
        let credential = credential.ok_or_else(|| malformed("missing Credential."))?;
        let signed_headers = signed_headers.ok_or_else(|| malformed("missing SignedHeaders."))?;
        let signature = signature.ok_or_else(|| malformed("missing Signature."))?;

        // From the right, for an access key may contain a slash.
        let mut words = credential.rsplitn(5, '/');
        let (Some(terminal), Some(service), Some(region), Some(day), Some(access_key)) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed(
                "the Credential is mal-formed; expecting \
                 \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
            ));
        };
        if day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed(format!(
                "incorrect date format \"{day}\". This date in the credential must be in the \
                 format \"yyyyMMdd\"."
            )));
        }
        let scope =
            Scope { day: day.to_owned(), region: region.to_owned(), service: service.to_owned() };
        Ok(Self { access_key, scope, terminal, signed_headers, signature })
    }

    fn check_scope(&self, region: &str) -> Result<(), S3Error> {
        if self.scope.region != region {
            return Err(malformed(format!(
                "the region '{}' is wrong; expecting '{region}'",
                self.scope.region
            ))
            .with("Region", region));
        }
        if self.scope.service != SERVICE {
            return Err(malformed(format!(
                "incorrect service \"{}\". This endpoint belongs to \"{SERVICE}\".",
                self.scope.service
            )));
        }
        if self.terminal != TERMINAL {
            return Err(malformed(format!(
                "incorrect terminal \"{}\". This endpoint uses \"{TERMINAL}\".",
                self.terminal
            )));
        }
        Ok(())
    }

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

/// The day of the credential is the day of the request, and the request is of now.
fn check_date(date: Timestamp, scope: &Scope, now: Timestamp) -> Result<(), S3Error> {
    if scope.day != date.amz_day() {
        return Err(malformed("Invalid credential date. Date is not the same as X-Amz-Date."));
    }
    if date.as_millis().abs_diff(now.as_millis()) > CLOCK_SKEW_MAX_MS {
        return Err(S3Error::request_time_too_skewed(&date.amz_date(), now.truncated_to_second()));
    }
    Ok(())
}

/// There are no temporary credentials here, so no session token can be right.
fn refuse_token(head: &Head) -> Result<(), S3Error> {
    let in_query = head.query.get("X-Amz-Security-Token").is_some_and(|token| !token.is_empty());
    if in_query || head.headers.get_non_empty("x-amz-security-token").is_some() {
        return Err(S3Error::invalid_token());
    }
    Ok(())
}

fn version_2() -> S3Error {
    S3Error::invalid_request(
        "The authorization mechanism you have provided is not supported. Please use \
         AWS4-HMAC-SHA256.",
    )
}

fn one_space(value: &str) -> S3Error {
    S3Error::invalid_argument(
        "Authorization",
        Some(value),
        "Authorization header is invalid -- one and only one ' ' (space) required.",
    )
}

fn malformed(what: impl AsRef<str>) -> S3Error {
    S3Error::authorization_header_malformed(what.as_ref())
}

const AUTHORIZATION: &str = "authorization";
