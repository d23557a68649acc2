//! Room: GetObjectAttributes: what is known of an object, without its bytes and its headers.
//!
//! Source: S3 API Reference, GetObjectAttributes.

use alloc::vec::Vec;

use super::common::Common;
use super::listing;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::checksum::{Checksum, ChecksumType, ChecksumValue};
use crate::error::S3Error;
use crate::etag::ETag;
use crate::limits::LIST_MAX;
use crate::name::VersionId;
use crate::request::Head;
use crate::route::Operation;
use crate::storage_class::StorageClass;
use crate::time::Timestamp;
use crate::xml::write::{Document, Element};

/// What a GetObjectAttributes request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetObjectAttributesInput {
    /// The version asked for; `None` for the latest one.
    pub version: Option<VersionId>,
    /// What is asked for.
    pub wanted: Wanted,
    /// The most parts of the page, at most [`LIST_MAX`].
    pub max_parts: u32,
    /// Only parts behind this one.
    pub marker: u32,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

/// The attributes, and which of them are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is the attribute of its name")]
pub struct Wanted {
    pub etag: bool,
    pub checksum: bool,
    pub object_parts: bool,
    pub storage_class: bool,
    pub object_size: bool,
}

impl GetObjectAttributesInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidRequest` if no attribute is asked for; `InvalidArgument` for an attribute that is none, for a page
    /// size or a marker that is no number in range, and for what is no version id.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        unbuilt::refuse(head, Operation::GetObjectAttributes)?;
        let number = |name: &str| {
            let value = head.headers.get_non_empty(name);
            value.map(|value| listing::number(name, value)).transpose()
        };
        Ok(Self {
            version: version::asked(head)?,
            wanted: wanted(head)?,
            max_parts: number("x-amz-max-parts")?.unwrap_or(LIST_MAX).min(LIST_MAX),
            marker: number("x-amz-part-number-marker")?.unwrap_or(0),
            common: Common::parse(head, Operation::GetObjectAttributes)?,
        })
    }
}

/// Lines of one header are one value by now, with commas between them.
fn wanted(head: &Head) -> Result<Wanted, S3Error> {
    const HEADER: &str = "x-amz-object-attributes";
    let list = head.headers.get_non_empty(HEADER).ok_or_else(|| {
        S3Error::invalid_request(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty",
        )
    })?;
    let mut wanted = Wanted::default();
    for name in list.split(',').map(str::trim) {
        let asked = match name {
            "ETag" => &mut wanted.etag,
            "Checksum" => &mut wanted.checksum,
            "ObjectParts" => &mut wanted.object_parts,
            "StorageClass" => &mut wanted.storage_class,
            "ObjectSize" => &mut wanted.object_size,
            other => {
                let message = "Invalid attribute name specified.";
                return Err(S3Error::invalid_argument(HEADER, Some(other), message));
            }
        };
        *asked = true;
    }
    Ok(wanted)
}

/// What there is to tell of an object.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: &'a ETag,
    /// When it was written.
    pub modified: Timestamp,
    /// Its stored checksum.
    pub checksum: Option<&'a Checksum>,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// The parts that it was uploaded in; `None` where it was put or copied as one.
    pub parts: Option<&'a AttributeParts>,
}

impl Attributes<'_> {
    /// Whether S3 lists the parts of an object with this checksum: those alone that have checksums of their own.
    #[must_use]
    pub fn lists_parts(checksum: Option<&Checksum>) -> bool {
        checksum.is_some_and(|checksum| checksum.kind == ChecksumType::Composite)
    }
}

/// The parts of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeParts {
    /// How many there are.
    pub count: u32,
    /// A page of them, of an object whose parts are listed; see [`Attributes::lists_parts`].
    pub page: Option<AttributePage>,
}

/// A page of the parts of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePage {
    /// The parts, in their order.
    pub parts: Vec<AttributePart>,
    /// More parts follow.
    pub truncated: bool,
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePart {
    /// Its place in the object, from 1.
    pub number: u32,
    /// Its length in bytes.
    pub len: u64,
    /// Its checksum.
    pub checksum: Option<ChecksumValue>,
}

/// The answer of GetObjectAttributes.
#[must_use]
pub fn answer(input: &GetObjectAttributesInput, object: &Attributes<'_>) -> Answer {
    let Wanted { etag, checksum, object_parts, storage_class, object_size } = input.wanted;
    let document = Document::new("GetObjectAttributesResponse", |root| {
        if etag {
            // S3: without quotes, here alone.
            root.text("ETag", object.etag.as_str());
        }
        if let Some(sum) = object.checksum.filter(|_| checksum) {
            root.nest("Checksum", |element| {
                // S3: without the number of parts, here alone.
                element
                    .text(sum.value.algorithm().element(), &sum.value.to_base64())
                    .text("ChecksumType", sum.kind.as_str());
            });
        }
        if let Some(parts) = object.parts.filter(|_| object_parts) {
            root.nest("ObjectParts", |element| write_parts(element, input, parts));
        }
        if storage_class {
            root.text("StorageClass", object.storage_class.as_str());
        }
        if object_size {
            root.number("ObjectSize", object.len);
        }
    });
    Answer::xml(document).with("last-modified", object.modified.http_date())
}

fn write_parts(
    element: &mut Element<'_>,
    input: &GetObjectAttributesInput,
    parts: &AttributeParts,
) {
    element.number("PartsCount", parts.count);
    let Some(page) = &parts.page else { return };
    element
        .number("PartNumberMarker", input.marker)
        .number("NextPartNumberMarker", page.parts.last().map_or(0, |part| part.number))
        .number("MaxParts", input.max_parts)
        .flag("IsTruncated", page.truncated);
    for part in &page.parts {
        element.nest("Part", |element| {
            if let Some(checksum) = &part.checksum {
                element.text(checksum.algorithm().element(), &checksum.to_base64());
            }
            element.number("PartNumber", part.number).number("Size", part.len);
        });
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;
    use crate::checksum::ChecksumAlgorithm;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    fn parse(headers: &[(&str, &str)]) -> Result<GetObjectAttributesInput, S3Error> {
        GetObjectAttributesInput::parse(&head("GET", "/bucket/key?attributes", headers))
    }

    /// The answer for an object of two parts with checksums.
    fn told(headers: &[(&str, &str)], checksum: &Checksum, page: Option<AttributePage>) -> String {
        let object = Attributes {
            len: 5_242_887,
            etag: &ETag::from_text("395d97c07920de036bfa21e7568a2e9f-2").unwrap(),
            modified: Timestamp::from_millis(1_576_278_963_000),
            checksum: Some(checksum),
            storage_class: StorageClass::IntelligentTiering,
            parts: Some(&AttributeParts { count: 2, page }),
        };
        let answer = answer(&parse(headers).unwrap(), &object);
        assert_eq!(answer.header("last-modified"), Some("Fri, 13 Dec 2019 23:16:03 GMT"));
        assert_eq!(answer.header("etag"), None);
        body(&answer)
    }

    fn composite() -> Checksum {
        let parts = [1, 2].map(ChecksumValue::from_crc32);
        Checksum::composite(ChecksumAlgorithm::Crc32, parts.into_iter())
    }

    #[test]
    fn attributes_are_asked_for_by_name() {
        // rule: attributes/names
        const HEADER: &str = "x-amz-object-attributes";
        let all = Wanted {
            etag: true,
            checksum: true,
            object_parts: true,
            storage_class: true,
            object_size: true,
        };
        let lines = [(HEADER, "ETag, Checksum"), (HEADER, "ObjectParts,StorageClass,ObjectSize")];
        assert_eq!(parse(&lines).unwrap().wanted, all);
        let etag = Wanted { etag: true, ..Wanted::default() };
        assert_eq!(parse(&[(HEADER, "ETag,ETag")]).unwrap().wanted, etag);
        for unknown in ["etag", "ETag,Size", "ETag,", "*"] {
            let error = parse(&[(HEADER, unknown)]).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{unknown}");
            assert_eq!(error.message, "Invalid attribute name specified.");
            assert_eq!(error.detail("ArgumentName"), Some(HEADER));
        }
        // rule: attributes/none-asked
        for missing in [&[][..], &[(HEADER, "")], &[(HEADER, " ")]] {
            let error = parse(missing).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest);
            assert_eq!(
                error.message,
                "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty"
            );
        }
    }

    #[test]
    fn a_page_is_asked_for_by_headers() {
        // rule: attributes/paging
        let asked = |name, value| parse(&[("x-amz-object-attributes", "ETag"), (name, value)]);
        let page = |input: GetObjectAttributesInput| (input.max_parts, input.marker);
        assert_eq!(asked("x-amz-max-parts", "").map(page), Ok((1000, 0)));
        assert_eq!(asked("x-amz-max-parts", "7").map(page), Ok((7, 0)));
        assert_eq!(asked("x-amz-max-parts", "0").map(page), Ok((0, 0)));
        assert_eq!(asked("x-amz-max-parts", "5000").map(page), Ok((1000, 0)));
        assert_eq!(asked("x-amz-part-number-marker", "9").map(page), Ok((1000, 9)));
        for name in ["x-amz-max-parts", "x-amz-part-number-marker"] {
            for bad in ["-1", "x", "2147483648"] {
                let error = asked(name, bad).unwrap_err();
                assert_eq!(error.code, ErrorCode::InvalidArgument, "{name}: {bad}");
                assert_eq!(error.detail("ArgumentName"), Some(name));
            }
        }
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        // rule: attributes/answer, storage-class/listed
        let asked = |name| told(&[("x-amz-object-attributes", name)], &composite(), None);
        let root = |inner: &str| {
            alloc::format!("<GetObjectAttributesResponse>{inner}</GetObjectAttributesResponse>")
        };
        assert_eq!(asked("ETag"), root("<ETag>395d97c07920de036bfa21e7568a2e9f-2</ETag>"));
        assert_eq!(asked("StorageClass"), root("<StorageClass>INTELLIGENT_TIERING</StorageClass>"));
        assert_eq!(asked("ObjectSize"), root("<ObjectSize>5242887</ObjectSize>"));
        // rule: attributes/checksum-without-count
        let value = composite().value.to_base64();
        let checksum = alloc::format!(
            "<Checksum><ChecksumCRC32>{value}</ChecksumCRC32>\
             <ChecksumType>COMPOSITE</ChecksumType></Checksum>"
        );
        assert_eq!(asked("Checksum"), root(&checksum));
        // rule: attributes/parts-counted
        assert_eq!(
            asked("ObjectParts"),
            root("<ObjectParts><PartsCount>2</PartsCount></ObjectParts>")
        );
    }

    #[test]
    fn parts_with_checksums_are_listed() {
        // rule: attributes/parts-listed
        let page = AttributePage {
            parts: alloc::vec![AttributePart {
                number: 1,
                len: 5_242_880,
                checksum: Some(ChecksumValue::from_crc32(0xCBF4_3926)),
            }],
            truncated: true,
        };
        let headers = [("x-amz-object-attributes", "ObjectParts"), ("x-amz-max-parts", "1")];
        assert_eq!(
            told(&headers, &composite(), Some(page)),
            "<GetObjectAttributesResponse><ObjectParts><PartsCount>2</PartsCount>\
             <PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>1</NextPartNumberMarker>\
             <MaxParts>1</MaxParts><IsTruncated>true</IsTruncated><Part>\
             <ChecksumCRC32>y/Q5Jg==</ChecksumCRC32><PartNumber>1</PartNumber>\
             <Size>5242880</Size></Part></ObjectParts></GetObjectAttributesResponse>"
        );
        assert!(Attributes::lists_parts(Some(&composite())));
        let full = Checksum::full_object(ChecksumValue::from_crc32(1));
        assert!(!Attributes::lists_parts(Some(&full)) && !Attributes::lists_parts(None));
    }
}
