//! Room: who owns the objects of a bucket, and with it whether access control lists have a meaning in it.
//!
//! Source: S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket"; S3
//! API Reference, PutBucketOwnershipControls.

use alloc::format;

use crate::error::S3Error;
use crate::request::Head;
use crate::xml::read::Body;
use crate::xml::write::Document;

/// The header of CreateBucket that names one.
const HEADER: &str = "x-amz-object-ownership";

/// Who owns the objects of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ObjectOwnership {
    /// The bucket's owner owns everything, and there are no lists. What new buckets have.
    #[default]
    BucketOwnerEnforced,
    /// There are lists; who hands his object over by one gives it to the bucket's owner.
    BucketOwnerPreferred,
    /// There are lists; an object is its writer's. So it is also where nothing was ever said.
    ObjectWriter,
}

impl ObjectOwnership {
    const ALL: [Self; 3] =
        [Self::BucketOwnerEnforced, Self::BucketOwnerPreferred, Self::ObjectWriter];

    /// As S3 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ownership| ownership.as_str() == text)
    }

    /// What CreateBucket asks for.
    ///
    /// # Errors
    /// `InvalidArgument` for what S3 does not know; an empty value is as wrong as any other.
    pub fn of_head(head: &Head) -> Result<Self, S3Error> {
        let Some(text) = head.headers.get(HEADER) else { return Ok(Self::default()) };
        Self::from_text(text).ok_or_else(|| {
            let message = format!("Invalid {HEADER} header: {text}");
            S3Error::invalid_argument(HEADER, Some(text), message)
        })
    }

    /// Reads the document.
    ///
    /// # Errors
    /// `MalformedXML` unless it has one rule with one of the three values.
    pub fn parse(bytes: &[u8]) -> Result<Self, S3Error> {
        let mut body = Body::open(bytes, "OwnershipControls")?;
        let mut found = None;
        while let Some(name) = body.child()? {
            if name != "Rule" || found.is_some() {
                return Err(S3Error::malformed_xml());
            }
            while let Some(name) = body.child()? {
                if name != "ObjectOwnership" || found.is_some() {
                    return Err(S3Error::malformed_xml());
                }
                found = Some(Self::from_text(&body.text()?).ok_or_else(S3Error::malformed_xml)?);
            }
        }
        body.end()?;
        found.ok_or_else(S3Error::malformed_xml)
    }

    /// The document.
    #[must_use]
    pub fn document(self) -> Document {
        Document::new("OwnershipControls", |root| {
            root.nest("Rule", |rule| {
                rule.text("ObjectOwnership", self.as_str());
            });
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    #[test]
    fn one_rule_with_one_of_three_values() {
        // rule: ownership/document, ownership/malformed
        for ownership in ObjectOwnership::ALL {
            let document = ownership.document().finish();
            assert_eq!(ObjectOwnership::parse(&document), Ok(ownership));
        }
        let rule = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>";
        for inside in [
            "",
            "<Rule/>",
            "<Rule><ObjectOwnership/></Rule>",
            "<Rule><ObjectOwnership>objectwriter</ObjectOwnership></Rule>",
            "<Rule><Other/></Rule>",
            "<ObjectOwnership>ObjectWriter</ObjectOwnership>",
            &format!("{rule}{rule}"),
        ] {
            let document = format!("<OwnershipControls>{inside}</OwnershipControls>");
            let error = ObjectOwnership::parse(document.as_bytes()).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedXml, "{inside}");
        }
    }

    #[test]
    fn a_new_bucket_belongs_to_its_owner_alone() {
        // rule: create-bucket/ownership
        let of = |headers: &[(&str, &str)]| ObjectOwnership::of_head(&head("PUT", "/b12", headers));
        assert_eq!(of(&[]), Ok(ObjectOwnership::BucketOwnerEnforced));
        assert_eq!(of(&[(HEADER, "ObjectWriter")]), Ok(ObjectOwnership::ObjectWriter));
        for wrong in ["", "Everyone"] {
            let error = of(&[(HEADER, wrong)]).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert_eq!(error.message, format!("Invalid x-amz-object-ownership header: {wrong}"));
        }
    }
}
