//! Room: GetBucketVersioning and PutBucketVersioning.
//!
//! Source: S3 API Reference, the pages of these names.

use alloc::string::String;

use super::common::Common;
use super::unbuilt;
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::{ErrorCode, S3Error};
use crate::request::Head;
use crate::route::Operation;
use crate::versioning::Versioning;
use crate::xml::read::Body;
use crate::xml::write::Document;

/// What the head of a request about a bucket's versions says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketVersioningInput {
    /// Who must own the bucket.
    pub common: Common,
}

impl BucketVersioningInput {
    /// Reads the head of one of the two operations.
    ///
    /// # Errors
    /// `InvalidBucketOwnerAWSAccountID`.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        Ok(Self { common: Common::parse(head, operation)? })
    }
}

/// What proves the body of PutBucketVersioning: S3 wants Content-MD5 or a checksum.
pub const INTEGRITY: Integrity = Integrity::Required;

/// Reads the body of PutBucketVersioning: what the bucket is to be, enabled or suspended.
///
/// # Errors
/// `MalformedXML`; `IllegalVersioningConfigurationException` where nothing is said of versions;
/// `NotImplemented` for deletes that need a device.
pub fn parse_body(bytes: &[u8]) -> Result<Versioning, S3Error> {
    let mut body = Body::open(bytes, "VersioningConfiguration")?;
    let (mut status, mut device) = (None::<String>, None::<String>);
    while let Some(name) = body.child()? {
        let field = match name.as_str() {
            "Status" => &mut status,
            // S3: this is how SDKs spell the element; the page of the operation shows the other one.
            "MfaDelete" | "MFADelete" => &mut device,
            _ => {
                body.skip()?;
                continue;
            }
        };
        if field.replace(body.text()?).is_some() {
            return Err(S3Error::malformed_xml());
        }
    }
    body.end()?;
    match device.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled") => {
            let additional = "VersioningConfiguration.MfaDelete is not implemented";
            return Err(S3Error::not_implemented(None, Some(additional)));
        }
        Some(_) => return Err(S3Error::malformed_xml()),
    }
    match status {
        Some(status) => Versioning::from_status(&status).ok_or_else(S3Error::malformed_xml),
        None => Err(S3Error::new(
            ErrorCode::IllegalVersioningConfigurationException,
            "The Versioning element must be specified",
        )),
    }
}

/// The answer of GetBucketVersioning.
#[must_use]
pub fn get_answer(versioning: Versioning) -> Answer {
    Answer::xml(Document::new("VersioningConfiguration", |root| {
        root.text_if("Status", versioning.status());
    }))
}

/// The answer of PutBucketVersioning.
#[must_use]
pub fn put_answer() -> Answer {
    Answer::empty(200)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::operation::testing::body;

    fn parse(inner: &str) -> Result<Versioning, ErrorCode> {
        let namespace = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
        let document =
            format!("<VersioningConfiguration {namespace}>{inner}</VersioningConfiguration>");
        parse_body(document.as_bytes()).map_err(|error| error.code)
    }

    #[test]
    fn a_status_and_nothing_else() {
        let enabled = "<Status>Enabled</Status>";
        let malformed = Err(ErrorCode::MalformedXml);
        for (inner, expected) in [
            // rule: versioning/set
            (enabled, Ok(Versioning::Enabled)),
            ("<Status>Suspended</Status>", Ok(Versioning::Suspended)),
            ("<MfaDelete>Disabled</MfaDelete><Status>Enabled</Status>", Ok(Versioning::Enabled)),
            ("<Other><x/></Other><Status>Enabled</Status>", Ok(Versioning::Enabled)),
            // rule: versioning/malformed
            ("<Status>enabled</Status>", malformed),
            ("<Status>Disabled</Status>", malformed),
            ("<Status></Status>", malformed),
            ("<Status>Enabled</Status><Status>Enabled</Status>", malformed),
            ("<MfaDelete>maybe</MfaDelete><Status>Enabled</Status>", malformed),
            // rule: versioning/status-missing
            ("", Err(ErrorCode::IllegalVersioningConfigurationException)),
            (
                "<MfaDelete>Disabled</MfaDelete>",
                Err(ErrorCode::IllegalVersioningConfigurationException),
            ),
            // rule: versioning/mfa-delete
            (
                "<MfaDelete>Enabled</MfaDelete><Status>Enabled</Status>",
                Err(ErrorCode::NotImplemented),
            ),
            (
                "<Status>Enabled</Status><MFADelete>Enabled</MFADelete>",
                Err(ErrorCode::NotImplemented),
            ),
        ] {
            assert_eq!(parse(inner), expected, "{inner}");
        }
        for bad in ["", "garbage", "<Other><Status>Enabled</Status></Other>"] {
            assert_eq!(parse_body(bad.as_bytes()).unwrap_err().code, ErrorCode::MalformedXml);
        }
        assert_eq!(
            parse_body(b"<VersioningConfiguration/>").unwrap_err().message,
            "The Versioning element must be specified"
        );
    }

    #[test]
    fn the_state_is_told() {
        for (versioning, inner) in [
            // rule: versions/never-set
            (Versioning::Unversioned, ""),
            // rule: versioning/get
            (Versioning::Enabled, "<Status>Enabled</Status>"),
            (Versioning::Suspended, "<Status>Suspended</Status>"),
        ] {
            assert_eq!(
                body(&get_answer(versioning)),
                format!("<VersioningConfiguration>{inner}</VersioningConfiguration>")
            );
        }
    }
}
