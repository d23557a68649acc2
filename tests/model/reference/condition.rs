//! Room: conditions: on reading, on the source of a copy, on writing, on deleting.
//!
//! Source: S3 "UploadPartCopy", x-amz-copy-source-if-*; "Conditional requests"; RFC 9110 section 13.2.2.

use super::{Bucket, Fault, Object, Version};
use crate::wire::Ask;

/// The condition on a read or a source that fails.
pub(super) enum Failed {
    Match,
    Unmodified,
    NoneMatch,
    Modified,
}

/// The first condition that does not hold; `prefix` stands before the names of the headers.
pub(super) fn failed(
    ask: &Ask,
    prefix: &str,
    version: &Version,
    object: &Object,
    now: u64,
) -> Option<Failed> {
    let get = |name: &str| ask.get_header(&format!("{prefix}{name}"));
    let modified = version.modified / 1000;
    if let Some(list) = get("if-match") {
        if !listed(list, &object.etag, false) {
            return Some(Failed::Match);
        }
    } else if get("if-unmodified-since").and_then(date).is_some_and(|date| modified > date) {
        return Some(Failed::Unmodified);
    }
    if let Some(list) = get("if-none-match") {
        if listed(list, &object.etag, true) {
            return Some(Failed::NoneMatch);
        }
    } else if let Some(date) = get("if-modified-since").and_then(date)
        && date * 1000 <= now
        && modified <= date
    {
        return Some(Failed::Modified);
    }
    None
}

/// The condition on the source of a copy, as an error.
pub(super) fn of_source(
    ask: &Ask,
    version: &Version,
    object: &Object,
    now: u64,
) -> Result<(), Fault> {
    let name = match failed(ask, "x-amz-copy-source-", version, object, now) {
        None => return Ok(()),
        Some(Failed::Match) => "If-Match",
        Some(Failed::Unmodified) => "If-Unmodified-Since",
        Some(Failed::NoneMatch) => "If-None-Match",
        Some(Failed::Modified) => "If-Modified-Since",
    };
    Err(Fault::precondition(&format!("x-amz-copy-source-{name}")))
}

fn listed(list: &str, etag: &str, weak: bool) -> bool {
    if list == "*" {
        return true;
    }
    list.split(',').map(str::trim).any(|item| {
        let bare = item.strip_prefix("W/");
        let item = if weak { bare.unwrap_or(item) } else { item };
        unquoted(item) == etag
    })
}

/// An ETag without its quotes.
pub(super) fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// Seconds since 1970 of an IMF-fixdate.
fn date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|number| number.parse::<u64>().ok());
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let years: u64 = (1970..year).map(|year| 365 + u64::from(leap(year))).sum();
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = years + lengths[..month].iter().sum::<u64>() + day - 1;
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The condition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OfWrite {
    None,
    Absent,
    Is(String),
}

impl OfWrite {
    pub(super) fn parse(ask: &Ask) -> Result<Self, Fault> {
        let refused = |name: &str| {
            let text = format!("We don't accept the provided value of {name} header for this API");
            Err(Fault::not_implemented(name).with("additionalMessage", text))
        };
        match (ask.get_header("if-match"), ask.get_header("if-none-match")) {
            (None, None) => Ok(Self::None),
            (Some(_), Some(_)) => {
                let text = "Multiple conditional request headers present in the request";
                let fault = Fault::not_implemented("If-Match,If-None-Match");
                Err(fault.with("additionalMessage", text))
            }
            (Some("*"), None) => refused("If-Match"),
            (Some(etag), None) => Ok(Self::Is(unquoted(etag).to_owned())),
            (None, Some("*")) => Ok(Self::Absent),
            (None, Some(_)) => refused("If-None-Match"),
        }
    }

    pub(super) fn check(&self, bucket: &Bucket, key: &str) -> Result<(), Fault> {
        match (self, bucket.current(key)) {
            (Self::None, _) | (Self::Absent, None) => Ok(()),
            (Self::Absent, Some(_)) => Err(Fault::precondition("If-None-Match")),
            (Self::Is(_), None) => Err(Fault::no_such_key(key)),
            (Self::Is(etag), Some(object)) if *etag == object.etag => Ok(()),
            (Self::Is(_), Some(_)) => Err(Fault::precondition("If-Match")),
        }
    }

    /// Its header, where it is the cause of a conflict.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::Absent => "If-None-Match",
            Self::Is(_) => "If-Match",
        }
    }
}

/// The condition of a delete: an ETag or `*`, of the version that it is about.
pub(super) fn of_delete(etag: Option<&str>, key: &str, now: Option<&Object>) -> Result<(), Fault> {
    match (etag, now) {
        (None | Some(""), _) | (Some("*"), Some(_)) => Ok(()),
        (Some("*"), None) => Err(Fault::precondition("If-Match")),
        (Some(_), None) => Err(Fault::no_such_key(key)),
        (Some(etag), Some(object)) if unquoted(etag) == object.etag => Ok(()),
        (Some(_), Some(_)) => Err(Fault::precondition("If-Match")),
    }
}
