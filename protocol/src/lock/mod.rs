//! Room: object lock: what protects a version from being destroyed, and which changes to that are
//! allowed.
//!
//! Must not: know what time it is; each decision is told.
//! Invariants: a retention in mode COMPLIANCE that is not over is never shortened, weakened or taken
//! away, by nobody. What would destroy a version for good asks [`ObjectLock::protects`] first, and
//! whoever changes a lock asks [`ObjectLock::change`].
//! Units: periods in whole days or years, a year being 365 days.
//! Source: S3 User Guide, "Locking objects with Object Lock".

pub(crate) mod configuration;
pub(crate) mod header;
#[cfg(test)]
mod tests;

pub use configuration::LockConfiguration;
pub use header::bypass;

use crate::time::Timestamp;

const MILLIS_PER_DAY: u64 = 24 * 60 * 60 * 1000;
const DAYS_PER_YEAR: u32 = 365;

/// How strictly a retention holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RetentionMode {
    /// Who may bypass it, and says so, can.
    Governance,
    /// Nobody can.
    Compliance,
}

impl RetentionMode {
    /// As S3 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    /// Reads S3's spelling, which is exact; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Governance, Self::Compliance].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Until when a version is kept, and how strictly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Retention {
    /// How strictly.
    pub mode: RetentionMode,
    /// The first moment at which it no longer holds.
    pub until: Timestamp,
}

/// What protects a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ObjectLock {
    /// Its retention, which may be over.
    pub retention: Option<Retention>,
    /// Whether it is held until told otherwise; `None`: nobody ever said.
    pub legal_hold: Option<bool>,
}

/// A change to what protects a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockChange {
    /// This retention, or none, takes the place of what there is. S3: PutObjectRetention.
    Retention(Option<Retention>),
    /// The version is held from now on, or no longer. S3: PutObjectLegalHold.
    LegalHold(bool),
}

/// A change that what protects the version forbids. S3: `AccessDenied`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Locked;

impl ObjectLock {
    /// Whether the version must not be destroyed at `now` by someone who bypasses governance, or
    /// does not.
    #[must_use]
    pub fn protects(&self, now: Timestamp, bypass: bool) -> bool {
        let retained = self.retention.is_some_and(|retention| {
            now < retention.until && !(bypass && retention.mode == RetentionMode::Governance)
        });
        retained || self.legal_hold == Some(true)
    }

    /// What protects the version after `change`. A retention that is over forbids nothing; one that
    /// holds may be kept for longer in its own mode. Anything else weakens it, even a change to
    /// COMPLIANCE (which would take the bypass from those who have it): that needs the bypass, and
    /// mode GOVERNANCE.
    ///
    /// # Errors
    /// [`Locked`] if the retention that there is does not let this happen.
    pub fn change(&self, change: LockChange, bypass: bool, now: Timestamp) -> Result<Self, Locked> {
        let to = match change {
            LockChange::LegalHold(held) => return Ok(Self { legal_hold: Some(held), ..*self }),
            LockChange::Retention(to) => to,
        };
        let allowed = match self.retention {
            Some(held) if now < held.until => {
                let longer = to.is_some_and(|to| to.mode == held.mode && to.until >= held.until);
                longer || (bypass && held.mode == RetentionMode::Governance)
            }
            Some(_) | None => true,
        };
        if allowed { Ok(Self { retention: to, ..*self }) } else { Err(Locked) }
    }
}

/// The retention that a bucket gives to each new version that asks for none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DefaultRetention {
    /// How strictly.
    pub mode: RetentionMode,
    /// For how long.
    pub period: Period,
}

impl DefaultRetention {
    /// The retention of a version that is made at `now`.
    #[must_use]
    pub fn starting(self, now: Timestamp) -> Retention {
        let days = match self.period {
            Period::Days(days) => days,
            Period::Years(years) => years.saturating_mul(DAYS_PER_YEAR),
        };
        let until = now.as_millis().saturating_add(u64::from(days) * MILLIS_PER_DAY);
        Retention { mode: self.mode, until: Timestamp::from_millis(until) }
    }
}

/// A time span as the client spelled it, to be read back as such.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Period {
    /// From 1 to 36,500.
    Days(u32),
    /// From 1 to 100.
    Years(u32),
}
