//! Room: what a head promises of its body's digests.
//! Source: S3 "Checking object integrity in Amazon S3", "PutObject" and "UploadPart" (Content-MD5,
//! x-amz-checksum-*, x-amz-sdk-checksum-algorithm), "Common Request Headers" (x-amz-trailer).

use base64_simd::STANDARD as BASE64;

use crate::checksum::{ChecksumAlgorithm, ChecksumValue};
use crate::error::S3Error;
use crate::request::Head;
use crate::sign::PayloadMode;

/// Digests of the body that the client knows.
pub(super) struct Promises {
    pub(super) payload: PayloadMode,
    pub(super) md5: Option<[u8; 16]>,
    pub(super) checksum: Option<SentChecksum>,
}

/// A checksum of the client's own.
#[derive(Clone, Copy)]
pub(super) enum SentChecksum {
    /// Its value stands in the head.
    Header(ChecksumValue),
    /// Its value comes after the payload.
    Trailer(ChecksumAlgorithm),
}

impl Promises {
    pub(super) fn parse(head: &Head, payload: PayloadMode) -> Result<Self, S3Error> {
        let md5 = content_md5(head)?;
        let in_trailer = trailer_algorithm(head, payload)?;
        let in_header = header_checksum(head, in_trailer)?;
        let checksum =
            in_header.map(SentChecksum::Header).or_else(|| in_trailer.map(SentChecksum::Trailer));
        let promises = Self { payload, md5, checksum };
        promises.check_sdk_algorithm(head)?;
        Ok(promises)
    }

    /// Content-MD5 only, where checksum headers are not about the body.
    pub(super) fn parse_md5(head: &Head, payload: PayloadMode) -> Result<Self, S3Error> {
        Ok(Self { payload, md5: content_md5(head)?, checksum: None })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.md5.is_none() && self.checksum.is_none()
    }

    pub(super) fn algorithm(&self) -> Option<ChecksumAlgorithm> {
        match self.checksum {
            Some(SentChecksum::Header(value)) => Some(value.algorithm()),
            Some(SentChecksum::Trailer(algorithm)) => Some(algorithm),
            None => None,
        }
    }

    pub(super) fn trailer(&self) -> Option<ChecksumAlgorithm> {
        match self.checksum {
            Some(SentChecksum::Trailer(algorithm)) => Some(algorithm),
            Some(SentChecksum::Header(_)) | None => None,
        }
    }

    /// S3 "PutObject", x-amz-sdk-checksum-algorithm: names the checksum that comes along.
    fn check_sdk_algorithm(&self, head: &Head) -> Result<(), S3Error> {
        let Some(named) = head.headers.get_non_empty("x-amz-sdk-checksum-algorithm") else {
            return Ok(());
        };
        match self.algorithm() {
            None => Err(S3Error::invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or \
                 x-amz-trailer headers were found.",
            )),
            Some(sent) if !sent.name().eq_ignore_ascii_case(named) => {
                Err(S3Error::invalid_header_value("x-amz-sdk-checksum-algorithm"))
            }
            Some(_) => Ok(()),
        }
    }
}

/// S3 "PutObject", Content-MD5. An empty value is a wrong one, not none.
fn content_md5(head: &Head) -> Result<Option<[u8; 16]>, S3Error> {
    let Some(text) = head.headers.get("content-md5") else {
        return Ok(None);
    };
    let bytes = BASE64.decode_to_vec(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| S3Error::invalid_digest(text))
}

/// S3 "Common Request Headers", x-amz-trailer: names the checksum that follows the payload.
fn trailer_algorithm(
    head: &Head,
    payload: PayloadMode,
) -> Result<Option<ChecksumAlgorithm>, S3Error> {
    let mut found = None;
    for value in head.headers.all("x-amz-trailer") {
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let algorithm = ChecksumAlgorithm::of_header(&name.to_ascii_lowercase());
            let algorithm = algorithm.ok_or_else(unsupported_trailer)?;
            if found.replace(algorithm).is_some() {
                return Err(S3Error::multiple_checksums());
            }
        }
    }
    match payload {
        PayloadMode::StreamingSignedTrailer | PayloadMode::StreamingUnsignedTrailer => Ok(found),
        // Such a body has no room for trailers, so the checksum would never be looked at.
        PayloadMode::Hash(_) | PayloadMode::Unsigned | PayloadMode::StreamingSigned => {
            if found.is_some() { Err(unsupported_trailer()) } else { Ok(None) }
        }
    }
}

/// S3 "PutObject", x-amz-checksum-*: at most one, and none beside a trailer.
fn header_checksum(
    head: &Head,
    in_trailer: Option<ChecksumAlgorithm>,
) -> Result<Option<ChecksumValue>, S3Error> {
    let mut sent = None;
    for (name, value) in head.headers.iter() {
        // A header that no operation knows is ignored; an empty one is none.
        let Some(algorithm) = ChecksumAlgorithm::of_header(name) else { continue };
        if value.trim_ascii().is_empty() {
            continue;
        }
        // No checksum has a comma: these are the values of several lines.
        let several = value.contains(&b',');
        if several || in_trailer.is_some() || sent.replace((algorithm, value)).is_some() {
            return Err(S3Error::multiple_checksums());
        }
    }
    let Some((algorithm, value)) = sent else { return Ok(None) };
    let parsed = core::str::from_utf8(value)
        .ok()
        .and_then(|text| ChecksumValue::parse_base64(algorithm, text.trim()));
    parsed.map(Some).ok_or_else(|| S3Error::invalid_header_value(algorithm.header()))
}

fn unsupported_trailer() -> S3Error {
    S3Error::invalid_request("The value specified in the x-amz-trailer header is not supported")
}
