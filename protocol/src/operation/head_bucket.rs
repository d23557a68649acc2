//! Room: HeadBucket.
//!
//! Source: S3 API Reference, HeadBucket.

use super::common::Common;
use super::create_bucket::bucket_arn;
use super::unbuilt;
use crate::answer::Answer;
use crate::error::S3Error;
use crate::name::BucketName;
use crate::request::Head;
use crate::route::Operation;

/// What a HeadBucket request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadBucketInput {
    /// Who must own the bucket.
    pub common: Common,
}

impl HeadBucketInput {
    /// Reads the request.
    ///
    /// # Errors
    /// As [`Common::parse`].
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::HeadBucket)?;
        Ok(Self { common: Common::parse(head, Operation::HeadBucket)? })
    }
}

/// The answer of HeadBucket.
#[must_use]
pub fn answer(bucket: &BucketName, region: &str) -> Answer {
    Answer::empty(200)
        .with("content-type", "application/xml")
        .with("x-amz-bucket-region", region)
        .with("x-amz-bucket-arn", bucket_arn(bucket))
        .with("x-amz-access-point-alias", "false")
}

/// A refusal of HeadBucket: it tells the region too, by which clients find the endpoint of a bucket that they
/// may not see, or that they asked for in another region.
#[must_use]
pub fn refusal(error: S3Error, region: &str) -> S3Error {
    match error.status() {
        400 | 403 => error.with_header("x-amz-bucket-region", region),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;
    use crate::operation::testing::pairs;

    #[test]
    fn a_refusal_tells_the_region() {
        // rule: head-bucket/refused
        let bucket = BucketName::parse("bucket").unwrap();
        let told = [("x-amz-bucket-region", String::from("eu-west-1"))];
        let denied = refusal(S3Error::headers_not_signed(&["host"]), "eu-west-1");
        assert_eq!((denied.status(), denied.headers.as_slice()), (403, &told[..]));
        let missing = refusal(S3Error::no_such_bucket(&bucket), "eu-west-1");
        assert_eq!((missing.status(), missing.headers.len()), (404, 0));
    }

    #[test]
    fn the_answer_tells_the_region() {
        // rule: head-bucket/region
        let answer = answer(&BucketName::parse("bucket").unwrap(), "eu-west-1");
        assert_eq!(
            pairs(&answer),
            [
                ("content-type", "application/xml"),
                ("x-amz-bucket-region", "eu-west-1"),
                ("x-amz-bucket-arn", "arn:aws:s3:::bucket"),
                ("x-amz-access-point-alias", "false"),
            ]
        );
        assert!(answer.body.is_empty());
    }
}
