//! Room: TLS as clients and operators meet it: handshakes, certificates that change, bodies under encryption, and
//! peers that break off where it hurts.
//!
//! The client's side is rustls without a runtime, which can also be told to send half a record; curl and the SDKs
//! prove that others understand us too (`curl_trusts_the_authority`, and `clients.rs`).
//! Source: RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 9112 section 9.8 (closing under TLS).

mod bodies;
mod certificates;
mod handshake;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tenon_tests::client::{Call, S3, create_bucket};
use tenon_tests::http::Connection;
use tenon_tests::node::Node;

const HELLO: &str = "/tls/hello";
const HELLO_BYTES: &[u8] = b"hello, hello";
/// Nothing that is waited for here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that speaks TLS, with a bucket and an object.
fn start(name: &str, settings: &[(&str, &str)]) -> Node {
    let node = Node::start_tls(name, settings);
    let s3 = node.s3();
    let mut session = s3.session().expect("the node listens");
    for call in [create_bucket("tls"), Call::new("PUT", HELLO).body(HELLO_BYTES)] {
        let reply = session.call(&call).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    node
}

fn open(s3: &S3, client: &Arc<ClientConfig>) -> Connection {
    Connection::open_tls(s3.address, client).expect("hands can be shaken")
}

/// Gets the object on this connection.
fn must_serve(connection: &mut Connection, s3: &S3) {
    connection.send(&s3.wire(&Call::new("GET", HELLO))).expect("the node takes bytes");
    let reply = connection.receive(false).expect("the node answers");
    assert_eq!((reply.status, &*reply.body), (200, HELLO_BYTES), "{}", reply.text());
}

/// One of the node's own figures.
fn figure(node: &Node, name: &str) -> f64 {
    node.metrics().sum(name, &[])
}

/// Waits until `done`.
#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
