//! Room: what a part copy costs, as the block device counted it: metadata, not bytes.
//!
//! On an XFS of its own, so that nobody else writes to the device. The node's metrics must agree with it.

use std::ops::Range;
use std::time::{Duration, Instant};

use tenon_tests::block_device::Moved;
use tenon_tests::client::{
    Call, complete_upload, copy_part, create_bucket, create_upload, upload_part,
};
use tenon_tests::content::Content;
use tenon_tests::http::Reply;
use tenon_tests::loop_mount::{FileSystem, LoopMount};
use tenon_tests::node::Node;
use tenon_tests::skip::skip;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const IMAGE_LEN: u64 = 4 * GIB;

/// What a copy may write and read: logs, records, and the ragged edges of its range.
const OVERHEAD_LEN_MAX: u64 = MIB;

/// Copies that a time is the median of.
const REPEATS: u16 = 9;

const TARGET: &str = "/cost/target";

/// A node on a file system of its own, with an open upload to copy into.
struct Bench {
    mount: LoopMount,
    node: Node,
    upload_id: String,
    parts: Vec<(u16, String)>,
    content: Content,
}

/// A source, a range of it, and the way in which this range must be copied.
struct Copy {
    source: &'static str,
    range: Option<Range<u64>>,
    way: &'static str,
}

const SOURCES: [(&str, u64); 2] = [("/cost/single-64MiB", 64 * MIB), ("/cost/single-1GiB", GIB)];

/// Small parts of a large blob are cloned, so that its space is not held back; the rest is shared.
const COPIES: [Copy; 6] = [
    Copy { source: SOURCES[0].0, range: None, way: "share" },
    Copy { source: SOURCES[1].0, range: None, way: "share" },
    Copy { source: SOURCES[1].0, range: Some(1..GIB - 1), way: "share" },
    Copy { source: SOURCES[1].0, range: Some(65_537..65_537 + 8 * MIB + 1), way: "reflink" },
    Copy { source: SOURCES[1].0, range: Some(4095..4095 + 64 * MIB), way: "reflink" },
    Copy { source: SOURCES[1].0, range: Some(511..511 + 400 * MIB), way: "reflink" },
];

impl Bench {
    fn new(mount: LoopMount) -> Self {
        let node = Node::start_with("copy-cost", Some(&mount.path().join("data")), &[]);
        let s3 = node.s3();
        let mut session = s3.session().expect("the node listens");
        let created = session.call(&create_bucket("cost")).expect("the node answers");
        assert_eq!(created.status, 200, "{}", created.text());
        for (path, len) in SOURCES {
            let put = session.put(Call::new("PUT", path), &content_of(path, len));
            let put = put.expect("the node answers");
            assert_eq!(put.status, 200, "{}", put.text());
        }
        let upload = session.call(&create_upload(TARGET)).expect("the node answers");
        let upload_id = upload.element("UploadId").expect("an upload has an id");
        Self { mount, node, upload_id, parts: Vec::new(), content: Content::default() }
    }

    fn call(&self, call: &Call) -> Reply {
        let reply = self.node.s3().call(call).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    }

    /// Copies into the next part. Returns how long the answer took.
    fn copy(&mut self, copy: &Copy) -> Duration {
        let number = u16::try_from(self.parts.len() + 1).expect("few parts");
        let call = copy_part(TARGET, &self.upload_id, number, copy.source, copy.range.clone());
        let s3 = self.node.s3();
        let mut session = s3.session().expect("the node listens");
        let start = Instant::now();
        let reply = session.call(&call).expect("the node answers");
        let took = start.elapsed();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let etag = reply.element("ETag").expect("a copied part has an ETag");
        self.parts.push((number, etag));
        let (_, len) = SOURCES.iter().find(|(path, _)| *path == copy.source).expect("listed");
        let source = content_of(copy.source, *len);
        let copied = source.slice(copy.range.clone().unwrap_or(0..*len));
        self.content = std::mem::take(&mut self.content).then(copied);
        took
    }

    /// The device's counters, nothing left in the page cache.
    fn settled(&self) -> Moved {
        self.mount.sync();
        self.mount.device().moved()
    }

    fn pieces(&self, way: &str) -> f64 {
        self.node.metrics().sum("tenon_copy_pieces_total", &[("way", way)])
    }

    fn physical_len(&self) -> f64 {
        self.node.metrics().sum("tenon_copy_physical_bytes_total", &[])
    }

    /// Copies once and holds the copy to its price.
    fn must_cost_nothing(&mut self, copy: &Copy) {
        let (pieces, physical) = (self.pieces(copy.way), self.physical_len());
        let before = self.settled();
        let took = self.copy(copy);
        let moved = self.settled().since(before);
        println!(
            "{:18} {:24} {:8} {:7} bytes written {:7} bytes read {:9.3} ms",
            copy.source,
            format!("{:?}", copy.range),
            copy.way,
            moved.written_len,
            moved.read_len,
            took.as_secs_f64() * 1e3
        );
        assert!(moved.written_len <= OVERHEAD_LEN_MAX, "{} bytes written", moved.written_len);
        assert!(moved.read_len <= OVERHEAD_LEN_MAX, "{} bytes read", moved.read_len);
        assert!(self.pieces(copy.way) > pieces, "the metrics know of no {}", copy.way);
        assert!(self.physical_len() <= physical, "the metrics say that bytes were moved");
    }

    /// What was copied is what the sources held.
    fn must_read_back(&self) {
        self.call(&complete_upload(TARGET, &self.upload_id, &self.parts));
        let s3 = self.node.s3();
        let mut session = s3.session().expect("the node listens");
        let complaint = session.compare(TARGET, &self.content).expect("the node answers");
        assert_eq!(complaint, None);
    }
}

fn content_of(path: &str, len: u64) -> Content {
    Content::new(u64::try_from(path.len()).expect("short"), len)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_part_copy_writes_no_data() {
    let mount = match LoopMount::new(FileSystem::Xfs, IMAGE_LEN) {
        Ok(mount) => mount,
        Err(why) => return skip("the cost of a copy on XFS", &why),
    };
    let mut bench = Bench::new(mount);
    for copy in &COPIES {
        bench.must_cost_nothing(copy);
    }
    for copy in &COPIES {
        let times = (0..REPEATS).map(|_| bench.copy(copy)).collect();
        let took = median(times).as_secs_f64() * 1e3;
        println!(
            "{:18} {:24} {took:9.3} ms (median of {REPEATS})",
            copy.source,
            format!("{:?}", copy.range)
        );
    }
    // The first copy of each range becomes an object, read back whole: gigabytes that nobody has written.
    bench.parts.truncate(COPIES.len());
    let expected: u64 = COPIES.iter().map(copied_len).sum();
    bench.content = bench.content.slice(0..expected);
    bench.must_read_back();
    bench.node.stop();
}

fn copied_len(copy: &Copy) -> u64 {
    match &copy.range {
        Some(range) => range.end - range.start,
        None => SOURCES.iter().find(|(path, _)| *path == copy.source).map_or(0, |(_, len)| *len),
    }
}

/// The yardstick itself: bytes that are really written are seen by counters and by no copy metric.
#[test]
fn an_upload_writes_its_data() {
    let mount = match LoopMount::new(FileSystem::Xfs, GIB) {
        Ok(mount) => mount,
        Err(why) => return skip("the cost of an upload on XFS", &why),
    };
    let mut node = Node::start_with("upload-cost", Some(&mount.path().join("data")), &[]);
    let s3 = node.s3();
    let mut session = s3.session().expect("the node listens");
    session.call(&create_bucket("cost")).expect("the node answers");
    let upload = session.call(&create_upload(TARGET)).expect("the node answers");
    let upload_id = upload.element("UploadId").expect("an upload has an id");
    mount.sync();
    let before = mount.device().moved();
    let part = upload_part(TARGET, &upload_id, 1);
    let reply = session.put(part, &Content::new(1, 64 * MIB)).expect("the node answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    mount.sync();
    let written = mount.device().moved().since(before).written_len;
    assert!((64 * MIB..66 * MIB).contains(&written), "{written} bytes for 64 MiB");
    assert!(node.metrics().sum("tenon_copy_physical_bytes_total", &[]) < 1.0);
    node.stop();
}
