//! Room: DeleteObject.
//!
//! Source: S3 API Reference, DeleteObject.

use super::common::Common;
use super::delete_condition::DeleteCondition;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::error::S3Error;
use crate::lock;
use crate::name::VersionId;
use crate::request::Head;
use crate::route::Operation;

/// What a DeleteObject request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteObjectInput {
    /// The version to take away for good; `None` to delete the key.
    pub version: Option<VersionId>,
    /// What must hold of the object.
    pub condition: DeleteCondition,
    /// A retention in mode GOVERNANCE is no obstacle.
    pub bypass: bool,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl DeleteObjectInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `NotImplemented` for the conditions of directory buckets; `InvalidArgument` for what is no
    /// version id, and for a bypass that is neither true nor false.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::DeleteObject)?;
        Ok(Self {
            version: version::asked(head)?,
            condition: DeleteCondition::parse(head)?,
            bypass: lock::bypass(head)?,
            common: Common::parse(head, Operation::DeleteObject)?,
        })
    }
}

/// What a delete has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The key names nothing any more, in a bucket without versions; it may have named nothing
    /// before.
    Key,
    /// A delete marker was written.
    Marked(VersionId),
    /// This version is gone for good; it may not have been there before.
    Version {
        /// Its id.
        id: VersionId,
        /// Whether it was a delete marker.
        marker: bool,
    },
}

/// The answer of DeleteObject.
#[must_use]
pub fn answer(deleted: Deleted) -> Answer {
    let (id, marker) = match deleted {
        Deleted::Key => (None, false),
        Deleted::Marked(id) => (Some(id), true),
        Deleted::Version { id, marker } => (Some(id), marker),
    };
    let answer = Answer::empty(204);
    let answer = if marker { answer.with("x-amz-delete-marker", "true") } else { answer };
    answer.with_version(id)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{head, pairs};

    const ID: VersionId = VersionId::Number(7);

    #[test]
    fn the_query_names_the_version() {
        // rule: version-id/malformed
        let version = |query: &str| {
            let request = head("DELETE", &format!("/b12/k{query}"), &[]);
            DeleteObjectInput::parse(&request).map(|input| input.version)
        };
        assert_eq!(version(""), Ok(None));
        assert_eq!(version("?versionId=null"), Ok(Some(VersionId::Null)));
        assert_eq!(version(&format!("?versionId={ID}")), Ok(Some(ID)));
        let error = version("?versionId=v1").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "Invalid version id specified");
        assert_eq!(error.detail("ArgumentName"), Some("versionId"));
        assert_eq!(error.detail("ArgumentValue"), Some("v1"));
    }

    #[test]
    fn the_answer_tells_what_was_done() {
        let text = ID.to_string();
        let version = ("x-amz-version-id", text.as_str());
        let marker = ("x-amz-delete-marker", "true");
        for (deleted, headers) in [
            (Deleted::Key, &[][..]),
            // rule: delete/marker-written
            (Deleted::Marked(ID), &[marker, version]),
            // rule: delete/version
            (Deleted::Version { id: ID, marker: false }, &[version]),
            // rule: delete/marker-by-id
            (Deleted::Version { id: ID, marker: true }, &[marker, version]),
        ] {
            let answer = answer(deleted);
            assert_eq!((answer.status, &pairs(&answer)[..]), (204, headers), "{deleted:?}");
        }
    }
}
