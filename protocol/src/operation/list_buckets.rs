//! Room: ListBuckets.
//!
//! Source: S3 API Reference, ListBuckets.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::common::write_account;
use super::listing::{self, PageEnd};
use super::unbuilt;
use crate::answer::Answer;
use crate::error::S3Error;
use crate::limits::LIST_BUCKETS_MAX;
use crate::name::{AccountId, BucketName};
use crate::request::Head;
use crate::route::Operation;
use crate::time::Timestamp;
use crate::xml::write::Document;

/// What a ListBuckets request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListBucketsInput {
    /// Only names that begin so.
    pub prefix: Option<String>,
    /// Only buckets of this region.
    pub region: Option<String>,
    /// The most buckets of the page.
    pub max_buckets: u32,
    after: Option<String>,
}

impl ListBucketsInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size or a token that S3 would not take.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::ListBuckets)?;
        let text =
            |name: &str| head.query.get(name).filter(|text| !text.is_empty()).map(String::from);
        Ok(Self {
            prefix: text("prefix"),
            region: text("bucket-region"),
            max_buckets: max_buckets(head)?,
            after: text("continuation-token").as_deref().map(after).transpose()?,
        })
    }
}

/// The name that a token stands for; names of buckets have no common prefixes.
fn after(token: &str) -> Result<String, S3Error> {
    match listing::read_token(token)? {
        PageEnd::Name(name) | PageEnd::Prefix(name) => Ok(name),
    }
}

fn max_buckets(head: &Head) -> Result<u32, S3Error> {
    const PARAMETER: &str = "max-buckets";
    let Some(text) = head.query.get(PARAMETER).filter(|text| !text.is_empty()) else {
        return Ok(LIST_BUCKETS_MAX);
    };
    match text.parse() {
        Ok(number @ 1..=LIST_BUCKETS_MAX) => Ok(number),
        _ => Err(S3Error::invalid_argument(
            PARAMETER,
            Some(text),
            format!("Argument {PARAMETER} must be an integer between 1 and {LIST_BUCKETS_MAX}."),
        )),
    }
}

/// One bucket that the caller owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBucket {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created: Timestamp,
}

/// The answer of ListBuckets, from all buckets of `owner` in any order; all are in `region`.
#[must_use]
pub fn answer(
    input: &ListBucketsInput,
    owner: &AccountId,
    region: &str,
    buckets: impl IntoIterator<Item = ListedBucket>,
) -> Answer {
    let elsewhere = input.region.as_deref().is_some_and(|asked| asked != region);
    let mut page: Vec<ListedBucket> = buckets
        .into_iter()
        .filter(|bucket| {
            let name = bucket.name.as_str();
            !elsewhere
                && input.prefix.as_deref().is_none_or(|prefix| name.starts_with(prefix))
                && input.after.as_deref().is_none_or(|after| name > after)
        })
        .collect();
    page.sort_by(|a, b| a.name.cmp(&b.name));
    let size = usize::try_from(input.max_buckets).unwrap_or(usize::MAX);
    let truncated = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| truncated).map(|last| {
        let name = String::from(last.name.as_str());
        listing::token(&PageEnd::Name(name))
    });
    Answer::xml(Document::new("ListAllMyBucketsResult", |root| {
        root.nest("Buckets", |element| {
            for bucket in &page {
                let name = bucket.name.as_str();
                element.nest("Bucket", |entry| {
                    entry
                        .text("Name", name)
                        .text("CreationDate", &bucket.created.truncated_to_second().iso8601())
                        .text("BucketRegion", region)
                        .text("BucketArn", &format!("arn:aws:s3:::{name}"));
                });
            }
        });
        write_account(root, "Owner", owner);
        root.text_if("ContinuationToken", next.as_deref())
            .text_if("Prefix", input.prefix.as_deref());
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::testing::{body, head};

    fn answered(query: &str, names: &[&str]) -> String {
        let input = ListBucketsInput::parse(&head("GET", query, &[])).unwrap();
        let owner = AccountId::parse("000000000000").unwrap();
        let buckets = names.iter().map(|name| ListedBucket {
            name: BucketName::parse(name).unwrap(),
            created: Timestamp::from_millis(1_576_278_963_000),
        });
        body(&answer(&input, &owner, "us-east-1", buckets))
    }

    fn names(text: &str) -> Vec<&str> {
        text.split("<Name>").skip(1).filter_map(|rest| rest.split('<').next()).collect()
    }

    #[test]
    fn all_buckets() {
        let owner = AccountId::parse("000000000000").unwrap().canonical_id();
        assert_eq!(
            answered("/", &["one"]),
            format!(
                "<ListAllMyBucketsResult><Buckets><Bucket><Name>one</Name>\
                 <CreationDate>2019-12-13T23:16:03.000Z</CreationDate>\
                 <BucketRegion>us-east-1</BucketRegion><BucketArn>arn:aws:s3:::one</BucketArn>\
                 </Bucket></Buckets><Owner><ID>{owner}</ID><DisplayName>000000000000</DisplayName>\
                 </Owner></ListAllMyBucketsResult>"
            )
        );
        assert!(
            answered("/", &[]).starts_with("<ListAllMyBucketsResult><Buckets></Buckets><Owner>")
        );
    }

    #[test]
    fn pages_go_through_all_that_match() {
        let all = ["log-b", "abc", "log-a", "log-c"];
        let first = answered("/?prefix=log-&max-buckets=2", &all);
        assert_eq!(names(&first), ["log-a", "log-b"]);
        assert!(
            first.ends_with("</ContinuationToken><Prefix>log-</Prefix></ListAllMyBucketsResult>")
        );
        let token = first.split("ContinuationToken>").nth(1).unwrap().trim_end_matches("</");
        let second =
            answered(&format!("/?prefix=log-&max-buckets=2&continuation-token={token}"), &all);
        assert_eq!(names(&second), ["log-c"]);
        assert!(!second.contains("ContinuationToken"));
        assert!(names(&answered("/?bucket-region=eu-west-1", &all)).is_empty());
        assert_eq!(names(&answered("/?bucket-region=us-east-1", &all)).len(), 4);
    }

    #[test]
    fn a_page_holds_one_to_ten_thousand() {
        for bad in ["0", "-1", "10001", "x"] {
            let error = ListBucketsInput::parse(&head("GET", &format!("/?max-buckets={bad}"), &[]))
                .unwrap_err();
            assert_eq!(
                error.message,
                "Argument max-buckets must be an integer between 1 and 10000."
            );
        }
    }
}
