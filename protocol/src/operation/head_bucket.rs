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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::testing::pairs;

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
