//! Room: the price of an MD5, by form and by how many streams are hashed side by side.
//!
//! Source of the question: a stream's MD5 is sequential, so one stream must lose nothing by the lanes, and a few must
//! gain: how many streams it takes decides whether to wait for company.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use node::digest::{Kernel, Lane};

/// What a lane is given before other tasks get a chance.
const BLOCKS: usize = 512;
const STREAMS: [usize; 5] = [1, 2, 4, 8, 16];

fn by_form(criterion: &mut Criterion) {
    let content = |seed: usize| -> Vec<[u8; 64]> {
        let byte = |at: usize| (at * 31 + seed).to_le_bytes()[0];
        (0..BLOCKS).map(|block| std::array::from_fn(|at| byte(block * 64 + at))).collect()
    };
    let contents: Vec<Vec<[u8; 64]>> = (0..16).map(content).collect();
    for kernel in Kernel::all_here() {
        let mut group = criterion.benchmark_group(format!("MD5, {}", kernel.name()));
        for streams in STREAMS {
            group.throughput(Throughput::Bytes((streams * BLOCKS * 64) as u64));
            group.bench_function(BenchmarkId::new("streams", streams), |bencher| {
                let mut states = vec![[1, 2, 3, 4]; streams];
                bencher.iter(|| {
                    let mut lanes: Vec<Lane<'_>> = states
                        .iter_mut()
                        .zip(&contents)
                        .map(|(state, blocks)| Lane { state, blocks: black_box(blocks) })
                        .collect();
                    for lanes in lanes.chunks_mut(kernel.lanes()) {
                        kernel.compress(lanes);
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = by_form
}
criterion_main!(benches);
