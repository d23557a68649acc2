//! Room: PutObjectTagging, GetObjectTagging and DeleteObjectTagging.
//!
//! Source: S3 API Reference, the pages of these names.

use super::common::Common;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::name::VersionId;
use crate::request::Head;
use crate::route::Operation;
use crate::tagging::{TagSet, Tagged};

/// What the head of a request on an object's tags says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectTaggingInput {
    /// The version whose tags are meant; `None` for the latest one.
    pub version: Option<VersionId>,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl ObjectTaggingInput {
    /// Reads the head of one of the three operations.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no version id.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        let version = version::asked(head)?;
        Ok(Self { version, common: Common::parse(head, operation)? })
    }
}

/// What proves the body of PutObjectTagging: S3 wants Content-MD5 or a checksum.
pub const INTEGRITY: Integrity = Integrity::Required;

/// Reads the body of PutObjectTagging.
///
/// # Errors
/// As [`TagSet::parse`].
pub fn parse_body(bytes: &[u8]) -> Result<TagSet, S3Error> {
    TagSet::parse(Tagged::Object, bytes)
}

/// The answer of GetObjectTagging.
#[must_use]
pub fn get_answer(tags: &TagSet) -> Answer {
    Answer::xml(tags.document())
}

/// The answer of PutObjectTagging.
#[must_use]
pub fn put_answer() -> Answer {
    Answer::empty(200)
}

/// The answer of DeleteObjectTagging.
#[must_use]
pub fn delete_answer() -> Answer {
    Answer::empty(204)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::body;

    #[test]
    fn tags_go_in_and_out() {
        // rule: tagging/document
        let inner = "<TagSet><Tag><Key>a</Key><Value>1 + 2</Value></Tag>\
             <Tag><Key>b</Key><Value></Value></Tag></TagSet>";
        let sent = alloc::format!(
            "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inner}</Tagging>"
        );
        let tags = parse_body(sent.as_bytes()).unwrap();
        assert_eq!(tags.iter().count(), 2);
        assert_eq!(body(&get_answer(&tags)), alloc::format!("<Tagging>{inner}</Tagging>"));
        let none = parse_body(b"<Tagging><TagSet/></Tagging>").unwrap();
        assert_eq!(body(&get_answer(&none)), "<Tagging><TagSet></TagSet></Tagging>");
    }

    #[test]
    fn what_is_no_tagging_is_malformed() {
        // rule: tagging/malformed
        for bad in [
            "",
            "<Tagging/>",
            "<Other><TagSet/></Other>",
            "<Tagging><TagSet/><TagSet/></Tagging>",
            "<Tagging><TagSet><Key>a</Key></TagSet></Tagging>",
            "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
            "<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>",
            "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value/></Tag></TagSet></Tagging>",
        ] {
            assert_eq!(
                parse_body(bad.as_bytes()).unwrap_err().code,
                ErrorCode::MalformedXml,
                "{bad}"
            );
        }
        let twice = "<Tag><Key>a</Key><Value>1</Value></Tag>".repeat(2);
        let twice = alloc::format!("<Tagging><TagSet>{twice}</TagSet></Tagging>");
        assert_eq!(parse_body(twice.as_bytes()).unwrap_err().code, ErrorCode::InvalidTag);
    }
}
