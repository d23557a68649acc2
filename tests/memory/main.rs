//! Room: the memory and the processor time of a real node: with many idle, half-open and busy connections at once it
//! stays within a bound that is computed from its settings; under a mixed load it stays flat (`mixed.rs`).
//!
//! Units: bytes.

mod client;
mod mixed;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use protocol::sign::PayloadMode;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::{Resource, getrlimit, setrlimit};
use tenon_tests::client::{Call, S3, create_bucket};
use tenon_tests::http::Connection;
use tenon_tests::node::Node;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const IDLE: u64 = 10_000;
const HALF_OPEN: u64 = 200;
const UPLOADS: u64 = 500;
const DOWNLOADS: u64 = 500;

const BUFFERS_LEN: u64 = 48 * MIB;
const ROCKSDB_LEN: u64 = 64 * MIB;
/// What the node may take besides: for itself, and for each connection of a kind.
const PROCESS_LEN_MAX: u64 = 48 * MIB;
const IDLE_LEN_MAX: u64 = 8 * KIB;
const HALF_OPEN_LEN_MAX: u64 = 64 * KIB;
const BUSY_LEN_MAX: u64 = 192 * KIB;

const WITHIN: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

const SMALL: &str = "/memory/small";
const LARGE: &str = "/memory/large";
const LARGE_LEN: u64 = 64 * MIB;
/// The node sets room on the disk aside for each.
const UPLOAD_LEN: u64 = 4 * MIB;

/// A node on which nobody is cut for being slow: what is measured must be there at the same time.
fn patient_node() -> Node {
    let (buffers, rocksdb) = (BUFFERS_LEN.to_string(), ROCKSDB_LEN.to_string());
    let settings = [
        ("TENON_HTTP_MAX_CONNECTIONS", "12000"),
        ("TENON_HTTP_MAX_REQUESTS", "2000"),
        ("TENON_HTTP_IDLE_TIMEOUT", "1h"),
        ("TENON_HTTP_HEADER_TIMEOUT", "1h"),
        ("TENON_HTTP_BODY_TIMEOUT", "1h"),
        ("TENON_HTTP_WRITE_TIMEOUT", "1h"),
        ("TENON_HTTP_MIN_RATE", "0"),
        ("TENON_MEMORY_BUFFERS", buffers.as_str()),
        ("TENON_MEMORY_ROCKSDB", rocksdb.as_str()),
        ("TENON_SHARDS", "2"),
    ];
    let node = Node::start_with("memory", None, &settings);
    let s3 = node.s3();
    let mut session = s3.session().expect("the node listens");
    for call in [
        create_bucket("memory"),
        Call::new("PUT", SMALL).body("small"),
        Call::new("PUT", LARGE).body(vec![7; usize::try_from(LARGE_LEN).expect("fits")]),
    ] {
        let reply = session.call(&call).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    node
}

/// A socket that is never read.
fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the node listens");
    stream.set_write_timeout(Some(Duration::from_millis(20))).expect("a time-out can be set");
    stream
}

fn idle(s3: &S3, wire: &[u8]) -> Connection {
    let mut connection = Connection::open(s3.address).expect("the node listens");
    connection.send(wire).expect("the node takes bytes");
    assert_eq!(connection.receive(false).expect("the node answers").body, b"small");
    connection
}

/// Heads that never end, some of them as long as a head may be.
fn half_open(s3: &S3, index: u64) -> TcpStream {
    let mut stream = open(s3.address);
    let mut head = format!("GET {SMALL} HTTP/1.1\r\nhost: a\r\n");
    if index.is_multiple_of(2) {
        head.push_str(&format!("x-filler: {}", "y".repeat(8000)));
    }
    stream.write_all(head.as_bytes()).expect("the node takes a head");
    stream
}

/// A body that stops half-way, with as much of it sent as the node and the kernel take.
fn upload(s3: &S3, index: u64) -> TcpStream {
    let mut stream = open(s3.address);
    let call = Call::new("PUT", format!("/memory/upload-{index}")).payload(PayloadMode::Unsigned);
    stream.write_all(&s3.head(&call, UPLOAD_LEN).0).expect("the node takes a head");
    // The node takes no more once it has no buffer for it.
    let _ = stream.write_all(&vec![7; 512 * 1024]);
    stream
}

/// A body that nobody reads.
fn download(s3: &S3) -> TcpStream {
    let mut stream = open(s3.address);
    set_socket_recv_buffer_size(&stream, 16 << 10).expect("a buffer can be small");
    stream.write_all(&s3.wire(&Call::new("GET", LARGE))).expect("the node takes a head");
    stream
}

fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a soft limit can be raised to the hard one");
}

/// Waits until a figure of the node is this, as far as it is to come.
fn await_figure(node: &Node, name: &str, wanted: u64) {
    let deadline = Instant::now() + WITHIN;
    loop {
        let value = node.metrics().sum(name, &[]);
        if (value - wanted as f64).abs() < 0.5 {
            return;
        }
        assert!(Instant::now() < deadline, "{name} is {value} and not {wanted}");
        thread::sleep(POLL_INTERVAL);
    }
}

/// Waits until the node has no more than `max` bytes in use: a connection that has been idle for a moment gives up
/// what its next request will need.
fn must_fall_to(node: &Node, what: &str, max: u64) -> u64 {
    let deadline = Instant::now() + WITHIN;
    loop {
        let resident = node.resident();
        if resident <= max {
            return resident;
        }
        let (has, may) = (resident / MIB, max / MIB);
        assert!(Instant::now() < deadline, "{what}: {has} MiB in use, {may} allowed");
        thread::sleep(POLL_INTERVAL);
    }
}

#[test]
fn memory_stays_bounded_with_ten_thousand_connections() {
    raise_open_files();
    let mut node = patient_node();
    let s3 = node.s3();
    let wire = s3.wire(&Call::new("GET", SMALL));
    let base = node.resident();
    assert!(base <= PROCESS_LEN_MAX + BUFFERS_LEN + ROCKSDB_LEN, "{} MiB at rest", base / MIB);
    let said = |what: &str, count: u64, before: u64, after: u64| {
        let each = after.saturating_sub(before) / count;
        println!("{count} {what}: {} MiB in all, {each} bytes each", after / MIB);
    };

    let idle: Vec<Connection> = (0..IDLE).map(|_| idle(&s3, &wire)).collect();
    let with_idle = must_fall_to(&node, "idle", base + IDLE * IDLE_LEN_MAX);
    said("idle connections", IDLE, base, with_idle);
    let half_open: Vec<TcpStream> = (0..HALF_OPEN).map(|index| half_open(&s3, index)).collect();
    await_figure(&node, "tenon_connections_open", IDLE + HALF_OPEN);
    let max = with_idle + HALF_OPEN * HALF_OPEN_LEN_MAX;
    let with_half_open = must_fall_to(&node, "half-open", max);
    said("half-open connections", HALF_OPEN, with_idle, with_half_open);

    let uploads: Vec<TcpStream> = (0..UPLOADS).map(|index| upload(&s3, index)).collect();
    let downloads: Vec<TcpStream> = (0..DOWNLOADS).map(|_| download(&s3)).collect();
    await_figure(&node, "tenon_requests_open", UPLOADS + DOWNLOADS);
    await_figure(&node, "tenon_connections_open", IDLE + HALF_OPEN + UPLOADS + DOWNLOADS);
    let busy = node.resident();
    said("busy connections", UPLOADS + DOWNLOADS, with_half_open, busy);
    let bound = PROCESS_LEN_MAX
        + BUFFERS_LEN
        + ROCKSDB_LEN
        + IDLE * IDLE_LEN_MAX
        + HALF_OPEN * HALF_OPEN_LEN_MAX
        + (UPLOADS + DOWNLOADS) * BUSY_LEN_MAX;
    println!("the bound is {} MiB", bound / MIB);
    assert!(busy <= bound, "{} MiB in use, {} allowed", busy / MIB, bound / MIB);

    // It serves whoever needs none of the buffers that are all in use.
    let reply = s3.call(&Call::new("PUT", "/memory/other").body("other"));
    assert_eq!(reply.expect("the node answers").status, 200);
    drop((idle, half_open, uploads, downloads));
    await_figure(&node, "tenon_connections_open", 0);
    assert_eq!(s3.call(&Call::new("GET", SMALL)).expect("the node answers").body, b"small");
    node.stop();
}
