//! Room: `kill -9` at random moments. This cannot find a missing fsync, for the page cache survives a kill: power
//! cuts do that.
//!
//! `TENON_TEST_KILL_ROUNDS` (default 10), `TENON_TEST_KILL_OPERATIONS` (at most so many between two kills,
//! default 300).

use tenon_tests::node::Node;
use tenon_tests::random::Random;

use crate::crew::Crew;
use crate::{number_from, settings_of};

/// fsck reads every record: not after each kill.
const ROUNDS_BETWEEN_CHECKS: u64 = 4;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let mut random = Random::from_seed(Random::seed_of_this_run());
    let rounds = number_from("TENON_TEST_KILL_ROUNDS", 10);
    let operations_max = number_from("TENON_TEST_KILL_OPERATIONS", 300);
    let mut node = Node::start("kill");
    let s3 = node.s3();
    let mut crew = Crew::gather(&s3, &mut random);

    for round in 1..=rounds {
        let operations = random.within(operations_max.div_ceil(10)..operations_max + 1);
        let acknowledged = crew.work_until(&mut node, operations, |node, _| node.kill());
        if round % ROUNDS_BETWEEN_CHECKS == 0 {
            node.must_be_clean(&[]);
        }
        node.set(settings_of(round));
        node.start_again();
        crew.verify(&s3);
        println!("round {round}: killed after {acknowledged} acknowledged operations, all there");
    }
    node.stop();
    node.must_be_clean(&["--verify"]);
    node.start_again();
    crew.verify(&s3);
    node.stop();
}
