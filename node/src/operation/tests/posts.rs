//! Uploads by HTML forms: what is stored of them, and that nothing is of those that are refused.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use protocol::sign::sign::Signer;

use super::rules::{base64, md5};
use super::{bytes, node_with_bucket};
use crate::limits::{FORM_LINGER_LEN, INLINE_LEN_MAX};
use crate::seam::Clock;
use crate::testing::{Answered, TestNode};

const BOUNDARY: &str = "----form-of-tests";

/// A form for `/bkt`, signed, whose policy covers each of its fields.
struct Form {
    fields: Vec<(String, String)>,
    conditions: String,
    file: Vec<u8>,
    piece: usize,
}

impl Form {
    fn new(key: &str, file: &[u8]) -> Self {
        let fields = vec![("key".into(), key.into())];
        Self { fields, conditions: String::new(), file: file.into(), piece: 64 * 1024 }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// One more condition.
    fn on(mut self, condition: &str) -> Self {
        self.conditions.push(',');
        self.conditions.push_str(condition);
        self
    }

    /// How many bytes come at once.
    fn split(mut self, piece: usize) -> Self {
        self.piece = piece;
        self
    }

    fn body(&self, node: &TestNode) -> Vec<u8> {
        let settings = &node.machine.settings;
        let signer =
            Signer { credential: &settings.root, region: &settings.region, now: node.time.now() };
        let mut conditions = String::from("{\"bucket\":\"bkt\"}");
        let signing = signer.form_fields().map(|(name, value)| (name.to_owned(), value));
        for (name, _) in self.fields.iter().chain(&signing) {
            conditions.push_str(&format!(",[\"starts-with\",\"${name}\",\"\"]"));
        }
        conditions.push_str(&self.conditions);
        let policy =
            format!("{{\"expiration\":\"2999-01-01T00:00:00Z\",\"conditions\":[{conditions}]}}");
        let policy = base64(policy.as_bytes());
        let mut body = Vec::new();
        let signed = signer.sign_form(&policy).map(|(name, value)| (name.to_owned(), value));
        let policy = [("policy".to_owned(), policy)];
        for (name, value) in self.fields.iter().chain(&signed).chain(&policy) {
            add(&mut body, name, "", value.as_bytes());
        }
        add(&mut body, "file", "; filename=\"dir/name.txt\"\r\nContent-Type: image/x", &self.file);
        add(&mut body, "submit", "", b"Send");
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        body
    }

    fn send(&self, node: &TestNode) -> Answered {
        send(node, &self.body(node), self.piece)
    }
}

fn add(body: &mut Vec<u8>, name: &str, more: &str, value: &[u8]) {
    let head =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(value);
    body.extend_from_slice(b"\r\n");
}

fn pieces(body: &[u8], piece: usize) -> Rc<RefCell<VecDeque<Bytes>>> {
    Rc::new(RefCell::new(body.chunks(piece).map(Bytes::copy_from_slice).collect()))
}

/// Starts to send what claims to be a form.
fn start(
    node: &TestNode,
    target: &str,
    body: &Rc<RefCell<VecDeque<Bytes>>>,
) -> impl Future<Output = Answered> + use<> {
    let len: usize = body.borrow().iter().map(Bytes::len).sum();
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("content-type", content_type.as_str()), ("content-length", &len.to_string())];
    node.start_unsigned("POST", target, &headers, body)
}

fn send(node: &TestNode, body: &[u8], piece: usize) -> Answered {
    node.run(start(node, "/bkt", &pieces(body, piece)))
}

/// Refused so, and nothing is left of it.
fn refused(node: &TestNode, answered: &Answered, status: u16, code: &str) {
    assert_eq!((answered.status, answered.element("Code").as_deref()), (status, Some(code)));
    node.settle();
    assert_eq!(node.disk.blobs().len(), 0, "{answered:?}");
    let listed = node.send("GET", "/bkt", &[], b"");
    assert_eq!(listed.element("Key"), None, "{answered:?}");
}

#[test]
fn a_file_of_any_length_is_stored_as_it_came() {
    // rule: post/stored, post/body, post/filename
    let inline = usize::try_from(INLINE_LEN_MAX).expect("a small number");
    for (len, piece) in [
        (0, 1),
        (5, 1),
        (5, 1 << 20),
        (inline - 1, 1000),
        (inline, 1 << 20),
        (inline, 7),
        (inline + 1, 13),
        (inline + 1, 1 << 20),
        (300_000, 4096),
        (3_000_000, 70_001),
    ] {
        let node = node_with_bucket();
        let content = bytes(len as u64, len);
        let answered = Form::new("in/${filename}", &content).split(piece).send(&node);
        assert_eq!((answered.status, answered.body.len()), (204, 0), "{len} {answered:?}");
        let etag = answered.header("etag").map(str::to_owned);
        let hex: String = md5(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(etag, Some(format!("\"{hex}\"")));
        assert_eq!(answered.header("location"), Some("http://node.test/bkt/in%2Fname.txt"));
        assert_eq!(answered.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
        assert!(answered.header("x-amz-checksum-crc64nvme").is_some());
        assert!(node.get("/bkt/in/name.txt") == content, "{len}");
        assert_eq!(node.disk.blobs().len(), usize::from(len > inline), "{len}");
        let head = node.send("HEAD", "/bkt/in/name.txt", &[], b"");
        assert_eq!(head.header("content-type"), Some("binary/octet-stream"));
    }
}

#[test]
fn what_the_fields_say_is_kept() {
    // rule: post/metadata, post/tagging, post/success-status, post/checksum
    let node = node_with_bucket();
    let tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    let answered = Form::new("k", b"content")
        .with("Content-Type", "text/plain")
        .with("x-amz-meta-Colour", "red")
        .with("tagging", tagging)
        .with("x-amz-checksum-algorithm", "SHA256")
        .with("success_action_status", "201")
        .send(&node);
    assert_eq!(answered.status, 201, "{answered:?}");
    assert_eq!(answered.element("Key").as_deref(), Some("k"));
    let sha256 = "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
    assert_eq!(answered.header("x-amz-checksum-sha256"), Some(sha256));
    let enabled = [("x-amz-checksum-mode", "ENABLED")];
    let head = node.send("HEAD", "/bkt/k", &enabled, b"");
    for (name, value) in [
        ("content-type", "text/plain"),
        ("x-amz-meta-colour", "red"),
        ("x-amz-checksum-sha256", sha256),
    ] {
        assert_eq!(head.header(name), Some(value), "{name}");
    }
    assert_eq!(node.send("GET", "/bkt/k?tagging", &[], b"").element("Value").as_deref(), Some("1"));
    let redirect = Form::new("k", b"").with("success_action_redirect", "http://x/y").send(&node);
    assert_eq!((redirect.status, redirect.body.len()), (303, 0));
    let location = redirect.header("location").expect("an address");
    assert!(location.starts_with("http://x/y?bucket=bkt&key=k&etag=%22d41d8cd9"), "{location}");
}

#[test]
fn a_form_writes_a_version() {
    // rule: post/stored
    let node = node_with_bucket();
    let document = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let digest = base64(&md5(document.as_bytes()));
    let headers = [("content-md5", digest.as_str())];
    assert_eq!(node.send("PUT", "/bkt?versioning", &headers, document.as_bytes()).status, 200);
    let ids = [b"1", b"2"].map(|file| {
        let answered = Form::new("k", file).send(&node);
        answered.header("x-amz-version-id").expect("a version").to_owned()
    });
    assert_eq!(node.get("/bkt/k"), b"2");
    assert_eq!(node.get(&format!("/bkt/k?versionId={}", ids[0])), b"1");
}

#[test]
fn nothing_is_left_of_a_form_that_is_refused() {
    // rule: post/malformed, post/one-file, post/stored
    for len in [100, 100_000] {
        let node = node_with_bucket();
        let body = Form::new("k", &bytes(7, len)).body(&node);
        let end = body.len() - 4;
        for cut in [end, end - 40, end - 200, body.len() - len / 2] {
            refused(&node, &send(&node, &body[..cut], 999), 400, "MalformedPOSTRequest");
        }
        let mut two = body[..body.len() - BOUNDARY.len() - 6].to_vec();
        add(&mut two, "file", "", b"another");
        refused(&node, &send(&node, &two, 999), 400, "InvalidArgument");
    }
}

#[test]
fn a_file_is_what_the_fields_say() {
    // rule: post/checksum, post/content-length-range
    for len in [200, 200_000] {
        let node = node_with_bucket();
        let content = bytes(9, len);
        let form = || Form::new("k", &content).split(5000);
        let digest = base64(&md5(&content));
        assert_eq!(form().with("Content-MD5", &digest).send(&node).status, 204);
        node.send("DELETE", "/bkt/k", &[], b"");
        node.collect();

        let wrong = base64(&md5(b"other"));
        let answered = form().with("content-md5", &wrong).send(&node);
        refused(&node, &answered, 400, "BadDigest");
        let answered = form().with("x-amz-checksum-crc32", "AAAAAA==").send(&node);
        refused(&node, &answered, 400, "BadDigest");
        let answered = form().with("x-amz-checksum-sha256", "sailor").send(&node);
        refused(&node, &answered, 400, "InvalidRequest");

        let range = |min, max| form().on(&format!("[\"content-length-range\",{min},{max}]"));
        let answered = range(len + 1, 2 * len).send(&node);
        refused(&node, &answered, 400, "EntityTooSmall");
        assert_eq!(answered.element("ProposedSize"), Some(len.to_string()));
        assert_eq!(answered.element("MinSizeAllowed"), Some((len + 1).to_string()));
        for max in [len - 1, len / 2, 0] {
            let answered = range(0, max).send(&node);
            refused(&node, &answered, 400, "EntityTooLarge");
            assert_eq!(answered.element("ProposedSize"), Some(len.to_string()));
            assert_eq!(answered.element("MaxSizeAllowed"), Some(max.to_string()));
        }
        assert_eq!(range(len, len).send(&node).status, 204);
    }
}

#[test]
fn a_file_that_is_far_too_long_is_not_read_to_its_end() {
    // rule: post/content-length-range
    let node = node_with_bucket();
    let linger = usize::try_from(FORM_LINGER_LEN).expect("a small number");
    let form = Form::new("k", &vec![7; 3 * linger]).on("[\"content-length-range\",0,9]");
    let body = form.body(&node);
    let waiting = pieces(&body, 64 * 1024);
    let answered = node.run(start(&node, "/bkt", &waiting));
    refused(&node, &answered, 400, "EntityTooLarge");
    assert_eq!(answered.element("ProposedSize"), Some(body.len().to_string()));
    let left: usize = waiting.borrow().iter().map(Bytes::len).sum();
    assert!(left > linger, "{left}");
}

#[test]
fn whoever_has_not_signed_is_not_listened_to() {
    // rule: post/anonymous, post/signature, post/extra-fields, post/fields-length
    let node = node_with_bucket();
    let form = Form::new("k", &bytes(3, 1_000_000)).with("acl", "private");
    let body = form.body(&node);
    let file_at = body.windows(12).position(|some| some == b"name=\"file\";").expect("a file");
    let changed = |from: &str, to: &str| {
        let text = String::from_utf8(body[..file_at].to_vec()).expect("a text");
        assert!(text.contains(from), "{from}");
        [text.replacen(from, to, 1).as_bytes(), &body[file_at..]].concat()
    };
    let anonymous = {
        let mut anonymous = Vec::new();
        add(&mut anonymous, "key", "", b"k");
        [&anonymous, &body[file_at - 38 - BOUNDARY.len() - 4..]].concat()
    };
    let long = {
        let mut long = Vec::new();
        add(&mut long, "x-ignore", "", &[b'v'; 30_000]);
        [&long, &body[..]].concat()
    };
    for (body, status, code) in [
        (anonymous, 403, "AccessDenied"),
        (changed("name=\"acl\"", "name=\"acm\""), 403, "AccessDenied"),
        (
            changed("name=\"x-amz-signature\"\r\n\r\n", "name=\"x-amz-signature\"\r\n\r\n0"),
            403,
            "SignatureDoesNotMatch",
        ),
        (
            changed("name=\"policy\"\r\n\r\n", "name=\"policy\"\r\n\r\nAAAA"),
            403,
            "SignatureDoesNotMatch",
        ),
        (changed("name=\"x-amz-date\"", "name=\"x-amz-time\""), 400, "InvalidArgument"),
        (long, 400, "MaxPostPreDataLengthExceeded"),
    ] {
        let waiting = pieces(&body, 1000);
        let answered = node.run(start(&node, "/bkt", &waiting));
        refused(&node, &answered, status, code);
        let left: usize = waiting.borrow().iter().map(Bytes::len).sum();
        assert!(left > 900_000, "{code}: {left} bytes were not asked for");
    }
    let answered = node.run(start(&node, "/nobody", &pieces(&body, 1000)));
    assert_eq!(
        answered.element("Code").as_deref(),
        Some("AccessDenied"),
        "the policy names a bucket"
    );
}

#[test]
fn a_policy_of_a_bucket_that_is_gone_finds_nothing() {
    // rule: post/stored
    let node = node_with_bucket();
    let body = Form::new("k", &bytes(3, 100_000)).body(&node);
    assert_eq!(node.send("DELETE", "/bkt", &[], b"").status, 204);
    let answered = send(&node, &body, 1000);
    assert_eq!(answered.element("Code").as_deref(), Some("NoSuchBucket"));
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    // rule: post/stored
    let node = node_with_bucket();
    let body = Form::new("k", &bytes(3, 3_000_000)).body(&node);
    for polls in [1, 3, 10, 30, 60] {
        let waiting = pieces(&body, 64 * 1024);
        let mut request: crate::seam::Local<'_, Answered> =
            Box::pin(start(&node, "/bkt", &waiting));
        assert!(!node.poll(&mut request, polls), "{polls}");
        drop(request);
        node.settle();
        assert_eq!(node.disk.blobs().len(), 0, "{polls}");
        assert_eq!(node.send("GET", "/bkt", &[], b"").element("Key"), None);
    }
}
