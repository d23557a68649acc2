//! Room: ListMultipartUploads.
//!
//! Source: S3 API Reference, ListMultipartUploads.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::common::write_account;
use super::listing::{PageEnd, Query, write_prefixes};
use super::unbuilt;
use crate::answer::Answer;
use crate::checksum::{ChecksumAlgorithm, ChecksumType};
use crate::error::S3Error;
use crate::name::{AccountId, BucketName, ObjectKey, UploadId};
use crate::request::Head;
use crate::route::Operation;
use crate::storage_class::StorageClass;
use crate::time::Timestamp;
use crate::xml::write::{Document, Element};

/// What a ListMultipartUploads request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUploadsInput {
    /// Which uploads, how many, and how they are shown.
    pub query: Query,
    /// The page begins behind this key; empty: at the first.
    pub key_marker: String,
    /// Among the uploads of that key, the page begins behind this one, as sent.
    pub upload_id_marker: String,
    upload: Option<(ObjectKey, UploadId)>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadsAfter {
    /// Behind all uploads of a key, or of all keys that begin so.
    End(PageEnd),
    /// Behind this upload, whether it is open still or over.
    Upload(ObjectKey, UploadId),
}

impl ListUploadsInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size or an encoding that S3 would not take, and for an upload
    /// id that was not made for the key of the marker.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::ListMultipartUploads)?;
        let text = |name: &str| String::from(head.query.get(name).unwrap_or_default());
        let query = Query::parse(head, Operation::ListMultipartUploads, "max-uploads")?;
        let (key_marker, upload_id_marker) = (text("key-marker"), text(UPLOAD_ID_MARKER));
        let upload = upload(&key_marker, &upload_id_marker)?;
        Ok(Self { query, key_marker, upload_id_marker, upload })
    }

    /// Where the page begins.
    #[must_use]
    pub fn after(&self) -> Option<UploadsAfter> {
        if self.key_marker.is_empty() {
            return None;
        }
        Some(match (self.query.behind(&self.key_marker), &self.upload) {
            (PageEnd::Name(_), Some((key, id))) => UploadsAfter::Upload(key.clone(), *id),
            (end, _) => UploadsAfter::End(end),
        })
    }
}

/// The upload of both markers. S3 ignores an upload id without a key, and refuses one that does not
/// belong to it. That the upload is over since the page before does no harm: its place is known.
fn upload(key: &str, id: &str) -> Result<Option<(ObjectKey, UploadId)>, S3Error> {
    if key.is_empty() || id.is_empty() {
        return Ok(None);
    }
    let known = UploadId::parse(id).filter(|id| id.is_of(key));
    match (known, ObjectKey::parse(key)) {
        (Some(id), Ok(key)) => Ok(Some((key, id))),
        _ => Err(S3Error::invalid_argument(UPLOAD_ID_MARKER, Some(id), "Invalid uploadId marker")),
    }
}

const UPLOAD_ID_MARKER: &str = "upload-id-marker";

/// One open upload of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// The whole key.
    pub key: ObjectKey,
    /// Its identifier.
    pub upload_id: UploadId,
    /// When it was opened.
    pub initiated: Timestamp,
    /// The algorithm and type that it was opened with.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// The storage class of the object to be.
    pub storage_class: StorageClass,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadPage {
    /// The uploads, ascending by key, then by time, then by identifier.
    pub uploads: Vec<ListedUpload>,
    /// The common prefixes, ascending.
    pub prefixes: Vec<String>,
    /// More uploads or common prefixes follow.
    pub truncated: bool,
}

/// The answer of ListMultipartUploads. The account that owns the bucket is the initiator too, while
/// there is one account.
#[must_use]
pub fn answer(
    input: &ListUploadsInput,
    bucket: &BucketName,
    owner: &AccountId,
    page: &UploadPage,
) -> Answer {
    let query = &input.query;
    let (next_key, next_upload) = next(page);
    Answer::xml(Document::new("ListMultipartUploadsResult", |root| {
        root.text("Bucket", bucket.as_str())
            .text("KeyMarker", &query.shown(&input.key_marker))
            .text("UploadIdMarker", &input.upload_id_marker)
            .text("NextKeyMarker", &query.shown(next_key))
            .text("NextUploadIdMarker", &next_upload)
            .text_if("Delimiter", query.shown_if(query.delimiter.as_deref()).as_deref())
            .text("Prefix", &query.shown(&query.prefix))
            .number("MaxUploads", query.max)
            .text_if("EncodingType", query.url_encoding.then_some("url"))
            .flag("IsTruncated", page.truncated);
        for upload in &page.uploads {
            root.nest("Upload", |element| write_upload(element, query, owner, upload));
        }
        write_prefixes(root, query, &page.prefixes);
    }))
}

/// The last name of the page, and the upload where it is one. S3 sends them even where nothing
/// follows.
fn next(page: &UploadPage) -> (&str, String) {
    let prefix = page.prefixes.last().map(String::as_str);
    match page.uploads.last() {
        Some(upload) if prefix.is_none_or(|prefix| prefix < upload.key.as_str()) => {
            (upload.key.as_str(), upload.upload_id.to_string())
        }
        _ => (prefix.unwrap_or_default(), String::new()),
    }
}

fn write_upload(
    element: &mut Element<'_>,
    query: &Query,
    owner: &AccountId,
    upload: &ListedUpload,
) {
    element
        .text("UploadId", &upload.upload_id.to_string())
        .text("Key", &query.shown(upload.key.as_str()))
        .text("Initiated", &upload.initiated.truncated_to_second().iso8601())
        .text("StorageClass", upload.storage_class.as_str());
    write_account(element, "Owner", owner);
    write_account(element, "Initiator", owner);
    if let Some((algorithm, kind)) = upload.checksum {
        element.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", kind.as_str());
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    fn id(text: &str) -> UploadId {
        UploadId::for_key(Timestamp::from_millis(1), [0xab; 16], &key(text))
    }

    fn input(query: &str) -> Result<ListUploadsInput, S3Error> {
        ListUploadsInput::parse(&head("GET", &format!("/bucket?uploads&{query}"), &[]))
    }

    fn answered(query: &str, page: &UploadPage) -> String {
        let owner = AccountId::parse("000000000000").unwrap();
        let bucket = BucketName::parse("bucket").unwrap();
        body(&answer(&input(query).unwrap(), &bucket, &owner, page))
    }

    fn upload(text: &str) -> ListedUpload {
        ListedUpload {
            key: key(text),
            upload_id: id(text),
            initiated: Timestamp::from_millis(1_576_278_963_999),
            checksum: None,
            storage_class: StorageClass::Standard,
        }
    }

    #[test]
    fn an_empty_page() {
        // rule: list-uploads/fields
        // rule: list-uploads/max-uploads
        assert_eq!(
            answered("max-uploads=5000", &UploadPage::default()),
            "<ListMultipartUploadsResult><Bucket>bucket</Bucket><KeyMarker></KeyMarker>\
             <UploadIdMarker></UploadIdMarker><NextKeyMarker></NextKeyMarker>\
             <NextUploadIdMarker></NextUploadIdMarker><Prefix></Prefix>\
             <MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>\
             </ListMultipartUploadsResult>"
        );
    }

    #[test]
    fn a_page_of_everything() {
        // rule: list-uploads/fields, storage-class/listed
        // rule: list-uploads/checksum
        // rule: list-uploads/encoding
        // rule: list-uploads/delimiter
        let canonical = AccountId::parse("000000000000").unwrap().canonical_id();
        let account = |name: &str| {
            format!("<{name}><ID>{canonical}</ID><DisplayName>000000000000</DisplayName></{name}>")
        };
        let page = UploadPage {
            uploads: alloc::vec![ListedUpload {
                checksum: Some((ChecksumAlgorithm::Crc32c, ChecksumType::Composite)),
                storage_class: StorageClass::GlacierIr,
                ..upload("p/a b")
            }],
            prefixes: alloc::vec!["p/c+d/".into()],
            truncated: true,
        };
        let (marker, shown) = (id("p/A"), id("p/a b"));
        let query = format!(
            "prefix=p/&delimiter=/&key-marker=p/A&upload-id-marker={marker}&encoding-type=url&\
             max-uploads=2"
        );
        assert_eq!(
            answered(&query, &page),
            format!(
                "<ListMultipartUploadsResult><Bucket>bucket</Bucket><KeyMarker>p/A</KeyMarker>\
                 <UploadIdMarker>{marker}</UploadIdMarker><NextKeyMarker>p/c%2Bd/</NextKeyMarker>\
                 <NextUploadIdMarker></NextUploadIdMarker><Delimiter>/</Delimiter>\
                 <Prefix>p/</Prefix><MaxUploads>2</MaxUploads><EncodingType>url</EncodingType>\
                 <IsTruncated>true</IsTruncated><Upload><UploadId>{shown}</UploadId>\
                 <Key>p/a%20b</Key><Initiated>2019-12-13T23:16:03.000Z</Initiated>\
                 <StorageClass>GLACIER_IR</StorageClass>{}{}\
                 <ChecksumAlgorithm>CRC32C</ChecksumAlgorithm>\
                 <ChecksumType>COMPOSITE</ChecksumType></Upload>\
                 <CommonPrefixes><Prefix>p/c%2Bd/</Prefix></CommonPrefixes>\
                 </ListMultipartUploadsResult>",
                account("Owner"),
                account("Initiator")
            )
        );
    }

    #[test]
    fn the_last_line_is_the_next_marker_even_where_nothing_follows() {
        // rule: list-uploads/next-markers
        let page = UploadPage {
            uploads: alloc::vec![upload("a"), upload("z")],
            prefixes: alloc::vec!["b/".into()],
            truncated: false,
        };
        let text = answered("delimiter=/", &page);
        let expect = format!(
            "<NextKeyMarker>z</NextKeyMarker><NextUploadIdMarker>{}</NextUploadIdMarker>",
            id("z")
        );
        assert!(text.contains(&expect), "{text}");
    }

    #[test]
    fn markers_say_where_the_page_begins() {
        // rule: list-uploads/markers
        // rule: list-uploads/id-marker-alone
        let after = |query: &str| input(query).unwrap().after();
        let name = |text: &str| Some(UploadsAfter::End(PageEnd::Name(text.into())));
        let prefix = |text: &str| Some(UploadsAfter::End(PageEnd::Prefix(text.into())));
        let both = format!("key-marker=a/b&upload-id-marker={}", id("a/b"));
        assert_eq!(after(""), None);
        assert_eq!(after("key-marker="), None);
        assert_eq!(after("key-marker=a/b"), name("a/b"));
        assert_eq!(after("key-marker=a/b&upload-id-marker="), name("a/b"));
        assert_eq!(after("key-marker=a/&delimiter=/"), prefix("a/"));
        assert_eq!(after(&both), Some(UploadsAfter::Upload(key("a/b"), id("a/b"))));
        assert_eq!(after(&format!("{both}&delimiter=/")), prefix("a/"));
        assert_eq!(after(&format!("{both}&delimiter=/&prefix=b")), after(&both));
        // S3: ignored without a key.
        assert_eq!(after("upload-id-marker=garbage"), None);
    }

    #[test]
    fn what_s3_does_not_take_is_refused() {
        // rule: list-uploads/max-uploads
        // rule: list-uploads/encoding
        // rule: list-uploads/unknown-id-marker
        let long = "k".repeat(1025);
        for (query, name) in [
            ("max-uploads=-1", "max-uploads"),
            ("max-uploads=x", "max-uploads"),
            ("encoding-type=", "encoding-type"),
            ("key-marker=a&upload-id-marker=garbage", "upload-id-marker"),
            (&*format!("key-marker=a&upload-id-marker={}", id("b")), "upload-id-marker"),
            (&*format!("key-marker={long}&upload-id-marker={}", id("b")), "upload-id-marker"),
        ] {
            let error = input(query).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{query}");
            assert!(error.details.contains(&("ArgumentName", name.into())), "{query}");
        }
        let error = input("key-marker=a&upload-id-marker=garbage").unwrap_err();
        assert_eq!(error.message, "Invalid uploadId marker");
    }
}
