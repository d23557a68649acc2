//! Room: a day's worth of changes in fast motion, and then: does the node give back what no object needs?
//!
//! On an XFS of its own, so that the file system itself says what is in use; without a restart of the node. Once
//! with the ways of copying that the node prefers, once with a clone for each copy.
//! `TENON_TEST_CHURN_OPERATIONS` (requests of each run, default 3000), `TENON_TEST_SEED`.

mod need;
mod worker;

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tenon_tests::client::{Call, S3, create_bucket};
use tenon_tests::loop_mount::{FileSystem, LoopMount};
use tenon_tests::node::Node;
use tenon_tests::random::Random;
use tenon_tests::skip::skip;

use crate::need::Need;
use crate::worker::{Counts, SOURCE, Worker, source};

const IMAGE_LEN: u64 = 6 << 30;
const WORKERS: u64 = 8;
const MIB: f64 = (1 << 20) as f64;

/// Used space may differ from the need by one part in so many.
const TOLERANCE_DIVISOR: u64 = 50;

/// So long may the node take to give everything back.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Readings in a row after which nothing more is expected to come back.
const UNCHANGED_READINGS: u32 = 10;

/// What the node and its file system hold at one moment. Units: bytes.
#[derive(Clone, Copy)]
struct Held {
    /// What the file system calls used, beyond what it needed when it was empty and what lies outside `blobs`.
    used: u64,
    /// Blocks of the files in `blobs`; those that several share count several times.
    allocated: u64,
    /// Files in `blobs`.
    files: u64,
    /// Folders in `blobs`.
    folders: u64,
    /// RocksDB's files.
    metadata: u64,
}

impl Held {
    fn now(mount: &LoopMount, data: &Path, empty: u64) -> Self {
        let (blobs, all) = (Usage::of(&data.join("blobs")), Usage::of(data));
        let (free, total) = mount.space();
        Self {
            used: (total - free).saturating_sub(empty + (all.allocated - blobs.allocated)),
            allocated: blobs.allocated,
            files: blobs.files,
            folders: blobs.folders,
            metadata: Usage::of(&data.join("meta")).allocated,
        }
    }
}

/// What the files below a folder take.
#[derive(Default)]
struct Usage {
    allocated: u64,
    files: u64,
    folders: u64,
}

impl Usage {
    fn of(folder: &Path) -> Self {
        let mut usage = Self::default();
        usage.add(folder);
        usage
    }

    /// Files come and go meanwhile: what is gone takes nothing.
    fn add(&mut self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let Ok(facts) = entry.metadata() else { continue };
            self.allocated += facts.blocks() * 512;
            if facts.is_dir() {
                self.folders += 1;
                self.add(&entry.path());
            } else {
                self.files += 1;
            }
        }
    }
}

fn churn(name: &str, settings: &[(&str, &str)], needed: fn(&Need) -> u64) {
    let mut random = Random::from_seed(Random::seed_of_this_run());
    let requests = match env::var("TENON_TEST_CHURN_OPERATIONS") {
        Ok(text) => text.parse().expect("the variable is a number"),
        Err(_) => 3000,
    };
    let mount = match LoopMount::new(FileSystem::Xfs, IMAGE_LEN) {
        Ok(mount) => mount,
        Err(why) => return skip("churn on XFS", &why),
    };
    let (free, total) = mount.space();
    let mut node = Node::start_with("churn", Some(&mount.path().join("data")), settings);
    let s3 = node.s3();
    put_source(&s3);

    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|number| Worker::new(number, random.next_u64())).collect();
    let start = Instant::now();
    thread::scope(|scope| {
        for worker in &mut workers {
            scope.spawn(|| worker.work(&s3, requests / WORKERS));
        }
    });
    let worked = start.elapsed();
    let mut need = Need::default();
    need.written(1, source().len());
    need.reachable(&source());
    workers.iter().for_each(|worker| worker.add_to(&mut need));

    let needed = needed(&need);
    let start = Instant::now();
    let held = settled(&mount, &mut node, total - free, needed + needed / TOLERANCE_DIVISOR);
    print_table(name, &workers, worked, start.elapsed(), &need, needed, held);
    for figure in ["tenon_blob_bytes", "tenon_slack_bytes", "tenon_rewritten_bytes_total"] {
        println!("{:12.2}  MiB {figure}", node.metrics().sum(figure, &[]) / MIB);
    }
    let tolerated = needed - needed / TOLERANCE_DIVISOR..=needed + needed / TOLERANCE_DIVISOR;
    assert!(tolerated.contains(&held.used), "{} bytes used, {needed} needed", held.used);

    workers.iter().for_each(|worker| worker.verify(&s3));
    node.stop();
    node.must_be_clean(&["--verify"]);
}

/// What is held once it is no more than `enough` and does not shrink any further, or when the time is up.
fn settled(mount: &LoopMount, node: &mut Node, empty: u64, enough: u64) -> Held {
    let deadline = Instant::now() + GIVEN_BACK_WITHIN;
    let mut before = Held::now(mount, node.data(), empty);
    let mut unchanged = 0;
    while unchanged < UNCHANGED_READINGS && Instant::now() < deadline {
        node.must_be_running();
        thread::sleep(POLL_INTERVAL);
        let now = Held::now(mount, node.data(), empty);
        unchanged = if now.used <= enough && now.used >= before.used { unchanged + 1 } else { 0 };
        before = now;
    }
    before
}

fn put_source(s3: &S3) {
    let created = s3.call(&create_bucket("churn")).expect("the node answers");
    assert_eq!(created.status, 200, "{}", created.text());
    let mut session = s3.session().expect("the node listens");
    let put = session.put(Call::new("PUT", SOURCE), &source()).expect("the node answers");
    assert_eq!(put.status, 200, "{}", put.text());
}

fn print_table(
    name: &str,
    workers: &[Worker],
    worked: Duration,
    given_back: Duration,
    need: &Need,
    needed: u64,
    held: Held,
) {
    let mut done = Counts::new();
    for (what, count) in workers.iter().flat_map(|worker| &worker.done) {
        *done.entry(what).or_default() += count;
    }
    println!("{name}: {} requests in {worked:.1?}", done.values().sum::<u64>());
    for (what, count) in done {
        println!("{count:12}  {what}");
    }
    let sent = workers.iter().map(|worker| worker.sent_len).sum();
    for (what, len) in [
        ("bytes sent", sent),
        ("distinct bytes of live objects", need.distinct()),
        ("needed for them", needed),
        ("used, as the file system says", held.used),
        ("allocated by blob files", held.allocated),
        ("RocksDB, apart", held.metadata),
    ] {
        println!("{:12.2}  MiB {what}", mib(len));
    }
    let ratio = 100.0 * mib(held.used) / mib(needed);
    println!("{ratio:12.2}  % used of what is needed, {given_back:.1?} after the last request");
    println!("{:12}  files in {} folders", held.files, held.folders);
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn mib(len: u64) -> f64 {
    len as f64 / MIB
}

#[test]
fn space_comes_back_where_copies_share_files() {
    churn("sharing", &[], Need::by_sharing);
}

#[test]
fn space_comes_back_where_copies_are_clones() {
    churn("cloning", &[("TENON_COPY_ORDER", "reflink,share,rw")], Need::by_cloning);
}
