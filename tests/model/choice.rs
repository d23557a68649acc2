//! Room: what the requests choose from: buckets, keys, contents, versions, conditions, checksums.
//!
//! Every choice takes the same number of draws whatever exists, so that a request stays nearly the same when those
//! before it are left out.

use std::rc::Rc;

use tenon_tests::random::Random;

use crate::content::{Content, base64};
use crate::names::Names;
use crate::reference::checksum::{ALGORITHMS, element, header};
use crate::reference::{Reference, Version};
use crate::wire::{Ask, Source};

/// The buckets; the last one is seldom there.
pub(crate) const BUCKETS: [&str; 3] = ["alpha", "beta", "gamma-3"];

/// Keys that are prefixes of each other, that need escaping, that sort by bytes in ways of their own.
pub(crate) const KEYS: [&str; 14] = [
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a/b\u{1}",
    "a//b",
    "a%2Fb",
    "a+b c",
    "ab",
    "b/ü/é",
    "b/..",
    "\u{10ffff}z",
    "\u{1}\u{1}",
    "z?versionId=1&<x>",
];

/// Storage classes, and what looks like one.
const CLASSES: [&str; 12] = [
    "STANDARD",
    "STANDARD",
    "STANDARD_IA",
    "STANDARD_IA",
    "STANDARD_IA",
    "REDUCED_REDUNDANCY",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "standard",
];

const MIB: usize = 1 << 20;

/// One of a story's choices.
pub(crate) struct Choice<'a> {
    pub(crate) random: Random,
    pub(crate) reference: &'a Reference,
    pub(crate) names: &'a Names,
}

impl Choice<'_> {
    /// One of them, if there is one.
    pub(crate) fn of<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        let draw = self.random.next_u64();
        let place = draw.checked_rem(choices.len() as u64)?;
        choices.get(usize::try_from(place).expect("it is below a length")).cloned()
    }

    /// One of them; there must be one.
    pub(crate) fn one<T: Clone>(&mut self, choices: &[T]) -> T {
        self.of(choices).expect("a choice")
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.random.chance(percent)
    }

    /// A thing so many times in a hundred.
    pub(crate) fn maybe<T>(
        &mut self,
        percent: u64,
        thing: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let mut aside = Choice {
            random: Random::from_seed(self.random.next_u64()),
            reference: self.reference,
            names: self.names,
        };
        self.chance(percent).then(|| thing(&mut aside))
    }

    pub(crate) fn bucket(&mut self) -> &'static str {
        let place = self.one(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
        BUCKETS[place]
    }

    /// A key; most are among the first ones of the story.
    pub(crate) fn key(&mut self) -> &'static str {
        let (few, all) = (self.random.within(0..4), self.random.within(0..KEYS.len() as u64));
        let place = if self.chance(65) { few } else { all };
        KEYS[usize::try_from(place).expect("a few")]
    }

    /// A key that is read: half of the time one that names something.
    pub(crate) fn read_key(&mut self, bucket: &str) -> &'static str {
        let any = self.key();
        let found = self.reference.buckets.get(bucket);
        let named = |key: &&&str| found.is_some_and(|bucket| bucket.current(key).is_some());
        let named: Vec<&'static str> = KEYS.iter().filter(named).copied().collect();
        let one = self.of(&named).unwrap_or(any);
        if self.chance(50) { one } else { any }
    }

    /// A key that is deleted: now and then one that an upload is open for.
    pub(crate) fn deleted_key(&mut self, bucket: &str) -> &'static str {
        let any = self.key();
        let found = self.reference.buckets.get(bucket);
        let open = found.into_iter().flat_map(|bucket| &bucket.uploads);
        let open: Vec<&str> = open.map(|upload| upload.key.as_str()).collect();
        let open: Vec<&'static str> =
            KEYS.iter().filter(|key| open.contains(key)).copied().collect();
        let one = self.of(&open).unwrap_or(any);
        if self.chance(30) { one } else { any }
    }

    /// Bytes to store; hardly ever many.
    pub(crate) fn content(&mut self, many: u64) -> Rc<Content> {
        let seed = self.one(&[1, 2, 3]);
        let len = self.one(&[0, 1, 10, 10, 100, 5000, 65_536, 65_537, 150_000]);
        let large = self.one(&[5 * MIB, 5 * MIB, 5 * MIB + 70_001, 6 * MIB - 1]);
        if self.chance(many) {
            Content::pattern(seed % 2, large)
        } else {
            Content::pattern(seed, len)
        }
    }

    /// A version id of a key, or something like one.
    pub(crate) fn version(&mut self, bucket: &str, key: &str, percent: u64) -> Option<String> {
        let found = self.reference.buckets.get(bucket);
        let all = found.map_or(&[][..], |bucket| &bucket.ids);
        let known = |id: &String| self.names.resolve(id).is_some();
        let own = all.iter().filter(|made| made.key == key && known(&made.id));
        let own: Vec<String> = own.map(|made| made.id.clone()).collect();
        let foreign = self.reference.buckets.values().flat_map(|bucket| &bucket.ids);
        let foreign: Vec<String> =
            foreign.map(|made| &made.id).filter(|id| known(id)).cloned().collect();
        let latest = found.and_then(|bucket| bucket.latest(key)).map(|latest| latest.id.clone());
        let latest = latest.filter(known);
        let (own, foreign) = (self.of(&own), self.of(&foreign));
        let malformed = self.one(&["x", "0123456789abcdef0123456789abcdef", "NULL", "v.1"]);
        let which = self.random.within(0..100);
        let chosen = match which {
            0..20 => latest.unwrap_or_else(|| "null".into()),
            20..70 => own.unwrap_or_else(|| "null".into()),
            70..80 => "null".into(),
            80..95 => foreign.unwrap_or_else(|| "null".into()),
            _ => malformed.into(),
        };
        self.chance(percent).then_some(chosen)
    }

    /// Where in a key's versions a page begins: behind one that is there, or that was.
    pub(crate) fn marked_version(&mut self, bucket: &str, key: &str) -> Option<String> {
        let known = |id: &String| self.names.resolve(id).is_some();
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        if let Some(bucket) = self.reference.buckets.get(bucket) {
            let made = bucket.ids.iter().filter(|made| made.key == key && known(&made.id));
            gone.extend(made.map(|made| made.id.clone()));
            let versions = bucket.keys.get(key).into_iter().flatten();
            here.extend(versions.map(|version| version.id.clone()).filter(known));
        }
        let (here, gone) = (self.of(&here), self.of(&gone));
        let (is_gone, some) = (self.chance(20), self.chance(70));
        (if is_gone { gone } else { here }).filter(|_| some)
    }

    /// The version that a condition is probably about.
    fn about<'a>(&self, reference: &'a Reference, bucket: &str, key: &str) -> Option<&'a Version> {
        reference.buckets.get(bucket)?.keys.get(key)?.last()
    }

    /// An ETag as clients write it: that of the key, that of another content, a weak one, a list.
    pub(crate) fn etag(&mut self, bucket: &str, key: &str) -> String {
        let found = self.about(self.reference, bucket, key).and_then(|found| found.object.clone());
        let own = found.map_or_else(|| "none".to_owned(), |object| object.etag.clone());
        let other = Content::pattern(self.one(&[1, 2, 3]), 10).etag();
        match self.random.within(0..10) {
            0..5 => format!("\"{own}\""),
            5 => own,
            6 => format!("\"{other}\""),
            7 => format!("\"{other}\", \"{own}\""),
            8 => format!("W/\"{own}\""),
            _ => "*".to_owned(),
        }
    }

    /// The same, of one ETag.
    pub(crate) fn one_etag(&mut self, bucket: &str, key: &str) -> String {
        let etag = self.etag(bucket, key);
        if etag.contains(['W', ',']) { "*".to_owned() } else { etag }
    }

    /// A date about that of the key.
    pub(crate) fn date(&mut self, bucket: &str, key: &str) -> String {
        let found = self.about(self.reference, bucket, key);
        let about = found.map_or(self.reference.now, Version::modified);
        match self.random.within(0..8) {
            0 => "yesterday".to_owned(),
            1 => date(self.reference.now + 86_400_000),
            2 | 3 => date(about - 1000),
            4 | 5 => date(about),
            _ => date(about + 1000),
        }
    }

    /// Conditions on what is read.
    pub(crate) fn conditions(&mut self, ask: Ask, prefix: &str, bucket: &str, key: &str) -> Ask {
        let some = self.chance(25);
        let mut next = |percent| {
            let value =
                self.maybe(percent, |choice| (choice.etag(bucket, key), choice.date(bucket, key)));
            value.filter(|_| some)
        };
        let [matches, none] = [next(40), next(40)];
        let [unmodified, modified] = [next(40), next(40)];
        ask.header_if(&format!("{prefix}if-match"), matches.map(|(etag, _)| etag))
            .header_if(&format!("{prefix}if-none-match"), none.map(|(etag, _)| etag))
            .header_if(&format!("{prefix}if-unmodified-since"), unmodified.map(|(_, date)| date))
            .header_if(&format!("{prefix}if-modified-since"), modified.map(|(_, date)| date))
    }

    /// The condition of a write.
    pub(crate) fn write_condition(&mut self, ask: Ask, percent: u64) -> Ask {
        let (bucket, key) =
            (ask.bucket.clone().unwrap_or_default(), ask.key.clone().unwrap_or_default());
        let matches = self.one_etag(&bucket, &key);
        let none = if self.chance(90) { "*".to_owned() } else { matches.clone() };
        let which = self.random.within(0..20);
        if !self.chance(percent) {
            return ask;
        }
        match which {
            0..10 => ask.header("if-match", matches),
            10..19 => ask.header("if-none-match", none),
            _ => ask.header("if-match", matches).header("if-none-match", none),
        }
    }

    /// A checksum of a body: mostly the right one.
    pub(crate) fn sum(&mut self, ask: Ask, content: &Content, percent: u64) -> Ask {
        let (algorithm, ..) = self.one(&ALGORITHMS);
        self.sum_by(ask, content, algorithm, percent)
    }

    /// The same by a given algorithm.
    pub(crate) fn sum_by(
        &mut self,
        ask: Ask,
        content: &Content,
        algorithm: &'static str,
        percent: u64,
    ) -> Ask {
        let other = Content::pattern(9, 9).digest(algorithm);
        let (second, ..) = self.one(&ALGORITHMS);
        let which = self.random.within(0..30);
        if !self.chance(percent) {
            return ask;
        }
        let right = || base64(&content.digest(algorithm));
        match which {
            0 => ask.header(&header(algorithm), base64(&other)),
            1 => ask.header(&header(algorithm), "AAAA"),
            2 if second != algorithm => {
                let ask = ask.header(&header(algorithm), right());
                ask.header(&header(second), base64(&content.digest(second)))
            }
            _ => ask.header(&header(algorithm), right()),
        }
    }

    /// What is kept with an object.
    pub(crate) fn kept(&mut self, ask: Ask) -> Ask {
        let kind = self.maybe(30, |choice| choice.one(&["text/plain", "image/png"]));
        let cached = self.maybe(10, |_| "no-cache");
        let user = self.maybe(20, |choice| choice.one(&["red", "blue, green"]));
        let redirect = self.maybe(3, |choice| choice.one(&["/there", "nowhere"]));
        let tags = self.maybe(20, |choice| choice.one(&["a=1", "a=1&b=", "x=y", "a=1&a=2"]));
        let class = self.maybe(20, |choice| choice.one(&CLASSES));
        ask.header_if("content-type", kind)
            .header_if("cache-control", cached)
            .header_if("x-amz-meta-color", user)
            .header_if("x-amz-website-redirect-location", redirect)
            .header_if("x-amz-tagging", tags)
            .header_if("x-amz-storage-class", class)
    }

    /// The source of a copy.
    pub(crate) fn source(&mut self, ask: Ask) -> Ask {
        let bucket = self.bucket();
        let key = self.read_key(bucket);
        let large = self.large();
        let (bucket, key) =
            large.filter(|_| self.chance(30)).unwrap_or_else(|| (bucket.into(), key.into()));
        let own = (ask.bucket.clone().unwrap_or_default(), ask.key.clone().unwrap_or_default());
        let (bucket, key) = if self.chance(15) { own } else { (bucket, key) };
        let version = self.version(&bucket, &key, 20);
        let ask = self.conditions(ask, "x-amz-copy-source-", &bucket, &key);
        Ask { source: Some(Source { bucket, key, version }), ..ask }
    }

    /// A large object.
    pub(crate) fn large(&mut self) -> Option<(String, String)> {
        let mut found = Vec::new();
        for (name, bucket) in &self.reference.buckets {
            for key in bucket.keys.keys() {
                if bucket.current(key).is_some_and(|object| object.content.len() >= 5 * MIB) {
                    found.push((name.clone(), key.clone()));
                }
            }
        }
        self.of(&found)
    }

    /// A range of a read, or something like one.
    pub(crate) fn range(&mut self) -> String {
        let (first, len) =
            (self.one(&[0, 1, 9, 10, 99, 5000, 65_536]), self.one(&[0, 1, 8, 65_536]));
        match self.random.within(0..10) {
            0..5 => format!("bytes={first}-{}", first + len),
            5 => format!("bytes={first}-"),
            6 => format!("bytes=-{len}"),
            7 => format!("bytes={}-{first}", first + 1),
            8 => format!("bytes=0-1,{first}-{}", first + 1),
            _ => format!("{first}-{len}"),
        }
    }

    /// The name of a checksum's element.
    pub(crate) fn sum_element(algorithm: &str) -> String {
        element(algorithm)
    }
}

/// An IMF-fixdate.
fn date(millis: u64) -> String {
    protocol::time::Timestamp::from_millis(millis).http_date()
}
