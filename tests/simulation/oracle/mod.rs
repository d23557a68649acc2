//! Room: what clients may be told. Every answer is held against the histories of what it speaks of.
//!
//! Holds: every value that was ever sent (unique bytes, so that a read tells which write it saw), per key and per
//! upload its history, and what the clients know, for the workload to choose from.
//! Invariants it asserts: an acknowledged write is never lost, a refused one never seen; a condition has one winner;
//! a reader sees one whole value; an error needs a fault that excuses it.

mod keeping;
mod listings;
mod objects;
mod uploads;

use std::collections::BTreeMap;
use std::ops::Range;

use md5::{Digest, Md5};
use protocol::checksum::ChecksumAlgorithm;
use protocol::etag::ETag;
use protocol::name::VersionId;
use protocol::time::Timestamp;
use protocol::versioning::Versioning;
use tenon_tests::content::Content;

use crate::chain::{Said, Shown, What};
use crate::client::Answered;
use crate::history::{Begun, History};
use crate::keeping::Going;
use crate::plan::Plan;
use crate::story::{Cond, KeyEvent, Keys, KeysState, UploadEvent, Uploads};
use crate::sums::Sum;
use keeping::Lock;

/// A value of a key: an index of [`Oracle::values`].
pub(crate) type Value = u32;

/// A writing of a part: an index of [`Oracle::parts`].
pub(crate) type Part = u32;

/// The buckets: two that stay, and one that comes and goes.
pub(crate) const BUCKETS: [&str; 3] = ["alpha", "beta", "gamma"];

/// Which bucket comes and goes.
pub(crate) const PASSING: usize = 2;

/// Which bucket may have object lock.
pub(crate) const LOCKED: usize = 0;

/// Keys: which bucket, which name.
pub(crate) const KEYS: [(usize, &str); 8] = [
    (0, "a"),
    (0, "b/c"),
    (0, "b/d"),
    (1, "a"),
    (1, "large"),
    (1, "z"),
    (PASSING, "x"),
    (PASSING, "y"),
];

/// What a request is meant to do, with what the oracle has numbered.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// PutObject.
    Put { key: usize, value: Value, cond: Cond },
    /// CopyObject of this value of the source and no other, which the key then has as `value`; with a checksum by this
    /// algorithm, or any.
    Copy {
        key: usize,
        source: usize,
        version: Option<VersionId>,
        pinned: Value,
        value: Value,
        cond: Cond,
        sum: Option<ChecksumAlgorithm>,
    },
    /// GetObject, of all or of a range, of the latest version or of this one.
    Get { key: usize, version: Option<VersionId>, range: Option<Range<u64>> },
    /// HeadObject.
    Head { key: usize, version: Option<VersionId> },
    /// DeleteObject, of the key or of this version for good.
    Delete { key: usize, version: Option<VersionId>, cond: Cond },
    /// DeleteObjects of keys or versions of one bucket, each under its own condition.
    DeleteSome { bucket: usize, keys: Vec<Doomed>, quiet: bool },
    /// ListObjectsV2.
    List { bucket: usize },
    /// ListObjectVersions.
    ListVersions { bucket: usize },
    /// PutBucketVersioning.
    SetVersioning { bucket: usize, versioning: Versioning },
    /// PutObjectRetention of a version that is this value, in a mode that nobody bypasses.
    Retain { key: usize, version: VersionId, value: Value, until: Timestamp },
    /// What lifecycle rules let go of.
    Expire { key: usize, version: VersionId, what: What, going: Going },
    /// CreateBucket of the passing bucket.
    MakeBucket,
    /// DeleteBucket of the passing bucket.
    DropBucket,
    /// CreateMultipartUpload.
    CreateUpload { key: usize, sum: Option<Sum> },
    /// UploadPart.
    PutPart { upload: usize, number: u16, part: Part },
    /// UploadPartCopy; `pinned` is the only value of the source that is wanted.
    CopyPart {
        upload: usize,
        number: u16,
        source: usize,
        version: Option<VersionId>,
        range: Option<Range<u64>>,
        pinned: Option<Value>,
        part: Part,
    },
    /// CompleteMultipartUpload.
    Complete { upload: usize, list: Vec<(u16, Part)>, value: Value, cond: Cond },
    /// AbortMultipartUpload.
    Abort { upload: usize },
    /// ListParts.
    ListParts { upload: usize },
}

/// A delete in a list: of a key, or of this version of it, under a condition.
pub(crate) type Doomed = (usize, Option<VersionId>, Cond);

/// What a bucket was seen to hold: whether it keeps versions, and those of each of its keys; `None` if there is no
/// such bucket.
pub(crate) type Looked = Option<(Versioning, Vec<(usize, Shown)>)>;

/// A value that some write carries.
pub(crate) struct Stored {
    /// Its ETag without quotes.
    pub(crate) etag: String,
    /// Its bytes.
    pub(crate) content: Content,
    /// It was made of parts of which one has all the bytes, and that one's ETag is their MD5.
    one_part: bool,
}

/// One writing of a part.
pub(crate) struct StoredPart {
    /// Its ETag, once somebody has been told.
    pub(crate) etag: Option<String>,
    /// Its bytes, where they can be known.
    pub(crate) content: Option<Content>,
}

/// What clients know of an upload.
pub(crate) struct Upload {
    /// What the node called it.
    pub(crate) id: String,
    /// Its key.
    pub(crate) key: usize,
    /// The checksum that its parts have.
    pub(crate) sum: Option<Sum>,
    /// The parts that were acknowledged last.
    pub(crate) parts: BTreeMap<u16, Part>,
    /// Nobody has been told yet that it is over.
    pub(crate) open: bool,
}

/// What may go wrong without anybody being to blame.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Excuses {
    /// Calls of the disk or the store were made to fail: 500 is an answer.
    pub(crate) faults: bool,
    /// The disk may be full: 507 is an answer.
    pub(crate) full: bool,
}

/// A request under way, as the histories know it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    action: Action,
    key: Option<(usize, Begun)>,
    others: Vec<(usize, usize, Begun)>,
    upload: Option<(usize, Begun)>,
}

impl Ticket {
    /// What was asked.
    pub(crate) fn action(&self) -> &Action {
        &self.action
    }
}

/// The judge.
pub(crate) struct Oracle {
    /// Every value that was ever sent.
    pub(crate) values: Vec<Stored>,
    /// Every part that was ever sent.
    pub(crate) parts: Vec<StoredPart>,
    /// Every upload that a client knows of.
    pub(crate) uploads: Vec<Upload>,
    /// What each key was last known to name.
    pub(crate) likely: [Option<Value>; KEYS.len()],
    /// Whether the passing bucket was last known to exist.
    pub(crate) bucket_likely: bool,
    /// The versions of each key that answers have named and that nobody has taken away, the latest told last.
    pub(crate) versions: [Shown; KEYS.len()],
    /// Whether each bucket was last known to keep versions.
    pub(crate) versioning_likely: [Versioning; BUCKETS.len()],
    /// What time it is.
    pub(crate) moment: Timestamp,
    /// Whether there is a bucket with object lock.
    has_locks: bool,
    /// The versions that somebody wanted to lock.
    locks: BTreeMap<(usize, VersionId), Lock>,
    by_etag: BTreeMap<String, Value>,
    keys: Vec<History<Keys>>,
    upload_histories: Vec<History<Uploads>>,
    md5_up_to: u64,
}

/// The history that a key belongs to, and its place there.
fn place(key: usize) -> (usize, usize) {
    let (bucket, _) = KEYS[key];
    let first_passing =
        KEYS.iter().position(|(bucket, _)| *bucket == PASSING).expect("it has keys");
    if bucket == PASSING { (first_passing, key - first_passing) } else { (key, 0) }
}

impl Oracle {
    /// Nothing exists but the two buckets that stay.
    pub(crate) fn new(plan: &Plan) -> Self {
        let stays = KEYS.iter().filter(|(bucket, _)| *bucket != PASSING);
        let kept = |bucket| {
            if plan.has_locks(bucket) { Versioning::Enabled } else { Versioning::default() }
        };
        let keys = stays.map(|(bucket, _)| {
            let versioning = kept(*bucket);
            History::new(KeysState { versioning, ..KeysState::empty(true, 1) })
        });
        let mut keys: Vec<_> = keys.collect();
        keys.push(History::new(KeysState::empty(false, KEYS.len() - keys.len())));
        Self {
            values: Vec::new(),
            parts: Vec::new(),
            uploads: Vec::new(),
            likely: [None; KEYS.len()],
            bucket_likely: false,
            versions: Default::default(),
            versioning_likely: std::array::from_fn(kept),
            moment: Timestamp::from_millis(0),
            has_locks: plan.has_locks(LOCKED),
            locks: BTreeMap::new(),
            by_etag: BTreeMap::new(),
            keys,
            upload_histories: Vec::new(),
            md5_up_to: plan.etag_md5_up_to,
        }
    }

    /// Numbers a value that is about to be sent. Equal values (the same parts once more) have one number.
    pub(crate) fn value(&mut self, etag: String, content: Content) -> Value {
        if let Some(value) = self.by_etag.get(&etag) {
            return *value;
        }
        let value = u32::try_from(self.values.len()).expect("few values");
        self.by_etag.insert(etag.clone(), value);
        self.values.push(Stored { etag, content, one_part: false });
        value
    }

    /// Numbers a part that is about to be sent.
    pub(crate) fn part(&mut self, etag: Option<String>, content: Option<Content>) -> Part {
        self.parts.push(StoredPart { etag, content });
        u32::try_from(self.parts.len() - 1).expect("few parts")
    }

    /// A value by its number.
    pub(crate) fn stored(&self, value: Value) -> &Stored {
        &self.values[value as usize]
    }

    /// The value that an object made of these parts has; `None` if a part is not known well enough.
    pub(crate) fn completed(&mut self, list: &[(u16, Part)]) -> Option<Value> {
        let mut content = Content::default();
        let mut digests = Vec::new();
        let mut filled = Vec::new();
        for (_, part) in list {
            let part = &self.parts[*part as usize];
            digests.push(ETag::from_text(part.etag.as_ref()?)?.digest()?);
            let bytes = part.content.clone()?;
            if !bytes.is_empty() {
                filled.push(part.etag.clone());
            }
            content = content.then(bytes);
        }
        let one_part = matches!(&filled[..], [Some(etag)] if *etag == md5_of(&content));
        let etag = ETag::multipart(digests.into_iter());
        let value = self.value(etag.as_str().to_owned(), content);
        self.values[value as usize].one_part = one_part;
        Some(value)
    }

    /// Whether a copy of this value has its ETag, as long as nothing else wants an MD5 of the bytes.
    pub(crate) fn keeps_its_etag(&self, value: Value) -> bool {
        let Stored { etag, content, one_part } = self.stored(value);
        !etag.contains('-') || (content.len() > self.md5_up_to && !one_part)
    }

    /// What a copy of this value is: the same bytes, with their MD5 where the node knows it or makes it, be it as
    /// the checksum that is asked for.
    pub(crate) fn copied(&mut self, value: Value, sum: Option<ChecksumAlgorithm>) -> Value {
        if self.keeps_its_etag(value) && sum != Some(ChecksumAlgorithm::Md5) {
            return value;
        }
        let content = self.stored(value).content.clone();
        self.value(md5_of(&content), content)
    }

    /// Whether another operation on this key can be judged.
    pub(crate) fn has_room(&self, key: usize) -> bool {
        let history = &self.keys[place(key).0];
        let keeps = self.versioning_likely[KEYS[key].0] != Versioning::Unversioned;
        history.has_room() && (!keeps || history.unheard() < UNHEARD_OF_VERSIONS_MAX)
    }

    /// Whether another operation on this upload can be judged.
    pub(crate) fn upload_has_room(&self, upload: usize) -> bool {
        self.upload_histories[upload].has_room()
    }

    /// A request goes out.
    pub(crate) fn begin(&mut self, now: u64, action: Action) -> Ticket {
        let mut ticket = Ticket { action, key: None, others: Vec::new(), upload: None };
        let (mut on_key, mut on_upload) = (None, None);
        match &ticket.action {
            Action::Put { key, value, cond } => {
                on_key = Some((*key, Some(write(*key, Some(*value), *cond, Said::Untold))));
            }
            Action::Copy { key, source, value, cond, .. } => {
                on_key = Some((*key, Some(write(*key, Some(*value), *cond, Said::Untold))));
                ticket.others.push(self.begin_of_key(now, *source, None));
            }
            Action::Delete { key, version, cond } => {
                on_key = Some((*key, Some(delete(&(*key, *version, *cond)))));
            }
            Action::DeleteSome { keys, .. } => {
                for of_key in of_keys(keys) {
                    let events = of_key.iter().map(|doomed| self.doomed(doomed));
                    let all = KeyEvent::All(events.collect());
                    ticket.others.push(self.begin_of_key(now, of_key[0].0, Some(all)));
                }
            }
            Action::Get { key, .. }
            | Action::Head { key, .. }
            | Action::CreateUpload { key, .. } => {
                on_key = Some((*key, None));
            }
            Action::SetVersioning { bucket, versioning } => {
                for key in first_keys(*bucket) {
                    let set = KeyEvent::Versioning(*versioning);
                    ticket.others.push(self.begin_of_key(now, key, Some(set)));
                }
            }
            Action::Retain { key, version, until, .. } => {
                on_key = Some((*key, None));
                self.asked_to_lock(*key, *version, *until);
            }
            Action::Expire { key, version, what, going } => {
                on_key = Some((*key, Some(keeping::expired(*key, *version, *what, *going))));
            }
            Action::CopyPart { source, upload, number, part, .. } => {
                on_key = Some((*source, None));
                on_upload = Some((*upload, Some(UploadEvent::Put(*number, *part))));
            }
            Action::List { bucket } | Action::ListVersions { bucket } => {
                for key in (0..KEYS.len()).filter(|key| KEYS[*key].0 == *bucket) {
                    ticket.others.push(self.begin_of_key(now, key, None));
                }
            }
            Action::MakeBucket => on_key = Some((KEYS.len() - 1, Some(KeyEvent::BucketMade))),
            Action::DropBucket => on_key = Some((KEYS.len() - 1, Some(KeyEvent::BucketDropped))),
            Action::PutPart { upload, number, part } => {
                on_upload = Some((*upload, Some(UploadEvent::Put(*number, *part))));
            }
            Action::Complete { upload, list, value, cond } => {
                let key = self.uploads[*upload].key;
                on_key = Some((key, Some(write(key, Some(*value), *cond, Said::Untold))));
                on_upload = Some((*upload, Some(UploadEvent::Complete(list.clone()))));
            }
            Action::Abort { upload } => on_upload = Some((*upload, Some(UploadEvent::Abort))),
            Action::ListParts { upload } => on_upload = Some((*upload, None)),
        }
        if let Some((key, unheard)) = on_key {
            let (history, _) = place(key);
            ticket.key = Some((history, self.keys[history].begin(now, unheard)));
        }
        if let Some((upload, unheard)) = on_upload {
            ticket.upload = Some((upload, self.upload_histories[upload].begin(now, unheard)));
        }
        ticket
    }

    /// A delete of a list, whose neighbours are done whatever becomes of it: a lock may keep a version.
    fn doomed(&self, doomed: &Doomed) -> KeyEvent {
        let (key, version, _) = doomed;
        if self.has_locks && KEYS[*key].0 == LOCKED && version.is_some() {
            KeyEvent::Perhaps(Box::new(delete(doomed)))
        } else {
            delete(doomed)
        }
    }

    /// What a request does to a key begins: the key, its history, and what is begun there.
    fn begin_of_key(
        &mut self,
        now: u64,
        key: usize,
        unheard: Option<KeyEvent>,
    ) -> (usize, usize, Begun) {
        let (history, _) = place(key);
        (key, history, self.keys[history].begin(now, unheard))
    }

    /// The client has gone away, or the node: nobody will know the answer.
    pub(crate) fn lost(&mut self, ticket: &Ticket) {
        if let Some((history, begun)) = ticket.key {
            self.keys[history].lost(begun);
        }
        for (_, history, begun) in &ticket.others {
            self.keys[*history].lost(*begun);
        }
        if let Some((upload, begun)) = ticket.upload {
            self.upload_histories[upload].lost(begun);
        }
    }

    /// The node is gone: every history is told to its end.
    ///
    /// # Errors
    /// What cannot be told.
    pub(crate) fn end_of_life(&mut self) -> Result<(), String> {
        self.each(History::end_of_life, History::end_of_life)
    }

    /// The node has nothing to do but for those who wait for an answer.
    ///
    /// # Errors
    /// What cannot be told.
    pub(crate) fn quiet(&mut self) -> Result<(), String> {
        self.each(History::quiet, History::quiet)
    }

    /// What the store was seen to hold when nothing was under way, bucket by bucket.
    ///
    /// # Errors
    /// What no story of the answers leads to.
    pub(crate) fn looked_at(&mut self, buckets: &[Looked]) -> Result<(), String> {
        for (bucket, looked) in buckets.iter().enumerate() {
            let Some((versioning, keys)) = looked else { continue };
            for key in first_keys(bucket) {
                let history = &mut self.keys[place(key).0];
                let told = history.looked_at(&KeyEvent::Keeps(*versioning));
                told.map_err(|story| format!("bucket {:?}: {story}", BUCKETS[bucket]))?;
            }
            for (key, versions) in keys {
                self.has_what_is_locked(*key, versions)?;
                let (history, slot) = place(*key);
                let event = KeyEvent::Shown { slot, versions: versions.clone() };
                let told = self.keys[history].looked_at(&event);
                told.map_err(|story| format!("key {:?}: {story}", KEYS[*key]))?;
            }
        }
        Ok(())
    }

    /// The value that has this ETag.
    ///
    /// # Errors
    /// If nobody ever wrote such a value.
    pub(crate) fn value_of(&self, etag: &str) -> Result<Value, String> {
        self.by_etag.get(etag).copied().ok_or_else(|| format!("{etag}, which nobody wrote"))
    }

    fn each(
        &mut self,
        of_key: impl Fn(&mut History<Keys>) -> Result<(), String>,
        of_upload: impl Fn(&mut History<Uploads>) -> Result<(), String>,
    ) -> Result<(), String> {
        for (key, history) in self.keys.iter_mut().enumerate() {
            of_key(history).map_err(|story| format!("key {:?}: {story}", KEYS[key]))?;
        }
        for (upload, history) in self.upload_histories.iter_mut().enumerate() {
            of_upload(history).map_err(|story| format!("upload {upload}: {story}"))?;
        }
        Ok(())
    }

    /// An answer has come.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) fn answered(
        &mut self,
        now: u64,
        ticket: Ticket,
        answer: &Answered,
        excuses: Excuses,
    ) -> Result<(), String> {
        let Ticket { action, key, others, upload } = ticket;
        let verdict = self.meaning(&action, answer, excuses).map_err(|why| {
            let Answered { status, code, cut, body, .. } = answer;
            format!("{action:?}: {why} ({status} {code:?}, {} bytes, cut: {cut})", body.len())
        })?;
        if let Some((history, begun)) = key {
            close(&mut self.keys[history], begun, now, verdict.key);
            self.keys[history].pause().map_err(|story| format!("key of {action:?}: {story}"))?;
        }
        let mut listed = verdict.listed.into_iter();
        for (_, history, begun) in others {
            let meaning = listed.next().unwrap_or(Meaning::Nothing);
            close(&mut self.keys[history], begun, now, meaning);
            self.keys[history].pause().map_err(|story| format!("key of {action:?}: {story}"))?;
        }
        if let Some((upload, begun)) = upload {
            close(&mut self.upload_histories[upload], begun, now, verdict.upload);
            let told = self.upload_histories[upload].pause();
            told.map_err(|story| format!("upload of {action:?}: {story}"))?;
        }
        Ok(())
    }

    fn meaning(
        &mut self,
        action: &Action,
        answer: &Answered,
        excuses: Excuses,
    ) -> Result<Verdict, String> {
        match (answer.status, answer.code) {
            (500, _) if excuses.faults => return Ok(Verdict::unknown()),
            (500, _) => return Err("an error although nothing has failed".into()),
            (507, _) if excuses.full => return Ok(Verdict::nothing()),
            (503, Some("SlowDown")) if matches!(action, Action::Complete { .. }) => {
                return Ok(Verdict::nothing());
            }
            (409, Some("OperationAborted")) if self.may_pass(action) => {
                return Ok(Verdict::nothing());
            }
            (404, Some("NoSuchBucket")) if self.may_pass(action) => {
                self.bucket_likely = false;
                return Ok(self.bucket_missing(action));
            }
            // A broken connection is noticed before the answer would be, or the answer did not need the body.
            (400, Some("IncompleteBody")) => return Ok(Verdict::nothing()),
            _ => {}
        }
        match action {
            Action::Put { key, value, cond } => self.put(*key, *value, *cond, answer),
            Action::Copy { .. } => self.copy(action, answer),
            Action::Get { key, version, range } => {
                self.read(*key, *version, range.as_ref(), answer, excuses)
            }
            Action::Head { key, version } => self.head(*key, *version, answer),
            Action::Delete { key, version, cond } => self.deleted(*key, *version, *cond, answer),
            Action::DeleteSome { keys, quiet, .. } => {
                self.some_deleted(keys, *quiet, answer, excuses)
            }
            Action::List { bucket } => self.listed(*bucket, answer),
            Action::ListVersions { bucket } => self.versions_listed(*bucket, answer),
            Action::SetVersioning { bucket, versioning } => {
                self.versioning_set(*bucket, *versioning, answer)
            }
            Action::Retain { key, version, value, until } => {
                self.retained(*key, *version, *value, *until, answer)
            }
            Action::Expire { key, version, what, going } => {
                self.expired(*key, *version, *what, *going, answer)
            }
            Action::MakeBucket | Action::DropBucket => self.bucket(action, answer),
            Action::CreateUpload { key, sum } => self.upload_created(*key, *sum, answer),
            Action::PutPart { upload, number, part } => {
                self.part_put(*upload, *number, *part, answer)
            }
            Action::CopyPart { .. } => self.part_copied(action, answer),
            Action::Complete { .. } => self.upload_completed(action, answer),
            Action::Abort { upload } => match (answer.status, answer.code) {
                (204, _) => {
                    self.uploads[*upload].open = false;
                    Ok(Verdict::of_upload(UploadEvent::Abort))
                }
                (404, Some("NoSuchUpload")) => Ok(self.upload_is_over(*upload)),
                _ => Err("an abort that is not done".into()),
            },
            Action::ListParts { upload } => self.parts_listed(*upload, answer),
        }
    }

    /// Whether the action speaks of the bucket that comes and goes.
    fn may_pass(&self, action: &Action) -> bool {
        let key = match action {
            Action::Put { key, .. }
            | Action::Get { key, .. }
            | Action::Head { key, .. }
            | Action::Delete { key, .. }
            | Action::Retain { key, .. }
            | Action::Expire { key, .. }
            | Action::CreateUpload { key, .. } => *key,
            Action::Copy { key, source, .. } => {
                return KEYS[*key].0 == PASSING || KEYS[*source].0 == PASSING;
            }
            Action::CopyPart { source, upload, .. } => {
                return KEYS[*source].0 == PASSING || self.in_passing_bucket(*upload);
            }
            Action::List { bucket }
            | Action::ListVersions { bucket }
            | Action::SetVersioning { bucket, .. }
            | Action::DeleteSome { bucket, .. } => {
                return *bucket == PASSING;
            }
            Action::MakeBucket => return false,
            Action::DropBucket => return true,
            Action::PutPart { upload, .. }
            | Action::Complete { upload, .. }
            | Action::Abort { upload }
            | Action::ListParts { upload } => return self.in_passing_bucket(*upload),
        };
        KEYS[key].0 == PASSING
    }

    fn in_passing_bucket(&self, upload: usize) -> bool {
        KEYS[self.uploads[upload].key].0 == PASSING
    }

    fn bucket_missing(&self, action: &Action) -> Verdict {
        match action {
            // Which of the two buckets is missing the code does not say.
            Action::Copy { .. } | Action::CopyPart { .. } | Action::Complete { .. } => {
                Verdict::nothing()
            }
            Action::List { .. }
            | Action::ListVersions { .. }
            | Action::SetVersioning { .. }
            | Action::DeleteSome { .. } => Verdict {
                listed: vec![Meaning::Event(KeyEvent::BucketMissing)],
                ..Verdict::nothing()
            },
            _ => Verdict::of_key(KeyEvent::BucketMissing),
        }
    }
}

/// What an answer says of one history.
enum Meaning<E> {
    /// This has happened, or was seen.
    Event(E),
    /// Nothing has happened, and nothing is said of the state.
    Nothing,
    /// The operation may have happened or not.
    Unknown,
}

struct Verdict {
    key: Meaning<KeyEvent>,
    listed: Vec<Meaning<KeyEvent>>,
    upload: Meaning<UploadEvent>,
}

impl Verdict {
    fn nothing() -> Self {
        Self { key: Meaning::Nothing, listed: Vec::new(), upload: Meaning::Nothing }
    }

    fn unknown() -> Self {
        let listed = KEYS.iter().map(|_| Meaning::Unknown).collect();
        Self { key: Meaning::Unknown, listed, upload: Meaning::Unknown }
    }

    fn of_key(event: KeyEvent) -> Self {
        Self { key: Meaning::Event(event), ..Self::nothing() }
    }

    fn of_upload(event: UploadEvent) -> Self {
        Self { upload: Meaning::Event(event), ..Self::nothing() }
    }
}

fn close<M: crate::history::Model>(
    history: &mut History<M>,
    begun: Begun,
    now: u64,
    meaning: Meaning<M::Event>,
) {
    match meaning {
        Meaning::Event(event) => history.answered(begun, now, event),
        Meaning::Nothing => history.without_effect(begun),
        Meaning::Unknown => history.lost(begun),
    }
}

fn write(key: usize, value: Option<Value>, cond: Cond, said: Said) -> KeyEvent {
    KeyEvent::Write { slot: place(key).1, value, cond, said }
}

/// A delete of which no more is known.
fn delete((key, version, cond): &Doomed) -> KeyEvent {
    match version {
        Some(id) => KeyEvent::Purged { slot: place(*key).1, id: *id, marker: None },
        None => write(*key, None, *cond, Said::Untold),
    }
}

/// The deletes of a list, those of one key together: they are done at one moment.
fn of_keys(keys: &[Doomed]) -> impl Iterator<Item = &[Doomed]> {
    keys.chunk_by(|one, other| one.0 == other.0)
}

/// What became of the deletes of one key.
fn together(meanings: Vec<Meaning<KeyEvent>>) -> Meaning<KeyEvent> {
    let mut events = Vec::new();
    for meaning in meanings {
        match meaning {
            Meaning::Event(event) => events.push(event),
            Meaning::Nothing => {}
            Meaning::Unknown => return Meaning::Unknown,
        }
    }
    Meaning::Event(KeyEvent::All(events))
}

/// The version that an answer names.
fn version_of(answer: &Answered) -> Result<Option<VersionId>, String> {
    let said = answer.header("x-amz-version-id");
    let id = said.map(|id| VersionId::parse(id).ok_or_else(|| format!("{id} is no version id")));
    id.transpose()
}

/// One key of each history of a bucket.
fn first_keys(bucket: usize) -> impl Iterator<Item = usize> {
    (0..KEYS.len()).filter(move |key| KEYS[*key].0 == bucket && place(*key).1 == 0)
}

/// The most operations without an answer of a key with versions: each may be anywhere among them.
const UNHEARD_OF_VERSIONS_MAX: usize = 3;

fn cut(content: &Content, range: Option<&Range<u64>>) -> Option<Content> {
    match range {
        None => Some(content.clone()),
        Some(range) => (range.end <= content.len()).then(|| content.slice(range.clone())),
    }
}

/// The ETag of content that is sent as it is.
pub(crate) fn md5_of(content: &Content) -> String {
    md5_of_bytes(&content.bytes())
}

/// The ETag of bytes that are sent as they are.
pub(crate) fn md5_of_bytes(bytes: &[u8]) -> String {
    ETag::from_md5(&Md5::digest(bytes).into()).as_str().to_owned()
}

/// The entries of a listing of versions, in their order.
fn entries(text: &str) -> Vec<(usize, &str)> {
    let mut all: Vec<(usize, &str)> = Vec::new();
    for (open, close) in [("<Version>", "</Version>"), ("<DeleteMarker>", "</DeleteMarker>")] {
        all.extend(text.match_indices(open).map(|(at, _)| {
            let rest = &text[at + open.len()..];
            (at, rest.split_once(close).map_or(rest, |(entry, _)| entry))
        }));
    }
    all.sort_unstable();
    all
}

fn lost_condition(key: usize, cond: Cond, answer: &Answered) -> Result<Verdict, String> {
    let slot = place(key).1;
    match (answer.status, answer.code, cond) {
        (412, _, Cond::Absent) => Ok(Verdict::of_key(KeyEvent::Present { slot })),
        (412, _, Cond::Matches(value)) => Ok(Verdict::of_key(KeyEvent::Differs { slot, value })),
        (404, Some("NoSuchKey"), Cond::Matches(_)) => {
            Ok(Verdict::of_key(KeyEvent::Read { slot, value: None, id: None }))
        }
        _ => Err("a write that is neither done nor refused".into()),
    }
}
