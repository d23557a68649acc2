//! Answers that take long, on the wire.

use protocol::error::S3Error;
use protocol::xml::DECLARATION;

use super::{
    BufRead, Bytes, Client, Config, Duration, Gate, Node, Read, Response, ResponseBody, Trace,
    assert_identified,
};

/// Says that it has arrived, waits until it may go on, and says again when it is over or dropped.
pub(super) fn answer(key: String, id: String, gate: Gate) -> Response {
    struct Over(flume::Sender<()>);
    impl Drop for Over {
        fn drop(&mut self) {
            self.0.send(()).ok();
        }
    }
    let over = Over(gate.arrived.clone());
    let rest = async move {
        let _over = over;
        gate.arrived.send_async(()).await.expect("the test listens");
        gate.go.recv_async().await.expect("the test lets go");
        let trace = Trace { operation: Some("CopyObject"), ..Trace::default() };
        match key.as_str() {
            "late-panic" => panic!("told to"),
            "late-error" => {
                let error = S3Error::no_such_upload("u");
                let trace = Trace { error: Some(error.code.as_str()), ..trace };
                let body = ResponseBody::Bytes(error.to_xml(&id, "host").into());
                Response { status: error.status(), headers: Vec::new(), body, trace }
            }
            _ => {
                let trace = Trace { way: Some("rw".into()), ..trace };
                let body = ResponseBody::Bytes(Bytes::from(format!("{DECLARATION}<Done/>")));
                let headers = vec![("x-tenon-copy-way".into(), "rw".into())];
                Response { status: 200, headers, body, trace }
            }
        }
    };
    Response {
        status: 200,
        headers: vec![("content-type".into(), "application/xml".into())],
        body: ResponseBody::Late(Box::pin(rest)),
        trace: Trace { operation: Some("CopyObject"), ..Trace::default() },
    }
}

fn start(after: Duration) -> Node {
    Node::start(1, |config: &mut Config| {
        config.http.keepalive_after = after;
        config.http.keepalive_interval = Duration::from_millis(10);
    })
}

/// At once, and never while a test runs.
const NOW: Duration = Duration::ZERO;
const NEVER: Duration = Duration::from_secs(3600);

impl Client {
    fn chunk(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the length of a chunk");
        let len = usize::from_str_radix(line.trim_end(), 16).expect("a length");
        let mut chunk = vec![0; len + 2];
        self.reader.read_exact(&mut chunk).expect("a chunk");
        chunk.truncate(len);
        String::from_utf8(chunk).expect("text")
    }

    fn chunks_to_the_end(&mut self) -> String {
        let mut text = String::new();
        loop {
            match self.chunk().as_str() {
                "" => return text,
                chunk => text.push_str(chunk),
            }
        }
    }

    /// The beginning of an answer that is sent ahead of what it says; its request id.
    fn ahead(&mut self) -> String {
        let head = self.head();
        assert_eq!((head.status, head.header("content-length")), (200, None));
        assert_eq!(head.header("transfer-encoding"), Some("chunked"));
        assert_eq!(head.header("content-type"), Some("application/xml"));
        assert_eq!(head.header("x-tenon-copy-way"), None);
        assert_identified(&head);
        assert_eq!(self.chunk(), DECLARATION);
        head.header("x-amz-request-id").expect("checked").to_owned()
    }
}

#[test]
fn spaces_keep_a_client_until_the_answer_is_there() {
    // rule: every/late-answers
    let node = start(NOW);
    let mut client = node.connect();
    for _ in 0..2 {
        client.send("PUT /bkt/late HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
        node.arrived.recv().expect("it waits");
        client.ahead();
        assert_eq!([client.chunk(), client.chunk()], [" ", " "]);
        node.go.send(()).expect("it waits");
        assert_eq!(client.chunks_to_the_end().trim_start(), "<Done/>");
        node.arrived.recv().expect("it is over");
    }
    assert_eq!(client.get("hello").text(), "hello");
    let lines = node.lines();
    assert_eq!(lines.matches(" way=rw").count(), 2, "{lines}");
    assert!(!lines.contains("cut=true"), "{lines}");
}

#[test]
fn what_fails_late_is_an_error_in_a_200() {
    // rule: every/late-answers
    let node = start(NOW);
    let mut client = node.connect();
    for (key, code) in [("late-error", "NoSuchUpload"), ("late-panic", "InternalError")] {
        client.send(format!("PUT /bkt/{key} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"));
        let id = client.ahead();
        node.go.send(()).expect("it waits");
        let text = client.chunks_to_the_end();
        let text = text.trim_start();
        assert!(text.starts_with(&format!("<Error><Code>{code}</Code>")), "{text}");
        assert!(text.contains(&format!("<RequestId>{id}</RequestId>")), "{text}");
        assert!(text.ends_with("</Error>"), "{text}");
        let lines = node.lines();
        assert_eq!(lines.matches(&format!(" error={code}")).count(), 1, "{lines}");
    }
    assert_eq!(client.get("hello").text(), "hello");
}

#[test]
fn what_is_there_in_time_is_answered_as_ever() {
    let node = start(NEVER);
    let mut client = node.connect();
    for (key, status, begin) in [
        ("late", 200, "<Done/>"),
        ("late-error", 404, "<Error><Code>NoSuchUpload</Code>"),
        ("late-panic", 500, "<Error><Code>InternalError</Code>"),
    ] {
        node.go.send(()).expect("it waits");
        let answer = client.get(key);
        assert_eq!(answer.status, status, "{key}");
        let root = answer.text().strip_prefix(DECLARATION).expect("a document");
        assert!(root.starts_with(begin), "{root}");
        assert_identified(&answer);
        assert_eq!(answer.header("x-tenon-copy-way").is_some(), key == "late");
    }
}

#[test]
fn who_cannot_take_chunks_waits_for_the_answer() {
    let node = start(NOW);
    let mut client = node.connect();
    client.send("PUT /bkt/late-error HTTP/1.0\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    node.arrived.recv().expect("it waits");
    node.go.send(()).expect("it waits");
    let answer = String::from_utf8(client.rest()).expect("text");
    assert!(answer.starts_with("HTTP/1.0 404 "), "{answer}");
    assert!(answer.contains("content-length: ") && answer.ends_with("</Error>"), "{answer}");
}

#[test]
fn the_work_ends_with_its_client() {
    for after in [NOW, NEVER] {
        let node = start(after);
        let mut client = node.connect();
        client.send("PUT /bkt/late HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
        node.arrived.recv().expect("it waits");
        if after == NOW {
            client.ahead();
        }
        drop(client);
        node.arrived.recv_timeout(Duration::from_secs(20)).expect("it is dropped");
        // Whoever comes next is served.
        assert_eq!(node.connect().get("hello").text(), "hello");
        if after == NOW {
            assert!(node.lines().contains(" cut=true"), "{}", node.lines());
        }
    }
}

#[test]
fn a_late_answer_is_given_while_the_node_drains() {
    let mut node = start(NOW);
    let mut client = node.connect();
    client.send("PUT /bkt/late HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    client.ahead();
    let go = node.go.clone();
    let drained = std::thread::scope(|scope| {
        let drained = scope.spawn(|| node.drain());
        assert_eq!(client.chunk(), " ");
        go.send(()).expect("it waits");
        assert_eq!(client.chunks_to_the_end().trim_start(), "<Done/>");
        assert!(client.rest().is_empty());
        drained.join().expect("no panic")
    });
    assert!(matches!(drained, super::Drained::Finished), "{drained:?}");
}

#[test]
fn who_waits_for_a_late_answer_is_not_slow() {
    let node = Node::start(1, |config: &mut Config| {
        config.http.keepalive_after = NOW;
        config.http.keepalive_interval = Duration::from_millis(20);
        config.http.write_timeout = Duration::from_millis(80);
        config.http.min_rate = 1 << 20;
    });
    let mut client = node.connect();
    client.send("PUT /bkt/late HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    client.ahead();
    // Several times as long as a client may take that is waited for.
    for _ in 0..20 {
        assert_eq!(client.chunk(), " ");
    }
    node.go.send(()).expect("it waits");
    assert_eq!(client.chunks_to_the_end().trim_start(), "<Done/>");
}

#[test]
fn a_late_answer_that_takes_too_long_is_cut() {
    let node = Node::start(1, |config: &mut Config| {
        config.http.keepalive_after = NOW;
        config.http.keepalive_interval = Duration::from_millis(20);
        config.http.request_timeout = Duration::from_millis(200);
    });
    let mut client = node.connect();
    client.send("PUT /bkt/late HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    node.arrived.recv().expect("it waits");
    client.ahead();
    node.arrived.recv_timeout(Duration::from_secs(20)).expect("it is dropped");
    // No end that could be taken for a whole answer.
    let rest = String::from_utf8(client.rest()).expect("text");
    assert!(rest.contains("1\r\n \r\n") && !rest.contains("0\r\n\r\n"), "{rest}");
    assert!(node.lines().contains(" cut=true"), "{}", node.lines());
}
