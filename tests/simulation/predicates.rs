//! Room: what must hold of store and disk together, after each step that changed one of them and at the end of a run.
//!
//! What must hold of the store alone is `meta::invariant`. Each predicate has a name, which a failure is known by.

use std::collections::BTreeSet;

use meta::fingerprint::Fingerprint;
use meta::id::{BlobId, FolderId};
use meta::invariant::{self, Report};
use meta::query;
use meta::record::BlobRecord;
use meta::repair;
use meta::store::Store;
use meta::table::{BLOCK_LEN, PAGE_BLOCKS};
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

/// Files whose bytes have been compared with their block tables: they never change.
#[derive(Default)]
pub(crate) struct Known {
    compared: BTreeSet<BlobId>,
    /// Files have been damaged on purpose.
    damaged: bool,
}

impl Known {
    /// Every file is to be looked at anew.
    pub(crate) fn forget(&mut self) {
        self.compared.clear();
    }

    /// Some file's bytes are not its own any more.
    pub(crate) fn stop_comparing(&mut self) {
        self.damaged = true;
    }
}

/// Everything that must hold between any two steps.
///
/// # Errors
/// The first predicate that does not hold.
pub(crate) fn always(
    store: &dyn Store,
    disk: &MemoryDisk,
    known: &mut Known,
) -> Result<(), Broken> {
    let report = examined(store)?;
    for (blob, record) in &report.blobs {
        // Its bytes and its name survive a power cut now.
        let len = disk.durable_len(*blob);
        if len != Some(record.len) {
            let what = format!("blob {blob}, {record:?}, is durable with {len:?} bytes");
            return Err(broken("what_is_named_is_durable", what));
        }
        if !known.damaged && known.compared.insert(*blob) {
            matches_its_table(store, disk, *blob, record)?;
        }
    }
    for blob in disk.blobs() {
        let spoken_for = report.blobs.contains_key(&blob)
            || report.taken.contains(&blob)
            || report.open_leases.contains(&blob.folder());
        if !spoken_for {
            let what = format!("file {blob} has no record and lies in a closed folder");
            return Err(broken("what_nobody_names_can_be_found", what));
        }
    }
    Ok(())
}

/// A check would find nothing and a repair would take nothing away, whatever the node was in the middle of.
///
/// # Errors
/// What a repair would do to data that is sound.
pub(crate) fn nothing_to_repair(store: &dyn Store, disk: &MemoryDisk) -> Result<(), Broken> {
    let len = |blob: BlobId| disk.durable_len(blob).map(|len| (blob, len));
    let folders = disk.folders().into_iter().map(FolderId::get);
    let files = repair::Files {
        lens: disk.blobs().into_iter().filter_map(len).collect(),
        last_folder: folders.max().unwrap_or_default(),
        ..repair::Files::default()
    };
    let plan = repair::plan(store, &files);
    let plan = plan.map_err(|error| broken("store", error.to_string()))?;
    if plan.is_empty() {
        return Ok(());
    }
    let what = format!("{:?}, {:?}", plan.removals.first(), plan.fixes.first());
    Err(broken("nothing_sound_is_repaired", what))
}

/// A blob's bytes are those that its block table describes, as far as the table goes.
fn matches_its_table(
    store: &dyn Store,
    disk: &MemoryDisk,
    blob: BlobId,
    record: &BlobRecord,
) -> Result<(), Broken> {
    let wrong = |what: String| broken("bytes_match_their_table", format!("blob {blob}: {what}"));
    let bytes = disk.durable_blob(blob).ok_or_else(|| wrong("no bytes".into()))?;
    let blocks = bytes.chunks(BLOCK_LEN as usize);
    for (number, bytes) in (record.first_block..).zip(blocks) {
        let page = query::table_page(store, record.table, number / PAGE_BLOCKS);
        let page = page.map_err(|error| wrong(error.to_string()))?;
        let Some((fingerprint, len)) = page.block((number % PAGE_BLOCKS) as usize) else {
            return Err(wrong(format!("block {number} is not in the table")));
        };
        // A clone may end within a block, at the padded end of its source.
        let Some(bytes) = bytes.get(..len as usize) else {
            return Err(wrong(format!("block {number} has {} bytes of {len}", bytes.len())));
        };
        if Fingerprint::of(bytes) != fingerprint {
            return Err(wrong(format!("block {number} has other bytes")));
        }
    }
    Ok(())
}

/// After everything was taken away and had its time, no bytes are left.
///
/// # Errors
/// What is.
pub(crate) fn nothing_is_left(store: &dyn Store, disk: &MemoryDisk) -> Result<(), Broken> {
    let blobs = examined(store)?.blobs;
    if blobs.is_empty() && disk.blobs().is_empty() {
        return Ok(());
    }
    Err(broken("nothing_is_left", format!("{blobs:?}, files {:?}", disk.blobs())))
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
    // What is damaged cannot be moved: that is told, and the blob stays as it is.
    let is_sound = |blob: &BlobId| {
        let record = report.blobs.get(blob);
        record.is_none_or(|record| matches_its_table(store, disk, *blob, record).is_ok())
    };
    let mut sparse = query::sparse(store, None, usize::MAX).map_err(failed)?;
    sparse.retain(|(blob, _)| is_sound(blob));
    if !sparse.is_empty() {
        return Err(broken("no_blob_stays_sparse", format!("{sparse:?}")));
    }
    let named: BTreeSet<BlobId> = report.blobs.keys().copied().collect();
    let files: BTreeSet<BlobId> = disk.blobs().into_iter().collect();
    if let Some(blob) = files.difference(&named).next() {
        return Err(broken("no_file_without_a_record", format!("file {blob}")));
    }
    if let Some(blob) = named.difference(&files).next() {
        return Err(broken("no_record_without_a_file", format!("blob {blob}")));
    }
    let needed = named.iter().map(|blob| blob.folder());
    let needed: BTreeSet<FolderId> = needed.chain(report.open_leases.iter().copied()).collect();
    if let Some(folder) = disk.folders().into_iter().find(|folder| !needed.contains(folder)) {
        return Err(broken("empty_folders_are_removed", format!("folder {folder}")));
    }
    let needed: u64 = report.blobs.values().map(|record| record.len).sum();
    if disk.lost().is_empty() && disk.used() > needed {
        let what = format!("{} bytes are in use, records need {needed}", disk.used());
        return Err(broken("used_space_is_what_records_need", what));
    }
    if report.open_leases.len() > shards {
        let what = format!("{:?} are open, for {shards} shards", report.open_leases);
        return Err(broken("leases_are_closed", what));
    }
    Ok(())
}
