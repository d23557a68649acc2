//! Room: Signature Version 4. Who sent a request, and did he send exactly this.
//! Must not: read a clock (`now` is an argument), look up a secret by itself (`Keyring` is one too).
//! Holds: nothing between requests; a caller that wants to keep derived keys overrides `Keyring::signing_key`.
//! Invariants: signatures are compared in constant time; secrets and derived keys are never printed.
//! Source: S3 API reference, "Authenticating Requests (AWS Signature Version 4)" and its pages on the
//! Authorization header, on query parameters, on multiple chunks and on trailing headers.

mod authenticate;
mod canonical;
pub mod chunk;
mod form;
mod header;
mod presigned;
#[cfg(test)]
mod properties;
#[expect(clippy::module_inception, reason = "the client's half of signing is called what it does")]
pub mod sign;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod vectors;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use ring::hmac;

pub use self::authenticate::authenticate;
pub use self::chunk::Chain;
pub use self::form::{SignedPolicy, authenticate_form};
pub use self::presigned::unhoist;
use crate::error::S3Error;

/// An access key with its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The public half, as it stands in the Authorization header.
    pub access_key: String,
    /// The secret half; never on the wire, never in a log.
    pub secret_key: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Where secrets come from.
pub trait Keyring {
    /// The secret of `access_key`; `None` when nobody has this key.
    fn secret(&self, access_key: &str) -> Option<&str>;

    /// The signing key of `access_key` for `scope`. Override to keep derived keys: one is good for
    /// a day, a region and a service.
    fn signing_key(&self, access_key: &str, scope: &Scope) -> Option<SigningKey> {
        self.secret(access_key).map(|secret| SigningKey::derive(secret, scope))
    }
}

impl Keyring for Credential {
    fn secret(&self, access_key: &str) -> Option<&str> {
        (access_key == self.access_key).then_some(self.secret_key.as_str())
    }
}

/// What a signing key is good for: a day, a region and a service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope {
    /// `yyyymmdd`.
    pub day: String,
    /// The region's name.
    pub region: String,
    /// The service's name; `s3`.
    pub service: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINAL}", self.day, self.region, self.service)
    }
}

/// The key that signs a day's requests.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Source: S3 "Signature Calculations for the Authorization Header", task 3.
    pub fn derive(secret: &str, scope: &Scope) -> Self {
        let mut key = format!("AWS4{secret}").into_bytes();
        for word in [&scope.day, &scope.region, &scope.service, TERMINAL] {
            let step = hmac::Key::new(hmac::HMAC_SHA256, &key);
            key = hmac::sign(&step, word.as_bytes()).as_ref().to_owned();
        }
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    /// Signs `text`.
    pub fn sign(&self, text: &[u8]) -> Signature {
        let tag = hmac::sign(&self.0, text);
        Signature(tag.as_ref().try_into().expect("an HMAC-SHA256 has 32 bytes"))
    }

    /// Whether `provided` is the signature of `text`, in constant time.
    pub fn verify(&self, text: &[u8], provided: &Signature) -> bool {
        hmac::verify(&self.0, text, &provided.0).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A signature; on the wire 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Signature([u8; 32]);

impl Signature {
    /// `None` unless `text` is 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

/// How the body is sent and what vouches for it: the value of `x-amz-content-sha256`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadMode {
    /// A plain body with this SHA-256.
    Hash([u8; 32]),
    /// A plain body that the signature says nothing of.
    Unsigned,
    /// aws-chunked, each chunk signed.
    StreamingSigned,
    /// aws-chunked, each chunk and the trailers signed.
    StreamingSignedTrailer,
    /// aws-chunked with trailers and no signature but the head's.
    StreamingUnsignedTrailer,
}

impl PayloadMode {
    /// Reads the header's value.
    ///
    /// # Errors
    /// `NotImplemented` for SigV4A streams, `InvalidArgument` for anything unknown.
    /// Source: S3 "Common Request Headers", x-amz-content-sha256.
    pub fn parse(text: &str) -> Result<Self, S3Error> {
        match text {
            UNSIGNED => Ok(Self::Unsigned),
            STREAMING_SIGNED => Ok(Self::StreamingSigned),
            STREAMING_SIGNED_TRAILER => Ok(Self::StreamingSignedTrailer),
            STREAMING_UNSIGNED_TRAILER => Ok(Self::StreamingUnsignedTrailer),
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => Err(S3Error::not_implemented(
                Some(CONTENT_SHA256),
                Some("Signature Version 4A is not supported. Please use AWS4-HMAC-SHA256."),
            )),
            other => parse_hex(other).map(Self::Hash).ok_or_else(|| {
                S3Error::invalid_argument(CONTENT_SHA256, Some(other), CONTENT_SHA256_VALUES)
            }),
        }
    }

    /// The header's value.
    pub fn text(&self) -> String {
        match self {
            Self::Hash(digest) => to_hex(digest),
            Self::Unsigned => UNSIGNED.to_owned(),
            Self::StreamingSigned => STREAMING_SIGNED.to_owned(),
            Self::StreamingSignedTrailer => STREAMING_SIGNED_TRAILER.to_owned(),
            Self::StreamingUnsignedTrailer => STREAMING_UNSIGNED_TRAILER.to_owned(),
        }
    }

    /// Whether the body is aws-chunked.
    pub fn is_streaming(&self) -> bool {
        match self {
            Self::Hash(_) | Self::Unsigned => false,
            Self::StreamingSigned
            | Self::StreamingSignedTrailer
            | Self::StreamingUnsignedTrailer => true,
        }
    }
}

/// A request whose signature was found right.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who signed.
    pub access_key: String,
    /// How the body comes.
    pub payload: PayloadMode,
    /// Where the chunk signatures go on from: the signature of the head.
    pub chain: Chain,
}

impl Authenticated {
    /// For every operation but PutObject and UploadPart: their bodies may not be aws-chunked.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn refuse_streaming(&self) -> Result<(), S3Error> {
        if self.payload.is_streaming() {
            return Err(streaming_refused());
        }
        Ok(())
    }
}

/// For a body that may not be aws-chunked.
fn streaming_refused() -> S3Error {
    S3Error::invalid_request("The value of x-amz-content-sha256 header is invalid.")
}

/// `SignatureDoesNotMatch` with what the client needs to find its mistake.
/// Source: S3 "Error Responses", SignatureDoesNotMatch.
fn mismatch(access_key: &str, provided: &str, to_sign: &str, canonical: Option<&[u8]>) -> S3Error {
    let error = S3Error::signature_does_not_match()
        .with("AWSAccessKeyId", access_key)
        .with("StringToSign", to_sign)
        .with("SignatureProvided", provided)
        .with("StringToSignBytes", spaced_hex(to_sign.as_bytes()));
    match canonical {
        Some(text) => error
            .with("CanonicalRequest", String::from_utf8_lossy(text))
            .with("CanonicalRequestBytes", spaced_hex(text)),
        None => error,
    }
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
        text
    })
}

/// Hexadecimal of exactly `N` bytes, in either case.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// `48 65 6c …`
fn spaced_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}

const HEX: &[u8; 16] = b"0123456789abcdef";
/// The end of every scope.
const TERMINAL: &str = "aws4_request";
/// The one service that answers here.
const SERVICE: &str = "s3";
/// The one algorithm that is accepted here.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const CONTENT_SHA256: &str = "x-amz-content-sha256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const STREAMING_SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const STREAMING_SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
const STREAMING_UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const CONTENT_SHA256_VALUES: &str = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, \
     STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
     STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, \
     STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";
