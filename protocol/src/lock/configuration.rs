//! Room: the object lock configuration of a bucket, and what it means for new versions.
//!
//! Source: S3 API Reference, PutObjectLockConfiguration and GetObjectLockConfiguration; S3 User
//! Guide, "Object Lock considerations".

use alloc::string::String;

use super::header::UNTIL;
use super::{DefaultRetention, ObjectLock, Period, RetentionMode};
use crate::error::{ErrorCode, S3Error};
use crate::time::Timestamp;
use crate::xml::read::Body;
use crate::xml::write::Document;

/// The longest default that S3 takes.
const DAYS_MAX: u32 = 36_500;
/// The same in years.
const YEARS_MAX: u32 = 100;

/// What a bucket with object lock says of new versions. That it is there at all is what allows
/// locks; it is never taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LockConfiguration {
    /// The retention of each new version that asks for none.
    pub default: Option<DefaultRetention>,
}

impl LockConfiguration {
    /// Reads the document, from a client or as it is kept.
    ///
    /// # Errors
    /// `MalformedXML`; `InvalidArgument` for a period that is too short or too long;
    /// `NotImplemented` for event holds.
    pub fn parse(bytes: &[u8]) -> Result<Self, S3Error> {
        let mut body = Body::open(bytes, "ObjectLockConfiguration")?;
        let (mut enabled, mut default) = (None, None);
        while let Some(name) = body.child()? {
            match name.as_str() {
                "ObjectLockEnabled" => once(&mut enabled, body.text()?)?,
                "Rule" => once(&mut default, rule(&mut body)?)?,
                _ => body.skip()?,
            }
        }
        body.end()?;
        // S3: there is no way to turn it off again.
        if enabled.as_deref() != Some("Enabled") {
            return Err(S3Error::malformed_xml());
        }
        Ok(Self { default })
    }

    /// The document, as it is kept and read back.
    #[must_use]
    pub fn document(&self) -> Document {
        Document::new("ObjectLockConfiguration", |root| {
            root.text("ObjectLockEnabled", "Enabled");
            let Some(DefaultRetention { mode, period }) = self.default else { return };
            root.nest("Rule", |rule| {
                rule.nest("DefaultRetention", |default| {
                    default.text("Mode", mode.as_str());
                    match period {
                        Period::Days(days) => default.number("Days", days),
                        Period::Years(years) => default.number("Years", years),
                    };
                });
            });
        })
    }

    /// Whether a request at `now` may ask for `asked` in a bucket with this configuration, or with
    /// none.
    ///
    /// # Errors
    /// `InvalidArgument` for a date that has passed; `InvalidRequest` for a bucket without object
    /// lock.
    pub fn check(bucket: Option<&Self>, asked: &ObjectLock, now: Timestamp) -> Result<(), S3Error> {
        if let Some(retention) = asked.retention
            && retention.until <= now
        {
            return Err(S3Error::retain_until_passed(UNTIL, &retention.until.iso8601()));
        }
        if bucket.is_none() && !asked.is_empty() {
            return Err(S3Error::invalid_request("Bucket is missing ObjectLockConfiguration"));
        }
        Ok(())
    }

    /// What protects a version that is made at `made`: what was asked for, and the default of its
    /// bucket where no retention was.
    #[must_use]
    pub fn lock_of(bucket: Option<&Self>, asked: ObjectLock, made: Timestamp) -> ObjectLock {
        let default = || Some(bucket?.default?.starting(made));
        ObjectLock { retention: asked.retention.or_else(default), ..asked }
    }
}

fn rule(body: &mut Body<'_>) -> Result<DefaultRetention, S3Error> {
    let mut default = None;
    while let Some(name) = body.child()? {
        match name.as_str() {
            "DefaultRetention" => once(&mut default, default_retention(body)?)?,
            _ => body.skip()?,
        }
    }
    default.ok_or_else(S3Error::malformed_xml)
}

fn default_retention(body: &mut Body<'_>) -> Result<DefaultRetention, S3Error> {
    let (mut mode, mut days, mut years) = (None, None, None);
    while let Some(name) = body.child()? {
        match name.as_str() {
            "Mode" => once(&mut mode, body.text()?)?,
            "Days" => once(&mut days, body.text()?)?,
            "Years" => once(&mut years, body.text()?)?,
            "DefaultEventHold" => return Err(event_hold("DefaultRetention.DefaultEventHold")),
            _ => body.skip()?,
        }
    }
    let mode = mode.as_deref().and_then(RetentionMode::parse).ok_or_else(S3Error::malformed_xml)?;
    let period = match (days, years) {
        (Some(days), None) => Period::Days(count("Days", &days, DAYS_MAX)?),
        (None, Some(years)) => Period::Years(count("Years", &years, YEARS_MAX)?),
        (None, None) | (Some(_), Some(_)) => return Err(S3Error::malformed_xml()),
    };
    Ok(DefaultRetention { mode, period })
}

/// The refusal of an element about event holds, which are not built.
pub(crate) fn event_hold(element: &str) -> S3Error {
    let additional = alloc::format!("{element} is not implemented");
    S3Error::not_implemented(None, Some(&additional))
}

pub(crate) fn once<T>(field: &mut Option<T>, value: T) -> Result<(), S3Error> {
    if field.replace(value).is_some() { Err(S3Error::malformed_xml()) } else { Ok(()) }
}

fn count(name: &str, text: &str, max: u32) -> Result<u32, S3Error> {
    let refused = |message: &'static str| {
        Err(S3Error::new(ErrorCode::InvalidArgument, message)
            .with("ArgumentName", String::from(name))
            .with("ArgumentValue", String::from(text)))
    };
    let number: i64 = text.trim().parse().map_err(|_no_number| S3Error::malformed_xml())?;
    match u32::try_from(number) {
        Ok(1..) if number > i64::from(max) => refused("Default retention period too large."),
        Ok(number @ 1..) => Ok(number),
        Err(_) if number > 0 => refused("Default retention period too large."),
        Ok(0) | Err(_) => refused("Default retention period must be a positive integer value."),
    }
}
