use super::*;

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
