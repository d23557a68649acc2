//! Room: one worker of the load: writes, copies, completes and deletes its own names, and verifies them.
//!
//! Holds: its ledger. Everything that it sends is in the ledger, as in doubt, before it is sent.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use tenon_tests::client::{
    Call, S3, Session, abort_upload, complete_upload, copy_object, copy_part, create_upload,
    delete_objects, upload_part,
};
use tenon_tests::content::Content;
use tenon_tests::http::Reply;
use tenon_tests::random::Random;

use crate::crew::Round;
use crate::ledger::{Doubt, Ledger, OpenUpload};
use crate::sources::{PART_LEN_MIN, Sources};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const KEYS: u64 = 6;
const UPLOADS_MAX: usize = 3;
const PART_NUMBER_MAX: u64 = 6;

/// What an answer gave, for the ledger.
type Answer = Option<String>;

/// One client with names of its own.
pub(crate) struct Worker {
    number: u64,
    random: Random,
    contents_made: u64,
    ledger: Ledger,
    /// The request in doubt was answered when the power was going.
    answered_late: bool,
}

impl Worker {
    /// The worker of this number; the seed decides all it does.
    pub(crate) fn new(number: u64, seed: u64) -> Self {
        let random = Random::from_seed(seed);
        Self { number, random, contents_made: 0, ledger: Ledger::default(), answered_late: false }
    }

    /// Sends one request after the other until one is cut off, which stays in doubt.
    pub(crate) fn work_until_cut(&mut self, s3: &S3, sources: &Sources, round: &Round) {
        let error = match s3.session() {
            Ok(mut session) => self.work(&mut session, sources, round),
            Err(error) => error,
        };
        let expected = round.is_crashing();
        assert!(expected, "worker {}: the node cut a connection or failed: {error}", self.number);
    }

    fn work(&mut self, session: &mut Session<'_>, sources: &Sources, round: &Round) -> io::Error {
        loop {
            match self.step(session, sources) {
                Ok(_) if round.is_cut() => {
                    self.answered_late = true;
                    return io::Error::other("answered when the power was going");
                }
                Ok(answer) => self.ledger.happened(answer),
                Err(error) => return error,
            }
            round.acknowledge();
        }
    }

    /// One request. Returns what its answer gave: an ETag, or the id of a new upload.
    fn step(&mut self, session: &mut Session<'_>, sources: &Sources) -> io::Result<Answer> {
        match self.random.within(0..100) {
            0..22 => self.put(session),
            22..29 => self.delete(session),
            29..34 => self.delete_some(session),
            34..44 => self.copy_whole(session, sources),
            44..54 => self.create(session),
            54..76 => self.copy(session, sources),
            76..83 => self.upload(session),
            83..94 => self.complete(session),
            _ => self.abort(session),
        }
    }

    fn path(&mut self) -> String {
        format!("/crash/worker-{}/{}", self.number, self.random.within(0..KEYS))
    }

    fn new_content(&mut self, len: u64) -> Content {
        self.contents_made += 1;
        Content::new((self.number + 1) << 32 | self.contents_made, len)
    }

    fn put(&mut self, session: &mut Session<'_>) -> io::Result<Answer> {
        let len = match self.random.within(0..100) {
            0..3 => 0,
            3..50 => self.random.within(1..32 * KIB + 1),
            50..85 => self.random.within(32 * KIB..2 * MIB),
            _ => self.random.within(2 * MIB..9 * MIB),
        };
        let (path, content) = (self.path(), self.new_content(len));
        self.ledger.doubt = Some(Doubt::Put { path: path.clone(), content: content.clone() });
        let reply = answered(session.put(Call::new("PUT", path), &content)?)?;
        Ok(Some(etag_of(&reply)))
    }

    fn delete(&mut self, session: &mut Session<'_>) -> io::Result<Answer> {
        let path = self.path();
        self.ledger.doubt = Some(Doubt::Delete { paths: vec![path.clone()] });
        let reply = answered(session.call(&Call::new("DELETE", path))?)?;
        assert_eq!(reply.status, 204, "{}", reply.text());
        Ok(None)
    }

    /// Some of the keys at once, whether they are there or not.
    fn delete_some(&mut self, session: &mut Session<'_>) -> io::Result<Answer> {
        let mut paths: Vec<String> = (0..self.random.within(1..5)).map(|_| self.path()).collect();
        paths.sort();
        paths.dedup();
        let keys: Vec<&str> = paths.iter().map(|path| path.trim_start_matches("/crash/")).collect();
        let quiet = self.random.chance(30);
        let call = delete_objects("crash", &keys, quiet);
        let told = if quiet { 0 } else { keys.len() };
        self.ledger.doubt = Some(Doubt::Delete { paths });
        let reply = answered(session.call(&call)?)?;
        let deleted = reply.elements("Deleted").len();
        assert!(reply.status == 200 && deleted == told, "{}", reply.text());
        Ok(None)
    }

    /// An object from a source, from another one of this worker's own, or from itself.
    fn copy_whole(&mut self, session: &mut Session<'_>, sources: &Sources) -> io::Result<Answer> {
        // Copies of objects of parts name the parts once more: often enough that such names come and go in each round.
        let (source, content) = if self.random.chance(30) {
            let (path, content) = self.random.pick(sources.of_parts());
            ((*path).to_owned(), content.clone())
        } else {
            self.source(sources)
        };
        let path = if self.random.chance(10) && self.ledger.objects.contains_key(&source) {
            source.clone()
        } else {
            self.path()
        };
        self.ledger.doubt = Some(Doubt::Put { path: path.clone(), content });
        let mut call = copy_object(&path, &source);
        // To copy an object to itself is to change something of it.
        if path == source || self.random.chance(30) {
            call = call.header("x-amz-metadata-directive", "REPLACE");
        }
        let reply = answered(session.call(&call)?)?;
        let etag = reply.element("ETag").as_deref().map(bare);
        assert!(reply.status == 200 && etag.is_some(), "copy of {source}: {}", reply.text());
        Ok(etag)
    }

    /// Something that can be copied: of all workers', or of this worker's own.
    fn source(&mut self, sources: &Sources) -> (String, Content) {
        let own = self.ledger.objects.iter().filter(|(_, object)| !object.content.is_empty());
        let own: Vec<(String, Content)> =
            own.map(|(path, object)| (path.clone(), object.content.clone())).collect();
        if own.is_empty() || self.random.chance(60) {
            let (path, content) = self.random.pick(sources.all());
            ((*path).to_owned(), content.clone())
        } else {
            self.random.pick(&own).clone()
        }
    }

    fn create(&mut self, session: &mut Session<'_>) -> io::Result<Answer> {
        if self.ledger.uploads.len() >= UPLOADS_MAX {
            return self.complete(session);
        }
        let path = self.path();
        self.ledger.doubt = Some(Doubt::Create { path: path.clone() });
        let id = created(&answered(session.call(&create_upload(&path))?)?);
        Ok(Some(id))
    }

    fn pick_upload(&mut self) -> Option<usize> {
        let count = u64::try_from(self.ledger.uploads.len()).expect("few");
        let place = if count == 0 { None } else { Some(self.random.within(0..count)) };
        place.map(|place| usize::try_from(place).expect("few"))
    }

    /// A range of a source, or of an object of this worker's own; mostly one that may be an inner part.
    fn copy(&mut self, session: &mut Session<'_>, sources: &Sources) -> io::Result<Answer> {
        let Some(upload) = self.pick_upload() else { return self.create(session) };
        let (path, whole) = self.source(sources);
        let range = self.range(whole.len());
        let number = self.part_number();
        let content = whole.slice(range.clone());
        self.ledger.doubt = Some(Doubt::Part { upload, number, content });
        let open = &self.ledger.uploads[upload];
        let range = (range != (0..whole.len()) || self.random.chance(50)).then_some(range);
        let call = copy_part(&open.path, &open.id, number, &path, range);
        let reply = answered(session.call(&call)?)?;
        assert_eq!(reply.status, 200, "copy of {path}: {}", reply.text());
        Ok(Some(copied_etag(&reply)))
    }

    fn range(&mut self, len: u64) -> Range<u64> {
        let offsets = [0, 1, 511, 4095, 65_537, self.random.within(0..len)];
        let start = (*self.random.pick(&offsets)).min(len - 1);
        let left = len - start;
        if self.random.chance(70) && left > PART_LEN_MIN {
            start..start + self.random.within(PART_LEN_MIN..left.min(12 * MIB) + 1)
        } else if self.random.chance(10) {
            0..len
        } else {
            start..start + self.random.within(1..left.min(12 * MIB) + 1)
        }
    }

    fn part_number(&mut self) -> u16 {
        u16::try_from(self.random.within(1..PART_NUMBER_MAX + 1)).expect("small")
    }

    fn upload(&mut self, session: &mut Session<'_>) -> io::Result<Answer> {
        let Some(upload) = self.pick_upload() else { return self.create(session) };
        let len = match self.random.within(0..100) {
            0..50 => self.random.within(1..100 * KIB),
            _ => self.random.within(PART_LEN_MIN..PART_LEN_MIN + 2 * MIB),
        };
        let (number, content) = (self.part_number(), self.new_content(len));
        self.ledger.doubt = Some(Doubt::Part { upload, number, content: content.clone() });
        let open = &self.ledger.uploads[upload];
        let reply = answered(session.put(upload_part(&open.path, &open.id, number), &content)?)?;
        Ok(Some(etag_of(&reply)))
    }

    fn complete(&mut self, session: &mut Session<'_>) -> io::Result<Answer> {
        match self.pick_upload() {
            Some(upload) if !self.ledger.uploads[upload].parts.is_empty() => {
                self.complete_upload(session, upload)
            }
            Some(_) | None => self.put(session),
        }
    }

    fn complete_upload(&mut self, session: &mut Session<'_>, upload: usize) -> io::Result<Answer> {
        let open = &self.ledger.uploads[upload];
        let (parts, content) = listable(open);
        let call = complete_upload(&open.path, &open.id, &parts);
        self.ledger.doubt = Some(Doubt::Complete { upload, content });
        let reply = answered(session.call(&call)?)?;
        let etag = reply.element("ETag").as_deref().map(bare);
        assert!(reply.status == 200 && etag.is_some(), "complete: {}", reply.text());
        Ok(etag)
    }

    fn abort(&mut self, session: &mut Session<'_>) -> io::Result<Answer> {
        let Some(upload) = self.pick_upload() else { return self.put(session) };
        let open = &self.ledger.uploads[upload];
        let call = abort_upload(&open.path, &open.id);
        self.ledger.doubt = Some(Doubt::Abort { upload });
        let reply = answered(session.call(&call)?)?;
        assert_eq!(reply.status, 204, "{}", reply.text());
        Ok(None)
    }

    /// Holds the node to the ledger, and the ledger to what the node shows of the request in doubt.
    pub(crate) fn verify(&mut self, s3: &S3) {
        let mut session = s3.session().expect("the node listens");
        let mut happened = None;
        for key in 0..KEYS {
            let path = format!("/crash/worker-{}/{key}", self.number);
            self.verify_object(&mut session, &path, &mut happened);
        }
        for place in 0..self.ledger.uploads.len() {
            self.verify_upload(&mut session, place, &mut happened);
        }
        let answered_late = std::mem::take(&mut self.answered_late);
        if answered_late && happened.as_ref().is_some_and(|outcome| !outcome.happened) {
            println!(
                "answered when the power was going, and did not happen: {:?}",
                self.ledger.doubt
            );
        }
        match happened {
            Some(Outcome { happened: true, etag }) => self.ledger.happened(etag),
            Some(Outcome { happened: false, .. }) | None => self.ledger.doubt = None,
        }
        self.verify_listing(&mut session);
        self.complete_some(&mut session);
    }

    fn verify_object(&self, session: &mut Session<'_>, path: &str, outcome: &mut Option<Outcome>) {
        let before = self.ledger.objects.get(path);
        let head = session.call(&Call::new("HEAD", path)).expect("the node answers");
        assert!(matches!(head.status, 200 | 404), "{path}: {}", head.status);
        let etag = head.header("etag").map(bare);
        let mut is = |content: Option<&Content>| match content {
            None => (head.status == 404).then_some(()).ok_or_else(|| "must not exist".to_owned()),
            Some(_) if head.status == 404 => Err("is missing".to_owned()),
            Some(content) => match session.compare(path, content).expect("the node answers") {
                None => Ok(()),
                Some(complaint) => Err(complaint),
            },
        };
        let unchanged = is(before.map(|object| &object.content));
        let known = before.and_then(|object| object.etag.as_ref());
        if unchanged.is_ok() && known.is_none_or(|known| Some(known) == etag.as_ref()) {
            // A delete of what did not exist, or the same bytes again, has no outcome to tell.
            if let Some(after) = self.ledger.object_in_doubt(path)
                && after != before.map(|object| &object.content)
            {
                Outcome { happened: false, etag: None }.must_agree(outcome, path);
            }
            return;
        }
        let Some(after) = self.ledger.object_in_doubt(path) else {
            panic!("{path}: {unchanged:?}, ETag {etag:?}, acknowledged {before:?}");
        };
        if let Err(complaint) = is(after) {
            panic!("{path}: neither the old ({unchanged:?}) nor the new ({complaint})");
        }
        Outcome { happened: true, etag }.must_agree(outcome, path);
    }

    fn verify_upload(
        &self,
        session: &mut Session<'_>,
        place: usize,
        outcome: &mut Option<Outcome>,
    ) {
        let open = &self.ledger.uploads[place];
        let call = Call::new("GET", &open.path).query(format!("uploadId={}", open.id));
        let reply = session.call(&call).expect("the node answers");
        let ends = matches!(&self.ledger.doubt,
            Some(Doubt::Complete { upload, .. } | Doubt::Abort { upload }) if *upload == place);
        if reply.status == 404 {
            assert!(ends, "{}: its upload is gone: {}", open.path, reply.text());
            let etag = outcome.as_ref().and_then(|outcome| outcome.etag.clone());
            return Outcome { happened: true, etag }.must_agree(outcome, &open.path);
        }
        assert_eq!(reply.status, 200, "{}", reply.text());
        if ends {
            Outcome { happened: false, etag: None }.must_agree(outcome, &open.path);
        }
        let mut expected: BTreeMap<u16, (u64, Option<String>)> = BTreeMap::new();
        for (number, part) in &open.parts {
            expected.insert(*number, (part.content.len(), part.etag.clone()));
        }
        let listed = listed_parts(&reply);
        if same_parts(&expected, &listed) {
            return;
        }
        let Some(Doubt::Part { upload, number, content }) = &self.ledger.doubt else {
            panic!("{}: parts {listed:?}, acknowledged {expected:?}", open.path);
        };
        assert_eq!(*upload, place, "{}: parts {listed:?}, acknowledged {expected:?}", open.path);
        expected.insert(*number, (content.len(), None));
        assert!(same_parts(&expected, &listed), "{}: {listed:?}, {expected:?}", open.path);
        let etag = listed.get(number).and_then(|(_, etag)| etag.clone());
        Outcome { happened: true, etag }.must_agree(outcome, &open.path);
    }

    /// A listing shows exactly the objects that there are.
    fn verify_listing(&self, session: &mut Session<'_>) {
        let query = format!("list-type=2&prefix=worker-{}%2F", self.number);
        let reply = session.call(&Call::new("GET", "/crash").query(query));
        let reply = reply.expect("the node answers");
        let keys = reply.elements("Key").into_iter().map(|key| format!("/crash/{key}"));
        let listed: Vec<(String, String)> = keys.zip(reply.elements("Size")).collect();
        let objects = self.ledger.objects.iter();
        let expected: Vec<(String, String)> = objects
            .map(|(path, object)| (path.clone(), object.content.len().to_string()))
            .collect();
        assert_eq!(listed, expected);
    }

    /// Parts are only as good as what they become: completes half of the uploads and reads the results.
    fn complete_some(&mut self, session: &mut Session<'_>) {
        for upload in (0..self.ledger.uploads.len()).rev() {
            if self.ledger.uploads[upload].parts.is_empty() || self.random.chance(50) {
                continue;
            }
            let path = self.ledger.uploads[upload].path.clone();
            let etag = self.complete_upload(session, upload).expect("the node answers");
            self.ledger.happened(etag);
            let mut outcome = None;
            self.verify_object(session, &path, &mut outcome);
            assert!(outcome.is_none(), "nothing is in doubt");
        }
    }
}

/// What the node has shown of the request in doubt.
#[derive(Debug, Clone)]
struct Outcome {
    happened: bool,
    etag: Option<String>,
}

impl Outcome {
    /// Records this outcome. Half visible is when one place says that it happened and another denies it.
    fn must_agree(self, known: &mut Option<Self>, path: &str) {
        if let Some(known) = known {
            assert_eq!(known.happened, self.happened, "{path}: half of a request is visible");
        }
        *known = Some(self);
    }
}

/// The parts that may be listed together, and the bytes they become: the minimum length holds for all but
/// the last.
fn listable(open: &OpenUpload) -> (Vec<(u16, String)>, Content) {
    let last = open.parts.keys().next_back();
    let mut content = Content::default();
    let mut listed = Vec::new();
    for (number, part) in &open.parts {
        if let (true, Some(etag)) =
            (part.content.len() >= PART_LEN_MIN || Some(number) == last, &part.etag)
        {
            listed.push((*number, etag.clone()));
            content = content.then(part.content.clone());
        }
    }
    (listed, content)
}

fn listed_parts(reply: &Reply) -> BTreeMap<u16, (u64, Option<String>)> {
    let numbers = reply.elements("PartNumber");
    let (sizes, etags) = (reply.elements("Size"), reply.elements("ETag"));
    assert!(numbers.len() == sizes.len() && sizes.len() == etags.len(), "{}", reply.text());
    let mut parts = BTreeMap::new();
    for ((number, size), etag) in numbers.into_iter().zip(sizes).zip(etags) {
        let number = number.parse().expect("a part number");
        parts.insert(number, (size.parse().expect("a size"), Some(bare(&etag))));
    }
    parts
}

/// Whether the node lists what is expected; an expected part without an ETag may have any.
fn same_parts(
    expected: &BTreeMap<u16, (u64, Option<String>)>,
    listed: &BTreeMap<u16, (u64, Option<String>)>,
) -> bool {
    expected.len() == listed.len()
        && expected.iter().zip(listed).all(
            |((number, (len, etag)), (other, (other_len, shown)))| {
                number == other && len == other_len && (etag.is_none() || etag == shown)
            },
        )
}

/// An answer by which the request has happened or was refused. One that says that the node has failed, if only in the
/// body of a 200, leaves it in doubt, as no answer does.
pub(crate) fn answered(reply: Reply) -> io::Result<Reply> {
    if reply.status < 500 && (reply.status != 200 || !reply.text().contains("<Error>")) {
        return Ok(reply);
    }
    Err(io::Error::other(format!("{}: {}", reply.status, reply.text())))
}

/// The id of a new upload.
pub(crate) fn created(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.element("UploadId").expect("a new upload has an id")
}

/// The ETag of what was stored.
pub(crate) fn etag_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    bare(reply.header("etag").expect("an answer to a write has an ETag"))
}

/// The ETag of a part that was copied.
pub(crate) fn copied_etag(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    bare(&reply.element("ETag").expect("a copied part has an ETag"))
}

/// An ETag without its quotes.
fn bare(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}
