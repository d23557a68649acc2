//! Room: the headers of object lock, asked for and told.
//!
//! Source: S3 API Reference, PutObject and GetObject, `x-amz-object-lock-*`; DeleteObject,
//! `x-amz-bypass-governance-retention`.

use super::{ObjectLock, Retention, RetentionMode};
use crate::answer::Answer;
use crate::error::S3Error;
use crate::request::Head;
use crate::time::Timestamp;

const MODE: &str = "x-amz-object-lock-mode";
pub(super) const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";
const BYPASS: &str = "x-amz-bypass-governance-retention";

impl ObjectLock {
    /// What a request asks for the version that it makes. Whether its bucket allows that is another
    /// question.
    ///
    /// # Errors
    /// `InvalidArgument` for a mode without a date, a date without a mode, and values that are none.
    pub fn of_head(head: &Head) -> Result<Self, S3Error> {
        let given = |name| head.headers.get_non_empty(name);
        Ok(Self {
            retention: retention(given(MODE), given(UNTIL))?,
            legal_hold: given(HOLD).map(hold).transpose()?,
        })
    }

    /// Whether nobody ever asked for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what GetObject and HeadObject tell, also of a retention that is over.
    #[must_use]
    pub fn told_by(&self, answer: Answer) -> Answer {
        let mut answer = answer;
        if let Some(Retention { mode, until }) = self.retention {
            answer = answer.with(MODE, mode.as_str()).with(UNTIL, until.iso8601());
        }
        match self.legal_hold {
            None => answer,
            Some(held) => answer.with(HOLD, on_or_off(held)),
        }
    }
}

/// Whether a request wants to bypass retentions in mode GOVERNANCE.
///
/// # Errors
/// `InvalidArgument` for a value that is neither true nor false.
pub fn bypass(head: &Head) -> Result<bool, S3Error> {
    match head.headers.get_non_empty(BYPASS) {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
        other => Err(S3Error::invalid_argument(
            BYPASS,
            other,
            "The value of x-amz-bypass-governance-retention must be true or false",
        )),
    }
}

/// As the documents and headers spell a legal hold.
pub(crate) fn on_or_off(held: bool) -> &'static str {
    if held { "ON" } else { "OFF" }
}

/// Reads that spelling, which is exact.
pub(crate) fn parse_hold(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|held| on_or_off(*held) == text)
}

fn retention(mode: Option<&str>, until: Option<&str>) -> Result<Option<Retention>, S3Error> {
    let (mode, until) = match (mode, until) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, until),
        (None, Some(_)) => return Err(half(MODE)),
        (Some(_), None) => return Err(half(UNTIL)),
    };
    let unknown = || S3Error::invalid_argument(MODE, Some(mode), "Unknown wormMode directive.");
    let mode = RetentionMode::parse(mode).ok_or_else(unknown)?;
    let no_date = || {
        let message = "The retain until date must be provided in ISO 8601 format";
        S3Error::invalid_argument(UNTIL, Some(until), message)
    };
    let until = Timestamp::parse_iso8601(until.trim()).ok_or_else(no_date)?;
    Ok(Some(Retention { mode, until }))
}

fn half(missing: &'static str) -> S3Error {
    S3Error::invalid_argument(
        missing,
        None,
        "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
    )
}

fn hold(text: &str) -> Result<bool, S3Error> {
    let refused = || {
        let message = "Legal Hold must be either of 'ON' or 'OFF'";
        S3Error::invalid_argument(HOLD, Some(text), message)
    };
    parse_hold(text).ok_or_else(refused)
}
