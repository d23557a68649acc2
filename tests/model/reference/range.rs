//! Room: ranges: of reads and of copies.
//!
//! Source: S3 "GetObject", Range; "UploadPartCopy", x-amz-copy-source-range.

use super::Fault;

/// The bytes of a read: `None` where the header is of no account.
pub(super) fn of_read(header: &str, size: usize) -> Result<Option<(usize, usize)>, Fault> {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|set| set.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| -> Option<usize> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    let range = match (first, last) {
        ("", count) => match number(count) {
            None => return Ok(None),
            Some(count) => (size.saturating_sub(count), size),
        },
        (first, "") => match number(first) {
            None => return Ok(None),
            Some(first) => (first, size),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, size.min(last + 1)),
            _ => return Ok(None),
        },
    };
    if range.0 < range.1 {
        return Ok(Some(range));
    }
    Err(Fault::new(416, "InvalidRange", "The requested range is not satisfiable")
        .with("RangeRequested", header)
        .with("ActualObjectSize", size)
        .header("content-range", format!("bytes */{size}")))
}

/// The ends of a copy's range, before the size of the source is known.
pub(super) fn of_copy(header: &str) -> Result<(u64, u64), Fault> {
    let number = |text: &str| -> Option<u64> {
        let digits =
            (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok())?
    };
    let ends = header.strip_prefix("bytes=").and_then(|set| set.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((number(first)?, number(last)?)));
    ends.filter(|(first, last)| first <= last).ok_or_else(|| {
        Fault::argument(
            "x-amz-copy-source-range",
            header,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )
    })
}

/// The bytes of a copy.
pub(super) fn in_source(
    ends: (u64, u64),
    header: &str,
    size: usize,
) -> Result<(usize, usize), Fault> {
    let (first, last) = ends;
    let len = size as u64;
    if first >= len {
        return Err(Fault::request(
            "The specified copy range is invalid for the source object size",
        ));
    }
    if last >= len {
        return Err(Fault::argument(
            "x-amz-copy-source-range",
            header,
            format!("Range specified is not valid for source object of size: {size}"),
        ));
    }
    let fits = |number: u64| usize::try_from(number).expect("it is below a length");
    Ok((fits(first), fits(last) + 1))
}
