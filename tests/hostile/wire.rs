//! Room: the table of what comes over the wire and is no request: each row its answer, nothing stored, no memory
//! taken, and a node that goes on serving.

use std::time::{Duration, Instant};

use protocol::checksum::ChecksumValue;
use protocol::sign::PayloadMode;
use protocol::sign::sign::Framer;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use tenon_tests::client::Call;
use tenon_tests::content::Content;
use tenon_tests::http::Connection;
use tenon_tests::node::Node;

use crate::{TEN, TEN_BYTES, Victim, expected, must_be};

/// Bytes that must be refused.
struct Row {
    what: &'static str,
    wire: Vec<u8>,
    status: u16,
    code: &'static str,
}

const STORED: &str = "/hostile/smuggled";
/// A request that a row tries to hide inside another.
const HIDDEN: &str = "GET /hostile/ten HTTP/1.1\r\nhost: a\r\n\r\n";

/// A signed PUT of five bytes with its length taken out, `fields` added, and `body` behind it.
fn put(victim: &Victim, fields: &str, body: &str) -> Vec<u8> {
    let call = Call::new("PUT", STORED).body("hello");
    let wire = String::from_utf8(victim.s3.wire(&call)).expect("a request of text");
    let (head, _) = wire.split_once("\r\n\r\n").expect("a head has an end");
    let head = head.replacen("\r\ncontent-length: 5", "", 1);
    assert!(!head.contains("content-length"), "{head}");
    format!("{head}\r\n{fields}\r\n{body}").into_bytes()
}

/// A GET whose head is followed by these bytes, which end it.
fn get(rest: impl AsRef<str>) -> Vec<u8> {
    format!("GET {TEN} HTTP/1.1\r\nhost: a\r\n{}", rest.as_ref()).into_bytes()
}

fn row(what: &'static str, wire: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Row {
    Row { what, wire: wire.into(), status, code }
}

/// Heads that two servers could take for different requests.
fn smuggling(victim: &Victim) -> Vec<Row> {
    let chunks = format!("5\r\nhello\r\n0\r\n\r\n{HIDDEN}");
    let mut rows = Vec::new();
    for (what, fields) in [
        ("two lengths", "content-length: 5\r\ncontent-length: 6\r\n"),
        ("the same length twice", "content-length: 5\r\ncontent-length: 5\r\n"),
        ("a list of lengths", "content-length: 5, 5\r\n"),
        ("a signed length", "content-length: +5\r\n"),
        ("a hexadecimal length", "content-length: 0x5\r\n"),
        ("an empty length", "content-length: \r\n"),
        ("a length beyond all numbers", "content-length: 18446744073709551621\r\n"),
        ("a length and chunks", "content-length: 5\r\ntransfer-encoding: chunked\r\n"),
        ("chunks and a length", "transfer-encoding: chunked\r\ncontent-length: 5\r\n"),
        ("chunks twice", "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        ("a space before the colon", "transfer-encoding : chunked\r\n"),
        ("a folded line", "content-length: 5\r\nx: y\r\n z\r\n"),
        ("a folded line at first", " x: y\r\ncontent-length: 5\r\n"),
        ("a line end without CR", "x: y\ncontent-length: 5\r\n"),
        ("a CR without line end", "x: y\rcontent-length: 5\r\n"),
        ("a NUL", "x: y\0\r\ncontent-length: 5\r\n"),
        ("a field without colon", "content-length 5\r\n"),
        ("a field without name", ": 5\r\n"),
    ] {
        rows.push(row(what, put(victim, fields, &chunks), 400, "BadRequest"));
    }
    for (what, coding) in [
        ("no coding", "identity"),
        ("chunks that are not last", "chunked, identity"),
        ("chunks of something", "gzip, chunked"),
        ("a coding like chunks", "xchunked"),
        ("chunks behind a vertical tab", "\u{b}chunked"),
    ] {
        let fields = format!("transfer-encoding: {coding}\r\n");
        rows.push(row(what, put(victim, &fields, &chunks), 501, "NotImplemented"));
    }
    let old = String::from_utf8(put(victim, "transfer-encoding: chunked\r\n", &chunks));
    let old = old.expect("text").replacen("HTTP/1.1", "HTTP/1.0", 1);
    rows.push(row("chunks in HTTP/1.0", old, 400, "BadRequest"));
    rows
}

/// What is no HTTP, or too much of it.
fn no_requests() -> Vec<Row> {
    const LARGE: &str = "RequestHeaderSectionTooLarge";
    let fields = |count: usize| {
        (0..count).fold(String::new(), |text, index| text + &format!("x-{index}: y\r\n"))
    };
    let target = "k".repeat(64 << 10);
    vec![
        row("garbage", "\0\u{1}GARBAGE\r\n\r\n", 400, "BadRequest"),
        row("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\n\u{3}\u{3}", 400, "BadRequest"),
        row("HTTP/0.9", format!("GET {TEN}\r\n\r\n"), 400, "BadRequest"),
        row("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "BadRequest"),
        row("HTTP/3", format!("GET {TEN} HTTP/3.0\r\n\r\n"), 400, "BadRequest"),
        row("a space in the target", "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", 400, "BadRequest"),
        row("a fragment", format!("GET {TEN}#b HTTP/1.1\r\nhost: a\r\n\r\n"), 400, "BadRequest"),
        row("a NUL in the target", "GET /a\0b HTTP/1.1\r\nhost: a\r\n\r\n", 400, "BadRequest"),
        row("lines without CR", format!("GET {TEN} HTTP/1.1\nhost: a\n\n"), 400, "BadRequest"),
        row("a long target", format!("GET /hostile/{target} HTTP/1.1\r\n"), 400, LARGE),
        row("a target without end", format!("GET /hostile/{target}"), 400, LARGE),
        row("64 KiB in one field", get(format!("x: {target}\r\n\r\n")), 400, LARGE),
        row("64 KiB of fields", get(format!("{}\r\n", fields(6000))), 400, LARGE),
        row("257 fields", get(format!("{}\r\n", fields(256))), 400, LARGE),
        row("10,000 fields", get(format!("{}\r\n", fields(10_000))), 400, LARGE),
        row("a field without end", get(format!("x: {target}")), 400, LARGE),
        row("nothing but line ends", "\r\n".repeat(10_000), 400, LARGE),
        row("TRACE", "TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", 405, "MethodNotAllowed"),
        row("CONNECT", "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", 400, "InvalidURI"),
    ]
}

/// A signed PUT of aws-chunked bytes inside HTTP's own chunks, as SDKs send it: its head, and the aws-chunked bytes.
fn put_in_chunks(victim: &Victim) -> (String, String) {
    let crc = ChecksumValue::from_crc32(protocol::crc::crc32(b"hello")).to_base64();
    let call = Call::new("PUT", STORED)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "5")
        .header("x-amz-trailer", "x-amz-checksum-crc32")
        .payload(PayloadMode::StreamingUnsignedTrailer);
    let (head, _) = victim.s3.head(&call, 0);
    let head = String::from_utf8(head).expect("a head of text");
    let mut framer = Framer::unsigned();
    framer.chunk(b"hello");
    let body = framer.end_with(&[("x-amz-checksum-crc32", &crc)]);
    let head = head.replacen("content-length: 0\r\n", "transfer-encoding: chunked\r\n", 1);
    (head, String::from_utf8(body).expect("a body of text"))
}

/// Bodies whose chunks have another form than chunks have. All begin with a good chunk.
fn chunks(victim: &Victim) -> Vec<Row> {
    let (head, body) = put_in_chunks(victim);
    let (first, rest) = body.split_at(4);
    let (len, rest_len) = (first.len(), rest.len());
    let good = format!("{rest_len:x}\r\n{rest}\r\n");
    let end = format!("0\r\n\r\n{HIDDEN}");
    let flood = |text: &str, count: usize| text.repeat(count);
    let bodies = [
        ("an empty chunk line", format!("\r\n{good}{end}")),
        ("a chunk of no number", format!("x\r\n{good}{end}")),
        ("a chunk of less than nothing", format!("-1\r\n{good}{end}")),
        ("a chunk of more than all numbers", format!("ffffffffffffffffff\r\n{rest}\r\n{end}")),
        ("a chunk line of zeros", flood("0", 100_000)),
        ("a chunk of two numbers", format!("{rest_len:x} 5\r\n{rest}\r\n{end}")),
        ("a chunk line without CR", format!("{rest_len:x}\n{rest}\r\n{end}")),
        ("an extension without end", format!("{rest_len:x};{}", flood("a", 100_000))),
        ("a line end in an extension", format!("{rest_len:x};a\nb\r\n{rest}\r\n{end}")),
        ("a chunk that goes on", format!("{rest_len:x}\r\n{rest}world\r\n{end}")),
        ("a chunk that ends early", format!("{:x}\r\n{rest}\r\n{end}", rest_len + 3)),
        ("a chunk without CR behind it", format!("{rest_len:x}\r\n{rest}\n{end}")),
        ("trailers without CR", format!("{good}0\r\na: b\n\r\n{HIDDEN}")),
        ("an end without CR", format!("{good}0\r\n\n{HIDDEN}")),
        ("a flood of trailers", format!("{good}0\r\n{}", flood("a: b\r\n", 10_000))),
        ("a trailer without end", format!("{good}0\r\na: {}", flood("b", 100_000))),
    ];
    let whole = |body: &str| format!("{head}{len:x}\r\n{first}\r\n{body}");
    bodies.map(|(what, body)| row(what, whole(&body), 400, "IncompleteBody")).into()
}

/// What was found must be refused, and nothing behind it answered.
fn must_turn_away(victim: &mut Victim, row: &Row) {
    let mut connection = Connection::open(victim.s3.address).expect("the node listens");
    // The node may close before it has taken everything, and has answered then.
    let _ = connection.send(&row.wire);
    let reply = connection.receive(false).expect("the node answers");
    must_be(row.what, &reply, &expected(row.status, row.code));
    if !matches!(row.code, "MethodNotAllowed" | "InvalidURI") {
        assert_eq!(reply.header("connection"), Some("close"), "{}", row.what);
        let _ = connection.close_sending();
        assert!(connection.is_closed().expect("it ends"), "after {}", row.what);
    }
    victim.must_serve(row.what);
}

/// S3 bounds the bytes of the headers and not how many they are.
#[test]
fn two_hundred_headers_are_taken() {
    let mut victim = Victim::new();
    let names: Vec<String> = (0..200).map(|index| format!("x-amz-meta-{index}")).collect();
    let put = names
        .iter()
        .fold(Call::new("PUT", STORED).body("hello"), |put, name| put.header(name.as_str(), "y"));
    let reply = victim.call(&put);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = victim.call(&Call::new("GET", STORED));
    assert_eq!(reply.body, b"hello");
    assert!(names.iter().all(|name| reply.header(name) == Some("y")), "{:?}", reply.headers);
    victim.node.stop();
}

/// Only what the victim began with is stored.
fn must_hold_nothing_new(victim: &Victim) {
    let reply = victim.call(&Call::new("GET", "/hostile").query("list-type=2"));
    assert_eq!(reply.elements("Key"), ["ten"], "{}", reply.text());
    victim.must_have_no_parts();
}

#[test]
fn every_hostile_form_has_its_answer() {
    let mut victim = Victim::new();
    let before = victim.node.resident();
    for rows in [smuggling(&victim), no_requests(), chunks(&victim)] {
        for row in &rows {
            must_turn_away(&mut victim, row);
        }
    }
    must_hold_nothing_new(&victim);
    let grown = victim.node.resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{} KiB more than before", grown >> 10);
    victim.node.stop();
}

/// Chunks in their right form are a body like any other.
#[test]
fn chunks_of_every_good_form_are_taken() {
    let victim = Victim::new();
    let (_, body) = put_in_chunks(&victim);
    let (first, rest) = body.split_at(4);
    let len = rest.len();
    for chunks in [
        format!("4\r\n{first}\r\n{len:x}\r\n{rest}\r\n0\r\n\r\n"),
        format!("0004\r\n{first}\r\n000{len:X}\r\n{rest}\r\n00\r\n\r\n"),
        format!("4;a=b\r\n{first}\r\n{len:x} ; c\r\n{rest}\r\n0;d\r\nx-trailer: y\r\n\r\n"),
    ] {
        let (head, _) = put_in_chunks(&victim);
        let reply = victim.answer(format!("{head}{chunks}").as_bytes());
        assert_eq!(reply.status, 200, "{chunks:?}: {}", reply.text());
        assert_eq!(victim.call(&Call::new("GET", STORED)).body, b"hello", "{chunks:?}");
        assert_eq!(victim.call(&Call::new("DELETE", STORED)).status, 204);
    }
}

/// Good requests, and one in the middle whose body is followed by more than it announced.
#[test]
fn what_is_pipelined_is_answered_in_order_up_to_the_first_offence() {
    let victim = Victim::new();
    let good = victim.s3.wire(&Call::new("GET", TEN));
    let head = victim.s3.wire(&Call::new("HEAD", TEN));
    let missing = victim.s3.wire(&Call::new("GET", "/hostile/missing"));
    let long = victim.s3.wire(&Call::new("PUT", "/hostile/pipelined").body("hello"));
    let mut connection = Connection::open(victim.s3.address).expect("the node listens");
    let wire = [&good, &head, &missing, &*long, b"world\r\n\r\n", &good].concat();
    connection.send(&wire).expect("the node takes bytes");
    let mut answer = |to_head| connection.receive(to_head).expect("the node answers");
    assert_eq!(answer(false).body, TEN_BYTES);
    assert_eq!(answer(true).status, 200);
    assert_eq!(answer(false).element("Code").as_deref(), Some("NoSuchKey"));
    assert_eq!(answer(false).status, 200);
    must_be("what follows a body", &answer(false), &expected(400, "BadRequest"));
    connection.close_sending().expect("it is still open");
    assert!(connection.is_closed().expect("it ends"));
    assert_eq!(victim.call(&Call::new("GET", "/hostile/pipelined")).body, b"hello");
}

/// `..`, `//` and escapes are bytes of a key like any others (S3 keys are no paths), or refused; none reaches
/// another bucket, another key or a file.
#[test]
fn no_path_leads_astray() {
    let mut victim = Victim::new();
    let made = victim.call(&Call::new("PUT", "/other-bucket"));
    assert_eq!(made.status, 200, "{}", made.text());
    for (path, key) in [
        ("/hostile/../other-bucket/x", Some("../other-bucket/x")),
        ("/hostile/%2e%2e/%2e%2e/x", Some("../../x")),
        ("/hostile/a/../b", Some("a/../b")),
        ("/hostile/./b", Some("./b")),
        ("/hostile//b", Some("/b")),
        ("/hostile/a//b/", Some("a//b/")),
        ("/hostile/a%2Fb", Some("a/b")),
        ("/hostile/a%252Fb", Some("a%2Fb")),
        ("/hostile/..%5C..%5Cx", Some("..\\..\\x")),
        ("/hostile/a+b", Some("a+b")),
        ("/hostile/%FF", None),
        ("/hostile/%C0%AE%C0%AE/x", None),
        ("/hostile/%ZZ", None),
        ("/hostile/%", None),
        ("/../hostile/x", None),
        ("//hostile/x", None),
    ] {
        let reply = victim.call(&Call::new("PUT", path).body("x"));
        let Some(key) = key else {
            assert!((400..500).contains(&reply.status), "{path}: {}", reply.status);
            victim.must_serve(path);
            continue;
        };
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let list = victim.call(&Call::new("GET", "/hostile").query("list-type=2"));
        assert!(list.elements("Key").contains(&key.to_owned()), "{path}: {}", list.text());
        assert_eq!(victim.call(&Call::new("DELETE", path)).status, 204, "{path}");
    }
    must_hold_nothing_new(&victim);
    let other = victim.call(&Call::new("GET", "/other-bucket").query("list-type=2"));
    assert!(other.elements("Key").is_empty(), "{}", other.text());
    victim.node.stop();
}

/// Other expectations than 100-continue are passed over (RFC 9110 section 10.1.1 allows it), and HTTP/1.0 has none.
#[test]
fn expectations_come_in_every_form() {
    let victim = Victim::new();
    for (expect, version, interim) in [
        ("100-Continue", "1.1", true),
        ("100-continue", "1.0", false),
        ("200-ok", "1.1", false),
        ("", "1.1", false),
    ] {
        let fields = format!("content-length: 5\r\nexpect: {expect}\r\n");
        let head = String::from_utf8(put(&victim, &fields, "")).expect("text");
        let head = head.replacen("HTTP/1.1", &format!("HTTP/{version}"), 1);
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        connection.send(head.as_bytes()).expect("the node takes bytes");
        if interim {
            assert_eq!(connection.receive_head().expect("the node answers").status, 100);
        }
        connection.send(b"hello").expect("the node takes bytes");
        let reply = connection.receive_head().expect("the node answers");
        assert_eq!(reply.status, 200, "{expect:?} in {version}");
    }
}

/// Heads, bodies and readers that are too slow, each cut in its time, while others are served.
#[test]
fn who_is_slow_is_cut_in_time() {
    let settings = [
        ("TENON_HTTP_HEADER_TIMEOUT", "500ms"),
        ("TENON_HTTP_BODY_TIMEOUT", "500ms"),
        ("TENON_HTTP_WRITE_TIMEOUT", "500ms"),
        ("TENON_HTTP_IDLE_TIMEOUT", "60s"),
        ("TENON_HTTP_MIN_RATE", "1MiB"),
    ];
    let mut victim = Victim::of(Node::start_with("slow", None, &settings));
    let open = || Connection::open(victim.s3.address).expect("the node listens");
    let large = vec![7; 32 << 20];
    let stored = victim.call(&Call::new("PUT", "/hostile/large").body(large));
    assert_eq!(stored.status, 200, "{}", stored.text());
    let timeout = expected(400, "RequestTimeout");

    let mut head = open();
    head.send(b"GET /hostile/ten HTTP/1.1\r\nhost").expect("the node takes bytes");
    let mut body = open();
    body.send(&put(&victim, "content-length: 5\r\n", "hel")).expect("the node takes bytes");
    let mut behind = open();
    let wire = [victim.s3.wire(&Call::new("GET", TEN)), b"GET /hosti".to_vec()].concat();
    behind.send(&wire).expect("the node takes bytes");
    let mut reader = open();
    // What the kernel takes for a reader is no progress of the reader.
    set_socket_recv_buffer_size(reader.socket(), 64 << 10).expect("a buffer can be small");
    reader.send(&victim.s3.wire(&Call::new("GET", "/hostile/large"))).expect("taken");

    assert_eq!(behind.receive(false).expect("the node answers").body, TEN_BYTES);
    for (what, connection) in [("head", &mut head), ("body", &mut body), ("behind", &mut behind)] {
        must_be(what, &connection.receive(false).expect("the node answers"), &timeout);
        assert!(connection.is_closed().expect("it ends"), "{what}");
    }
    // Who reads nothing is cut: what the kernel held for it is all that comes.
    while victim.node.metrics().sum("tenon_connections_open", &[]) > 0.0 {
        victim.must_serve("a slow reader");
    }
    assert!(reader.receive(false).is_err(), "the whole object came");
    must_not_be_stored(&victim);
    victim.node.stop();
}

fn must_not_be_stored(victim: &Victim) {
    victim.must_not_exist(STORED);
    victim.must_have_no_parts();
}

/// Who reads slowly holds no more than what is on its way when others wait, and reads every byte in the end.
#[test]
fn slow_downloads_starve_nobody() {
    // 16 MiB of buffers for downloads, which the read-ahead of five streams would fill.
    let settings = [
        ("TENON_SHARDS", "1"),
        ("TENON_MEMORY_BUFFERS", "64MiB"),
        ("TENON_HTTP_WRITE_TIMEOUT", "1h"),
    ];
    let mut victim = Victim::of(Node::start_with("slow-downloads", None, &settings));
    let content = Content::new(7, 12 << 20);
    let put = Call::new("PUT", "/hostile/long");
    let stored = victim.s3.session().expect("the node listens").put(put, &content);
    assert_eq!(stored.expect("the node answers").status, 200);
    let get = victim.s3.wire(&Call::new("GET", "/hostile/long"));
    let mut slow = Vec::new();
    for _ in 0..25 {
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        set_socket_recv_buffer_size(connection.socket(), 64 << 10).expect("a buffer can be small");
        connection.send(&get).expect("the node takes a head");
        slow.push(connection);
    }
    // Each has an answer, whose body it does not read.
    for connection in &mut slow {
        assert_eq!(connection.receive_head().expect("the node answers").status, 200);
    }
    let mut fast = victim.s3.session().expect("the node listens");
    let difference = fast.compare("/hostile/long", &content).expect("the node answers");
    assert_eq!(difference, None);
    let expected = content.bytes();
    for connection in &mut slow {
        let mut body = Vec::new();
        connection
            .take_exactly(content.len(), &mut |bytes| body.extend_from_slice(bytes))
            .expect("the rest comes");
        assert!(body == expected, "a slow reader got other bytes");
    }
    victim.node.stop();
}

/// Uploads that stand still hold no buffer that another needs, and lose nothing by it.
#[test]
fn slow_uploads_starve_nobody() {
    // Three buffers of 1 MiB for uploads.
    let settings = [("TENON_SHARDS", "1"), ("TENON_MEMORY_BUFFERS", "8MiB")];
    let mut victim = Victim::of(Node::start_with("starve", None, &settings));
    let byte = |at: usize| u8::try_from(at % 251).expect("below 251");
    let content: Vec<u8> = (0..3 << 20).map(byte).collect();
    let call = |index: usize| {
        Call::new("PUT", format!("/hostile/slow-{index}")).payload(PayloadMode::Unsigned)
    };
    let len = u64::try_from(content.len()).expect("a length fits");
    let mut slow = Vec::new();
    for index in 0..30 {
        let mut connection = Connection::open(victim.s3.address).expect("the node listens");
        connection.send(&victim.s3.head(&call(index), len).0).expect("the node takes a head");
        // Each stops at another place on the grid of the disk.
        let sent = 100_000 + index * 1001;
        connection.send(&content[..sent]).expect("the kernel takes it");
        slow.push((connection, sent));
    }
    while victim.node.metrics().sum("tenon_requests_open", &[]) < 30.0 {
        victim.must_serve("slow uploads that begin");
    }
    let began = Instant::now();
    let fast = Call::new("PUT", "/hostile/fast").body(&*content);
    assert_eq!(victim.call(&fast).status, 200);
    // Nobody was cut to make room for it, and it did not wait for anybody's time-out.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(victim.call(&Call::new("GET", "/hostile/fast")).body, content);
    for (index, (connection, sent)) in slow.iter_mut().enumerate() {
        connection.send(&content[*sent..]).expect("the node takes bytes");
        let reply = connection.receive(false).expect("the node answers");
        assert_eq!(reply.status, 200, "{index}: {}", reply.text());
        let stored = victim.call(&Call::new("GET", &*call(index).path));
        assert!(stored.body == content, "{index} differs");
    }
    victim.node.stop();
}
