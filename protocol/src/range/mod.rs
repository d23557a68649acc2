//! Room: byte ranges: half-open inside, and the two spellings of the wire: `Range` of GetObject,
//! and `x-amz-copy-source-range` of UploadPartCopy, which is stricter.
//!
//! Units: bytes.

use alloc::boxed::Box;
use alloc::format;

use crate::error::S3Error;
use crate::limits::COPY_LEN_MAX;

/// Bytes `start..end` of something; may be empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl ByteRange {
    /// The range from `start` up to and without `end`; `None` when `end` is before `start`.
    pub const fn new(start: u64, end: u64) -> Option<Self> {
        if start <= end { Some(Self { start, end }) } else { None }
    }

    /// The whole of something `len` bytes long.
    pub const fn whole(len: u64) -> Self {
        Self { start: 0, end: len }
    }

    /// The first byte.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// One past the last byte.
    pub const fn end(self) -> u64 {
        self.end
    }

    /// How many bytes.
    pub const fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// The value of `x-amz-copy-source-range`: `bytes=first-last`, both ends given. S3:
/// "UploadPartCopy", x-amz-copy-source-range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyRange {
    first: u64,
    last: u64,
    raw: Box<str>,
}

impl CopyRange {
    /// Reads the header. Fails with InvalidArgument for every other form than `bytes=first-last`.
    pub fn parse(raw: &str) -> Result<Self, S3Error> {
        let ends = raw
            .strip_prefix("bytes=")
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(first, last)| Some((wire_offset(first)?, wire_offset(last)?)))
            .filter(|(first, last)| first <= last);
        match ends {
            Some((first, last)) => Ok(Self { first, last, raw: raw.into() }),
            None => Err(S3Error::invalid_argument(
                HEADER,
                Some(raw),
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            )),
        }
    }

    /// The range in a source of `size` bytes. Never cut to fit: what does not fit is an error.
    pub fn resolve(&self, size: u64) -> Result<ByteRange, S3Error> {
        if self.first >= size {
            return Err(S3Error::invalid_request(
                "The specified copy range is invalid for the source object size",
            ));
        }
        if self.last >= size {
            return Err(S3Error::invalid_argument(
                HEADER,
                Some(&self.raw),
                format!("Range specified is not valid for source object of size: {size}"),
            ));
        }
        let range = ByteRange { start: self.first, end: self.last + 1 };
        check_copy_len(range.len(), COPY_LEN_MAX)?;
        Ok(range)
    }

    /// The header as it came.
    pub fn as_str(&self) -> &str {
        &self.raw
    }
}

const HEADER: &str = "x-amz-copy-source-range";

/// Whether that many bytes may be copied by one request that copies at most `len_max`.
///
/// # Errors
/// `InvalidRequest` if not.
pub fn check_copy_len(len: u64, len_max: u64) -> Result<(), S3Error> {
    if len <= len_max {
        return Ok(());
    }
    Err(S3Error::invalid_request(format!(
        "The specified copy source is larger than the maximum allowable size for a copy source: {len_max}"
    )))
}

/// 1 to 19 digits, at most 2^63 - 1.
fn wire_offset(text: &str) -> Option<u64> {
    let digits = (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let value: u64 = if digits { text.parse().ok()? } else { return None };
    i64::try_from(value).is_ok().then_some(value)
}

/// The value of `Range` of GetObject and HeadObject: one range, from the front or from the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadRange {
    wanted: Wanted,
    raw: Box<str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    /// `first-last`, or `first-` with the last byte wherever it is.
    From { first: u64, last: Option<u64> },
    /// `-count`: the last bytes.
    Last { count: u64 },
}

impl ReadRange {
    /// Reads the header. `None` = a form that S3 takes no notice of (several ranges, another unit,
    /// ends the wrong way round): the whole object is answered.
    pub fn parse(raw: &str) -> Option<Self> {
        let (unit, set) = raw.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = set.trim().split_once('-')?;
        let wanted = match (first, last) {
            ("", count) => Wanted::Last { count: saturating_number(count)? },
            (first, "") => Wanted::From { first: saturating_number(first)?, last: None },
            (first, last) => {
                let (first, last) = (saturating_number(first)?, saturating_number(last)?);
                if first > last {
                    return None;
                }
                Wanted::From { first, last: Some(last) }
            }
        };
        Some(Self { wanted, raw: raw.into() })
    }

    /// The bytes meant, of an object of `size` bytes: cut at its end, never empty. Fails with
    /// InvalidRange (416) when none of them are there; so always for an empty object.
    pub fn resolve(&self, size: u64) -> Result<ByteRange, S3Error> {
        let range = match self.wanted {
            Wanted::From { first, .. } if first >= size => None,
            Wanted::From { first, last } => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                ByteRange::new(first, end)
            }
            Wanted::Last { count } => ByteRange::new(size.saturating_sub(count), size),
        };
        range
            .filter(|range| !range.is_empty())
            .ok_or_else(|| S3Error::invalid_range(&self.raw, size))
    }
}

/// Digits; a number too great counts as the greatest.
fn saturating_number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0_u64, |n, b| n.saturating_mul(10).saturating_add(u64::from(b - b'0'))))
}

#[cfg(test)]
mod tests;
