//! Room: ListObjectVersions: all versions of a bucket's keys, delete markers among them.
//!
//! Source: S3 API Reference, ListObjectVersions.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::common::write_account;
use super::list_objects::{ListedObject, write_object};
use super::listing::{self, PageEnd, Query, write_prefixes};
use super::unbuilt;
use crate::answer::Answer;
use crate::error::S3Error;
use crate::limits::LIST_MAX;
use crate::name::{AccountId, BucketName, ObjectKey, VersionId};
use crate::request::Head;
use crate::route::Operation;
use crate::time::Timestamp;
use crate::xml::write::{Document, Element};

/// What a ListObjectVersions request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListVersionsInput {
    /// Which keys, how many versions, and how they are shown.
    pub query: Query,
    /// The page begins behind this key; empty: at the first.
    pub key_marker: String,
    /// Among the versions of that key, the page begins behind this one.
    pub version_id_marker: Option<VersionId>,
}

/// Where a page begins, or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionsAfter {
    /// Behind all versions of a key, or of all keys that begin so.
    End(PageEnd),
    /// Behind this version, whether it is there still or not.
    Version(ObjectKey, VersionId),
}

impl ListVersionsInput {
    /// Reads the request, in the order in which S3 finds fault with it.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size or an encoding that S3 would not take, and for a version without a key,
    /// an empty one, or one that was never given out.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::ListObjectVersions)?;
        listing::page_size(head, MAX_KEYS, LIST_MAX)?;
        let key_marker = String::from(head.query.get("key-marker").unwrap_or_default());
        let version_id_marker = head.query.get(VERSION_ID_MARKER);
        let version_id_marker = version_id_marker.map(|id| version(&key_marker, id)).transpose()?;
        let query = Query::parse(head, Operation::ListObjectVersions, MAX_KEYS)?;
        Ok(Self { query, key_marker, version_id_marker })
    }

    /// Where the page begins.
    #[must_use]
    pub fn after(&self) -> Option<VersionsAfter> {
        if self.key_marker.is_empty() {
            return None;
        }
        let key = ObjectKey::parse(&self.key_marker).ok();
        Some(match (self.query.behind(&self.key_marker), key, self.version_id_marker) {
            (PageEnd::Name(_), Some(key), Some(id)) => VersionsAfter::Version(key, id),
            (end, ..) => VersionsAfter::End(end),
        })
    }
}

/// The version of both markers.
fn version(key: &str, id: &str) -> Result<VersionId, S3Error> {
    let refused =
        |message: &'static str| S3Error::invalid_argument(VERSION_ID_MARKER, Some(id), message);
    if key.is_empty() {
        return Err(refused("A version-id marker cannot be specified without a key marker."));
    }
    if id.is_empty() {
        return Err(refused("A version-id marker cannot be empty."));
    }
    VersionId::parse(id).ok_or_else(|| refused("Invalid version id specified"))
}

const MAX_KEYS: &str = "max-keys";
const VERSION_ID_MARKER: &str = "version-id-marker";

/// One version of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Which one of its key it is.
    pub version: VersionId,
    /// Whether it is the newest of its key.
    pub latest: bool,
    /// What it is.
    pub what: Listed,
}

/// What a version is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Data.
    Object(ListedObject),
    /// A delete marker.
    Marker {
        /// The whole key.
        key: String,
        /// When it was made.
        modified: Timestamp,
    },
}

/// One page, in the order of its names, the versions of one key from the newest to the oldest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionPage {
    /// The versions.
    pub versions: Vec<ListedVersion>,
    /// The common prefixes, ascending.
    pub prefixes: Vec<String>,
    /// The last version or common prefix of the page, if more would follow.
    pub ended_with: Option<VersionsAfter>,
}

/// The answer of ListObjectVersions.
#[must_use]
pub fn answer(
    input: &ListVersionsInput,
    bucket: &BucketName,
    owner: &AccountId,
    page: &VersionPage,
) -> Answer {
    let query = &input.query;
    let marker = input.version_id_marker.map(|id| id.to_string()).unwrap_or_default();
    // S3: behind a common prefix there is no version to go on from.
    let (next_key, next_version) = match &page.ended_with {
        None => (None, None),
        Some(VersionsAfter::End(PageEnd::Name(name) | PageEnd::Prefix(name))) => {
            (Some(name.as_str()), None)
        }
        Some(VersionsAfter::Version(key, id)) => (Some(key.as_str()), Some(id.to_string())),
    };
    Answer::xml(Document::new("ListVersionsResult", |root| {
        root.text("Name", bucket.as_str())
            .text("Prefix", &query.shown(&query.prefix))
            .text("KeyMarker", &query.shown(&input.key_marker))
            .text("VersionIdMarker", &marker)
            .text_if("NextKeyMarker", query.shown_if(next_key).as_deref())
            .text_if("NextVersionIdMarker", next_version.as_deref())
            .number("MaxKeys", query.max)
            .text_if("Delimiter", query.shown_if(query.delimiter.as_deref()).as_deref())
            .text_if("EncodingType", query.url_encoding.then_some("url"))
            .flag("IsTruncated", page.ended_with.is_some());
        for version in &page.versions {
            write_version(root, query, owner, version);
        }
        write_prefixes(root, query, &page.prefixes);
    }))
}

fn write_version(
    root: &mut Element<'_>,
    query: &Query,
    owner: &AccountId,
    version: &ListedVersion,
) {
    let (element, key) = match &version.what {
        Listed::Object(object) => ("Version", object.key.as_str()),
        Listed::Marker { key, .. } => ("DeleteMarker", key.as_str()),
    };
    root.nest(element, |entry| {
        entry
            .text("Key", &query.shown(key))
            .text("VersionId", &version.version.to_string())
            .flag("IsLatest", version.latest);
        match &version.what {
            Listed::Object(object) => write_object(entry, object),
            Listed::Marker { modified, .. } => {
                entry.text("LastModified", &modified.truncated_to_second().iso8601());
            }
        }
        write_account(entry, "Owner", owner);
    });
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::list_objects::sample;
    use super::*;
    use crate::checksum::{ChecksumAlgorithm, ChecksumType};
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn input(query: &str) -> Result<ListVersionsInput, S3Error> {
        ListVersionsInput::parse(&head("GET", &format!("/bucket?versions&{query}"), &[]))
    }

    fn answered(query: &str, page: &VersionPage) -> String {
        let owner = AccountId::parse("000000000000").unwrap();
        let bucket = BucketName::parse("bucket").unwrap();
        body(&answer(&input(query).unwrap(), &bucket, &owner, page))
    }

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    #[test]
    fn an_empty_page() {
        // rule: list-versions/fields
        assert_eq!(
            answered("max-keys=5000", &VersionPage::default()),
            "<ListVersionsResult><Name>bucket</Name><Prefix></Prefix><KeyMarker></KeyMarker>\
             <VersionIdMarker></VersionIdMarker><MaxKeys>1000</MaxKeys>\
             <IsTruncated>false</IsTruncated></ListVersionsResult>"
        );
    }

    #[test]
    fn a_page_of_everything() {
        // rule: list-versions/fields
        // rule: list-versions/interleaved
        let canonical = AccountId::parse("000000000000").unwrap().canonical_id();
        let owner =
            format!("<Owner><ID>{canonical}</ID><DisplayName>000000000000</DisplayName></Owner>");
        let (old, new) = (VersionId::Number(7), VersionId::Number(9));
        let modified = sample("").modified;
        let marker = Listed::Marker { key: "p/a b".into(), modified };
        let object = Listed::Object(ListedObject {
            checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject)),
            ..sample("p/a b")
        });
        let page = VersionPage {
            versions: alloc::vec![
                ListedVersion { version: new, latest: true, what: marker },
                ListedVersion { version: old, latest: false, what: object },
            ],
            prefixes: alloc::vec!["p/c+d/".into()],
            ended_with: Some(VersionsAfter::End(PageEnd::Prefix("p/c+d/".into()))),
        };
        let query = format!(
            "prefix=p/&delimiter=/&key-marker=p/%20&version-id-marker={old}&encoding-type=url&\
             max-keys=3"
        );
        assert_eq!(
            answered(&query, &page),
            format!(
                "<ListVersionsResult><Name>bucket</Name><Prefix>p/</Prefix>\
                 <KeyMarker>p/%20</KeyMarker><VersionIdMarker>{old}</VersionIdMarker>\
                 <NextKeyMarker>p/c%2Bd/</NextKeyMarker><MaxKeys>3</MaxKeys>\
                 <Delimiter>/</Delimiter><EncodingType>url</EncodingType>\
                 <IsTruncated>true</IsTruncated>\
                 <DeleteMarker><Key>p/a%20b</Key><VersionId>{new}</VersionId>\
                 <IsLatest>true</IsLatest><LastModified>2019-12-13T23:16:03.000Z</LastModified>\
                 {owner}</DeleteMarker>\
                 <Version><Key>p/a%20b</Key><VersionId>{old}</VersionId>\
                 <IsLatest>false</IsLatest><LastModified>2019-12-13T23:16:03.000Z</LastModified>\
                 <ETag>&quot;711470fc377698c393d94aed6305e245&quot;</ETag>\
                 <ChecksumAlgorithm>CRC32</ChecksumAlgorithm>\
                 <ChecksumType>FULL_OBJECT</ChecksumType><Size>10</Size>\
                 <StorageClass>STANDARD</StorageClass>{owner}</Version>\
                 <CommonPrefixes><Prefix>p/c%2Bd/</Prefix></CommonPrefixes></ListVersionsResult>"
            )
        );
    }

    #[test]
    fn a_page_ends_with_its_last_version() {
        // rule: list-versions/next-markers
        let ended = |after| VersionPage { ended_with: Some(after), ..VersionPage::default() };
        let text =
            answered("max-keys=1", &ended(VersionsAfter::Version(key("a b"), VersionId::Null)));
        let next = "<NextKeyMarker>a b</NextKeyMarker>\
             <NextVersionIdMarker>null</NextVersionIdMarker>";
        assert!(text.contains(next), "{text}");
        let text = answered("", &ended(VersionsAfter::End(PageEnd::Prefix("a/".into()))));
        assert!(text.contains("<NextKeyMarker>a/</NextKeyMarker>"), "{text}");
        assert!(!text.contains("NextVersionIdMarker"), "{text}");
    }

    #[test]
    fn markers_say_where_the_page_begins() {
        // rule: list-versions/markers
        let after = |query: &str| input(query).unwrap().after();
        let name = |text: &str| Some(VersionsAfter::End(PageEnd::Name(text.into())));
        let prefix = |text: &str| Some(VersionsAfter::End(PageEnd::Prefix(text.into())));
        let id = VersionId::Number(1);
        assert_eq!(after(""), None);
        assert_eq!(after("key-marker="), None);
        assert_eq!(after("key-marker=a/b"), name("a/b"));
        assert_eq!(after("key-marker=a/&delimiter=/"), prefix("a/"));
        let both = format!("key-marker=a/b&version-id-marker={id}");
        assert_eq!(after(&both), Some(VersionsAfter::Version(key("a/b"), id)));
        assert_eq!(after(&format!("{both}&delimiter=/")), prefix("a/"));
        assert_eq!(after(&format!("{both}&delimiter=/&prefix=b")), after(&both));
        let null = after("key-marker=a&version-id-marker=null");
        assert_eq!(null, Some(VersionsAfter::Version(key("a"), VersionId::Null)));
        let long = "k".repeat(1025);
        assert_eq!(after(&format!("key-marker={long}&version-id-marker=null")), name(&long));
    }

    /// Faults are found in this order.
    #[test]
    fn what_s3_does_not_take_is_refused() {
        // rule: list-versions/marker-without-key
        // rule: list-versions/marker-malformed
        // rule: list-versions/max-keys
        let without_key = "A version-id marker cannot be specified without a key marker.";
        for (query, name, message) in [
            (
                "max-keys=x&version-id-marker=bad&encoding-type=bad",
                "max-keys",
                "Provided max-keys not an integer or within integer range",
            ),
            ("version-id-marker=bad&encoding-type=bad", VERSION_ID_MARKER, without_key),
            ("version-id-marker=", VERSION_ID_MARKER, without_key),
            ("key-marker=&version-id-marker=null", VERSION_ID_MARKER, without_key),
            (
                "key-marker=k&version-id-marker=&encoding-type=bad",
                VERSION_ID_MARKER,
                "A version-id marker cannot be empty.",
            ),
            (
                "key-marker=k&version-id-marker=bad&encoding-type=bad",
                VERSION_ID_MARKER,
                "Invalid version id specified",
            ),
            (
                "key-marker=k&version-id-marker=NULL",
                VERSION_ID_MARKER,
                "Invalid version id specified",
            ),
            ("encoding-type=bad", "encoding-type", "Invalid Encoding Method specified in Request"),
        ] {
            let error = input(query).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{query}");
            assert_eq!(error.message, message, "{query}");
            assert!(error.details.contains(&("ArgumentName", name.into())), "{query}");
        }
    }
}
