//! Room: the start of a node that has many objects, after a stop and after a crash.
//!
//! The objects are written with the node's own commands into its store while no node runs: a million requests
//! would be a test of something else. `TENON_TEST_COLD_OBJECTS`: how many (default 20,000).

use std::env;
use std::time::Instant;

use bytes::Bytes;
use meta::command::{Command, NewContent, NewObject, PutObject, WriteCond};
use meta::fingerprint::Fingerprint;
use meta::id::BucketId;
use meta::query;
use meta::record::Piece;
use meta::rocks::RocksStore;
use meta::round::Round;
use meta::store::Store;
use protocol::etag::ETag;
use protocol::lock::ObjectLock;
use protocol::metadata::ObjectMetadata;
use protocol::name::{BucketName, ObjectKey};
use protocol::storage_class::StorageClass;
use protocol::tagging::TagSet;
use protocol::time::Timestamp;
use tenon_tests::client::{Call, create_bucket};
use tenon_tests::node::Node;
use tenon_tests::random::mix;

/// The processor time that a start may take, in seconds. (How long it takes depends on who else is busy.)
const START_CPU_S_MAX: f64 = 1.0;

/// As the node has it by default.
const CACHE_LEN: usize = 64 << 20;
const ROUND_OBJECTS: u64 = 256;
const OBJECT_LEN_MAX: u64 = 2048;

/// Object number `number`, of bytes that do not compress.
fn object(bucket: BucketId, number: u64) -> PutObject {
    let words = 1 + mix(number) % (OBJECT_LEN_MAX / 8);
    let bytes: Vec<u8> = (0..words).flat_map(|at| mix(number << 16 | at).to_le_bytes()).collect();
    let fingerprint = Fingerprint::of(&bytes);
    // Spread over the key space, as names with a hash in front are.
    let key = format!("{:04x}/object-{number}", mix(number) & 0xffff);
    PutObject {
        bucket,
        key: ObjectKey::parse(&key).expect("a key"),
        condition: WriteCond::None,
        object: NewObject {
            modified: Timestamp::from_millis(1000 * number),
            len: bytes.len() as u64,
            etag: ETag::from_text("00000000000000000000000000000000").expect("an ETag"),
            md5: None,
            fingerprint,
            checksum: None,
            metadata: ObjectMetadata::default(),
            tags: TagSet::default(),
            storage_class: StorageClass::Standard,
            lock: ObjectLock::default(),
        },
        content: NewContent::Pieces {
            pieces: vec![Piece::Inline { bytes: Bytes::from(bytes), fingerprint }],
            blobs: Vec::new(),
        },
    }
}

/// Puts `count` objects into the bucket `cold` of the node, which must not be running.
fn fill(node: &Node, count: u64) {
    let store = RocksStore::open(&node.data().join("meta"), CACHE_LEN).expect("a sound store");
    let name = BucketName::parse("cold").expect("a name");
    let bucket = query::bucket(&store, &name).expect("a record").expect("a bucket").id;
    let mut sequence = query::last_sequence(&store).expect("counters");
    for first in (0..count).step_by(usize::try_from(ROUND_OBJECTS).expect("small")) {
        sequence = sequence.next();
        let mut round = Round::begin(&store, sequence).expect("counters");
        for number in first..count.min(first + ROUND_OBJECTS) {
            let put = Command::PutObject(Box::new(object(bucket, number)));
            round.apply(put).expect("a store that is well").expect("not refused");
        }
        store.commit(round.finish()).expect("a commit");
    }
}

/// Starts the node and looks at how long it takes.
fn start(node: &mut Node, what: &str) {
    let begin = Instant::now();
    node.start_again();
    let took = begin.elapsed();
    let metrics = node.metrics();
    let cpu = metrics.sum("process_cpu_seconds_total", &[]);
    println!("{what}: ready after {took:?}, {cpu} s of processor time");
    assert!(cpu <= START_CPU_S_MAX, "{what}: {cpu} s of processor time");
}

#[test]
fn a_start_takes_no_longer_for_many_objects() {
    let count = env::var("TENON_TEST_COLD_OBJECTS").ok();
    let count = count.map_or(20_000, |text| text.parse().expect("the variable is a number"));
    let mut node = Node::start("cold-start");
    assert_eq!(node.s3().call(&create_bucket("cold")).expect("answered").status, 200);
    node.stop();
    start(&mut node, "empty");
    node.stop();
    fill(&node, count);
    start(&mut node, "full, after a crash");
    let last = object(BucketId::new(1), count - 1);
    let path = format!("/cold/{}", last.key.as_str());
    let reply = node.s3().call(&Call::new("GET", path)).expect("answered");
    assert_eq!((reply.status, reply.body.len() as u64), (200, last.object.len));
    node.kill();
    start(&mut node, "after another");
    node.stop();
    start(&mut node, "after a stop");
    node.stop();
}
