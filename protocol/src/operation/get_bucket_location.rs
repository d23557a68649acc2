//! Room: GetBucketLocation.
//!
//! Source: S3 API Reference, GetBucketLocation.

use super::common::Common;
use super::unbuilt;
use crate::answer::Answer;
use crate::error::S3Error;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::write::Document;

/// What a GetBucketLocation request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetBucketLocationInput {
    /// Who must own the bucket.
    pub common: Common,
}

impl GetBucketLocationInput {
    /// Reads the request.
    ///
    /// # Errors
    /// As [`Common::parse`].
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::GetBucketLocation)?;
        Ok(Self { common: Common::parse(head, Operation::GetBucketLocation)? })
    }
}

/// The answer of GetBucketLocation. S3: us-east-1 has an empty location constraint.
#[must_use]
pub fn answer(region: &str) -> Answer {
    let constraint = if region == "us-east-1" { "" } else { region };
    Answer::xml(Document::leaf("LocationConstraint", constraint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::testing::body;

    #[test]
    fn one_region_has_no_name() {
        // rule: location/region
        assert_eq!(body(&answer("us-east-1")), "<LocationConstraint></LocationConstraint>");
        assert_eq!(
            body(&answer("eu-west-1")),
            "<LocationConstraint>eu-west-1</LocationConstraint>"
        );
    }
}
