//! Room: DeleteBucket.
//!
//! Source: S3 API Reference, DeleteBucket.

use super::common::Common;
use super::unbuilt;
use crate::answer::Answer;
use crate::error::S3Error;
use crate::request::Head;
use crate::route::Operation;

/// What a DeleteBucket request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteBucketInput {
    /// Who must own the bucket.
    pub common: Common,
}

impl DeleteBucketInput {
    /// Reads the request.
    ///
    /// # Errors
    /// As [`Common::parse`].
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::DeleteBucket)?;
        Ok(Self { common: Common::parse(head, Operation::DeleteBucket)? })
    }
}

/// The answer of DeleteBucket.
#[must_use]
pub fn answer() -> Answer {
    Answer::empty(204)
}
