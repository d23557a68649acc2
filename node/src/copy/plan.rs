//! Room: which ways each piece of a copied range may go, in order of preference. Pure.
//!
//! Invariants: the steps cover the range in order, without gap or overlap; they yield at most
//! `meta::extent::pieces_max(len)` pieces, so that copies of copies of small tails do not grow without bound.
//! Units: bytes.

use meta::extent::{self, PieceSlice};
use meta::record::Piece;

use crate::config::{CopyConfig, Way};
use crate::disk::DiskWays;

/// What decides between the ways: configuration, and what the file system can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The ways that may be used, preferred ones first, and when sharing is worth its space: a small copy shall not
    /// hold the space of a large deleted source back.
    pub config: CopyConfig,
    /// What worked when it was tried at start.
    pub disk: DiskWays,
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
    /// Copy a range of one blob by the first of these ways that is not refused. Reading and writing is what is left
    /// when all of them are.
    Extent {
        /// The range and its blob.
        source: SourceSlice,
        /// The ways to try.
        ways: Vec<Way>,
    },
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
    fn step(&self, source: SourceSlice) -> Step {
        if matches!(source.slice.piece, Piece::Inline { .. }) {
            return Step::Inline(source.slice);
        }
        let ways = self.ways(source.slice.len(), source.blob_len);
        Step::Extent { source, ways }
    }

    /// The ways for a range of `len` bytes of a blob of `blob_len`, best first.
    fn ways(&self, len: u64, blob_len: u64) -> Vec<Way> {
        let mut ways: Vec<Way> = self.usable().collect();
        let place = |wanted| ways.iter().position(|way| *way == wanted);
        if !self.is_worth_sharing(len, blob_len)
            && let (Some(share), Some(reflink)) = (place(Way::Share), place(Way::Reflink))
            && share < reflink
        {
            // A share that would hold much space back is for when no clone is to be had.
            ways[share..=reflink].rotate_left(1);
        }
        ways
    }

    /// Whether an object that is made of parts is copied by naming its parts once more, which holds no more space back
    /// than the object does.
    pub fn shares_parts(&self) -> bool {
        self.usable().next() == Some(Way::Share)
    }

    /// The ways that make a new blob, best first.
    pub fn ways_for_blocks(&self) -> impl Iterator<Item = Way> {
        self.usable().filter(|way| *way != Way::Share)
    }

    /// The ways that are allowed and that the file system knows, best first.
    pub fn usable(&self) -> impl Iterator<Item = Way> {
        self.config.ways.iter().copied().filter(|way| match way {
            Way::Share | Way::Rw => true,
            Way::Reflink => self.disk.clone,
            Way::CopyFileRange => self.disk.copy_file_range,
            Way::Splice => self.disk.splice,
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a fraction of a length; one part in 2^52 is no matter"
    )]
    fn is_worth_sharing(&self, len: u64, blob_len: u64) -> bool {
        let CopyConfig { share_max_blob, share_min_fraction, .. } = self.config;
        blob_len <= share_max_blob || len as f64 >= share_min_fraction * blob_len as f64
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

    const ALL_OF_DISK: DiskWays = DiskWays { clone: true, copy_file_range: true, splice: true };
    const NO_CLONE: DiskWays = DiskWays { clone: false, ..ALL_OF_DISK };
    const NOTHING: DiskWays = DiskWays { clone: false, copy_file_range: false, splice: false };

    fn rules(order: &[Way], disk: DiskWays) -> Rules {
        let ways = order.to_vec();
        let config = CopyConfig {
            ways,
            share_min_fraction: 0.5,
            share_max_blob: 64 * MIB,
            max_object: u64::MAX,
        };
        Rules { config, disk }
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

    fn ways(source: SourceSlice, rules: &Rules) -> Vec<&'static str> {
        match plan(vec![source], rules).as_slice() {
            [Step::Inline(_)] => vec!["inline"],
            [Step::Extent { ways, .. }] => ways.iter().map(|way| way.as_str()).collect(),
            steps => panic!("one piece is one step, not {steps:?}"),
        }
    }

    #[test]
    fn ways_are_tried_in_the_order_of_configuration() {
        use Way::{CopyFileRange, Reflink, Rw, Share, Splice};
        const ALL: [Way; 5] = Way::ALL;
        const GIB: u64 = 1_024 * MIB;
        // (order, what the disk can, length, blob length, ways)
        let table: [(&[Way], DiskWays, u64, u64, &str); 14] = [
            (&ALL, ALL_OF_DISK, MIB, 64 * MIB, "share reflink copy_file_range splice rw"),
            (&ALL, ALL_OF_DISK, MIB, 64 * MIB + 1, "reflink share copy_file_range splice rw"),
            (&ALL, ALL_OF_DISK, 512 * MIB, GIB, "share reflink copy_file_range splice rw"),
            (&ALL, ALL_OF_DISK, 512 * MIB - 1, GIB, "reflink share copy_file_range splice rw"),
            (&ALL, NO_CLONE, MIB, GIB, "share copy_file_range splice rw"),
            (&ALL, NOTHING, MIB, GIB, "share rw"),
            (&[Reflink, Share, Rw], ALL_OF_DISK, MIB, MIB, "reflink share rw"),
            (&[Reflink, Share, Rw], NO_CLONE, MIB, MIB, "share rw"),
            (&[Share, Rw], ALL_OF_DISK, MIB, GIB, "share rw"),
            (&[Reflink, Rw], NO_CLONE, MIB, MIB, "rw"),
            (&[Share, Splice, Reflink, Rw], ALL_OF_DISK, MIB, GIB, "splice reflink share rw"),
            (&[Share, Splice, Reflink, Rw], ALL_OF_DISK, MIB, MIB, "share splice reflink rw"),
            (&[CopyFileRange, Splice, Rw], NO_CLONE, MIB, MIB, "copy_file_range splice rw"),
            (&[Rw], ALL_OF_DISK, MIB, MIB, "rw"),
        ];
        for (order, disk, len, blob_len, expected) in table {
            let found = ways(extent(len, blob_len), &rules(order, disk)).join(" ");
            assert_eq!(found, expected, "{order:?} {disk:?} {len} {blob_len}");
        }
        assert_eq!(ways(inline(10), &rules(&ALL, ALL_OF_DISK)), ["inline"]);
        let blocks: Vec<Way> = rules(&ALL, NO_CLONE).ways_for_blocks().collect();
        assert_eq!(blocks, [CopyFileRange, Splice, Rw], "a share makes no blob");
    }

    #[test]
    fn fragments_are_rewritten_together_when_there_are_too_many() {
        let rules = rules(&Way::ALL, ALL_OF_DISK);
        let mut slices: Vec<_> = (0..20).map(|_| extent(40_000, MIB)).collect();
        slices.insert(7, extent(2 * MIB, 2 * MIB));
        slices.push(inline(10));
        let steps = plan(slices, &rules);
        let shape: Vec<usize> = steps
            .iter()
            .map(|step| match step {
                Step::Write(slices) => slices.len(),
                Step::Inline(_) | Step::Extent { .. } => 1,
            })
            .collect();
        assert_eq!(shape, [7, 1, 14]);
        // As many large pieces as there may be stay as they are.
        let large: Vec<_> = (0..20).map(|_| extent(2 * MIB, 2 * MIB)).collect();
        assert_eq!(plan(large, &rules).len(), 20);
    }
}
