//! Room: HeadObject: GetObject without the bytes.
//!
//! Source: S3 API Reference, HeadObject.

use alloc::string::ToString;

use super::common::Common;
use super::get_object::{GetObjectInput, ObjectFacts};
use crate::answer::Answer;
use crate::error::S3Error;
use crate::name::VersionId;
use crate::part::PartNumber;
use crate::request::Head;
use crate::route::Operation;
use crate::time::Timestamp;

/// What a HeadObject request says.
#[derive(Debug, Clone)]
pub struct HeadObjectInput(GetObjectInput);

impl HeadObjectInput {
    /// Reads the request.
    ///
    /// # Errors
    /// As [`GetObjectInput::parse`].
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        GetObjectInput::parse_as(head, Operation::HeadObject).map(Self)
    }

    /// Who must own the bucket, who pays.
    #[must_use]
    pub fn common(&self) -> &Common {
        &self.0.common
    }

    /// The version asked for; `None` for the latest one.
    #[must_use]
    pub fn version(&self) -> Option<VersionId> {
        self.0.version
    }

    /// The part asked for; see [`GetObjectInput::part`].
    #[must_use]
    pub fn part(&self) -> Option<PartNumber> {
        self.0.part
    }

    /// Decides what to answer for an object: what GetObject would, with the length that its body
    /// would have.
    ///
    /// # Errors
    /// As [`GetObjectInput::plan`].
    pub fn answer(&self, object: &ObjectFacts<'_>, now: Timestamp) -> Result<Answer, S3Error> {
        let reading = self.0.plan(object, now)?;
        Ok(match reading.answer.status {
            304 => reading.answer,
            _ => reading.answer.with("content-length", reading.bytes.len().to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etag::ETag;
    use crate::lock::ObjectLock;
    use crate::metadata::ObjectMetadata;
    use crate::operation::testing::head;
    use crate::storage_class::StorageClass;

    #[test]
    fn the_length_is_that_of_the_bytes_not_sent() {
        // rule: head/as-get
        let object = ObjectFacts {
            len: 10,
            etag: &ETag::from_text("a").unwrap(),
            modified: Timestamp::from_millis(0),
            metadata: &ObjectMetadata::default(),
            checksum: None,
            tags: 0,
            storage_class: StorageClass::Standard,
            lock: ObjectLock::default(),
            parts: None,
            version: None,
        };
        let answer = |headers: &[(&str, &str)]| {
            HeadObjectInput::parse(&head("HEAD", "/bucket/key", headers))
                .unwrap()
                .answer(&object, Timestamp::from_millis(1))
                .unwrap()
        };
        assert_eq!(answer(&[]).header("content-length"), Some("10"));
        let part = answer(&[("range", "bytes=2-4")]);
        assert_eq!((part.status, part.header("content-length")), (206, Some("3")));
        assert_eq!(part.header("x-amz-tagging-count"), None);
        let unchanged = answer(&[("if-none-match", "a")]);
        assert_eq!((unchanged.status, unchanged.header("content-length")), (304, None));
    }
}
