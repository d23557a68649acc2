//! Room: AbortMultipartUpload.
//!
//! Source: S3 API Reference, AbortMultipartUpload.

use alloc::string::String;

use super::common::Common;
use super::unbuilt;
use crate::answer::Answer;
use crate::error::S3Error;
use crate::request::Head;
use crate::route::Operation;

/// What an AbortMultipartUpload request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbortUploadInput {
    /// The upload, as sent.
    pub upload_id: String,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl AbortUploadInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `NotImplemented` for a conditional abort.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::AbortMultipartUpload)?;
        Ok(Self {
            upload_id: String::from(head.query.get("uploadId").unwrap_or_default()),
            common: Common::parse(head, Operation::AbortMultipartUpload)?,
        })
    }
}

/// The answer of AbortMultipartUpload.
#[must_use]
pub fn answer() -> Answer {
    Answer::empty(204)
}
