//! Room: UploadPartCopy.
//!
//! Source: S3 API Reference, UploadPartCopy.

use alloc::string::String;

use super::common::Common;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::checksum::{ChecksumAlgorithm, ChecksumType, ChecksumValue};
use crate::copy_source::CopySource;
use crate::error::S3Error;
use crate::etag::ETag;
use crate::limits::COPY_LEN_MAX;
use crate::part::PartNumber;
use crate::precondition::CopyConditions;
use crate::range::{ByteRange, CopyRange, check_copy_len};
use crate::request::Head;
use crate::route::Operation;
use crate::time::Timestamp;
use crate::xml::write::Document;

/// What an UploadPartCopy request says.
#[derive(Debug, Clone)]
pub struct UploadPartCopyInput {
    /// The part to be.
    pub part: PartNumber,
    /// The upload, as sent.
    pub upload_id: String,
    /// The object to copy from.
    pub source: CopySource,
    /// The bytes to copy; `None` for all.
    pub range: Option<CopyRange>,
    /// The conditions on the source.
    pub conditions: CopyConditions,
    /// Who must own the two buckets, who pays.
    pub common: Common,
}

impl UploadPartCopyInput {
    /// Reads the request, in the order in which its faults are answered: part number, source,
    /// range, encryption, body, owners.
    ///
    /// # Errors
    /// `InvalidArgument` for the first three; `NotImplemented` for encryption; `InvalidRequest` for
    /// a body.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        let part = PartNumber::parse(head.query.get("partNumber").unwrap_or_default())?;
        let source = CopySource::parse(head.headers.get("x-amz-copy-source").unwrap_or_default())?;
        // A range that is there but empty is a malformed range, not the whole object.
        let range =
            head.headers.get("x-amz-copy-source-range").map(CopyRange::parse).transpose()?;
        unbuilt::refuse(head, Operation::UploadPartCopy)?;
        version::check_none(head)?;
        if head.headers.get_non_empty("content-length").is_some_and(|length| length != "0") {
            return Err(body_not_empty());
        }
        Ok(Self {
            part,
            upload_id: String::from(head.query.get("uploadId").unwrap_or_default()),
            source,
            range,
            conditions: CopyConditions::parse(head),
            common: Common::parse(head, Operation::UploadPartCopy)?,
        })
    }

    /// The bytes to copy from a source of `size` bytes.
    ///
    /// # Errors
    /// `InvalidRequest` for a range outside the source and for more than 5 GiB; `InvalidArgument`
    /// for a range that ends outside.
    pub fn resolve(&self, size: u64) -> Result<ByteRange, S3Error> {
        match &self.range {
            Some(range) => range.resolve(size),
            None => {
                check_copy_len(size, COPY_LEN_MAX)?;
                Ok(ByteRange::whole(size))
            }
        }
    }
}

/// The answer to a copy that has a body, which may show only as the body comes.
#[must_use]
pub fn body_not_empty() -> S3Error {
    S3Error::invalid_request(
        "The request included a body. Requests of this type must not include a non-empty body.",
    )
}

/// The algorithm whose checksum of the copied bytes the part gets and the answer shows: the
/// upload's own and no other, whatever checksum the source has.
#[must_use]
pub fn part_checksum(
    upload: Option<(ChecksumAlgorithm, ChecksumType)>,
) -> Option<ChecksumAlgorithm> {
    upload.map(|(algorithm, _)| algorithm)
}

/// What the answer tells of the new part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedPart<'a> {
    /// When the part was made, not when its source was.
    pub modified: Timestamp,
    /// Its ETag.
    pub etag: &'a ETag,
    /// Its checksum, where the upload has an algorithm.
    pub checksum: Option<&'a ChecksumValue>,
}

/// The answer of UploadPartCopy.
#[must_use]
pub fn answer(part: CopiedPart<'_>) -> Answer {
    Answer::xml(Document::new("CopyPartResult", |root| {
        root.text("LastModified", &part.modified.truncated_to_second().iso8601())
            .text("ETag", &part.etag.quoted());
        if let Some(checksum) = part.checksum {
            root.text(checksum.algorithm().element(), &checksum.to_base64());
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn parse(query: &str, headers: &[(&str, &str)]) -> Result<UploadPartCopyInput, S3Error> {
        UploadPartCopyInput::parse(&head("PUT", &alloc::format!("/bucket/key?{query}"), headers))
    }

    const GOOD: &str = "uploadId=u-1&partNumber=1";
    const SOURCE: (&str, &str) = ("x-amz-copy-source", "src/key");

    #[test]
    fn a_range_and_its_source() {
        // rule: copy-range/five-gib
        let input = parse(GOOD, &[SOURCE, ("x-amz-copy-source-range", "bytes=0-8")]).unwrap();
        assert_eq!((input.source.bucket.as_str(), input.source.key.as_str()), ("src", "key"));
        assert_eq!(input.resolve(10).unwrap().len(), 9);
        let whole = parse(GOOD, &[SOURCE]).unwrap();
        assert_eq!(whole.resolve(0).unwrap().len(), 0);
        assert_eq!(whole.resolve(5 << 30).unwrap().len(), 5 << 30);
        let error = whole.resolve((5 << 30) + 1).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn faults_are_answered_in_order() {
        // rule: part-copy/order
        let source = ("x-amz-copy-source", "src");
        let range = ("x-amz-copy-source-range", "");
        let key = ("x-amz-server-side-encryption-customer-algorithm", "AES256");
        let owner = ("x-amz-expected-bucket-owner", "me");
        let length = ("content-length", "5");
        let name = |error: S3Error| {
            (
                error.code,
                error.detail("ArgumentName").or_else(|| error.detail("Header")).map(String::from),
            )
        };
        let fault =
            |query: &str, headers: &[(&str, &str)]| name(parse(query, headers).unwrap_err());
        assert_eq!(
            fault("uploadId=u&partNumber=0", &[source, range, key, length, owner]),
            (ErrorCode::InvalidArgument, Some("partNumber".into()))
        );
        assert_eq!(
            fault(GOOD, &[source, range, key, length, owner]),
            (ErrorCode::InvalidArgument, Some("x-amz-copy-source".into()))
        );
        assert_eq!(
            fault(GOOD, &[SOURCE, range, key, length, owner]),
            (ErrorCode::InvalidArgument, Some("x-amz-copy-source-range".into()))
        );
        assert_eq!(
            fault(GOOD, &[SOURCE, key, length, owner]),
            (ErrorCode::NotImplemented, Some(key.0.into()))
        );
        assert_eq!(fault(GOOD, &[SOURCE, length, owner]), (ErrorCode::InvalidRequest, None));
        assert_eq!(
            fault(GOOD, &[SOURCE, ("content-length", "0"), owner]).0,
            ErrorCode::InvalidBucketOwnerAwsAccountId
        );
    }

    #[test]
    fn the_answer_of_the_manual_page() {
        // rule: part-copy/answer
        let etag = ETag::from_text("711470fc377698c393d94aed6305e245").unwrap();
        let modified = Timestamp::from_millis(1_576_278_963_000);
        assert_eq!(
            body(&answer(CopiedPart { modified, etag: &etag, checksum: None })),
            "<CopyPartResult><LastModified>2019-12-13T23:16:03.000Z</LastModified>\
             <ETag>&quot;711470fc377698c393d94aed6305e245&quot;</ETag></CopyPartResult>"
        );
        let checksum = ChecksumValue::from_crc64(0xAE8B_1486_0A79_9888);
        let answer = answer(CopiedPart { modified, etag: &etag, checksum: Some(&checksum) });
        assert!(
            body(&answer).contains("</ETag><ChecksumCRC64NVME>rosUhgp5mIg=</ChecksumCRC64NVME></")
        );
        assert_eq!(answer.header("etag"), None);
    }
}
