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
    /// The most buckets of the page, 1 to [`LIST_BUCKETS_MAX`].
    pub max_buckets: u32,
    /// The page begins behind this name.
    pub after: Option<BucketName>,
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

    /// Whether only buckets of another region than `region` are asked for.
    #[must_use]
    pub fn is_elsewhere(&self, region: &str) -> bool {
        self.region.as_deref().is_some_and(|asked| asked != region)
    }
}

/// The name that a token stands for; names of buckets have no common prefixes.
fn after(token: &str) -> Result<BucketName, S3Error> {
    match listing::read_token(token)? {
        PageEnd::Name(name) => BucketName::parse(&name).map_err(|_other| listing::bad_token()),
        PageEnd::Prefix(_) => Err(listing::bad_token()),
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

/// One page of the buckets that the caller owns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketPage {
    /// The buckets, ascending by name.
    pub buckets: Vec<ListedBucket>,
    /// More buckets follow.
    pub truncated: bool,
}

/// The answer of ListBuckets; all buckets are in `region`.
#[must_use]
pub fn answer(
    input: &ListBucketsInput,
    owner: &AccountId,
    region: &str,
    page: &BucketPage,
) -> Answer {
    let next = page.buckets.last().filter(|_| page.truncated).map(|last| {
        let name = String::from(last.name.as_str());
        listing::token(&PageEnd::Name(name))
    });
    Answer::xml(Document::new("ListAllMyBucketsResult", |root| {
        root.nest("Buckets", |element| {
            for bucket in &page.buckets {
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

    fn input(query: &str) -> Result<ListBucketsInput, S3Error> {
        ListBucketsInput::parse(&head("GET", query, &[]))
    }

    fn answered(query: &str, names: &[&str], truncated: bool) -> String {
        let owner = AccountId::parse("000000000000").unwrap();
        let buckets = names.iter().map(|name| ListedBucket {
            name: BucketName::parse(name).unwrap(),
            created: Timestamp::from_millis(1_576_278_963_000),
        });
        let page = BucketPage { buckets: buckets.collect(), truncated };
        body(&answer(&input(query).unwrap(), &owner, "us-east-1", &page))
    }

    #[test]
    fn all_buckets() {
        // rule: list-buckets/fields
        let owner = AccountId::parse("000000000000").unwrap().canonical_id();
        assert_eq!(
            answered("/", &["one"], false),
            format!(
                "<ListAllMyBucketsResult><Buckets><Bucket><Name>one</Name>\
                 <CreationDate>2019-12-13T23:16:03.000Z</CreationDate>\
                 <BucketRegion>us-east-1</BucketRegion><BucketArn>arn:aws:s3:::one</BucketArn>\
                 </Bucket></Buckets><Owner><ID>{owner}</ID><DisplayName>000000000000</DisplayName>\
                 </Owner></ListAllMyBucketsResult>"
            )
        );
        assert!(
            answered("/", &[], false)
                .starts_with("<ListAllMyBucketsResult><Buckets></Buckets><Owner>")
        );
    }

    #[test]
    fn a_token_leads_behind_the_last_bucket() {
        // rule: list-buckets/token
        // rule: list-buckets/prefix
        let first = answered("/?prefix=log-&max-buckets=2", &["log-a", "log-b"], true);
        assert!(
            first.ends_with("</ContinuationToken><Prefix>log-</Prefix></ListAllMyBucketsResult>")
        );
        let token = first.split("ContinuationToken>").nth(1).unwrap().trim_end_matches("</");
        let next = input(&format!("/?max-buckets=2&continuation-token={token}")).unwrap();
        assert_eq!(next.after, Some(BucketName::parse("log-b").unwrap()));
        assert!(!answered("/?max-buckets=1", &["log-c"], false).contains("ContinuationToken"));
        let prefix = listing::token(&PageEnd::Prefix("log-b".into()));
        let other = listing::token(&PageEnd::Name("No Bucket".into()));
        for bad in ["garbage", &prefix, &other] {
            let error = input(&format!("/?continuation-token={bad}")).unwrap_err();
            assert_eq!(error.message, "The continuation token provided is incorrect");
        }
    }

    #[test]
    fn a_region_may_be_another() {
        // rule: list-buckets/region
        assert!(!input("/").unwrap().is_elsewhere("us-east-1"));
        assert!(!input("/?bucket-region=us-east-1").unwrap().is_elsewhere("us-east-1"));
        assert!(input("/?bucket-region=eu-west-1").unwrap().is_elsewhere("us-east-1"));
    }

    #[test]
    fn a_page_holds_one_to_ten_thousand() {
        // rule: list-buckets/max-buckets
        for bad in ["0", "-1", "10001", "x"] {
            let error = input(&format!("/?max-buckets={bad}")).unwrap_err();
            assert_eq!(
                error.message,
                "Argument max-buckets must be an integer between 1 and 10000."
            );
        }
    }
}
