//! Room: which ways to let the public into a bucket are blocked.
//!
//! Nothing here lets the public in, so blocking it takes nothing away: the settings are kept, told, and
//! answered by refusals that differ.
//! Source: S3 API Reference, PutPublicAccessBlock; S3 User Guide, "Blocking public access to your
//! Amazon S3 storage".

use crate::error::S3Error;
use crate::xml::read::Body;
use crate::xml::write::Document;

/// What is blocked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are S3's four switches")]
pub struct PublicAccessBlock {
    /// To put a list that grants something to the public.
    pub block_public_acls: bool,
    /// What such lists grant.
    pub ignore_public_acls: bool,
    /// To put a policy that grants something to the public.
    pub block_public_policy: bool,
    /// What such policies grant to others than the owner.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// What new buckets have: everything is blocked.
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// What a bucket has that was told to block nothing.
    pub const NONE: Self = Self {
        block_public_acls: false,
        ignore_public_acls: false,
        block_public_policy: false,
        restrict_public_buckets: false,
    };

    /// Reads the document; what it does not name is not blocked.
    ///
    /// # Errors
    /// `MalformedXML`, also for other values than `true` and `false`.
    pub fn parse(bytes: &[u8]) -> Result<Self, S3Error> {
        let mut body = Body::open(bytes, "PublicAccessBlockConfiguration")?;
        let mut found = Self::NONE;
        while let Some(name) = body.child()? {
            let switch = match name.as_str() {
                "BlockPublicAcls" => &mut found.block_public_acls,
                "IgnorePublicAcls" => &mut found.ignore_public_acls,
                "BlockPublicPolicy" => &mut found.block_public_policy,
                "RestrictPublicBuckets" => &mut found.restrict_public_buckets,
                _ => {
                    body.skip()?;
                    continue;
                }
            };
            *switch = match body.text()?.as_str() {
                "true" | "True" | "TRUE" => true,
                "false" | "False" | "FALSE" => false,
                _ => return Err(S3Error::malformed_xml()),
            };
        }
        body.end()?;
        Ok(found)
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Document {
        Document::new("PublicAccessBlockConfiguration", |root| {
            root.flag("BlockPublicAcls", self.block_public_acls)
                .flag("IgnorePublicAcls", self.ignore_public_acls)
                .flag("BlockPublicPolicy", self.block_public_policy)
                .flag("RestrictPublicBuckets", self.restrict_public_buckets);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn what_is_not_named_is_not_blocked() {
        // rule: public-access/document, public-access/malformed
        for block in [
            PublicAccessBlock::ALL,
            PublicAccessBlock::NONE,
            PublicAccessBlock { block_public_policy: true, ..PublicAccessBlock::NONE },
        ] {
            assert_eq!(PublicAccessBlock::parse(&block.document().finish()), Ok(block));
        }
        let parse = |inside: &str| {
            let document = alloc::format!(
                "<PublicAccessBlockConfiguration>{inside}</PublicAccessBlockConfiguration>"
            );
            PublicAccessBlock::parse(document.as_bytes())
        };
        assert_eq!(parse(""), Ok(PublicAccessBlock::NONE));
        let ignored = PublicAccessBlock { ignore_public_acls: true, ..PublicAccessBlock::NONE };
        assert_eq!(parse("<IgnorePublicAcls>true</IgnorePublicAcls>"), Ok(ignored));
        for wrong in ["<BlockPublicAcls>yes</BlockPublicAcls>", "<BlockPublicAcls/>", "text"] {
            assert_eq!(parse(wrong).unwrap_err().code, ErrorCode::MalformedXml, "{wrong}");
        }
    }
}
