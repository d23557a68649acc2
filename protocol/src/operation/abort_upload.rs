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
use crate::time::Timestamp;

/// What an AbortMultipartUpload request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbortUploadInput {
    /// The upload, as sent.
    pub upload_id: String,
    /// When the upload must have begun. S3 has this for directory buckets; here every bucket takes it.
    pub initiated: Option<Timestamp>,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl AbortUploadInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a time that is no date: what was meant to be a condition must not be passed over.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::AbortMultipartUpload)?;
        let date = |text: &str| {
            let message = "The value of x-amz-if-match-initiated-time must be an HTTP date";
            let refused = || S3Error::invalid_argument(INITIATED, Some(text), message);
            Timestamp::parse_http_date(text).ok_or_else(refused)
        };
        Ok(Self {
            upload_id: String::from(head.query.get("uploadId").unwrap_or_default()),
            initiated: head.headers.get_non_empty(INITIATED).map(date).transpose()?,
            common: Common::parse(head, Operation::AbortMultipartUpload)?,
        })
    }

    /// Decides for the upload that began then; `None` if there is none. Whether there is anything to abort.
    ///
    /// # Errors
    /// `NoSuchUpload`, unless the request has a condition: S3 takes the upload for aborted then.
    /// `PreconditionFailed` for an upload that began in another second. A date in the future is of no account.
    pub fn check(&self, begun: Option<Timestamp>, now: Timestamp) -> Result<bool, S3Error> {
        match (begun, self.initiated) {
            (None, None) => Err(S3Error::no_such_upload(&self.upload_id)),
            (None, Some(_)) => Ok(false),
            (Some(begun), Some(asked)) if asked <= now && begun.truncated_to_second() != asked => {
                Err(S3Error::precondition_failed("If-Match-Initiated-Time"))
            }
            (Some(_), _) => Ok(true),
        }
    }
}

const INITIATED: &str = "x-amz-if-match-initiated-time";

/// The answer of AbortMultipartUpload.
#[must_use]
pub fn answer() -> Answer {
    Answer::empty(204)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    fn parse(date: &str) -> Result<AbortUploadInput, S3Error> {
        let target = "/bucket/key?uploadId=u-1";
        AbortUploadInput::parse(&head("DELETE", target, &[(INITIATED, date)]))
    }

    #[test]
    fn an_upload_can_be_aborted_by_its_time() {
        // rule: abort/if-match-initiated-time
        let now = Timestamp::from_millis(1_576_278_999_000);
        let begun = Some(Timestamp::from_millis(1_576_278_963_700));
        let check = |date, begun| parse(date).unwrap().check(begun, now);
        assert_eq!(check("Fri, 13 Dec 2019 23:16:03 GMT", begun), Ok(true));
        for other in ["Fri, 13 Dec 2019 23:16:02 GMT", "Fri, 13 Dec 2019 23:16:04 GMT"] {
            let error = check(other, begun).unwrap_err();
            assert_eq!(error.code, ErrorCode::PreconditionFailed);
            assert_eq!(error.detail("Condition"), Some("If-Match-Initiated-Time"));
        }
        // A date in the future, and no date.
        assert_eq!(check("Fri, 13 Dec 2030 23:16:03 GMT", begun), Ok(true));
        assert_eq!(check("", begun), Ok(true));
        let error = parse("yesterday").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.detail("ArgumentName"), Some(INITIATED));
    }

    #[test]
    fn an_upload_that_is_not_there_is_unknown_or_aborted_already() {
        // rule: abort/no-such-upload
        let now = Timestamp::from_millis(1_576_278_999_000);
        let error = parse("").unwrap().check(None, now).unwrap_err();
        assert_eq!(error.code, ErrorCode::NoSuchUpload);
        assert_eq!(error.detail("UploadId"), Some("u-1"));
        // rule: abort/if-match-initiated-time
        let conditional = parse("Fri, 13 Dec 2019 23:16:03 GMT").unwrap();
        assert_eq!(conditional.check(None, now), Ok(false));
    }
}
