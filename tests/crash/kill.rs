//! Room: `kill -9` at random moments under load, then a ledger of what had been acknowledged.
//!
//! Everything answered 200 is there and byte-equal; a request without an answer has happened wholly or not at
//! all. This cannot find a missing fsync, for the page cache survives a kill: power cuts do that.
//! `TENON_TEST_KILL_ROUNDS` (default 10), `TENON_TEST_KILL_OPERATIONS` (at most so many between two kills,
//! default 300), `TENON_TEST_SEED`.

mod ledger;
mod load;

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tenon_tests::client::{S3, create_bucket};
use tenon_tests::node::Node;
use tenon_tests::random::Random;

use crate::load::{Sources, Worker};

const WORKERS: u64 = 6;
const OPERATIONS_WITHIN: Duration = Duration::from_secs(120);

/// What the workers of a round and the one who kills tell each other.
struct Round {
    /// Acknowledged operations.
    acknowledged: AtomicU64,
    /// From here on a broken connection is no surprise.
    killing: AtomicBool,
}

fn number_from(variable: &str, default: u64) -> u64 {
    match env::var(variable) {
        Ok(text) => text.parse().expect("the variable is a number"),
        Err(_) => default,
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let mut random = Random::from_seed(Random::seed_of_this_run());
    let rounds = number_from("TENON_TEST_KILL_ROUNDS", 10);
    let operations_max = number_from("TENON_TEST_KILL_OPERATIONS", 300);
    let mut node = Node::start("kill");
    let s3 = node.s3();
    let created = s3.call(&create_bucket("kill")).expect("the node answers");
    assert_eq!(created.status, 200, "{}", created.text());
    let sources = Sources::put(&s3);
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|number| Worker::new(number, random.next_u64())).collect();

    for number in 1..=rounds {
        let operations = random.within(operations_max.div_ceil(10)..operations_max + 1);
        let acknowledged = load_and_kill(&mut node, &s3, &sources, &mut workers, operations);
        node.start_again();
        verify(&s3, &sources, &mut workers);
        println!("round {number}: killed after {acknowledged} acknowledged operations, all there");
    }
    node.stop();
    node.start_again();
    verify(&s3, &sources, &mut workers);
    node.stop();
}

/// Lets the workers work until `operations` have been acknowledged, then kills the node under them.
fn load_and_kill(
    node: &mut Node,
    s3: &S3,
    sources: &Sources,
    workers: &mut [Worker],
    operations: u64,
) -> u64 {
    let round = Round { acknowledged: AtomicU64::new(0), killing: AtomicBool::new(false) };
    thread::scope(|scope| {
        for worker in workers.iter_mut() {
            let round = &round;
            scope.spawn(move || worker.work_until_cut(s3, sources, round));
        }
        let deadline = Instant::now() + OPERATIONS_WITHIN;
        while round.acknowledged.load(Ordering::Relaxed) < operations {
            node.must_be_running();
            assert!(Instant::now() < deadline, "the load does not get on");
            thread::sleep(Duration::from_micros(200));
        }
        round.killing.store(true, Ordering::SeqCst);
        node.kill();
    });
    round.acknowledged.into_inner()
}

fn verify(s3: &S3, sources: &Sources, workers: &mut [Worker]) {
    sources.must_be_whole(s3);
    thread::scope(|scope| {
        for worker in workers.iter_mut() {
            scope.spawn(move || worker.verify(s3));
        }
    });
}
