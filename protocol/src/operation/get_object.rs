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
use crate::checksum::Checksum;
use crate::error::S3Error;
use crate::etag::ETag;
use crate::metadata::ObjectMetadata;
use crate::precondition::{Facts, ReadConditions, ReadVerdict};
use crate::range::{ByteRange, ReadRange};
use crate::request::Head;
use crate::route::Operation;
use crate::time::Timestamp;

/// What a request to read an object says.
#[derive(Debug, Clone)]
pub struct GetObjectInput {
    /// The bytes asked for; `None` for all, also where S3 takes no notice of the range.
    pub range: Option<ReadRange>,
    /// The conditions.
    pub conditions: ReadConditions,
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
    /// `NotImplemented` for a part number; `InvalidArgument` for a version, or a header that shall have control
    /// characters.
    pub fn parse(head: &Head) -> Result<Self, S3Error> {
        Self::parse_as(head, Operation::GetObject)
    }

    pub(crate) fn parse_as(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        version::check(head)?;
        let mode = head.headers.get_non_empty("x-amz-checksum-mode");
        Ok(Self {
            range: head.headers.get_non_empty("range").and_then(ReadRange::parse),
            conditions: ReadConditions::parse(head),
            checksum_mode: mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED")),
            overrides: Overrides::parse(head)?,
            common: Common::parse(head, operation)?,
        })
    }

    /// Decides what to answer for an object.
    ///
    /// # Errors
    /// `PreconditionFailed`; `InvalidRange` for a range of which the object has nothing.
    pub fn plan(&self, object: &ObjectFacts<'_>, now: Timestamp) -> Result<Reading, S3Error> {
        let facts = Facts { etag: object.etag, modified: object.modified };
        match self.conditions.check(&facts, now) {
            ReadVerdict::Failed(error) => return Err(error),
            ReadVerdict::NotModified => {
                return Ok(Reading { answer: not_modified(object), bytes: ByteRange::whole(0) });
            }
            ReadVerdict::Proceed => {}
        }
        let Some(range) = &self.range else {
            // A checksum of the whole is told with the whole alone: clients check what they got
            // against it.
            let checksum = object.checksum.filter(|_| self.checksum_mode);
            let answer = self.overrides.apply(described(200, object)).with_checksum(checksum);
            return Ok(Reading { answer, bytes: ByteRange::whole(object.len) });
        };
        let bytes = range.resolve(object.len)?;
        let last = bytes.end() - 1;
        let answer = self
            .overrides
            .apply(described(206, object))
            .with("content-range", format!("bytes {}-{last}/{}", bytes.start(), object.len));
        Ok(Reading { answer, bytes })
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
        .with_all(object.metadata.answer_headers());
    if object.tags == 0 {
        answer
    } else {
        answer.with("x-amz-tagging-count", object.tags.to_string())
    }
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
        };
        GetObjectInput::parse(&head("GET", target, headers)).unwrap().plan(&object, NOW)
    }

    const DESCRIBED: [(&str, &str); 7] = [
        ("accept-ranges", "bytes"),
        ("etag", "\"711470fc377698c393d94aed6305e245\""),
        ("last-modified", "Fri, 13 Dec 2019 23:16:03 GMT"),
        ("content-type", "binary/octet-stream"),
        ("cache-control", "no-cache"),
        ("x-amz-meta-a", "1"),
        ("x-amz-tagging-count", "2"),
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
    }
}
