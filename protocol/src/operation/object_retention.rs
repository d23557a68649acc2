//! Room: GetObjectRetention and PutObjectRetention.
//!
//! Source: S3 API Reference, the pages of these names.

use alloc::string::String;

use super::common::Common;
use super::{unbuilt, version};
use crate::answer::Answer;
use crate::body::Integrity;
use crate::error::S3Error;
use crate::lock::configuration::{event_hold, once};
use crate::lock::{self, Retention, RetentionMode};
use crate::name::VersionId;
use crate::request::Head;
use crate::route::Operation;
use crate::time::Timestamp;
use crate::xml::read::Body;
use crate::xml::write::Document;

/// What the head of a request on a version's retention says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRetentionInput {
    /// The version that is meant; `None` for the latest one.
    pub version: Option<VersionId>,
    /// A retention in mode GOVERNANCE is no obstacle.
    pub bypass: bool,
    /// Who must own the bucket, who pays.
    pub common: Common,
}

impl ObjectRetentionInput {
    /// Reads the head of one of the two operations.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no version id, and for a bypass that is neither true nor false.
    pub fn parse(head: &Head, operation: Operation) -> Result<Self, S3Error> {
        unbuilt::refuse(head, operation)?;
        let version = version::asked(head)?;
        let bypass = operation == Operation::PutObjectRetention && lock::bypass(head)?;
        Ok(Self { version, bypass, common: Common::parse(head, operation)? })
    }
}

/// What proves the body of PutObjectRetention: S3 wants Content-MD5 or a checksum.
pub const INTEGRITY: Integrity = Integrity::Required;

/// Reads the body of PutObjectRetention at `now`; `None` to take the retention away.
///
/// # Errors
/// `MalformedXML`, also for a mode without a date or a date without a mode; `InvalidArgument` for a
/// date that has passed; `NotImplemented` for event holds.
pub fn parse_body(bytes: &[u8], now: Timestamp) -> Result<Option<Retention>, S3Error> {
    let mut body = Body::open(bytes, "Retention")?;
    let (mut mode, mut until) = (None::<String>, None::<String>);
    while let Some(name) = body.child()? {
        match name.as_str() {
            "Mode" => once(&mut mode, body.text()?)?,
            "RetainUntilDate" => once(&mut until, body.text()?)?,
            "EventHold" | "EventHoldDuration" => {
                return Err(event_hold(&alloc::format!("Retention.{name}")));
            }
            _ => body.skip()?,
        }
    }
    body.end()?;
    let (mode, until) = match (mode, until) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, until),
        (None, Some(_)) | (Some(_), None) => return Err(S3Error::malformed_xml()),
    };
    let mode = RetentionMode::parse(&mode).ok_or_else(S3Error::malformed_xml)?;
    let moment = Timestamp::parse_iso8601(until.trim()).ok_or_else(S3Error::malformed_xml)?;
    if moment <= now {
        return Err(S3Error::retain_until_passed("RetainUntilDate", &until));
    }
    Ok(Some(Retention { mode, until: moment }))
}

/// The answer of GetObjectRetention, also of a retention that is over.
///
/// # Errors
/// `NoSuchObjectLockConfiguration` where there is none.
pub fn get_answer(retention: Option<Retention>) -> Result<Answer, S3Error> {
    let Retention { mode, until } = retention.ok_or_else(S3Error::no_object_lock)?;
    Ok(Answer::xml(Document::new("Retention", |root| {
        root.text("Mode", mode.as_str()).text("RetainUntilDate", &until.iso8601());
    })))
}

/// The answer of PutObjectRetention.
#[must_use]
pub fn put_answer() -> Answer {
    Answer::empty(200)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::{body, head};

    const NOW: Timestamp = Timestamp::from_millis(1_577_836_800_000); // 2020-01-01
    const MODE: &str = "<Mode>GOVERNANCE</Mode>";
    const UNTIL: &str = "<RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate>";

    fn parse(inner: &str) -> Result<Option<Retention>, S3Error> {
        let namespace = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
        parse_body(format!("<Retention {namespace}>{inner}</Retention>").as_bytes(), NOW)
    }

    #[test]
    fn a_mode_and_a_date_or_neither() {
        let until = Timestamp::parse_iso8601("2030-01-01T00:00:00Z").unwrap();
        // rule: put-retention/set
        let retention = Retention { mode: RetentionMode::Governance, until };
        assert_eq!(parse(&format!("{MODE}{UNTIL}")), Ok(Some(retention)));
        assert_eq!(parse(&format!("{UNTIL}<Mode>GOVERNANCE</Mode><Other/>")), Ok(Some(retention)));
        // rule: put-retention/remove
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse_body(b"<Retention/>", NOW), Ok(None));
        // rule: put-retention/malformed
        for bad in [
            MODE.into(),
            UNTIL.into(),
            format!("<Mode>governance</Mode>{UNTIL}"),
            format!("<Mode>abc</Mode>{UNTIL}"),
            format!("<Mode></Mode>{UNTIL}"),
            format!("{MODE}<RetainUntilDate>tomorrow</RetainUntilDate>"),
            format!("{MODE}<RetainUntilDate>2030-01-01</RetainUntilDate>"),
            format!("{MODE}{MODE}{UNTIL}"),
            format!("{MODE}{UNTIL}{UNTIL}"),
        ] {
            assert_eq!(parse(&bad).unwrap_err().code, ErrorCode::MalformedXml, "{bad}");
        }
        assert_eq!(parse_body(b"", NOW).unwrap_err().code, ErrorCode::MalformedXml);
        // rule: put-retention/past
        for past in ["2020-01-01T00:00:00.000Z", "1969-01-01T00:00:00Z"] {
            let inner = format!("{MODE}<RetainUntilDate>{past}</RetainUntilDate>");
            let error = parse(&inner).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert_eq!(error.message, "The retain until date must be in the future!");
            assert_eq!(error.detail("ArgumentName"), Some("RetainUntilDate"));
            assert_eq!(error.detail("ArgumentValue"), Some(past));
        }
        // rule: lock/event-hold
        for event in
            ["<EventHold>ON</EventHold>", "<EventHoldDuration><Days>1</Days></EventHoldDuration>"]
        {
            assert_eq!(parse(event).unwrap_err().code, ErrorCode::NotImplemented);
        }
    }

    #[test]
    fn the_answer_can_be_put_again() {
        // rule: get-retention/answer
        let until = Timestamp::parse_iso8601("2030-01-01T00:00:00.123Z").unwrap();
        let retention = Retention { mode: RetentionMode::Compliance, until };
        let answer = get_answer(Some(retention)).unwrap();
        assert_eq!(
            body(&answer),
            "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2030-01-01T00:00:00.123Z</RetainUntilDate></Retention>"
        );
        assert_eq!(parse_body(&answer.body, NOW), Ok(Some(retention)));
        // rule: get-retention/none
        let error = get_answer(None).unwrap_err();
        assert_eq!(error.code, ErrorCode::NoSuchObjectLockConfiguration);
        assert_eq!(error.code.status(), 404);
    }

    #[test]
    fn only_a_put_bypasses() {
        // rule: lock/bypass
        let bypass = |operation, value| {
            let header = ("x-amz-bypass-governance-retention", value);
            let request = head("PUT", "/bucket/key?retention", &[header]);
            ObjectRetentionInput::parse(&request, operation).map(|input| input.bypass)
        };
        assert_eq!(bypass(Operation::PutObjectRetention, "true"), Ok(true));
        assert_eq!(bypass(Operation::PutObjectRetention, "True"), Ok(true));
        assert_eq!(bypass(Operation::PutObjectRetention, "false"), Ok(false));
        assert_eq!(bypass(Operation::PutObjectRetention, ""), Ok(false));
        let error = bypass(Operation::PutObjectRetention, "yes").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(bypass(Operation::GetObjectRetention, "yes"), Ok(false));
    }
}
