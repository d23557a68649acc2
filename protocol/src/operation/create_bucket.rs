//! Room: CreateBucket.
//!
//! Source: S3 API Reference, CreateBucket.

use alloc::format;
use alloc::string::String;

use super::unbuilt;
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::name::BucketName;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::read::Body;

/// What the head of a CreateBucket request says that this node acts on: nothing but the bucket's
/// name, which is its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateBucketInput;

impl CreateBucketInput {
    /// Reads the head of the request.
    ///
    /// # Errors
    /// `NotImplemented` for buckets of another kind than those built: with access control lists,
    /// object lock or other object ownership; `InvalidArgument` for an ownership that S3 does not
    /// know.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        const OWNERSHIP: &str = "x-amz-object-ownership";
        unbuilt::refuse(head, Operation::CreateBucket)?;
        match head.headers.get(OWNERSHIP) {
            None | Some("BucketOwnerEnforced") => Ok(Self),
            Some("BucketOwnerPreferred" | "ObjectWriter") => {
                Err(S3Error::not_implemented(Some(OWNERSHIP), None))
            }
            // S3: an empty value is as wrong as any other here.
            Some(other) => {
                let message = format!("Invalid {OWNERSHIP} header: {other}");
                Err(S3Error::invalid_argument(OWNERSHIP, Some(other), message))
            }
        }
    }
}

/// What proves the body: whatever the client sends, if anything.
pub const INTEGRITY: Integrity = Integrity::Optional;

/// Reads the body and checks that it asks for a bucket in `region`, the node's own.
///
/// # Errors
/// `MalformedXML`; `InvalidLocationConstraint` for what names no region, `us-east-1` included,
/// which S3 spells as no constraint; `IllegalLocationConstraintException` for another region, and
/// for no constraint where the node's region needs one; `NotImplemented` for directory buckets and
/// for tags.
pub fn parse_body(bytes: &[u8], region: &str) -> Result<(), S3Error> {
    let mut constraint = None;
    if !bytes.trim_ascii().is_empty() {
        let mut body = Body::open(bytes, "CreateBucketConfiguration")?;
        while let Some(name) = body.child()? {
            match name.as_str() {
                "LocationConstraint" => constraint = Some(body.text()?),
                "Location" | "Bucket" | "Tags" => {
                    let additional = format!("CreateBucketConfiguration.{name} is not implemented");
                    return Err(S3Error::not_implemented(None, Some(&additional)));
                }
                _ => body.skip()?,
            }
        }
        body.end()?;
    }
    match constraint.as_deref() {
        None | Some("") if region == NO_CONSTRAINT => Ok(()),
        None | Some("") => Err(S3Error::illegal_location_constraint("unspecified")),
        // S3: EU is the old name of eu-west-1.
        Some("EU") if region == "eu-west-1" => Ok(()),
        Some(asked) if asked == region && region != NO_CONSTRAINT => Ok(()),
        Some(asked) if asked != NO_CONSTRAINT && is_region(asked) => {
            Err(S3Error::illegal_location_constraint(asked))
        }
        Some(NO_CONSTRAINT) if region != NO_CONSTRAINT => {
            Err(S3Error::illegal_location_constraint(NO_CONSTRAINT))
        }
        Some(asked) => Err(S3Error::invalid_location_constraint(asked)),
    }
}

/// The region that has no location constraint.
const NO_CONSTRAINT: &str = "us-east-1";

/// Whether a text has the form of a region's name, as `eu-west-1` or `us-gov-east-1`.
fn is_region(text: &str) -> bool {
    let Some((area, number)) = text.rsplit_once('-') else { return false };
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && area.split('-').count() >= 2
        && area.split('-').all(word)
}

/// The answer of CreateBucket.
#[must_use]
pub fn answer(bucket: &BucketName) -> Answer {
    let name = bucket.as_str();
    Answer::empty(200)
        .with("location", format!("/{name}"))
        .with("x-amz-bucket-arn", bucket_arn(bucket))
}

/// The name of a bucket in the form that policies use.
pub(crate) fn bucket_arn(bucket: &BucketName) -> String {
    format!("arn:aws:s3:::{}", bucket.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{head, pairs};

    fn constraint(text: &str) -> String {
        format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{text}</LocationConstraint></CreateBucketConfiguration>"
        )
    }

    #[test]
    fn the_constraint_names_the_nodes_region() {
        // rule: create-bucket/region
        let code = |body: &str, region: &str| {
            parse_body(body.as_bytes(), region).err().map(|error| error.code)
        };
        let illegal = Some(ErrorCode::IllegalLocationConstraintException);
        let invalid = Some(ErrorCode::InvalidLocationConstraint);
        for (body, region, expect) in [
            (String::new(), "us-east-1", None),
            (String::from("<CreateBucketConfiguration/>"), "us-east-1", None),
            (constraint(""), "us-east-1", None),
            (constraint("us-east-1"), "us-east-1", invalid),
            (constraint("eu-west-1"), "us-east-1", illegal),
            (constraint("nowhere"), "us-east-1", invalid),
            (String::new(), "eu-west-1", illegal),
            (constraint("eu-west-1"), "eu-west-1", None),
            (constraint("EU"), "eu-west-1", None),
            (constraint("us-east-1"), "eu-west-1", illegal),
            (constraint("lab"), "lab", None),
            (String::from("<a/>"), "us-east-1", Some(ErrorCode::MalformedXml)),
            (String::from("garbage"), "us-east-1", Some(ErrorCode::MalformedXml)),
        ] {
            assert_eq!(code(&body, region), expect, "{body} in {region}");
        }
        let error = parse_body(constraint("nowhere").as_bytes(), "us-east-1").unwrap_err();
        assert!(error.details.contains(&("LocationConstraint", "nowhere".into())));
        let error = parse_body(b"", "eu-west-1").unwrap_err();
        assert_eq!(
            error.message,
            "The unspecified location constraint is incompatible for the region specific endpoint \
             this request was sent to."
        );
    }

    #[test]
    fn other_kinds_of_buckets_are_refused() {
        // rule: create-bucket/kinds
        for inner in ["<Bucket><Type>Directory</Type></Bucket>", "<Tags><Tag/></Tags>"] {
            let body = format!("<CreateBucketConfiguration>{inner}</CreateBucketConfiguration>");
            let error = parse_body(body.as_bytes(), "us-east-1").unwrap_err();
            assert_eq!(error.code, ErrorCode::NotImplemented, "{inner}");
        }
        for (value, code) in [
            ("ObjectWriter", ErrorCode::NotImplemented),
            ("", ErrorCode::InvalidArgument),
            ("Everyone", ErrorCode::InvalidArgument),
        ] {
            let request = head("PUT", "/bucket", &[("x-amz-object-ownership", value)]);
            assert_eq!(CreateBucketInput::parse(&request).unwrap_err().code, code, "{value}");
        }
        let usual = head("PUT", "/bucket", &[("x-amz-object-ownership", "BucketOwnerEnforced")]);
        assert!(CreateBucketInput::parse(&usual).is_ok());
    }

    #[test]
    fn the_answer_tells_where() {
        // rule: create-bucket/answer
        let answer = answer(&BucketName::parse("bucket").unwrap());
        assert_eq!(
            pairs(&answer),
            [("location", "/bucket"), ("x-amz-bucket-arn", "arn:aws:s3:::bucket")]
        );
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
}
