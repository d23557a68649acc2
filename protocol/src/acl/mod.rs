//! Room: access control lists: what a request wants to grant, and whether it may.
//!
//! Everything belongs to one account, which may do everything; nobody else may do anything yet. So a list that
//! leaves it at that is accepted and changes nothing, and one that grants something to others is
//! refused: as S3 refuses it where the bucket has no lists, with `NotImplemented` elsewhere.
//! Invariants: nothing that was asked for is accepted and forgotten.
//! Source: S3 User Guide, "Access control list (ACL) overview" and "Controlling ownership of objects
//! and disabling ACLs for your bucket"; S3 API Reference, PutObjectAcl and PutBucketAcl.

mod read;
#[cfg(test)]
mod tests;

use alloc::format;

use crate::error::{ErrorCode, S3Error};
use crate::name::AccountId;
use crate::ownership::ObjectOwnership;
use crate::request::Head;
use crate::xml::write::Document;

const CANNED: &str = "x-amz-acl";
const GRANTS: &str = "x-amz-grant-";

/// What a list belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AclOf {
    /// An object.
    Object,
    /// A bucket.
    Bucket,
}

/// What a list comes to, for whoever reads the bucket's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acl {
    /// The owner may do everything, and nobody else anything. Every bucket takes it.
    Owner,
    /// The same in words that only a bucket with lists understands.
    OwnerByList,
    /// Something else: this header, or the document, would give it.
    Others {
        /// Where it was asked for.
        by: &'static str,
        /// Whether it lets the public in.
        public: bool,
    },
}

impl Acl {
    /// What the headers of a request want; `None` if they say nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for a canned list beside grants; `InvalidArgument` for a canned list or a grantee
    /// that S3 does not know; `MethodNotAllowed` for a grantee named by an address.
    pub fn of_headers(
        head: &Head,
        of: AclOf,
        account: &AccountId,
    ) -> Result<Option<Self>, S3Error> {
        let canned = head.headers.get_non_empty(CANNED);
        let names =
            head.headers.iter().map(|(name, _)| name).filter(|name| name.starts_with(GRANTS));
        let mut grants = names.filter_map(|name| Some((name, head.headers.get_non_empty(name)?)));
        match (canned, grants.next()) {
            (None, None) => Ok(None),
            (Some(canned), None) => Self::canned(canned, of).map(Some),
            (None, Some(first)) => {
                let mut list = read::Grants::default();
                for (name, value) in core::iter::once(first).chain(grants) {
                    list.header(name, value, account, head.method.as_str())?;
                }
                Ok(Some(list.acl(GRANTS)))
            }
            (Some(_), Some(_)) => Err(S3Error::invalid_request(
                "Specifying both Canned ACLs and Header Grants is not allowed",
            )),
        }
    }

    /// What a canned list comes to.
    ///
    /// # Errors
    /// `InvalidArgument` for one that S3 does not have there.
    pub fn canned(name: &str, of: AclOf) -> Result<Self, S3Error> {
        let others = |public| Ok(Self::Others { by: CANNED, public });
        match (name, of) {
            ("private", _) | ("bucket-owner-full-control", AclOf::Object) => Ok(Self::Owner),
            ("bucket-owner-read", AclOf::Object) => Ok(Self::OwnerByList),
            ("public-read" | "public-read-write" | "authenticated-read", _) => others(true),
            ("aws-exec-read", _) | ("log-delivery-write", AclOf::Bucket) => others(false),
            // S3 ignores those of objects on a bucket.
            ("bucket-owner-full-control" | "bucket-owner-read", AclOf::Bucket) => Ok(Self::Owner),
            _ => Err(S3Error::invalid_argument(CANNED, Some(name), "")),
        }
    }

    /// Reads an `AccessControlPolicy` document.
    ///
    /// # Errors
    /// `MalformedACLError`; `InvalidArgument` for a grantee that S3 does not know; `MethodNotAllowed` for one
    /// named by an address.
    pub fn of_document(bytes: &[u8], account: &AccountId, method: &str) -> Result<Self, S3Error> {
        Ok(read::document(bytes, account, method)?.acl("AccessControlPolicy"))
    }

    /// Whether the bucket takes it. `block_public`: whether lists that let the public in are blocked.
    ///
    /// # Errors
    /// `AccessControlListNotSupported` where the bucket has no lists; `AccessDenied` for what is blocked;
    /// `NotImplemented` for the rest that grants something to others.
    pub fn check(self, ownership: ObjectOwnership, block_public: bool) -> Result<(), S3Error> {
        match self {
            Self::Owner => Ok(()),
            Self::OwnerByList | Self::Others { .. }
                if ownership == ObjectOwnership::BucketOwnerEnforced =>
            {
                Err(S3Error::new(
                    ErrorCode::AccessControlListNotSupported,
                    "The bucket does not allow ACLs",
                ))
            }
            Self::OwnerByList => Ok(()),
            Self::Others { public: true, .. } if block_public => Err(S3Error::access_denied()),
            Self::Others { by, .. } => {
                let additional = format!("A grant to others by {by} is not implemented");
                Err(S3Error::not_implemented(None, Some(&additional)))
            }
        }
    }

    /// Whether a new bucket may have it.
    ///
    /// # Errors
    /// `InvalidBucketAclWithObjectOwnership` where the bucket is to have no lists;
    /// `InvalidBucketAclWithBlockPublicAccessError` for one that lets the public in, which every new
    /// bucket blocks; `NotImplemented` for the rest that grants something to others.
    pub fn check_new_bucket(self, ownership: ObjectOwnership) -> Result<(), S3Error> {
        if self != Self::Owner && ownership == ObjectOwnership::BucketOwnerEnforced {
            return Err(S3Error::new(
                ErrorCode::InvalidBucketAclWithObjectOwnership,
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            ));
        }
        if let Self::Others { public: true, .. } = self {
            return Err(S3Error::new(
                ErrorCode::InvalidBucketAclWithBlockPublicAccessError,
                "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
            ));
        }
        self.check(ownership, true)
    }
}

/// The list of everything: its owner may do everything.
#[must_use]
pub fn document(owner: &AccountId) -> Document {
    const GRANTEE: &str =
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"";
    let (id, name) = (owner.canonical_id(), owner.as_str());
    Document::new("AccessControlPolicy", |root| {
        root.nest("Owner", |element| {
            element.text("ID", &id).text("DisplayName", name);
        });
        root.nest("AccessControlList", |list| {
            list.nest("Grant", |grant| {
                grant.nest_with("Grantee", GRANTEE, |grantee| {
                    grantee.text("ID", &id).text("DisplayName", name);
                });
                grant.text("Permission", "FULL_CONTROL");
            });
        });
    })
}
