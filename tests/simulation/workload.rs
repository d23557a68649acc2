//! Room: what clients do. Chosen by the seed from what they know, so that most requests meet something.
//!
//! Contents are unique, so that a read tells which write it saw. Sizes are few and telling: nothing, inline, just
//! above inline, some blocks, and now and then one object that is large enough to be made of parts.

use std::ops::Range;

use bytes::Bytes;
use protocol::checksum::ChecksumAlgorithm;
use protocol::name::VersionId;
use tenon_tests::content::Content;
use tenon_tests::random::Random;

use crate::client::Sent;
use crate::oracle::{
    Action, BUCKETS, Doomed, KEYS, Oracle, PASSING, Part, Upload, Value, md5_of_bytes,
};
use crate::plan::Plan;
use crate::story::Cond;
use crate::sums;

/// The key of the large object.
const LARGE: usize = 4;

/// What an object made of several parts needs of all but the last.
const PART_LEN_MIN: u64 = 5 << 20;

/// Parts are numbered from 1 to this.
const LAST_PART: u16 = 3;

const KIB: u64 = 1 << 10;

/// What may be done to a copy while it is under way.
#[derive(Debug, Clone, Copy)]
enum Rival {
    Delete(usize),
    Purge(usize, VersionId),
    Replace(usize),
    Abort(usize),
    Complete(usize),
    Part(usize, u16),
}

/// Makes requests.
pub(crate) struct Workload {
    pub(crate) random: Random,
    next_content: u64,
    /// The keys that are asked for: in some runs a single one, which all fight for.
    keys: Vec<usize>,
    /// The key that was asked for last, and how often in a hundred the next request is for it too.
    last: usize,
    heat: u64,
    /// What is to be done against copies that were sent.
    rivals: Vec<Rival>,
    /// How many objects of several parts are still to be made on purpose.
    to_assemble: u64,
    /// For so many requests nothing is done about it: what it waits for takes its time.
    rests: u64,
}

impl Workload {
    /// The requests of a seed.
    pub(crate) fn new(mut random: Random, plan: &Plan) -> Self {
        let mut keys: Vec<usize> = (0..KEYS.len()).collect();
        keys.retain(|key| !plan.large || *key != LARGE);
        let count = *random.pick(&[1, 2, 3, KEYS.len(), KEYS.len()]);
        while keys.len() > count {
            let at = usize::try_from(random.within(0..keys.len() as u64)).expect("few");
            keys.remove(at);
        }
        let (last, heat) = (keys[0], *random.pick(&[0, 30, 70]));
        let to_assemble = if plan.large { random.within(1..4) } else { 0 };
        Self {
            random,
            next_content: 1,
            keys,
            last,
            heat,
            rivals: Vec::new(),
            to_assemble,
            rests: 0,
        }
    }

    /// The next request; `None` if nothing comes to mind just now.
    pub(crate) fn next(&mut self, plan: &Plan, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        if !self.rivals.is_empty() && self.random.chance(50) {
            let rival = self.rivals.remove(0);
            let next = self.rival(rival, plan, oracle);
            if let Some(next) = next.filter(|(action, _)| room_for(action, oracle)) {
                return Some(next);
            }
        }
        self.rests = self.rests.saturating_sub(1);
        if self.to_assemble > 0 && self.rests == 0 && self.random.chance(60) {
            let next = self.assemble(plan, oracle);
            return next.filter(|(action, _)| room_for(action, oracle));
        }
        if plan.versions > 0 && self.random.chance(plan.versions) {
            let next = self.of_versions(plan, oracle);
            return next.filter(|(action, _)| room_for(action, oracle));
        }
        let mut drawn = self.random.within(0..100);
        let known = oracle.likely.iter().flatten().count();
        if known == 0 && ((17..36).contains(&drawn) || (54..80).contains(&drawn)) {
            drawn = if self.random.chance(85) { 0 } else { drawn };
        }
        let (action, mut sent) = match drawn {
            0..17 => self.put(plan, oracle)?,
            17..28 => self.get(oracle),
            28..30 => {
                let key = self.known_key(oracle);
                let headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
                (Action::Head { key, version: None }, Sent { headers, ..to_key("HEAD", key) })
            }
            30..34 => {
                let key = self.key_to_delete(oracle);
                let cond = self.delete_condition(key, oracle);
                self.delete(key, cond, oracle)
            }
            34..36 => {
                let key = self.key_to_delete(oracle);
                self.delete_some(KEYS[key].0, oracle)
            }
            36..38 => {
                let bucket = self.below(BUCKETS.len());
                let target = format!("/{}?list-type=2", BUCKETS[bucket]);
                (Action::List { bucket }, Sent { method: "GET", target, ..Sent::default() })
            }
            38..40 => Self::bucket(oracle),
            40..47 => self.create_upload(plan, oracle),
            47..54 => self.put_part(plan, oracle)?,
            54..73 => self.copy_part(plan, oracle)?,
            73..80 => self.copy(plan, oracle)?,
            80..93 => self.complete(oracle)?,
            93..96 => self.abort(oracle)?,
            _ => self.list_parts(oracle)?,
        };
        if !sent.body.is_empty() && self.random.chance(plan.broken_bodies) {
            sent.cut_after = Some(self.below(sent.body.len()));
        }
        room_for(&action, oracle).then_some((action, sent))
    }

    /// One of the next requests deletes this key.
    pub(crate) fn delete_next(&mut self, key: usize) {
        self.rivals.insert(0, Rival::Delete(key));
    }

    /// One of the next requests deletes or replaces this key.
    pub(crate) fn take_away_next(&mut self, key: usize) {
        let rivals = [Rival::Delete(key), Rival::Replace(key)];
        let rival = *self.random.pick(&rivals);
        self.rivals.insert(0, rival);
    }

    fn rival(&mut self, rival: Rival, plan: &Plan, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        match rival {
            Rival::Delete(key) | Rival::Replace(key) if self.needs(key) => None,
            Rival::Delete(key) => Some(self.delete(key, Cond::None, oracle)),
            Rival::Purge(key, id) => Some(self.purge(key, id)),
            Rival::Replace(key) => {
                let len = self.len(plan);
                Some(self.put_of(key, len, Cond::None, oracle))
            }
            Rival::Abort(upload) => {
                Some((Action::Abort { upload }, to_upload("DELETE", oracle, upload)))
            }
            Rival::Complete(upload) => self.complete_of(upload, oracle),
            Rival::Part(upload, number) => Some(self.put_part_to(upload, number, plan, oracle)),
        }
    }

    /// Chooses what is done against a part copy.
    fn rivals_of_part(&mut self, source: usize, upload: usize, number: u16, plan: &Plan) {
        if !self.random.chance(plan.rivals) {
            return;
        }
        // What is being put together stays.
        let kinds = if self.to_assemble > 0 { 4 } else { 9 };
        self.rivals.push(match self.random.within(0..kinds) {
            0..2 => Rival::Delete(source),
            2..4 => Rival::Replace(source),
            4..6 => Rival::Abort(upload),
            6..8 => Rival::Complete(upload),
            _ => Rival::Part(upload, number),
        });
    }

    /// Chooses what is done against a copy of an object.
    fn rivals_of_copy(&mut self, source: usize, key: usize, plan: &Plan) {
        if self.random.chance(plan.rivals) {
            let all = [Rival::Delete(source), Rival::Replace(source), Rival::Replace(key)];
            let rival = *self.random.pick(&all);
            self.rivals.push(rival);
        }
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.random.within(0..count as u64)).expect("a count fits")
    }

    /// A key, rarely one in a bucket that is not there.
    pub(crate) fn key(&mut self, oracle: &Oracle) -> usize {
        if self.needs(self.last) || !self.random.chance(self.heat) {
            let count = self.keys.len();
            let at = self.below(count);
            self.last = self.keys[at];
        }
        if KEYS[self.last].0 == PASSING && !oracle.bucket_likely && self.random.chance(80) {
            self.last = self.below(2);
        }
        self.last
    }

    /// A key, mostly one that names something.
    pub(crate) fn known_key(&mut self, oracle: &Oracle) -> usize {
        let is_known = |key: &usize| oracle.likely[*key].is_some();
        if is_known(&self.last) && self.random.chance(self.heat) {
            return self.last;
        }
        let known: Vec<usize> = (0..KEYS.len()).filter(is_known).collect();
        if known.is_empty() || self.random.chance(10) {
            return self.key(oracle);
        }
        self.last = *self.random.pick(&known);
        self.last
    }

    fn content(&mut self, len: u64) -> (Content, Bytes, String) {
        let content = Content::new(self.next_content, len);
        self.next_content += 1;
        let bytes = Bytes::from(content.bytes());
        let etag = md5_of_bytes(&bytes);
        (content, bytes, etag)
    }

    fn len(&mut self, plan: &Plan) -> u64 {
        if self.random.chance(plan.long_bodies) {
            return self.random.within(300 * KIB..600 * KIB);
        }
        match self.random.within(0..70) {
            0..3 => 0,
            3..25 => self.random.within(1..2 * KIB),
            25..30 => self.random.within(30 * KIB..32 * KIB + 1),
            30..40 => 32 * KIB + 1,
            _ => self.random.within(33 * KIB..130 * KIB),
        }
    }

    fn condition(&mut self, key: usize, oracle: &Oracle) -> Cond {
        match self.random.within(0..10) {
            0..6 => Cond::None,
            6..8 => Cond::Absent,
            _ => oracle.likely[key].map_or(Cond::Absent, Cond::Matches),
        }
    }

    /// Whether there are still parts to be made of this key's object.
    pub(crate) fn needs(&self, key: usize) -> bool {
        key == LARGE && self.to_assemble > 0
    }

    pub(crate) fn key_to_delete(&mut self, oracle: &Oracle) -> usize {
        let key = self.known_key(oracle);
        if self.needs(key) { self.key(oracle) } else { key }
    }

    fn delete_condition(&mut self, key: usize, oracle: &Oracle) -> Cond {
        match oracle.likely[key] {
            Some(value) if self.random.chance(20) => Cond::Matches(value),
            _ => Cond::None,
        }
    }

    /// A delete of one key; now and then as a list of one.
    pub(crate) fn delete(&mut self, key: usize, cond: Cond, oracle: &Oracle) -> (Action, Sent) {
        if self.random.chance(20) {
            return self.delete_list(KEYS[key].0, vec![(key, None, cond)], oracle);
        }
        let sent = Sent { headers: conditions(cond, oracle), ..to_key("DELETE", key) };
        (Action::Delete { key, version: None, cond }, sent)
    }

    /// A delete of some keys of a bucket.
    fn delete_some(&mut self, bucket: usize, oracle: &Oracle) -> (Action, Sent) {
        let mut all: Vec<usize> = (0..KEYS.len()).filter(|key| KEYS[*key].0 == bucket).collect();
        all.retain(|key| !self.needs(*key));
        let one_at_least = *self.random.pick(&all);
        all.retain(|key| *key == one_at_least || self.random.chance(60));
        let keys = all.into_iter().map(|key| (key, None, self.delete_condition(key, oracle)));
        let keys = keys.collect();
        self.delete_list(bucket, keys, oracle)
    }

    pub(crate) fn delete_list(
        &mut self,
        bucket: usize,
        keys: Vec<Doomed>,
        oracle: &Oracle,
    ) -> (Action, Sent) {
        let quiet = self.random.chance(30);
        let mut document = format!("<Delete><Quiet>{quiet}</Quiet>");
        for (key, version, cond) in &keys {
            document.push_str(&format!("<Object><Key>{}</Key>", KEYS[*key].1));
            if let Some(id) = version {
                document.push_str(&format!("<VersionId>{id}</VersionId>"));
            }
            if let Cond::Matches(value) = cond {
                document.push_str(&format!("<ETag>{}</ETag>", oracle.stored(*value).etag));
            }
            document.push_str("</Object>");
        }
        document.push_str("</Delete>");
        let document = Bytes::from(document);
        let crc = ChecksumAlgorithm::Crc32;
        let sent = Sent {
            method: "POST",
            target: format!("/{}?delete", BUCKETS[bucket]),
            headers: vec![(crc.header(), sums::of_bytes(&document, crc).to_base64())],
            body: document,
            ..Sent::default()
        };
        (Action::DeleteSome { bucket, keys, quiet }, sent)
    }

    pub(crate) fn put(&mut self, plan: &Plan, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        let large = plan.large && oracle.likely[LARGE].is_none_or(|value| is_small(oracle, value));
        if large && self.to_assemble == 0 && self.random.chance(10) {
            return Some(self.put_large(oracle));
        }
        let (key, len) = (self.key(oracle), self.len(plan));
        let cond = self.condition(key, oracle);
        Some(self.put_of(key, len, cond, oracle))
    }

    /// The object that parts are made of.
    fn put_large(&mut self, oracle: &mut Oracle) -> (Action, Sent) {
        let len = PART_LEN_MIN + self.random.within(0..200 * KIB);
        self.put_of(LARGE, len, Cond::None, oracle)
    }

    fn put_of(&mut self, key: usize, len: u64, cond: Cond, oracle: &mut Oracle) -> (Action, Sent) {
        let (content, body, etag) = self.content(len);
        // All empty objects are the same, and those that were written twice tell nothing.
        let value = oracle.value(etag, content);
        let sent = Sent { body, headers: conditions(cond, oracle), ..to_key("PUT", key) };
        (Action::Put { key, value, cond }, sent)
    }

    fn get(&mut self, oracle: &Oracle) -> (Action, Sent) {
        let key = self.known_key(oracle);
        let mut sent = to_key("GET", key);
        let range = self.range_of(oracle, oracle.likely[key]);
        if let Some(range) = &range {
            sent.headers.push(("range", format!("bytes={}-{}", range.start, range.end - 1)));
        }
        (Action::Get { key, version: None, range }, sent)
    }

    /// A range of the value, more often than not one that lies on no grid; or all of it.
    pub(crate) fn range_of(&mut self, oracle: &Oracle, value: Option<Value>) -> Option<Range<u64>> {
        let len = oracle.stored(value?).content.len();
        if len == 0 || self.random.chance(50) {
            return None;
        }
        let start = self.random.within(0..len);
        // Little of much: what it is a share of becomes sparse when the rest goes.
        if len > 256 * KIB && self.random.chance(40) {
            return Some(start..len.min(start + 1 + self.random.within(0..len / 8)));
        }
        let end = self.random.within(start..len) + 1;
        match self.random.within(0..4) {
            0 => Some(0..end),
            1 => Some(start..len),
            2 => {
                let start = start / (64 * KIB) * (64 * KIB);
                Some(start..end.max(start + 1))
            }
            _ => Some(start..end),
        }
    }

    fn bucket(oracle: &Oracle) -> (Action, Sent) {
        let target = format!("/{}", BUCKETS[PASSING]);
        if oracle.bucket_likely {
            (Action::DropBucket, Sent { method: "DELETE", target, ..Sent::default() })
        } else {
            (Action::MakeBucket, Sent { method: "PUT", target, ..Sent::default() })
        }
    }

    fn upload(&mut self, oracle: &Oracle) -> Option<usize> {
        let count = oracle.uploads.len();
        let open: Vec<usize> = (0..count).filter(|at| oracle.uploads[*at].open).collect();
        // Now and then one that is over.
        if count > 0 && self.random.chance(5) {
            return Some(self.below(count));
        }
        (!open.is_empty()).then(|| *self.random.pick(&open))
    }

    fn create_upload(&mut self, plan: &Plan, oracle: &Oracle) -> (Action, Sent) {
        let key = self.key(oracle);
        let asked = self.random.chance(plan.checksums);
        let sum = asked.then(|| sums::draw_for_upload(&mut self.random));
        let mut sent = to_key("POST", key);
        sent.target.push_str("?uploads");
        if let Some((algorithm, kind)) = sum {
            sent.headers.push(("x-amz-checksum-algorithm", algorithm.name().to_owned()));
            sent.headers.push(("x-amz-checksum-type", kind.as_str().to_owned()));
        }
        (Action::CreateUpload { key, sum }, sent)
    }

    fn put_part(&mut self, plan: &Plan, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        let upload = self.upload(oracle)?;
        let number = self.part_number(upload, oracle);
        Some(self.put_part_to(upload, number, plan, oracle))
    }

    fn put_part_to(
        &mut self,
        upload: usize,
        number: u16,
        plan: &Plan,
        oracle: &mut Oracle,
    ) -> (Action, Sent) {
        let len = self.len(plan);
        let (content, body, etag) = self.content(len);
        let part = oracle.part(Some(etag), Some(content));
        let mut sent = to_part(oracle, upload, number);
        if let Some((algorithm, _)) = oracle.uploads[upload].sum {
            let value = sums::of_bytes(&body, algorithm).to_base64();
            sent.headers.push((algorithm.header(), value));
        }
        sent.body = body;
        (Action::PutPart { upload, number, part }, sent)
    }

    /// What an object of several parts needs next: something to make long parts of, an upload, its long parts, a
    /// last part, its completion. By chance nobody would get there.
    fn assemble(&mut self, plan: &Plan, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        if oracle.likely[LARGE].is_none_or(|value| is_small(oracle, value)) {
            self.rests = 8;
            return Some(self.put_large(oracle));
        }
        let mut open: Vec<usize> = (0..oracle.uploads.len()).collect();
        open.retain(|upload| oracle.uploads[*upload].open);
        let Some(upload) = open.into_iter().max_by_key(|upload| long_parts(oracle, *upload)) else {
            return Some(self.create_upload(plan, oracle));
        };
        let long = long_parts(oracle, upload);
        let last = oracle.uploads[upload].parts.keys().next_back().copied().unwrap_or_default();
        let number = u16::try_from(long).expect("few parts") + 1;
        if long == 0 || (number < LAST_PART && self.random.chance(15)) {
            return self.copy_part_to(upload, number, plan, oracle);
        }
        if last < number {
            let copied = self.random.chance(50);
            return if copied {
                self.copy_part_to(upload, LAST_PART, plan, oracle)
            } else {
                Some(self.put_part_to(upload, LAST_PART, plan, oracle))
            };
        }
        let completed = self.complete_of(upload, oracle);
        self.to_assemble -= u64::from(completed.is_some());
        completed
    }

    /// A part number. Where there are checksums, Complete wants them without gaps.
    fn part_number(&mut self, upload: usize, oracle: &Oracle) -> u16 {
        let number = self.random.within(1..u64::from(LAST_PART) + 1);
        let Upload { sum, parts, .. } = &oracle.uploads[upload];
        let next = sum.map_or(number, |_| parts.len() as u64 + 1);
        u16::try_from(number.min(next)).expect("small")
    }

    fn copy_part(&mut self, plan: &Plan, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        let upload = self.upload(oracle)?;
        let number = self.part_number(upload, oracle);
        self.copy_part_to(upload, number, plan, oracle)
    }

    fn copy_part_to(
        &mut self,
        upload: usize,
        number: u16,
        plan: &Plan,
        oracle: &mut Oracle,
    ) -> Option<(Action, Sent)> {
        let (source, version, likely) = self.source_version(plan, oracle);
        let whole_part = plan.large && (number < LAST_PART || self.random.chance(20));
        let range = match likely {
            Some(value) if whole_part && !is_small(oracle, value) => {
                let slack = oracle.stored(value).content.len() - PART_LEN_MIN;
                let start = self.random.within(0..slack + 1);
                Some(start..start + PART_LEN_MIN)
            }
            _ => self.range_of(oracle, likely),
        };
        let pinned = likely.filter(|_| self.random.chance(70) || version.is_some());
        let mut sent = to_part(oracle, upload, number);
        sent.headers.push(copy_source(source, version));
        if let Some(range) = &range {
            let text = format!("bytes={}-{}", range.start, range.end - 1);
            sent.headers.push(("x-amz-copy-source-range", text));
        }
        if let Some(value) = pinned {
            sent.headers.push(("x-amz-copy-source-if-match", oracle.stored(value).etag.clone()));
        }
        let part = oracle.part(None, None);
        let len = |value: Value| oracle.stored(value).content.len();
        let is_thin = range.as_ref().is_some_and(|range| {
            likely.is_some_and(|value| {
                len(value) > 256 * KIB && (range.end - range.start) * 4 < len(value)
            })
        });
        if self.random.chance(if is_thin { 70 } else { self.heat / 2 }) {
            self.rivals.push(Rival::Delete(source));
        }
        self.rivals_of_part(source, upload, number, plan);
        self.rivals_of_version(source, version, plan);
        Some((Action::CopyPart { upload, number, source, version, range, pinned, part }, sent))
    }

    fn copy(&mut self, plan: &Plan, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        let (source, version, likely) = self.source_version(plan, oracle);
        let pinned = likely?;
        let is_self = self.random.chance(10) && !self.needs(source);
        let key = if is_self { source } else { self.key(oracle) };
        // Without one the copy of what was uploaded in parts takes over the algorithm of the upload, which may be an
        // MD5: nobody knows here.
        let in_doubt = oracle.stored(pinned).etag.contains('-') && oracle.keeps_its_etag(pinned);
        let asked = in_doubt || self.random.chance(plan.checksums);
        let sum = asked.then(|| sums::draw(&mut self.random));
        let value = oracle.copied(pinned, sum);
        let cond = self.condition(key, oracle);
        let mut headers = conditions(cond, oracle);
        headers.push(copy_source(source, version));
        headers.push(("x-amz-copy-source-if-match", oracle.stored(pinned).etag.clone()));
        // To copy an object to itself is to change something of it.
        if key == source || self.random.chance(30) {
            headers.push(("x-amz-metadata-directive", "REPLACE".to_owned()));
        }
        if let Some(algorithm) = sum {
            headers.push(("x-amz-checksum-algorithm", algorithm.name().to_owned()));
        }
        if key != source && self.random.chance(self.heat / 2) {
            self.rivals.push(Rival::Delete(source));
        }
        self.rivals_of_copy(source, key, plan);
        self.rivals_of_version(source, version, plan);
        let sent = Sent { headers, ..to_key("PUT", key) };
        Some((Action::Copy { key, source, version, pinned, value, cond, sum }, sent))
    }

    /// What is copied: mostly what a key names; where there are versions, often one of those.
    fn source_version(
        &mut self,
        plan: &Plan,
        oracle: &Oracle,
    ) -> (usize, Option<VersionId>, Option<Value>) {
        if plan.versions > 0 && self.random.chance(plan.versions) {
            let data = |(_, what): &(VersionId, Option<Value>)| what.is_some();
            if let Some((key, (id, what))) = self.version(oracle, data) {
                return (key, Some(id), what);
            }
        }
        let source = self.source(plan, oracle);
        (source, None, oracle.likely[source])
    }

    /// Chooses whether the version that is copied goes meanwhile.
    fn rivals_of_version(&mut self, source: usize, version: Option<VersionId>, plan: &Plan) {
        if let Some(id) = version
            && self.random.chance(plan.rivals)
        {
            self.rivals.push(Rival::Purge(source, id));
        }
    }

    fn source(&mut self, plan: &Plan, oracle: &Oracle) -> usize {
        if plan.large && self.random.chance(60) {
            return LARGE;
        }
        let of_parts = |key: &usize| {
            oracle.likely[*key].is_some_and(|value| oracle.stored(value).etag.contains('-'))
        };
        let of_parts: Vec<usize> = (0..KEYS.len()).filter(of_parts).collect();
        if !of_parts.is_empty() && self.random.chance(40) {
            return *self.random.pick(&of_parts);
        }
        let long_enough = |key: &usize| {
            oracle.likely[*key].is_some_and(|value| oracle.stored(value).content.len() > 256 * KIB)
        };
        let long: Vec<usize> = (0..KEYS.len()).filter(long_enough).collect();
        if long.is_empty() || self.random.chance(50) {
            return self.known_key(oracle);
        }
        *self.random.pick(&long)
    }

    fn complete(&mut self, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        let upload = self.upload(oracle)?;
        self.complete_of(upload, oracle)
    }

    fn complete_of(&mut self, upload: usize, oracle: &mut Oracle) -> Option<(Action, Sent)> {
        let known = &oracle.uploads[upload];
        let key = known.key;
        let mut list: Vec<_> = known.parts.iter().map(|(number, part)| (*number, *part)).collect();
        let long_enough = |(_, part): &(u16, Part)| is_long(oracle, *part);
        // Only the last part may be short: mostly the list is made so that it fits.
        if self.random.chance(90) {
            let last = list.pop()?;
            list.retain(long_enough);
            list.push(last);
        }
        let sum = known.sum;
        if sum.is_some() {
            let fits = (1..).zip(&list).take_while(|(at, (number, _))| at == number).count();
            list.truncate(fits);
        }
        if list.is_empty() {
            return None;
        }
        let value = oracle.completed(&list)?;
        let mut document = String::from("<CompleteMultipartUpload>");
        for (number, part) in &list {
            let part = &oracle.parts[*part as usize];
            let etag = part.etag.as_ref()?;
            document
                .push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>"));
            if let Some((algorithm, _)) = sum {
                let (element, content) = (algorithm.element(), part.content.as_ref()?);
                let value = sums::of(content, algorithm).to_base64();
                document.push_str(&format!("<{element}>{value}</{element}>"));
            }
            document.push_str("</Part>");
        }
        document.push_str("</CompleteMultipartUpload>");
        let cond = self.condition(key, oracle);
        let sent = Sent {
            body: Bytes::from(document),
            headers: conditions(cond, oracle),
            ..to_upload("POST", oracle, upload)
        };
        Some((Action::Complete { upload, list, value, cond }, sent))
    }

    fn abort(&mut self, oracle: &Oracle) -> Option<(Action, Sent)> {
        let upload = self.upload(oracle)?;
        Some((Action::Abort { upload }, to_upload("DELETE", oracle, upload)))
    }

    fn list_parts(&mut self, oracle: &Oracle) -> Option<(Action, Sent)> {
        let upload = self.upload(oracle)?;
        Some((Action::ListParts { upload }, to_upload("GET", oracle, upload)))
    }
}

/// Whether the histories of what the action touches can take it.
fn room_for(action: &Action, oracle: &Oracle) -> bool {
    let upload_has_room = |upload: usize| {
        oracle.upload_has_room(upload) && oracle.has_room(oracle.uploads[upload].key)
    };
    match action {
        Action::Put { key, .. }
        | Action::Get { key, .. }
        | Action::Head { key, .. }
        | Action::Delete { key, .. }
        | Action::Retain { key, .. }
        | Action::Expire { key, .. }
        | Action::CreateUpload { key, .. } => oracle.has_room(*key),
        Action::Copy { key, source, .. } => oracle.has_room(*key) && oracle.has_room(*source),
        Action::DeleteSome { keys, .. } => keys.iter().all(|(key, ..)| oracle.has_room(*key)),
        Action::List { .. } | Action::ListVersions { .. } | Action::SetVersioning { .. } => {
            (0..KEYS.len()).all(|key| oracle.has_room(key))
        }
        Action::MakeBucket | Action::DropBucket => oracle.has_room(KEYS.len() - 1),
        Action::CopyPart { upload, source, .. } => {
            upload_has_room(*upload) && oracle.has_room(*source)
        }
        Action::PutPart { upload, .. }
        | Action::Complete { upload, .. }
        | Action::Abort { upload }
        | Action::ListParts { upload } => upload_has_room(*upload),
    }
}

/// Whether a part may be followed by others.
fn is_long(oracle: &Oracle, part: Part) -> bool {
    let content = &oracle.parts[part as usize].content;
    content.as_ref().is_some_and(|content| content.len() >= PART_LEN_MIN)
}

/// How many parts of an upload, from the first on, may be followed by others.
fn long_parts(oracle: &Oracle, upload: usize) -> usize {
    let parts = &oracle.uploads[upload].parts;
    let numbered = (1..LAST_PART).map(|number| parts.get(&number));
    numbered.take_while(|part| part.is_some_and(|part| is_long(oracle, *part))).count()
}

fn is_small(oracle: &Oracle, value: Value) -> bool {
    oracle.stored(value).content.len() < PART_LEN_MIN
}

fn conditions(cond: Cond, oracle: &Oracle) -> Vec<(&'static str, String)> {
    match cond {
        Cond::None => Vec::new(),
        Cond::Absent => vec![("if-none-match", "*".to_owned())],
        Cond::Matches(value) => vec![("if-match", format!("\"{}\"", oracle.stored(value).etag))],
    }
}

pub(crate) fn to_key(method: &'static str, key: usize) -> Sent {
    let (bucket, name) = KEYS[key];
    Sent { method, target: format!("/{}/{name}", BUCKETS[bucket]), ..Sent::default() }
}

pub(crate) fn to_upload(method: &'static str, oracle: &Oracle, upload: usize) -> Sent {
    let upload = &oracle.uploads[upload];
    let mut sent = to_key(method, upload.key);
    sent.target.push_str(&format!("?uploadId={}", upload.id));
    sent
}

fn copy_source(key: usize, version: Option<VersionId>) -> (&'static str, String) {
    let (bucket, name) = KEYS[key];
    let version = version.map(|id| format!("?versionId={id}")).unwrap_or_default();
    ("x-amz-copy-source", format!("{}/{name}{version}", BUCKETS[bucket]))
}

fn to_part(oracle: &Oracle, upload: usize, number: u16) -> Sent {
    let upload = &oracle.uploads[upload];
    let mut sent = to_key("PUT", upload.key);
    sent.target.push_str(&format!("?partNumber={number}&uploadId={}", upload.id));
    sent
}
