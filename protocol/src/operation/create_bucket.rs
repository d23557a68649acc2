//! Room: CreateBucket.
//!
//! Source: S3 API Reference, CreateBucket.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::unbuilt;
use crate::acl::{Acl, AclOf};
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::name::{AccountId, BucketName};
use crate::ownership::ObjectOwnership;
use crate::request::Head;
use crate::route::Operation;
use crate::tagging::{self, TagSet, Tagged};
use crate::xml::read::Body;

/// What the head of a CreateBucket request says, save the bucket's name, which is its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateBucketInput {
    /// Who is to own its objects.
    pub ownership: ObjectOwnership,
    /// Whether versions can be locked; they are all kept then.
    pub object_lock: bool,
}

impl CreateBucketInput {
    /// Reads the head of the request.
    ///
    /// # Errors
    /// `NotImplemented` for buckets of other name spaces and for lists that grant something to others;
    /// `InvalidArgument` for an ownership, a list or a switch that S3 does not know;
    /// `InvalidBucketAclWithObjectOwnership` for a list where there are to be none;
    /// `InvalidBucketAclWithBlockPublicAccessError` for one that lets the public in.
    pub fn parse(head: &Head, account: &AccountId) -> Result<Self, S3Error> {
        const LOCK: &str = "x-amz-bucket-object-lock-enabled";
        unbuilt::refuse(head, Operation::CreateBucket)?;
        let ownership = ObjectOwnership::of_head(head)?;
        if let Some(acl) = Acl::of_headers(head, AclOf::Bucket, account)? {
            acl.check_new_bucket(ownership)?;
        }
        let object_lock = match head.headers.get_non_empty(LOCK) {
            None | Some("false" | "False") => false,
            Some("true" | "True") => true,
            Some(other) => {
                let message = format!("Invalid {LOCK} value");
                return Err(S3Error::invalid_argument(LOCK, Some(other), message));
            }
        };
        Ok(Self { ownership, object_lock })
    }
}

/// What proves the body: whatever the client sends, if anything.
pub const INTEGRITY: Integrity = Integrity::Optional;

/// Reads the body: the tags of the bucket. It must ask for a bucket in `region`, the node's own.
///
/// # Errors
/// `MalformedXML`; `InvalidLocationConstraint` for what names no region, `us-east-1` included,
/// which S3 spells as no constraint; `IllegalLocationConstraintException` for another region, and
/// for no constraint where the node's region needs one; `NotImplemented` for directory buckets; as
/// [`TagSet::of`].
pub fn parse_body(bytes: &[u8], region: &str) -> Result<TagSet, S3Error> {
    let (mut constraint, mut tags) = (None, Vec::new());
    if !bytes.trim_ascii().is_empty() {
        let mut body = Body::open(bytes, "CreateBucketConfiguration")?;
        while let Some(name) = body.child()? {
            match name.as_str() {
                "LocationConstraint" => constraint = Some(body.text()?),
                "Tags" => tags = tagging::tag_set(&mut body)?,
                "Location" | "Bucket" => {
                    let additional = format!("CreateBucketConfiguration.{name} is not implemented");
                    return Err(S3Error::not_implemented(None, Some(&additional)));
                }
                _ => body.skip()?,
            }
        }
        body.end()?;
    }
    check_constraint(constraint.as_deref(), region)?;
    TagSet::of(Tagged::Bucket, tags)
}

fn check_constraint(constraint: Option<&str>, region: &str) -> Result<(), S3Error> {
    match constraint {
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

    fn parsed(headers: &[(&str, &str)]) -> Result<CreateBucketInput, ErrorCode> {
        let account = AccountId::parse("000000000000").unwrap();
        CreateBucketInput::parse(&head("PUT", "/bucket", headers), &account)
            .map_err(|error| error.code)
    }

    #[test]
    fn other_kinds_of_buckets_are_refused() {
        // rule: create-bucket/kinds
        for inside in [
            "<Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket>",
            "<Location><Name>use1-az4</Name><Type>AvailabilityZone</Type></Location>",
        ] {
            let body = format!("<CreateBucketConfiguration>{inside}</CreateBucketConfiguration>");
            let error = parse_body(body.as_bytes(), "us-east-1").unwrap_err();
            assert_eq!(error.code, ErrorCode::NotImplemented, "{inside}");
        }
        for (header, value, code) in [
            ("x-amz-bucket-namespace", "account-regional", ErrorCode::NotImplemented),
            ("x-amz-bucket-namespace", "mine", ErrorCode::InvalidArgument),
            ("x-amz-acl", "everyone", ErrorCode::InvalidArgument),
            ("x-amz-acl", "public-read", ErrorCode::InvalidBucketAclWithObjectOwnership),
            ("x-amz-bucket-object-lock-enabled", "yes", ErrorCode::InvalidArgument),
        ] {
            assert_eq!(parsed(&[(header, value)]), Err(code), "{header}: {value}");
        }
        assert!(parsed(&[("x-amz-bucket-namespace", "global")]).is_ok());
    }

    #[test]
    fn a_bucket_has_what_it_was_made_with() {
        // rule: create-bucket/ownership, create-bucket/object-lock
        let usual = CreateBucketInput {
            ownership: ObjectOwnership::BucketOwnerEnforced,
            object_lock: false,
        };
        assert_eq!(parsed(&[("x-amz-acl", "private")]), Ok(usual));
        let lists = ("x-amz-object-ownership", "ObjectWriter");
        let locked = ("x-amz-bucket-object-lock-enabled", "true");
        let ownership = ObjectOwnership::ObjectWriter;
        assert_eq!(
            parsed(&[lists, locked]),
            Ok(CreateBucketInput { ownership, object_lock: true })
        );
        for (acl, code) in [
            ("public-read", ErrorCode::InvalidBucketAclWithBlockPublicAccessError),
            ("log-delivery-write", ErrorCode::NotImplemented),
        ] {
            assert_eq!(parsed(&[lists, ("x-amz-acl", acl)]), Err(code), "{acl}");
        }
    }

    #[test]
    fn a_bucket_may_be_made_with_tags() {
        // rule: create-bucket/tags
        let tag = |key: &str| format!("<Tag><Key>{key}</Key><Value>1</Value></Tag>");
        let body = |tags: &str| {
            format!("<CreateBucketConfiguration><Tags>{tags}</Tags></CreateBucketConfiguration>")
        };
        let parse = |tags: &str| parse_body(body(tags).as_bytes(), "us-east-1");
        let two = format!("{}{}", tag("a"), tag("b"));
        assert_eq!(parse(&two).unwrap().len(), 2);
        assert_eq!(parse(&tag("aws:a")).unwrap_err().code, ErrorCode::InvalidTag);
        let many: String = (0..51).map(|number| tag(&format!("{number}"))).collect();
        assert_eq!(parse(&many).unwrap_err().code, ErrorCode::BadRequest);
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
