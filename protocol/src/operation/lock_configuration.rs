//! Room: GetObjectLockConfiguration and PutObjectLockConfiguration.
//!
//! Source: S3 API Reference, the pages of these names.

use super::common::Common;
use super::unbuilt;
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::request::Head;
use crate::route::Operation;

/// What the head of a request about a bucket's object lock says. The token that S3 once wanted for
/// buckets that exist already says nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockConfigurationInput {
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl LockConfigurationInput {
    /// Reads the head of one of the two operations.
    ///
    /// # Errors
    /// `InvalidBucketOwnerAWSAccountID`.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        Ok(Self { common: Common::parse(head, operation)? })
    }
}

/// What proves the body of PutObjectLockConfiguration: S3 wants Content-MD5 or a checksum.
pub const INTEGRITY: Integrity = Integrity::Required;

/// The answer of PutObjectLockConfiguration.
#[must_use]
pub fn put_answer() -> Answer {
    Answer::empty(200)
}
