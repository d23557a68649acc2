//! Room: the price of one page of a listing, over few keys and over a million of them, on the real store.
//!
//! Source of the question: a page is to cost what it shows, whatever the size of the bucket, and 1,000 keys of a
//! million at most 5 ms. Keys are loaded through rounds of commands, as the commit stage would.
//! A million keys are loaded with `cargo bench` alone; a mere look that it runs makes do with few.

mod common;

use std::hint::black_box;
use std::path::Path;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use meta::command::{Command, CreateBucket, NewContent, NewObject, PutObject, Reply, WriteCond};
use meta::fingerprint::Fingerprint;
use meta::id::BucketId;
use meta::query::{self, ListAsk, ListFrom, ListPage};
use meta::record::Piece;
use meta::rocks::RocksStore;
use meta::round::Round;
use meta::store::{Store, StoreError};
use protocol::checksum::{ChecksumAlgorithm, ChecksumType};
use protocol::etag::ETag;
use protocol::lock::ObjectLock;
use protocol::metadata::ObjectMetadata;
use protocol::name::{AccountId, BucketName, ObjectKey};
use protocol::operation::list_objects::v2::{self, ListObjectsV2Input};
use protocol::operation::list_objects::{ListedObject, ObjectPage};
use protocol::request::{Head, Headers, Method};
use protocol::storage_class::StorageClass;
use protocol::tagging::TagSet;
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

const FEW: usize = 100_000;
const MANY: usize = 1_000_000;
/// Keys below each common prefix: a delimiter skips 99 % of them.
const FOLDER: usize = 100;
const PAGE: usize = 1000;
const CACHE_BYTES: usize = 256 << 20;
const AT: Timestamp = Timestamp::from_millis(1_576_278_963_000);

fn key(number: usize) -> String {
    format!("backups/{:06}/part-{:03}", number / FOLDER, number % FOLDER)
}

fn round(store: &RocksStore, commands: impl IntoIterator<Item = Command>) -> Reply {
    let last = query::last_sequence(store).expect("counters");
    let mut round = Round::begin(store, last.next()).expect("a round");
    let mut reply = Reply::Done;
    for command in commands {
        reply = round.apply(command).expect("a store that is well").expect("done");
    }
    store.commit(round.finish()).expect("committed");
    reply
}

fn put(bucket: BucketId, number: usize) -> Command {
    let bytes = Bytes::copy_from_slice(&number.to_le_bytes());
    let fingerprint = Fingerprint::of(&bytes);
    let object = NewObject {
        modified: AT,
        len: bytes.len() as u64,
        etag: ETag::from_text("711470fc377698c393d94aed6305e245").expect("an ETag"),
        md5: Some([7; 16]),
        fingerprint,
        checksum: None,
        metadata: ObjectMetadata::default(),
        tags: TagSet::default(),
        storage_class: StorageClass::Standard,
        lock: ObjectLock::default(),
    };
    let pieces = vec![Piece::Inline { bytes, fingerprint }];
    let key = ObjectKey::parse(&key(number)).expect("a key");
    let content = NewContent::Pieces { pieces, blobs: Vec::new() };
    PutObject { bucket, key, condition: WriteCond::None, object, content }.into()
}

/// A bucket of so many keys, each of which has so many versions.
fn load(store: &RocksStore, name: &str, keys: usize, versions: usize) -> BucketId {
    let name = BucketName::parse(name).expect("a bucket's name");
    let owner = AccountId::parse("000000000000").expect("an account");
    let versioning = if versions > 1 { Versioning::Enabled } else { Versioning::Unversioned };
    let create = CreateBucket { name, created: AT, owner, versioning, configs: Vec::new() };
    let Reply::BucketCreated(bucket) = round(store, [create.into()]) else {
        panic!("a bucket");
    };
    for _ in 0..versions {
        for first in (0..keys).step_by(PAGE) {
            round(store, (first..keys.min(first + PAGE)).map(|number| put(bucket, number)));
        }
    }
    bucket
}

fn page<T>(
    store: &dyn Store,
    list: impl Fn(&dyn Store, &ListAsk<'_>) -> Result<ListPage<T>, StoreError>,
    (bucket, delimiter, from): (BucketId, Option<&str>, ListFrom),
) -> ListPage<T> {
    let ask = ListAsk { bucket, prefix: "backups/", delimiter, from, max: PAGE };
    list(store, &ask).expect("a page")
}

/// Where pages begin: anywhere but so near the end that they are not full.
struct Anywhere {
    keys: usize,
    next: usize,
}

impl Anywhere {
    fn folder(&mut self, rolled_up: bool) -> ListFrom {
        let shown = if rolled_up { PAGE * FOLDER } else { PAGE };
        let last = self.keys.saturating_sub(shown).max(1);
        // A step that has no part in common with the number of keys visits all of them.
        self.next = (self.next + 7_368_787) % last;
        ListFrom::AfterPrefix(format!("backups/{:06}/", self.next / FOLDER))
    }
}

fn pages(criterion: &mut Criterion) {
    let (folder, many) = (tempfile::tempdir().expect("a folder"), is_measuring());
    let store = open(folder.path());
    let sizes = if many { [FEW, MANY] } else { [PAGE, 2 * PAGE] };
    let mut group = criterion.benchmark_group("page of 1,000");
    group.throughput(Throughput::Elements(PAGE as u64));
    for keys in sizes {
        let bucket = load(&store, &format!("plain-{keys}"), keys, 1);
        for (name, delimiter) in [("keys", None), ("common prefixes", Some("/"))] {
            let rolled_up = delimiter.is_some();
            let mut anywhere = Anywhere { keys, next: 0 };
            group.bench_function(BenchmarkId::new(name, keys), |bencher| {
                bencher.iter(|| {
                    let ask = (bucket, delimiter, anywhere.folder(rolled_up));
                    black_box(page(&store, query::list_objects, ask))
                });
            });
        }
    }
    let keys = sizes[0];
    let bucket = load(&store, "versions", keys, 3);
    for (name, delimiter) in [("versions", None), ("common prefixes of versions", Some("/"))] {
        let mut anywhere = Anywhere { keys, next: 0 };
        group.bench_function(BenchmarkId::new(name, keys), |bencher| {
            bencher.iter(|| {
                let ask = (bucket, delimiter, anywhere.folder(delimiter.is_some()));
                black_box(page(&store, query::list_versions, ask))
            });
        });
    }
    group.finish();
    answers(criterion);
}

/// What is left of a request's price once its page is there.
fn answers(criterion: &mut Criterion) {
    let head = Head::new(
        Method::parse("GET"),
        "/bucket",
        Some("list-type=2&prefix=backups/"),
        Headers::default(),
        &[],
    );
    let input = ListObjectsV2Input::parse(&head.expect("a head")).expect("a request");
    let bucket = BucketName::parse("bucket").expect("a bucket's name");
    let owner = AccountId::parse("000000000000").expect("an account");
    let objects = (0..PAGE).map(|number| ListedObject {
        key: key(number),
        modified: AT,
        etag: ETag::from_text("711470fc377698c393d94aed6305e245").expect("an ETag"),
        len: 8 << 20,
        checksum: Some((ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject)),
        storage_class: StorageClass::Standard,
    });
    let page = ObjectPage { objects: objects.collect(), ..ObjectPage::default() };
    let mut group = criterion.benchmark_group("answer of 1,000");
    group.throughput(Throughput::Elements(PAGE as u64));
    group.bench_function("keys", |bencher| {
        bencher.iter(|| v2::answer(&input, &bucket, &owner, black_box(&page)));
    });
    group.finish();
}

fn open(folder: &Path) -> RocksStore {
    RocksStore::open(folder, CACHE_BYTES).expect("the store opens")
}

fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = pages
}
criterion_main!(benches);
