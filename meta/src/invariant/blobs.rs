//! Room: predicates on blobs: references, marks, totals, block tables.

use std::collections::{BTreeMap, BTreeSet};

use super::census::{Census, Pages};
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, TableId};
use crate::record::{
    BlobRecord, Content, Extent, GarbageRecord, Owner, Piece, PieceList, SpaceTotals, TableHead,
    VersionRecord,
};
use crate::table::{BLOCK_LEN, PAGE_BLOCKS};

/// Each blob's counts are the number and the length of the extents that name it, in records, in pages and in
/// garbage. Too low: a file goes while it is needed. Too high: it never goes, or never becomes smaller.
pub(super) fn references_are_counted(census: &Census) -> Vec<String> {
    let mut named: BTreeMap<BlobId, (u64, u64)> = BTreeMap::new();
    let mut name = |blob: BlobId, len: u64| {
        let (refs, bytes) = named.entry(blob).or_default();
        *refs += 1;
        *bytes = bytes.saturating_add(len);
    };
    for extent in extents(census) {
        name(extent.blob, extent.len);
    }
    for garbage in census.garbage.values() {
        if let GarbageRecord::Pieces { extents } = garbage {
            extents.iter().for_each(|(blob, len)| name(*blob, *len));
        }
    }
    let counted = census.blobs.iter().map(|(blob, record)| (blob, (record.refs, record.named)));
    let missing = named.keys().filter(|blob| !census.blobs.contains_key(blob));
    counted
        .filter(|(blob, counts)| named.get(blob).copied().unwrap_or_default() != *counts)
        .map(|(blob, counts)| {
            let named = named.get(blob).copied().unwrap_or_default();
            format!("blob {blob} counts {counts:?} (extents, bytes), named by {named:?}")
        })
        .chain(missing.map(|blob| format!("blob {blob} is named and has no record")))
        .collect()
}

/// An entry says that a record names a blob exactly while it does: else a rewrite of the blob would miss the
/// record, and the blob stay, or look for one that is not there.
pub(super) fn owners_are_listed(census: &Census) -> Vec<String> {
    let mut named: BTreeSet<(BlobId, Owner)> = BTreeSet::new();
    let mut name = |owner: &Owner, pieces: &[Piece]| {
        let extents = pieces.iter().filter_map(Piece::extent);
        named.extend(extents.map(|extent| (extent.blob, owner.clone())));
    };
    for ((bucket, key), object) in &census.objects {
        if let Content::Pieces(PieceList::Short(pieces)) = &object.content {
            name(&Owner::Object { bucket: *bucket, key: key.clone() }, pieces);
        }
    }
    for ((bucket, key, generation), version) in &census.versions {
        if let VersionRecord::Object(object) = version
            && let Content::Pieces(PieceList::Short(pieces)) = &object.content
        {
            let (bucket, key, generation) = (*bucket, key.clone(), *generation);
            name(&Owner::Version { bucket, key, generation }, pieces);
        }
    }
    for ((manifest, number), part) in &census.parts {
        if let PieceList::Short(pieces) = &part.pieces {
            name(&Owner::Part { manifest: *manifest, number: *number }, pieces);
        }
    }
    for ((list, page), pieces) in &census.piece_pages {
        name(&Owner::Page { list: *list, page: *page }, &pieces.pieces);
    }
    let unlisted = named.difference(&census.owners);
    let stray = census.owners.difference(&named);
    unlisted
        .map(|(blob, owner)| format!("{owner:?} names blob {blob} and is not listed"))
        .chain(stray.map(|(blob, owner)| format!("{owner:?} is listed, does not name blob {blob}")))
        .collect()
}

/// A blob is marked exactly while its count is zero, or nobody would take it, or a needed one would be looked at
/// for ever. A taken blob has no record.
pub(super) fn unreferenced_blobs_are_marked(census: &Census) -> Vec<String> {
    let free = census.blobs.iter().filter(|(_, record)| record.refs == 0);
    let free: BTreeSet<BlobId> = free.map(|(blob, _)| *blob).collect();
    let unlike = free.symmetric_difference(&census.unreferenced);
    let taken = census.taken.iter().filter(|blob| census.blobs.contains_key(blob));
    unlike
        .map(|blob| format!("blob {blob} is marked or at zero, not both"))
        .chain(taken.map(|blob| format!("blob {blob} is taken and has a record")))
        .collect()
}

/// A mark says of a blob that it is sparse: else it would be looked at for ever.
pub(super) fn sparse_marks_are_true(census: &Census) -> Vec<String> {
    let sparse = |blob: &BlobId| census.blobs.get(blob).is_some_and(BlobRecord::is_sparse);
    let untrue = census.sparse.iter().filter(|blob| !sparse(blob));
    untrue.map(|blob| format!("blob {blob} is marked, not sparse")).collect()
}

/// The running totals are what the blobs' records add up to: they are what an operator sees of the space.
pub(super) fn totals_are_counted(census: &Census) -> Vec<String> {
    let mut sum = SpaceTotals::default();
    census.blobs.values().for_each(|record| sum.exchange(None, Some(record)));
    let said = census.counters.space;
    if sum == said { Vec::new() } else { vec![format!("{said:?}, the blobs add up to {sum:?}")] }
}

/// An extent speaks of its blob as the blob's record does, and ends where the table's bytes end or before.
pub(super) fn extents_lie_in_their_blobs(census: &Census) -> Vec<String> {
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

/// A table has as many users as it counts, and exactly its pages, each of which begins with what those before it
/// add up to (only [`examine`](super::examine) adds up); pages without a head are garbage.
pub(super) fn tables_are_whole(census: &Census) -> Vec<String> {
    let mut users: BTreeMap<TableId, u64> = BTreeMap::new();
    for blob in census.blobs.values() {
        *users.entry(blob.table).or_default() += 1;
    }
    let missing = users.keys().filter(|table| !census.tables.contains_key(table));
    let mut found: Vec<String> =
        missing.map(|table| format!("table {table} is used and has no head")).collect();
    let mut pages = Pages::default();
    for (table, head) in &census.tables {
        pages.own(table.get(), 0..head.pages);
        let used = users.get(table).copied().unwrap_or_default();
        if used != head.refs {
            found.push(format!("table {table} counts {} users, there are {used}", head.refs));
        }
        if let Some(what) = table_adds_up(census, *table, head) {
            found.push(format!("table {table}: {what}"));
        }
    }
    for garbage in census.garbage.values() {
        if let GarbageRecord::Table { table, next, pages: end } = garbage {
            pages.own(table.get(), *next..*end);
        }
    }
    let there = census.table_pages.keys().map(|(table, page)| (table.get(), *page));
    found.extend(pages.compare("table", there));
    found
}

/// What is wrong with what the pages of a table say.
fn table_adds_up(census: &Census, table: TableId, head: &TableHead) -> Option<String> {
    let (mut sum, mut len) = (Some(Fingerprint::EMPTY), 0_u64);
    for ((_, number), page) in census.table_pages.range((table, 0)..(table, head.pages)) {
        if sum.is_some_and(|sum| page.running != sum) {
            return Some(format!("page {number} does not begin with what is before it"));
        }
        if number + 1 < head.pages && page.len != u64::from(PAGE_BLOCKS) * u64::from(BLOCK_LEN) {
            return Some(format!("page {number} is not full"));
        }
        (sum, len) = (page.total, len + page.len);
    }
    let same = len == head.len && sum.is_none_or(|sum| sum == head.fingerprint);
    (!same).then(|| format!("{head:?}, its pages add up to {:?}", (sum, len)))
}

fn extents(census: &Census) -> impl Iterator<Item = &Extent> {
    let short = census.piece_lists().flat_map(|list| match list {
        PieceList::Short(pieces) => pieces.as_slice(),
        PieceList::Long { .. } => &[],
    });
    let paged = census.piece_pages.values().flat_map(|page| &page.pieces);
    short.chain(paged).filter_map(Piece::extent)
}
