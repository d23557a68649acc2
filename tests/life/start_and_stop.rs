//! Room: what health checks see from start to end, and what one signal does and another one after it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::Signal;
use tenon_tests::client::{Call, create_bucket};
use tenon_tests::http::Connection;
use tenon_tests::node::Node;

use crate::{readyz, wait_for_log, wait_until};

/// Puts a pipe in the place of a file that a stopped node reads at its start: it will wait there. Gives what the file
/// said.
fn hold_up(node: &Node) -> Vec<u8> {
    let format = node.data().join("format");
    let said = fs::read(&format).expect("there");
    fs::remove_file(&format).expect("ours");
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, &format, FileType::Fifo, mode, 0).expect("a pipe can be made");
    said
}

/// Writes into the pipe once the node reads it.
fn let_go(node: &Node, said: &[u8]) {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("a flag");
    let mut pipe = None;
    wait_until("the node reads its format", || {
        let mut options = File::options();
        options.write(true).custom_flags(flags);
        // Fails while nobody reads.
        pipe = options.open(node.data().join("format")).ok();
        pipe.is_some()
    });
    pipe.expect("opened").write_all(said).expect("the node reads");
}

#[test]
fn a_start_can_be_ended() {
    let mut node = Node::start("starting");
    node.stop();
    let said = hold_up(&node);
    // The first signal waits for the start to end, and then stops what has just begun.
    node.spawn();
    wait_until("starting", || readyz(&node) == Some((503, "starting".into())));
    node.signal(Signal::TERM);
    let_go(&node, &said);
    assert!(node.wait().success());
    assert!(node.log().ends_with("event=stopped\n"), "{}", node.log());
    // The second one does not wait.
    node.spawn();
    wait_until("starting", || readyz(&node) == Some((503, "starting".into())));
    let mut ended = None;
    wait_until("the node has ended", || {
        // Signals that come at once count as one.
        node.signal(Signal::TERM);
        ended = node.ended();
        ended.is_some()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(1));
    assert!(node.log().contains("event=start_cut"), "{}", node.log());
}

#[test]
fn readyz_says_starting_serving_and_draining() {
    let mut node = Node::start_with("phases", None, &[("TENON_HTTP_DRAIN_DELAY", "1h")]);
    let s3 = node.s3();
    assert_eq!(s3.call(&create_bucket("kept")).expect("answered").status, 200);
    node.signal(Signal::TERM);
    wait_until("draining", || readyz(&node) == Some((503, "draining".into())));

    // The delay is for health checks to find out; until then clients are served as ever.
    let reply = s3.call(&Call::new("HEAD", "/kept")).expect("answered");
    assert_eq!(reply.status, 200);
    // The second signal ends the delay.
    node.signal(Signal::TERM);
    assert!(node.wait().success());

    let said = hold_up(&node);
    node.spawn();
    wait_until("starting", || readyz(&node) == Some((503, "starting".into())));
    assert_eq!(node.ask_admin("/healthz").expect("answered").status, 200);
    assert!(Connection::open(s3.address).is_err(), "nobody must be accepted yet");
    let_go(&node, &said);
    assert_eq!(node.wait_ready(), None);
    assert_eq!(readyz(&node), Some((200, "serving".into())));
    assert_eq!(s3.call(&Call::new("HEAD", "/kept")).expect("answered").status, 200);
    // Told behind its back: `/readyz` may know it first.
    wait_for_log(&node, "event=serving", 2);
}

#[test]
fn clients_are_let_go_with_their_answers_during_the_drain_delay() {
    let mut node = Node::start_with("leaving", None, &[("TENON_HTTP_DRAIN_DELAY", "1h")]);
    let s3 = node.s3();
    let head = s3.wire(&Call::new("HEAD", "/gone"));
    let mut old: Vec<_> = (0..8).map(|_| s3.connect().expect("the node listens")).collect();
    let ask = |connection: &mut Connection| {
        connection.send(&head).expect("the node takes it");
        let reply = connection.receive(true).expect("answered");
        assert_eq!(reply.status, 404);
        reply.header("connection").map(str::to_owned)
    };
    for connection in &mut old {
        assert_eq!(ask(connection), None);
    }
    node.signal(Signal::TERM);
    wait_for_log(&node, "event=draining", 1);
    old.push(s3.connect().expect("the node still listens"));
    // Each shard hears of it a moment later: until then a client may come again.
    for connection in &mut old {
        wait_until("the answer is the last one", || ask(connection).as_deref() == Some("close"));
        assert!(connection.is_closed().expect("the node lives"));
    }
    node.signal(Signal::TERM);
    assert!(node.wait().success());
}

#[test]
fn a_request_in_flight_is_finished_and_nobody_else_let_in() {
    let mut node = Node::start("in-flight");
    let s3 = node.s3();
    assert_eq!(s3.call(&create_bucket("kept")).expect("answered").status, 200);
    let wire = s3.wire(&Call::new("PUT", "/kept/late").body(vec![7; 100_000]));
    let (first, rest) = wire.split_at(wire.len() - 50_000);
    let mut connection = s3.connect().expect("the node listens");
    connection.send(first).expect("the node takes it");
    wait_until("the request has begun", || node.metrics().sum("tenon_requests_open", &[]) >= 1.0);

    node.signal(Signal::TERM);
    wait_for_log(&node, "event=draining", 1);
    wait_until("nobody is let in", || Connection::open(s3.address).is_err());
    connection.send(rest).expect("the node takes it");
    let reply = connection.receive(false).expect("answered");
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert!(node.wait().success());
    assert!(node.log().contains("event=stopped"), "{}", node.log());

    node.start_again();
    let reply = s3.call(&Call::new("GET", "/kept/late")).expect("answered");
    assert_eq!((reply.status, reply.body.len()), (200, 100_000));
}

#[test]
fn the_drain_timeout_cuts_who_does_not_end() {
    let mut node = Node::start_with("cut", None, &[("TENON_HTTP_DRAIN_TIMEOUT", "100ms")]);
    let s3 = node.s3();
    assert_eq!(s3.call(&create_bucket("kept")).expect("answered").status, 200);
    let wire = s3.wire(&Call::new("PUT", "/kept/never").body(vec![7; 100_000]));
    let mut connection = s3.connect().expect("the node listens");
    connection.send(&wire[..wire.len() - 1]).expect("the node takes it");
    wait_until("the request has begun", || node.metrics().sum("tenon_requests_open", &[]) >= 1.0);
    node.signal(Signal::INT);
    assert!(node.wait().success());
    assert!(node.log().contains("event=stopped requests=cut"), "{}", node.log());
    node.start_again();
    assert_eq!(s3.call(&Call::new("HEAD", "/kept/never")).expect("answered").status, 404);
}

#[test]
fn a_second_process_on_the_same_data_ends_and_the_first_goes_on() {
    let first = Node::start("first");
    let mut second = Node::new("second", Some(first.data()), &[]);
    assert_eq!(second.start_in_vain().code(), Some(2));
    let log = second.log();
    assert!(log.contains("event=cannot_serve") && log.contains("in use"), "{log}");
    assert!(log.contains(&*first.data().to_string_lossy()), "{log}");
    assert_eq!(first.s3().call(&create_bucket("still")).expect("answered").status, 200);
}

#[test]
fn an_address_in_use_ends_the_start() {
    let first = Node::start("first");
    let address = first.s3().address.to_string();
    let mut second = Node::new("second", None, &[]);
    second.listen_on(first.s3().address);
    assert_eq!(second.start_in_vain().code(), Some(2));
    assert!(second.log().contains(&format!("--listen {address}")), "{}", second.log());
}
