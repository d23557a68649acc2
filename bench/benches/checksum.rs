//! Room: the price of a digest over bytes, and of a checksum that is made without them.
//!
//! Source of the question: a range copy combines one stored CRC per 64 KiB block, so combining must cost
//! nothing beside reading the bytes; a client waits for one stream's MD5 or SHA, so their speed is a limit.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use protocol::checksum::{ChecksumAlgorithm, Hasher};
use protocol::crc;

const BLOCK_LEN: usize = 64 << 10;

/// Lengths of a second part: a block, a usual part, and more than any part, with no round number of bits.
const COMBINED_LENS: [(&str, u64); 3] =
    [("4KiB", 4 << 10), ("8MiB", 8 << 20), ("5GiB+7", (5 << 30) + 7)];

fn digests(criterion: &mut Criterion) {
    let block: Vec<u8> = (0..BLOCK_LEN).map(|index| (index % 251).to_le_bytes()[0]).collect();
    let mut group = criterion.benchmark_group("digest of 64 KiB");
    group.throughput(Throughput::Bytes(u64::try_from(BLOCK_LEN).expect("fits")));
    for algorithm in ChecksumAlgorithm::ALL {
        group.bench_function(algorithm.name(), |bencher| {
            bencher.iter(|| {
                let mut hasher = Hasher::new(algorithm);
                hasher.update(black_box(&block));
                hasher.finish()
            });
        });
    }
    group.finish();
}

/// The three CRCs of one block, as a fingerprint takes them.
fn fingerprint(criterion: &mut Criterion) {
    let block = vec![0x5a_u8; BLOCK_LEN];
    let mut group = criterion.benchmark_group("fingerprint");
    group.throughput(Throughput::Bytes(u64::try_from(BLOCK_LEN).expect("fits")));
    group.bench_function("three CRCs of 64 KiB", |bencher| {
        bencher.iter(|| {
            let bytes = black_box(&*block);
            (crc::crc64nvme(bytes), crc::crc32c(bytes), crc::crc32(bytes))
        });
    });
    group.finish();
}

fn combining(criterion: &mut Criterion) {
    let (first, second) = (0x0123_4567_89ab_cdef_u64, 0xfedc_ba98_7654_3210_u64);
    let (low_first, low_second) = (0x0123_4567_u32, 0x89ab_cdef_u32);
    let mut group = criterion.benchmark_group("combine");
    for (name, len) in COMBINED_LENS {
        group.bench_with_input(BenchmarkId::new("CRC64NVME", name), &len, |bencher, len| {
            bencher.iter(|| crc::crc64nvme_combine(black_box(first), second, black_box(*len)));
        });
        group.bench_with_input(BenchmarkId::new("CRC32C", name), &len, |bencher, len| {
            bencher.iter(|| crc::crc32c_combine(black_box(low_first), low_second, black_box(*len)));
        });
        group.bench_with_input(BenchmarkId::new("CRC32", name), &len, |bencher, len| {
            bencher.iter(|| crc::crc32_combine(black_box(low_first), low_second, black_box(*len)));
        });
        group.bench_with_input(BenchmarkId::new("strip a prefix", name), &len, |bencher, len| {
            bencher.iter(|| crc::crc64nvme_strip_prefix(black_box(first), second, black_box(*len)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = digests, fingerprint, combining
}
criterion_main!(benches);
