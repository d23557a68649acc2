//! Room: from a range of an object or a part to the pieces that hold it.
//!
//! Found by position: binary search over where pages begin, and only the pages and parts that the range touches
//! are read. Whoever streams a long range asks for a window of it at a time.

use std::cmp::Ordering;

use bytes::Bytes;
use protocol::part::PartNumber;
use protocol::range::ByteRange;

use super::{manifest_page, named, part, piece_page};
use crate::extent::{PieceSlice, slices};
use crate::id::ManifestId;
use crate::key;
use crate::record::{Content, Manifest, ManifestEntry, PartFacts, PartRecord, PieceList, Record};
use crate::store::{Space, Store, StoreError, Visit};

/// The pieces that hold `range` of an object's bytes, in order. Their lengths add up to that of the range.
pub fn resolve(
    store: &dyn Store,
    content: &Content,
    range: ByteRange,
) -> Result<Vec<PieceSlice>, StoreError> {
    let manifest = match content {
        Content::Pieces(pieces) => return resolve_pieces(store, pieces, range),
        Content::Parts(manifest) | Content::Copied(manifest) => manifest,
    };
    let mut found = Vec::new();
    let entries = manifest_entries(store, manifest, range)?;
    each_part(store, manifest.id, &entries, &mut |entry, record| {
        let within = range.start().max(entry.start)..range.end().min(entry.start + entry.len);
        let within = ByteRange::new(within.start - entry.start, within.end - entry.start)
            .expect("the entry touches the range");
        found.extend(resolve_pieces(store, &record.pieces, within)?);
        Ok(())
    })?;
    covered(found, range)
}

/// The pieces that hold `range` of the bytes of `list`, in order. Their lengths add up to that of the range.
pub fn resolve_pieces(
    store: &dyn Store,
    list: &PieceList,
    range: ByteRange,
) -> Result<Vec<PieceSlice>, StoreError> {
    let mut found = Vec::new();
    match list {
        PieceList::Short(pieces) => found = slices(pieces, 0, range),
        PieceList::Long { list, page_starts, .. } => {
            for (page, start) in touched(page_starts, range) {
                found.extend(slices(&piece_page(store, *list, page)?.pieces, start, range));
            }
        }
    }
    covered(found, range)
}

/// The parts of an object that `range` touches, in order.
pub fn manifest_entries(
    store: &dyn Store,
    manifest: &Manifest,
    range: ByteRange,
) -> Result<Vec<ManifestEntry>, StoreError> {
    let mut found = Vec::new();
    for (page, _) in touched(&manifest.page_starts, range) {
        let entries = manifest_page(store, manifest.id, page)?.entries;
        found.extend(entries.into_iter().filter(|entry| {
            range.start().max(entry.start) < range.end().min(entry.start + entry.len)
        }));
    }
    Ok(found)
}

/// The part of an object, or of what it is a copy of, that is exactly `range`: what is known of it (its MD5 above all)
/// is known of the range.
pub fn exact_part(
    store: &dyn Store,
    content: &Content,
    range: ByteRange,
) -> Result<Option<PartRecord>, StoreError> {
    let Some(manifest) = content.manifest() else { return Ok(None) };
    match manifest_entries(store, manifest, range)?.as_slice() {
        [entry] if entry.start == range.start() && entry.len == range.len() => {
            named_part(store, manifest.id, entry).map(Some)
        }
        _ => Ok(None),
    }
}

/// One part of an object by its place among the object's parts, from 1; `None` behind the last one.
pub fn object_part(
    store: &dyn Store,
    manifest: &Manifest,
    place: PartNumber,
) -> Result<Option<(ManifestEntry, PartRecord)>, StoreError> {
    let before = usize::from(place.get()) - 1;
    if before >= manifest.parts as usize {
        return Ok(None);
    }
    let page = before / Manifest::PAGE_PARTS;
    let number = u32::try_from(page).expect("pages are counted in 32 bits");
    let entries = manifest_page(store, manifest.id, number)?.entries;
    let entry = named(entries.get(before % Manifest::PAGE_PARTS), "entry of a manifest", place)?;
    Ok(Some((*entry, named_part(store, manifest.id, entry)?)))
}

/// At most `max` parts of an object in their order, those behind the first `before`.
pub fn object_parts(
    store: &dyn Store,
    manifest: &Manifest,
    before: usize,
    max: usize,
) -> Result<Vec<PartFacts>, StoreError> {
    let end = before.saturating_add(max).min(manifest.parts as usize);
    let mut entries = Vec::new();
    let mut at = before;
    while at < end {
        let page = at / Manifest::PAGE_PARTS;
        let number = u32::try_from(page).expect("pages are counted in 32 bits");
        let on_page = manifest_page(store, manifest.id, number)?.entries;
        let (from, cut) = (at % Manifest::PAGE_PARTS, end - page * Manifest::PAGE_PARTS);
        let wanted = on_page.get(from..cut.min(Manifest::PAGE_PARTS));
        let wanted = named(wanted, "entry of a manifest", at)?;
        entries.extend_from_slice(wanted);
        at += wanted.len();
    }
    let mut found = Vec::with_capacity(entries.len());
    each_part(store, manifest.id, &entries, &mut |_, record| {
        found.push(record.into());
        Ok(())
    })?;
    Ok(found)
}

/// The pages that hold some of `range`, and where each begins. `starts` ascends.
fn touched(starts: &[u64], range: ByteRange) -> impl Iterator<Item = (u32, u64)> {
    // Several pages may begin at one place, if parts are empty: the last of them holds its bytes.
    let first = starts.partition_point(|start| *start <= range.start()).saturating_sub(1);
    let end = starts.partition_point(|start| *start < range.end());
    let pages = starts.get(first..end.max(first)).unwrap_or_default();
    (first..)
        .zip(pages)
        .map(|(page, start)| (u32::try_from(page).expect("pages are counted in 32 bits"), *start))
}

/// Visits the parts that `entries` name, in their order. Many are read in one scan: parts lie side by side, and a
/// look-up of each takes several times as long as the next entry of a scan.
fn each_part(
    store: &dyn Store,
    manifest: ManifestId,
    entries: &[ManifestEntry],
    visit: &mut dyn FnMut(&ManifestEntry, PartRecord) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let first = match entries {
        [first, ..] if entries.len() >= SCANNED_PARTS_MIN => key::part(manifest, first.number),
        few => {
            return few
                .iter()
                .try_for_each(|entry| visit(entry, named_part(store, manifest, entry)?));
        }
    };
    let (mut left, mut outcome) = (entries.iter(), Ok(()));
    store.scan(Space::Parts, &first, &mut |at, stored| {
        let Some(entry) = left.as_slice().first() else { return Visit::Stop };
        let wanted = key::part(manifest, entry.number);
        match at.cmp(&wanted) {
            // The upload had parts that the object was not made of.
            Ordering::Less => return Visit::SeekTo(wanted),
            Ordering::Greater => return Visit::Stop,
            Ordering::Equal => {}
        }
        left.next();
        outcome = PartRecord::decode(Bytes::copy_from_slice(stored))
            .map_err(StoreError::from)
            .and_then(|record| visit(entry, fitting(record, entry)?));
        if outcome.is_ok() && left.len() > 0 { Visit::Next } else { Visit::Stop }
    })?;
    outcome?;
    match left.next() {
        None => Ok(()),
        Some(entry) => named(None, "part", entry.number.get()),
    }
}

fn named_part(
    store: &dyn Store,
    manifest: ManifestId,
    entry: &ManifestEntry,
) -> Result<PartRecord, StoreError> {
    fitting(named(part(store, manifest, entry.number)?, "part", entry.number.get())?, entry)
}

fn fitting(record: PartRecord, entry: &ManifestEntry) -> Result<PartRecord, StoreError> {
    if record.len == entry.len { Ok(record) } else { Err(uncovered()) }
}

fn covered(found: Vec<PieceSlice>, range: ByteRange) -> Result<Vec<PieceSlice>, StoreError> {
    let len = found.iter().try_fold(0_u64, |sum, slice| sum.checked_add(slice.len()));
    if len == Some(range.len()) { Ok(found) } else { Err(uncovered()) }
}

fn uncovered() -> StoreError {
    StoreError::Corrupt("an object's pieces do not add up to its length".to_owned())
}

/// From so many parts on they are scanned. Below it a look at what memory alone can tell gets by without a scan.
const SCANNED_PARTS_MIN: usize = 16;
