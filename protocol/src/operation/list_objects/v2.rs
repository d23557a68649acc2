//! Room: ListObjectsV2: tokens, start-after, owners if they are asked for.
//!
//! Source: S3 API Reference, ListObjectsV2.

use alloc::string::String;

use super::{ObjectPage, write_page};
use crate::answer::Answer;
use crate::error::S3Error;
use crate::name::{AccountId, BucketName};
use crate::operation::listing::{self, PageEnd, Query};
use crate::operation::unbuilt;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::write::Document;

/// What a ListObjectsV2 request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjectsV2Input {
    /// Which keys, how many, and how they are shown.
    pub query: Query,
    /// The token of the page before, as sent.
    pub token: Option<String>,
    /// The page begins behind this name, as sent; a token goes before it.
    pub start_after: Option<String>,
    /// Owners are to be shown.
    pub fetch_owner: bool,
    resume: Option<PageEnd>,
}

impl ListObjectsV2Input {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size, an encoding or a token that S3 would not take.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::ListObjectsV2)?;
        let text = |name: &str| head.query.get(name).map(String::from);
        let token = text("continuation-token");
        Ok(Self {
            query: Query::parse(head, Operation::ListObjectsV2, "max-keys")?,
            resume: token.as_deref().map(listing::read_token).transpose()?,
            token,
            start_after: text("start-after").filter(|name| !name.is_empty()),
            fetch_owner: head.query.get("fetch-owner") == Some("true"),
        })
    }

    /// Where the page begins: behind the end of the page before, or behind start-after.
    #[must_use]
    pub fn after(&self) -> Option<PageEnd> {
        self.resume.clone().or_else(|| self.start_after.clone().map(PageEnd::Name))
    }
}

/// The answer of ListObjectsV2.
#[must_use]
pub fn answer(
    input: &ListObjectsV2Input,
    bucket: &BucketName,
    owner: &AccountId,
    page: &ObjectPage,
) -> Answer {
    let query = &input.query;
    let count = page.objects.len() + page.prefixes.len();
    Answer::xml(Document::new("ListBucketResult", |root| {
        root.text("Name", bucket.as_str())
            .text("Prefix", &query.shown(&query.prefix))
            .text_if("Delimiter", query.shown_if(query.delimiter.as_deref()).as_deref())
            .text_if("StartAfter", query.shown_if(input.start_after.as_deref()).as_deref())
            .text_if("ContinuationToken", input.token.as_deref())
            .text_if(
                "NextContinuationToken",
                page.ended_with.as_ref().map(listing::token).as_deref(),
            )
            .number("KeyCount", count as u64)
            .number("MaxKeys", query.max)
            .text_if("EncodingType", query.url_encoding.then_some("url"))
            .flag("IsTruncated", page.ended_with.is_some());
        write_page(root, query, input.fetch_owner.then_some(owner), page);
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{ListedObject, sample};
    use super::*;
    use crate::checksum::{ChecksumAlgorithm, ChecksumType};
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn answered(query: &str, page: &ObjectPage) -> String {
        let input = ListObjectsV2Input::parse(&head("GET", query, &[])).unwrap();
        let owner = AccountId::parse("000000000000").unwrap();
        body(&answer(&input, &BucketName::parse("bucket").unwrap(), &owner, page))
    }

    #[test]
    fn an_empty_page() {
        // rule: list/max-keys-zero
        // rule: list/key-count
        assert_eq!(
            answered("/bucket?list-type=2&max-keys=0", &ObjectPage::default()),
            "<ListBucketResult><Name>bucket</Name><Prefix></Prefix><KeyCount>0</KeyCount>\
             <MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"
        );
    }

    #[test]
    fn a_page_of_everything() {
        // rule: list/fields
        // rule: list/owner
        // rule: list/key-count
        // rule: list/encoding
        // rule: list/xml-characters
        let page = ObjectPage {
            objects: alloc::vec![ListedObject {
                checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite)),
                ..sample("p/a b\u{1}")
            }],
            prefixes: alloc::vec!["p/c+d/".into()],
            ended_with: Some(PageEnd::Prefix("p/c+d/".into())),
        };
        let token = listing::token(&PageEnd::Prefix("p/c+d/".into()));
        let owner = AccountId::parse("000000000000").unwrap().canonical_id();
        let contents = "<LastModified>2019-12-13T23:16:03.000Z</LastModified>\
             <ETag>&quot;711470fc377698c393d94aed6305e245&quot;</ETag>\
             <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType>\
             <Size>10</Size><StorageClass>STANDARD</StorageClass>";
        assert_eq!(
            answered(
                "/bucket?list-type=2&prefix=p/&delimiter=/&start-after=p/%20&encoding-type=url\
                 &fetch-owner=true&max-keys=2000",
                &page
            ),
            alloc::format!(
                "<ListBucketResult><Name>bucket</Name><Prefix>p/</Prefix><Delimiter>/</Delimiter>\
                 <StartAfter>p/%20</StartAfter>\
                 <NextContinuationToken>{token}</NextContinuationToken><KeyCount>2</KeyCount>\
                 <MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>\
                 <IsTruncated>true</IsTruncated><Contents><Key>p/a%20b%01</Key>{contents}\
                 <Owner><ID>{owner}</ID><DisplayName>000000000000</DisplayName></Owner></Contents>\
                 <CommonPrefixes><Prefix>p/c%2Bd/</Prefix></CommonPrefixes></ListBucketResult>"
            )
        );
        let plain = answered("/bucket?list-type=2", &page);
        assert!(plain.contains("<Key>p/a b&#x1;</Key>"), "{plain}");
        assert!(plain.contains("<Prefix>p/c+d/</Prefix>"), "{plain}");
        // S3: without fetch-owner=true, spelled so, owners are left out.
        for without in ["", "&fetch-owner=false", "&fetch-owner=TRUE", "&fetch-owner="] {
            let text = answered(&alloc::format!("/bucket?list-type=2{without}"), &page);
            assert!(!text.contains("<Owner>"), "{text}");
        }
    }

    #[test]
    fn a_token_goes_before_start_after() {
        // rule: list/start-after
        // rule: list/token
        let token = listing::token(&PageEnd::Prefix("m/".into()));
        let query = alloc::format!("/bucket?list-type=2&start-after=a&continuation-token={token}");
        let input = ListObjectsV2Input::parse(&head("GET", &query, &[])).unwrap();
        assert_eq!(input.after(), Some(PageEnd::Prefix("m/".into())));
        let first = head("GET", "/bucket?list-type=2&start-after=a", &[]);
        let first = ListObjectsV2Input::parse(&first).unwrap();
        assert_eq!(first.after(), Some(PageEnd::Name("a".into())));
        let text = answered(&query, &ObjectPage::default());
        assert!(text.contains(&alloc::format!("<ContinuationToken>{token}</ContinuationToken>")));
        assert!(text.contains("<StartAfter>a</StartAfter>"));
        for bad in ["nonsense", ""] {
            let query = alloc::format!("/bucket?list-type=2&continuation-token={bad}");
            let error = ListObjectsV2Input::parse(&head("GET", &query, &[])).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
        }
    }
}
