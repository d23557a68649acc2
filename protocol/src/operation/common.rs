//! Room: what nearly every operation can say about the parties: who must own the bucket, who pays.
//!
//! Source: S3 API Reference, x-amz-expected-bucket-owner, x-amz-source-expected-bucket-owner and
//! x-amz-request-payer; S3 User Guide, "Verifying bucket ownership with bucket owner condition".

use crate::error::S3Error;
use crate::name::AccountId;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::write::Element;

/// The parties that a request names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Common {
    /// The account that must own the bucket; for a copy, the destination.
    pub expected_owner: Option<AccountId>,
    /// The account that must own the bucket of a copy's source.
    pub source_expected_owner: Option<AccountId>,
    /// The requester agrees to pay. No bucket asks for it yet.
    pub payer: bool,
}

impl Common {
    /// Reads those of the headers that S3 knows on `operation`; it ignores the others.
    ///
    /// # Errors
    /// `InvalidBucketOwnerAWSAccountID` for an owner that is not an account id; `InvalidArgument`
    /// for another payer than the requester.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        use Operation as O;
        let named = |wanted: bool, header: &str| {
            if wanted {
                head.headers.get_non_empty(header).map(account).transpose()
            } else {
                Ok(None)
            }
        };
        let has_owner = !matches!(operation, O::ListBuckets | O::CreateBucket);
        let has_payer = has_owner
            && !matches!(
                operation,
                O::HeadBucket
                    | O::GetBucketLocation
                    | O::DeleteBucket
                    | O::GetBucketVersioning
                    | O::PutBucketVersioning
                    | O::GetBucketLifecycleConfiguration
                    | O::PutBucketLifecycleConfiguration
                    | O::DeleteBucketLifecycle
                    | O::GetObjectLockConfiguration
                    | O::DeleteObjectTagging
            );
        Ok(Self {
            expected_owner: named(has_owner, "x-amz-expected-bucket-owner")?,
            source_expected_owner: named(
                matches!(operation, O::CopyObject | O::UploadPartCopy),
                "x-amz-source-expected-bucket-owner",
            )?,
            payer: has_payer && payer(head)?,
        })
    }

    /// Checks who owns the bucket of the request.
    ///
    /// # Errors
    /// `AccessDenied` if it is not who was expected.
    pub fn check(&self, owner: &AccountId) -> Result<(), S3Error> {
        expect(self.expected_owner.as_ref(), owner)
    }

    /// Checks who owns the bucket of a copy's source.
    ///
    /// # Errors
    /// `AccessDenied` if it is not who was expected.
    pub fn check_source(&self, owner: &AccountId) -> Result<(), S3Error> {
        expect(self.source_expected_owner.as_ref(), owner)
    }
}

fn expect(expected: Option<&AccountId>, owner: &AccountId) -> Result<(), S3Error> {
    match expected {
        Some(expected) if expected != owner => Err(S3Error::access_denied()),
        _ => Ok(()),
    }
}

fn account(value: &str) -> Result<AccountId, S3Error> {
    AccountId::parse(value).ok_or_else(|| S3Error::invalid_bucket_owner(value))
}

fn payer(head: &Head) -> Result<bool, S3Error> {
    const HEADER: &str = "x-amz-request-payer";
    match head.headers.get_non_empty(HEADER) {
        None => Ok(false),
        Some("requester") => Ok(true),
        Some(other) => {
            let message = "The value of x-amz-request-payer must be requester";
            Err(S3Error::invalid_argument(HEADER, Some(other), message))
        }
    }
}

/// Writes an account as S3 shows owners and initiators: its canonical id, and a name to display.
pub(crate) fn write_account(parent: &mut Element<'_>, name: &str, account: &AccountId) {
    parent.nest(name, |element| {
        element.text("ID", &account.canonical_id()).text("DisplayName", account.as_str());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    #[test]
    fn an_owner_is_twelve_digits() {
        // rule: every/expected-owner
        let request = head("GET", "/bucket/key", &[("x-amz-expected-bucket-owner", "12345")]);
        let error = Common::parse(&request, Operation::GetObject).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidBucketOwnerAwsAccountId);
        assert_eq!(
            error.message,
            "The value of the expected bucket owner parameter must be an AWS Account ID... [12345]"
        );
        // S3: ListBuckets has no such header.
        assert!(Common::parse(&request, Operation::ListBuckets).is_ok());
    }

    #[test]
    fn each_side_has_its_owner() {
        // rule: every/expected-owner
        let mine = AccountId::parse("000000000000").unwrap();
        let other = AccountId::parse("111111111111").unwrap();
        let request = head(
            "PUT",
            "/bucket/key",
            &[
                ("x-amz-expected-bucket-owner", "000000000000"),
                ("x-amz-source-expected-bucket-owner", "111111111111"),
            ],
        );
        let common = Common::parse(&request, Operation::UploadPartCopy).unwrap();
        assert!(common.check(&mine).is_ok() && common.check_source(&other).is_ok());
        assert_eq!(common.check(&other).unwrap_err().code, ErrorCode::AccessDenied);
        assert_eq!(common.check_source(&mine).unwrap_err().code, ErrorCode::AccessDenied);
        let common = Common::parse(&request, Operation::UploadPart).unwrap();
        assert_eq!(common.source_expected_owner, None);
    }

    #[test]
    fn only_the_requester_can_pay() {
        // rule: every/request-payer
        let parse = |value| {
            Common::parse(
                &head("GET", "/bucket/key", &[("x-amz-request-payer", value)]),
                Operation::GetObject,
            )
        };
        assert!(parse("requester").unwrap().payer);
        assert!(!parse("").unwrap().payer);
        assert_eq!(parse("BucketOwner").unwrap_err().code, ErrorCode::InvalidArgument);
    }
}
