//! A node with a handler that knows a few paths, on loopback, spoken to with plain sockets.
//!
//! What is awaited is always a condition: an answer, an end of stream, an event. The only time that passes is
//! that of time-outs under test, set short.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use protocol::sign::Credential;

use super::pulse::Pulse;
use super::run::{Drained, Plan, Shards, builder, io_memory};
use super::{Factory, Handler, Seat};
use crate::access_line::AccessLog;
use crate::config::{Config, LogFormat};
use crate::disk::Block;
use crate::exchange::{
    BlockSource, BodyError, Request, Response, ResponseBody, StreamError, Trace,
};
use crate::http::listen;
use crate::metrics::Metrics;
use crate::seam::Local;

mod drain;
mod late;
mod slow_clients;

/// Answers by the key of the request.
struct Paths {
    /// Says that a request waits, and waits until it may go on.
    gate: Gate,
    index: usize,
}

#[derive(Clone)]
struct Gate {
    arrived: flume::Sender<()>,
    go: flume::Receiver<()>,
}

impl Handler for Paths {
    fn serve(&self, request: Request) -> Local<'static, Response> {
        let (gate, shard) = (self.gate.clone(), self.index);
        Box::pin(async move { answer(request, gate, shard).await })
    }

    fn close(&self) -> Local<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn response(status: u16, body: ResponseBody) -> Response {
    let trace = Trace { operation: Some("GetObject"), ..Trace::default() };
    Response { status, headers: Vec::new(), body, trace }
}

async fn answer(mut request: Request, gate: Gate, shard: usize) -> Response {
    let key = request.head.target.key().map(|key| key.as_str().to_owned()).unwrap_or_default();
    match key.as_str() {
        "hello" => response(200, ResponseBody::Bytes("hello".into())),
        "shard" => response(200, ResponseBody::Bytes(shard.to_string().into())),
        "empty" => response(204, ResponseBody::Empty),
        "meta" => {
            let mut answer = response(200, ResponseBody::Empty);
            answer.headers.push(("content-length".into(), "12345".into()));
            answer
        }
        "refused" => response(403, ResponseBody::Bytes("no".into())),
        "panic" => panic!("told to"),
        "unsendable" => {
            let mut answer = response(200, ResponseBody::Empty);
            answer.headers.push(("x-amz-meta-a".into(), "a\r\nb: c".into()));
            answer
        }
        "wait" => {
            gate.arrived.send_async(()).await.expect("the test listens");
            gate.go.recv_async().await.expect("the test lets go");
            response(200, ResponseBody::Bytes("waited".into()))
        }
        key if key.starts_with("late") => late::answer(key.to_owned(), request.id, gate),
        "short" => stream(BLOCK_LEN as u64 * 8, 3),
        "long" => stream(LONG_LEN, u64::MAX),
        "small" => stream(1000, u64::MAX),
        _ => {
            let mut len = 0;
            let mut sum = 0_u64;
            loop {
                match request.body.next().await {
                    None => break,
                    Some(Ok(bytes)) => {
                        len += bytes.len();
                        sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
                    }
                    Some(Err(BodyError::Disconnected)) => {
                        return response(400, ResponseBody::Bytes("short".into()));
                    }
                    Some(Err(BodyError::TimedOut)) => {
                        return response(400, ResponseBody::Bytes("late".into()));
                    }
                }
            }
            response(200, ResponseBody::Bytes(format!("{len} {sum}").into()))
        }
    }
}

/// A stream that announces `len` and fails after `good` blocks.
fn stream(len: u64, good: u64) -> Response {
    struct Blocks {
        at: u64,
        len: u64,
        good: u64,
    }
    impl BlockSource for Blocks {
        fn next(&mut self) -> Local<'_, Option<Result<Block, StreamError>>> {
            Box::pin(async {
                if self.at == self.len {
                    return None;
                }
                if self.good == 0 {
                    return Some(Err(StreamError));
                }
                self.good -= 1;
                let end = self.len.min(self.at + BLOCK_LEN as u64);
                let bytes: Vec<u8> = (self.at..end).map(pattern).collect();
                self.at = end;
                Some(Ok(Block::from(Bytes::from(bytes))))
            })
        }

        fn asked_back(&self) -> Local<'static, ()> {
            Box::pin(std::future::pending())
        }

        fn give_back(&mut self) {
            unreachable!("nobody asked for it");
        }
    }
    response(200, ResponseBody::Stream { len, source: Box::new(Blocks { at: 0, len, good }) })
}

/// The byte at a place of a stream.
fn pattern(at: u64) -> u8 {
    (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

const BLOCK_LEN: usize = 64 * 1024;
const LONG_LEN: u64 = 8 * 1024 * 1024 + 777;

/// A running node.
struct Node {
    shards: Option<Shards>,
    address: SocketAddr,
    metrics: Arc<Metrics>,
    access: AccessLog,
    lines: Sink,
    arrived: flume::Receiver<()>,
    go: flume::Sender<()>,
    config: Arc<Config>,
    stop: (flume::Sender<()>, flume::Receiver<()>),
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while writing").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Node {
    fn start(shards: usize, change: impl FnOnce(&mut Config)) -> Self {
        let root = Credential { access_key: "root".into(), secret_key: "12345678".into() };
        let mut config = Config::new("/nowhere".into(), root);
        change(&mut config);
        let config = Arc::new(config);
        let lines = Sink::default();
        let plan = Plan {
            config: Arc::clone(&config),
            shards,
            metrics: Arc::new(Metrics::new(shards)),
            access: AccessLog::start(lines.clone(), LogFormat::Text),
            tls: None,
        };
        let (arrived_sender, arrived) = flume::unbounded();
        let (go, go_receiver) = flume::unbounded();
        let gate = Gate { arrived: arrived_sender, go: go_receiver };
        let factory: Factory = Arc::new(move |seat: Seat| {
            let paths = Paths { gate: gate.clone(), index: seat.index };
            Box::pin(async move { Ok(Rc::new(paths) as Rc<dyn Handler>) })
        });
        let shards = Shards::start(&plan, &factory).expect("started");
        let listener = listen::bind("127.0.0.1:0".parse().expect("address")).expect("bound");
        let address = listener.local_addr().expect("bound");
        shards.listen(vec![listener]);
        Self {
            shards: Some(shards),
            address,
            metrics: plan.metrics,
            access: plan.access,
            lines,
            arrived,
            go,
            config,
            stop: flume::bounded(1),
        }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        stream.set_nodelay(true).expect("set");
        Client { reader: BufReader::new(stream.try_clone().expect("cloned")), stream }
    }

    fn drain(&mut self) -> Drained {
        let shards = self.shards.take().expect("drained once");
        shards.drain(self.config.http.drain_timeout, &self.stop.1).expect("no shard fails")
    }

    /// The access lines of finished requests.
    fn lines(&self) -> String {
        self.access.flush();
        String::from_utf8(self.lines.0.lock().expect("no panic").clone()).expect("text")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(shards) = self.shards.take() {
            let _ = shards.drain(Duration::ZERO, &self.stop.1);
        }
    }
}

struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("sent");
    }

    fn get(&mut self, key: &str) -> Answer {
        self.send(format!("GET /bkt/{key} HTTP/1.1\r\nhost: a\r\n\r\n"));
        self.answer(false)
    }

    /// Reads an answer; one to HEAD has no body whatever its length says.
    fn answer(&mut self, is_head: bool) -> Answer {
        let mut answer = self.head();
        let len = answer.header("content-length").map_or(0, |len| len.parse().expect("number"));
        if !is_head {
            answer.body.resize(len, 0);
            self.reader.read_exact(&mut answer.body).expect("whole body");
        }
        answer
    }

    fn head(&mut self) -> Answer {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("status line");
        assert!(line.starts_with("HTTP/1.1 "), "{line:?}");
        let status = line[9..12].parse().expect("status");
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.reader.read_line(&mut line).expect("header line");
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Answer { status, headers, body: Vec::new() }
    }

    /// Waits until the node closes the connection; gives what came before. A reset counts as closed.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("not closed: {error}"),
        }
    }
}

fn assert_identified(answer: &Answer) {
    let id = answer.header("x-amz-request-id").expect("request id");
    assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
    assert!(answer.header("x-amz-id-2").is_some_and(|host| host.len() == 64));
    if answer.status >= 400 && answer.text().starts_with("<?xml") {
        assert!(answer.text().contains(&format!("<RequestId>{id}</RequestId>")));
    }
}

#[test]
fn a_connection_is_kept_and_each_answer_identified() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    let first = client.get("hello");
    let second = client.get("hello");
    assert_eq!((first.status, first.text()), (200, "hello"));
    assert_identified(&first);
    assert_identified(&second);
    assert_ne!(first.header("x-amz-request-id"), second.header("x-amz-request-id"));
    assert!(first.header("date").is_some());
    // Pipelined requests are answered in order.
    client.send(
        "GET /bkt/small HTTP/1.1\r\nhost: a\r\n\r\nGET /bkt/empty HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    assert_eq!(client.answer(false).body.len(), 1000);
    assert_eq!(client.answer(false).status, 204);
    let lines = node.lines();
    assert_eq!(lines.matches(" operation=GetObject ").count(), 4, "{lines}");
    assert!(lines.contains(first.header("x-amz-request-id").expect("checked")));
    assert_eq!(node.metrics.requests_open.get(), 0);
    assert_eq!(node.metrics.connections_open.get(), 1);
}

#[test]
fn bodies_arrive_whole_however_they_are_framed() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    client.send("PUT /bkt/k HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n\x01\x02\x03\x04\x05");
    assert_eq!(client.answer(false).text(), "5 15");
    client.send(
        "PUT /bkt/k HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\n\x01\x02\x03\r\n",
    );
    client.send("2\r\n\x04\x05\r\n0\r\n\r\n");
    assert_eq!(client.answer(false).text(), "5 15");
    client.send("PUT /bkt/k HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer(false).text(), "0 0");
    // Long enough to run in the bulk queue and to fill every buffer on the way.
    let body: Vec<u8> = (0..3_000_000).map(pattern).collect();
    let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
    client
        .send(format!("PUT /bkt/k HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len()));
    client.send(&body);
    assert_eq!(client.answer(false).text(), format!("3000000 {sum}"));
    assert!(node.lines().contains(" bytes_in=3000000 "));
}

#[test]
fn streams_leave_whole_and_in_order() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    for key in ["long", "small", "long"] {
        let answer = client.get(key);
        let expected: Vec<u8> = (0..answer.body.len() as u64).map(pattern).collect();
        assert!(answer.body == expected, "{key} differs");
    }
    assert!(node.lines().contains(&format!(" bytes_out={LONG_LEN} ")));
}

#[test]
fn a_stream_that_fails_cuts_the_connection() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    client.send("GET /bkt/short HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = client.head();
    assert_eq!(answer.status, 200);
    let announced: usize =
        answer.header("content-length").expect("length").parse().expect("number");
    let got = client.rest();
    assert!(got.len() < announced, "{} of {announced}", got.len());
    let expected: Vec<u8> = (0..got.len() as u64).map(pattern).collect();
    assert!(got == expected, "wrong bytes before the cut");
    assert!(node.lines().contains(" cut=true"));
}

#[test]
fn continue_is_sent_when_the_body_is_wanted_and_only_then() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    let expect = "host: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    client.send(format!("PUT /bkt/k HTTP/1.1\r\n{expect}"));
    assert_eq!(client.answer(false).status, 100);
    client.send("\x01\x01\x01");
    assert_eq!(client.answer(false).text(), "3 3");
    // Refused without a look at the body: no 100 before the error, and no doubt about what follows it.
    client.send(format!("PUT /bkt/refused HTTP/1.1\r\n{expect}"));
    let answer = client.answer(false);
    assert_eq!((answer.status, answer.text()), (403, "no"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.rest().is_empty());
}

#[test]
fn a_small_body_that_nobody_reads_does_not_cost_the_connection() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    for _ in 0..2 {
        client.send("PUT /bkt/refused HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab");
        client.send("cd");
        let answer = client.answer(false);
        assert_eq!((answer.status, answer.header("connection")), (403, None));
    }
    assert_eq!(client.get("hello").text(), "hello");
}

#[test]
fn an_early_answer_survives_the_body_that_goes_on() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    // More than the sockets hold, and no more than a slow machine takes while it lingers.
    let len = 24 << 20;
    client.send(format!("PUT /bkt/refused HTTP/1.1\r\nhost: a\r\ncontent-length: {len}\r\n\r\n"));
    let mut sender = client.stream.try_clone().expect("cloned");
    let sending = std::thread::spawn(move || {
        let piece = vec![7; 1 << 20];
        // All of it is taken: had the node closed at once, this would fail.
        (0..24).try_for_each(|_| sender.write_all(&piece))
    });
    sending.join().expect("no panic").expect("taken and thrown away");
    let answer = client.answer(false);
    assert_eq!((answer.status, answer.text()), (403, "no"));
    assert_eq!(answer.header("connection"), Some("close"));
    client.stream.shutdown(Shutdown::Write).expect("shut down");
    assert!(client.rest().is_empty());
}

#[test]
fn head_has_a_length_and_no_body() {
    // rule: head/no-body
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    for (key, status, len) in
        [("meta", 200, Some("12345")), ("hello", 200, None), ("refused", 403, None)]
    {
        client.send(format!("HEAD /bkt/{key} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let answer = client.answer(true);
        assert_eq!((answer.status, answer.header("content-length")), (status, len), "{key}");
        assert_identified(&answer);
    }
    assert_eq!(client.get("hello").text(), "hello");
}

#[test]
fn what_is_no_http_gets_an_s3_error() {
    let node = Node::start(1, |_| {});
    for (request, status, code) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "BadRequest"),
        ("GET /a b HTTP/1.1\r\n\r\n".into(), 400, "BadRequest"),
        (
            format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "x".repeat(40_000)),
            400,
            "RequestHeaderSectionTooLarge",
        ),
        ("GET /%zz HTTP/1.1\r\nhost: a\r\n\r\n".into(), 400, "InvalidURI"),
    ] {
        let mut client = node.connect();
        client.send(&request);
        let answer = client.answer(false);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.text().contains(&format!("<Code>{code}</Code>")), "{}", answer.text());
        assert_identified(&answer);
        if code != "InvalidURI" {
            assert_eq!(answer.header("connection"), Some("close"));
            client.stream.shutdown(Shutdown::Write).expect("shut down");
            assert!(client.rest().is_empty());
        }
    }
    // After a good exchange as well.
    let mut client = node.connect();
    assert_eq!(client.get("hello").text(), "hello");
    client.send("nonsense\r\n\r\n");
    assert_identified(&client.answer(false));
    assert!(node.lines().contains(" error=BadRequest "));
}

/// Whoever asks behind a good request must not spoil its answer, nor get one that is not ours.
#[test]
fn what_could_be_smuggled_is_refused_after_the_answers_before_it() {
    let node = Node::start(1, |_| {});
    for head in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        "x: y\n\r\n",
        "x: y\r\n\n",
    ] {
        let mut client = node.connect();
        client.send(format!(
            "GET /bkt/wait HTTP/1.1\r\nhost: a\r\n\r\nPUT /bkt/k HTTP/1.1\r\nhost: a\r\n{head}\
             GET /bkt/hello HTTP/1.1\r\nhost: a\r\n\r\n"
        ));
        node.arrived.recv().expect("arrived");
        node.go.send(()).expect("waits");
        assert_eq!(client.answer(false).text(), "waited", "{head:?}");
        let answer = client.answer(false);
        assert_identified(&answer);
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{head:?}");
        client.stream.shutdown(Shutdown::Write).expect("shut down");
        assert!(client.rest().is_empty(), "{head:?}");
    }
}

#[test]
fn a_broken_chunk_is_a_body_that_ends_short() {
    let node = Node::start(1, |_| {});
    for chunks in
        ["5\r\nhelloX", "5\nhello", "5;a\nb\r\nhello\r\n", "5\r\nhello\r\n0\r\na: b\n\r\n"]
    {
        let mut client = node.connect();
        client.send(format!(
            "PUT /bkt/k HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        ));
        client.send("GET /bkt/hello HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(client.answer(false).text(), "short", "{chunks:?}");
        // It may be gone already.
        client.stream.shutdown(Shutdown::Write).ok();
        assert!(client.rest().is_empty(), "{chunks:?}");
    }
}

#[test]
fn a_panic_and_a_broken_answer_are_500() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    for key in ["panic", "unsendable", "panic"] {
        let answer = client.get(key);
        assert_eq!(answer.status, 500, "{key}");
        assert!(answer.text().contains("<Code>InternalError</Code>"));
        assert_identified(&answer);
    }
    assert_eq!(client.get("hello").text(), "hello");
}

#[test]
fn connections_go_to_the_emptiest_shard_and_are_bounded() {
    let node = Node::start(2, |config| config.http.max_connections = 4);
    let mut clients: Vec<Client> = (0..4).map(|_| node.connect()).collect();
    let mut shards: Vec<String> =
        clients.iter_mut().map(|client| client.get("shard").text().to_owned()).collect();
    shards.sort();
    assert_eq!(shards, ["0", "0", "1", "1"]);
    let mut fifth = node.connect();
    let answer = fifth.answer(false);
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("<Code>SlowDown</Code>"));
    assert_identified(&answer);
    assert!(fifth.rest().is_empty());
    assert_eq!(node.metrics.connections_refused.get(), 1);
}

#[test]
fn requests_are_bounded() {
    let node = Node::start(1, |config| config.http.max_requests = 1);
    let mut waiting = node.connect();
    waiting.send("GET /bkt/wait HTTP/1.1\r\nhost: a\r\n\r\n");
    node.arrived.recv().expect("arrived");
    let mut second = node.connect();
    let answer = second.get("hello");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("<Code>SlowDown</Code>"));
    node.go.send(()).expect("waits");
    assert_eq!(waiting.answer(false).text(), "waited");
    assert_eq!(second.get("hello").text(), "hello");
    assert_eq!(node.metrics.requests_refused.get(), 1);
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let node = Node::start(1, |_| {});
    let mut client = node.connect();
    client.send("GET /bkt/wait HTTP/1.1\r\nhost: a\r\n\r\n");
    node.arrived.recv().expect("arrived");
    drop(client);
    // Its future is dropped, and with it its end of the gate's queue.
    let deadline = Instant::now() + Duration::from_secs(20);
    while node.metrics.requests_open.get() > 0 {
        assert!(Instant::now() < deadline, "still served");
        std::thread::yield_now();
    }
    assert!(node.lines().contains(" status=none "));
}

#[test]
fn a_second_node_cannot_share_the_address() {
    let node = Node::start(1, |_| {});
    let error = listen::bind(node.address).expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

fn quiet_plan(shards: usize) -> Plan {
    let root = Credential { access_key: "root".into(), secret_key: "12345678".into() };
    Plan {
        config: Arc::new(Config::new("/nowhere".into(), root)),
        shards,
        metrics: Arc::new(Metrics::new(shards)),
        access: AccessLog::start(std::io::sink(), LogFormat::Text),
        tls: None,
    }
}

#[test]
fn a_shard_whose_handler_cannot_be_made_keeps_the_node_from_starting() {
    let plan = quiet_plan(2);
    let factory: Factory = Arc::new(|seat: Seat| {
        Box::pin(async move { Err(format!("no disk for shard {}", seat.index)) })
    });
    let problem = Shards::start(&plan, &factory).map(|_| ()).expect_err("refused");
    assert!(problem.starts_with("no disk for shard "), "{problem}");
}

#[test]
fn the_arenas_for_reads_are_part_of_the_configured_buffers() {
    let root = Credential { access_key: "root".into(), secret_key: "12345678".into() };
    let config = Config::new("/nowhere".into(), root);
    let buffers = usize::try_from(config.memory_buffers).expect("fits");
    let plan = Plan {
        config: Arc::new(config),
        shards: 2,
        metrics: Arc::new(Metrics::new(2)),
        access: AccessLog::start(std::io::sink(), LogFormat::Text),
        tls: None,
    };
    // Three eighths; the rest is for writes and documents.
    assert_eq!(plan.shards * io_memory(&plan), buffers / 8 * 3);
}

/// Its preemption timer is up as a rule before it looks at its queues, and then it sleeps on its work. Without a pulse
/// few of these come to their end.
#[test]
fn an_executor_that_falls_asleep_on_its_work_is_woken() {
    let pulse = Pulse::start_with(Duration::from_millis(1)).expect("a pulse");
    for _ in 0..HASTY_EXECUTORS {
        let (say, said) = flume::bounded(1);
        let join = pulse.join();
        let thread = std::thread::spawn(move || {
            let hasty = builder(None, 64 << 10).preempt_timer(HASTY);
            let executor = hasty.make().expect("an executor");
            executor.spawn(join).detach();
            executor.run(async move { say.send(()).expect("the test waits") });
        });
        said.recv_timeout(Duration::from_secs(20)).expect("its only task has run");
        thread.join().expect("no panic");
    }
}

/// About as long as an executor takes from arming its timer to the first look at it.
const HASTY: Duration = Duration::from_micros(10);
const HASTY_EXECUTORS: usize = 20;
