//! Room: who signed the policy of a form.
//! Invariants: the policy is verified as it came, before anything of it is read.
//! Source: S3 "Authenticating Requests: Browser-Based Uploads Using POST (AWS Signature Version 4)", and the texts
//! that the service is known to send.

use alloc::borrow::ToOwned;

use super::authenticate::{parse_credential, version_2_refused};
use super::{ALGORITHM, Keyring, Signature, mismatch};
use crate::error::{ErrorCode, S3Error};
use crate::post::Fields;
use crate::request::Head;
use crate::time::Timestamp;

/// Finds out who signed the policy of a form, and hands out the policy.
///
/// # Errors
/// Every way in which a form may fail to be signed: nobody in without a signature.
pub fn authenticate_form<'a>(
    head: &Head,
    fields: &'a Fields,
    region: &str,
    keyring: &dyn Keyring,
) -> Result<SignedPolicy<'a>, S3Error> {
    if head.headers.get_non_empty("authorization").is_some() {
        // Its value stays out of the answer: it holds a signature.
        let message = "Only one auth mechanism allowed; a form is signed by its fields";
        return Err(S3Error::invalid_argument("Authorization", None, message));
    }
    if !SIGNING.iter().any(|(field, _)| fields.get_non_empty(field).is_some()) {
        let version_2 = ["signature", "awsaccesskeyid"];
        return Err(match version_2.iter().any(|field| fields.get(field).is_some()) {
            true => version_2_refused(),
            false => S3Error::access_denied(),
        });
    }
    let needed = |(field, shown): (&str, &str)| {
        fields.get_non_empty(field).ok_or_else(|| S3Error::form_field_missing(shown))
    };
    let [provided, algorithm, credential, date] = SIGNING;
    let (provided, algorithm) = (needed(provided)?, needed(algorithm)?);
    let (credential, date) = (needed(credential)?, needed(date)?);
    let policy = needed(("policy", "policy"))?;
    if algorithm != ALGORITHM {
        let message = "Only AWS4-HMAC-SHA256 is supported";
        return Err(S3Error::invalid_argument(SIGNING[1].1, Some(algorithm), message));
    }
    let (access_key, scope) = parse_credential(credential, region, |what| {
        S3Error::new(ErrorCode::InvalidArgument, what.to_owned())
    })
    .map_err(|error| of_credential(error, credential))?;
    if access_key.is_empty() {
        let message = "a non-empty Access Key (AKID) must be provided in the credential.";
        return Err(S3Error::invalid_argument(SIGNING[2].1, Some(credential), message));
    }
    if Timestamp::parse_amz_date(date).is_none() {
        // "formated" is how S3 spells it.
        let message = "X-Amz-Date must be formated via ISO8601 Long format";
        return Err(S3Error::invalid_argument(SIGNING[3].1, Some(date), message));
    }
    if fields.get_non_empty("x-amz-security-token").is_some() {
        // There are no temporary credentials here.
        return Err(S3Error::invalid_token());
    }
    let key = keyring
        .signing_key(access_key, &scope)
        .ok_or_else(|| S3Error::invalid_access_key_id(access_key))?;
    match Signature::parse(provided) {
        Some(signature) if key.verify(policy.as_bytes(), &signature) => {
            Ok(SignedPolicy { access_key, policy })
        }
        _ => Err(mismatch(access_key, provided, policy, None)),
    }
}

/// A policy, and who signed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedPolicy<'a> {
    /// Who signed.
    pub access_key: &'a str,
    /// The field, as it came.
    pub policy: &'a str,
}

/// Puts the credential before whatever else the error tells.
fn of_credential(error: S3Error, credential: &str) -> S3Error {
    let S3Error { message, details, .. } = error;
    details.into_iter().fold(
        S3Error::invalid_argument(SIGNING[2].1, Some(credential), message),
        |error, (name, value)| error.with(name, value),
    )
}

/// The fields that sign, in the order in which S3 misses them, and as it spells them.
const SIGNING: [(&str, &str); 4] = [
    ("x-amz-signature", "X-Amz-Signature"),
    ("x-amz-algorithm", "X-Amz-Algorithm"),
    ("x-amz-credential", "X-Amz-Credential"),
    ("x-amz-date", "X-Amz-Date"),
];

#[cfg(test)]
mod tests;
