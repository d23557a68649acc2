//! Room: ListParts.
//!
//! Source: S3 API Reference, ListParts.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{Common, write_account};
use super::listing;
use super::unbuilt;
use crate::answer::Answer;
use crate::checksum::{ChecksumAlgorithm, ChecksumType, ChecksumValue};
use crate::error::S3Error;
use crate::etag::ETag;
use crate::limits::LIST_MAX;
use crate::name::{AccountId, BucketName, ObjectKey};
use crate::part::PartNumber;
use crate::request::Head;
use crate::route::Operation;
use crate::storage_class::StorageClass;
use crate::time::Timestamp;
use crate::xml::write::Document;

/// What a ListParts request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPartsInput {
    /// The upload, as sent.
    pub upload_id: String,
    /// The most parts of the page, at most [`LIST_MAX`].
    pub max_parts: u32,
    /// Only parts with a greater number than this.
    pub marker: u32,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl ListPartsInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a page size or a marker that is not a number in range.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::ListParts)?;
        Ok(Self {
            upload_id: String::from(head.query.get("uploadId").unwrap_or_default()),
            max_parts: listing::page_size(head, "max-parts", LIST_MAX)?,
            marker: listing::count(head, "part-number-marker")?.unwrap_or(0),
            common: Common::parse(head, Operation::ListParts)?,
        })
    }
}

/// One part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPart {
    /// Its number.
    pub number: PartNumber,
    /// When it was uploaded or copied.
    pub modified: Timestamp,
    /// Its ETag.
    pub etag: ETag,
    /// Its length in bytes.
    pub len: u64,
    /// Its checksum, where the upload has an algorithm.
    pub checksum: Option<ChecksumValue>,
}

/// One page of an upload's parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartPage {
    /// The algorithm and type that the upload was created with.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// The storage class of the object to be.
    pub storage_class: StorageClass,
    /// The parts, ascending by number.
    pub parts: Vec<ShownPart>,
    /// More parts follow.
    pub truncated: bool,
}

/// The answer of ListParts. The account that owns the bucket is the initiator too, while there is
/// one account.
#[must_use]
pub fn answer(
    input: &ListPartsInput,
    bucket: &BucketName,
    key: &ObjectKey,
    owner: &AccountId,
    page: &PartPage,
) -> Answer {
    // S3 sends the next marker even where nothing follows; 0 stands for a page without parts.
    let next = page.parts.last().map_or(0, |part| part.number.get());
    Answer::xml(Document::new("ListPartsResult", |root| {
        root.text("Bucket", bucket.as_str())
            .text("Key", key.as_str())
            .text("UploadId", &input.upload_id)
            .number("PartNumberMarker", input.marker)
            .number("NextPartNumberMarker", next)
            .number("MaxParts", input.max_parts)
            .flag("IsTruncated", page.truncated);
        for part in &page.parts {
            root.nest("Part", |element| {
                element
                    .number("PartNumber", part.number.get())
                    .text("LastModified", &part.modified.truncated_to_second().iso8601())
                    .text("ETag", &part.etag.quoted())
                    .number("Size", part.len);
                if let Some(checksum) = &part.checksum {
                    element.text(checksum.algorithm().element(), &checksum.to_base64());
                }
            });
        }
        write_account(root, "Initiator", owner);
        write_account(root, "Owner", owner);
        root.text("StorageClass", page.storage_class.as_str());
        if let Some((algorithm, kind)) = page.checksum {
            root.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", kind.as_str());
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn answered(query: &str, page: &PartPage) -> String {
        let input = ListPartsInput::parse(&head("GET", query, &[])).unwrap();
        let owner = AccountId::parse("000000000000").unwrap();
        let bucket = BucketName::parse("bucket").unwrap();
        body(&answer(&input, &bucket, &ObjectKey::parse("a&b").unwrap(), &owner, page))
    }

    #[test]
    fn pages() {
        // rule: list-parts/answer, list-parts/next-marker, storage-class/listed
        let id = AccountId::parse("000000000000").unwrap().canonical_id();
        let account = |name: &str| {
            alloc::format!("<{name}><ID>{id}</ID><DisplayName>000000000000</DisplayName></{name}>")
        };
        let accounts = account("Initiator") + &account("Owner");
        let page = PartPage {
            checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject)),
            storage_class: StorageClass::StandardIa,
            parts: alloc::vec![ShownPart {
                number: PartNumber::new(3).unwrap(),
                modified: Timestamp::from_millis(1_576_278_963_999),
                etag: ETag::from_text("711470fc377698c393d94aed6305e245").unwrap(),
                len: 5_242_880,
                checksum: Some(ChecksumValue::from_crc32(0xCBF4_3926)),
            }],
            truncated: true,
        };
        assert_eq!(
            answered("/bucket/a?uploadId=u-1&max-parts=1&part-number-marker=2", &page),
            alloc::format!(
                "<ListPartsResult><Bucket>bucket</Bucket><Key>a&amp;b</Key><UploadId>u-1</UploadId>\
                 <PartNumberMarker>2</PartNumberMarker>\
                 <NextPartNumberMarker>3</NextPartNumberMarker><MaxParts>1</MaxParts>\
                 <IsTruncated>true</IsTruncated><Part><PartNumber>3</PartNumber>\
                 <LastModified>2019-12-13T23:16:03.000Z</LastModified>\
                 <ETag>&quot;711470fc377698c393d94aed6305e245&quot;</ETag><Size>5242880</Size>\
                 <ChecksumCRC32>y/Q5Jg==</ChecksumCRC32></Part>{accounts}\
                 <StorageClass>STANDARD_IA</StorageClass><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>\
                 <ChecksumType>FULL_OBJECT</ChecksumType></ListPartsResult>"
            )
        );
        assert_eq!(
            answered("/bucket/a?uploadId=u-1", &PartPage::default()),
            alloc::format!(
                "<ListPartsResult><Bucket>bucket</Bucket><Key>a&amp;b</Key><UploadId>u-1</UploadId>\
                 <PartNumberMarker>0</PartNumberMarker>\
                 <NextPartNumberMarker>0</NextPartNumberMarker><MaxParts>1000</MaxParts>\
                 <IsTruncated>false</IsTruncated>{accounts}\
                 <StorageClass>STANDARD</StorageClass></ListPartsResult>"
            )
        );
    }

    #[test]
    fn a_marker_is_a_number() {
        // rule: list-parts/numbers
        for bad in ["max-parts=-1", "max-parts=x", "part-number-marker=-1", "part-number-marker=x"]
        {
            let request = head("GET", &alloc::format!("/bucket/a?uploadId=u&{bad}"), &[]);
            let error = ListPartsInput::parse(&request).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{bad}");
        }
    }
}
