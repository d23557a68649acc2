//! Room: conditions on reading: those of GetObject and HeadObject, and those on the source of a
//! copy. A pure decision from headers and facts.
//!
//! Source: S3 "UploadPartCopy", x-amz-copy-source-if-*; S3 "GetObject", If-*; RFC 9110 section
//! 13.2.2 for the order.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::S3Error;
use crate::etag::{ETag, ETagCondition};
use crate::request::Head;
use crate::time::Timestamp;

/// What the conditions are judged by: the object as it is read.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its ETag.
    pub etag: &'a ETag,
    /// Its LastModified; compared in whole seconds.
    pub modified: Timestamp,
}

/// The four conditions, each absent or present. An empty header is absent, and so is a date that
/// does not parse.
#[derive(Clone, Debug, Default)]
struct Conditions {
    matches: Option<ETagCondition>,
    none_match: Option<ETagCondition>,
    modified_since: Option<Timestamp>,
    unmodified_since: Option<Timestamp>,
}

/// The names of the four headers, as they are answered; looked up in lower case.
struct Names {
    matches: &'static str,
    none_match: &'static str,
    modified_since: &'static str,
    unmodified_since: &'static str,
}

/// The condition that did not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Broken {
    Matches,
    NoneMatch,
    ModifiedSince,
    UnmodifiedSince,
}

impl Conditions {
    fn parse(head: &Head, names: &Names) -> Self {
        let etags = |name: &str| {
            let name = name.to_ascii_lowercase();
            let lines: Vec<&str> = head.headers.all(&name).collect();
            let list: String = lines.join(",");
            (!list.is_empty()).then(|| ETagCondition::parse(&list))
        };
        let date = |name: &str| {
            let name = name.to_ascii_lowercase();
            head.headers.get_non_empty(&name).and_then(Timestamp::parse_http_date)
        };
        Self {
            matches: etags(names.matches),
            none_match: etags(names.none_match),
            modified_since: date(names.modified_since),
            unmodified_since: date(names.unmodified_since),
        }
    }

    /// The first condition that does not hold. If-Match present makes If-Unmodified-Since moot, and
    /// If-None-Match present makes If-Modified-Since moot.
    fn broken(&self, facts: &Facts<'_>, now: Timestamp) -> Option<Broken> {
        let modified = facts.modified.truncated_to_second();
        if let Some(condition) = &self.matches {
            if !condition.matches_strong(facts.etag) {
                return Some(Broken::Matches);
            }
        } else if self.unmodified_since.is_some_and(|date| modified > date) {
            return Some(Broken::UnmodifiedSince);
        }
        if let Some(condition) = &self.none_match {
            if condition.matches_weak(facts.etag) {
                return Some(Broken::NoneMatch);
            }
        } else if self.modified_since.is_some_and(|date| date <= now && modified <= date) {
            // A date in the future is of no account.
            return Some(Broken::ModifiedSince);
        }
        None
    }
}

impl Names {
    fn of(&self, broken: Broken) -> &'static str {
        match broken {
            Broken::Matches => self.matches,
            Broken::NoneMatch => self.none_match,
            Broken::ModifiedSince => self.modified_since,
            Broken::UnmodifiedSince => self.unmodified_since,
        }
    }
}

const COPY_NAMES: Names = Names {
    matches: "x-amz-copy-source-If-Match",
    none_match: "x-amz-copy-source-If-None-Match",
    modified_since: "x-amz-copy-source-If-Modified-Since",
    unmodified_since: "x-amz-copy-source-If-Unmodified-Since",
};

const READ_NAMES: Names = Names {
    matches: "If-Match",
    none_match: "If-None-Match",
    modified_since: "If-Modified-Since",
    unmodified_since: "If-Unmodified-Since",
};

/// The conditions on the source of a copy.
#[derive(Clone, Debug, Default)]
pub struct CopyConditions(Conditions);

impl CopyConditions {
    /// Reads the four `x-amz-copy-source-if-` headers.
    pub fn parse(head: &Head) -> Self {
        Self(Conditions::parse(head, &COPY_NAMES))
    }

    /// Whether the copy may go on. Every failure is PreconditionFailed, never 304.
    pub fn check(&self, facts: &Facts<'_>, now: Timestamp) -> Result<(), S3Error> {
        match self.0.broken(facts, now) {
            None => Ok(()),
            Some(broken) => Err(S3Error::precondition_failed(COPY_NAMES.of(broken))),
        }
    }
}

/// What the conditions of a read come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadVerdict {
    /// Answer the object.
    Proceed,
    /// Answer 304 without a body: the client's copy is still good.
    NotModified,
    /// Answer this error (412).
    Failed(S3Error),
}

/// The conditions of GetObject and HeadObject.
#[derive(Clone, Debug, Default)]
pub struct ReadConditions(Conditions);

impl ReadConditions {
    /// Reads the four `if-` headers.
    pub fn parse(head: &Head) -> Self {
        Self(Conditions::parse(head, &READ_NAMES))
    }

    /// What to answer.
    pub fn check(&self, facts: &Facts<'_>, now: Timestamp) -> ReadVerdict {
        match self.0.broken(facts, now) {
            None => ReadVerdict::Proceed,
            Some(Broken::NoneMatch | Broken::ModifiedSince) => ReadVerdict::NotModified,
            Some(broken @ (Broken::Matches | Broken::UnmodifiedSince)) => {
                ReadVerdict::Failed(S3Error::precondition_failed(READ_NAMES.of(broken)))
            }
        }
    }
}

/// Under which condition a range is answered as a range; where it does not hold, the whole object is answered, so
/// that whoever goes on with a download never joins bytes of two objects. RFC 9110 section 13.1.5, If-Range; S3
/// heeds it, although its pages do not name it.
#[derive(Clone, Debug, Default)]
pub struct RangeCondition(Option<Validator>);

#[derive(Clone, Debug)]
enum Validator {
    ETag(ETagCondition),
    Date(Timestamp),
}

impl RangeCondition {
    /// Reads `if-range`: an ETag or a date.
    pub fn parse(head: &Head) -> Self {
        let validator = |value| match Timestamp::parse_http_date(value) {
            Some(date) => Validator::Date(date),
            None => Validator::ETag(ETagCondition::parse(value)),
        };
        Self(head.headers.get_non_empty("if-range").map(validator))
    }

    /// Whether the range counts. An ETag is compared strongly, a date must be that of the object.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        match &self.0 {
            None => true,
            Some(Validator::ETag(ETagCondition::Any)) => false,
            Some(Validator::ETag(etag)) => etag.matches_strong(facts.etag),
            Some(Validator::Date(date)) => *date == facts.modified.truncated_to_second(),
        }
    }
}

#[cfg(test)]
mod tests;
