//! Room: what must hold of store and disk together, after each step that changed one of them and at the end of a run.
//!
//! What must hold of the store alone is `meta::invariant`. Each predicate has a name, which a failure is known by.

use std::collections::BTreeSet;

use meta::id::BlobId;
use meta::invariant::{self, Report};
use meta::query;
use meta::store::Store;
use node::disk::memory::MemoryDisk;
use node::epoch::EpochBoard;

/// A predicate that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Its name.
    pub(crate) predicate: String,
    /// What was found.
    pub(crate) what: String,
}

/// Names what is broken.
pub(crate) fn broken(predicate: &str, what: impl Into<String>) -> Broken {
    Broken { predicate: predicate.to_owned(), what: what.into() }
}

/// Everything that must hold between any two steps.
///
/// # Errors
/// The first predicate that does not hold.
pub(crate) fn always(store: &dyn Store, disk: &MemoryDisk) -> Result<(), Broken> {
    let report = examined(store)?;
    let files: BTreeSet<BlobId> = disk.blobs().into_iter().collect();
    for (blob, record) in &report.blobs {
        if report.taken.contains(blob) {
            continue;
        }
        if !files.contains(blob) {
            let what = format!("blob {blob}, {record:?}, has no file");
            return Err(broken("what_is_named_is_there", what));
        }
    }
    for blob in &files {
        let spoken_for = report.blobs.contains_key(blob)
            || report.taken.contains(blob)
            || report.open_leases.contains(&blob.folder());
        if !spoken_for {
            let what = format!("file {blob} has no record and lies in a closed folder");
            return Err(broken("what_nobody_names_can_be_found", what));
        }
    }
    Ok(())
}

fn examined(store: &dyn Store) -> Result<Report, Broken> {
    let report = invariant::examine(store);
    let report = report.map_err(|error| broken("store", error.to_string()))?;
    if let Some(unreadable) = report.unreadable.first() {
        return Err(broken("records_can_be_read", unreadable.to_string()));
    }
    match report.violations.first() {
        Some(violation) => Err(broken(violation.predicate, violation.what.clone())),
        None => Ok(report),
    }
}

/// What a run leaves behind when nobody asks for anything any more and everything had its time: no file without a
/// record, no record without a file, nothing to let go of, no lease but those in use, no epoch.
///
/// # Errors
/// The first predicate that does not hold (yet).
pub(crate) fn at_rest(
    store: &dyn Store,
    disk: &MemoryDisk,
    board: &EpochBoard,
    shards: usize,
) -> Result<(), Broken> {
    let failed = |error: meta::store::StoreError| broken("store", error.to_string());
    let report = examined(store)?;
    if board.oldest() != board.committed() {
        let what = format!("epoch {} lives", board.oldest());
        return Err(broken("nobody_holds_an_epoch", what));
    }
    let garbage = query::garbage(store, None, 10).map_err(failed)?;
    let unreferenced = query::unreferenced(store, None, 10).map_err(failed)?;
    if !garbage.is_empty() || !unreferenced.is_empty() || !report.taken.is_empty() {
        let taken = &report.taken;
        let what = format!("{garbage:?}, unreferenced {unreferenced:?}, taken {taken:?}");
        return Err(broken("no_garbage_is_left", what));
    }
    let named: BTreeSet<BlobId> = report.blobs.keys().copied().collect();
    let files: BTreeSet<BlobId> = disk.blobs().into_iter().collect();
    if let Some(blob) = files.difference(&named).next() {
        return Err(broken("no_file_without_a_record", format!("file {blob}")));
    }
    if let Some(blob) = named.difference(&files).next() {
        return Err(broken("no_record_without_a_file", format!("blob {blob}")));
    }
    if report.open_leases.len() > shards {
        let what = format!("{:?} are open, for {shards} shards", report.open_leases);
        return Err(broken("leases_are_closed", what));
    }
    Ok(())
}
