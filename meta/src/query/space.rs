//! Room: questions about the space that blobs take: for the background task that rewrites sparse ones, and for
//! whoever watches the node.

use protocol::range::ByteRange;

use super::garbage::since;
use super::{collect, counters, just_after, last_sequence, read};
use crate::id::BlobId;
use crate::key;
use crate::record::{
    Content, Extent, ObjectRecord, Owner, PartRecord, Piece, PieceList, PiecePage, Since,
    SpaceTotals, VersionRecord,
};
use crate::store::{Space, Store, StoreError};

/// How much space blobs take, and how much of it is named. Costs one look-up.
pub fn space_totals(store: &dyn Store) -> Result<SpaceTotals, StoreError> {
    Ok(counters(store)?.space)
}

/// At most `max` blobs that were marked as sparse, and since which round, those after `after`. A mark that cannot
/// be read counts as one of the last round.
pub fn sparse(
    store: &dyn Store,
    after: Option<BlobId>,
    max: usize,
) -> Result<Vec<(BlobId, Since)>, StoreError> {
    let from = after.map_or_else(|| key::sparse(BlobId::new(0)), |at| just_after(key::sparse(at)));
    let last = last_sequence(store)?;
    collect(store, Space::Garbage, &from, max, |key, value| {
        let marked = key::sparse_of(key);
        Ok(marked.map(|blob| (blob, Since { sequence: since(value, last) })))
    })
}

/// At most `max` records that name `blob`, those after `after`. Garbage that is not released may be among them.
pub fn owners(
    store: &dyn Store,
    blob: BlobId,
    after: Option<&Owner>,
    max: usize,
) -> Result<Vec<Owner>, StoreError> {
    let prefix = key::owners(blob);
    let from = after.map_or_else(|| prefix.clone(), |owner| just_after(key::owner(blob, owner)));
    collect(store, Space::Owners, &from, max, |key, _| {
        if !key.starts_with(&prefix) {
            return Ok(None);
        }
        match key::owner_of(key) {
            Some((_, owner)) => Ok(Some(owner)),
            None => Err(StoreError::Corrupt(format!("no owner of blob {blob}: {key:02x?}"))),
        }
    })
}

/// The ranges of `blob` that the records of `owners` name, in order; what touches is one range. Reads each of the
/// records: whoever asks bounds their number. Those that are gone meanwhile name nothing.
pub fn named_ranges(
    store: &dyn Store,
    blob: BlobId,
    owners: &[Owner],
) -> Result<Vec<ByteRange>, StoreError> {
    let mut named: Vec<(u64, u64)> = Vec::new();
    for owner in owners {
        let pieces = pieces_of(store, owner)?;
        let extents = pieces.iter().filter_map(Piece::extent).filter(|e| e.blob == blob);
        named.extend(extents.map(|Extent { offset, len, .. }| (*offset, offset + len)));
    }
    named.sort_unstable();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (start, end) in named {
        match ranges.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => ranges.push((start, end)),
        }
    }
    let ranges = ranges.into_iter().map(|(start, end)| ByteRange::new(start, end));
    Ok(ranges.map(|range| range.expect("an extent does not end before it begins")).collect())
}

/// The pieces that a record holds itself; none if it is gone or holds none any more.
fn pieces_of(store: &dyn Store, owner: &Owner) -> Result<Vec<Piece>, StoreError> {
    let list = match owner {
        Owner::Object { bucket, key } => {
            let record: Option<ObjectRecord> =
                read(store, Space::Objects, &key::object(*bucket, key))?;
            record.and_then(|record| list_of(record.content))
        }
        Owner::Version { bucket, key, generation } => {
            let at = key::version(*bucket, key, *generation);
            match read(store, Space::Versions, &at)? {
                Some(VersionRecord::Object(record)) => list_of(record.content),
                Some(VersionRecord::Marker(_)) | None => None,
            }
        }
        Owner::Part { manifest, number } => {
            let record: Option<PartRecord> =
                read(store, Space::Parts, &key::part(*manifest, *number))?;
            record.map(|record| record.pieces)
        }
        Owner::Page { list, page } => {
            let record: Option<PiecePage> = read(store, Space::Pieces, &key::page(*list, *page))?;
            record.map(|record| PieceList::Short(record.pieces))
        }
    };
    Ok(match list {
        Some(PieceList::Short(pieces)) => pieces,
        Some(PieceList::Long { .. }) | None => Vec::new(),
    })
}

fn list_of(content: Content) -> Option<PieceList> {
    match content {
        Content::Pieces(pieces) => Some(pieces),
        Content::Parts(_) | Content::Copied(_) => None,
    }
}
