//! Room: which way each piece of a copied range goes. Pure.
//!
//! Invariants: the steps cover the range in order, without gap or overlap; they yield at most
//! `meta::extent::pieces_max(len)` pieces, so that copies of copies of small tails do not grow without bound.
//! Units: bytes.

use meta::extent::{self, PieceSlice};
use meta::record::Piece;

use crate::config::Way;

/// What decides between the ways: configuration, and what the file system can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The ways that may be used, preferred ones first. `Rw` ends every order.
    pub order: Vec<Way>,
    /// A blob larger than `share_max_blob` is shared only by ranges of at least this fraction of it, so that a
    /// small copy does not hold the space of a large deleted source back. 0 to 1.
    pub share_min_fraction: f64,
    /// Blobs up to this length are shared whatever the range.
    pub share_max_blob: u64,
    /// Whether the file system clones ranges.
    pub can_clone: bool,
}

/// One piece of the source range, with the padded length of its blob (0 for inline bytes).
#[derive(Debug, Clone)]
pub struct SourceSlice {
    /// The piece and the range inside it.
    pub slice: PieceSlice,
    /// The length of the blob's file.
    pub blob_len: u64,
}

/// One step of a copy.
#[derive(Debug, Clone)]
pub enum Step {
    /// Bytes that live inside a record stay there.
    Inline(PieceSlice),
    /// Name the blob once more.
    Share(PieceSlice),
    /// Clone the enclosing block range of a blob of this length into a new blob.
    Reflink(PieceSlice, u64),
    /// Read these and write them into one new blob, or inline where they are few bytes.
    Write(Vec<PieceSlice>),
}

/// Pieces below this length count as fragments: neighbours of that kind are rewritten as one.
/// A megabyte is what the bound of `meta::extent::pieces_max` counts in.
const FRAGMENT_LEN: u64 = 1 << 20;

/// Decides the steps of a copy of `slices`.
pub fn plan(slices: Vec<SourceSlice>, rules: &Rules) -> Vec<Step> {
    let len = slices.iter().map(|source| source.slice.len()).sum();
    if slices.len() as u64 <= extent::pieces_max(len) {
        return slices.into_iter().map(|source| rules.step(source)).collect();
    }
    let mut steps = Vec::new();
    let mut fragments = Vec::new();
    for source in slices {
        if source.slice.len() < FRAGMENT_LEN {
            fragments.push(source);
        } else {
            rules.settle(&mut fragments, &mut steps);
            steps.push(rules.step(source));
        }
    }
    rules.settle(&mut fragments, &mut steps);
    steps
}

impl Rules {
    /// The first way of the order that fits the piece.
    fn step(&self, source: SourceSlice) -> Step {
        let SourceSlice { slice, blob_len } = source;
        if matches!(slice.piece, Piece::Inline { .. }) {
            return Step::Inline(slice);
        }
        let fits = |way: &&Way| match way {
            Way::Share => !self.cloning() || self.is_worth_sharing(slice.len(), blob_len),
            Way::Reflink => self.can_clone,
            Way::Rw => true,
        };
        match self.order.iter().find(fits) {
            Some(Way::Share) => Step::Share(slice),
            Some(Way::Reflink) => Step::Reflink(slice, blob_len),
            Some(Way::Rw) | None => Step::Write(vec![slice]),
        }
    }

    /// Whether a clone could take the place of sharing.
    fn cloning(&self) -> bool {
        self.can_clone && self.order.contains(&Way::Reflink)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a fraction of a length; one part in 2^52 is no matter"
    )]
    fn is_worth_sharing(&self, len: u64, blob_len: u64) -> bool {
        blob_len <= self.share_max_blob || len as f64 >= self.share_min_fraction * blob_len as f64
    }

    /// The way after a clone that the file system refused.
    pub fn after_refused_clone(&self) -> Way {
        if self.order.contains(&Way::Share) { Way::Share } else { Way::Rw }
    }

    fn settle(&self, fragments: &mut Vec<SourceSlice>, steps: &mut Vec<Step>) {
        match fragments.len() {
            0 => {}
            1 => steps.extend(fragments.drain(..).map(|source| self.step(source))),
            _ => steps.push(Step::Write(fragments.drain(..).map(|source| source.slice).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use meta::fingerprint::Fingerprint;
    use meta::id::{BlobId, TableId};
    use meta::record::Extent;
    use protocol::range::ByteRange;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn rules(order: &[Way], can_clone: bool) -> Rules {
        Rules {
            order: order.to_vec(),
            share_min_fraction: 0.5,
            share_max_blob: 64 * MIB,
            can_clone,
        }
    }

    fn extent(len: u64, blob_len: u64) -> SourceSlice {
        let extent = Extent {
            blob: BlobId::new(1),
            offset: 0,
            len,
            table: TableId::new(1),
            first_block: 0,
            fingerprint: Fingerprint::EMPTY,
        };
        let slice = PieceSlice { piece: Piece::Extent(extent), within: ByteRange::whole(len) };
        SourceSlice { slice, blob_len }
    }

    fn inline(len: usize) -> SourceSlice {
        let bytes = Bytes::from(vec![7; len]);
        let fingerprint = Fingerprint::of(&bytes);
        let within = ByteRange::whole(len as u64);
        let slice = PieceSlice { piece: Piece::Inline { bytes, fingerprint }, within };
        SourceSlice { slice, blob_len: 0 }
    }

    fn way(source: SourceSlice, rules: &Rules) -> &'static str {
        match plan(vec![source], rules).as_slice() {
            [Step::Inline(_)] => "inline",
            [Step::Share(_)] => "share",
            [Step::Reflink(..)] => "reflink",
            [Step::Write(_)] => "rw",
            _ => "several",
        }
    }

    #[test]
    fn the_first_way_that_fits_is_taken() {
        const ALL: [Way; 3] = Way::ALL;
        // (order, can clone, length, blob length, way)
        let table: [(&[Way], bool, u64, u64, &str); 10] = [
            (&ALL, true, MIB, 64 * MIB, "share"),
            (&ALL, true, MIB, 64 * MIB + 1, "reflink"),
            (&ALL, true, 512 * MIB, 1_024 * MIB, "share"),
            (&ALL, true, 512 * MIB - 1, 1_024 * MIB, "reflink"),
            (&ALL, false, MIB, 1_024 * MIB, "share"),
            (&[Way::Reflink, Way::Share, Way::Rw], true, MIB, MIB, "reflink"),
            (&[Way::Reflink, Way::Share, Way::Rw], false, MIB, MIB, "share"),
            (&[Way::Share, Way::Rw], true, MIB, 1_024 * MIB, "share"),
            (&[Way::Reflink, Way::Rw], false, MIB, MIB, "rw"),
            (&[Way::Rw], true, MIB, MIB, "rw"),
        ];
        for (order, can_clone, len, blob_len, expected) in table {
            let rules = rules(order, can_clone);
            assert_eq!(way(extent(len, blob_len), &rules), expected, "{order:?} {len} {blob_len}");
        }
        assert_eq!(way(inline(10), &rules(&ALL, true)), "inline");
    }

    #[test]
    fn fragments_are_rewritten_together_when_there_are_too_many() {
        let rules = rules(&Way::ALL, true);
        let mut slices: Vec<_> = (0..20).map(|_| extent(40_000, MIB)).collect();
        slices.insert(7, extent(2 * MIB, 2 * MIB));
        slices.push(inline(10));
        let steps = plan(slices, &rules);
        let shape: Vec<usize> = steps
            .iter()
            .map(|step| match step {
                Step::Write(slices) => slices.len(),
                Step::Inline(_) | Step::Share(_) | Step::Reflink(..) => 1,
            })
            .collect();
        assert_eq!(shape, [7, 1, 14]);
        // As many large pieces as there may be stay as they are.
        let large: Vec<_> = (0..20).map(|_| extent(2 * MIB, 2 * MIB)).collect();
        assert_eq!(plan(large, &rules).len(), 20);
    }
}
