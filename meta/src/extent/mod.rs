//! Room: arithmetic on runs of bytes: cutting pieces by a range, merging neighbours, how many may be.
//!
//! Must not: read the store; what cannot be known without it is handed back as [`Unmeasured`].
//! Invariants: bytes keep their order and their number. No list of pieces is stored anew with two extents that
//! could be one, nor with more pieces than [`pieces_max`] allows. (A rewrite of a blob may bring extents together
//! that were apart, and leaves them two.)
//! Units: bytes, half-open ranges.

use protocol::range::ByteRange;

use crate::fingerprint::Fingerprint;
use crate::id::{BlobId, TableId};
use crate::record::{Extent, Piece};
use crate::table::{BLOCK_LEN, Edge};

/// The most pieces that `len` bytes may lie in. More are to be rewritten into one blob: copies of copies of
/// small tails would grow without bound otherwise.
pub const fn pieces_max(len: u64) -> u64 {
    2 + 2 * len.div_ceil(1 << 20)
}

/// Joins extents that follow each other in one blob.
#[must_use]
pub fn merge(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (merged.last_mut(), piece) {
            (Some(Piece::Extent(before)), Piece::Extent(next)) if before.is_followed_by(&next) => {
                before.fingerprint = before.fingerprint.then(next.fingerprint, next.len);
                before.len += next.len;
            }
            (_, piece) => merged.push(piece),
        }
    }
    merged
}

/// The parts of `pieces` that `range` touches, if the first of them begins at `start`.
#[must_use]
pub fn slices(pieces: &[Piece], start: u64, range: ByteRange) -> Vec<PieceSlice> {
    let mut at = start;
    let mut found = Vec::new();
    for piece in pieces {
        let end = at + piece.len();
        let (from, to) = (range.start().max(at), range.end().min(end));
        if from < to {
            let within = ByteRange::new(from - at, to - at).expect("from is below to");
            found.push(PieceSlice { piece: piece.clone(), within });
        }
        at = end;
    }
    found
}

impl Extent {
    /// Whether `next` holds the bytes that follow this extent's in the same blob.
    pub fn is_followed_by(&self, next: &Self) -> bool {
        self.blob == next.blob
            && self.table == next.table
            && self.first_block == next.first_block
            && self.offset.checked_add(self.len) == Some(next.offset)
    }

    /// Its range in the bytes that its block table describes.
    pub fn table_range(&self) -> ByteRange {
        self.unmeasured().table_range()
    }

    fn unmeasured(&self) -> Unmeasured {
        let Self { blob, offset, len, table, first_block, fingerprint: _ } = *self;
        Unmeasured { blob, offset, len, table, first_block }
    }
}

/// A piece, and which of its bytes are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PieceSlice {
    /// The piece as it is stored.
    pub piece: Piece,
    /// The bytes that are meant, counted from the piece's own beginning; never empty.
    pub within: ByteRange,
}

impl PieceSlice {
    /// How many bytes are meant.
    pub fn len(&self) -> u64 {
        self.within.len()
    }

    /// Never: an empty slice is not made.
    pub fn is_empty(&self) -> bool {
        self.within.is_empty()
    }

    /// Whether all of the piece is meant.
    pub fn is_whole(&self) -> bool {
        self.within.start() == 0 && self.within.end() == self.piece.len()
    }

    /// A piece of its own of exactly the bytes that are meant, as a share of what is there.
    #[must_use]
    pub fn cut(&self) -> Cut {
        match &self.piece {
            piece if self.is_whole() => Cut::Known(piece.clone()),
            Piece::Inline { bytes, .. } => {
                let place = |at| usize::try_from(at).expect("inline bytes are in memory");
                let bytes = bytes.slice(place(self.within.start())..place(self.within.end()));
                let fingerprint = Fingerprint::of(&bytes);
                Cut::Known(Piece::Inline { bytes, fingerprint })
            }
            Piece::Extent(extent) => Cut::Unmeasured(Unmeasured {
                offset: extent.offset + self.within.start(),
                len: self.within.len(),
                ..extent.unmeasured()
            }),
        }
    }
}

/// What [`PieceSlice::cut`] gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cut {
    /// A piece, with its fingerprint.
    Known(Piece),
    /// An extent of which the fingerprint has yet to be found.
    Unmeasured(Unmeasured),
}

/// An extent of which the fingerprint is not known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unmeasured {
    /// The blob.
    pub blob: BlobId,
    /// Where in the blob it begins.
    pub offset: u64,
    /// Its length; never 0.
    pub len: u64,
    /// The block table that describes the blob's bytes.
    pub table: TableId,
    /// The table's block that the blob begins with.
    pub first_block: u32,
}

impl Unmeasured {
    /// Its range in the bytes that its block table describes.
    pub fn table_range(&self) -> ByteRange {
        let start = u64::from(self.first_block) * u64::from(BLOCK_LEN) + self.offset;
        ByteRange::new(start, start + self.len).expect("an extent does not end before it begins")
    }

    /// The two places of the table that tell its fingerprint: [`crate::table::between`] them. `None` if it is
    /// empty or beyond any table, which no stored extent is.
    pub fn edges(&self) -> Option<(Edge, Edge)> {
        Edge::pair(self.table_range())
    }

    /// The extent, once its fingerprint is found.
    pub fn measured(self, fingerprint: Fingerprint) -> Extent {
        let Self { blob, offset, len, table, first_block } = self;
        Extent { blob, offset, len, table, first_block, fingerprint }
    }
}

#[cfg(test)]
mod tests;
