//! Room: `Range` and `x-amz-copy-source-range`, of an object whose size is the first line of the input.
//!
//! Promises: both mean what a second reader with wider numbers finds; no range is empty or goes beyond its object.

use protocol::error::ErrorCode;
use protocol::range::{ByteRange, CopyRange, ReadRange};

use super::check_error;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Some((size, raw)) = text.split_once('\n') else { return };
    let Ok(size) = size.parse::<u64>() else { return };
    check_copy(raw, size);
    check_read(raw, size);
}

/// UploadPartCopy: `bytes=first-last` and nothing else, all of it there, at most 5 GiB.
fn check_copy(raw: &str, size: u64) {
    let expect = raw.strip_prefix("bytes=").and_then(|ends| {
        let (first, last) = ends.split_once('-')?;
        let (first, last) = (digits(first)?, digits(last)?);
        let lengths = raw.split(['=', '-']).skip(1).all(|number| number.len() <= 19);
        (first <= last && last <= u128::from(u64::MAX / 2) && lengths).then_some((first, last))
    });
    let range = match CopyRange::parse(raw) {
        Ok(range) => range,
        Err(error) => {
            assert_eq!(expect, None, "{raw:?}");
            return check_error(&error);
        }
    };
    let (first, last) = expect.expect("the second reader takes it too");
    assert_eq!(range.as_str(), raw);
    match range.resolve(size) {
        Ok(found) => {
            assert_eq!((u128::from(found.start()), u128::from(found.end())), (first, last + 1));
            assert!(
                !found.is_empty() && found.end() <= size && found.len() <= 5 << 30,
                "{found:?}"
            );
        }
        Err(error) => {
            check_error(&error);
            assert!(
                last >= u128::from(size) || last - first >= 5 << 30,
                "{raw:?} of {size}: {error:?}"
            );
        }
    }
}

/// GetObject: cut to what is there, or not a range at all.
fn check_read(raw: &str, size: u64) {
    let (range, expect) = match (ReadRange::parse(raw), wanted(raw, u128::from(size))) {
        (Some(range), Some(expect)) => (range, expect),
        (None, None) => return,
        (range, expect) => panic!("{raw:?}: {range:?} or {expect:?}"),
    };
    let expect = Some(expect).filter(|(start, end)| start < end);
    match range.resolve(size) {
        Ok(found) => {
            assert_eq!(
                Some((u128::from(found.start()), u128::from(found.end()))),
                expect,
                "{raw:?} of {size}"
            );
            assert_eq!(ByteRange::new(found.start(), found.end()), Some(found));
        }
        Err(error) => {
            check_error(&error);
            assert_eq!((error.code, expect), (ErrorCode::InvalidRange, None), "{raw:?} of {size}");
        }
    }
}

/// The two ends of what a range wants of `size` bytes; the first is not before the second where it wants none.
fn wanted(raw: &str, size: u128) -> Option<(u128, u128)> {
    let (unit, set) = raw.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let numbers: Vec<&str> = set.trim().splitn(2, '-').collect();
    match numbers[..] {
        ["", count] => Some((size - digits(count)?.min(size), size)),
        [first, ""] => Some((digits(first)?, size)),
        [first, last] => {
            let (first, last) = (digits(first)?, digits(last)?);
            (cut(first) <= cut(last)).then_some((first, size.min(last + 1)))
        }
        _ => None,
    }
}

/// A number beyond all sizes is as good as the greatest of them.
fn cut(number: u128) -> u128 {
    number.min(u128::from(u64::MAX))
}

/// Digits and nothing else; a number that is too long for us is longer than all objects.
fn digits(text: &str) -> Option<u128> {
    let all = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    all.then(|| text.parse().unwrap_or(u128::MAX - 1).min(u128::MAX - 1))
}
