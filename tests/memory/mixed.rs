//! Room: what a node holds in memory while everything is done to it at once, for as long as one likes to look.
//!
//! Two nodes with the settings that everybody has, one plain, one with TLS. `TENON_TEST_MIXED_SECONDS`: for how long
//! (default 10); `TENON_TEST_SEED`.
//! Units: MiB.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tenon_tests::node::Node;
use tenon_tests::random::Random;

use crate::MIB;
use crate::client::{Client, Counts, make_ready};

/// Clients of each node.
const CLIENTS: u64 = 6;

/// What a node may take at most.
const SIZE_MAX: f64 = 150.0;

/// What it may come to take, beside RocksDB's cache, after the first half of the time. Requests hold a megabyte or two
/// each, and what the allocators keep of that for the next ones comes and goes.
const GROWTH_MAX: f64 = 16.0;

const SAID_INTERVAL: Duration = Duration::from_secs(15);
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// A node and the most that it was seen to take.
struct Subject {
    what: &'static str,
    node: Node,
    most: f64,
    /// The most beside the cache in each half of the time.
    halves: [f64; 2],
}

impl Subject {
    fn new(what: &'static str, node: Node) -> Self {
        make_ready(&node.s3());
        Self { what, node, most: 0.0, halves: [0.0; 2] }
    }

    fn look(&mut self, half: usize, say: Option<Duration>) {
        let metrics = self.node.metrics();
        let resident = self.node.resident() as f64 / MIB as f64;
        let cached = metrics.sum("tenon_rocksdb_cache_bytes", &[]) / MIB as f64;
        self.most = self.most.max(resident);
        self.halves[half] = self.halves[half].max(resident - cached);
        if let Some(since) = say {
            let requests = metrics.sum("tenon_requests_total", &[]);
            let cpu = metrics.sum("process_cpu_seconds_total", &[]);
            println!(
                "{:3} s, {}: {resident:.0} MiB, {cached:.0} of it in RocksDB's cache; {requests} requests, \
                 {cpu} s of processor time",
                since.as_secs(),
                self.what,
            );
        }
    }

    fn judge(&self) {
        let Self { what, most, halves: [first, second], .. } = self;
        println!("{what}: {most:.0} MiB at most; beside the cache {first:.0}, then {second:.0}");
        assert!(*most <= SIZE_MAX, "{what}: {most} MiB in use, {SIZE_MAX} allowed");
        assert!(
            *second <= first + GROWTH_MAX,
            "{what}: from {first} to {second} MiB beside the cache"
        );
    }
}

fn watch(subjects: &mut [Subject], how_long: Duration, go_on: &AtomicBool) {
    let start = Instant::now();
    let mut said = Duration::ZERO;
    while start.elapsed() < how_long && go_on.load(Ordering::Relaxed) {
        let since = start.elapsed();
        let say = (since >= said).then_some(since);
        if say.is_some() {
            said += SAID_INTERVAL;
        }
        for subject in &mut *subjects {
            subject.node.must_be_running();
            subject.look(usize::from(since * 2 >= how_long), say);
        }
        thread::sleep(LOOK_INTERVAL);
    }
    subjects.iter_mut().for_each(|subject| subject.look(1, Some(start.elapsed())));
}

#[test]
fn memory_stays_flat_under_a_mixed_load() {
    let seconds = env::var("TENON_TEST_MIXED_SECONDS").ok();
    let seconds = seconds.map_or(10, |text| text.parse().expect("the variable is a number"));
    let mut random = Random::from_seed(Random::seed_of_this_run());
    let mut subjects = [
        Subject::new("plain", Node::start("mixed")),
        Subject::new("TLS", Node::start_tls("mixed-tls", &[])),
    ];
    let go_on = AtomicBool::new(true);
    let doors = subjects.each_ref().map(|subject| subject.node.s3());
    let done = thread::scope(|scope| {
        let mut clients = Vec::new();
        for s3 in &doors {
            for number in 0..CLIENTS {
                let client = Client::new(s3, number, random.next_u64());
                let stop = Stop(&go_on);
                clients.push(scope.spawn(|| {
                    let _stop = stop;
                    client.work(&go_on)
                }));
            }
        }
        let stop = Stop(&go_on);
        watch(&mut subjects, Duration::from_secs(seconds), &go_on);
        drop(stop);
        let mut done = Counts::new();
        for client in clients {
            for (what, count) in client.join().expect("a client is content with all answers") {
                *done.entry(what).or_default() += count;
            }
        }
        done
    });
    println!("{done:?}");
    for subject in &mut subjects {
        subject.judge();
        subject.node.stop();
    }
}

/// Ends all clients when it goes, be it in a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
