//! Room: PutObject.
//!
//! Source: S3 API Reference, PutObject.

use super::common::Common;
use super::write_condition::WriteCondition;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::checksum::Checksum;
use crate::error::S3Error;
use crate::etag::ETag;
use crate::lock::ObjectLock;
use crate::metadata::ObjectMetadata;
use crate::request::Head;
use crate::route::Operation;
use crate::storage_class::StorageClass;
use crate::tagging::TagSet;

/// What the head of a PutObject request says, save what it says of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutObjectInput {
    /// The headers to keep with the object.
    pub metadata: ObjectMetadata,
    /// The object's tags.
    pub tags: TagSet,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// What is to protect it, save what its bucket adds.
    pub lock: ObjectLock,
    /// Under what condition it is written.
    pub condition: WriteCondition,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl PutObjectInput {
    /// Reads the head of the request.
    ///
    /// # Errors
    /// `NotImplemented` for what [`unbuilt`] lists and for conditions that S3 does not take; what
    /// metadata, tags, storage class and lock may have wrong with them.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::PutObject)?;
        version::check_none(head)?;
        Ok(Self {
            metadata: ObjectMetadata::parse(head)?,
            tags: tags(head)?,
            storage_class: StorageClass::of_head(head)?,
            lock: ObjectLock::of_head(head)?,
            condition: WriteCondition::parse(head)?,
            common: Common::parse(head, Operation::PutObject)?,
        })
    }
}

/// The tags that a new object is given in a header.
pub(crate) fn tags(head: &Head) -> Result<TagSet, S3Error> {
    let header = head.headers.get_non_empty("x-amz-tagging");
    header.map_or_else(|| Ok(TagSet::default()), TagSet::parse_header)
}

/// The answer of PutObject.
#[must_use]
pub fn answer(etag: &ETag, checksum: Option<&Checksum>) -> Answer {
    Answer::empty(200).with("etag", etag.quoted()).with_checksum(checksum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::ChecksumValue;
    use crate::error::ErrorCode;
    use crate::operation::testing::{head, pairs};

    #[test]
    fn what_a_default_client_sends_is_understood() {
        let request = head(
            "PUT",
            "/bucket/key",
            &[
                ("content-type", "text/plain"),
                ("content-encoding", "aws-chunked"),
                ("x-amz-sdk-checksum-algorithm", "CRC32"),
                ("x-amz-trailer", "x-amz-checksum-crc32"),
                ("x-amz-meta-color", "red"),
                ("x-amz-tagging", "a=1"),
                ("x-amz-storage-class", "STANDARD"),
                ("if-none-match", "*"),
            ],
        );
        let input = PutObjectInput::parse(&request).unwrap();
        assert_eq!(input.metadata.content_type.as_deref(), Some("text/plain"));
        assert_eq!(input.metadata.content_encoding, None);
        assert_eq!(input.metadata.user, [("color".into(), "red".into())]);
        assert_eq!(input.tags.len(), 1);
        assert_eq!(input.storage_class, StorageClass::Standard);
        assert!(input.lock.is_empty());
        assert_eq!(input.condition, WriteCondition::IfNoneMatchAny);
    }

    #[test]
    fn a_version_cannot_be_written() {
        // rule: put/no-version-id
        let error = PutObjectInput::parse(&head("PUT", "/bucket/key?versionId=null", &[]));
        let error = error.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "This operation does not accept a version-id.");
    }

    #[test]
    fn the_answer_tells_the_checksum_and_its_type() {
        // rule: put/answer
        let checksum = Checksum::full_object(ChecksumValue::from_crc32(0xCBF4_3926));
        let answer = answer(&ETag::from_text("abc").unwrap(), Some(&checksum));
        assert_eq!(
            pairs(&answer),
            [
                ("etag", "\"abc\""),
                ("x-amz-checksum-crc32", "y/Q5Jg=="),
                ("x-amz-checksum-type", "FULL_OBJECT"),
            ]
        );
    }
}
