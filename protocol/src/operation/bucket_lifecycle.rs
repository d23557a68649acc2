//! Room: GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration and DeleteBucketLifecycle, and what other
//! answers say of a bucket's lifecycle.
//!
//! Source: S3 API Reference, the pages of these names; x-amz-expiration, x-amz-abort-date and x-amz-abort-rule-id on
//! the pages of the operations that answer them.

use alloc::format;

use super::common::Common;
use super::unbuilt;
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::lifecycle::{Due, Lifecycle, TransitionMinimum};
use crate::request::Head;
use crate::route::Operation;

/// What the head of a request about a bucket's lifecycle says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketLifecycleInput {
    /// From what size on objects change their storage class; PutBucketLifecycleConfiguration alone may say.
    pub minimum: TransitionMinimum,
    /// Who must own the bucket.
    pub common: Common,
}

const MINIMUM: &str = "x-amz-transition-default-minimum-object-size";

impl BucketLifecycleInput {
    /// Reads the head of one of the three operations.
    ///
    /// # Errors
    /// `InvalidRequest` for a minimum that S3 does not know; what [`Common::parse`] says.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        let minimum = match head.headers.get_non_empty(MINIMUM) {
            Some(value) if operation == Operation::PutBucketLifecycleConfiguration => {
                TransitionMinimum::from_header(value).ok_or_else(|| {
                    S3Error::invalid_request(format!(
                        "Invalid TransitionDefaultMinimumObjectSize found: {value}"
                    ))
                })?
            }
            _ => TransitionMinimum::default(),
        };
        Ok(Self { minimum, common: Common::parse(head, operation)? })
    }
}

/// What proves the body of PutBucketLifecycleConfiguration: S3 wants Content-MD5 or a checksum.
pub const INTEGRITY: Integrity = Integrity::Required;

/// Reads the body of PutBucketLifecycleConfiguration. Rules without an id are given one from `random`.
///
/// # Errors
/// As [`Lifecycle::parse`].
pub fn parse_body(
    bytes: &[u8],
    input: &BucketLifecycleInput,
    random: [u8; 16],
) -> Result<Lifecycle, S3Error> {
    let mut lifecycle = Lifecycle::parse(bytes)?;
    lifecycle.minimum = input.minimum;
    lifecycle.name_rules(random);
    Ok(lifecycle)
}

/// The answer of GetBucketLifecycleConfiguration.
#[must_use]
pub fn get_answer(lifecycle: &Lifecycle) -> Answer {
    Answer::xml(lifecycle.document()).with(MINIMUM, lifecycle.minimum.as_str())
}

/// The answer of PutBucketLifecycleConfiguration.
#[must_use]
pub fn put_answer(lifecycle: &Lifecycle) -> Answer {
    Answer::empty(200).with(MINIMUM, lifecycle.minimum.as_str())
}

/// The answer of DeleteBucketLifecycle.
#[must_use]
pub fn delete_answer() -> Answer {
    Answer::empty(204)
}

/// What an answer about the latest version of an object says of its end.
#[must_use]
pub fn with_expiry(answer: Answer, due: Option<Due<'_>>) -> Answer {
    match due {
        None => answer,
        Some(due) => answer.with("x-amz-expiration", due.expiration()),
    }
}

/// What an answer about an open upload says of its end.
#[must_use]
pub fn with_abort(answer: Answer, due: Option<Due<'_>>) -> Answer {
    match due {
        None => answer,
        Some(due) => answer
            .with("x-amz-abort-date", due.at.http_date())
            .with("x-amz-abort-rule-id", due.rule_in_header()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{head, pairs};
    use crate::time::Timestamp;

    fn put(minimum: &str) -> Result<TransitionMinimum, S3Error> {
        let request = head("PUT", "/bucket?lifecycle", &[(MINIMUM, minimum)]);
        let operation = Operation::PutBucketLifecycleConfiguration;
        BucketLifecycleInput::parse(&request, operation).map(|input| input.minimum)
    }

    #[test]
    fn the_minimum_is_one_of_two() {
        // rule: lifecycle/transition-minimum
        assert_eq!(put("").unwrap(), TransitionMinimum::AllStorageClasses128K);
        assert_eq!(
            put("varies_by_storage_class").unwrap(),
            TransitionMinimum::VariesByStorageClass
        );
        let error = put("value").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
        assert_eq!(error.message, "Invalid TransitionDefaultMinimumObjectSize found: value");
        // S3: the others do not have the header.
        let request = head("GET", "/bucket?lifecycle", &[(MINIMUM, "value")]);
        let operation = Operation::GetBucketLifecycleConfiguration;
        assert!(BucketLifecycleInput::parse(&request, operation).is_ok());
    }

    #[test]
    fn answers_tell_what_goes_when() {
        // rule: lifecycle/expiration-header, lifecycle/abort-told
        let due = Due { at: Timestamp::from_millis(0), rule: "a" };
        assert_eq!(
            pairs(&with_expiry(Answer::empty(200), Some(due))),
            [("x-amz-expiration", "expiry-date=\"Thu, 01 Jan 1970 00:00:00 GMT\", rule-id=\"a\"")]
        );
        assert_eq!(
            pairs(&with_abort(Answer::empty(200), Some(due))),
            [("x-amz-abort-date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("x-amz-abort-rule-id", "a")]
        );
        assert!(with_expiry(Answer::empty(200), None).headers.is_empty());
        assert!(with_abort(Answer::empty(200), None).headers.is_empty());
    }
}
