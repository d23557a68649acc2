//! Room: the node in simulation: the real operations, stages, collector, leases and sweep on simulated disk, store
//! and time, with requests, faults and crashes that a seed draws.
//!
//! `TENON_TEST_SIM_SEEDS` says how many seeds, `TENON_TEST_SEED` which is the first of them; so a failure is replayed by
//! `TENON_TEST_SEED=… TENON_TEST_SIM_SEEDS=1`, with everything that happened if `TENON_TEST_SIM_TRACE` is set.

mod chain;
mod client;
mod clock;
mod coverage;
mod doors;
mod executor;
mod failure;
mod history;
mod keeping;
mod life;
mod oracle;
mod plan;
mod predicates;
mod story;
mod sums;
mod trace;
mod versions;
mod workload;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use meta::memory as store;
use node::disk::memory as disk;

use crate::failure::{Run, run};
use crate::plan::{Plan, Planted};
use crate::trace::Seen;

/// Seeds that are run unless somebody says otherwise.
const SEEDS: u64 = 5_000;

/// So many seeds must show that the workload gets where it should.
const SEEDS_TO_JUDGE: u64 = 3_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

#[test]
fn nothing_is_lost_whatever_happens() {
    node::log::start_into(std::io::sink());
    let first = number("TENON_TEST_SEED").unwrap_or(0);
    let seeds = number("TENON_TEST_SIM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(first);
    let (steps, assembled) = (AtomicU64::new(0), AtomicU64::new(0));
    let seen = Mutex::new(Seen::new());
    let failures = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || !failures.lock().expect("no panic").is_empty() {
                        return;
                    }
                    let Run { steps: made, failure, seen: things, .. } = run(&Plan::of(seed));
                    steps.fetch_add(made, Ordering::Relaxed);
                    let several = things.keys().any(|thing| trace::is_of_several_parts(thing));
                    assembled.fetch_add(u64::from(several), Ordering::Relaxed);
                    let mut seen = seen.lock().expect("no panic");
                    for (thing, times) in things {
                        *seen.entry(thing).or_default() += times;
                    }
                    drop(seen);
                    if let Some(failure) = failure {
                        failures.lock().expect("no panic").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    if let Some(failure) = failures.first() {
        panic!("{}", failure.story());
    }
    let seen = seen.into_inner().expect("no panic");
    for (thing, times) in &seen {
        println!("{times:8} {thing}");
    }
    let assembled = assembled.into_inner();
    println!("{seeds} seeds from {first} on, {} steps", steps.into_inner());
    println!("{assembled} seeds made an object of several parts");
    let enough = assembled * 20 >= seeds;
    assert!(enough || seeds < SEEDS_TO_JUDGE, "the workload hardly ever gets to objects of parts");
    let missing = coverage::missing(&seen);
    println!("{} interleavings of copies were not seen: {missing:#?}", missing.len());
    assert!(missing.is_empty() || seeds < SEEDS_TO_JUDGE, "the workload does not get there");
}

/// What is wrong, and in how many seeds it must have been found.
#[track_caller]
fn is_caught(planted: Planted, within: u64) {
    node::log::start_into(std::io::sink());
    for seed in 0..within {
        if let Some(failure) = run(&Plan::planted(seed, planted)).failure {
            println!("{planted:?}: seed {seed}: {}", failure.predicate());
            return;
        }
    }
    panic!("{planted:?} went unnoticed in {within} seeds");
}

#[test]
fn an_answer_before_the_sync_is_caught() {
    is_caught(Planted::AnswerBeforeSync, 50);
    is_caught(Planted::Disk(disk::Lie::SyncDoesNothing), 50);
}

#[test]
fn a_name_before_the_data_is_caught() {
    is_caught(Planted::NameBeforeData, 50);
}

#[test]
fn a_sync_of_half_of_it_is_caught() {
    is_caught(Planted::Disk(disk::Lie::SyncSkipsFolder), 50);
    is_caught(Planted::Disk(disk::Lie::SyncSkipsBytes), 50);
    is_caught(Planted::Disk(disk::Lie::FolderNotSynced), 100);
    is_caught(Planted::Disk(disk::Lie::SyncHidesErrors), 600);
}

#[test]
fn a_record_that_goes_before_the_unlink_is_durable_is_caught() {
    is_caught(Planted::Disk(disk::Lie::UnlinkNotSynced), 200);
}

#[test]
fn a_store_that_forgets_is_caught() {
    is_caught(Planted::Store(store::Lie::ForgetsAtRestart), 50);
}

#[test]
fn parts_that_go_although_copies_have_them_are_caught() {
    is_caught(Planted::Store(store::Lie::LosesManifestNames), 100);
}

#[test]
fn a_promotion_that_is_forgotten_is_caught() {
    is_caught(Planted::Store(store::Lie::ForgetsPromotions), 200);
}

#[test]
fn a_null_version_beside_a_new_one_is_caught() {
    is_caught(Planted::Store(store::Lie::KeepsOldNulls), 200);
}

#[test]
fn a_version_that_loses_its_owner_is_caught() {
    is_caught(Planted::Store(store::Lie::LosesVersionOwners), 200);
}

#[test]
fn a_lock_that_is_forgotten_is_caught() {
    is_caught(Planted::Store(store::Lie::ForgetsLocks), 200);
}

#[test]
fn an_expiry_of_what_is_the_latest_again_is_caught() {
    is_caught(Planted::ExpiresTheLatest, 600);
}

#[test]
fn a_copy_that_lets_go_of_its_epoch_too_early_is_caught() {
    is_caught(Planted::CopyDropsEpoch, 500);
}

#[test]
fn a_sweep_that_is_too_eager_is_caught() {
    is_caught(Planted::SweepTooEager, 50);
}

#[test]
fn a_collector_that_ignores_epochs_is_caught() {
    is_caught(Planted::CollectorIgnoresEpochs, 500);
}

#[test]
fn md5s_of_streams_mixed_up_are_caught() {
    is_caught(Planted::LanesMixedUp, 100);
}

#[test]
fn a_seed_is_a_run() {
    for seed in 0..40 {
        let (one, other) = (run(&Plan::of(seed)), run(&Plan::of(seed)));
        assert_eq!((one.hash, one.steps), (other.hash, other.steps), "seed {seed}");
    }
    assert_ne!(run(&Plan::of(1)).hash, run(&Plan::of(2)).hash);
}
