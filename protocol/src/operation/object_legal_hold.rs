//! Room: GetObjectLegalHold and PutObjectLegalHold.
//!
//! Source: S3 API Reference, the pages of these names.

use super::common::Common;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::lock::configuration::once;
use crate::lock::header::{on_or_off, parse_hold};
use crate::name::VersionId;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::read::Body;
use crate::xml::write::Document;

/// What the head of a request on a version's legal hold says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectLegalHoldInput {
    /// The version that is meant; `None` for the latest one.
    pub version: Option<VersionId>,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl ObjectLegalHoldInput {
    /// Reads the head of one of the two operations.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no version id.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        let version = version::asked(head)?;
        Ok(Self { version, common: Common::parse(head, operation)? })
    }
}

/// What proves the body of PutObjectLegalHold: S3 wants Content-MD5 or a checksum.
pub const INTEGRITY: Integrity = Integrity::Required;

/// Reads the body of PutObjectLegalHold: whether the version is held from now on.
///
/// # Errors
/// `MalformedXML` for anything but ON or OFF.
pub fn parse_body(bytes: &[u8]) -> Result<bool, S3Error> {
    let mut body = Body::open(bytes, "LegalHold")?;
    let mut status = None;
    while let Some(name) = body.child()? {
        match name.as_str() {
            "Status" => once(&mut status, body.text()?)?,
            _ => body.skip()?,
        }
    }
    body.end()?;
    status.as_deref().and_then(parse_hold).ok_or_else(S3Error::malformed_xml)
}

/// The answer of GetObjectLegalHold.
///
/// # Errors
/// `NoSuchObjectLockConfiguration` where nobody ever asked for a hold.
pub fn get_answer(held: Option<bool>) -> Result<Answer, S3Error> {
    let held = held.ok_or_else(S3Error::no_object_lock)?;
    Ok(Answer::xml(Document::new("LegalHold", |root| {
        root.text("Status", on_or_off(held));
    })))
}

/// The answer of PutObjectLegalHold.
#[must_use]
pub fn put_answer() -> Answer {
    Answer::empty(200)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::body;

    #[test]
    fn a_hold_is_on_or_off() {
        for held in [true, false] {
            // rule: get-legal-hold/answer
            let answer = get_answer(Some(held)).unwrap();
            let status = on_or_off(held);
            assert_eq!(body(&answer), format!("<LegalHold><Status>{status}</Status></LegalHold>"));
            // rule: put-legal-hold/set
            assert_eq!(parse_body(&answer.body), Ok(held));
        }
        // rule: get-legal-hold/none
        let error = get_answer(None).unwrap_err();
        assert_eq!(error.code, ErrorCode::NoSuchObjectLockConfiguration);
        // rule: put-legal-hold/malformed
        for bad in [
            "",
            "<LegalHold/>",
            "<LegalHold><Status>abc</Status></LegalHold>",
            "<LegalHold><Status>on</Status></LegalHold>",
            "<LegalHold><Status>ON</Status><Status>ON</Status></LegalHold>",
            "<Retention><Status>ON</Status></Retention>",
        ] {
            let error = parse_body(bad.as_bytes()).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedXml, "{bad}");
        }
    }
}
