//! Room: what must hold of a whole store between two rounds, as named predicates.
//!
//! Checked after every round in tests and simulation, and offline. They read everything into memory: not for a
//! node that serves. Each predicate's doc says what would break without it. They stand whatever the records say:
//! the offline check asks them of damaged ones too.

mod blobs;
mod census;
mod contents;
mod names;
mod versions;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use self::census::Unreadable;
use self::census::{Census, Depth};
use crate::id::{BlobId, FolderId};
use crate::record::BlobRecord;
use crate::store::{Store, StoreError};

/// A predicate that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The predicate's name.
    pub predicate: &'static str,
    /// Where, for whom it may concern.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.predicate, self.what)
    }
}

/// What an examination of a whole store has found.
#[derive(Debug, Default)]
pub struct Report {
    /// Records that cannot be read. What they would have said is missing below, and missed by the predicates.
    pub unreadable: Vec<Unreadable>,
    /// Everything that does not hold of the records that can be read.
    pub violations: Vec<Violation>,
    /// The blobs that have a record.
    pub blobs: BTreeMap<BlobId, BlobRecord>,
    /// The blobs that were taken: their files are to be unlinked.
    pub taken: BTreeSet<BlobId>,
    /// The folders in use; only they may hold files that nobody names.
    pub open_leases: BTreeSet<FolderId>,
}

/// Looks at every record of `store`. One that cannot be read hides no other.
///
/// # Errors
/// Only if the store itself has failed.
pub fn examine(store: &dyn Store) -> Result<Report, StoreError> {
    let (census, unreadable) = Census::take(store, Depth::Blocks)?;
    let violations = violations(&census);
    let Census { blobs, taken, leases: open_leases, .. } = census;
    Ok(Report { unreadable, violations, blobs, taken, open_leases })
}

/// Everything that does not hold of `store`. A record that cannot be read at all is an error.
pub fn check(store: &dyn Store) -> Result<Vec<Violation>, StoreError> {
    let (census, unreadable) = Census::take(store, Depth::Records)?;
    match unreadable.first() {
        None => Ok(violations(&census)),
        Some(unreadable) => Err(StoreError::Corrupt(unreadable.to_string())),
    }
}

fn violations(census: &Census) -> Vec<Violation> {
    let predicates: [Predicate; 19] = [
        ("references_are_counted", blobs::references_are_counted),
        ("owners_are_listed", blobs::owners_are_listed),
        ("unreferenced_blobs_are_marked", blobs::unreferenced_blobs_are_marked),
        ("sparse_marks_are_true", blobs::sparse_marks_are_true),
        ("totals_are_counted", blobs::totals_are_counted),
        ("extents_lie_in_their_blobs", blobs::extents_lie_in_their_blobs),
        ("tables_are_whole", blobs::tables_are_whole),
        ("buckets_are_counted", names::buckets_are_counted),
        ("configurations_are_named", names::configurations_are_named),
        ("locked_buckets_keep_versions", names::locked_buckets_keep_versions),
        ("open_keys_are_counted", names::open_keys_are_counted),
        ("the_newest_version_is_the_latest", versions::the_newest_version_is_the_latest),
        ("heads_say_what_there_is", versions::heads_say_what_there_is),
        ("null_versions_are_single", versions::null_versions_are_single),
        ("parts_have_an_owner", names::parts_have_an_owner),
        ("manifests_are_counted", names::manifests_are_counted),
        ("pages_have_an_owner", names::pages_have_an_owner),
        ("contents_add_up", contents::contents_add_up),
        ("numbers_are_below_their_counters", names::numbers_are_below_their_counters),
    ];
    let found = predicates.into_iter().flat_map(|(predicate, holds)| {
        holds(census).into_iter().map(move |what| Violation { predicate, what })
    });
    found.collect()
}

type Predicate = (&'static str, fn(&Census) -> Vec<String>);
