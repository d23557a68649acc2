//! Room: GetBucketAcl, PutBucketAcl, GetObjectAcl and PutObjectAcl.
//!
//! Source: S3 API Reference, the pages of these names.

use super::common::Common;
use super::{unbuilt, version};
use crate::acl::{self, Acl, AclOf};
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::{ErrorCode, S3Error};
use crate::name::{AccountId, VersionId};
use crate::request::{Head, Target};
use crate::route::Operation;

/// What the head of a request on a list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclInput {
    /// The version of the object that is meant; `None` for the latest one, and for a bucket.
    pub version: Option<VersionId>,
    /// What the headers of a PUT want.
    pub asked: Option<Acl>,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl AclInput {
    /// Reads the head of one of the four operations.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no version id; as [`Acl::of_headers`].
    pub fn parse(head: &Head, operation: Operation, account: &AccountId) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        let (of, version) = match head.target {
            Target::Object(..) => (AclOf::Object, version::asked(head)?),
            Target::Bucket(_) | Target::Service => (AclOf::Bucket, None),
        };
        let asked = Acl::of_headers(head, of, account)?;
        Ok(Self { version, asked, common: Common::parse(head, operation)? })
    }

    /// What the whole of a PUT wants.
    ///
    /// # Errors
    /// `UnexpectedContent` for a document beside headers; `MissingSecurityHeader` for neither; as
    /// [`Acl::of_document`].
    pub fn wanted(&self, body: &[u8], account: &AccountId) -> Result<Acl, S3Error> {
        match (self.asked, body.trim_ascii().is_empty()) {
            (Some(asked), true) => Ok(asked),
            (Some(_), false) => Err(S3Error::new(
                ErrorCode::UnexpectedContent,
                "This request does not support content",
            )),
            (None, false) => Acl::of_document(body, account, "PUT"),
            (None, true) => Err(S3Error::new(
                ErrorCode::MissingSecurityHeader,
                "Your request was missing a required header",
            )
            .with("MissingHeaderName", "x-amz-acl")),
        }
    }
}

/// What proves the body of a PUT. S3 wants Content-MD5 or a checksum for a document; with a canned list there is no
/// body, and clients send neither.
pub const INTEGRITY: Integrity = Integrity::Optional;

/// The answer of the two GETs: the owner may do everything.
#[must_use]
pub fn get_answer(owner: &AccountId) -> Answer {
    Answer::xml(acl::document(owner))
}

/// The answer of the two PUTs.
#[must_use]
pub fn put_answer() -> Answer {
    Answer::empty(200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::testing::{body, head};

    #[test]
    fn a_list_comes_in_headers_or_in_the_body() {
        // rule: acl/header-and-document, acl/nothing-asked
        let account = AccountId::parse("000000000000").unwrap();
        let wanted = |headers: &[(&str, &str)], body: &[u8]| {
            let request = head("PUT", "/bucket/key?acl", headers);
            AclInput::parse(&request, Operation::PutObjectAcl, &account)?.wanted(body, &account)
        };
        let private = [("x-amz-acl", "private")];
        let document = acl::document(&account).finish();
        assert_eq!(wanted(&private, b""), Ok(Acl::Owner));
        assert_eq!(wanted(&[], &document), Ok(Acl::Owner));
        let error = wanted(&private, &document).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnexpectedContent);
        let error = wanted(&[], b"").unwrap_err();
        assert_eq!(error.code, ErrorCode::MissingSecurityHeader);
        assert_eq!(error.detail("MissingHeaderName"), Some("x-amz-acl"));
    }

    #[test]
    fn the_owner_may_do_everything() {
        // rule: acl/told
        let account = AccountId::parse("000000000000").unwrap();
        let id = account.canonical_id();
        assert_eq!(
            body(&get_answer(&account)),
            alloc::format!(
                "<AccessControlPolicy><Owner><ID>{id}</ID><DisplayName>000000000000</DisplayName></Owner>\
                 <AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                 xsi:type=\"CanonicalUser\"><ID>{id}</ID><DisplayName>000000000000</DisplayName></Grantee>\
                 <Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
            )
        );
    }
}
