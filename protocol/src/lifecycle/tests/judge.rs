//! What becomes of versions and uploads under given rules.

use alloc::vec;
use core::num::NonZeroU64;

use super::*;
use crate::tagging::TagSet;

const DAY: u64 = 24 * 60 * 60 * 1000;
const HOUR: u64 = 60 * 60 * 1000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn lifecycle(rules: &[String]) -> Lifecycle {
    parse(&rules.concat()).expect("rules")
}

fn days(count: u32) -> String {
    format!("<Expiration><Days>{count}</Days></Expiration>")
}

fn latest(key: &str, len: u64, modified: Timestamp) -> Facts<'_> {
    Facts { key, len, modified, standing: Standing::Latest }
}

/// The rule by which this version goes.
fn goes(lifecycle: &Lifecycle, facts: &Facts<'_>, now: Timestamp) -> Option<String> {
    match lifecycle.judge(facts, Known::Tags(&TagSet::default()), now, DayLen::CALENDAR) {
        Judged::Goes(due) => Some(due.rule.into()),
        Judged::Stays => None,
        Judged::ByTags => panic!("the tags are known"),
    }
}

#[test]
fn days_end_at_the_next_midnight() {
    // rule: lifecycle/days
    // S3's example: made on January 15th at 10:30, 3 days: January 19th.
    let made = Timestamp::parse_iso8601("2014-01-15T10:30:00Z").expect("a date");
    assert_eq!(DayLen::CALENDAR.after(made, 3).iso8601(), "2014-01-19T00:00:00.000Z");
    for (from, count, expected) in [
        (0, 1, DAY),
        (1, 1, 2 * DAY),
        (DAY - 1, 1, 2 * DAY),
        (DAY, 1, 2 * DAY),
        (DAY + 1, 2, 4 * DAY),
    ] {
        assert_eq!(DayLen::CALENDAR.after(at(from), count), at(expected), "{from} {count}");
    }
    let two_seconds = DayLen::from_millis(NonZeroU64::new(2000).expect("not 0"));
    assert_eq!(two_seconds.after(at(3001), 1), at(6000));
    assert!(two_seconds.after(at(u64::MAX), u32::MAX).as_millis() > u64::MAX - 2000);
}

#[test]
fn objects_go_when_their_days_are_over() {
    // rule: lifecycle/expires
    let lifecycle = lifecycle(&[rule("old", "<Filter><Prefix>log/</Prefix></Filter>", &days(2))]);
    let object = latest("log/1", 5, at(HOUR));
    assert_eq!(goes(&lifecycle, &object, at(3 * DAY - 1)), None);
    assert_eq!(goes(&lifecycle, &object, at(3 * DAY)), Some("old".into()));
    assert_eq!(goes(&lifecycle, &latest("log", 5, at(HOUR)), at(30 * DAY)), None);
    // rule: lifecycle/disabled
    let mut disabled = lifecycle.clone();
    disabled.rules[0].enabled = false;
    assert_eq!(goes(&disabled, &object, at(30 * DAY)), None);
    assert!(!disabled.expires_objects() && lifecycle.expires_objects());
}

#[test]
fn from_a_date_on_everything_goes() {
    // rule: lifecycle/date
    let date = "<Expiration><Date>1970-01-11T00:00:00Z</Date></Expiration>";
    let lifecycle = lifecycle(&[rule("then", ALL, date)]);
    for made in [0, 9 * DAY, 12 * DAY] {
        let object = latest("a", 5, at(made));
        assert_eq!(goes(&lifecycle, &object, at(10 * DAY - 1)), None);
        assert_eq!(goes(&lifecycle, &object, at(12 * DAY + 1)), Some("then".into()));
    }
}

#[test]
fn sizes_exclude_their_bounds() {
    // rule: lifecycle/sizes
    let filter = "<Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>\
         <ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>";
    let lifecycle = lifecycle(&[rule("some", filter, &days(1))]);
    for (len, expected) in [(5, false), (6, true), (8, true), (9, false)] {
        assert_eq!(
            goes(&lifecycle, &latest("a", len, at(0)), at(DAY)).is_some(),
            expected,
            "{len}"
        );
    }
}

#[test]
fn tags_are_asked_for_where_they_decide() {
    // rule: lifecycle/tags
    let filter = "<Filter><And><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag>\
         <Tag><Key>b</Key><Value>2</Value></Tag></And></Filter>";
    let lifecycle = lifecycle(&[rule("tagged", filter, &days(1)), rule("all", ALL, &days(5))]);
    let judge = |key, now, known: Known<'_>| -> String {
        let facts = latest(key, 1, at(0));
        match lifecycle.judge(&facts, known, at(now), DayLen::CALENDAR) {
            Judged::Stays => "stays".into(),
            Judged::ByTags => "by tags".into(),
            Judged::Goes(due) => due.rule.into(),
        }
    };
    let tags = |text| TagSet::parse_header(text).expect("tags");
    for (now, key, tagged, expected) in [
        (DAY - 1, "p1", None, "stays"),
        (DAY, "p1", None, "by tags"),
        (DAY, "q1", None, "stays"),
        (DAY, "p1", Some("a=1&b=2&c=3"), "tagged"),
        (DAY, "p1", Some("a=1"), "stays"),
        (DAY, "p1", Some("a=1&b=3"), "stays"),
        (DAY, "p1", Some(""), "stays"),
        // It goes whatever its tags are.
        (5 * DAY, "p1", None, "all"),
    ] {
        let set = tags(tagged.unwrap_or_default());
        let known = if tagged.is_some() { Known::Tags(&set) } else { Known::Nothing };
        assert_eq!(judge(key, now, known), expected, "{now} {key} {tagged:?}");
    }
    let expiry = |text| lifecycle.expiry("p1", 1, at(0), &tags(text), DayLen::CALENDAR);
    assert_eq!(expiry("a=1&b=2").map(|due| (due.at, due.rule)), Some((at(DAY), "tagged")));
    assert_eq!(expiry("a=1").map(|due| (due.at, due.rule)), Some((at(5 * DAY), "all")));
}

#[test]
fn older_versions_go_by_their_successors_date() {
    // rule: lifecycle/noncurrent
    let action = "<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays>\
         </NoncurrentVersionExpiration>";
    let lifecycle = lifecycle(&[rule("older", ALL, action)]);
    let old = |since| Facts {
        standing: Standing::Noncurrent { since: at(since), newer: 0 },
        ..latest("a", 5, at(0))
    };
    assert_eq!(goes(&lifecycle, &old(10 * DAY), at(12 * DAY - 1)), None);
    assert_eq!(goes(&lifecycle, &old(10 * DAY), at(12 * DAY)), Some("older".into()));
    assert_eq!(goes(&lifecycle, &latest("a", 5, at(0)), at(100 * DAY)), None);
}

#[test]
fn the_newest_of_the_older_versions_may_be_kept() {
    // rule: lifecycle/newer-versions
    let action = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>\
         <NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>";
    let lifecycle = lifecycle(&[rule("some", ALL, action)]);
    let old = |newer| Facts {
        standing: Standing::Noncurrent { since: at(0), newer },
        ..latest("a", 5, at(0))
    };
    let gone: Vec<u32> =
        (0..5).filter(|newer| goes(&lifecycle, &old(*newer), at(9 * DAY)).is_some()).collect();
    assert_eq!(gone, [2, 3, 4]);
}

#[test]
fn markers_go_when_nothing_lies_below_them() {
    let markers =
        "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    let marker =
        |lone| Facts { standing: Standing::LatestMarker { lone }, ..latest("a", 0, at(5 * DAY)) };
    // rule: lifecycle/lone-markers
    let alone = lifecycle(&[rule("markers", ALL, markers)]);
    assert_eq!(goes(&alone, &marker(true), at(5 * DAY)), Some("markers".into()));
    assert_eq!(goes(&alone, &marker(false), at(99 * DAY)), None);
    assert_eq!(goes(&alone, &latest("a", 5, at(0)), at(99 * DAY)), None);
    let never = lifecycle(&[rule("markers", ALL, &markers.replace("true", "false"))]);
    assert_eq!(goes(&never, &marker(true), at(99 * DAY)), None);
    // rule: lifecycle/old-markers
    let old = lifecycle(&[rule("old", ALL, &days(2))]);
    assert_eq!(goes(&old, &marker(true), at(7 * DAY - 1)), None);
    assert_eq!(goes(&old, &marker(true), at(7 * DAY)), Some("old".into()));
    assert_eq!(goes(&old, &marker(false), at(99 * DAY)), None);
}

#[test]
fn the_earliest_date_wins() {
    // rule: lifecycle/earliest
    let rules = [
        rule("late", ALL, &days(9)),
        rule("soon", ALL, &days(3)),
        rule("as soon", ALL, &days(3)),
        rule("elsewhere", "<Filter><Prefix>b</Prefix></Filter>", &days(1)),
    ];
    let lifecycle = lifecycle(&rules);
    let expiry = |key| {
        let due = lifecycle.expiry(key, 1, at(0), &TagSet::default(), DayLen::CALENDAR);
        due.map(|due| (due.at.as_millis() / DAY, due.rule))
    };
    assert_eq!(expiry("a"), Some((3, "soon")));
    assert_eq!(expiry("b"), Some((1, "elsewhere")));
}

#[test]
fn uploads_are_aborted_after_days() {
    // rule: lifecycle/abort
    let filter = "<Filter><Prefix>big/</Prefix></Filter>";
    let lifecycle = lifecycle(&[rule("uploads", filter, NO_UPLOADS), rule("x", ALL, &days(1))]);
    let abort = |key| lifecycle.abort(key, at(1), DayLen::CALENDAR);
    assert_eq!(abort("big/1").map(|due| (due.at, due.rule)), Some((at(8 * DAY), "uploads")));
    assert_eq!(abort("small"), None);
    assert!(lifecycle.aborts_uploads());
}

#[test]
fn headers_carry_any_id() {
    // rule: lifecycle/expiration-header
    let due = Due { at: at(0), rule: "Delete after 14 days" };
    assert_eq!(
        due.expiration(),
        "expiry-date=\"Thu, 01 Jan 1970 00:00:00 GMT\", rule-id=\"Delete after 14 days\""
    );
    let due = Due { at: at(0), rule: "a\"b%c\r\né" };
    assert_eq!(due.rule_in_header(), "a%22b%25c%0D%0A%C3%A9");
}

#[test]
fn no_more_keys_are_looked_at_than_rules_may_concern() {
    let with = |prefix: &str| {
        let filter = format!("<Filter><Prefix>{prefix}</Prefix></Filter>");
        rule(prefix, &filter, &days(1))
    };
    for (rules, expected) in [
        (vec![with("logs/a"), with("logs/b")], "logs/"),
        (vec![with("logs/"), with("logs/b")], "logs/"),
        (vec![with("é"), with("è")], ""),
        (vec![with("logs/"), rule("all", ALL, &days(9))], ""),
        (vec![with("logs/"), rule("never", ALL, &days(9)).replace("Enabled", "Disabled")], "logs/"),
    ] {
        assert_eq!(lifecycle(&rules).common_prefix(), expected);
    }
}
