//! Room: UploadPart, and which checksum a part gets.
//!
//! Source: S3 API Reference, UploadPart; S3 User Guide, "Checking object integrity", multipart
//! uploads.

use alloc::format;
use alloc::string::String;

use super::common::Common;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::checksum::{ChecksumAlgorithm, ChecksumType, ChecksumValue};
use crate::error::S3Error;
use crate::etag::ETag;
use crate::part::PartNumber;
use crate::request::Head;
use crate::route::Operation;

/// What the head of an UploadPart request says, save what it says of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPartInput {
    /// The part.
    pub part: PartNumber,
    /// The upload, as sent.
    pub upload_id: String,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl UploadPartInput {
    /// Reads the head of the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a part number out of range.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        let part = PartNumber::parse(head.query.get("partNumber").unwrap_or_default())?;
        unbuilt::refuse(head, Operation::UploadPart)?;
        version::check_none(head)?;
        Ok(Self {
            part,
            upload_id: String::from(head.query.get("uploadId").unwrap_or_default()),
            common: Common::parse(head, Operation::UploadPart)?,
        })
    }
}

/// What becomes of a part's checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartChecksum {
    /// The algorithm to compute, to check against what the client sent and to answer with.
    pub algorithm: Option<ChecksumAlgorithm>,
    /// The value belongs to the part: it is listed, and Complete asks for it.
    pub stored: bool,
}

/// Decides by what the upload was created with and what the client sent with the part.
///
/// # Errors
/// `InvalidRequest` where the upload's parts must come with another checksum.
pub fn part_checksum(
    upload: Option<(ChecksumAlgorithm, ChecksumType)>,
    sent: Option<ChecksumAlgorithm>,
) -> Result<PartChecksum, S3Error> {
    let mismatch = |expected: ChecksumAlgorithm, actual: &str| {
        Err(S3Error::invalid_request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {actual}",
            expected.lower()
        )))
    };
    match (upload, sent) {
        // Checked and answered, but no part of the upload: Complete refuses it.
        (None, sent) => Ok(PartChecksum { algorithm: sent, stored: false }),
        (Some((expected, ChecksumType::Composite)), None) => mismatch(expected, "null"),
        (Some((expected, ChecksumType::FullObject)), None) => {
            Ok(PartChecksum { algorithm: Some(expected), stored: true })
        }
        (Some((expected, _)), Some(sent)) if expected == sent => {
            Ok(PartChecksum { algorithm: Some(expected), stored: true })
        }
        (Some((expected, _)), Some(sent)) => mismatch(expected, sent.lower()),
    }
}

/// The answer of UploadPart.
#[must_use]
pub fn answer(etag: &ETag, checksum: Option<&ChecksumValue>) -> Answer {
    let answer = Answer::empty(200).with("etag", etag.quoted());
    match checksum {
        None => answer,
        Some(value) => answer.with(value.algorithm().header(), value.to_base64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{head, pairs};

    #[test]
    fn each_row_of_the_table() {
        // rule: upload-part/checksum
        use ChecksumAlgorithm::{Crc32, Sha256};
        use ChecksumType::{Composite, FullObject};
        let rule = |algorithm, stored| Ok(PartChecksum { algorithm, stored });
        let message = |upload, sent| part_checksum(upload, sent).unwrap_err().message;
        assert_eq!(part_checksum(None, None), rule(None, false));
        assert_eq!(part_checksum(None, Some(Crc32)), rule(Some(Crc32), false));
        assert_eq!(part_checksum(Some((Crc32, FullObject)), None), rule(Some(Crc32), true));
        assert_eq!(part_checksum(Some((Crc32, FullObject)), Some(Crc32)), rule(Some(Crc32), true));
        assert_eq!(
            part_checksum(Some((Sha256, Composite)), Some(Sha256)),
            rule(Some(Sha256), true)
        );
        assert_eq!(
            message(Some((Sha256, Composite)), None),
            "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: null"
        );
        for kind in [Composite, FullObject] {
            assert_eq!(
                message(Some((Crc32, kind)), Some(Sha256)),
                "Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: sha256"
            );
        }
    }

    #[test]
    fn part_and_upload_are_read() {
        // rule: upload-part/part-number
        let request = head("PUT", "/bucket/key?uploadId=u-1&partNumber=7", &[]);
        let input = UploadPartInput::parse(&request).unwrap();
        assert_eq!((input.part.get(), input.upload_id.as_str()), (7, "u-1"));
        for bad in ["0", "10001", "x", ""] {
            let request = head("PUT", &format!("/bucket/key?uploadId=u-1&partNumber={bad}"), &[]);
            let error = UploadPartInput::parse(&request).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn the_answer_has_no_type() {
        // rule: upload-part/answer
        let answer =
            answer(&ETag::from_text("abc").unwrap(), Some(&ChecksumValue::from_crc32(0xCBF4_3926)));
        assert_eq!(pairs(&answer), [("etag", "\"abc\""), ("x-amz-checksum-crc32", "y/Q5Jg==")]);
    }
}
