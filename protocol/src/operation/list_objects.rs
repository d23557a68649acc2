//! Room: ListObjectsV2.
//!
//! Source: S3 API Reference, ListObjectsV2.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{Common, write_account};
use super::listing::{self, PageEnd};
use super::unbuilt;
use crate::answer::Answer;
use crate::checksum::{ChecksumAlgorithm, ChecksumType};
use crate::error::S3Error;
use crate::etag::ETag;
use crate::limits::LIST_MAX;
use crate::name::{AccountId, BucketName};
use crate::request::Head;
use crate::route::Operation;
use crate::time::Timestamp;
use crate::xml::write::{Document, Element};

/// What a ListObjectsV2 request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjectsInput {
    /// Only keys that begin so; empty for all.
    pub prefix: String,
    /// Keys that share what lies between the prefix and this are one common prefix.
    pub delimiter: Option<String>,
    /// The most keys and common prefixes of the page, at most [`LIST_MAX`].
    pub max_keys: u32,
    /// The token of the page before, as sent.
    pub token: Option<String>,
    /// The page begins behind this name, as sent; a token goes before it.
    pub start_after: Option<String>,
    /// Names are to be percent-encoded in the answer.
    pub url_encoding: bool,
    /// Owners are to be shown.
    pub fetch_owner: bool,
    /// Who must own the bucket, who pays.
    pub common: Common,
    resume: Option<PageEnd>,
}

impl ListObjectsInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size, an encoding or a token that S3 would not take.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::ListObjectsV2)?;
        let text = |name: &str| head.query.get(name).map(String::from);
        let token = text("continuation-token");
        Ok(Self {
            prefix: text("prefix").unwrap_or_default(),
            delimiter: text("delimiter").filter(|delimiter| !delimiter.is_empty()),
            max_keys: listing::page_size(head, "max-keys", LIST_MAX)?,
            resume: token.as_deref().map(listing::read_token).transpose()?,
            token,
            start_after: text("start-after").filter(|name| !name.is_empty()),
            url_encoding: listing::encoding(head)?,
            fetch_owner: head.query.get("fetch-owner") == Some("true"),
            common: Common::parse(head, Operation::ListObjectsV2)?,
        })
    }

    /// Where the page begins: behind the end of the page before, or behind start-after.
    #[must_use]
    pub fn after(&self) -> Option<PageEnd> {
        self.resume.clone().or_else(|| self.start_after.clone().map(PageEnd::Name))
    }
}

/// One object of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The whole key.
    pub key: String,
    /// When it was written.
    pub modified: Timestamp,
    /// Its ETag.
    pub etag: ETag,
    /// Its length in bytes.
    pub len: u64,
    /// The algorithm and type of its stored checksum.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

/// One page, in the order of its names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectPage {
    /// The objects, ascending.
    pub objects: Vec<ListedObject>,
    /// The common prefixes, ascending.
    pub prefixes: Vec<String>,
    /// The last key or common prefix of the page, if more would follow.
    pub ended_with: Option<PageEnd>,
}

/// The answer of ListObjectsV2.
#[must_use]
pub fn answer(
    input: &ListObjectsInput,
    bucket: &BucketName,
    owner: &AccountId,
    page: &ObjectPage,
) -> Answer {
    let name = |text: &str| listing::encoded(text, input.url_encoding).into_owned();
    let count = page.objects.len() + page.prefixes.len();
    Answer::xml(Document::new("ListBucketResult", |root| {
        root.text("Name", bucket.as_str())
            .text("Prefix", &name(&input.prefix))
            .text_if("Delimiter", input.delimiter.as_deref().map(name).as_deref())
            .text_if("StartAfter", input.start_after.as_deref().map(name).as_deref())
            .text_if("ContinuationToken", input.token.as_deref())
            .text_if(
                "NextContinuationToken",
                page.ended_with.as_ref().map(listing::token).as_deref(),
            )
            .number("KeyCount", count as u64)
            .number("MaxKeys", input.max_keys)
            .text_if("EncodingType", input.url_encoding.then_some("url"))
            .flag("IsTruncated", page.ended_with.is_some());
        for object in &page.objects {
            root.nest("Contents", |contents| {
                contents.text("Key", &name(&object.key));
                write_object(contents, object);
                if input.fetch_owner {
                    write_account(contents, "Owner", owner);
                }
            });
        }
        for prefix in &page.prefixes {
            root.nest("CommonPrefixes", |element| {
                element.text("Prefix", &name(prefix));
            });
        }
    }))
}

fn write_object(contents: &mut Element<'_>, object: &ListedObject) {
    contents
        .text("LastModified", &object.modified.truncated_to_second().iso8601())
        .text("ETag", &object.etag.quoted());
    if let Some((algorithm, kind)) = object.checksum {
        contents.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", kind.as_str());
    }
    contents.number("Size", object.len).text("StorageClass", "STANDARD");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn object(key: &str) -> ListedObject {
        ListedObject {
            key: key.into(),
            modified: Timestamp::from_millis(1_576_278_963_000),
            etag: ETag::from_text("711470fc377698c393d94aed6305e245").unwrap(),
            len: 10,
            checksum: None,
        }
    }

    fn answered(query: &str, page: &ObjectPage) -> String {
        let input = ListObjectsInput::parse(&head("GET", query, &[])).unwrap();
        let owner = AccountId::parse("000000000000").unwrap();
        body(&answer(&input, &BucketName::parse("bucket").unwrap(), &owner, page))
    }

    #[test]
    fn an_empty_page() {
        assert_eq!(
            answered("/bucket?list-type=2&max-keys=0", &ObjectPage::default()),
            "<ListBucketResult><Name>bucket</Name><Prefix></Prefix><KeyCount>0</KeyCount>\
             <MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"
        );
    }

    #[test]
    fn a_page_of_everything() {
        let page = ObjectPage {
            objects: alloc::vec![ListedObject {
                checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite)),
                ..object("p/a b\u{1}")
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
    }

    #[test]
    fn a_token_goes_before_start_after() {
        let token = listing::token(&PageEnd::Prefix("m/".into()));
        let query = alloc::format!("/bucket?list-type=2&start-after=a&continuation-token={token}");
        let input = ListObjectsInput::parse(&head("GET", &query, &[])).unwrap();
        assert_eq!(input.after(), Some(PageEnd::Prefix("m/".into())));
        let first = head("GET", "/bucket?list-type=2&start-after=a", &[]);
        let first = ListObjectsInput::parse(&first).unwrap();
        assert_eq!(first.after(), Some(PageEnd::Name("a".into())));
        let text = answered(&query, &ObjectPage::default());
        assert!(text.contains(&alloc::format!("<ContinuationToken>{token}</ContinuationToken>")));
        assert!(text.contains("<StartAfter>a</StartAfter>"));
        let bad = head("GET", "/bucket?list-type=2&continuation-token=nonsense", &[]);
        assert_eq!(ListObjectsInput::parse(&bad).unwrap_err().code, ErrorCode::InvalidArgument);
    }
}
