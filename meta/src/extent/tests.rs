use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::fingerprint::Running;
use crate::table::between;

fn bytes_of(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect()
}

fn extent_of(bytes: &[u8], offset: usize, len: usize) -> Extent {
    Extent {
        blob: BlobId::new(1),
        offset: offset as u64,
        len: len as u64,
        table: TableId::new(1),
        first_block: 0,
        fingerprint: Fingerprint::of(&bytes[offset..offset + len]),
    }
}

fn inline_of(bytes: &[u8]) -> Piece {
    Piece::Inline { bytes: Bytes::copy_from_slice(bytes), fingerprint: Fingerprint::of(bytes) }
}

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange::new(start, end).expect("a range")
}

#[test]
fn neighbours_become_one_extent() {
    let bytes = bytes_of(100);
    let (a, b) = (extent_of(&bytes, 10, 20), extent_of(&bytes, 30, 40));
    let merged = merge(vec![Piece::Extent(a), Piece::Extent(b)]);
    assert_eq!(merged, [Piece::Extent(extent_of(&bytes, 10, 60))]);
}

#[test]
fn only_neighbours_merge() {
    let bytes = bytes_of(100);
    let a = extent_of(&bytes, 10, 20);
    let strangers = [
        Extent { offset: 31, ..extent_of(&bytes, 30, 20) },
        Extent { blob: BlobId::new(2), ..extent_of(&bytes, 30, 20) },
        Extent { table: TableId::new(2), ..extent_of(&bytes, 30, 20) },
        Extent { first_block: 1, ..extent_of(&bytes, 30, 20) },
        extent_of(&bytes, 0, 10),
    ];
    for stranger in strangers {
        let pieces = vec![Piece::Extent(a), Piece::Extent(stranger)];
        assert_eq!(merge(pieces.clone()), pieces);
    }
    let apart = vec![Piece::Extent(a), inline_of(b"x"), Piece::Extent(extent_of(&bytes, 30, 5))];
    assert_eq!(merge(apart.clone()), apart);
}

#[test]
fn the_number_of_pieces_is_bounded_by_length() {
    assert_eq!(pieces_max(0), 2);
    assert_eq!(pieces_max(1), 4);
    assert_eq!(pieces_max(1 << 20), 4);
    assert_eq!(pieces_max((1 << 20) + 1), 6);
    assert_eq!(pieces_max(5 << 30), 2 + 2 * 5120);
}

#[test]
fn a_whole_piece_keeps_its_fingerprint_and_an_inline_cut_finds_its_own() {
    let bytes = bytes_of(100);
    let extent = Piece::Extent(extent_of(&bytes, 10, 20));
    let [whole] = slices(std::slice::from_ref(&extent), 0, range(0, 20)).try_into().expect("one");
    assert_eq!(whole.cut(), Cut::Known(extent));
    let [part] = slices(&[inline_of(&bytes)], 5, range(7, 9)).try_into().expect("one slice");
    assert_eq!(part.cut(), Cut::Known(inline_of(&bytes[2..4])));
}

/// The fingerprint of any cut of an extent follows from the table and the fronts of the edge blocks.
#[test]
fn a_cut_extent_is_measured_by_its_table() {
    let bytes = bytes_of(300 * 1024 + 77);
    let mut running = Running::new();
    running.update(&bytes);
    let table = running.finish();
    let piece = Piece::Extent(extent_of(&bytes, 1000, bytes.len() - 1000));
    let last = bytes.len() as u64 - 1000;
    for (start, end) in [(1, 2), (0, last - 1), (64536, 130_072), (7, last), (63 << 10, 65 << 10)] {
        let [slice] = slices(std::slice::from_ref(&piece), 0, range(start, end))
            .try_into()
            .expect("one slice");
        let Cut::Unmeasured(cut) = slice.cut() else { panic!("{slice:?} is known") };
        let (from, to) = cut.edges().expect("not empty");
        let before = |edge: Edge| {
            let page = &table.pages()[edge.page() as usize];
            let front = edge.needs(page).expect("within the table") as usize;
            let block = edge.block() as usize * BLOCK_LEN as usize;
            edge.before(page, Fingerprint::of(&bytes[block..block + front])).expect("within")
        };
        let fingerprint = between(before(from), before(to), cut.len);
        let at = usize::try_from(start).expect("small") + 1000;
        let len = usize::try_from(end - start).expect("small");
        assert_eq!(cut.measured(fingerprint), extent_of(&bytes, at, len));
    }
}

#[test]
fn a_clone_counts_from_its_first_block() {
    let extent = Extent { first_block: 3, ..extent_of(&bytes_of(10), 2, 5) };
    assert_eq!(extent.table_range(), range(3 * 65536 + 2, 3 * 65536 + 7));
}

proptest! {
    #[test]
    fn slices_are_exactly_the_range(
        lens in prop::collection::vec(1_usize..9, 0..6), start in 0_u64..5, a in 0_u64..60, b in 0_u64..60,
    ) {
        let whole = bytes_of(lens.iter().sum());
        let mut at = 0;
        let pieces: Vec<Piece> = lens
            .iter()
            .map(|len| {
                at += len;
                inline_of(&whole[at - len..at])
            })
            .collect();
        let asked = range(a.min(b), a.max(b));
        let mut got = Vec::new();
        for slice in slices(&pieces, start, asked) {
            prop_assert!(!slice.is_empty());
            let Cut::Known(Piece::Inline { bytes, fingerprint }) = slice.cut() else {
                panic!("inline bytes are known")
            };
            prop_assert_eq!(fingerprint, Fingerprint::of(&bytes));
            got.extend_from_slice(&bytes);
        }
        let clip = |at: u64| usize::try_from(at.saturating_sub(start)).expect("small").min(whole.len());
        prop_assert_eq!(got, &whole[clip(asked.start())..clip(asked.end())]);
    }

    #[test]
    fn merging_keeps_bytes_and_order(cuts in prop::collection::vec((0_usize..90, 1_usize..10), 1..12)) {
        let bytes = bytes_of(100);
        let pieces: Vec<Piece> =
            cuts.iter().map(|(at, len)| Piece::Extent(extent_of(&bytes, *at, *len))).collect();
        let places = |pieces: &[Piece]| -> Vec<u64> {
            let extents = pieces.iter().filter_map(Piece::extent);
            extents.flat_map(|extent| extent.offset..extent.offset + extent.len).collect()
        };
        let merged = merge(pieces.clone());
        prop_assert_eq!(places(&merged), places(&pieces));
        for piece in &merged {
            let Piece::Extent(extent) = piece else { panic!("all are extents") };
            let at = usize::try_from(extent.offset).expect("small");
            let len = usize::try_from(extent.len).expect("small");
            prop_assert_eq!(*extent, extent_of(&bytes, at, len));
        }
        prop_assert_eq!(merge(merged.clone()), merged);
    }
}
