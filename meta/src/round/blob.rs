//! Room: references: what a new record's pieces do to blobs and block tables.
//!
//! Invariants: a blob's count is the number of extents in stored records that name it (those in garbage that is
//! not released included). It is raised in the batch that stores the record, and lowered only by the release of
//! garbage. A blob is marked as unreferenced exactly while its count is zero. What a record names, it owns: the
//! entries of its owners come and go with the record itself.

use std::collections::{BTreeMap, BTreeSet};

use super::bucket::{less, more};
use super::{Round, Stop};
use crate::command::{NewBlob, NewTable, Refusal};
use crate::extent::{merge, pieces_max};
use crate::id::{BlobId, TableId};
use crate::key;
use crate::record::{
    BlobRecord, Content, Extent, GarbageRecord, Owner, OwnerMark, Piece, PieceList, PiecePage,
    Since, TableHead, piece_stored_len,
};
use crate::store::{Space, StoreError};
use crate::table::BlockTable;

/// How many pieces a record holds itself, and a page of a long list.
pub(super) const SHORT_PIECES_MAX: usize = 64;
const PAGE_PIECES_MAX: usize = 128;

/// How many bytes of pieces a page holds, unless it is one piece.
const PAGE_BYTES_MAX: usize = 64 * 1024;

/// How many inline bytes a record of an object or part holds itself; with more, all its pieces lie in a page.
/// A listing reads the whole of each record on its way: 1,000 records with 32 KiB in them took 40 to 200 ms, with
/// 1 KiB 2 to 5 ms, without 1 ms. Up to this length it takes at most twice as long as without, and a read of the
/// object is saved a look-up.
pub(super) const RECORD_INLINE_LEN_MAX: u64 = 512;

impl Round<'_> {
    /// Takes the pieces of a new record of `len` bytes in, which `owner` will hold: counts references, stores the
    /// records of new blobs and the pages of a long list. What `owner` held before is let go of already.
    pub(super) fn adopt(
        &mut self,
        owner: &Owner,
        pieces: Vec<Piece>,
        blobs: Vec<NewBlob>,
        len: u64,
    ) -> Result<PieceList, Stop> {
        let sum = pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.len()));
        if sum != Some(len) || pieces.iter().any(Piece::is_empty) {
            let what = format!("the pieces of {owner:?} do not add up to its {len} bytes");
            return Err(StoreError::Corrupt(what).into());
        }
        let pieces = merge(pieces);
        if pieces.len() as u64 > pieces_max(len) {
            return Err(Refusal::TooFragmented.into());
        }
        let mut extents: BTreeMap<BlobId, Vec<Extent>> = BTreeMap::new();
        for extent in pieces.iter().filter_map(Piece::extent) {
            extents.entry(extent.blob).or_default().push(*extent);
        }
        for blob in blobs {
            let named = extents.remove(&blob.id);
            let named = named.expect("a new blob is named by a piece, or its file would leak");
            self.add_blob(blob, &named)?;
        }
        for (blob, named) in extents {
            self.share_blob(blob, &named)?;
        }
        Ok(self.store_pieces(owner, pieces))
    }

    /// Lets go of the bytes of a record that is being removed or replaced.
    pub(super) fn discard_pieces(&mut self, owner: &Owner, pieces: &PieceList) {
        match pieces {
            PieceList::Short(pieces) => {
                self.disown(owner, pieces);
                let extents: Vec<_> = pieces.iter().filter_map(Piece::extent).collect();
                if !extents.is_empty() {
                    let extents = extents.into_iter().map(|e| (e.blob, e.len)).collect();
                    self.discard(&GarbageRecord::Pieces { extents });
                }
            }
            PieceList::Long { list, page_starts, .. } => {
                let pages = u32::try_from(page_starts.len()).expect("pages are counted in 32 bits");
                self.discard(&GarbageRecord::List { list: *list, next: 0, pages });
            }
        }
    }

    /// Lets go of the bytes of an object that is being removed or replaced.
    pub(super) fn discard_content(&mut self, owner: &Owner, content: &Content) {
        match content {
            Content::Pieces(pieces) => self.discard_pieces(owner, pieces),
            // Others may share the parts: the release of the record will see.
            Content::Parts(manifest) | Content::Copied(manifest) => {
                let (manifest, pages) = (manifest.id, manifest.pages());
                self.discard(&GarbageRecord::Manifest { manifest, next: 0, pages });
            }
        }
    }

    /// Drops one reference, of an extent of `len` bytes; says whether it was the last.
    pub(super) fn lower(&mut self, blob: BlobId, len: u64) -> Result<bool, StoreError> {
        let before: BlobRecord = self.read_named(Space::Blobs, &key::blob(blob))?;
        let mut record = before;
        less(&mut record.refs, 1, "references of a blob")?;
        less(&mut record.named, len, "named bytes of a blob")?;
        self.set_blob(blob, Some(&before), Some(&record));
        let since = Since { sequence: self.sequence };
        if record.refs == 0 {
            self.write(Space::Garbage, key::unreferenced(blob), &since);
        } else if record.is_sparse() {
            self.write(Space::Garbage, key::sparse(blob), &since);
        }
        Ok(record.refs == 0)
    }

    /// Changes a blob's record, and all that is kept about it elsewhere but for what its last reference does.
    pub(super) fn set_blob(
        &mut self,
        blob: BlobId,
        before: Option<&BlobRecord>,
        after: Option<&BlobRecord>,
    ) {
        self.numbers.counters.space.exchange(before, after);
        if before.is_some_and(BlobRecord::is_sparse) && !after.is_some_and(BlobRecord::is_sparse) {
            self.remove(Space::Garbage, key::sparse(blob));
        }
        match after {
            Some(after) => self.write(Space::Blobs, key::blob(blob), after),
            None => self.remove(Space::Blobs, key::blob(blob)),
        }
    }

    /// Remembers that `owner` names the blobs of `pieces`.
    pub(super) fn own(&mut self, owner: &Owner, pieces: &[Piece]) {
        for blob in blobs_of(pieces) {
            self.write(Space::Owners, key::owner(blob, owner), &OwnerMark);
        }
    }

    /// Forgets that `owner` names the blobs of `pieces`.
    pub(super) fn disown(&mut self, owner: &Owner, pieces: &[Piece]) {
        for blob in blobs_of(pieces) {
            self.remove(Space::Owners, key::owner(blob, owner));
        }
    }

    pub(super) fn add_blob(&mut self, blob: NewBlob, named: &[Extent]) -> Result<(), StoreError> {
        let at = key::blob(blob.id);
        let known =
            self.get(Space::Blobs, &at)?.or(self.get(Space::Garbage, &key::taken(blob.id))?);
        if known.is_some() {
            return Err(StoreError::Corrupt(format!("the blob number {} is used twice", blob.id)));
        }
        let (table, first_block, table_len) = match blob.table {
            NewTable::Written(table) => {
                (self.add_table(TableId::of(blob.id), &table)?, 0, table.len())
            }
            NewTable::Cloned { table, first_block } => {
                (table, first_block, self.share_table(table)?)
            }
        };
        let mut record = BlobRecord { refs: 0, named: 0, len: blob.len, table, first_block };
        refer(&mut record, named)?;
        if !fit(&record, named) {
            let what = format!("an extent does not lie inside the new blob {}", blob.id);
            return Err(StoreError::Corrupt(what));
        }
        // Of a clone only the store knows how long the table is.
        if named.iter().any(|extent| extent.table_range().end() > table_len) {
            let what = format!("table {table} ends before the bytes of the new blob {}", blob.id);
            return Err(StoreError::Corrupt(what));
        }
        self.set_blob(blob.id, None, Some(&record));
        Ok(())
    }

    /// The count may rise from zero: as long as there is a record, the file is there.
    pub(super) fn share_blob(&mut self, blob: BlobId, named: &[Extent]) -> Result<(), StoreError> {
        let before: BlobRecord = self.read_named(Space::Blobs, &key::blob(blob))?;
        if !fit(&before, named) {
            return Err(StoreError::Corrupt(format!("an extent does not lie inside blob {blob}")));
        }
        if before.refs == 0 {
            self.remove(Space::Garbage, key::unreferenced(blob));
        }
        let mut record = before;
        refer(&mut record, named)?;
        self.set_blob(blob, Some(&before), Some(&record));
        Ok(())
    }

    fn add_table(&mut self, id: TableId, table: &BlockTable) -> Result<TableId, StoreError> {
        assert!(!table.is_empty(), "a blob that was written has bytes");
        let at = key::table_head(id);
        if self.get(Space::Tables, &at)?.is_some() {
            return Err(StoreError::Corrupt(format!("the table number {id} is used twice")));
        }
        let mut pages = 0;
        for page in table.pages() {
            self.staged.set(Space::Tables, key::table_page(id, pages), Some(page.encode().into()));
            pages += 1;
        }
        let head = TableHead { refs: 1, len: table.len(), pages, fingerprint: table.total() };
        self.write(Space::Tables, at, &head);
        Ok(id)
    }

    /// One user more; gives the length of what the table describes.
    fn share_table(&mut self, id: TableId) -> Result<u64, StoreError> {
        let at = key::table_head(id);
        let mut head: TableHead = self.read_named(Space::Tables, &at)?;
        more(&mut head.refs, 1, "users of a block table")?;
        self.write(Space::Tables, at, &head);
        Ok(head.len)
    }

    fn store_pieces(&mut self, owner: &Owner, pieces: Vec<Piece>) -> PieceList {
        let len = pieces.iter().map(Piece::len).sum();
        let inline: u64 = pieces.iter().filter(|p| p.extent().is_none()).map(Piece::len).sum();
        if pieces.len() <= SHORT_PIECES_MAX && inline <= RECORD_INLINE_LEN_MAX {
            self.own(owner, &pieces);
            return PieceList::Short(pieces);
        }
        let list = self.next_manifest();
        let (mut page_starts, mut at) = (Vec::new(), 0);
        for (page, pieces) in (0..).zip(paged(pieces)) {
            page_starts.push(at);
            at += pieces.iter().map(Piece::len).sum::<u64>();
            self.own(&Owner::Page { list, page }, &pieces);
            self.write(Space::Pieces, key::page(list, page), &PiecePage { pieces });
        }
        PieceList::Long { list, page_starts, len }
    }
}

/// Counts what the extents name of the blob.
fn refer(blob: &mut BlobRecord, extents: &[Extent]) -> Result<(), StoreError> {
    for extent in extents {
        more(&mut blob.refs, 1, "references of a blob")?;
        more(&mut blob.named, extent.len, "named bytes of a blob")?;
    }
    Ok(())
}

fn blobs_of(pieces: &[Piece]) -> BTreeSet<BlobId> {
    pieces.iter().filter_map(Piece::extent).map(|extent| extent.blob).collect()
}

/// Whether the extents speak of the blob as its record does.
pub(super) fn fit(blob: &BlobRecord, extents: &[Extent]) -> bool {
    extents.iter().all(|extent| {
        extent.table == blob.table
            && extent.first_block == blob.first_block
            && extent.offset.checked_add(extent.len).is_some_and(|end| end <= blob.len)
    })
}

fn paged(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut pages: Vec<Vec<Piece>> = Vec::new();
    let mut room = 0;
    for piece in pieces {
        let stored = piece_stored_len(&piece);
        match pages.last_mut() {
            Some(page) if page.len() < PAGE_PIECES_MAX && stored <= room => {
                room -= stored;
                page.push(piece);
            }
            _ => {
                room = PAGE_BYTES_MAX.saturating_sub(stored);
                pages.push(vec![piece]);
            }
        }
    }
    pages
}
