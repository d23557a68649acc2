//! Room: two nodes behind a proxy that hashes by bucket. One after the other is told to stop and started again under
//! load, and no client sees a request fail.
//!
//! Both nodes hold the same buckets with the same objects, as if something had copied them, since a bucket's requests go
//! to the other node while its own is away. Every request can be served by either.

mod proxy;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use protocol::sign::PayloadMode;
use tenon_tests::client::{Call, S3, Session, create_bucket};
use tenon_tests::content::Content;
use tenon_tests::node::Node;
use tenon_tests::skip::skip;

use crate::proxy::Proxy;

const BUCKETS: u64 = 8;
const CLIENTS: u64 = 6;
const KIB: u64 = 1 << 10;
const SEED_LEN: u64 = 300 * KIB + 7;
const NEW_LEN: u64 = 70 * KIB;

/// Requests that must have been answered between two events.
const REQUESTS_BETWEEN: u64 = 300;
const EVENT_WITHIN: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

const SETTINGS: [(&str, &str); 2] =
    [("TENON_HTTP_DRAIN_DELAY", "2s"), ("TENON_HTTP_TRUSTED_PROXIES", "127.0.0.1")];

/// What the clients have seen so far.
#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    stop: AtomicBool,
}

fn bucket(number: u64) -> String {
    format!("fleet-{number}")
}

fn seed() -> Content {
    Content::new(1, SEED_LEN)
}

/// A node with the buckets and the object that is in each.
fn start_node(name: &str) -> Node {
    let node = Node::start_with(name, None, &SETTINGS);
    let s3 = node.s3();
    let mut session = s3.session().expect("the node listens");
    for number in 0..BUCKETS {
        let bucket = bucket(number);
        let made = session.call(&create_bucket(&bucket)).expect("the node answers");
        assert_eq!(made.status, 200, "{}", made.text());
        put(&mut session, &format!("/{bucket}/seed"), &seed());
    }
    node
}

fn put(session: &mut Session<'_>, path: &str, content: &Content) {
    let reply = session.put(Call::new("PUT", path), content).expect("a PUT is answered");
    assert_eq!(reply.status, 200, "PUT {path}: {}", reply.text());
}

/// One client on one connection: it fails at the first request that does.
fn work(s3: &S3, client: u64, seen: &Seen) {
    let mut session = s3.session().expect("the proxy listens");
    let mut round = 0;
    while !seen.stop.load(Ordering::Relaxed) {
        let bucket = bucket((client + round) % BUCKETS);
        let path = format!("/{bucket}/seed");
        match round % 4 {
            0 => put(
                &mut session,
                &format!("/{bucket}/new-{client}-{round}"),
                &Content::new(round, NEW_LEN),
            ),
            1 => {
                let complaint = session.compare(&path, &seed()).expect("a GET is answered");
                assert_eq!(complaint, None, "GET {path}");
            }
            2 => {
                let call = Call::new("HEAD", &path).payload(PayloadMode::Unsigned);
                let reply = session.call(&call).expect("a HEAD is answered");
                assert_eq!(reply.status, 200, "HEAD {path}");
            }
            _ => {
                let call = Call::new("GET", format!("/{bucket}")).query("list-type=2&prefix=seed");
                let reply = session.call(&call).expect("a list is answered");
                assert_eq!((reply.status, reply.elements("Key").len()), (200, 1), "list {bucket}");
            }
        }
        seen.answered.fetch_add(1, Ordering::Relaxed);
        round += 1;
    }
}

/// Waits until so many more requests have been answered. False when a client has failed: it says why.
fn wait_for_more<T>(seen: &Seen, clients: &[thread::ScopedJoinHandle<'_, T>]) -> bool {
    let wanted = seen.answered.load(Ordering::Relaxed) + REQUESTS_BETWEEN;
    let deadline = Instant::now() + EVENT_WITHIN;
    while seen.answered.load(Ordering::Relaxed) < wanted {
        if clients.iter().any(thread::ScopedJoinHandle::is_finished) {
            return false;
        }
        assert!(Instant::now() < deadline, "the clients get no answers");
        thread::sleep(POLL_INTERVAL);
    }
    true
}

/// Waits until the proxy sends requests to this node, which has just been started.
fn wait_for_requests(node: &Node) {
    let deadline = Instant::now() + EVENT_WITHIN;
    while node.metrics().sum("tenon_requests_total", &[]) < 1.0 {
        assert!(Instant::now() < deadline, "the proxy does not take the node back");
        thread::sleep(POLL_INTERVAL);
    }
}

/// Stops each node and starts it again, while the clients go on.
fn roll<T>(
    nodes: &mut [Node; 2],
    seen: &Seen,
    clients: &[thread::ScopedJoinHandle<'_, T>],
) -> bool {
    nodes.iter_mut().all(|node| {
        if !wait_for_more(seen, clients) {
            return false;
        }
        node.stop();
        let served = wait_for_more(seen, clients);
        node.start_again();
        wait_for_requests(node);
        served
    }) && wait_for_more(seen, clients)
}

fn through(node: &Node, proxy: SocketAddr) -> S3 {
    S3 { address: proxy, ..node.s3() }
}

#[test]
fn nodes_behind_a_proxy_stop_and_start_without_a_failed_request() {
    let Some(program) = proxy::program() else {
        return skip("nodes behind a proxy", "no HAProxy (scripts/test installs it)");
    };
    let mut nodes = [start_node("fleet-one"), start_node("fleet-two")];
    let mut proxy = Proxy::start(&program, &[&nodes[0], &nodes[1]]);
    let s3 = through(&nodes[0], proxy.address());
    let seen = Seen::default();
    thread::scope(|scope| {
        let (s3, seen) = (&s3, &seen);
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || work(s3, client, seen))).collect();
        let rolled = roll(&mut nodes, seen, &clients);
        seen.stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("no request fails");
        }
        assert!(rolled, "a client has stopped early");
    });
    proxy.must_be_running();
    for node in &mut nodes {
        node.must_be_running();
        let log = node.log();
        assert!(log.contains(" forwarded_for=127.0.0.1 "), "the client's address is told");
        assert!(!log.contains(" cut=true"), "no answer was cut short");
    }
}
