//! Room: the workers of a load, and the round in which they work until something ends the node under them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tenon_tests::client::{S3, create_bucket};
use tenon_tests::node::Node;
use tenon_tests::random::Random;

use crate::keeper::Keeper;
use crate::load::Worker;
use crate::sources::Sources;

const WORKERS: u64 = 6;
const OPERATIONS_WITHIN: Duration = Duration::from_secs(120);
const WORKERS_END_WITHIN: Duration = Duration::from_secs(60);

/// What the workers of a round and the one who crashes the node tell each other.
#[derive(Default)]
pub(crate) struct Round {
    /// Acknowledged operations.
    acknowledged: AtomicU64,
    /// Workers that have got no answer, or one that is an error.
    ended: AtomicU64,
    /// From here on that is no surprise.
    crashing: AtomicBool,
    /// From here on an answer is one that no client would see if the power were really gone.
    cut: AtomicBool,
}

impl Round {
    /// One more operation was acknowledged.
    pub(crate) fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the node may fail now.
    pub(crate) fn is_crashing(&self) -> bool {
        self.crashing.load(Ordering::SeqCst)
    }

    /// The power goes now.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Whether the power is going or gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Waits until every worker has been refused or cut off. None may wait for ever.
    pub(crate) fn wait_for_workers(&self) {
        let deadline = Instant::now() + WORKERS_END_WITHIN;
        // The workers, and the keeper.
        while self.ended.load(Ordering::SeqCst) < WORKERS + 1 {
            assert!(Instant::now() < deadline, "the node neither answers nor ends");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// All workers, and what they copy from.
pub(crate) struct Crew {
    sources: Sources,
    workers: Vec<Worker>,
    keeper: Keeper,
}

impl Crew {
    /// Stores the sources; each worker's choices come from `random`.
    pub(crate) fn gather(s3: &S3, random: &mut Random) -> Self {
        let created = s3.call(&create_bucket("crash")).expect("the node answers");
        assert_eq!(created.status, 200, "{}", created.text());
        let workers = (0..WORKERS).map(|number| Worker::new(number, random.next_u64())).collect();
        let keeper = Keeper::new(s3, random.next_u64());
        Self { sources: Sources::put(s3), workers, keeper }
    }

    /// Lets the workers work until `operations` have been acknowledged, then lets `crash` end the node under
    /// them. Returns how many were acknowledged in the end.
    pub(crate) fn work_until(
        &mut self,
        node: &mut Node,
        operations: u64,
        crash: impl FnOnce(&mut Node, &Round),
    ) -> u64 {
        let (s3, sources, round) = (node.s3(), &self.sources, Round::default());
        thread::scope(|scope| {
            let (s3, round) = (&s3, &round);
            for worker in &mut self.workers {
                scope.spawn(move || {
                    worker.work_until_cut(s3, sources, round);
                    round.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
            let keeper = &mut self.keeper;
            scope.spawn(move || {
                keeper.work_until_cut(s3, round);
                round.ended.fetch_add(1, Ordering::SeqCst);
            });
            let deadline = Instant::now() + OPERATIONS_WITHIN;
            while round.acknowledged.load(Ordering::Relaxed) < operations {
                node.must_be_running();
                if Instant::now() >= deadline {
                    // The workers go on until it ends, and are waited for.
                    node.kill();
                    panic!("the load does not get on");
                }
                thread::sleep(Duration::from_micros(200));
            }
            round.crashing.store(true, Ordering::SeqCst);
            crash(node, round);
        });
        round.acknowledged.into_inner()
    }

    /// Holds the node to everything that it has acknowledged.
    pub(crate) fn verify(&mut self, s3: &S3) {
        self.sources.must_be_whole(s3);
        thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(move || worker.verify(s3));
            }
            let keeper = &mut self.keeper;
            scope.spawn(move || keeper.verify(s3));
        });
    }
}
