//! Room: contests: 100 clients write one key at once, each on the condition that it is absent. One of them is
//! answered 200, all others 412, and what the key names from then on is the winner's, whole.

use std::sync::Barrier;
use std::thread;

use tenon_tests::client::{
    Call, S3, abort_upload, complete_upload, copy_object, create_bucket, create_upload,
    put_versioning, upload_part,
};
use tenon_tests::http::Reply;
use tenon_tests::node::Node;

use crate::{etag, must, number_from, send};

const CLIENTS: usize = 100;

/// What client `number` writes in `round`: every second one more than fits into a record.
fn content(round: usize, number: usize) -> Vec<u8> {
    let line = format!("round {round} client {number}\n").into_bytes();
    if number.is_multiple_of(2) { line } else { line.repeat(2500) }
}

fn rounds() -> usize {
    number_from("TENON_TEST_CONCURRENCY_ROUNDS", 3)
}

fn path(round: usize) -> String {
    format!("/contest/key-{round}")
}

/// What a client does before the start of a round, and its request in it.
type Prepare = fn(&S3, round: usize, number: usize) -> Call;

/// The answers of all clients, by number. They send at the same moment, as near as a host can.
fn round_of(s3: &S3, round: usize, prepare: Prepare) -> Vec<Reply> {
    let start = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        let start = &start;
        let client = |number| {
            scope.spawn(move || {
                let call = prepare(s3, round, number).header("if-none-match", "*");
                let mut session = s3.session().expect("the node listens");
                start.wait();
                session.call(&call).expect("the node answers")
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    })
}

/// Who won. All others were told why they did not.
fn winner(answers: &[Reply]) -> usize {
    let won: Vec<usize> = (0..CLIENTS).filter(|at| answers[*at].status == 200).collect();
    let told = answers.iter().filter(|answer| {
        answer.status == 412
            && answer.text().contains("<Code>PreconditionFailed</Code>")
            && answer.text().contains("<Condition>If-None-Match</Condition>")
    });
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!((won.len(), told.count()), (1, CLIENTS - 1), "{statuses:?}");
    won[0]
}

/// Rounds on keys of their own. `after` looks around behind each of them; in the end, and after a restart, each key
/// has what its winner wrote.
fn contest(
    mut node: Node,
    prepare: Prepare,
    after: fn(&S3, round: usize),
    written: fn(round: usize, number: usize) -> Vec<u8>,
) {
    let s3 = node.s3();
    let mut winners = Vec::new();
    for round in 1..=rounds() {
        winners.push(winner(&round_of(&s3, round, prepare)));
        after(&s3, round);
    }
    let verify = || {
        for (round, winner) in (1..).zip(&winners) {
            let read = must(&s3, &Call::new("GET", path(round)));
            assert!(read.body == written(round, *winner), "round {round}: other bytes");
        }
    };
    verify();
    node.stop();
    node.must_be_clean(&["--verify"]);
    node.start_again();
    verify();
    node.stop();
}

fn start(name: &str) -> Node {
    let node = Node::start(name);
    must(&node.s3(), &create_bucket("contest"));
    node
}

#[test]
fn one_of_a_hundred_puts_of_an_absent_key_wins() {
    // rule: put/one-winner
    let put = |_: &S3, round, number| Call::new("PUT", path(round)).body(content(round, number));
    contest(start("puts"), put, |_, _| (), content);
}

/// A delete marker counts as an absent key, and what it hides stays.
#[test]
fn one_of_a_hundred_puts_over_a_delete_marker_wins() {
    // rule: put/one-winner
    let node = start("markers");
    let s3 = node.s3();
    must(&s3, &put_versioning("contest", "Enabled"));
    for round in 1..=rounds() {
        must(&s3, &Call::new("PUT", path(round)).body("hidden"));
        assert_eq!(send(&s3, &Call::new("DELETE", path(round))).status, 204);
    }
    let put = |_: &S3, round, number| Call::new("PUT", path(round)).body(content(round, number));
    // The winner's version, the marker, and what was there before it: nothing of the losers.
    contest(node, put, |s3, round| must_have(s3, round, [2, 1]), content);
}

/// How many versions and delete markers a key has.
fn must_have(s3: &S3, round: usize, expected: [usize; 2]) {
    let list = Call::new("GET", "/contest").query(format!("prefix=key-{round}&versions="));
    let listed = must(s3, &list);
    let count = |name: &str| listed.text().matches(name).count();
    assert_eq!([count("<Version>"), count("<DeleteMarker>")], expected, "{}", listed.text());
}

#[test]
fn one_of_a_hundred_copies_to_an_absent_key_wins() {
    // rule: copy/one-winner
    let node = start("copies");
    for number in 0..CLIENTS {
        let path = format!("/contest/source-{number}");
        must(&node.s3(), &Call::new("PUT", path).body(content(0, number)));
    }
    let copy =
        |_: &S3, round, number| copy_object(&path(round), &format!("/contest/source-{number}"));
    contest(node, copy, |_, _| (), |_, number| content(0, number));
}

/// The upload of a client in this round, with one part, ready to be completed.
fn uploaded(s3: &S3, round: usize, number: usize) -> Call {
    let path = path(round);
    let id = must(s3, &create_upload(&path)).element("UploadId").expect("an upload id");
    let part = upload_part(&path, &id, 1).body(content(round, number));
    complete_upload(&path, &id, &[(1, etag(&must(s3, &part)))])
}

/// The losers' uploads are still there, with their parts, until they are aborted.
fn abort_losers(s3: &S3, round: usize) {
    let uploads = Call::new("GET", "/contest").query(format!("prefix=key-{round}&uploads="));
    let ids = must(s3, &uploads).elements("UploadId");
    assert_eq!(ids.len(), CLIENTS - 1);
    for id in ids {
        let parts = Call::new("GET", path(round)).query(format!("uploadId={id}"));
        assert_eq!(must(s3, &parts).element("PartNumber").as_deref(), Some("1"));
        assert_eq!(send(s3, &abort_upload(&path(round), &id)).status, 204);
    }
}

#[test]
fn one_of_a_hundred_completes_of_an_absent_key_wins() {
    // rule: complete/one-winner, complete/lost-condition
    contest(start("completes"), uploaded, abort_losers, content);
}
