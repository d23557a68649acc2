use alloc::format;
use alloc::string::String;

use super::*;
use crate::answer::Answer;
use crate::error::{ErrorCode, S3Error};
use crate::operation::testing::{head, pairs};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn at(offset: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis().checked_add_signed(offset).unwrap())
}

fn retention(mode: RetentionMode, offset: i64) -> Retention {
    Retention { mode, until: at(offset) }
}

fn retained(mode: RetentionMode, offset: i64) -> ObjectLock {
    ObjectLock { retention: Some(retention(mode, offset)), legal_hold: None }
}

use RetentionMode::{Compliance, Governance};

#[test]
fn a_retention_protects_up_to_its_end_and_a_hold_without_end() {
    let held = |held| ObjectLock { retention: None, legal_hold: Some(held) };
    for (lock, plain, bypassed) in [
        (ObjectLock::default(), false, false),
        // rule: lock/governance
        (retained(Governance, 1), true, false),
        // rule: lock/compliance
        (retained(Compliance, 1), true, true),
        // rule: lock/over
        (retained(Governance, 0), false, false),
        (retained(Compliance, 0), false, false),
        // rule: lock/legal-hold
        (held(true), true, true),
        (held(false), false, false),
        (ObjectLock { legal_hold: Some(true), ..retained(Governance, -1) }, true, true),
        (ObjectLock { legal_hold: Some(false), ..retained(Compliance, 1) }, true, true),
    ] {
        assert_eq!(lock.protects(NOW, false), plain, "{lock:?}");
        assert_eq!(lock.protects(NOW, true), bypassed, "{lock:?}");
    }
}

#[test]
fn a_retention_that_holds_is_only_ever_made_longer() {
    const YES: (bool, bool) = (true, true);
    const BYPASSED: (bool, bool) = (false, true);
    const NEVER: (bool, bool) = (false, false);
    for (from, to, (plain, bypassed)) in [
        (None, Some((Governance, 5)), YES),
        (None, None, YES),
        // rule: lock/over
        (Some((Compliance, 0)), None, YES),
        (Some((Compliance, 0)), Some((Governance, 1)), YES),
        // rule: put-retention/extend
        (Some((Governance, 5)), Some((Governance, 5)), YES),
        (Some((Governance, 5)), Some((Governance, 6)), YES),
        (Some((Compliance, 5)), Some((Compliance, 5)), YES),
        (Some((Compliance, 5)), Some((Compliance, 6)), YES),
        // rule: put-retention/governance
        (Some((Governance, 5)), Some((Governance, 4)), BYPASSED),
        (Some((Governance, 5)), Some((Compliance, 5)), BYPASSED),
        (Some((Governance, 5)), Some((Compliance, 6)), BYPASSED),
        (Some((Governance, 5)), Some((Compliance, 4)), BYPASSED),
        (Some((Governance, 5)), None, BYPASSED),
        // rule: put-retention/compliance
        (Some((Compliance, 5)), Some((Compliance, 4)), NEVER),
        (Some((Compliance, 5)), Some((Governance, 6)), NEVER),
        (Some((Compliance, 5)), None, NEVER),
    ] {
        let of = |pair: Option<(RetentionMode, i64)>| pair.map(|(mode, end)| retention(mode, end));
        for legal_hold in [None, Some(true), Some(false)] {
            let lock = ObjectLock { retention: of(from), legal_hold };
            let after = ObjectLock { retention: of(to), legal_hold };
            for (bypass, allowed) in [(false, plain), (true, bypassed)] {
                let changed = lock.change(LockChange::Retention(of(to)), bypass, NOW);
                let expected = if allowed { Ok(after) } else { Err(Locked) };
                assert_eq!(changed, expected, "{from:?} to {to:?}, bypass {bypass}");
            }
        }
    }
}

#[test]
fn a_hold_comes_and_goes_beside_any_retention() {
    // rule: put-legal-hold/independent
    for lock in [ObjectLock::default(), retained(Compliance, 5), retained(Governance, -5)] {
        for held in [true, false] {
            let changed = lock.change(LockChange::LegalHold(held), false, NOW);
            assert_eq!(changed, Ok(ObjectLock { legal_hold: Some(held), ..lock }));
        }
    }
}

#[test]
fn a_default_counts_from_the_moment_of_the_write() {
    // rule: put-lock-configuration/period
    const DAY: u64 = 86_400_000;
    for (period, days) in
        [(Period::Days(1), 1), (Period::Years(1), 365), (Period::Years(100), 36_500)]
    {
        let default = DefaultRetention { mode: Compliance, period };
        let expected = Timestamp::from_millis(NOW.as_millis() + days * DAY);
        assert_eq!(default.starting(NOW), Retention { mode: Compliance, until: expected });
    }
}

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";
const DATE: &str = "2030-01-01T00:00:00Z";

fn asked(headers: &[(&str, &str)]) -> Result<ObjectLock, S3Error> {
    ObjectLock::of_head(&head("PUT", "/bucket/key", headers))
}

fn document(inner: &str) -> Result<LockConfiguration, S3Error> {
    let namespace = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
    let root = "ObjectLockConfiguration";
    LockConfiguration::parse(format!("<{root} {namespace}>{inner}</{root}>").as_bytes())
}

fn with_default(inner: &str) -> String {
    format!(
        "<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>{inner}</DefaultRetention></Rule>"
    )
}

#[test]
fn a_new_version_asks_for_its_lock_in_headers() {
    let until = Timestamp::parse_iso8601(DATE).unwrap();
    // rule: lock/headers
    assert!(asked(&[]).unwrap().is_empty());
    assert!(asked(&[(MODE, ""), (UNTIL, ""), (HOLD, "")]).unwrap().is_empty());
    for (mode, text) in [(Governance, "GOVERNANCE"), (Compliance, "COMPLIANCE")] {
        let expected = ObjectLock { retention: Some(Retention { mode, until }), legal_hold: None };
        assert_eq!(asked(&[(MODE, text), (UNTIL, DATE)]), Ok(expected));
        let held = ObjectLock { legal_hold: Some(true), ..expected };
        assert_eq!(asked(&[(MODE, text), (UNTIL, DATE), (HOLD, "ON")]), Ok(held));
    }
    let released = ObjectLock { retention: None, legal_hold: Some(false) };
    assert_eq!(asked(&[(HOLD, "OFF")]), Ok(released));

    let both =
        "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
    for (headers, message, name, value) in [
        // rule: lock/mode-and-date
        (&[(MODE, "GOVERNANCE")][..], both, UNTIL, None),
        (&[(UNTIL, DATE)], both, MODE, None),
        // rule: lock/malformed-headers
        (
            &[(MODE, "governance"), (UNTIL, DATE)],
            "Unknown wormMode directive.",
            MODE,
            Some("governance"),
        ),
        (
            &[(MODE, "GOVERNANCE"), (UNTIL, "abc")],
            "The retain until date must be provided in ISO 8601 format",
            UNTIL,
            Some("abc"),
        ),
        (&[(HOLD, "wrong")], "Legal Hold must be either of 'ON' or 'OFF'", HOLD, Some("wrong")),
        (&[(HOLD, "on")], "Legal Hold must be either of 'ON' or 'OFF'", HOLD, Some("on")),
    ] {
        let error = asked(headers).unwrap_err();
        assert_eq!((error.code, error.message.as_ref()), (ErrorCode::InvalidArgument, message));
        assert_eq!(error.detail("ArgumentName"), Some(name));
        assert_eq!(error.detail("ArgumentValue"), value);
    }
}

#[test]
fn what_protects_a_version_is_told_with_it() {
    // rule: lock/told
    let told = |lock: ObjectLock| {
        let answer = lock.told_by(Answer::empty(200));
        pairs(&answer)
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect::<alloc::vec::Vec<_>>()
    };
    assert!(told(ObjectLock::default()).is_empty());
    let until = Timestamp::parse_iso8601(DATE).unwrap();
    let retention = Some(Retention { mode: Compliance, until });
    assert_eq!(
        told(ObjectLock { retention, legal_hold: Some(false) }),
        [
            format!("{MODE}: COMPLIANCE"),
            format!("{UNTIL}: 2030-01-01T00:00:00.000Z"),
            format!("{HOLD}: OFF")
        ]
    );
    let lock = ObjectLock { retention: None, legal_hold: Some(true) };
    assert_eq!(told(lock), [format!("{HOLD}: ON")]);
}

#[test]
fn a_configuration_is_kept_as_it_was_put() {
    // rule: put-lock-configuration/set
    for (inner, expected) in [
        ("<ObjectLockEnabled>Enabled</ObjectLockEnabled>".into(), None),
        (
            with_default("<Mode>GOVERNANCE</Mode><Days>1</Days>"),
            Some((Governance, Period::Days(1))),
        ),
        (
            with_default("<Years>100</Years><Mode>COMPLIANCE</Mode>"),
            Some((Compliance, Period::Years(100))),
        ),
        (
            with_default("<Mode>COMPLIANCE</Mode><Days>36500</Days><Other/>"),
            Some((Compliance, Period::Days(36_500))),
        ),
    ] {
        let default = expected.map(|(mode, period)| DefaultRetention { mode, period });
        let read = document(&inner).unwrap();
        assert_eq!(read, LockConfiguration { default });
        assert_eq!(LockConfiguration::parse(&read.document().finish()), Ok(read));
    }
}

#[test]
fn a_configuration_that_is_none_is_refused() {
    let mode = "<Mode>GOVERNANCE</Mode>";
    // rule: put-lock-configuration/malformed
    for bad in [
        String::new(),
        "<ObjectLockEnabled>Disabled</ObjectLockEnabled>".into(),
        "<ObjectLockEnabled>enabled</ObjectLockEnabled>".into(),
        "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
            .into(),
        "<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule/>".into(),
        with_default(""),
        with_default(mode),
        with_default("<Days>1</Days>"),
        with_default("<Mode>governance</Mode><Days>1</Days>"),
        with_default("<Mode>abc</Mode><Years>1</Years>"),
        with_default(&format!("{mode}<Days>1</Days><Years>1</Years>")),
        with_default(&format!("{mode}<Days>one</Days>")),
        with_default(&format!("{mode}{mode}<Days>1</Days>")),
    ] {
        assert_eq!(document(&bad).unwrap_err().code, ErrorCode::MalformedXml, "{bad}");
    }
    assert_eq!(LockConfiguration::parse(b"").unwrap_err().code, ErrorCode::MalformedXml);
    // rule: put-lock-configuration/range
    for (name, number, message) in [
        ("Days", "0", "Default retention period must be a positive integer value."),
        ("Years", "-1", "Default retention period must be a positive integer value."),
        ("Days", "36501", "Default retention period too large."),
        ("Years", "101", "Default retention period too large."),
        ("Days", "99999999999", "Default retention period too large."),
    ] {
        let inner = with_default(&format!("{mode}<{name}>{number}</{name}>"));
        let error = document(&inner).unwrap_err();
        assert_eq!((error.code, error.message.as_ref()), (ErrorCode::InvalidArgument, message));
        assert_eq!(error.detail("ArgumentName"), Some(name));
    }
    // rule: lock/event-hold
    let event = with_default(&format!("{mode}<DefaultEventHold><Days>1</Days></DefaultEventHold>"));
    assert_eq!(document(&event).unwrap_err().code, ErrorCode::NotImplemented);
}

#[test]
fn a_bucket_decides_what_may_be_asked_for() {
    let bucket = LockConfiguration::default();
    let hold = ObjectLock { retention: None, legal_hold: Some(false) };
    // rule: lock/bucket-without
    for lock in [hold, retained(Governance, 1)] {
        assert_eq!(LockConfiguration::check(Some(&bucket), &lock, NOW), Ok(()));
        let error = LockConfiguration::check(None, &lock, NOW).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
        assert_eq!(error.message, "Bucket is missing ObjectLockConfiguration");
    }
    assert_eq!(LockConfiguration::check(None, &ObjectLock::default(), NOW), Ok(()));
    // rule: lock/past-date
    for config in [None, Some(&bucket)] {
        let error = LockConfiguration::check(config, &retained(Compliance, 0), NOW).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message, "The retain until date must be in the future!");
        assert_eq!(error.detail("ArgumentName"), Some(UNTIL));
    }
}

#[test]
fn a_default_stands_in_for_a_retention_that_nobody_asked_for() {
    // rule: lock/default
    let default = DefaultRetention { mode: Compliance, period: Period::Days(1) };
    let bucket = LockConfiguration { default: Some(default) };
    let of = |asked| LockConfiguration::lock_of(Some(&bucket), asked, NOW);
    let expected = ObjectLock { retention: Some(default.starting(NOW)), legal_hold: None };
    assert_eq!(of(ObjectLock::default()), expected);
    let hold = ObjectLock { retention: None, legal_hold: Some(true) };
    assert_eq!(of(hold), ObjectLock { legal_hold: Some(true), ..expected });
    assert_eq!(of(retained(Governance, 1)), retained(Governance, 1));
    for bucket in [None, Some(&LockConfiguration::default())] {
        assert_eq!(LockConfiguration::lock_of(bucket, hold, NOW), hold);
    }
}
