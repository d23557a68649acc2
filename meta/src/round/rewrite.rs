//! Room: moving what is still named of a sparse blob to smaller ones.
//!
//! The bytes are there already when the command comes; here only labels change. Invariants: the records stay what
//! they were to whoever reads them: bytes, lengths, fingerprints, generations, dates. The new blobs are referred to
//! at once; the old one is let go of by a garbage record of the round, so that whoever has read an old label finds
//! its bytes for as long as their epoch lasts.

use std::collections::{BTreeMap, BTreeSet};

use protocol::range::ByteRange;

use super::blob::fit;
use super::{Round, Stop};
use crate::command::{
    NewTable, REWRITE_OWNERS_MAX, Refusal, Reply, RewriteBlob, SettleSparse, Target,
};
use crate::id::{BlobId, TableId};
use crate::key;
use crate::record::{
    BlobRecord, Content, Extent, GarbageRecord, ObjectRecord, Owner, PartRecord, Piece, PieceList,
    PiecePage, VersionRecord,
};
use crate::store::{Space, StoreError};
use crate::table::BLOCK_LEN;

/// A rewrite under way.
struct Relabel {
    from: BlobId,
    source: BlobRecord,
    places: Vec<Place>,
    /// The extents that the new blobs have got so far.
    moved: BTreeMap<BlobId, Vec<Extent>>,
    /// The extents that the old blob has lost so far.
    released: Vec<(BlobId, u64)>,
}

/// Where the bytes of `range` are from now on.
struct Place {
    range: ByteRange,
    to: BlobId,
    table: TableId,
    first_block: u32,
}

impl Relabel {
    /// Where the bytes of `extent` are from now on, if they move.
    fn moved(&mut self, extent: &Extent) -> Result<Option<Extent>, StoreError> {
        if extent.blob != self.from {
            return Ok(None);
        }
        if !fit(&self.source, &[*extent]) {
            let what = format!("an extent does not lie inside blob {}", self.from);
            return Err(StoreError::Corrupt(what));
        }
        let (start, end) = (extent.offset, extent.offset + extent.len);
        let holds = |place: &&Place| place.range.start() <= start && end <= place.range.end();
        let Some(place) = self.places.iter().find(holds) else { return Ok(None) };
        let Place { range, to: blob, table, first_block } = *place;
        let offset = start - range.start();
        let moved = Extent { blob, offset, table, first_block, ..*extent };
        self.moved.entry(blob).or_default().push(moved);
        self.released.push((self.from, extent.len));
        Ok(Some(moved))
    }
}

impl Round<'_> {
    pub(super) fn rewrite_blob(&mut self, command: RewriteBlob) -> Result<Reply, Stop> {
        let RewriteBlob { from, owners, targets } = command;
        assert!(owners.len() <= REWRITE_OWNERS_MAX, "a command changes few records");
        let source: Option<BlobRecord> = self.read(Space::Blobs, &key::blob(from))?;
        let source = source.ok_or(Refusal::NothingToRewrite)?;
        let ids: BTreeSet<BlobId> = targets.iter().map(|target| target.to).collect();
        assert!(ids.len() == targets.len() && !ids.contains(&from), "each target is another blob");
        let places: Result<_, Stop> =
            targets.iter().map(|target| self.place(&source, target)).collect();
        let mut relabel =
            Relabel { from, source, places: places?, moved: BTreeMap::new(), released: Vec::new() };
        for owner in &owners {
            self.relabel(&mut relabel, owner)?;
        }
        for Target { to, new, .. } in targets {
            match (new, relabel.moved.get(&to)) {
                (Some(_), None) => return Err(Refusal::NothingToRewrite.into()),
                (Some(new), Some(moved)) => self.add_blob(new, moved)?,
                (None, Some(moved)) => self.share_blob(to, moved)?,
                (None, None) => {}
            }
        }
        let released = relabel.released;
        let extents = released.len() as u64;
        if extents > 0 {
            self.discard(&GarbageRecord::Pieces { extents: released });
        }
        Ok(Reply::Rewritten { extents })
    }

    pub(super) fn settle_sparse(&mut self, command: &SettleSparse) -> Result<Reply, Stop> {
        for blob in &command.blobs {
            let at = key::sparse(*blob);
            if self.get(Space::Garbage, &at)?.is_some() {
                self.remove(Space::Garbage, at);
            }
        }
        Ok(Reply::Done)
    }

    /// What extents in `target` say of their blob; only a table that describes the same bytes will do.
    fn place(&self, source: &BlobRecord, target: &Target) -> Result<Place, Stop> {
        let Target { range, to, new } = target;
        let block_len = u64::from(BLOCK_LEN);
        assert!(range.start().is_multiple_of(block_len), "a target begins with a block");
        let (table, first_block) = match new {
            Some(new) => {
                assert_eq!(new.id, *to, "the file is that of the target");
                match new.table {
                    NewTable::Written(_) => (TableId::of(*to), 0),
                    NewTable::Cloned { table, first_block } => (table, first_block),
                }
            }
            None => {
                let made: Option<BlobRecord> = self.read(Space::Blobs, &key::blob(*to))?;
                let made = made.ok_or(Refusal::NothingToRewrite)?;
                (made.table, made.first_block)
            }
        };
        let left_out = u32::try_from(range.start() / block_len).ok();
        let cloned = left_out.and_then(|blocks| source.first_block.checked_add(blocks));
        let same = (table, Some(first_block)) == (source.table, cloned);
        let ends = range.end() == source.len || range.end().is_multiple_of(block_len);
        if !(same || (table, first_block) == (TableId::of(*to), 0)) || !ends {
            let what = format!("blob {to} cannot take the place of {range:?} of another");
            return Err(StoreError::Corrupt(what).into());
        }
        Ok(Place { range: *range, to: *to, table, first_block })
    }

    /// Changes the record of `owner`, if it is still there and names the blob.
    fn relabel(&mut self, relabel: &mut Relabel, owner: &Owner) -> Result<(), StoreError> {
        match owner {
            Owner::Object { bucket, key } => {
                let at = key::object(*bucket, key);
                if let Some(mut record) = self.read::<ObjectRecord>(Space::Objects, &at)?
                    && let Content::Pieces(PieceList::Short(pieces)) = &mut record.content
                    && self.relabel_pieces(relabel, owner, pieces)?
                {
                    self.write(Space::Objects, at, &record);
                }
            }
            Owner::Version { bucket, key, generation } => {
                let at = key::version(*bucket, key, *generation);
                if let Some(VersionRecord::Object(mut record)) = self.read(Space::Versions, &at)?
                    && let Content::Pieces(PieceList::Short(pieces)) = &mut record.content
                    && self.relabel_pieces(relabel, owner, pieces)?
                {
                    self.write(Space::Versions, at, &VersionRecord::Object(record));
                }
            }
            Owner::Part { manifest, number } => {
                let at = key::part(*manifest, *number);
                if let Some(mut record) = self.read::<PartRecord>(Space::Parts, &at)?
                    && let PieceList::Short(pieces) = &mut record.pieces
                    && self.relabel_pieces(relabel, owner, pieces)?
                {
                    self.write(Space::Parts, at, &record);
                }
            }
            Owner::Page { list, page } => {
                let at = key::page(*list, *page);
                if let Some(mut record) = self.read::<PiecePage>(Space::Pieces, &at)?
                    && self.relabel_pieces(relabel, owner, &mut record.pieces)?
                {
                    self.write(Space::Pieces, at, &record);
                }
            }
        }
        Ok(())
    }

    /// Says whether any of the pieces has moved. Neighbours stay apart, though they may follow each other in their
    /// new blob: no more pieces than before, and page and record need not agree anew.
    fn relabel_pieces(
        &mut self,
        relabel: &mut Relabel,
        owner: &Owner,
        pieces: &mut [Piece],
    ) -> Result<bool, StoreError> {
        let before = pieces.to_vec();
        for piece in pieces.iter_mut() {
            if let Piece::Extent(extent) = piece
                && let Some(moved) = relabel.moved(extent)?
            {
                *extent = moved;
            }
        }
        if before == pieces {
            return Ok(false);
        }
        self.disown(owner, &before);
        self.own(owner, pieces);
        Ok(true)
    }
}
