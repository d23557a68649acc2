//! Room: requests that no SDK sends: each gets the S3 error that it deserves, and the node goes on serving.
//!
//! Statuses, codes, texts and elements are those of S3 ("Error responses"; "UploadPartCopy"; "Signature
//! Calculations for the Authorization Header"). After every case a healthy request must be answered.

mod body;
mod copy;
mod hosts;
mod presigned;
mod refused;
mod signature;
mod wire;

use tenon_tests::client::{Call, S3, copy_part, create_bucket, create_upload, upload_part};
use tenon_tests::http::{Connection, Reply};
use tenon_tests::node::Node;

/// What must come back.
struct Expected<'a> {
    status: u16,
    code: &'a str,
    /// The exact text; `None` where S3 documents none.
    message: Option<&'a str>,
    /// Further elements of the error document, with their exact texts.
    elements: &'a [(&'a str, &'a str)],
}

fn expected<'a>(status: u16, code: &'a str) -> Expected<'a> {
    Expected { status, code, message: None, elements: &[] }
}

impl<'a> Expected<'a> {
    fn message(mut self, message: &'a str) -> Self {
        self.message = Some(message);
        self
    }

    fn elements(mut self, elements: &'a [(&'a str, &'a str)]) -> Self {
        self.elements = elements;
        self
    }
}

/// A node with a bucket, two objects and an open upload.
struct Victim {
    node: Node,
    s3: S3,
    upload_id: String,
}

const TEN: &str = "/hostile/ten";
const TEN_BYTES: &[u8] = b"0123456789";
const TARGET: &str = "/hostile/target";

impl Victim {
    fn new() -> Self {
        Self::of(Node::start("hostile"))
    }

    /// On a node with settings of its own.
    fn of(node: Node) -> Self {
        let s3 = node.s3();
        let mut session = s3.session().expect("the node listens");
        for call in [create_bucket("hostile"), Call::new("PUT", TEN).body(TEN_BYTES)] {
            let reply = session.call(&call).expect("the node answers");
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let reply = session.call(&create_upload(TARGET)).expect("the node answers");
        let upload_id = reply.element("UploadId").expect("an upload has an id");
        Self { node, s3, upload_id }
    }

    fn part(&self, number: u16) -> Call {
        upload_part(TARGET, &self.upload_id, number)
    }

    fn copy(&self) -> Call {
        copy_part(TARGET, &self.upload_id, 1, TEN, None)
    }

    /// Sends these bytes and nothing more, and takes the answer apart.
    fn answer(&self, wire: &[u8]) -> Reply {
        let mut connection = Connection::open(self.s3.address).expect("the node listens");
        connection.send(wire).expect("the node takes bytes");
        connection.receive(false).expect("the node answers")
    }

    fn call(&self, call: &Call) -> Reply {
        self.s3.call(call).expect("the node answers")
    }

    fn must_refuse(&mut self, what: &str, call: &Call, expected: &Expected<'_>) {
        let wire = self.s3.wire(call);
        self.must_refuse_wire(what, &wire, expected);
    }

    fn must_refuse_wire(&mut self, what: &str, wire: &[u8], expected: &Expected<'_>) {
        let reply = self.answer(wire);
        must_be(what, &reply, expected);
        self.must_serve(what);
    }

    /// The node is the same process and answers a healthy request.
    fn must_serve(&mut self, what: &str) {
        self.node.must_be_running();
        let reply = self.call(&Call::new("GET", TEN));
        assert_eq!((reply.status, &*reply.body), (200, TEN_BYTES), "after {what}");
    }

    fn must_not_exist(&self, path: &str) {
        let reply = self.call(&Call::new("HEAD", path));
        assert_eq!(reply.status, 404, "{path} exists");
    }

    fn must_have_no_parts(&self) {
        let query = format!("uploadId={}", self.upload_id);
        let reply = self.call(&Call::new("GET", TARGET).query(query));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.elements("PartNumber").is_empty(), "{}", reply.text());
    }
}

fn must_be(what: &str, reply: &Reply, expected: &Expected<'_>) {
    let text = reply.text();
    let got = (reply.status, reply.element("Code"));
    assert_eq!(got, (expected.status, Some(expected.code.to_owned())), "{what}: {text}");
    if let Some(message) = expected.message {
        assert_eq!(reply.element("Message").as_deref(), Some(message), "{what}: {text}");
    }
    for (name, value) in expected.elements {
        assert_eq!(reply.element(name).as_deref(), Some(*value), "{what}: {name} in {text}");
    }
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), "{what}: {text}");
    assert_eq!(reply.header("content-type"), Some("application/xml"), "{what}");
    let id = reply.header("x-amz-request-id").expect("every answer has a request id");
    let proper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    assert!(id.len() == 16 && id.chars().all(proper), "{what}: request id {id}");
    assert_eq!(reply.element("RequestId").as_deref(), Some(id), "{what}");
    assert_eq!(reply.element("HostId").as_deref(), reply.header("x-amz-id-2"), "{what}");
}

/// The signed request with one piece of its text replaced by another.
fn tampered(s3: &S3, call: &Call, from: &str, to: &str) -> Vec<u8> {
    let wire = String::from_utf8(s3.wire(call)).expect("a request without binary body");
    assert!(wire.contains(from), "{from} is not in {wire}");
    wire.replacen(from, to, 1).into_bytes()
}
