//! Room: power cuts on XFS and ext4 of our own: what nobody has synced is gone, then the ledger is read.
//!
//! In half of the cuts all of the node stands still when the power goes: what was answered was answered before, and
//! must be there. In the others it lives on, on a file system on which every call fails: it may answer errors or end,
//! with a reason in its log. What it answers then is in doubt, as no client of a host without power would see it: XFS
//! and ext4, shut down in the middle of an fdatasync, report success now and then and keep nothing (seen with a bare
//! loop of writes in one of five cuts).
//! `TENON_TEST_POWER_ROUNDS` (of each kind, default 6), `TENON_TEST_POWER_OPERATIONS` (at most so many between two
//! cuts, default 120).

use std::path::Path;
use std::thread;
use std::time::Duration;

use tenon_tests::loop_mount::{FileSystem, LoopMount, PowerCut};
use tenon_tests::node::Node;
use tenon_tests::random::Random;
use tenon_tests::scratch::Scratch;
use tenon_tests::skip::skip;

use crate::crew::{Crew, Round};
use crate::{number_from, settings_of};

const IMAGE_LEN: u64 = 4 << 30;

/// Every so many rounds fsck reads all bytes too.
const ROUNDS_BETWEEN_FULL_CHECKS: u64 = 3;

/// How a round ends.
struct Crash {
    cut: PowerCut,
    /// How long after the last acknowledgement that was waited for.
    after: Duration,
    /// Whether the node is left alone on its dead file system until no worker gets an answer any more.
    lives_on: bool,
}

impl Crash {
    fn draw(random: &mut Random, may_live_on: bool) -> Self {
        Self {
            cut: if random.chance(75) { PowerCut::LosesLog } else { PowerCut::KeepsLog },
            after: Duration::from_micros(random.within(0..5000)),
            lives_on: may_live_on && random.chance(50),
        }
    }

    fn strike(&self, mount: &LoopMount, node: &mut Node, round: &Round) {
        thread::sleep(self.after);
        let log_len = node.log().len();
        if !self.lives_on {
            node.freeze();
            mount.power_cut(self.cut);
            return node.kill();
        }
        round.cut();
        mount.power_cut(self.cut);
        round.wait_for_workers();
        if let Some(status) = node.kill_if_running() {
            let log = node.log();
            let last_words = &log[log_len..];
            assert!(status.code().is_some(), "no orderly end: {status}: {last_words}");
            assert!(last_words.contains(" level=error "), "ended without a reason: {last_words}");
        }
    }
}

fn power_cuts_on(kind: FileSystem, metadata: Option<&Path>) {
    let mut random = Random::from_seed(Random::seed_of_this_run());
    let rounds = number_from("TENON_TEST_POWER_ROUNDS", 6);
    let operations_max = number_from("TENON_TEST_POWER_OPERATIONS", 120);
    let mut mount = match LoopMount::new(kind, IMAGE_LEN) {
        Ok(mount) => mount,
        Err(why) => return skip(&format!("power cuts on {kind}"), &why),
    };
    let metadata = metadata.map(|path| ("TENON_META_DIR", path.to_str().expect("plain")));
    let settings_of =
        |round| -> Vec<_> { settings_of(round).iter().copied().chain(metadata).collect() };
    let mut node = Node::start_with("power", Some(&mount.path().join("data")), &settings_of(0));
    let s3 = node.s3();
    let mut crew = Crew::gather(&s3, &mut random);

    for round in 1..=rounds {
        let operations = random.within(1..operations_max + 1);
        // A node that believes in a sync which kept nothing would write so elsewhere, where it stays.
        let crash = Crash::draw(&mut random, metadata.is_none());
        let acknowledged = crew.work_until(&mut node, operations, |node, round| {
            crash.strike(&mount, node, round);
        });
        mount.remount();
        let full = round % ROUNDS_BETWEEN_FULL_CHECKS == 0;
        node.must_be_clean(if full { &["--verify"] } else { &[] });
        node.set(&settings_of(round));
        node.start_again();
        crew.verify(&s3);
        println!(
            "{kind} round {round}: power cut after {acknowledged} acknowledged operations, all there"
        );
    }
    node.stop();
    node.must_be_clean(&["--verify"]);
    node.start_again();
    crew.verify(&s3);
    node.stop();
}

#[test]
fn what_was_acknowledged_survives_power_cuts_on_xfs() {
    power_cuts_on(FileSystem::Xfs, None);
}

#[test]
fn what_was_acknowledged_survives_power_cuts_on_ext4() {
    power_cuts_on(FileSystem::Ext4, None);
}

/// Beside the data, each sync of RocksDB's log makes XFS write its own log, which brings the names of new files with
/// it. Elsewhere it does not: here a blob or a folder that nobody has synced is missed.
#[test]
fn what_was_acknowledged_survives_power_cuts_of_the_data_alone() {
    let metadata = Scratch::new("power-metadata");
    power_cuts_on(FileSystem::Xfs, Some(&metadata.path().join("meta")));
}
