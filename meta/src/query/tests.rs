use protocol::range::ByteRange;

use super::*;
use crate::command::{CompleteUpload, WriteCond};
use crate::extent::PieceSlice;
use crate::id::FolderId;
use crate::memory::MemoryStore;
use crate::record::{Content, Manifest, Piece, PieceList};
use crate::store::{Advance, Pair};
use crate::testing::{
    Known, MIB, bucket_name, done, inline, key, len_of, make_bucket, make_upload, new_object,
    number, put, put_part, upload_id,
};

fn with_keys(keys: &[&str]) -> (MemoryStore, BucketId) {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    for key in keys {
        done(&store, put(bucket, key, vec![inline(key.as_bytes())], &[]));
    }
    (store, bucket)
}

fn ask<'a>(bucket: BucketId, prefix: &'a str, delimiter: Option<&'a str>) -> ListAsk<'a> {
    ListAsk { bucket, prefix, delimiter, from: ListFrom::Start, max: 1000 }
}

/// All pages of a listing, `max` lines each.
fn pages<T>(
    ask: &ListAsk<'_>,
    max: usize,
    list: impl Fn(&ListAsk<'_>) -> Result<ListPage<T>, StoreError>,
    after: impl Fn(&T) -> ListFrom,
) -> Vec<ListLine<T>> {
    let mut ask = ListAsk { max, ..ask.clone() };
    let mut all = Vec::new();
    loop {
        let page = list(&ask).expect("a page");
        assert!(page.lines.len() <= max);
        let next = page.more.then(|| match page.lines.last().expect("a full page") {
            ListLine::Entry(entry) => after(entry),
            ListLine::Prefix(text) => ListFrom::AfterPrefix(text.clone()),
        });
        all.extend(page.lines);
        match next {
            Some(next) => ask.from = next,
            None => return all,
        }
    }
}

/// The lines of all pages of objects, common prefixes with a star behind.
fn listed(store: &dyn Store, ask: &ListAsk<'_>, max: usize) -> Vec<String> {
    let after = |entry: &ObjectEntry| ListFrom::AfterKey(entry.key.as_str().to_owned());
    let lines = pages(ask, max, |ask| list_objects(store, ask), after).into_iter();
    let texts = lines.map(|line| match line {
        ListLine::Entry(ObjectEntry { key, facts }) => {
            assert_eq!(facts.len, key.as_str().len() as u64);
            key.as_str().to_owned()
        }
        ListLine::Prefix(text) => format!("{text}*"),
    });
    texts.collect()
}

const KEYS: [&str; 9] = ["a", "b/1", "b/2", "b/c/1", "b0", "d//x", "d/y", "é/1", "z"];

#[test]
fn keys_are_listed_in_the_order_of_their_bytes() {
    // rule: list/order
    let (store, bucket) = with_keys(&["z", "é/1", "b0", "b/2", "a", "b/1", "b/c/1", "d/y", "d//x"]);
    let other = make_bucket(&store, "other");
    done(&store, put(other, "a", vec![], &[]));
    let mut expected = KEYS.to_vec();
    expected.sort_unstable();
    for max in [1, 2, 3, 1000] {
        assert_eq!(listed(&store, &ask(bucket, "", None), max), expected);
    }
}

#[test]
fn a_delimiter_rolls_keys_up() {
    // rule: list/delimiter
    let (store, bucket) = with_keys(&KEYS);
    for max in [1, 2, 1000] {
        let roots = listed(&store, &ask(bucket, "", Some("/")), max);
        assert_eq!(roots, ["a", "b/*", "b0", "d/*", "z", "é/*"]);
        let below = listed(&store, &ask(bucket, "b/", Some("/")), max);
        assert_eq!(below, ["b/1", "b/2", "b/c/*"]);
        let whole_words = listed(&store, &ask(bucket, "", Some("//")), max);
        assert_eq!(whole_words, ["a", "b/1", "b/2", "b/c/1", "b0", "d//*", "d/y", "z", "é/1"]);
    }
}

#[test]
fn a_prefix_need_not_end_at_a_delimiter() {
    // rule: list/prefix
    let (store, bucket) = with_keys(&KEYS);
    assert_eq!(listed(&store, &ask(bucket, "b", Some("/")), 1000), ["b/*", "b0"]);
    assert_eq!(listed(&store, &ask(bucket, "b/c", None), 1000), ["b/c/1"]);
    assert!(listed(&store, &ask(bucket, "nothing", None), 1000).is_empty());
}

#[test]
fn a_listing_begins_behind_what_it_is_told() {
    // rule: list/start-after
    let (store, bucket) = with_keys(&KEYS);
    let from = |from: ListFrom| ListAsk { from, ..ask(bucket, "", Some("/")) };
    let after = |text: &str| from(ListFrom::AfterKey(text.to_owned()));
    assert_eq!(listed(&store, &after("b0"), 1000), ["d/*", "z", "é/*"]);
    assert_eq!(listed(&store, &after("b00"), 1000), ["d/*", "z", "é/*"]);
    assert_eq!(listed(&store, &after("b/1"), 1000), ["b/*", "b0", "d/*", "z", "é/*"]);
    let behind = from(ListFrom::AfterPrefix("b/".to_owned()));
    assert_eq!(listed(&store, &behind, 1000), ["b0", "d/*", "z", "é/*"]);
    let before_the_prefix = ListAsk { prefix: "d", ..after("a") };
    assert_eq!(listed(&store, &before_the_prefix, 1000), ["d/*"]);
}

#[test]
fn a_page_that_is_just_full_is_the_last() {
    // rule: list/truncated
    // rule: list/max-keys-zero
    let (store, bucket) = with_keys(&["a", "b"]);
    let full = ListAsk { max: 2, ..ask(bucket, "", None) };
    assert!(!list_objects(&store, &full).expect("a page").more);
    let short = ListAsk { max: 1, ..ask(bucket, "", None) };
    assert!(list_objects(&store, &short).expect("a page").more);
    let none = ListAsk { max: 0, ..ask(bucket, "", None) };
    let page = list_objects(&store, &none).expect("a page");
    assert_eq!((page.lines.len(), page.more), (0, false));
}

/// A scan that counts what it is shown.
struct Counting<'s> {
    store: &'s MemoryStore,
    shown: std::sync::atomic::AtomicUsize,
}

impl Store for Counting<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.store.get(space, key)
    }

    fn peek(&self, space: Space, key: &[u8]) -> Result<crate::store::Peek, StoreError> {
        self.store.peek(space, key)
    }

    fn scan(
        &self,
        space: Space,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
    ) -> Result<(), StoreError> {
        self.store.scan(space, from, &mut |key, value| {
            self.shown.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            visit(key, value)
        })
    }

    fn scan_pair(
        &self,
        spaces: [Space; 2],
        from: [&[u8]; 2],
        visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
    ) -> Result<(), StoreError> {
        self.store.scan_pair(spaces, from, &mut |pair| {
            self.shown.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            visit(pair)
        })
    }

    fn commit(&self, batch: crate::store::Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }
}

/// A listing that ended there would look complete.
#[test]
fn a_key_that_is_no_text_is_damage() {
    let (store, bucket) = with_keys(&["a"]);
    let mut batch = crate::store::Batch::new();
    batch.put(Space::Objects, [&bucket.get().to_be_bytes()[..], b"b\xff"].concat(), vec![1]);
    store.commit(batch).expect("a commit");
    let page = list_objects(&store, &ask(bucket, "", None));
    assert!(matches!(page, Err(StoreError::Corrupt(_))), "{page:?}");
}

#[test]
fn keys_below_a_common_prefix_are_not_walked() {
    // rule: list/skips
    let keys: Vec<String> = (0..200).map(|n| format!("{}/{n}", n % 2)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (store, bucket) = with_keys(&keys);
    let store = Counting { store: &store, shown: 0.into() };
    let page = list_objects(&store, &ask(bucket, "", Some("/"))).expect("a page");
    assert_eq!(page.lines.len(), 2);
    assert_eq!(store.shown.into_inner(), 2);
}

/// The lines of all pages of uploads as key and which, common prefixes with a star behind.
fn uploads_listed(store: &dyn Store, ask: &ListAsk<'_>, max: usize) -> Vec<String> {
    let after = |entry: &UploadEntry| ListFrom::AfterUpload(entry.key.clone(), entry.upload_id);
    let lines = pages(ask, max, |ask| list_uploads(store, ask), after).into_iter();
    let texts = lines.map(|line| match line {
        ListLine::Entry(UploadEntry { key, upload_id, .. }) => {
            format!("{} {}", key.as_str(), upload_id.as_bytes()[23])
        }
        ListLine::Prefix(text) => format!("{text}*"),
    });
    texts.collect()
}

#[test]
fn uploads_are_listed_by_key_and_identifier() {
    // rule: list-uploads/order
    let store = MemoryStore::new();
    let (bucket, other) = (make_bucket(&store, "bucket"), make_bucket(&store, "other"));
    for (key, which) in [("b", 2), ("a", 9), ("b", 1), ("b/x", 5), ("b\0", 3), ("b/y", 4)] {
        make_upload(&store, bucket, key, which);
    }
    make_upload(&store, other, "a", 7);
    let all = ["a 9", "b 1", "b 2", "b\0 3", "b/x 5", "b/y 4"];
    for max in [1, 2, 3, 1000] {
        assert_eq!(uploads_listed(&store, &ask(bucket, "", None), max), all);
        let roots = uploads_listed(&store, &ask(bucket, "", Some("/")), max);
        assert_eq!(roots, ["a 9", "b 1", "b 2", "b\0 3", "b/*"]);
        let below = uploads_listed(&store, &ask(bucket, "b/", Some("/")), max);
        assert_eq!(below, ["b/x 5", "b/y 4"]);
        let zeros = uploads_listed(&store, &ask(bucket, "", Some("\0")), max);
        assert_eq!(zeros, ["a 9", "b 1", "b 2", "b\0*", "b/x 5", "b/y 4"]);
    }
    let behind = |from| uploads_listed(&store, &ListAsk { from, ..ask(bucket, "", None) }, 9);
    assert_eq!(behind(ListFrom::AfterKey("b".into())), all[3..]);
    assert_eq!(behind(ListFrom::AfterKey("a/gone".into())), all[1..]);
    assert_eq!(behind(ListFrom::AfterPrefix("b\0".into())), all[4..]);
    assert_eq!(behind(ListFrom::AfterUpload(key("b"), upload_id(1))), all[2..]);
    assert_eq!(behind(ListFrom::AfterUpload(key("b"), upload_id(3))), all[3..], "one that is over");
    let first = ListAsk { max: 1, ..ask(bucket, "a", None) };
    let page = list_uploads(&store, &first).expect("a page");
    let ListLine::Entry(entry) = &page.lines[0] else { panic!("{page:?}") };
    let record = upload(&store, bucket, &key("a"), &upload_id(9)).expect("a store");
    let record = record.expect("an upload");
    assert_eq!((entry.initiated, entry.checksum), (record.initiated, record.checksum));
}

/// Both listings page by page as a walk over all names would have it.
mod against_a_walk {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What a page behind `after` holds, as simply as it can be said.
    fn walk(
        names: &BTreeSet<String>,
        prefix: &str,
        delimiter: Option<&str>,
        after: &ListFrom,
    ) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for name in names {
            let passed = match after {
                ListFrom::Start => false,
                ListFrom::AfterKey(text) => name <= text,
                ListFrom::AfterUpload(key, _) | ListFrom::AfterVersion(key, _) => {
                    name.as_str() <= key.as_str()
                }
                ListFrom::AfterPrefix(text) => name <= text || name.starts_with(text),
            };
            let Some(rest) = name.strip_prefix(prefix).filter(|_| !passed) else { continue };
            let rolled = delimiter.and_then(|text| rest.find(text).map(|at| at + text.len()));
            let line = match rolled {
                Some(len) => format!("{}*", &name[..prefix.len() + len]),
                None => name.clone(),
            };
            if lines.last() != Some(&line) {
                lines.push(line);
            }
        }
        lines
    }

    fn name() -> impl Strategy<Value = String> {
        "[ab/\0\u{1}é]{1,4}"
    }

    proptest! {
        #[test]
        fn pages_agree(
            names in prop::collection::btree_set(name(), 0..12),
            prefix in prop_oneof![Just(String::new()), name()],
            delimiter in prop_oneof![Just(None), Just(Some("/")), Just(Some("\0")), Just(Some("b/"))],
            after in prop_oneof![
                1 => Just(ListFrom::Start),
                2 => name().prop_map(ListFrom::AfterKey),
                2 => name().prop_map(ListFrom::AfterPrefix),
            ],
            max in 1_usize..4,
        ) {
            let (store, bucket) = with_keys(&names.iter().map(String::as_str).collect::<Vec<_>>());
            for name in &names {
                make_upload(&store, bucket, name, 1);
            }
            let expected = walk(&names, &prefix, delimiter, &after);
            let ask = ListAsk { bucket, prefix: &prefix, delimiter, from: after, max };
            prop_assert_eq!(&listed(&store, &ask, max), &expected);
            let uploads = uploads_listed(&store, &ask, max).into_iter();
            let uploads = uploads.map(|line| line.trim_end_matches(" 1").to_owned());
            prop_assert_eq!(uploads.collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn buckets_are_listed_by_name() {
    // rule: list-buckets/order
    let store = MemoryStore::new();
    for name in ["bbb", "aaa", "ccc", "bba"] {
        make_bucket(&store, name);
    }
    let names = |prefix, after: Option<&str>, max| -> Vec<String> {
        let after = after.map(bucket_name);
        let found = buckets(&store, prefix, after.as_ref(), max).expect("buckets");
        found.into_iter().map(|(name, _)| name.as_str().to_owned()).collect()
    };
    assert_eq!(names("", None, 10), ["aaa", "bba", "bbb", "ccc"]);
    assert_eq!(names("", None, 2), ["aaa", "bba"]);
    assert_eq!(names("", Some("aaa"), 10), ["bba", "bbb", "ccc"]);
    assert_eq!(names("", Some("aab"), 1), ["bba"]);
    assert_eq!(names("bb", None, 10), ["bba", "bbb"]);
    assert_eq!(names("bb", Some("aaa"), 10), ["bba", "bbb"]);
    assert_eq!(names("bb", Some("bba"), 10), ["bbb"]);
    assert!(names("bb", Some("ccc"), 10).is_empty() && names("bc", None, 10).is_empty());
    let record = bucket(&store, &bucket_name("aaa")).expect("a store").expect("a bucket");
    assert_eq!(record.id, BucketId::new(2));
    assert_eq!(bucket(&store, &bucket_name("ddd")), Ok(None));
}

#[test]
fn parts_are_listed_by_number() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let manifest = make_upload(&store, bucket, "key", 1);
    let other = make_upload(&store, bucket, "key", 2);
    for part in [300, 2, 1] {
        done(&store, put_part(bucket, "key", 1, part, vec![inline(b"x")], &[]));
    }
    done(&store, put_part(bucket, "key", 2, 4, vec![inline(b"x")], &[]));
    let numbers = |manifest, after: Option<u16>, max| -> Vec<u16> {
        let found = parts(&store, manifest, after.map(number), max).expect("parts");
        found.into_iter().map(|part| part.number.get()).collect()
    };
    assert_eq!(numbers(manifest, None, 10), [1, 2, 300]);
    assert_eq!(numbers(manifest, None, 2), [1, 2]);
    assert_eq!(numbers(manifest, Some(2), 10), [300]);
    assert_eq!(numbers(other, None, 10), [4]);
}

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange::new(start, end).expect("a range")
}

/// An object of 600 parts on three pages of its manifest, some of them empty, among them all of one page's edge.
fn many_parts(store: &MemoryStore) -> (BucketId, Vec<(u16, Vec<Piece>)>) {
    let bucket = make_bucket(store, "bucket");
    let manifest = make_upload(store, bucket, "key", 1);
    let mut parts = Vec::new();
    for part in 1..=600_u16 {
        let pieces = match part {
            255..=258 | 600 => vec![],
            _ => vec![inline(&part.to_le_bytes()), inline(b"abc")],
        };
        parts.push((part, pieces.clone()));
        done(store, put_part(bucket, "key", 1, part, pieces, &[]));
    }
    let upload = upload(store, bucket, &key("key"), &upload_id(1)).expect("a store").expect("one");
    assert_eq!((upload.manifest, upload.parts), (manifest, 600));
    let pieces: Vec<Piece> = parts.iter().flat_map(|(_, pieces)| pieces.clone()).collect();
    done(
        store,
        CompleteUpload {
            bucket,
            key: key("key"),
            upload_id: upload_id(1),
            expected_generation: upload.generation,
            condition: WriteCond::None,
            object: new_object("whole-600", &pieces),
            listed: parts.iter().map(|(part, pieces)| (number(*part), len_of(pieces))).collect(),
            unlisted: vec![],
        },
    );
    (bucket, parts)
}

fn text(slices: &[PieceSlice]) -> Vec<u8> {
    let bytes = |slice: &PieceSlice| match &slice.piece {
        Piece::Inline { bytes, .. } => {
            let at = |place| usize::try_from(place).expect("small");
            bytes[at(slice.within.start())..at(slice.within.end())].to_vec()
        }
        Piece::Extent(extent) => panic!("{extent:?}"),
    };
    slices.iter().flat_map(bytes).collect()
}

#[test]
fn ranges_of_many_parts_are_found_by_position() {
    let store = MemoryStore::new();
    let (bucket, parts) = many_parts(&store);
    let record = object(&store, bucket, &key("key")).expect("a store").expect("an object");
    let Content::Parts(Manifest { page_starts, parts: count, .. }) = &record.content else {
        panic!("{record:?}")
    };
    assert_eq!((page_starts.as_slice(), *count), (&[0, 254 * 5, (512 - 4) * 5][..], 600));
    let whole: Vec<u8> = parts
        .iter()
        .filter(|(_, pieces)| !pieces.is_empty())
        .flat_map(|(part, _)| [&part.to_le_bytes()[..], b"abc"].concat())
        .collect();
    assert_eq!(record.len, whole.len() as u64);
    for (start, end) in [(0, 1), (0, whole.len()), (1268, 1273), (1270, 1271), (2539, 2541), (7, 7)]
    {
        let found = resolve(&store, &record.content, range(start as u64, end as u64));
        assert_eq!(text(&found.expect("pieces")), &whole[start..end]);
    }
    let exact = exact_part(&store, &record.content, range(5, 10)).expect("a store");
    assert_eq!(exact.expect("part 2").number, number(2));
    for (start, end) in [(5, 9), (6, 10), (5, 15)] {
        assert_eq!(exact_part(&store, &record.content, range(start, end)), Ok(None));
    }
}

#[test]
fn parts_are_found_by_their_place() {
    let store = MemoryStore::new();
    let (bucket, _) = many_parts(&store);
    let record = object(&store, bucket, &key("key")).expect("a store").expect("an object");
    let manifest = record.content.manifest().expect("an object made of parts");
    let part = |place| object_part(&store, manifest, number(place)).expect("a store");
    for place in [1, 2, 256, 257, 512, 513, 600] {
        let (entry, part) = part(place).expect("a part");
        let len = if (255..=258).contains(&place) || place == 600 { 0 } else { 5 };
        assert_eq!((entry.number, part.number, part.len), (number(place), number(place), len));
    }
    for beyond in [601, 768, 769, 10_000] {
        assert_eq!(part(beyond), None);
    }
    let numbers = |before, max| -> Vec<u16> {
        let found = object_parts(&store, manifest, before, max).expect("a store");
        found.iter().map(|part| part.number.get()).collect()
    };
    assert_eq!(numbers(0, 1000), (1..=600).collect::<Vec<u16>>());
    assert_eq!(numbers(254, 4), [255, 256, 257, 258]);
    assert_eq!(numbers(255, 1), [256]);
    assert_eq!(numbers(256, 257), (257..=513).collect::<Vec<u16>>());
    assert_eq!(numbers(599, usize::MAX), [600]);
    for (before, max) in [(600, 1), (usize::MAX, 1), (0, 0)] {
        assert_eq!(numbers(before, max), [0; 0]);
    }
}

#[test]
fn a_range_beyond_the_end_is_damage() {
    let store = MemoryStore::new();
    let (bucket, _) = many_parts(&store);
    let record = object(&store, bucket, &key("key")).expect("a store").expect("an object");
    let beyond = range(record.len - 1, record.len + 1);
    assert!(matches!(resolve(&store, &record.content, beyond), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_missing_page_or_part_is_damage() {
    let store = MemoryStore::new();
    let (bucket, _) = many_parts(&store);
    let record = object(&store, bucket, &key("key")).expect("a store").expect("an object");
    let manifest = record.content.manifest().expect("an object made of parts").id;
    let damage = |space, key| {
        let mut batch = crate::store::Batch::new();
        batch.delete(space, key);
        store.commit(batch).expect("a commit");
    };
    let found = |start| resolve(&store, &record.content, range(start, start + 1));
    damage(Space::Parts, key::part(manifest, number(2)));
    assert!(found(4).is_ok());
    assert!(matches!(found(5), Err(StoreError::Corrupt(_))));
    damage(Space::Manifests, key::page(manifest, 1));
    assert!(matches!(found(1300), Err(StoreError::Corrupt(_))));
    assert!(found(2600).is_ok());
}

/// Every other part is left out, and lies between those that are scanned until its garbage is released.
#[test]
fn the_parts_of_a_long_range_are_read_in_one_scan() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let manifest = make_upload(&store, bucket, "key", 1);
    for part in 1..=61_u16 {
        done(&store, put_part(bucket, "key", 1, part, vec![inline(&part.to_be_bytes())], &[]));
    }
    let upload = upload(&store, bucket, &key("key"), &upload_id(1)).expect("a store").expect("one");
    let (listed, unlisted): (Vec<u16>, _) = (1..=61).partition(|part| part % 2 == 0);
    let bytes: Vec<u8> = listed.iter().flat_map(|part| part.to_be_bytes()).collect();
    done(
        &store,
        CompleteUpload {
            bucket,
            key: key("key"),
            upload_id: upload_id(1),
            expected_generation: upload.generation,
            condition: WriteCond::None,
            object: new_object("whole-30", &[inline(&bytes)]),
            listed: listed.iter().map(|part| (number(*part), 2)).collect(),
            unlisted: unlisted.into_iter().map(number).collect(),
        },
    );
    let record = object(&store, bucket, &key("key")).expect("a store").expect("an object");
    let read = |store: &dyn Store, start, end| {
        resolve(store, &record.content, range(start, end)).map(|found| text(&found))
    };
    for (start, end) in [(0, 60), (3, 58), (1, 32), (30, 31)] {
        let counting = Counting { store: &store, shown: 0.into() };
        let at = |place: u64| usize::try_from(place).expect("small");
        assert_eq!(read(&counting, start, end).as_deref(), Ok(&bytes[at(start)..at(end)]));
        // The parts, and those in between.
        let parts = at(end.div_ceil(2) - start / 2);
        let scanned = if parts < 16 { 0 } else { 2 * parts - 1 };
        assert_eq!(counting.shown.into_inner(), scanned, "{start} to {end}");
    }
    for (gone, whole, rest) in
        [(60, (0, 60), (0, 58)), (2, (0, 58), (2, 58)), (30, (2, 58), (30, 58))]
    {
        let mut batch = crate::store::Batch::new();
        batch.delete(Space::Parts, key::part(manifest, number(gone)));
        store.commit(batch).expect("a commit");
        let found = read(&store, whole.0, whole.1);
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "without part {gone}: {found:?}");
        assert!(read(&store, rest.0, rest.1).is_ok(), "beside part {gone}");
    }
}

#[test]
fn ranges_of_a_long_list_are_found_by_position() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(5, 300 * MIB);
    let pieces = known.backwards(MIB);
    done(&store, put(bucket, "key", pieces.clone(), &[known]));
    let record = object(&store, bucket, &key("key")).expect("a store").expect("an object");
    let Content::Pieces(list @ PieceList::Long { page_starts, len, .. }) = &record.content else {
        panic!("{record:?}")
    };
    assert_eq!((page_starts.as_slice(), *len), (&[0, 128 * MIB, 256 * MIB][..], 300 * MIB));
    for (start, end) in
        [(0, 1), (0, 300 * MIB), (128 * MIB - 1, 128 * MIB + 1), (299 * MIB, 300 * MIB)]
    {
        let found = resolve_pieces(&store, list, range(start, end)).expect("pieces");
        assert_eq!(found, crate::extent::slices(&pieces, 0, range(start, end)));
    }
}

#[test]
fn tables_are_read_by_page() {
    let store = MemoryStore::new();
    let bucket = make_bucket(&store, "bucket");
    let known = Known::written(5, 17 * MIB);
    done(&store, put(bucket, "key", vec![known.whole()], &[known]));
    assert_eq!(blob(&store, known.blob).expect("a blob").refs, 1);
    let head = table_head(&store, known.table).expect("a head");
    assert_eq!((head.refs, head.len, head.pages), (1, 17 * MIB, 2));
    assert_eq!(table_page(&store, known.table, 0).expect("a page").count(), 256);
    assert_eq!(table_page(&store, known.table, 1).expect("a page").count(), 16);
    assert!(matches!(table_page(&store, known.table, 2), Err(StoreError::Corrupt(_))));
    assert!(matches!(blob(&store, BlobId::new(6)), Err(StoreError::Corrupt(_))));
}

#[test]
fn no_lease_is_open_in_a_new_store() {
    let store = MemoryStore::new();
    assert_eq!(open_leases(&store), Ok(vec![]));
    assert_eq!(lease(&store, FolderId::new(1)), Ok(None));
    assert_eq!(last_sequence(&store), Ok(Sequence::new(0)));
}
