//! Room: tests of ranges: the tables of S3 for copying and reading, and bounds for any size.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

const FORM: &str = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy";

#[test]
fn copy_ranges_that_have_no_such_form() {
    // rule: copy-range/form
    for raw in [
        "",
        "0-8",
        "bytes=1-0",
        "bytes=-1-",
        "bytes=0--1",
        "bytes=0-1,3-4,7-9",
        "bytes=-",
        "bytes=-0",
        "bytes=-2",
        "bytes=-15",
        "bytes=1-",
        "Bytes=0-8",
        "bytes=0-8 ",
        " bytes=0-8",
        "bytes= 0-8",
        "bytes=0 - 8",
        "bytes=+0-8",
        "bytes=0x0-8",
        "bytes:0-8",
        "bytes=0-9223372036854775808",
        "bytes=0-99999999999999999999",
        "bytes=00000000000000000001-2",
        "bytes=٠-٨",
    ] {
        let error = CopyRange::parse(raw).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{raw}");
        assert_eq!(error.message, FORM);
        assert_eq!(error.detail("ArgumentName"), Some("x-amz-copy-source-range"));
        assert_eq!(error.detail("ArgumentValue"), Some(raw));
    }
}

#[test]
fn copy_ranges_that_fit_ten_bytes() {
    // rule: copy-range/inclusive
    for (raw, start, end) in [
        ("bytes=0-8", 0, 9),
        ("bytes=1-1", 1, 2),
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=9-9", 9, 10),
        ("bytes=007-0000000000000000009", 7, 10),
    ] {
        let range = CopyRange::parse(raw).unwrap().resolve(10).unwrap();
        assert_eq!((range.start(), range.end()), (start, end), "{raw}");
    }
}

#[test]
fn copy_ranges_that_reach_past_the_end() {
    // rule: copy-range/past-the-end
    for raw in ["bytes=0-100", "bytes=0-10", "bytes=9-9223372036854775807"] {
        let error = CopyRange::parse(raw).unwrap().resolve(10).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{raw}");
        assert_eq!(error.message, "Range specified is not valid for source object of size: 10");
        assert_eq!(error.detail("ArgumentName"), Some("x-amz-copy-source-range"));
        assert_eq!(error.detail("ArgumentValue"), Some(raw));
    }
}

#[test]
fn copy_ranges_that_begin_past_the_end() {
    // rule: copy-range/outside
    for (raw, size) in [("bytes=100-200", 10), ("bytes=10-10", 10), ("bytes=0-0", 0)] {
        let error = CopyRange::parse(raw).unwrap().resolve(size).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest, "{raw}");
        assert_eq!(error.message, "The specified copy range is invalid for the source object size");
        assert!(error.details.is_empty());
    }
}

#[test]
fn copies_are_at_most_five_gib() {
    // rule: copy-range/five-gib
    let parse = |raw| CopyRange::parse(raw).unwrap();
    let longest = parse("bytes=1-5368709120").resolve(u64::MAX).unwrap();
    assert_eq!(longest.len(), COPY_LEN_MAX);
    let error = parse("bytes=0-5368709120").resolve(u64::MAX).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert_eq!(
        error.message,
        "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120"
    );
    check_copy_len(COPY_LEN_MAX, COPY_LEN_MAX).unwrap();
    check_copy_len(COPY_LEN_MAX + 1, COPY_LEN_MAX).unwrap_err();
}

#[test]
fn read_ranges_of_ten_bytes() {
    // rule: get/range
    for (raw, start, end) in [
        ("bytes=0-8", 0, 9),
        ("bytes=1-1", 1, 2),
        ("bytes=1-", 1, 10),
        ("bytes=-2", 8, 10),
        ("bytes=-9", 1, 10),
        ("bytes=-15", 0, 10),
        ("bytes=0-100", 0, 10),
        ("bytes=0-0", 0, 1),
        ("bytes=9-9", 9, 10),
        ("bytes=0-99999999999999999999999", 0, 10),
        ("bytes=-99999999999999999999999", 0, 10),
        ("bytes=0-18446744073709551615", 0, 10),
    ] {
        let range = ReadRange::parse(raw).unwrap().resolve(10).unwrap();
        assert_eq!((range.start(), range.end()), (start, end), "{raw}");
    }
}

#[test]
fn read_ranges_of_no_account() {
    // rule: get/range-ignored
    for raw in [
        "bytes=1-0",
        "bytes=-1-",
        "bytes=0--1",
        "bytes=0-1,3-4,7-9",
        "bytes=-",
        "0-8",
        "",
        "bytes",
        "bytes=",
        "lines=0-8",
        "bytes=a-b",
        "bytes=0-8,",
        "bytes=+1-2",
    ] {
        assert_eq!(ReadRange::parse(raw), None, "{raw}");
    }
}

#[test]
fn read_ranges_of_which_nothing_is_there() {
    // rule: get/range-unsatisfiable
    for (raw, size) in [
        ("bytes=-0", 10),
        ("bytes=100-200", 10),
        ("bytes=10-", 10),
        ("bytes=99999999999999999999-", 10),
        ("bytes=0-0", 0),
        ("bytes=0-", 0),
        ("bytes=-5", 0),
    ] {
        let error = ReadRange::parse(raw).unwrap().resolve(size).unwrap_err();
        assert_eq!(error, S3Error::invalid_range(raw, size));
    }
}

proptest! {
    #[test]
    fn a_copy_range_is_exact_or_refused(first in 0_u64..200, last in 0_u64..200, size in 0_u64..200) {
        let parsed = CopyRange::parse(&format!("bytes={first}-{last}"));
        prop_assert_eq!(parsed.is_ok(), first <= last);
        if let Ok(range) = parsed {
            match range.resolve(size) {
                Ok(range) => {
                    prop_assert!(last < size);
                    prop_assert_eq!((range.start(), range.end()), (first, last + 1));
                }
                Err(_) => prop_assert!(last >= size),
            }
        }
    }

    #[test]
    fn a_read_range_lies_inside(first: u64, more: u64, size: u64) {
        let last = first.saturating_add(more);
        for raw in [format!("bytes={first}-{last}"), format!("bytes={first}-"), format!("bytes=-{more}")] {
            if let Ok(range) = ReadRange::parse(&raw).unwrap().resolve(size) {
                prop_assert!(range.start() < range.end() && range.end() <= size);
                prop_assert!(!range.is_empty());
            }
        }
    }

    #[test]
    fn a_short_read_range_means_each_of_its_bytes(first in 0_u64..50, last in 0_u64..50, size in 0_u64..50) {
        let wanted: alloc::vec::Vec<u64> = (first..=last).filter(|at| *at < size).collect();
        let resolved = ReadRange::parse(&format!("bytes={first}-{last}")).and_then(|r| r.resolve(size).ok());
        let got: alloc::vec::Vec<u64> = resolved.map_or(alloc::vec![], |r| (r.start()..r.end()).collect());
        prop_assert_eq!(got, wanted);
    }

    #[test]
    fn no_text_breaks_the_readers(text in ".{0,30}", rangeish in "(bytes)?=?[0-9,= -]{0,30}") {
        for text in [text, rangeish] {
            let _: Option<ReadRange> = ReadRange::parse(&text);
            let _: Result<CopyRange, S3Error> = CopyRange::parse(&text);
        }
    }
}
