//! Room: what the heads of all requests about a configuration of a bucket say.
//!
//! Source: S3 API Reference, the pages of PutBucket…, GetBucket… and DeleteBucket….

use alloc::string::String;

use super::common::Common;
use super::unbuilt;
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::request::Head;
use crate::route::Operation;

/// What the head of such a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationInput {
    /// Who must own the bucket.
    pub common: Common,
}

impl ConfigurationInput {
    /// Reads the head.
    ///
    /// # Errors
    /// `InvalidBucketOwnerAWSAccountID`.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        Ok(Self { common: Common::parse(head, operation)? })
    }
}

/// What proves the document that is put: S3 wants Content-MD5 or a checksum.
pub const INTEGRITY: Integrity = Integrity::Required;

/// The answer to a GET: the document as it is kept.
#[must_use]
pub fn got(document: String) -> Answer {
    Answer { body: document.into_bytes(), ..Answer::empty(200) }
        .with("content-type", "application/xml")
}

/// The answer to a PUT.
#[must_use]
pub fn put() -> Answer {
    Answer::empty(200)
}

/// The answer to a PUT of tags, and to every DELETE, whether there was something or not.
#[must_use]
pub fn done() -> Answer {
    Answer::empty(204)
}
