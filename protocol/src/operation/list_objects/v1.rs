//! Room: ListObjects, the first version: a marker instead of tokens, owners always.
//!
//! Source: S3 API Reference, ListObjects.

use alloc::string::String;

use super::{ObjectPage, write_page};
use crate::answer::Answer;
use crate::error::S3Error;
use crate::name::{AccountId, BucketName};
use crate::operation::listing::{PageEnd, Query};
use crate::operation::unbuilt;
use crate::request::Head;
use crate::route::Operation;
use crate::xml::write::Document;

/// What a ListObjects request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjectsInput {
    /// Which keys, how many, and how they are shown.
    pub query: Query,
    /// The page begins behind this name; empty: at the first.
    pub marker: String,
}

impl ListObjectsInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size or an encoding that S3 would not take.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::ListObjects)?;
        Ok(Self {
            query: Query::parse(head, Operation::ListObjects, "max-keys")?,
            marker: String::from(head.query.get("marker").unwrap_or_default()),
        })
    }

    /// Where the page begins.
    #[must_use]
    pub fn after(&self) -> Option<PageEnd> {
        (!self.marker.is_empty()).then(|| self.query.behind(&self.marker))
    }
}

/// The answer of ListObjects.
#[must_use]
pub fn answer(
    input: &ListObjectsInput,
    bucket: &BucketName,
    owner: &AccountId,
    page: &ObjectPage,
) -> Answer {
    let query = &input.query;
    // S3: NextMarker is there only with a delimiter; without one a client takes the last key.
    let next =
        page.ended_with.as_ref().filter(|_| query.delimiter.is_some()).map(|end| match end {
            PageEnd::Name(name) | PageEnd::Prefix(name) => query.shown(name),
        });
    Answer::xml(Document::new("ListBucketResult", |root| {
        root.text("Name", bucket.as_str())
            .text("Prefix", &query.shown(&query.prefix))
            .text("Marker", &query.shown(&input.marker))
            .text_if("NextMarker", next.as_deref())
            .text_if("Delimiter", query.shown_if(query.delimiter.as_deref()).as_deref())
            .number("MaxKeys", query.max)
            .text_if("EncodingType", query.url_encoding.then_some("url"))
            .flag("IsTruncated", page.ended_with.is_some());
        write_page(root, query, Some(owner), page);
    }))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn answered(query: &str, page: &ObjectPage) -> String {
        let input = ListObjectsInput::parse(&head("GET", query, &[])).unwrap();
        let owner = AccountId::parse("000000000000").unwrap();
        body(&answer(&input, &BucketName::parse("bucket").unwrap(), &owner, page))
    }

    #[test]
    fn an_empty_page() {
        // rule: list/max-keys-zero
        assert_eq!(
            answered("/bucket?max-keys=0", &ObjectPage::default()),
            "<ListBucketResult><Name>bucket</Name><Prefix></Prefix><Marker></Marker>\
             <MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"
        );
    }

    #[test]
    fn a_page_of_everything() {
        // rule: list/fields
        // rule: list/owner
        // rule: list/encoding
        let page = ObjectPage {
            objects: alloc::vec![sample("p/a b")],
            prefixes: alloc::vec!["p/c+d/".into()],
            ended_with: Some(PageEnd::Prefix("p/c+d/".into())),
        };
        let owner = AccountId::parse("000000000000").unwrap().canonical_id();
        assert_eq!(
            answered("/bucket?prefix=p/&delimiter=/&marker=p/%20&encoding-type=url", &page),
            alloc::format!(
                "<ListBucketResult><Name>bucket</Name><Prefix>p/</Prefix><Marker>p/%20</Marker>\
                 <NextMarker>p/c%2Bd/</NextMarker><Delimiter>/</Delimiter><MaxKeys>1000</MaxKeys>\
                 <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><Contents>\
                 <Key>p/a%20b</Key><LastModified>2019-12-13T23:16:03.000Z</LastModified>\
                 <ETag>&quot;711470fc377698c393d94aed6305e245&quot;</ETag><Size>10</Size>\
                 <StorageClass>STANDARD</StorageClass>\
                 <Owner><ID>{owner}</ID><DisplayName>000000000000</DisplayName></Owner></Contents>\
                 <CommonPrefixes><Prefix>p/c%2Bd/</Prefix></CommonPrefixes></ListBucketResult>"
            )
        );
    }

    #[test]
    fn the_next_marker_comes_with_a_delimiter_alone() {
        // rule: list/next-marker
        let page = ObjectPage {
            objects: alloc::vec![sample("a")],
            prefixes: alloc::vec![],
            ended_with: Some(PageEnd::Name("a".into())),
        };
        assert!(!answered("/bucket?max-keys=1", &page).contains("NextMarker"));
        let with = answered("/bucket?max-keys=1&delimiter=/", &page);
        assert!(with.contains("<NextMarker>a</NextMarker>"), "{with}");
    }

    #[test]
    fn what_s3_does_not_take_is_refused() {
        // rule: list/max-keys
        // rule: list/encoding
        for query in ["max-keys=-1", "max-keys=x", "encoding-type=gzip"] {
            let request = head("GET", &alloc::format!("/bucket?{query}"), &[]);
            assert_eq!(
                ListObjectsInput::parse(&request).unwrap_err().code,
                ErrorCode::InvalidArgument,
                "{query}"
            );
        }
    }
}
