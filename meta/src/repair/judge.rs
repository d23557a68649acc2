//! Room: which records can be served whole, and what is left of the others.
//!
//! Holds: the census it looks at, what it has decided to keep, and how often that names each blob.
//! Invariants: what is kept names only bytes that are there; nothing that is kept is kept twice.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use protocol::part::PartNumber;
use protocol::range::ByteRange;

use super::census::{Census, ObjectPlace, UploadPlace};
use super::{Files, blob_name};
use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, ManifestId, TableId};
use crate::key::GarbageKey;
use crate::record::{
    BlobRecord, Content, Extent, GarbageRecord, Manifest, ObjectRecord, Owner, PartRecord, Piece,
    PieceList, TableHead,
};
use crate::table::{BLOCK_LEN, PAGE_BLOCKS};

/// How many bytes a full page of a block table speaks of.
pub(super) const TABLE_PAGE_LEN: u64 = PAGE_BLOCKS as u64 * BLOCK_LEN as u64;

const TAKEN: &str = "another object or upload has its parts";

/// Files end on this grid, and records count whole units of it.
const GRID: u64 = 4096;

/// What was decided.
#[derive(Default)]
pub(super) struct Judged {
    /// What each blob that can be kept is, with the counts that what is kept gives it.
    pub(super) blobs: BTreeMap<BlobId, BlobRecord>,
    /// The heads of all tables, those that follow from their pages included.
    pub(super) tables: BTreeMap<TableId, TableHead>,
    /// Pages of tables that cannot be right.
    pub(super) unfit_pages: BTreeSet<(TableId, u32)>,
    pub(super) lost_objects: BTreeMap<ObjectPlace, String>,
    pub(super) lost_uploads: BTreeMap<UploadPlace, String>,
    pub(super) lost_parts: BTreeMap<(ManifestId, PartNumber), String>,
    pub(super) parts: BTreeSet<(ManifestId, PartNumber)>,
    pub(super) manifest_pages: BTreeSet<(ManifestId, u32)>,
    pub(super) piece_pages: BTreeSet<(ManifestId, u32)>,
    /// How many of the records that are kept name each manifest.
    pub(super) names: BTreeMap<ManifestId, u64>,
    /// Manifests that nothing but garbage names.
    pub(super) going: BTreeSet<ManifestId>,
    pub(super) owners: BTreeSet<(BlobId, Owner)>,
    /// What garbage is left, by place.
    pub(super) garbage: BTreeMap<GarbageKey, GarbageRecord>,
    /// Pages of tables that garbage speaks of.
    pub(super) table_garbage: BTreeSet<(TableId, u32)>,
    /// Bad ranges that something reads.
    pub(super) read: BTreeMap<BlobId, Vec<ByteRange>>,
}

pub(super) struct Judge<'a> {
    census: &'a Census,
    files: &'a Files,
    judged: Judged,
    /// Manifests that objects hold, as all of these objects say.
    held: BTreeMap<ManifestId, &'a Manifest>,
    /// Those of them that an object shows to clients.
    shown: BTreeSet<ManifestId>,
    /// Manifests that an upload holds.
    open: BTreeSet<ManifestId>,
    /// What was found out about manifests: many objects may have the same one.
    looked_at: BTreeMap<&'a Manifest, Rc<Result<Whole, String>>>,
}

/// The parts of a manifest that can be served whole.
struct Whole {
    numbers: Vec<PartNumber>,
    /// What they add up to.
    sum: (u64, Fingerprint),
}

impl<'a> Judge<'a> {
    pub(super) fn judge(census: &'a Census, files: &'a Files) -> Judged {
        let (tables, unfit_pages) = tables(census);
        let judged = Judged { tables, unfit_pages, ..Judged::default() };
        let mut judge = Self {
            census,
            files,
            judged,
            held: BTreeMap::new(),
            shown: BTreeSet::new(),
            open: BTreeSet::new(),
            looked_at: BTreeMap::new(),
        };
        judge.find_blobs();
        for (place, object) in census.all_objects() {
            if let Err(why) = judge.object(&place, object) {
                judge.judged.lost_objects.insert(place, why);
            }
        }
        judge.uploads();
        for (at, garbage) in &census.garbage {
            if let Some(left) = judge.garbage(garbage) {
                judge.judged.garbage.insert(*at, left);
            }
        }
        judge.judged
    }

    /// Finds out what each blob is: from its record, or from what names it.
    fn find_blobs(&mut self) {
        for (blob, record) in &self.census.blobs {
            if let Some(len) = self.usable_len(*blob)
                && self.judged.tables.contains_key(&record.table)
            {
                let len = record.len.min(len);
                self.judged.blobs.insert(*blob, BlobRecord { refs: 0, named: 0, len, ..*record });
            }
        }
        for extent in self.all_extents() {
            let Extent { blob, table, first_block, .. } = *extent;
            let Some(len) = self.usable_len(blob) else { continue };
            if let Some(record) = self.judged.blobs.get_mut(&blob) {
                // A file that has more than its record says: what is named of it is there.
                if (record.len + 1..=len).contains(&(extent.offset + extent.len)) {
                    record.len = len;
                }
            } else if !self.census.blobs.contains_key(&blob)
                && self.judged.tables.contains_key(&table)
            {
                let record = BlobRecord { refs: 0, named: 0, len, table, first_block };
                self.judged.blobs.insert(blob, record);
            }
        }
    }

    /// How much of a blob's file can be named.
    fn usable_len(&self, blob: BlobId) -> Option<u64> {
        let len = self.files.lens.get(&blob)? / GRID * GRID;
        (len > 0).then_some(len)
    }

    fn all_extents(&self) -> impl Iterator<Item = &'a Extent> + use<'a> {
        let short = |list: &'a PieceList| match list {
            PieceList::Short(pieces) => pieces.as_slice(),
            PieceList::Long { .. } => &[],
        };
        let objects = self.census.all_objects();
        let objects = objects.filter_map(|(_, object)| match &object.content {
            Content::Pieces(pieces) => Some(pieces),
            Content::Parts(_) | Content::Copied(_) => None,
        });
        let parts = self.census.parts.values().map(|part| &part.pieces);
        let pages = self.census.piece_pages.values().flat_map(|page| &page.pieces);
        objects.chain(parts).flat_map(short).chain(pages).filter_map(Piece::extent)
    }

    fn object(
        &mut self,
        (bucket, key, apart): &ObjectPlace,
        object: &'a ObjectRecord,
    ) -> Result<(), String> {
        let said = (object.len, object.fingerprint);
        let differs = || "its bytes do not add up to what its record says".to_owned();
        match &object.content {
            Content::Pieces(pieces) => {
                let (bucket, key) = (*bucket, key.clone());
                let owner = match *apart {
                    None => Owner::Object { bucket, key },
                    Some(generation) => Owner::Version { bucket, key, generation },
                };
                if self.list(&owner, pieces)? != said {
                    return Err(differs());
                }
                self.keep(&owner, pieces);
            }
            Content::Parts(manifest) | Content::Copied(manifest) => {
                let shows = matches!(object.content, Content::Parts(_));
                let differs_from = |held: &&Manifest| *held != manifest;
                if self.held.get(&manifest.id).is_some_and(differs_from)
                    || (shows && self.shown.contains(&manifest.id))
                {
                    return Err(TAKEN.to_owned());
                }
                let looked_at = self.look_at(manifest);
                let Whole { numbers, sum } = (*looked_at).as_ref().map_err(Clone::clone)?;
                if *sum != said {
                    return Err(differs());
                }
                self.keep_manifest(manifest, numbers);
                if shows {
                    self.shown.insert(manifest.id);
                }
            }
        }
        Ok(())
    }

    /// Looks at the parts of an object, unless that was done.
    fn look_at(&mut self, manifest: &'a Manifest) -> Rc<Result<Whole, String>> {
        if let Some(known) = self.looked_at.get(manifest) {
            return known.clone();
        }
        let found = Rc::new(self.manifest(manifest));
        self.looked_at.insert(manifest, found.clone());
        found
    }

    /// The parts of an object, if all of them can be served whole.
    fn manifest(&mut self, manifest: &Manifest) -> Result<Whole, String> {
        let Manifest { id: manifest, parts: count, ref page_starts } = *manifest;
        let (mut numbers, mut len, mut fingerprint) = (Vec::new(), 0, Fingerprint::EMPTY);
        let mut lost = None;
        for (page, start) in (0..).zip(page_starts) {
            let page = self.census.manifest_pages.get(&(manifest, page));
            let page = page.ok_or("a page of its manifest is missing")?;
            if len != *start {
                return Err("the pages of its manifest do not follow each other".to_owned());
            }
            for entry in &page.entries {
                let number = entry.number;
                let part = self.census.parts.get(&(manifest, number));
                let part = part.ok_or_else(|| format!("its part {number} is missing"))?;
                if (entry.start, entry.len) != (len, part.len) {
                    return Err(format!("its part {number} has another length"));
                }
                // Those behind a bad one, too: all bad bytes that the object reads are to be known.
                if let Err(why) = self.part(manifest, number, part) {
                    lost.get_or_insert_with(|| format!("its part {number}: {why}"));
                }
                fingerprint = fingerprint.then(part.fingerprint, part.len);
                len += part.len;
                numbers.push(number);
            }
        }
        match lost {
            Some(why) => Err(why),
            None if numbers.len() != count as usize => Err("it has another number of parts".into()),
            None => Ok(Whole { numbers, sum: (len, fingerprint) }),
        }
    }

    /// Whether a part can be served whole.
    fn part(
        &mut self,
        manifest: ManifestId,
        number: PartNumber,
        part: &PartRecord,
    ) -> Result<(), String> {
        let sum = self.list(&Owner::Part { manifest, number }, &part.pieces)?;
        let same = sum == (part.len, part.fingerprint);
        same.then_some(()).ok_or_else(|| "its bytes do not add up to what it says".to_owned())
    }

    /// What the pieces of a list add up to, if all of them are there.
    fn list(&mut self, owner: &Owner, list: &PieceList) -> Result<(u64, Fingerprint), String> {
        let census = self.census;
        let mut pages: Vec<(Owner, &[Piece])> = Vec::new();
        match list {
            PieceList::Short(pieces) => pages.push((owner.clone(), pieces)),
            PieceList::Long { list, page_starts, .. } => {
                for (page, _) in (0..).zip(page_starts) {
                    if self.judged.piece_pages.contains(&(*list, page)) {
                        return Err("another record has the pages of its pieces".to_owned());
                    }
                    let pieces = census.piece_pages.get(&(*list, page));
                    let pieces = pieces.ok_or("a page of its pieces is missing")?;
                    pages.push((Owner::Page { list: *list, page }, &pieces.pieces));
                }
            }
        }
        let mut lost = None;
        // All of them are looked at, so that all bad bytes that it reads are known.
        for (owner, pieces) in pages {
            if census.spoilt.contains(&owner) {
                lost = Some("bytes kept in the metadata are not what was written".to_owned());
            }
            for extent in pieces.iter().filter_map(Piece::extent) {
                let found = self.extent(extent).err();
                lost = lost.or(found);
            }
        }
        match lost {
            Some(why) => Err(why),
            None => self.sum(list).ok_or_else(|| "its pieces do not add up".to_owned()),
        }
    }

    /// Whether the bytes of an extent are there.
    fn extent(&mut self, extent: &Extent) -> Result<(), String> {
        let unread = self.bad_bytes(extent);
        self.fits(extent)?;
        let name = blob_name(extent.blob);
        let range = extent.table_range();
        for page in range.start() / TABLE_PAGE_LEN..=(range.end() - 1) / TABLE_PAGE_LEN {
            let place = (extent.table, u32::try_from(page).unwrap_or(u32::MAX));
            let there = self.census.table_pages.contains_key(&place);
            if !there || self.judged.unfit_pages.contains(&place) {
                return Err(format!("page {page} of the block table of blob {name} is missing"));
            }
        }
        if unread {
            return Err(format!("bytes in blob {name} are not what was written"));
        }
        // The block of the last byte is read as a whole.
        let table_len = self.judged.tables.get(&extent.table).map_or(0, |head| head.len);
        let first = u64::from(extent.first_block) * u64::from(BLOCK_LEN);
        let end = range.end().next_multiple_of(BLOCK_LEN.into()).min(table_len) - first;
        if self.files.lens.get(&extent.blob).is_some_and(|len| *len < end) {
            return Err(format!("the file of blob {name} ends before its bytes"));
        }
        Ok(())
    }

    /// Whether an extent speaks of its blob as it is.
    fn fits(&self, extent: &Extent) -> Result<(), String> {
        let name = blob_name(extent.blob);
        let Some(blob) = self.judged.blobs.get(&extent.blob) else {
            return Err(match self.usable_len(extent.blob) {
                None => format!("the file of blob {name} is missing or empty"),
                Some(_) => format!("the block table of blob {name} is missing"),
            });
        };
        if (blob.table, blob.first_block) != (extent.table, extent.first_block) {
            return Err(format!("it speaks of another block table than blob {name} has"));
        }
        if extent.offset + extent.len > blob.len {
            return Err(format!("blob {name} ends before its bytes"));
        }
        let table = self.judged.tables.get(&extent.table);
        if table.is_none_or(|head| extent.table_range().end() > head.len) {
            return Err(format!("the block table of blob {name} ends before its bytes"));
        }
        Ok(())
    }

    /// Whether an extent reads bytes that are not what was written; remembers which.
    fn bad_bytes(&mut self, extent: &Extent) -> bool {
        let Some(bad) = self.files.bad.get(&extent.blob) else { return false };
        let (start, end) = (extent.offset, extent.offset + extent.len);
        let hit: Vec<ByteRange> = bad
            .iter()
            .filter_map(|bad| {
                let block = u64::from(BLOCK_LEN);
                let start = bad.start().max(start / block * block);
                ByteRange::new(start, bad.end().min(end.next_multiple_of(block)))
            })
            .filter(|range| !range.is_empty())
            .collect();
        let found = !hit.is_empty();
        if found {
            let read = self.judged.read.entry(extent.blob).or_default();
            read.extend(hit);
            *read = joined(std::mem::take(read));
        }
        found
    }

    fn keep_manifest(&mut self, manifest: &'a Manifest, numbers: &[PartNumber]) {
        self.name_manifest(manifest.id);
        if self.held.insert(manifest.id, manifest).is_some() {
            return;
        }
        for number in numbers {
            self.keep_part(manifest.id, *number);
        }
        self.judged.manifest_pages.extend((0..manifest.pages()).map(|page| (manifest.id, page)));
    }

    fn name_manifest(&mut self, manifest: ManifestId) {
        *self.judged.names.entry(manifest).or_default() += 1;
    }

    fn keep_part(&mut self, manifest: ManifestId, number: PartNumber) {
        let census = self.census;
        let new = self.judged.parts.insert((manifest, number));
        if let Some(part) = census.parts.get(&(manifest, number)).filter(|_| new) {
            self.keep(&Owner::Part { manifest, number }, &part.pieces);
        }
    }

    /// Keeps a list and all that it names.
    fn keep(&mut self, owner: &Owner, list: &PieceList) {
        match list {
            PieceList::Short(pieces) => self.count(owner, pieces),
            PieceList::Long { list, page_starts, .. } => {
                (0..).zip(page_starts).for_each(|(page, _)| self.keep_page(*list, page));
            }
        }
    }

    fn keep_page(&mut self, list: ManifestId, page: u32) {
        let census = self.census;
        let new = self.judged.piece_pages.insert((list, page));
        if let Some(pieces) = census.piece_pages.get(&(list, page)).filter(|_| new) {
            self.count(&Owner::Page { list, page }, &pieces.pieces);
        }
    }

    fn count(&mut self, owner: &Owner, pieces: &[Piece]) {
        for extent in pieces.iter().filter_map(Piece::extent) {
            self.name(extent.blob, extent.len);
            self.judged.owners.insert((extent.blob, owner.clone()));
        }
    }

    fn name(&mut self, blob: BlobId, len: u64) {
        if let Some(record) = self.judged.blobs.get_mut(&blob) {
            record.refs = record.refs.saturating_add(1);
            record.named = record.named.saturating_add(len);
        }
    }

    fn uploads(&mut self) {
        let census = self.census;
        for (place, upload) in &census.uploads {
            let manifest = upload.manifest;
            if self.held.contains_key(&manifest) || !self.open.insert(manifest) {
                self.judged.lost_uploads.insert(place.clone(), TAKEN.to_owned());
                continue;
            }
            self.name_manifest(manifest);
            for (number, part) in census.parts_of(manifest) {
                match self.part(manifest, number, part) {
                    Ok(()) => self.keep_part(manifest, number),
                    Err(why) => drop(self.judged.lost_parts.insert((manifest, number), why)),
                }
            }
        }
    }

    /// What is left of a garbage record.
    fn garbage(&mut self, garbage: &GarbageRecord) -> Option<GarbageRecord> {
        let census = self.census;
        match garbage {
            GarbageRecord::Pieces { extents } => {
                let there = |extent: &&(BlobId, u64)| self.judged.blobs.contains_key(&extent.0);
                let left: Vec<_> = extents.iter().filter(there).copied().collect();
                left.iter().for_each(|(blob, len)| self.name(*blob, *len));
                (!left.is_empty()).then_some(GarbageRecord::Pieces { extents: left })
            }
            GarbageRecord::List { list, next, pages } => {
                let whole = (*next..*pages).all(|page| self.page_fits(*list, page));
                if !whole || next == pages {
                    return None;
                }
                (*next..*pages).for_each(|page| self.keep_page(*list, page));
                Some(garbage.clone())
            }
            GarbageRecord::Manifest { manifest, next, pages } => {
                if self.open.contains(manifest) {
                    return None;
                }
                self.name_manifest(*manifest);
                if self.held.contains_key(manifest) {
                    // That of an object which had the same parts: it will find that others still have them.
                    return Some(garbage.clone());
                }
                self.judged.going.insert(*manifest);
                self.garbage_parts(*manifest, census.parts_of(*manifest).map(|(number, _)| number));
                let there = |page| census.manifest_pages.contains_key(&(*manifest, page));
                let next = if (*next..*pages).all(there) { *next } else { *pages };
                let kept = (next..*pages).map(|page| (*manifest, page));
                self.judged.manifest_pages.extend(kept);
                Some(GarbageRecord::Manifest { manifest: *manifest, next, pages: *pages })
            }
            GarbageRecord::Parts { manifest, numbers } => {
                let taken = |n: &PartNumber| self.judged.parts.contains(&(*manifest, *n));
                let held = self.held.contains_key(manifest) || self.open.contains(manifest);
                let free = numbers.iter().copied().filter(|n| !(held && taken(n)));
                let left: Vec<PartNumber> = free.collect();
                self.garbage_parts(*manifest, left.iter().copied());
                let manifest = *manifest;
                (!left.is_empty()).then_some(GarbageRecord::Parts { manifest, numbers: left })
            }
            GarbageRecord::Bucket { bucket } => {
                let named = census.names.values().any(|record| record.id == *bucket);
                (!named).then(|| garbage.clone())
            }
            GarbageRecord::Table { table, next, pages } => {
                let there = |page| census.table_pages.contains_key(&(*table, page));
                if census.tables.contains_key(table) || !(*next..*pages).all(there) {
                    return None;
                }
                let kept = (*next..*pages).map(|page| (*table, page));
                self.judged.table_garbage.extend(kept);
                Some(garbage.clone())
            }
        }
    }

    /// Keeps those parts of garbage that can be let go of in good order.
    fn garbage_parts(&mut self, manifest: ManifestId, numbers: impl Iterator<Item = PartNumber>) {
        let census = self.census;
        for number in numbers {
            let Some(part) = census.parts.get(&(manifest, number)) else { continue };
            let fits = match &part.pieces {
                PieceList::Short(pieces) => self.all_fit(pieces),
                PieceList::Long { list, page_starts, .. } => {
                    (0..).zip(page_starts).all(|(page, _)| self.page_fits(*list, page))
                }
            };
            let whole = fits && self.sum(&part.pieces) == Some((part.len, part.fingerprint));
            if whole || self.judged.parts.contains(&(manifest, number)) {
                self.keep_part(manifest, number);
            }
        }
    }

    /// What the pieces of a list say that they add up to.
    fn sum(&self, list: &PieceList) -> Option<(u64, Fingerprint)> {
        let pages: Vec<&[Piece]> = match list {
            PieceList::Short(pieces) => vec![pieces],
            PieceList::Long { list, page_starts, .. } => (0..)
                .zip(page_starts)
                .map(|(page, _)| Some(&*self.census.piece_pages.get(&(*list, page))?.pieces))
                .collect::<Option<_>>()?,
        };
        let (mut sum, mut starts) = ((0_u64, Fingerprint::EMPTY), Vec::new());
        for pieces in pages {
            starts.push(sum.0);
            for piece in pieces {
                sum.0 = sum.0.checked_add(piece.len())?;
                sum.1 = sum.1.then(piece.fingerprint(), piece.len());
            }
        }
        let ordered = match list {
            PieceList::Short(_) => true,
            PieceList::Long { page_starts, .. } => *page_starts == starts,
        };
        (ordered && sum.0 == list.len()).then_some(sum)
    }

    fn page_fits(&self, list: ManifestId, page: u32) -> bool {
        let free = !self.judged.piece_pages.contains(&(list, page));
        let page = self.census.piece_pages.get(&(list, page));
        free && page.is_some_and(|page| self.all_fit(&page.pieces))
    }

    fn all_fit(&self, pieces: &[Piece]) -> bool {
        pieces.iter().filter_map(Piece::extent).all(|extent| self.fits(extent).is_ok())
    }
}

/// The heads of all tables, and the pages that do not fit between their neighbours. Pages that follow each other
/// from the first to the last say what the head must be.
fn tables(census: &Census) -> (BTreeMap<TableId, TableHead>, BTreeSet<(TableId, u32)>) {
    let (mut heads, mut unfit) = (BTreeMap::new(), BTreeSet::new());
    let mut tables: BTreeSet<TableId> = census.tables.keys().copied().collect();
    tables.extend(census.table_pages.keys().map(|(table, _)| *table));
    for table in tables {
        let pages = || census.table_pages.range((table, 0)..=(table, u32::MAX));
        let (mut count, mut len, mut total) = (0, 0, Fingerprint::EMPTY);
        for ((_, number), page) in pages() {
            if *number != count || page.running != total {
                break;
            }
            (count, len, total) = (count + 1, len + page.len, page.total);
            if !page.is_full() {
                break;
            }
        }
        let chain = TableHead { refs: 0, len, pages: count, fingerprint: total };
        let stored = census.tables.get(&table).filter(|head| is_plausible(head));
        let whole = pages().count() == count as usize;
        let head = match stored {
            Some(head) if !whole || head.pages > count => *head,
            _ if count > 0 => chain,
            _ => continue,
        };
        heads.insert(table, head);
        unfit.extend(unfit_pages(census, table, &head).map(|page| (table, page)));
    }
    (heads, unfit)
}

fn is_plausible(head: &TableHead) -> bool {
    head.len > 0 && head.len.div_ceil(TABLE_PAGE_LEN) == u64::from(head.pages)
}

/// Pages that do not lead from where they begin to where the next one does.
fn unfit_pages<'a>(
    census: &'a Census,
    table: TableId,
    head: &TableHead,
) -> impl Iterator<Item = u32> + use<'a> {
    let head = *head;
    let pages = census.table_pages.range((table, 0)..(table, head.pages));
    pages.filter_map(move |((_, number), page)| {
        let last = number + 1 == head.pages;
        let end = if last {
            Some(head.fingerprint)
        } else {
            census.table_pages.get(&(table, number + 1)).map(|next| next.running)
        };
        let rest = head.len - u64::from(*number) * TABLE_PAGE_LEN;
        let fits = page.len == rest.min(TABLE_PAGE_LEN)
            && end.is_none_or(|end| page.total == end)
            && (*number > 0 || page.running == Fingerprint::EMPTY);
        (!fits).then_some(*number)
    })
}

/// The ranges in order, those that touch made one.
fn joined(mut ranges: Vec<ByteRange>) -> Vec<ByteRange> {
    ranges.sort_by_key(|range| range.start());
    let mut all: Vec<ByteRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match all.last_mut() {
            Some(last) if range.start() <= last.end() => {
                let end = last.end().max(range.end());
                *last = ByteRange::new(last.start(), end).expect("ascending");
            }
            _ => all.push(range),
        }
    }
    all
}
