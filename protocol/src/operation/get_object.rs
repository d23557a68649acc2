//! Room: GetObject, and what HeadObject shares with it: what is asked for, and the headers that
//! answer it.
//!
//! Source: S3 API Reference, GetObject; S3 User Guide, "Checking object integrity" for when a
//! checksum is told.

use alloc::format;
use alloc::string::ToString;

use super::common::Common;
use super::overrides::Overrides;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::checksum::{Checksum, ChecksumType, ChecksumValue};
use crate::error::S3Error;
use crate::etag::ETag;
use crate::lock::ObjectLock;
use crate::metadata::ObjectMetadata;
use crate::name::VersionId;
use crate::part::PartNumber;
use crate::precondition::{Facts, RangeCondition, ReadConditions, ReadVerdict};
use crate::range::{ByteRange, ReadRange};
use crate::request::Head;
use crate::route::Operation;
use crate::storage_class::StorageClass;
use crate::time::Timestamp;

/// What a request to read an object says.
#[derive(Debug, Clone)]
pub struct GetObjectInput {
    /// The version asked for; `None` for the latest one.
    pub version: Option<VersionId>,
    /// The bytes asked for; `None` for all, also where S3 takes no notice of the range.
    pub range: Option<ReadRange>,
    /// The part asked for, by its place in the object, from 1; never together with a range.
    pub part: Option<PartNumber>,
    /// The conditions.
    pub conditions: ReadConditions,
    /// The condition without which the range is of no account.
    pub range_condition: RangeCondition,
    /// The stored checksum is to be told.
    pub checksum_mode: bool,
    /// Headers that the answer shall have in place of those of the object.
    pub overrides: Overrides,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl GetObjectInput {
    /// Reads the request.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no version id, for a part number that is none, or a header that shall have control
    /// characters; `InvalidRequest` for a part number beside a range.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        Self::parse_as(head, Operation::GetObject)
    }

    pub(crate) fn parse_as(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        let mode = head.headers.get_non_empty("x-amz-checksum-mode");
        let range = head.headers.get_non_empty("range");
        let part = head.query.get("partNumber").map(PartNumber::parse).transpose()?;
        if range.is_some() && part.is_some() {
            // S3 says so of every range, also of one that it would take no notice of.
            return Err(S3Error::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        Ok(Self {
            version: version::asked(head)?,
            range: range.and_then(ReadRange::parse),
            part,
            conditions: ReadConditions::parse(head),
            range_condition: RangeCondition::parse(head),
            checksum_mode: mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED")),
            overrides: Overrides::parse(head)?,
            common: Common::parse(head, operation)?,
        })
    }

    /// Decides what to answer for an object.
    ///
    /// # Errors
    /// `PreconditionFailed`; `InvalidRange` for a range of which the object has nothing; `InvalidPartNumber` for a
    /// part that it does not have.
    pub fn plan(&self, object: &ObjectFacts<'_>, now: Timestamp) -> Result<Reading, S3Error> {
        let facts = Facts { etag: object.etag, modified: object.modified };
        match self.conditions.check(&facts, now) {
            ReadVerdict::Failed(error) => return Err(error),
            ReadVerdict::NotModified => {
                return Ok(Reading { answer: not_modified(object), bytes: ByteRange::whole(0) });
            }
            ReadVerdict::Proceed => {}
        }
        if let Some(number) = self.part {
            return self.plan_part(number, object);
        }
        let range = self.range.as_ref().filter(|_| self.range_condition.holds(&facts));
        let Some(range) = range else {
            // A checksum of the whole is told with the whole alone: clients check what they got
            // against it.
            let checksum = object.checksum.filter(|_| self.checksum_mode);
            let answer = self.overrides.apply(described(200, object)).with_checksum(checksum);
            return Ok(Reading { answer, bytes: ByteRange::whole(object.len) });
        };
        let bytes = range.resolve(object.len)?;
        Ok(Reading { answer: self.partial(object, bytes), bytes })
    }

    /// An object that was not uploaded in parts is its own first part.
    fn plan_part(&self, number: PartNumber, object: &ObjectFacts<'_>) -> Result<Reading, S3Error> {
        let count = object.parts.map_or(1, |parts| parts.count);
        if u32::from(number.get()) > count {
            return Err(S3Error::invalid_part_number(number.get(), count));
        }
        let whole = AskedPart { bytes: ByteRange::whole(object.len), checksum: None };
        let part = object.parts.map_or(Some(whole), |parts| parts.asked);
        let AskedPart { bytes, checksum } = part.ok_or_else(S3Error::internal)?;
        let mut answer = self.partial(object, bytes);
        if object.parts.is_some() {
            answer = answer.with("x-amz-mp-parts-count", count.to_string());
        }
        // What is told must be the checksum of the bytes that are sent.
        if let Some(own) = object.checksum.filter(|_| self.checksum_mode) {
            answer = match (own.kind, checksum) {
                (ChecksumType::FullObject, _) if count == 1 => answer.with_checksum(Some(own)),
                (ChecksumType::Composite, Some(value)) => answer
                    .with(value.algorithm().header(), value.to_base64())
                    .with("x-amz-checksum-type", own.kind.as_str()),
                (ChecksumType::FullObject | ChecksumType::Composite, _) => answer,
            };
        }
        Ok(Reading { answer, bytes })
    }

    /// The head of an answer with some of the object's bytes. No `Content-Range` can tell where no bytes are, so
    /// an empty part is answered as an empty whole is.
    fn partial(&self, object: &ObjectFacts<'_>, bytes: ByteRange) -> Answer {
        let described = |status| self.overrides.apply(described(status, object));
        if bytes.is_empty() {
            return described(200);
        }
        let range = format!("bytes {}-{}/{}", bytes.start(), bytes.end() - 1, object.len);
        described(206).with("content-range", range)
    }
}

/// What the answer tells of an object.
#[derive(Debug, Clone, Copy)]
pub struct ObjectFacts<'a> {
    /// Its length in bytes.
    pub len: u64,
    /// Its ETag.
    pub etag: &'a ETag,
    /// When it was written.
    pub modified: Timestamp,
    /// The headers kept with it.
    pub metadata: &'a ObjectMetadata,
    /// Its stored checksum.
    pub checksum: Option<&'a Checksum>,
    /// How many tags it has.
    pub tags: usize,
    /// Its storage class.
    pub storage_class: StorageClass,
    /// What protects it.
    pub lock: ObjectLock,
    /// Its version, if its bucket has versions.
    pub version: Option<VersionId>,
    /// The parts that it was uploaded in; `None` where it was put or copied as one.
    pub parts: Option<PartsFacts>,
}

/// The parts of an object, as far as an answer tells of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartsFacts {
    /// How many there are.
    pub count: u32,
    /// The one that [`GetObjectInput::part`] asks for, if there is one.
    pub asked: Option<AskedPart>,
}

/// One part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedPart {
    /// Where in the object it lies.
    pub bytes: ByteRange,
    /// Its own checksum, where the upload had an algorithm.
    pub checksum: Option<ChecksumValue>,
}

/// An answer, and the bytes of the object that go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Status and headers: 200, 206, or 304.
    pub answer: Answer,
    /// The bytes to send; none with 304.
    pub bytes: ByteRange,
}

fn described(status: u16, object: &ObjectFacts<'_>) -> Answer {
    let answer = Answer::empty(status)
        .with("accept-ranges", "bytes")
        .with("etag", object.etag.quoted())
        .with("last-modified", object.modified.http_date())
        .with_all(object.metadata.answer_headers())
        .with_version(object.version);
    let answer = match object.tags {
        0 => answer,
        count => answer.with("x-amz-tagging-count", count.to_string()),
    };
    let answer = match object.storage_class.told() {
        None => answer,
        Some(class) => answer.with("x-amz-storage-class", class),
    };
    object.lock.told_by(answer)
}

/// RFC 9110, section 15.4.5: the headers that a cache needs, no others.
fn not_modified(object: &ObjectFacts<'_>) -> Answer {
    let answer = Answer::empty(304)
        .with("etag", object.etag.quoted())
        .with("last-modified", object.modified.http_date());
    match &object.metadata.cache_control {
        Some(value) => answer.with("cache-control", value.as_str()),
        None => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::ChecksumValue;
    use crate::error::ErrorCode;
    use crate::operation::testing::{head, pairs};

    const NOW: Timestamp = Timestamp::from_millis(1_600_000_000_000);

    /// Plans the read of an object of ten bytes.
    fn plan(headers: &[(&str, &str)]) -> Result<Reading, S3Error> {
        plan_of("/bucket/key", headers)
    }

    fn plan_of(target: &str, headers: &[(&str, &str)]) -> Result<Reading, S3Error> {
        plan_of_parts(target, headers, Some(PartsFacts { count: 1, asked: None }))
    }

    fn plan_of_parts(
        target: &str,
        headers: &[(&str, &str)],
        parts: Option<PartsFacts>,
    ) -> Result<Reading, S3Error> {
        let object = ObjectFacts {
            len: 10,
            etag: &ETag::from_text("711470fc377698c393d94aed6305e245").unwrap(),
            modified: Timestamp::from_millis(1_576_278_963_000),
            metadata: &ObjectMetadata {
                cache_control: Some("no-cache".into()),
                user: alloc::vec![("a".into(), "1".into())],
                ..ObjectMetadata::default()
            },
            checksum: Some(&Checksum::composite(
                crate::checksum::ChecksumAlgorithm::Crc32,
                [ChecksumValue::from_crc32(1)].into_iter(),
            )),
            tags: 2,
            storage_class: StorageClass::StandardIa,
            lock: ObjectLock { retention: None, legal_hold: Some(false) },
            parts,
            version: None,
        };
        GetObjectInput::parse(&head("GET", target, headers)).unwrap().plan(&object, NOW)
    }

    const DESCRIBED: [(&str, &str); 9] = [
        ("accept-ranges", "bytes"),
        ("etag", "\"711470fc377698c393d94aed6305e245\""),
        ("last-modified", "Fri, 13 Dec 2019 23:16:03 GMT"),
        ("content-type", "binary/octet-stream"),
        ("cache-control", "no-cache"),
        ("x-amz-meta-a", "1"),
        ("x-amz-tagging-count", "2"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-object-lock-legal-hold", "OFF"),
    ];

    #[test]
    fn the_whole_object() {
        // rule: get/headers
        let reading = plan(&[]).unwrap();
        assert_eq!((reading.answer.status, reading.bytes), (200, ByteRange::whole(10)));
        assert_eq!(pairs(&reading.answer), DESCRIBED);
    }

    #[test]
    fn a_checksum_goes_with_the_whole_alone() {
        // rule: get/checksum-mode
        let whole = plan(&[("x-amz-checksum-mode", "ENABLED")]).unwrap().answer;
        let value = whole.header("x-amz-checksum-crc32").unwrap();
        assert!(value.ends_with("==-1"), "{value}");
        assert_eq!(whole.header("x-amz-checksum-type"), Some("COMPOSITE"));
        let part = plan(&[("x-amz-checksum-mode", "ENABLED"), ("range", "bytes=0-")]).unwrap();
        assert_eq!(part.answer.header("x-amz-checksum-crc32"), None);
        assert_eq!(part.answer.header("x-amz-checksum-type"), None);
    }

    #[test]
    fn ranges() {
        // rule: get/content-range, get/range-unsatisfiable
        for (range, expect) in [
            ("bytes=0-8", Some("bytes 0-8/10")),
            ("bytes=1-", Some("bytes 1-9/10")),
            ("bytes=-2", Some("bytes 8-9/10")),
            ("bytes=-15", Some("bytes 0-9/10")),
            ("bytes=0-100", Some("bytes 0-9/10")),
            ("bytes=1-0", None),
            ("bytes=0-1,3-4", None),
            ("0-8", None),
        ] {
            let reading = plan(&[("range", range)]).unwrap();
            assert_eq!(reading.answer.header("content-range"), expect, "{range}");
            assert_eq!(reading.answer.status, if expect.is_some() { 206 } else { 200 }, "{range}");
        }
        let error = plan(&[("range", "bytes=100-200")]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRange);
        assert!(error.headers.contains(&("content-range", "bytes */10".into())));
    }

    #[test]
    fn overrides_hold_for_bytes_and_for_nothing_else() {
        // rule: get/overrides
        let target = "/bucket/key?response-cache-control=no-store&response-content-type=text/plain";
        let same = "\"711470fc377698c393d94aed6305e245\"";
        for (headers, status, expect) in [
            (&[][..], 200, [Some("no-store"), Some("text/plain")]),
            (&[("range", "bytes=1-2")], 206, [Some("no-store"), Some("text/plain")]),
            (&[("if-none-match", same)], 304, [Some("no-cache"), None]),
        ] {
            let answer = plan_of(target, headers).unwrap().answer;
            let told = ["cache-control", "content-type"].map(|name| answer.header(name));
            assert_eq!((answer.status, told), (status, expect));
        }
        let error = plan_of(target, &[("if-match", "other")]).unwrap_err();
        assert_eq!((error.code, error.headers.len()), (ErrorCode::PreconditionFailed, 0));
    }

    /// Plans the read of part `number` of an object of ten bytes in `parts` parts, as the node would.
    fn plan_part(
        number: u16,
        parts: Option<u32>,
        (start, end): (u64, u64),
        headers: &[(&str, &str)],
    ) -> Result<Reading, S3Error> {
        let asked = AskedPart {
            bytes: ByteRange::new(start, end).unwrap(),
            checksum: Some(ChecksumValue::from_crc32(0xCBF4_3926)),
        };
        let parts = parts.map(|count| PartsFacts { count, asked: Some(asked) });
        plan_of_parts(&format!("/bucket/key?partNumber={number}"), headers, parts)
    }

    #[test]
    fn a_part_is_read_by_its_number() {
        // rule: get/part-of-upload
        let reading = plan_part(2, Some(3), (4, 7), &[]).unwrap();
        let answer = &reading.answer;
        assert_eq!((answer.status, Some(reading.bytes)), (206, ByteRange::new(4, 7)));
        assert_eq!(answer.header("content-range"), Some("bytes 4-6/10"));
        assert_eq!(answer.header("x-amz-mp-parts-count"), Some("3"));
        assert_eq!(answer.header("x-amz-checksum-crc32"), None);
        // rule: get/part-empty
        let empty = plan_part(3, Some(3), (10, 10), &[]).unwrap();
        assert_eq!((empty.answer.status, empty.bytes.len()), (200, 0));
        assert_eq!(empty.answer.header("content-range"), None);
        assert_eq!(empty.answer.header("x-amz-mp-parts-count"), Some("3"));
        // rule: get/parts-count
        assert_eq!(plan(&[]).unwrap().answer.header("x-amz-mp-parts-count"), None);
    }

    #[test]
    fn an_object_put_as_one_is_its_own_first_part() {
        // rule: get/part-of-whole
        let reading = plan_part(1, None, (0, 0), &[]).unwrap();
        assert_eq!((reading.answer.status, reading.bytes), (206, ByteRange::whole(10)));
        assert_eq!(reading.answer.header("content-range"), Some("bytes 0-9/10"));
        assert_eq!(reading.answer.header("x-amz-mp-parts-count"), None);
    }

    #[test]
    fn a_part_that_is_not_there_is_not_satisfiable() {
        // rule: get/part-beyond
        for (number, parts, count) in [(4, Some(3), "3"), (10_000, Some(3), "3"), (2, None, "1")] {
            let error = plan_part(number, parts, (0, 0), &[]).unwrap_err();
            assert_eq!((error.code, error.status()), (ErrorCode::InvalidPartNumber, 416));
            assert_eq!(error.message, "The requested partnumber is not satisfiable");
            assert_eq!(error.detail("ActualPartCount"), Some(count));
            assert_eq!(error.detail("PartNumberRequested"), Some(format!("{number}").as_str()));
        }
        // rule: get/part-number
        for bad in ["0", "-1", "10001", "x", "1.0", ""] {
            let target = format!("/bucket/key?partNumber={bad}");
            let error = GetObjectInput::parse(&head("GET", &target, &[])).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{bad}");
            assert_eq!(
                error.message,
                "Part number must be an integer between 1 and 10000, inclusive"
            );
        }
    }

    #[test]
    fn a_part_and_a_range_are_one_too_many() {
        // rule: get/part-with-range
        for range in ["bytes=0-1", "bytes=5-1", "lines=1-2"] {
            let request = head("GET", "/bucket/key?partNumber=1", &[("range", range)]);
            let error = GetObjectInput::parse(&request).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{range}");
            assert_eq!(
                error.message,
                "Cannot specify both Range header and partNumber query parameter"
            );
        }
        let empty = head("GET", "/bucket/key?partNumber=1", &[("range", "")]);
        assert!(GetObjectInput::parse(&empty).is_ok());
    }

    #[test]
    fn the_checksum_of_a_part_is_its_own() {
        // rule: get/part-checksum-composite
        let mode = ("x-amz-checksum-mode", "ENABLED");
        let part = plan_part(2, Some(3), (4, 7), &[mode]).unwrap().answer;
        assert_eq!(part.header("x-amz-checksum-crc32"), Some("y/Q5Jg=="));
        assert_eq!(part.header("x-amz-checksum-type"), Some("COMPOSITE"));
        // rule: get/part-checksum-full-object
        let full = Checksum::full_object(ChecksumValue::from_crc32(7));
        for (count, expect) in [(1, Some("AAAABw==")), (2, None)] {
            let object = ObjectFacts {
                len: 10,
                etag: &ETag::from_text("a").unwrap(),
                modified: NOW,
                metadata: &ObjectMetadata::default(),
                checksum: Some(&full),
                tags: 0,
                storage_class: StorageClass::Standard,
                lock: ObjectLock::default(),
                version: None,
                parts: Some(PartsFacts {
                    count,
                    asked: Some(AskedPart {
                        bytes: ByteRange::whole(10),
                        checksum: Some(ChecksumValue::from_crc32(9)),
                    }),
                }),
            };
            let request = head("GET", "/bucket/key?partNumber=1", &[mode]);
            let reading = GetObjectInput::parse(&request).unwrap().plan(&object, NOW).unwrap();
            assert_eq!(reading.answer.header("x-amz-checksum-crc32"), expect);
            let kind = expect.map(|_| "FULL_OBJECT");
            assert_eq!(reading.answer.header("x-amz-checksum-type"), kind);
        }
    }

    #[test]
    fn conditions_come_before_the_range() {
        // rule: get/conditions-before-range, get/not-modified
        let same = "\"711470fc377698c393d94aed6305e245\"";
        let unchanged = plan(&[("if-none-match", same), ("range", "bytes=100-200")]).unwrap();
        assert_eq!((unchanged.answer.status, unchanged.bytes.len()), (304, 0));
        assert_eq!(
            pairs(&unchanged.answer),
            [DESCRIBED[1], DESCRIBED[2], ("cache-control", "no-cache")]
        );
        let error = plan(&[("if-match", "other")]).unwrap_err();
        assert_eq!(error.code, ErrorCode::PreconditionFailed);
        assert_eq!(error.detail("Condition"), Some("If-Match"));
        // A part is a range, too.
        let unchanged = plan_part(9, Some(3), (0, 0), &[("if-none-match", same)]).unwrap();
        assert_eq!((unchanged.answer.status, unchanged.bytes.len()), (304, 0));
    }
}
