//! Room: tests of conditions: all 81 combinations, from the table of the two stages.

use alloc::format;

use super::*;
use crate::request::{Headers, Method};

const SECOND: u64 = 1000;
/// LastModified of the object, to the second.
const MODIFIED: u64 = 1_700_000_000 * SECOND;
/// The present, a day later.
const NOW: Timestamp = Timestamp::from_millis(MODIFIED + 86_400 * SECOND);

fn head(lines: &[(&str, &str)]) -> Head {
    let mut headers = Headers::new();
    lines.iter().for_each(|(name, value)| headers.insert(*name, value.as_bytes()));
    Head::new(Method::Get, "/bucket/key", None, headers, &[]).unwrap()
}

fn date(millis: u64) -> String {
    Timestamp::from_millis(millis).http_date()
}

fn copy(lines: &[(&str, &str)]) -> Option<String> {
    let etag = ETag::from_text("abc").unwrap();
    // Half a second into LastModified: the half must not count.
    let facts = Facts { etag: &etag, modified: Timestamp::from_millis(MODIFIED + 500) };
    let error = CopyConditions::parse(&head(lines)).check(&facts, NOW).err()?;
    assert_eq!(error.status(), 412);
    assert_eq!(error.message, "At least one of the pre-conditions you specified did not hold");
    Some(error.detail("Condition").unwrap().into())
}

fn read(lines: &[(&str, &str)]) -> ReadVerdict {
    let etag = ETag::from_text("abc").unwrap();
    let facts = Facts { etag: &etag, modified: Timestamp::from_millis(MODIFIED + 500) };
    ReadConditions::parse(&head(lines)).check(&facts, NOW)
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Is {
    Absent,
    Pass,
    Fail,
}
use Is::{Absent, Fail, Pass};

/// First stage: If-Match, If-Unmodified-Since, and the condition that ends the request.
const STAGE_1: [(Is, Is, Option<&str>); 9] = [
    (Absent, Absent, None),
    (Absent, Pass, None),
    (Absent, Fail, Some("If-Unmodified-Since")),
    (Pass, Absent, None),
    (Pass, Pass, None),
    (Pass, Fail, None),
    (Fail, Absent, Some("If-Match")),
    (Fail, Pass, Some("If-Match")),
    (Fail, Fail, Some("If-Match")),
];

/// Second stage: If-None-Match, If-Modified-Since, and the condition that ends the request.
const STAGE_2: [(Is, Is, Option<&str>); 9] = [
    (Absent, Absent, None),
    (Absent, Pass, None),
    (Absent, Fail, Some("If-Modified-Since")),
    (Pass, Absent, None),
    (Pass, Pass, None),
    (Pass, Fail, None),
    (Fail, Absent, Some("If-None-Match")),
    (Fail, Pass, Some("If-None-Match")),
    (Fail, Fail, Some("If-None-Match")),
];

/// Where the dates of the conditions sit, in seconds behind LastModified.
#[derive(Clone, Copy, Debug)]
struct Dates {
    unmodified_pass: i64,
    unmodified_fail: i64,
    modified_pass: i64,
    modified_fail: i64,
}

/// A day, which is how far the present is from LastModified.
const DAY: i64 = 86_400;

/// At LastModified itself, a second beside it, and around the present: what lies in the future passes.
const EDGES: [Dates; 3] = [
    Dates { unmodified_pass: 0, unmodified_fail: -1, modified_pass: -1, modified_fail: 0 },
    Dates { unmodified_pass: 1, unmodified_fail: -2, modified_pass: -2, modified_fail: 1 },
    Dates {
        unmodified_pass: DAY + 1,
        unmodified_fail: -DAY,
        modified_pass: DAY + 1,
        modified_fail: DAY,
    },
];

fn date_behind(seconds: i64) -> String {
    let millis = i64::try_from(MODIFIED).unwrap() + seconds * 1000;
    date(u64::try_from(millis).unwrap())
}

/// Header name without prefix, a value that passes, a value that fails.
fn spelled(is: Is, name: &str, pass: &str, fail: &str) -> Option<(String, String)> {
    match is {
        Absent => None,
        Pass => Some((name.into(), pass.into())),
        Fail => Some((name.into(), fail.into())),
    }
}

/// The states of If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since.
type Four = [Is; 4];

fn lines(prefix: &str, [i, u, n, m]: Four, dates: Dates) -> Vec<(String, String)> {
    let at = date_behind;
    [
        spelled(i, "if-match", "\"abc\"", "\"xyz\""),
        spelled(u, "if-unmodified-since", &at(dates.unmodified_pass), &at(dates.unmodified_fail)),
        spelled(n, "if-none-match", "\"xyz\"", "\"abc\""),
        spelled(m, "if-modified-since", &at(dates.modified_pass), &at(dates.modified_fail)),
    ]
    .into_iter()
    .flatten()
    .map(|(name, value)| (format!("{prefix}{name}"), value))
    .collect()
}

/// All 81 combinations, at each of the edges.
fn all_81(mut each: impl FnMut(Four, Dates, Option<&'static str>)) {
    let mut count = 0;
    for dates in EDGES {
        for (i, u, first) in STAGE_1 {
            for (n, m, second) in STAGE_2 {
                each([i, u, n, m], dates, first.or(second));
                count += 1;
            }
        }
    }
    assert_eq!(count, 81 * EDGES.len());
}

fn borrowed(lines: &[(String, String)]) -> Vec<(&str, &str)> {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn every_combination_of_copy_conditions() {
    // rule: copy-condition/order, copy-condition/always-412, copy-condition/equal-second
    all_81(|four, dates, expected| {
        let lines = lines("x-amz-copy-source-", four, dates);
        let expected = expected.map(|name| format!("x-amz-copy-source-{name}"));
        assert_eq!(copy(&borrowed(&lines)), expected, "{four:?} {dates:?}");
    });
}

#[test]
fn every_combination_of_read_conditions() {
    // rule: get/condition-order, get/not-modified, get/precondition-failed, get/equal-second
    all_81(|four, dates, expected| {
        let lines = lines("", four, dates);
        let expected = match expected {
            None => ReadVerdict::Proceed,
            Some("If-None-Match" | "If-Modified-Since") => ReadVerdict::NotModified,
            Some(name) => ReadVerdict::Failed(S3Error::precondition_failed(name)),
        };
        assert_eq!(read(&borrowed(&lines)), expected, "{four:?} {dates:?}");
    });
}

#[test]
fn etags_with_and_without_quotes_and_in_lists() {
    // rule: copy-condition/etags, get/etags
    for value in ["abc", "\"abc\"", "*", "x, \"abc\"", "\"x\",abc"] {
        assert_eq!(copy(&[("x-amz-copy-source-if-match", value)]), None, "{value}");
        let broken = copy(&[("x-amz-copy-source-if-none-match", value)]);
        assert_eq!(broken.as_deref(), Some("x-amz-copy-source-If-None-Match"), "{value}");
        assert_eq!(read(&[("if-match", value)]), ReadVerdict::Proceed, "{value}");
        assert_eq!(read(&[("if-none-match", value)]), ReadVerdict::NotModified, "{value}");
    }
    for value in ["xyz", "ABC", "x, y", "\"abc", "\"\"", "\"x, abc\""] {
        assert!(copy(&[("x-amz-copy-source-if-match", value)]).is_some(), "{value}");
        assert_eq!(copy(&[("x-amz-copy-source-if-none-match", value)]), None, "{value}");
        assert_eq!(read(&[("if-none-match", value)]), ReadVerdict::Proceed, "{value}");
    }
}

#[test]
fn weak_tags_count_only_for_if_none_match() {
    // rule: copy-condition/weak
    assert!(copy(&[("x-amz-copy-source-if-match", "W/\"abc\"")]).is_some());
    assert!(copy(&[("x-amz-copy-source-if-none-match", "W/\"abc\"")]).is_some());
}

#[test]
fn a_list_may_stand_on_several_lines() {
    // rule: copy-condition/etags
    let name = "x-amz-copy-source-if-match";
    assert_eq!(copy(&[(name, "\"x\""), (name, "\"abc\"")]), None);
}

#[test]
fn empty_headers_and_broken_dates_are_absent() {
    // rule: copy-condition/broken-date, copy-condition/empty
    for value in ["", "yesterday"] {
        assert_eq!(copy(&[("x-amz-copy-source-if-modified-since", value)]), None);
        assert_eq!(copy(&[("x-amz-copy-source-if-unmodified-since", value)]), None);
    }
    assert_eq!(copy(&[("x-amz-copy-source-if-match", "")]), None);
    assert_eq!(copy(&[("x-amz-copy-source-if-none-match", "")]), None);
    // Without If-Match and If-None-Match the dates count again.
    let before = date(MODIFIED - SECOND);
    let lines =
        [("x-amz-copy-source-if-match", ""), ("x-amz-copy-source-if-unmodified-since", &*before)];
    assert!(copy(&lines).is_some());
}

#[test]
fn a_future_if_modified_since_is_of_no_account() {
    // rule: copy-condition/future-date, get/future-date
    let future = date(NOW.as_millis() + SECOND);
    assert_eq!(copy(&[("x-amz-copy-source-if-modified-since", &future)]), None);
    assert_eq!(read(&[("if-modified-since", &future)]), ReadVerdict::Proceed);
    let now = date(NOW.as_millis());
    assert!(copy(&[("x-amz-copy-source-if-modified-since", &now)]).is_some());
}

#[test]
fn dates_in_any_form() {
    // rule: copy-condition/date-forms
    for value in
        ["2023-11-14T22:13:20Z", "Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023"]
    {
        assert_eq!(copy(&[("x-amz-copy-source-if-unmodified-since", value)]), None, "{value}");
        assert!(copy(&[("x-amz-copy-source-if-modified-since", value)]).is_some(), "{value}");
    }
}

#[test]
fn a_range_counts_only_for_the_object_that_was_begun() {
    // rule: get/if-range
    let etag = ETag::from_text("abc").unwrap();
    let facts = Facts { etag: &etag, modified: Timestamp::from_millis(MODIFIED + 500) };
    let holds = |value: &str| RangeCondition::parse(&head(&[("if-range", value)])).holds(&facts);
    for value in ["", "\"abc\"", "abc", &date(MODIFIED), "Tue Nov 14 22:13:20 2023"] {
        assert!(holds(value), "{value}");
    }
    let (before, after) = (date(MODIFIED - SECOND), date(MODIFIED + SECOND));
    for value in ["\"xyz\"", "W/\"abc\"", "*", "\"ABC\"", "yesterday", &*before, &*after] {
        assert!(!holds(value), "{value}");
    }
    assert!(RangeCondition::default().holds(&facts));
}
