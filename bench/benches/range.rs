//! Room: the price of what a range copy does with records and without bytes: fingerprints, tables, keys.
//!
//! Source of the question: the latency of a copy is to be flat from 1 MiB to 5 GiB, so nothing of it may
//! cost more for a long range than for a short one, the look-ups in its block table least of all.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use meta::extent::{merge, slices};
use meta::fingerprint::{Fingerprint, Running};
use meta::id::{BlobId, BucketId, FolderId, ManifestId, TableId};
use meta::key;
use meta::record::{Extent, Owner, Piece};
use meta::table::{BLOCK_LEN, BlockTable, Edge, TablePage, between};
use protocol::name::ObjectKey;
use protocol::part::PartNumber;
use protocol::range::ByteRange;

const MIB: u64 = 1 << 20;
const LONG: u64 = 5 << 30;

/// A stand-in for the fingerprint of a block: what it is changes no cost.
fn some(number: u64) -> Fingerprint {
    Fingerprint::of(&number.to_le_bytes())
}

/// The table of `len` bytes.
fn table(len: u64) -> BlockTable {
    let mut table = BlockTable::new();
    let whole = len / u64::from(BLOCK_LEN);
    (0..whole).for_each(|number| table.push(some(number), BLOCK_LEN));
    table
}

/// The fingerprint of a range, from the pages at its two ends.
fn look_up(pages: &[TablePage], range: ByteRange, front: Fingerprint) -> Fingerprint {
    let (start, end) = Edge::pair(range).expect("a range in the table");
    let before = |edge: Edge| {
        let page = &pages[usize::try_from(edge.page()).expect("a page in memory")];
        edge.before(page, front).expect("an edge in the table")
    };
    between(before(start), before(end), range.len())
}

fn fingerprints(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fingerprint");
    let bytes = vec![0x5a_u8; 1 << 20];
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("running over 1 MiB", |bencher| {
        bencher.iter(|| {
            let mut running = Running::new();
            running.update(black_box(&bytes));
            running.finish()
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("combine fingerprints");
    let (first, second) = (some(1), some(2));
    for (name, len) in [("64KiB", 64 << 10), ("8MiB", 8 * MIB), ("5GiB+7", LONG + 7)] {
        group.bench_with_input(BenchmarkId::new("then", name), &len, |bencher, len| {
            bencher.iter(|| black_box(first).then(second, black_box(*len)));
        });
        group.bench_with_input(BenchmarkId::new("strip a prefix", name), &len, |bencher, len| {
            bencher.iter(|| black_box(second).strip_prefix(first, black_box(*len)));
        });
    }
    group.finish();
}

fn tables(criterion: &mut Criterion) {
    let table = table(LONG + 16 * MIB);
    let pages = table.pages();
    let mut group = criterion.benchmark_group("block table");
    for (name, len) in [("1MiB", MIB), ("64MiB", 64 * MIB), ("1GiB", 1 << 30), ("5GiB", LONG)] {
        let aligned = ByteRange::new(MIB, MIB + len).expect("a range");
        group.bench_with_input(BenchmarkId::new("aligned range", name), &aligned, |bencher, at| {
            bencher.iter(|| look_up(black_box(pages), *at, Fingerprint::EMPTY));
        });
        let ragged = ByteRange::new(MIB + 1001, MIB + len + 77).expect("a range");
        group.bench_with_input(BenchmarkId::new("ragged range", name), &ragged, |bencher, at| {
            bencher.iter(|| look_up(black_box(pages), *at, some(7)));
        });
    }
    let page = pages[0].encode();
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("encode a page", |bencher| {
        bencher.iter(|| black_box(&pages[0]).encode());
    });
    group.bench_function("decode a page", |bencher| {
        bencher.iter(|| TablePage::decode(black_box(&page)).expect("a page"));
    });
    group.finish();
}

/// An object of so many extents of 8 MiB, no two of one blob.
fn pieces(count: u64) -> Vec<Piece> {
    let piece = |number: u64| {
        let blob = BlobId::new(number);
        let (offset, len, table, first_block) = (0, 8 * MIB, TableId::of(blob), 0);
        let fingerprint = some(number);
        Piece::Extent(Extent { blob, offset, len, table, first_block, fingerprint })
    };
    (0..count).map(piece).collect()
}

fn lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pieces");
    for count in [1, 16, 640] {
        let pieces = pieces(count);
        let range = ByteRange::new(1001, count * 8 * MIB - 77).expect("a range");
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(
            BenchmarkId::new("cut by a range", count),
            &pieces,
            |bencher, all| {
                bencher.iter(|| slices(black_box(all), 0, range));
            },
        );
        group.bench_with_input(BenchmarkId::new("merge", count), &pieces, |bencher, all| {
            bencher.iter_batched(|| all.clone(), merge, criterion::BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn keys(criterion: &mut Criterion) {
    let bucket = BucketId::new(17);
    let name = ObjectKey::parse("backups/2026/11/22/disk-0017.img").expect("a key");
    let manifest = ManifestId::new(1 << 40);
    let number = PartNumber::new(640).expect("a part number");
    let blob = BlobId::in_folder(FolderId::new(9), 77);
    let object = Owner::Object { bucket, key: name.clone() };
    let part = Owner::Part { manifest, number };
    let owned = key::owner(blob, &object);

    let mut group = criterion.benchmark_group("key");
    group.bench_function("object", |bencher| {
        bencher.iter(|| key::object(black_box(bucket), black_box(&name)));
    });
    group.bench_function("part", |bencher| {
        bencher.iter(|| key::part(black_box(manifest), black_box(number)));
    });
    group.bench_function("blob", |bencher| bencher.iter(|| key::blob(black_box(blob))));
    group.bench_function("owner that is a part", |bencher| {
        bencher.iter(|| key::owner(black_box(blob), black_box(&part)));
    });
    group.bench_function("owner that is an object", |bencher| {
        bencher.iter(|| key::owner(black_box(blob), black_box(&object)));
    });
    group.bench_function("read an owner's", |bencher| {
        bencher.iter(|| key::owner_of(black_box(&owned)).expect("an owner"));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = fingerprints, tables, lists, keys
}
criterion_main!(benches);
