//! Room: one client that makes and breaks objects of its own, and knows what must be left of them.
//!
//! Whatever is cut off here has one outcome: a body that is not sent whole stores nothing, and a copy that nobody
//! waits for goes into an upload that is aborted.

use std::collections::BTreeMap;
use std::ops::Range;

use tenon_tests::client::{
    Call, S3, Session, abort_upload, complete_upload, copy_part, create_upload, upload_part,
};
use tenon_tests::content::Content;
use tenon_tests::http::{Connection, Reply};
use tenon_tests::random::Random;

use protocol::sign::PayloadMode;

use crate::need::Need;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const PART_LEN_MIN: u64 = 5 * MIB;
const KEYS: u64 = 40;

/// What all workers copy from.
pub(crate) const SOURCE: &str = "/churn/source";

/// Its bytes.
pub(crate) fn source() -> Content {
    Content::new(1, 24 * MIB + 13)
}

/// Requests by what they did.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// One client with keys of its own.
pub(crate) struct Worker {
    number: u64,
    random: Random,
    contents_made: u64,
    objects: BTreeMap<String, Content>,
    need: Need,
    /// What it has done.
    pub(crate) done: Counts,
    /// Bytes of all bodies that were sent whole.
    pub(crate) sent_len: u64,
}

impl Worker {
    /// The worker of this number; the seed decides all it does.
    pub(crate) fn new(number: u64, seed: u64) -> Self {
        Self {
            number,
            random: Random::from_seed(seed),
            contents_made: 0,
            objects: BTreeMap::new(),
            need: Need::default(),
            done: Counts::new(),
            sent_len: 0,
        }
    }

    /// Sends about so many requests.
    pub(crate) fn work(&mut self, s3: &S3, requests: u64) {
        let mut session = s3.session().expect("the node listens");
        while self.done.values().sum::<u64>() < requests {
            let path = self.path();
            match self.random.within(0..100) {
                0..30 => self.put(&mut session, path),
                30..40 => self.put_refused(s3, &mut session),
                40..62 => self.copy(&mut session),
                62..70 => self.give_up(&mut session),
                70..86 => self.delete(&mut session, &path),
                86..92 => self.put_cut_off(s3),
                92..96 => self.copy_cut_off(s3, &mut session),
                _ => self.read(&mut session),
            }
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn path(&mut self) -> String {
        format!("/churn/worker-{}/{}", self.number, self.random.within(0..KEYS))
    }

    /// New bytes whose length has an evenly spread logarithm.
    fn new_content(&mut self, lens: Range<u64>) -> Content {
        self.contents_made += 1;
        let seed = (self.number + 1) << 32 | self.contents_made;
        let len = log_uniform(&mut self.random, lens);
        self.need.written(seed, len);
        Content::new(seed, len)
    }

    fn put(&mut self, session: &mut Session<'_>, path: String) {
        let content = self.new_content(40 * KIB..4 * MIB);
        self.sent_len += content.len();
        let reply = session.put(Call::new("PUT", &path), &content).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let before = self.objects.insert(path, content);
        self.count(if before.is_some() { "overwrite" } else { "put" });
    }

    /// A put of a new object that loses its precondition, mostly when half of its bytes are stored.
    fn put_refused(&mut self, s3: &S3, session: &mut Session<'_>) {
        let path = self.path();
        if self.objects.contains_key(&path) {
            self.delete(session, &path);
        }
        let content = self.new_content(40 * KIB..4 * MIB);
        let half = content.len() / 2;
        let call = Call::new("PUT", &path).header("if-none-match", "*");
        let (head, _) = s3.head(&call.payload(PayloadMode::Unsigned), content.len());
        let mut slow = Connection::open(s3.address).expect("the node listens");
        slow.send(&head).expect("the node takes a head");
        slow.send(&content.slice(0..half).bytes()).expect("the node takes a body");
        self.put(session, path);
        // Where the node came to look at the condition only now, it refuses the rest unread.
        if slow.send(&content.slice(half..content.len()).bytes()).is_ok()
            && let Ok(reply) = slow.receive(false)
        {
            assert_eq!(reply.status, 412, "{}", reply.text());
        }
        self.count("put, precondition lost");
    }

    fn own(&mut self) -> Option<(String, Content)> {
        let own: Vec<&String> = self.objects.keys().collect();
        if own.is_empty() {
            return None;
        }
        let path = (*self.random.pick(&own)).clone();
        let content = self.objects[&path].clone();
        Some((path, content))
    }

    /// An object of this worker or the one that all share, and a range of it.
    fn range(&mut self) -> (String, Content, Range<u64>) {
        let (path, content) = match self.own() {
            Some(own) if self.random.chance(80) => own,
            _ => (SOURCE.to_owned(), source()),
        };
        let len = log_uniform(&mut self.random, KIB.min(content.len())..content.len() + 1);
        let start = self.random.within(0..content.len() - len + 1);
        (path, content, start..start + len)
    }

    fn create(&mut self, session: &mut Session<'_>, path: &str) -> String {
        let reply = session.call(&create_upload(path)).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.count("create upload");
        reply.element("UploadId").expect("an upload has an id")
    }

    fn copy_into(
        &mut self,
        session: &mut Session<'_>,
        upload: (&str, &str, u16),
        from: (&str, Range<u64>),
    ) -> String {
        let (path, id, number) = upload;
        let call = copy_part(path, id, number, from.0, Some(from.1));
        let reply = session.call(&call).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.count("part copy");
        reply.element("ETag").expect("a copied part has an ETag")
    }

    fn abort(&mut self, session: &mut Session<'_>, path: &str, id: &str) {
        let reply = session.call(&abort_upload(path, id)).expect("the node answers");
        assert_eq!(reply.status, 204, "{}", reply.text());
        self.count("abort");
    }

    /// An object of one copied range, or of a prefix of the shared one and a copied tail.
    fn copy(&mut self, session: &mut Session<'_>) {
        let path = self.path();
        let id = self.create(session, &path);
        let mut parts = Vec::new();
        let mut content = Content::default();
        if self.random.chance(15) {
            let len = self.random.within(PART_LEN_MIN..8 * MIB);
            parts.push((1, self.copy_into(session, (&path, &id, 1), (SOURCE, 0..len))));
            content = source().slice(0..len);
        }
        let (mut etag, mut tail) = self.copy_tail(session, &path, &id);
        if self.random.chance(30) {
            // The second copy takes the place of the first.
            (etag, tail) = self.copy_tail(session, &path, &id);
        }
        parts.push((2, etag));
        let call = complete_upload(&path, &id, &parts);
        if self.objects.contains_key(&path) && self.random.chance(25) {
            let reply = session.call(&call.header("if-none-match", "*")).expect("answered");
            assert_eq!(reply.status, 412, "{}", reply.text());
            self.count("complete, precondition lost");
            return self.abort(session, &path, &id);
        }
        let reply = session.call(&call).expect("the node answers");
        assert!(reply.status == 200 && reply.element("ETag").is_some(), "{}", reply.text());
        self.objects.insert(path, content.then(tail));
        self.count("complete");
    }

    fn copy_tail(&mut self, session: &mut Session<'_>, path: &str, id: &str) -> (String, Content) {
        let (from, whole, range) = self.range();
        let etag = self.copy_into(session, (path, id, 2), (&from, range.clone()));
        (etag, whole.slice(range))
    }

    /// An upload with a part of each kind that comes to nothing.
    fn give_up(&mut self, session: &mut Session<'_>) {
        let path = self.path();
        let id = self.create(session, &path);
        let content = self.new_content(40 * KIB..4 * MIB);
        self.sent_len += content.len();
        let reply = session.put(upload_part(&path, &id, 1), &content).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.count("upload part");
        let (from, _, range) = self.range();
        self.copy_into(session, (&path, &id, 2), (&from, range));
        self.abort(session, &path, &id);
    }

    fn delete(&mut self, session: &mut Session<'_>, path: &str) {
        let reply = session.call(&Call::new("DELETE", path)).expect("the node answers");
        assert_eq!(reply.status, 204, "{}", reply.text());
        self.objects.remove(path);
        self.count("delete");
    }

    /// A client that goes away in the middle of a body.
    fn put_cut_off(&mut self, s3: &S3) {
        let (path, content) = (self.path(), self.new_content(40 * KIB..4 * MIB));
        let sent = content.slice(0..self.random.within(0..content.len()));
        let call = Call::new("PUT", path).payload(PayloadMode::Unsigned);
        let (head, _) = s3.head(&call, content.len());
        let mut connection = Connection::open(s3.address).expect("the node listens");
        connection.send(&head).expect("the node takes a head");
        connection.send(&sent.bytes()).expect("the node takes a body");
        self.count("put, cut off");
    }

    /// A client that does not wait for its copy and aborts the upload.
    fn copy_cut_off(&mut self, s3: &S3, session: &mut Session<'_>) {
        let path = self.path();
        let id = self.create(session, &path);
        let (from, _, range) = self.range();
        let mut connection = Connection::open(s3.address).expect("the node listens");
        let wire = s3.wire(&copy_part(&path, &id, 1, &from, Some(range)));
        connection.send(&wire).expect("the node takes a request");
        drop(connection);
        self.count("part copy, cut off");
        self.abort(session, &path, &id);
    }

    fn read(&mut self, session: &mut Session<'_>) {
        let Some((path, content)) = self.own() else { return };
        let complaint = session.compare(&path, &content).expect("the node answers");
        assert_eq!(complaint, None, "{path}");
        self.count("get");
    }

    /// Everything that must be left is there and byte-equal, and nothing else.
    pub(crate) fn verify(&self, s3: &S3) {
        let mut session = s3.session().expect("the node listens");
        for (path, content) in &self.objects {
            let complaint = session.compare(path, content).expect("the node answers");
            assert_eq!(complaint, None, "{path}");
        }
        let query = format!("list-type=2&prefix=worker-{}%2F", self.number);
        let reply: Reply =
            session.call(&Call::new("GET", "/churn").query(query)).expect("answered");
        let listed: Vec<String> =
            reply.elements("Key").into_iter().map(|key| format!("/churn/{key}")).collect();
        let expected: Vec<String> = self.objects.keys().cloned().collect();
        assert_eq!(listed, expected);
    }

    /// Adds what this worker has written and what of it can still be reached.
    pub(crate) fn add_to(&self, need: &mut Need) {
        need.written_as(&self.need);
        for content in self.objects.values() {
            need.reachable(content);
        }
    }
}

fn log_uniform(random: &mut Random, range: Range<u64>) -> u64 {
    let (low, high) = (range.start.max(1), range.end);
    // One octave, then a place in it.
    let octaves = u64::from((high / low).max(1).ilog2());
    let from = low << random.within(0..octaves + 1);
    random.within(from..high.min(from * 2).max(from + 1))
}
