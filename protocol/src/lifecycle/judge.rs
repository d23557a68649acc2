//! Room: what the rules say of one version or upload.
//!
//! Invariants: of several rules that let something go the one with the earliest date decides, of equal dates the one
//! that stands first; tags are asked for only where they decide.
//! Source: S3 User Guide, "Lifecycle configuration elements", "Resolving conflicts in lifecycle rules".

use alloc::format;
use alloc::string::String;
use core::num::NonZeroU64;

use super::{Expiration, Lifecycle, Rule, Scope};
use crate::tagging::TagSet;
use crate::time::Timestamp;

/// How long a day of the lifecycle is, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DayLen(NonZeroU64);

impl DayLen {
    /// The day of the calendar.
    pub const CALENDAR: Self = Self(NonZeroU64::new(24 * 60 * 60 * 1000).expect("not 0"));

    /// A day of so many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: NonZeroU64) -> Self {
        Self(millis)
    }

    /// The first midnight that is at least so many days after `from`. S3: the days are added to the date, and the sum
    /// is rounded up to the next midnight UTC.
    #[must_use]
    pub fn after(self, from: Timestamp, days: u32) -> Timestamp {
        let day = self.0.get();
        let sum = from.as_millis().saturating_add(day.saturating_mul(u64::from(days)));
        Timestamp::from_millis(sum.div_ceil(day).saturating_mul(day))
    }
}

/// When something goes, and the rule that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due<'a> {
    /// The midnight from which on it may be gone.
    pub at: Timestamp,
    /// The id of the rule.
    pub rule: &'a str,
}

impl Due<'_> {
    /// The value of `x-amz-expiration`. The id stands there as it is, save what would end the quotes, what a header
    /// cannot carry and the percent sign itself, which are percent-encoded.
    #[must_use]
    pub fn expiration(&self) -> String {
        format!("expiry-date=\"{}\", rule-id=\"{}\"", self.at.http_date(), self.rule_in_header())
    }

    /// The id of the rule as a header carries it.
    #[must_use]
    pub fn rule_in_header(&self) -> String {
        let mut text = String::with_capacity(self.rule.len());
        for byte in self.rule.bytes() {
            match byte {
                b'"' | b'%' => text.push_str(&format!("%{byte:02X}")),
                b' '..=b'~' => text.push(char::from(byte)),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
        text
    }
}

/// One version, as far as rules ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its length; 0 for a delete marker.
    pub len: u64,
    /// When it was made.
    pub modified: Timestamp,
    /// What stands above and below it.
    pub standing: Standing,
}

/// What a version is among those of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The latest one, and data.
    Latest,
    /// The latest one, and a delete marker.
    LatestMarker {
        /// Whether it is the only version of its key.
        lone: bool,
    },
    /// An older one, data or a marker.
    Noncurrent {
        /// When the next newer version was made.
        since: Timestamp,
        /// How many versions lie between it and the latest one.
        newer: u32,
    },
}

/// What is known of a version's tags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known<'a> {
    /// These are all it has; a delete marker has none.
    Tags(&'a TagSet),
    /// They were not looked up.
    Nothing,
}

/// Whether a version goes now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judged<'a> {
    /// It stays.
    Stays,
    /// Its tags decide.
    ByTags,
    /// It goes.
    Goes(Due<'a>),
}

impl Lifecycle {
    /// When the latest version of a key expires, for `x-amz-expiration`; `None` where no rule says so.
    #[must_use]
    pub fn expiry(
        &self,
        key: &str,
        len: u64,
        modified: Timestamp,
        tags: &TagSet,
        day: DayLen,
    ) -> Option<Due<'_>> {
        let facts = Facts { key, len, modified, standing: Standing::Latest };
        earliest(
            self.enabled()
                .filter(|rule| rule.scope.holds(&facts) && rule.scope.has_tags(tags))
                .filter_map(|rule| rule.due(&facts, day)),
        )
    }

    /// Whether a version goes at `now`.
    #[must_use]
    pub fn judge(
        &self,
        facts: &Facts<'_>,
        tags: Known<'_>,
        now: Timestamp,
        day: DayLen,
    ) -> Judged<'_> {
        let mut by_tags = false;
        let due = earliest(self.enabled().filter_map(|rule| {
            let due = rule.due(facts, day).filter(|due| due.at <= now)?;
            if !rule.scope.holds(facts) {
                return None;
            }
            match tags {
                Known::Tags(tags) => rule.scope.has_tags(tags).then_some(due),
                Known::Nothing if rule.scope.tags.is_empty() => Some(due),
                Known::Nothing => {
                    by_tags = true;
                    None
                }
            }
        }));
        match due {
            Some(due) => Judged::Goes(due),
            None if by_tags => Judged::ByTags,
            None => Judged::Stays,
        }
    }

    /// When an upload of this key that was begun at `initiated` is aborted; `None` where no rule says so.
    #[must_use]
    pub fn abort(&self, key: &str, initiated: Timestamp, day: DayLen) -> Option<Due<'_>> {
        earliest(self.enabled().filter(|rule| rule.scope.has_prefix(key)).filter_map(|rule| {
            let days = rule.abort_after?;
            Some(Due { at: day.after(initiated, days), rule: &rule.id })
        }))
    }

    /// Whether any rule that is applied says something of objects or versions.
    #[must_use]
    pub fn expires_objects(&self) -> bool {
        self.enabled().any(|rule| rule.expiration.is_some() || rule.noncurrent.is_some())
    }

    /// Whether any rule that is applied says something of uploads.
    #[must_use]
    pub fn aborts_uploads(&self) -> bool {
        self.enabled().any(|rule| rule.abort_after.is_some())
    }

    /// What the keys of all begin with that a rule which is applied may concern.
    #[must_use]
    pub fn common_prefix(&self) -> &str {
        let mut prefixes = self.enabled().map(|rule| rule.scope.prefix.as_deref().unwrap_or(""));
        let Some(first) = prefixes.next() else { return "" };
        prefixes.fold(first, |common, prefix| {
            let same = common.chars().zip(prefix.chars()).take_while(|(one, other)| one == other);
            let len: usize = same.map(|(one, _)| one.len_utf8()).sum();
            &common[..len]
        })
    }

    fn enabled(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.enabled)
    }
}

/// The earliest of these, of equal ones the first.
fn earliest<'a>(due: impl Iterator<Item = Due<'a>>) -> Option<Due<'a>> {
    due.min_by_key(|due| due.at)
}

impl Rule {
    /// When the rule lets a version go, if the version is in its scope.
    fn due(&self, facts: &Facts<'_>, day: DayLen) -> Option<Due<'_>> {
        let at = match facts.standing {
            Standing::Latest => self.latest_until(facts.modified, day)?,
            // S3: a rule of days or of a date clears away old markers, too; one of markers alone at any age.
            Standing::LatestMarker { lone: true } => match self.expiration? {
                Expiration::LoneMarkers(go) => go.then_some(facts.modified)?,
                Expiration::Days(_) | Expiration::Date(_) => {
                    self.latest_until(facts.modified, day)?
                }
            },
            Standing::LatestMarker { lone: false } => return None,
            Standing::Noncurrent { since, newer } => {
                let noncurrent = self.noncurrent?;
                if noncurrent.kept.is_some_and(|kept| newer < kept) {
                    return None;
                }
                day.after(since, noncurrent.days)
            }
        };
        Some(Due { at, rule: &self.id })
    }

    fn latest_until(&self, modified: Timestamp, day: DayLen) -> Option<Timestamp> {
        match self.expiration? {
            Expiration::Days(days) => Some(day.after(modified, days)),
            // S3: from the date on the rule is applied to whatever there is, also to what is younger.
            Expiration::Date(date) => Some(date),
            Expiration::LoneMarkers(_) => None,
        }
    }
}

impl Scope {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        self.has_prefix(facts.key)
            && self.larger.is_none_or(|bound| facts.len > bound)
            && self.smaller.is_none_or(|bound| facts.len < bound)
    }

    fn has_prefix(&self, key: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
    }

    fn has_tags(&self, tags: &TagSet) -> bool {
        self.tags.iter().all(|wanted| tags.iter().any(|tag| tag == wanted))
    }
}
