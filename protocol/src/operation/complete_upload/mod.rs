//! Room: CompleteMultipartUpload: what the head says, and the answer. [`listed`] reads the body,
//! [`decide`] makes an object of the parts.
//!
//! Source: S3 API Reference, CompleteMultipartUpload.

mod decide;
mod listed;

use alloc::format;
use alloc::string::String;

pub use self::decide::{Completed, StoredPart, decide};
pub use self::listed::{ListedChecksum, ListedPart, has_made, parse_body};
use super::common::Common;
use super::write_condition::WriteCondition;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::body::Integrity;
use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use crate::error::S3Error;
use crate::etag::ETag;
use crate::name::{BucketName, ObjectKey};
use crate::percent;
use crate::request::{AddressStyle, Head};
use crate::route::Operation;
use crate::xml::write::Document;

/// What the head of a CompleteMultipartUpload request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteUploadInput {
    /// The upload, as sent.
    pub upload_id: String,
    /// Under what condition the object is written.
    pub condition: WriteCondition,
    /// The type of checksum that the client takes the upload to have.
    pub checksum_type: Option<ChecksumType>,
    /// The checksum that the client takes the object to have, as sent. It is not one of the
    /// request's body.
    pub checksum: Option<(ChecksumAlgorithm, String)>,
    /// The length that the client takes the object to have, as sent.
    pub object_size: Option<String>,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl CompleteUploadInput {
    /// Reads the head of the request. Size and checksum are kept as sent: their faults are answered
    /// late, by [`decide`].
    ///
    /// # Errors
    /// `InvalidRequest` for two checksums and for an unknown type of checksum; `NotImplemented` for
    /// encryption and for conditions that S3 does not take.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::CompleteMultipartUpload)?;
        version::check_none(head)?;
        let checksum_type = head.headers.get_non_empty("x-amz-checksum-type");
        Ok(Self {
            upload_id: String::from(head.query.get("uploadId").unwrap_or_default()),
            condition: WriteCondition::parse(head)?,
            checksum_type: checksum_type.map(ChecksumType::parse).transpose()?,
            checksum: checksum(head)?,
            object_size: head.headers.get_non_empty("x-amz-mp-object-size").map(String::from),
            common: Common::parse(head, Operation::CompleteMultipartUpload)?,
        })
    }
}

/// What proves the body: a checksum header speaks of the object.
pub const INTEGRITY: Integrity = Integrity::OfObject;

fn checksum(head: &Head) -> Result<Option<(ChecksumAlgorithm, String)>, S3Error> {
    let mut found = None;
    for algorithm in ChecksumAlgorithm::ALL {
        let Some(value) = head.headers.get_non_empty(algorithm.header()) else { continue };
        if found.replace((algorithm, String::from(value))).is_some() {
            return Err(S3Error::multiple_checksums());
        }
    }
    Ok(found)
}

/// The address of the object of a request, as its client reached this node: by its scheme, its `Host` and
/// its style.
#[must_use]
pub fn location(head: &Head, bucket: &BucketName, key: &ObjectKey) -> String {
    let scheme = if head.secure { "https" } else { "http" };
    let host = head.headers.get_non_empty("host").unwrap_or("localhost");
    let key = percent::encode_path(key.as_str());
    match head.style {
        AddressStyle::Path => format!("{scheme}://{host}/{bucket}/{key}"),
        AddressStyle::VirtualHost => format!("{scheme}://{host}/{key}"),
    }
}

/// What the answer tells of the new object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewObject<'a> {
    /// Its address; see [`location`].
    pub location: &'a str,
    /// Its bucket.
    pub bucket: &'a BucketName,
    /// Its key.
    pub key: &'a ObjectKey,
    /// Its ETag.
    pub etag: &'a ETag,
    /// Its checksum.
    pub checksum: Option<&'a Checksum>,
}

/// The answer of CompleteMultipartUpload.
#[must_use]
pub fn answer(object: NewObject<'_>) -> Answer {
    Answer::xml(Document::new("CompleteMultipartUploadResult", |root| {
        root.text("Location", object.location)
            .text("Bucket", object.bucket.as_str())
            .text("Key", object.key.as_str())
            .text("ETag", &object.etag.quoted());
        if let Some(checksum) = object.checksum {
            root.text(checksum.value.algorithm().element(), &checksum.text())
                .text("ChecksumType", checksum.kind.as_str());
        }
    }))
}

#[cfg(test)]
mod tests;
