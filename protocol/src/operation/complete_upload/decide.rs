//! Room: whether the listed parts make an object, and which.
//!
//! Invariants: the checks run in S3's order, each over the whole list before the next, so that of
//! several faults the same one is always told. No byte is read: checksums come from those of the
//! parts.
//! Source: S3 API Reference, CompleteMultipartUpload, errors; S3 User Guide, "Checking object
//! integrity".

use alloc::format;
use alloc::vec::Vec;

use super::{CompleteUploadInput, ListedChecksum, ListedPart};
use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumType, ChecksumValue};
use crate::crc;
use crate::error::{ErrorCode, S3Error};
use crate::etag::ETag;
use crate::limits::{OBJECT_LEN_MAX, PART_LEN_MIN};
use crate::part::PartNumber;

/// A part as the upload has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Its number.
    pub number: PartNumber,
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag: 32 hex digits.
    pub etag: ETag,
    /// Its checksum by the upload's algorithm, where it has one.
    pub checksum: Option<ChecksumValue>,
    /// The CRC64NVME of its bytes.
    pub crc64nvme: u64,
    /// The CRC32C of its bytes.
    pub crc32c: u32,
    /// The CRC32 of its bytes.
    pub crc32: u32,
}

/// The object that the parts make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// The listed parts, in order, and their lengths.
    pub parts: Vec<(PartNumber, u64)>,
    /// The object's length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: ETag,
    /// Its checksum: the upload's, or a CRC64NVME over all of it.
    pub checksum: Checksum,
    /// The CRC64NVME of its bytes.
    pub crc64nvme: u64,
    /// The CRC32C of its bytes.
    pub crc32c: u32,
    /// The CRC32 of its bytes.
    pub crc32: u32,
}

/// Decides. `upload` is what the upload was created with, `stored` its parts in ascending order.
/// That the upload exists and that the write condition holds is checked elsewhere, before.
///
/// # Errors
/// `InvalidRequest`, `InvalidArgument`, `InvalidPartOrder`, `InvalidPart`, `BadDigest`,
/// `EntityTooSmall`, `EntityTooLarge`, as S3 names them; `InternalError` for a stored part that
/// cannot be.
pub fn decide(
    input: &CompleteUploadInput,
    upload: Option<(ChecksumAlgorithm, ChecksumType)>,
    listed: &[ListedPart],
    stored: &[StoredPart],
) -> Result<Completed, S3Error> {
    check_type(input, upload)?;
    let expected_size = input.object_size.as_deref().map(object_size).transpose()?;
    check_order(&input.upload_id, listed, upload.is_some())?;
    let parts = find(&input.upload_id, listed, stored)?;
    check_part_checksums(&input.upload_id, upload, &parts)?;
    check_lengths(&parts)?;
    let object = assemble(upload, &parts)?;
    if let Some(expected) = expected_size.filter(|expected| *expected != object.len) {
        return Err(S3Error::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {}",
            object.len
        )));
    }
    if let Some((algorithm, text)) = &input.checksum {
        check_object_checksum(*algorithm, text, upload.is_some(), &object)?;
    }
    if object.len > OBJECT_LEN_MAX {
        return Err(S3Error::entity_too_large(object.len, OBJECT_LEN_MAX));
    }
    Ok(object)
}

/// x-amz-checksum-type must be the upload's own.
fn check_type(
    input: &CompleteUploadInput,
    upload: Option<(ChecksumAlgorithm, ChecksumType)>,
) -> Result<(), S3Error> {
    let own = upload.map(|(_, kind)| kind);
    if input.checksum_type.is_none() || input.checksum_type == own {
        return Ok(());
    }
    Err(S3Error::invalid_request(format!(
        "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
        own.map_or("null", ChecksumType::as_str)
    )))
}

/// Reads x-amz-mp-object-size.
fn object_size(text: &str) -> Result<u64, S3Error> {
    let refused = |why: &str| {
        Err(S3Error::invalid_request(format!(
            "Value for x-amz-mp-object-size header is {why}: '{text}'"
        )))
    };
    match text.parse::<i64>() {
        Err(_not_a_number) => refused("invalid"),
        Ok(number) => u64::try_from(number).or_else(|_negative| refused("less than zero")),
    }
}

/// The numbers must ascend, and where the upload has a checksum they must be 1, 2, 3 and so on.
fn check_order(upload_id: &str, listed: &[ListedPart], consecutive: bool) -> Result<(), S3Error> {
    if let Some(part) = listed.iter().find(|part| part.number < 1) {
        return Err(S3Error::invalid_argument(
            "PartNumber",
            Some(&format!("{}", part.number)),
            "PartNumber must be >= 1",
        ));
    }
    let ascending = listed.is_sorted_by(|a, b| a.number < b.number);
    let gapless = || (1_i64..).zip(listed).all(|(number, part)| part.number == number);
    if ascending && (!consecutive || gapless()) {
        return Ok(());
    }
    Err(S3Error::invalid_part_order(upload_id))
}

/// A listed part together with the stored one that it names.
type Pair<'a> = (&'a ListedPart, &'a StoredPart);

fn find<'a>(
    upload_id: &str,
    listed: &'a [ListedPart],
    stored: &'a [StoredPart],
) -> Result<Vec<Pair<'a>>, S3Error> {
    let pair = |part: &'a ListedPart| {
        let index =
            stored.binary_search_by(|have| i64::from(have.number.get()).cmp(&part.number)).ok();
        let have = index.and_then(|index| stored.get(index));
        have.filter(|have| have.etag.as_str() == part.etag)
            .map(|have| (part, have))
            .ok_or_else(|| invalid_part(upload_id, part))
    };
    listed.iter().map(pair).collect()
}

fn invalid_part(upload_id: &str, part: &ListedPart) -> S3Error {
    S3Error::invalid_part(upload_id, part.number.unsigned_abs(), &part.etag)
}

fn check_part_checksums(
    upload_id: &str,
    upload: Option<(ChecksumAlgorithm, ChecksumType)>,
    parts: &[Pair<'_>],
) -> Result<(), S3Error> {
    if parts.iter().any(|(part, _)| part.checksum == ListedChecksum::Invalid) {
        return Err(S3Error::invalid_argument(
            "Checksum",
            None,
            "Invalid Base64 or multiple checksums present in request",
        ));
    }
    if let Some((algorithm, ChecksumType::Composite)) = upload {
        let has = |part: &ListedPart| match &part.checksum {
            ListedChecksum::Value(value) => value.algorithm() == algorithm,
            ListedChecksum::None | ListedChecksum::Invalid => false,
        };
        if let Some((part, _)) = parts.iter().find(|(part, _)| !has(part)) {
            return Err(S3Error::invalid_request(format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
                algorithm.lower(),
                part.number
            )));
        }
    }
    for (part, have) in parts {
        let other = match &part.checksum {
            ListedChecksum::None | ListedChecksum::Invalid => continue,
            ListedChecksum::Value(value) if Some(*value) == have.checksum => continue,
            ListedChecksum::Value(value) => value.algorithm().lower(),
        };
        return Err(match upload {
            Some((algorithm, _)) if algorithm.lower() != other => S3Error::new(
                ErrorCode::BadDigest,
                format!(
                    "The {other} you specified for part {} did not match what we received.",
                    part.number
                ),
            ),
            // Where the upload has no algorithm, its parts have no checksum to name.
            Some(_) | None => invalid_part(upload_id, part),
        });
    }
    Ok(())
}

/// Only the last part may be short.
fn check_lengths(parts: &[Pair<'_>]) -> Result<(), S3Error> {
    let but_last = parts.split_last().map_or(&[][..], |(_, rest)| rest);
    match but_last.iter().find(|(_, have)| have.len < PART_LEN_MIN) {
        None => Ok(()),
        Some((part, have)) => Err(S3Error::part_too_small(have.len, have.number.get(), &part.etag)),
    }
}

fn assemble(
    upload: Option<(ChecksumAlgorithm, ChecksumType)>,
    parts: &[Pair<'_>],
) -> Result<Completed, S3Error> {
    let mut digests = Vec::with_capacity(parts.len());
    let (mut len, mut crc64nvme, mut crc32c, mut crc32) = (0_u64, 0_u64, 0_u32, 0_u32);
    for (_, have) in parts {
        digests.push(have.etag.digest().ok_or_else(S3Error::internal)?);
        len = len.checked_add(have.len).ok_or_else(S3Error::internal)?;
        // The CRCs of nothing are zero, so the first part needs no case of its own.
        crc64nvme = crc::crc64nvme_combine(crc64nvme, have.crc64nvme, have.len);
        crc32c = crc::crc32c_combine(crc32c, have.crc32c, have.len);
        crc32 = crc::crc32_combine(crc32, have.crc32, have.len);
    }
    let mut object = Completed {
        parts: parts.iter().map(|(_, have)| (have.number, have.len)).collect(),
        len,
        etag: ETag::multipart(digests.into_iter()),
        checksum: Checksum::full_object(ChecksumValue::from_crc64(crc64nvme)),
        crc64nvme,
        crc32c,
        crc32,
    };
    match upload {
        None => {}
        Some((algorithm, ChecksumType::FullObject)) => {
            let value = object.crc(algorithm).ok_or_else(S3Error::internal)?;
            object.checksum = Checksum::full_object(value);
        }
        Some((algorithm, ChecksumType::Composite)) => {
            let value = |(_, have): &Pair<'_>| {
                let value = have.checksum.filter(|value| value.algorithm() == algorithm);
                value.ok_or_else(S3Error::internal)
            };
            let values = parts.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            object.checksum = Checksum::composite(algorithm, values.into_iter());
        }
    }
    Ok(object)
}

impl Completed {
    /// The checksum of the whole content by an algorithm that can be told from the parts.
    fn crc(&self, algorithm: ChecksumAlgorithm) -> Option<ChecksumValue> {
        match algorithm {
            ChecksumAlgorithm::Crc64Nvme => Some(ChecksumValue::from_crc64(self.crc64nvme)),
            ChecksumAlgorithm::Crc32c => Some(ChecksumValue::from_crc32c(self.crc32c)),
            ChecksumAlgorithm::Crc32 => Some(ChecksumValue::from_crc32(self.crc32)),
            ChecksumAlgorithm::Sha1
            | ChecksumAlgorithm::Sha256
            | ChecksumAlgorithm::Sha512
            | ChecksumAlgorithm::Md5
            | ChecksumAlgorithm::XxHash64
            | ChecksumAlgorithm::XxHash3
            | ChecksumAlgorithm::XxHash128 => None,
        }
    }
}

/// Checks the object's checksum as the client gave it. An upload without an algorithm is checked
/// against its CRCs, whichever of them was given; another digest of the whole is not known and not checked.
fn check_object_checksum(
    algorithm: ChecksumAlgorithm,
    text: &str,
    configured: bool,
    object: &Completed,
) -> Result<(), S3Error> {
    let invalid = || S3Error::invalid_header_value(algorithm.header());
    let (given, given_parts) = Checksum::parse_text(algorithm, text).ok_or_else(invalid)?;
    if given_parts.is_some() && given_parts != object.checksum.parts {
        return Err(invalid());
    }
    let own = if configured { Some(object.checksum.value) } else { object.crc(algorithm) };
    // A value of another algorithm equals none.
    if own.is_none_or(|own| own == given) {
        return Ok(());
    }
    Err(S3Error::new(
        ErrorCode::BadDigest,
        format!("The {} you specified did not match the calculated checksum.", algorithm.lower()),
    ))
}
