//! Room: references: what a new record's pieces do to blobs and block tables.
//!
//! Invariants: a blob's count is the number of extents in stored records that name it (those in garbage that is
//! not released included). It is raised in the batch that stores the record, and lowered only by the release of
//! garbage. A blob is marked as unreferenced exactly while its count is zero.

use std::collections::BTreeMap;

use super::bucket::{more, one_less};
use super::{Round, Stop};
use crate::command::{NewBlob, NewTable, Refusal};
use crate::extent::{merge, pieces_max};
use crate::id::{BlobId, TableId};
use crate::key;
use crate::record::{
    BlobRecord, Content, Extent, GarbageRecord, Piece, PieceList, PiecePage, Since, TableHead,
    piece_stored_len,
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
    /// Takes the pieces of a new record of `len` bytes in: counts references, stores the records of new blobs and
    /// the pages of a long list.
    pub(super) fn adopt(
        &mut self,
        pieces: Vec<Piece>,
        blobs: Vec<NewBlob>,
        len: u64,
    ) -> Result<PieceList, Stop> {
        assert_eq!(pieces.iter().map(Piece::len).sum::<u64>(), len, "pieces add up to their whole");
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "no piece is empty");
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
        Ok(self.store_pieces(pieces))
    }

    /// Lets go of the bytes of a record that is being removed or replaced.
    pub(super) fn discard_pieces(&mut self, pieces: &PieceList) {
        if let Some(record) = garbage_of(pieces) {
            self.discard(&record);
        }
    }

    /// Lets go of the bytes of an object that is being removed or replaced.
    pub(super) fn discard_content(&mut self, content: &Content) {
        match content {
            Content::Pieces(pieces) => self.discard_pieces(pieces),
            Content::Parts { manifest, page_starts, .. } => {
                let pages = u32::try_from(page_starts.len()).expect("pages are counted in 32 bits");
                self.discard(&GarbageRecord::Manifest { manifest: *manifest, next: 0, pages });
            }
        }
    }

    /// Drops one reference; says whether it was the last.
    pub(super) fn lower(&mut self, blob: BlobId) -> Result<bool, StoreError> {
        let at = key::blob(blob);
        let mut record: BlobRecord = self.read_named(Space::Blobs, &at)?;
        one_less(&mut record.refs, "references of a blob")?;
        self.write(Space::Blobs, at, &record);
        if record.refs == 0 {
            let since = Since { sequence: self.sequence };
            self.write(Space::Garbage, key::unreferenced(blob), &since);
        }
        Ok(record.refs == 0)
    }

    fn add_blob(&mut self, blob: NewBlob, named: &[Extent]) -> Result<(), StoreError> {
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
        let record = BlobRecord { refs: named.len() as u64, len: blob.len, table, first_block };
        assert!(fit(&record, named), "extents of a new blob lie inside it");
        // Of a clone only the store knows how long the table is.
        if named.iter().any(|extent| extent.table_range().end() > table_len) {
            let what = format!("table {table} ends before the bytes of the new blob {}", blob.id);
            return Err(StoreError::Corrupt(what));
        }
        self.write(Space::Blobs, at, &record);
        Ok(())
    }

    /// The count may rise from zero: as long as there is a record, the file is there.
    fn share_blob(&mut self, blob: BlobId, named: &[Extent]) -> Result<(), StoreError> {
        let at = key::blob(blob);
        let mut record: BlobRecord = self.read_named(Space::Blobs, &at)?;
        if !fit(&record, named) {
            return Err(StoreError::Corrupt(format!("an extent does not lie inside blob {blob}")));
        }
        if record.refs == 0 {
            self.remove(Space::Garbage, key::unreferenced(blob));
        }
        more(&mut record.refs, named.len() as u64, "references of a blob")?;
        self.write(Space::Blobs, at, &record);
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

    fn store_pieces(&mut self, pieces: Vec<Piece>) -> PieceList {
        let len = pieces.iter().map(Piece::len).sum();
        let inline: u64 = pieces.iter().filter(|p| p.extent().is_none()).map(Piece::len).sum();
        if pieces.len() <= SHORT_PIECES_MAX && inline <= RECORD_INLINE_LEN_MAX {
            return PieceList::Short(pieces);
        }
        let list = self.next_manifest();
        let (mut page_starts, mut at) = (Vec::new(), 0);
        for (page, pieces) in (0..).zip(paged(pieces)) {
            page_starts.push(at);
            at += pieces.iter().map(Piece::len).sum::<u64>();
            self.write(Space::Pieces, key::page(list, page), &PiecePage { pieces });
        }
        PieceList::Long { list, page_starts, len }
    }
}

/// What is left to do once no name reaches `pieces`; nothing for bytes that lay in the record.
pub(super) fn garbage_of(pieces: &PieceList) -> Option<GarbageRecord> {
    match pieces {
        PieceList::Short(pieces) => {
            let blobs: Vec<_> = pieces.iter().filter_map(Piece::extent).map(|e| e.blob).collect();
            (!blobs.is_empty()).then_some(GarbageRecord::Pieces { blobs })
        }
        PieceList::Long { list, page_starts, .. } => {
            let pages = u32::try_from(page_starts.len()).expect("pages are counted in 32 bits");
            Some(GarbageRecord::List { list: *list, next: 0, pages })
        }
    }
}

/// Whether the extents speak of the blob as its record does.
fn fit(blob: &BlobRecord, extents: &[Extent]) -> bool {
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
