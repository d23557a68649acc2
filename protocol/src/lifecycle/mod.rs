//! Room: lifecycle rules: what may stand in one, which objects, versions and uploads it concerns, and when their
//! time is up.
//!
//! Must not: know the present or the length of a day; both come in as arguments, so that a day may be seconds.
//! Invariants: a rule says what it does to whom; what is not understood is refused, since a filter that is passed
//! over would let too much expire.
//! Units: a day is [`DayLen`] long and begins at a whole number of them since 1970 UTC; sizes in bytes.
//! Source: S3 API Reference, PutBucketLifecycleConfiguration; S3 User Guide, "Lifecycle configuration elements",
//! "Managing the lifecycle of objects", "Expiring objects".

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::etag;
use crate::tagging::Tag;
use crate::time::Timestamp;

mod judge;
mod read;
mod write;

pub use judge::{DayLen, Due, Facts, Judged, Known, Standing};

/// The lifecycle of a bucket's objects: 1 to 1,000 rules, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lifecycle {
    /// The rules, ids distinct once each has one.
    pub rules: Vec<Rule>,
    /// What a client has said of small objects and transitions; kept and told, since no rule moves anything.
    pub minimum: TransitionMinimum,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Its id, at most 255 characters; empty until [`Lifecycle::name_rules`] has given it one.
    pub id: String,
    /// Whether it is applied.
    pub enabled: bool,
    /// Whom it concerns.
    pub scope: Scope,
    /// When latest versions go, or delete markers that nothing lies below.
    pub expiration: Option<Expiration>,
    /// When versions go that are not the latest.
    pub noncurrent: Option<Noncurrent>,
    /// After how many days an upload is aborted that was not completed; at least 1.
    pub abort_after: Option<u32>,
}

/// What a rule says of latest versions. S3: LifecycleExpiration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiration {
    /// So many days after they were made; at least 1.
    Days(u32),
    /// From this midnight on.
    Date(Timestamp),
    /// Nothing, save that delete markers go that are all that is left of their keys, if this is so.
    LoneMarkers(bool),
}

/// What a rule says of versions that are not the latest. S3: NoncurrentVersionExpiration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Noncurrent {
    /// So many days after a newer version took their place; at least 1.
    pub days: u32,
    /// How many of them stay whatever their age, the newest ones; at most 100.
    pub kept: Option<u32>,
}

/// Whom a rule concerns: everything that all of this is true of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// How a client has written it.
    pub form: ScopeForm,
    /// Keys that begin so.
    pub prefix: Option<String>,
    /// Objects that have all of these tags.
    pub tags: Vec<Tag>,
    /// Objects larger than this.
    pub larger: Option<u64>,
    /// Objects smaller than this.
    pub smaller: Option<u64>,
}

/// Where a rule says whom it concerns; it is read back as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeForm {
    /// In a `Prefix` of the rule itself, as S3 had it first.
    Prefix,
    /// In a `Filter` with one condition or none.
    Filter,
    /// In a `Filter` with an `And` of several conditions.
    And,
}

/// From what size on objects change their storage class where a rule does not say. S3:
/// x-amz-transition-default-minimum-object-size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TransitionMinimum {
    /// From 128 KB on.
    #[default]
    AllStorageClasses128K,
    /// As each storage class has it.
    VariesByStorageClass,
}

impl TransitionMinimum {
    /// As the header spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllStorageClasses128K => "all_storage_classes_128K",
            Self::VariesByStorageClass => "varies_by_storage_class",
        }
    }

    /// Reads the header's value; `None` for any other.
    #[must_use]
    pub fn from_header(value: &str) -> Option<Self> {
        let known = [Self::AllStorageClasses128K, Self::VariesByStorageClass];
        known.into_iter().find(|one| one.as_str() == value)
    }
}

impl Lifecycle {
    /// Gives an id to each rule that came without one: 32 hex digits, from `random` and the rule's place.
    pub fn name_rules(&mut self, random: [u8; 16]) {
        for (place, rule) in self.rules.iter_mut().enumerate() {
            if rule.id.is_empty() {
                let sum = Sha256::new().chain_update(random).chain_update(place.to_be_bytes());
                let sum: [u8; 32] = sum.finalize().into();
                rule.id = etag::hex(&sum[..16]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
