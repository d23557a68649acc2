//! Room: one client that does a little of everything, over and over, with a few keys of its own.
//!
//! Looks at statuses and lengths; whether every byte is right, others test. Half of the clients keep their connection,
//! the others take a new one each time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::checksum::{ChecksumAlgorithm, Hasher};
use protocol::sign::PayloadMode;
use tenon_tests::client::{
    Call, S3, abort_upload, complete_upload, copy_part, create_bucket, create_upload, upload_part,
};
use tenon_tests::http::{Connection, Reply};
use tenon_tests::random::Random;

use crate::{KIB, MIB};

const KEYS: u64 = 16;
const LEN_MAX: u64 = BYTES.len() as u64;
const PART_LEN_MIN: u64 = 5 * MIB;
const SOURCE: &str = "/mixed/source";
const SOURCE_LEN: u64 = 12 * MIB + 13;

/// What all bodies are made of: their length is all that matters here.
static BYTES: [u8; 4 << 20] = [0x5a; 4 << 20];

/// Requests by what they did.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// Makes what all clients need.
pub(crate) fn make_ready(s3: &S3) {
    let source = vec![7; usize::try_from(SOURCE_LEN).expect("fits")];
    let put = Call::new("PUT", SOURCE).body(source).payload(PayloadMode::Unsigned);
    for call in [create_bucket("mixed"), put] {
        let reply = s3.call(&call).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// One client.
pub(crate) struct Client<'a> {
    s3: &'a S3,
    number: u64,
    random: Random,
    /// What the last call left open.
    kept: Option<Connection>,
    objects: BTreeMap<String, u64>,
    done: Counts,
}

impl<'a> Client<'a> {
    /// The client of this number; the seed decides all it does.
    pub(crate) fn new(s3: &'a S3, number: u64, seed: u64) -> Self {
        Self {
            s3,
            number,
            random: Random::from_seed(seed),
            kept: None,
            objects: BTreeMap::new(),
            done: Counts::new(),
        }
    }

    /// Works as long as `go_on` says so. Gives what it has done.
    pub(crate) fn work(mut self, go_on: &AtomicBool) -> Counts {
        while go_on.load(Ordering::Relaxed) {
            match self.random.within(0..100) {
                0..20 => self.put(1..32 * KIB),
                20..30 => self.put(40 * KIB..LEN_MAX),
                30..44 => self.get(),
                44..54 => self.get_range(),
                54..60 => self.get_by_url(),
                60..66 => self.list(),
                66..72 => self.copy(),
                72..76 => self.upload(),
                76..80 => self.give_up(),
                80..84 => self.go_away_in_a_body(),
                84..88 => self.go_away_in_an_answer(),
                88..92 => self.go_away_from_a_copy(),
                92..98 => self.delete(),
                _ => self.delete_many(),
            }
        }
        self.done
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn path(&mut self) -> String {
        format!("/mixed/client-{}/{}", self.number, self.random.within(0..KEYS))
    }

    /// An object of this client, or the one that all share, and its length.
    fn object(&mut self) -> (String, u64) {
        let own: Vec<(&String, &u64)> = self.objects.iter().collect();
        if own.is_empty() || self.random.chance(10) {
            return (SOURCE.to_owned(), SOURCE_LEN);
        }
        let (path, len) = *self.random.pick(&own);
        (path.clone(), *len)
    }

    fn connection(&mut self) -> Connection {
        let kept = self.kept.take();
        kept.unwrap_or_else(|| self.s3.connect().expect("the node listens"))
    }

    fn answer(&mut self, wire: &[u8]) -> Reply {
        let mut connection = self.connection();
        let reply = connection.send(wire).and_then(|()| connection.receive(false));
        if self.number.is_multiple_of(2) {
            self.kept = Some(connection);
        }
        reply.expect("the node answers")
    }

    fn must(&mut self, call: &Call, status: u16) -> Reply {
        let reply = self.answer(&self.s3.wire(call));
        let (method, path, query) = (call.method, &call.path, &call.query);
        assert_eq!(reply.status, status, "{method} {path}?{query}: {}", reply.text());
        reply
    }

    /// Sends `len` bytes with `call`. The signature vouches for short bodies, as with most clients.
    fn must_take(&mut self, call: Call, len: u64) -> Reply {
        let call = call.body(bytes(len));
        self.must(&if len < 64 * KIB { call } else { call.payload(PayloadMode::Unsigned) }, 200)
    }

    fn put(&mut self, lens: Range<u64>) {
        let (path, len) = (self.path(), self.random.within(lens));
        self.must_take(Call::new("PUT", &path), len);
        let before = self.objects.insert(path, len);
        self.count(if before.is_some() { "overwrite" } else { "put" });
    }

    fn get(&mut self) {
        let (path, len) = self.object();
        let reply = self.must(&Call::new("GET", path), 200);
        assert_eq!(reply.body.len() as u64, len);
        self.count("get");
    }

    fn get_range(&mut self) {
        let (path, len) = self.object();
        let start = self.random.within(0..len);
        let end = self.random.within(start..len);
        let call = Call::new("GET", path).header("range", format!("bytes={start}-{end}"));
        assert_eq!(self.must(&call, 206).body.len() as u64, end - start + 1);
        self.count("get of a range");
    }

    fn get_by_url(&mut self) {
        let (path, len) = self.object();
        let host = self.s3.address.to_string();
        let query = self.s3.presign(&host, &Call::new("GET", &path));
        let wire = format!("GET {path}?{query} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let reply = self.answer(wire.as_bytes());
        assert_eq!((reply.status, reply.body.len() as u64), (200, len));
        self.count("get by URL");
    }

    fn list(&mut self) {
        let most = self.random.within(1..100);
        let query = format!("list-type=2&max-keys={most}&prefix=client-{}%2F", self.number);
        let reply = self.must(&Call::new("GET", "/mixed").query(query), 200);
        let expected = self.objects.len().min(usize::try_from(most).expect("small"));
        assert_eq!(reply.elements("Key").len(), expected);
        self.count("list");
    }

    fn copy(&mut self) {
        let (path, (from, len)) = (self.path(), self.object());
        if path == from {
            return;
        }
        let call = Call::new("PUT", &path).header("x-amz-copy-source", from);
        assert!(self.must(&call, 200).element("ETag").is_some());
        self.objects.insert(path, len);
        self.count("copy");
    }

    fn create(&mut self, path: &str) -> String {
        let reply = self.must(&create_upload(path), 200);
        reply.element("UploadId").expect("an upload has an id")
    }

    /// An object of a copied part and one that is sent.
    fn upload(&mut self) {
        let path = self.path();
        let id = self.create(&path);
        let first = self.random.within(PART_LEN_MIN..SOURCE_LEN + 1);
        let reply = self.must(&copy_part(&path, &id, 1, SOURCE, Some(0..first)), 200);
        let copied = reply.element("ETag").expect("a copied part has an ETag");
        let second = self.random.within(1..MIB);
        let reply = self.must_take(upload_part(&path, &id, 2), second);
        let sent = reply.header("etag").expect("a part has an ETag").to_owned();
        let call = complete_upload(&path, &id, &[(1, copied), (2, sent)]);
        assert!(self.must(&call, 200).element("ETag").is_some());
        self.objects.insert(path, first + second);
        self.count("upload completed");
    }

    fn give_up(&mut self) {
        let path = self.path();
        let id = self.create(&path);
        let len = self.random.within(1..LEN_MAX);
        self.must_take(upload_part(&path, &id, 1), len);
        self.must(&copy_part(&path, &id, 2, SOURCE, None), 200);
        self.must(&abort_upload(&path, &id), 204);
        self.count("upload aborted");
    }

    fn go_away_in_a_body(&mut self) {
        let (path, len) = (self.path(), self.random.within(2..LEN_MAX));
        let call = Call::new("PUT", path).payload(PayloadMode::Unsigned);
        let (head, _) = self.s3.head(&call, len);
        let sent = self.random.within(0..len);
        let mut connection = self.connection();
        // It must not be there: what has not been sent whole stores nothing, and whoever sent it has gone.
        let sent = connection.send(&head).and_then(|()| connection.send(bytes(sent)));
        sent.expect("the node takes a body");
        self.count("gone in a body");
    }

    fn go_away_in_an_answer(&mut self) {
        let mut connection = self.connection();
        let wire = self.s3.wire(&Call::new("GET", SOURCE));
        let head = connection.send(&wire).and_then(|()| connection.receive_head());
        assert_eq!(head.expect("the node answers").status, 200);
        self.count("gone in an answer");
    }

    fn go_away_from_a_copy(&mut self) {
        let path = self.path();
        let id = self.create(&path);
        let mut connection = self.connection();
        let call = copy_part(&path, &id, 1, SOURCE, Some(1..SOURCE_LEN));
        connection.send(&self.s3.wire(&call)).expect("the node takes a request");
        drop(connection);
        self.must(&abort_upload(&path, &id), 204);
        self.count("gone from a copy");
    }

    fn delete(&mut self) {
        let path = self.path();
        self.must(&Call::new("DELETE", &path), 204);
        self.objects.remove(&path);
        self.count("delete");
    }

    fn delete_many(&mut self) {
        if self.objects.is_empty() {
            return;
        }
        let mut body = String::from("<Delete>");
        for path in self.objects.keys() {
            let key = path.strip_prefix("/mixed/").expect("a path of this bucket");
            body.push_str(&format!("<Object><Key>{key}</Key></Object>"));
        }
        body.push_str("</Delete>");
        let mut hasher = Hasher::new(ChecksumAlgorithm::Crc32);
        hasher.update(body.as_bytes());
        let call = Call::new("POST", "/mixed").query("delete=").body(body);
        let call = call.header("x-amz-checksum-crc32", hasher.finish().to_base64());
        let reply = self.must(&call, 200);
        assert_eq!(reply.elements("Deleted").len(), self.objects.len(), "{}", reply.text());
        self.objects.clear();
        self.count("delete of many");
    }
}

fn bytes(len: u64) -> &'static [u8] {
    &BYTES[..usize::try_from(len).expect("fits")]
}
