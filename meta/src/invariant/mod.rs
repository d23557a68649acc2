//! Room: what must hold of a whole store between two rounds, as named predicates.
//!
//! Checked after every round in tests and simulation, and offline. They read everything into memory: not for a
//! node that serves. Each predicate's doc says what would break without it.

mod census;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::census::Census;
pub use self::census::Unreadable;
use crate::extent::{merge, pieces_max};
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, FolderId, ManifestId, TableId};
use crate::record::{BlobRecord, Content, Extent, GarbageRecord, ObjectRecord, Piece, PieceList};
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
    let (census, unreadable) = Census::take(store)?;
    let violations = violations(&census);
    let Census { blobs, taken, leases: open_leases, .. } = census;
    Ok(Report { unreadable, violations, blobs, taken, open_leases })
}

/// Everything that does not hold of `store`. A record that cannot be read at all is an error.
pub fn check(store: &dyn Store) -> Result<Vec<Violation>, StoreError> {
    let (census, unreadable) = Census::take(store)?;
    match unreadable.first() {
        None => Ok(violations(&census)),
        Some(unreadable) => Err(StoreError::Corrupt(unreadable.to_string())),
    }
}

fn violations(census: &Census) -> Vec<Violation> {
    let predicates: [Predicate; 9] = [
        ("references_are_counted", references_are_counted),
        ("unreferenced_blobs_are_marked", unreferenced_blobs_are_marked),
        ("extents_lie_in_their_blobs", extents_lie_in_their_blobs),
        ("tables_are_whole", tables_are_whole),
        ("buckets_are_counted", buckets_are_counted),
        ("parts_have_an_owner", parts_have_an_owner),
        ("pages_have_an_owner", pages_have_an_owner),
        ("contents_add_up", contents_add_up),
        ("numbers_are_below_their_counters", numbers_are_below_their_counters),
    ];
    let found = predicates.into_iter().flat_map(|(predicate, holds)| {
        holds(census).into_iter().map(move |what| Violation { predicate, what })
    });
    found.collect()
}

type Predicate = (&'static str, fn(&Census) -> Vec<String>);

/// Each blob's count is the number of extents that name it, in records, in pages and in garbage. Too low: a file
/// goes while it is needed. Too high: it never goes.
fn references_are_counted(census: &Census) -> Vec<String> {
    let mut named: BTreeMap<BlobId, u64> = BTreeMap::new();
    for extent in extents(census) {
        *named.entry(extent.blob).or_default() += 1;
    }
    for garbage in &census.garbage {
        if let GarbageRecord::Pieces { blobs } = garbage {
            for blob in blobs {
                *named.entry(*blob).or_default() += 1;
            }
        }
    }
    let counted = census.blobs.iter().map(|(blob, record)| (*blob, record.refs));
    let missing = named.keys().filter(|blob| !census.blobs.contains_key(blob));
    counted
        .filter(|(blob, refs)| named.get(blob).copied().unwrap_or(0) != *refs)
        .map(|(blob, refs)| format!("blob {blob} counts {refs}, named {:?}", named.get(&blob)))
        .chain(missing.map(|blob| format!("blob {blob} is named and has no record")))
        .collect()
}

/// A blob is marked exactly while its count is zero, or nobody would take it, or a needed one would be looked at
/// for ever. A taken blob has no record.
fn unreferenced_blobs_are_marked(census: &Census) -> Vec<String> {
    let free = census.blobs.iter().filter(|(_, record)| record.refs == 0);
    let free: BTreeSet<BlobId> = free.map(|(blob, _)| *blob).collect();
    let unlike = free.symmetric_difference(&census.unreferenced);
    let taken = census.taken.iter().filter(|blob| census.blobs.contains_key(blob));
    unlike
        .map(|blob| format!("blob {blob} is marked or at zero, not both"))
        .chain(taken.map(|blob| format!("blob {blob} is taken and has a record")))
        .collect()
}

/// An extent speaks of its blob as the blob's record does, and ends where the table's bytes end or before.
fn extents_lie_in_their_blobs(census: &Census) -> Vec<String> {
    let lies = |extent: &Extent| -> bool {
        let Some(blob) = census.blobs.get(&extent.blob) else { return false };
        let Some(table) = census.tables.get(&extent.table) else { return false };
        blob.table == extent.table
            && blob.first_block == extent.first_block
            && extent.offset + extent.len <= blob.len
            && extent.table_range().end() <= table.len
    };
    extents(census).filter(|extent| !lies(extent)).map(|extent| format!("{extent:?}")).collect()
}

/// A table has as many users as it counts, and exactly its pages; pages without a head are garbage.
fn tables_are_whole(census: &Census) -> Vec<String> {
    let mut users: BTreeMap<TableId, u64> = BTreeMap::new();
    for blob in census.blobs.values() {
        *users.entry(blob.table).or_default() += 1;
    }
    let mut pages: BTreeSet<(TableId, u32)> = BTreeSet::new();
    for (table, head) in &census.tables {
        pages.extend((0..head.pages).map(|page| (*table, page)));
    }
    for garbage in &census.garbage {
        if let GarbageRecord::Table { table, next, pages: end } = garbage {
            pages.extend((*next..*end).map(|page| (*table, page)));
        }
    }
    let counts: BTreeMap<TableId, u64> =
        census.tables.iter().map(|(t, head)| (*t, head.refs)).collect();
    let mut found: Vec<String> = pages
        .symmetric_difference(&census.table_pages)
        .map(|(table, page)| format!("page {page} of table {table} is stray or missing"))
        .collect();
    if counts != users {
        found.push(format!("tables count {counts:?}, used {users:?}"));
    }
    found
}

/// A bucket's counters are what is in it: else one that is empty could not be deleted, or a full one could.
/// Nothing lies in a bucket that is gone, but uploads that garbage speaks of.
fn buckets_are_counted(census: &Census) -> Vec<String> {
    let mut found = Vec::new();
    if !census.buckets.keys().eq(census.bucket_counters.keys()) {
        found.push("buckets and counters do not pair up".to_owned());
    }
    for (id, counters) in &census.bucket_counters {
        let objects = census.objects.iter().filter(|(bucket, _)| bucket == id).count() as u64;
        let uploads = census.uploads.iter().filter(|(bucket, _)| bucket == id).count() as u64;
        if (counters.objects, counters.uploads) != (objects, uploads) {
            found.push(format!("bucket {id}: {counters:?}, there are {objects} and {uploads}"));
        }
    }
    for (bucket, _) in &census.objects {
        if !census.buckets.contains_key(bucket) {
            found.push(format!("an object in bucket {bucket}, which is gone"));
        }
    }
    for (bucket, _) in &census.uploads {
        let garbage = GarbageRecord::Bucket { bucket: *bucket };
        if !census.buckets.contains_key(bucket) && !census.garbage.contains(&garbage) {
            found.push(format!("an upload in bucket {bucket}, which is gone"));
        }
    }
    found
}

/// Each part belongs to an upload (which counts it), to an object, or to garbage: else it would never go.
fn parts_have_an_owner(census: &Census) -> Vec<String> {
    let mut owned: BTreeSet<(ManifestId, u32)> = BTreeSet::new();
    let under = |manifest: ManifestId| {
        census.parts.range((manifest, 0)..=(manifest, u32::MAX)).map(|(part, _)| *part)
    };
    let mut found = Vec::new();
    for (_, upload) in &census.uploads {
        owned.extend(under(upload.manifest));
        if under(upload.manifest).count() != upload.parts as usize {
            found.push(format!("upload of manifest {} counts {}", upload.manifest, upload.parts));
        }
    }
    for (_, object) in &census.objects {
        let Content::Parts { manifest, .. } = &object.content else { continue };
        let pages = census.manifest_pages.range((*manifest, 0)..=(*manifest, u32::MAX));
        let entries = pages.flat_map(|(_, page)| &page.entries);
        owned.extend(entries.map(|entry| (*manifest, entry.number.get().into())));
    }
    for garbage in &census.garbage {
        match garbage {
            GarbageRecord::Manifest { manifest, .. } => owned.extend(under(*manifest)),
            GarbageRecord::Parts { manifest, numbers } => {
                owned.extend(numbers.iter().map(|number| (*manifest, number.get().into())));
            }
            GarbageRecord::Pieces { .. }
            | GarbageRecord::List { .. }
            | GarbageRecord::Bucket { .. }
            | GarbageRecord::Table { .. } => {}
        }
    }
    let stray = census.parts.keys().filter(|part| !owned.contains(part));
    found.extend(stray.map(|(manifest, part)| format!("part {part} of manifest {manifest}")));
    found
}

/// Each page belongs to exactly one record, which counts it, or to garbage.
fn pages_have_an_owner(census: &Census) -> Vec<String> {
    let mut manifests = Pages::default();
    let mut lists = Pages::default();
    for (_, object) in &census.objects {
        if let Content::Parts { manifest, page_starts, .. } = &object.content {
            manifests.own(*manifest, 0, page_starts.len());
        }
    }
    for pieces in piece_lists(census) {
        if let PieceList::Long { list, page_starts, .. } = pieces {
            lists.own(*list, 0, page_starts.len());
        }
    }
    for garbage in &census.garbage {
        match garbage {
            GarbageRecord::Manifest { manifest, next, pages } => {
                manifests.own(*manifest, *next, *pages as usize);
            }
            GarbageRecord::List { list, next, pages } => lists.own(*list, *next, *pages as usize),
            GarbageRecord::Pieces { .. }
            | GarbageRecord::Parts { .. }
            | GarbageRecord::Bucket { .. }
            | GarbageRecord::Table { .. } => {}
        }
    }
    manifests.compare("manifest", census.manifest_pages.keys());
    lists.compare("list", census.piece_pages.keys());
    manifests.found.into_iter().chain(lists.found).collect()
}

#[derive(Default)]
struct Pages {
    owned: BTreeSet<(ManifestId, u32)>,
    found: Vec<String>,
}

impl Pages {
    fn own(&mut self, manifest: ManifestId, next: u32, end: usize) {
        for page in (next..).take(end.saturating_sub(next as usize)) {
            if !self.owned.insert((manifest, page)) {
                self.found.push(format!("page {page} of {manifest} has two owners"));
            }
        }
    }

    fn compare<'a>(&mut self, what: &str, there: impl Iterator<Item = &'a (ManifestId, u32)>) {
        let there: BTreeSet<(ManifestId, u32)> = there.copied().collect();
        for (manifest, page) in self.owned.symmetric_difference(&there) {
            self.found.push(format!("page {page} of {what} {manifest} is stray or missing"));
        }
    }
}

/// Parts add up to their object and pieces to their whole, in length and fingerprint; pages begin where their
/// record says; the bounds on the number of pieces hold.
fn contents_add_up(census: &Census) -> Vec<String> {
    let mut found = Vec::new();
    for (bucket, object) in &census.objects {
        if let Err(what) = object_adds_up(census, object) {
            found.push(format!("object {} of bucket {bucket}: {what}", object.generation));
        }
    }
    for ((manifest, number), part) in &census.parts {
        let sum = pieces_add_up(census, &part.pieces);
        if sum != Ok((part.len, part.fingerprint)) {
            found.push(format!("part {number} of manifest {manifest}: {sum:?}"));
        }
    }
    found
}

fn object_adds_up(census: &Census, object: &ObjectRecord) -> Result<(), String> {
    let sum = match &object.content {
        Content::Pieces(pieces) => pieces_add_up(census, pieces)?,
        Content::Parts { manifest, parts, page_starts } => {
            let (mut len, mut fingerprint, mut count) = (0, Fingerprint::EMPTY, 0_u32);
            for (page, page_start) in (0..).zip(page_starts) {
                let page =
                    census.manifest_pages.get(&(*manifest, page)).ok_or("a page is missing")?;
                if len != *page_start {
                    return Err(format!("a page begins at {len}, not at {page_start}"));
                }
                for entry in &page.entries {
                    let part = (*manifest, entry.number.get().into());
                    let part = census.parts.get(&part).ok_or("a part is missing")?;
                    if (entry.start, entry.len) != (len, part.len) {
                        return Err(format!("{entry:?} of {len}"));
                    }
                    fingerprint = fingerprint.then(part.fingerprint, part.len);
                    len += part.len;
                    count += 1;
                }
            }
            if count != *parts {
                return Err(format!("{count} parts, not {parts}"));
            }
            (len, fingerprint)
        }
    };
    let said = (object.len, object.fingerprint);
    if sum == said { Ok(()) } else { Err(format!("{sum:?}, not {said:?}")) }
}

fn pieces_add_up(census: &Census, list: &PieceList) -> Result<(u64, Fingerprint), String> {
    let mut pieces = Vec::new();
    match list {
        PieceList::Short(all) => pieces.clone_from(all),
        PieceList::Long { list, page_starts, .. } => {
            for (page, page_start) in (0..).zip(page_starts) {
                let start: u64 = pieces.iter().map(Piece::len).sum();
                let page = census.piece_pages.get(&(*list, page)).ok_or("a page is missing")?;
                if start != *page_start {
                    return Err(format!("a page begins at {start}, not at {page_start}"));
                }
                pieces.extend(page.pieces.iter().cloned());
            }
        }
    }
    let len = pieces.iter().map(Piece::len).sum();
    let fingerprint = pieces
        .iter()
        .fold(Fingerprint::EMPTY, |sum, piece| sum.then(piece.fingerprint(), piece.len()));
    let count = pieces.len();
    if len != list.len() {
        return Err(format!("{len} bytes in a list of {}", list.len()));
    }
    if count as u64 > pieces_max(len) || merge(pieces).len() != count {
        return Err(format!("{count} pieces for {len} bytes"));
    }
    Ok((len, fingerprint))
}

/// No number in use is above the last one that was handed out, or it would be handed out again.
fn numbers_are_below_their_counters(census: &Census) -> Vec<String> {
    let counters = &census.counters;
    let manifests = census.uploads.iter().map(|(_, upload)| upload.manifest.get());
    let manifests = manifests.chain(census.parts.keys().map(|(manifest, _)| manifest.get()));
    let manifests = manifests.chain(census.piece_pages.keys().map(|(list, _)| list.get()));
    let generations = census.objects.iter().map(|(_, object)| object.generation.get());
    let generations = generations.chain(census.parts.values().map(|part| part.generation.get()));
    let buckets = census.buckets.keys().map(|bucket| bucket.get());
    let folders = census.leases.iter().map(|folder| folder.get());
    let numbers = [
        ("manifest", manifests.max(), counters.manifest),
        ("generation", generations.max(), counters.generation),
        ("bucket", buckets.max(), counters.bucket),
        ("folder", folders.max(), counters.folder),
    ];
    numbers
        .into_iter()
        .filter(|(_, used, counter)| used.is_some_and(|used| used > *counter))
        .map(|(what, used, counter)| format!("{what} {used:?} is above {counter}"))
        .collect()
}

fn piece_lists(census: &Census) -> impl Iterator<Item = &PieceList> {
    let objects = census.objects.iter().filter_map(|(_, object)| match &object.content {
        Content::Pieces(pieces) => Some(pieces),
        Content::Parts { .. } => None,
    });
    objects.chain(census.parts.values().map(|part| &part.pieces))
}

fn extents(census: &Census) -> impl Iterator<Item = &Extent> {
    let short = piece_lists(census).flat_map(|list| match list {
        PieceList::Short(pieces) => pieces.as_slice(),
        PieceList::Long { .. } => &[],
    });
    let paged = census.piece_pages.values().flat_map(|page| &page.pieces);
    short.chain(paged).filter_map(Piece::extent)
}
