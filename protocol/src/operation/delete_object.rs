//! Room: DeleteObject.
//!
//! Source: S3 API Reference, DeleteObject.

use super::common::Common;
use super::delete_condition::DeleteCondition;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::error::S3Error;
use crate::request::Head;
use crate::route::Operation;

/// What a DeleteObject request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteObjectInput {
    /// What must hold of the object.
    pub condition: DeleteCondition,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl DeleteObjectInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `NotImplemented` for the conditions of directory buckets; `InvalidArgument` for a version.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::DeleteObject)?;
        version::check(head)?;
        Ok(Self {
            condition: DeleteCondition::parse(head)?,
            common: Common::parse(head, Operation::DeleteObject)?,
        })
    }
}

/// The answer of DeleteObject, whether there was an object or not.
#[must_use]
pub fn answer() -> Answer {
    Answer::empty(204)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    #[test]
    fn the_null_version_is_the_object() {
        assert!(DeleteObjectInput::parse(&head("DELETE", "/b12/k?versionId=null", &[])).is_ok());
        let other = head("DELETE", "/b12/k?versionId=v1", &[]);
        let error = DeleteObjectInput::parse(&other).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "Invalid version id specified");
        assert!(error.details.contains(&("ArgumentName", "versionId".into())));
        assert!(error.details.contains(&("ArgumentValue", "v1".into())));
    }
}
