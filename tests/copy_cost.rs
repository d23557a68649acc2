//! Room: what a part copy costs, as the block device counted it: metadata, not bytes; and bytes only where the
//! ways that move none are forbidden or not to be had.
//!
//! On file systems of its own, so that nobody else writes to the device. The node's metrics must agree with it.

use std::ops::Range;
use std::slice;
use std::time::{Duration, Instant};

use protocol::checksum::{ChecksumAlgorithm, Hasher};
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

/// What the kernel may read beyond a range that it copies.
const READ_AHEAD_LEN_MAX: u64 = 16 * MIB;

/// Ranges up to this length have an MD5 for an ETag, unless told otherwise.
const MD5_UP_TO: u64 = 5 * MIB;

/// Copies that a time is the median of.
const REPEATS: u16 = 9;

const TARGET: &str = "/cost/target";

/// A node on a file system of its own, with an open upload to copy into.
struct Bench<'a> {
    mount: &'a LoopMount,
    node: Node,
    upload_id: String,
    parts: Vec<(u16, String)>,
    content: Content,
    /// What a copy may write and read that does not move bytes.
    overhead_len_max: u64,
}

type Source = (&'static str, u64);

/// A source, a range of it, and the way in which this range must be copied.
struct Copy {
    source: Source,
    range: Option<Range<u64>>,
    way: &'static str,
}

impl Copy {
    fn range(&self) -> Range<u64> {
        self.range.clone().unwrap_or(0..self.source.1)
    }

    fn len(&self) -> u64 {
        self.range().end - self.range().start
    }

    fn content(&self) -> Content {
        content_of(self.source).slice(self.range())
    }
}

const SOURCES: [Source; 2] = [("/cost/single-64MiB", 64 * MIB), ("/cost/single-1GiB", GIB)];

/// Small parts of a large blob are cloned, so that its space is not held back; the rest is shared.
const COPIES: [Copy; 6] = [
    Copy { source: SOURCES[0], range: None, way: "share" },
    Copy { source: SOURCES[1], range: None, way: "share" },
    Copy { source: SOURCES[1], range: Some(1..GIB - 1), way: "share" },
    Copy { source: SOURCES[1], range: Some(65_537..65_537 + 8 * MIB + 1), way: "reflink" },
    Copy { source: SOURCES[1], range: Some(4095..4095 + 64 * MIB), way: "reflink" },
    Copy { source: SOURCES[1], range: Some(511..511 + 400 * MIB), way: "reflink" },
];

impl<'a> Bench<'a> {
    /// Starts a node on `mount`, which keeps its data from one node to the next.
    fn start(mount: &'a LoopMount, settings: &[(&str, &str)]) -> Self {
        let node = Node::start_with("copy-cost", Some(&mount.path().join("data")), settings);
        let (upload_id, parts, content) = (String::new(), Vec::new(), Content::default());
        Self { mount, node, upload_id, parts, content, overhead_len_max: OVERHEAD_LEN_MAX }
    }

    /// Stores what is copied later.
    fn store(&self, sources: &[Source]) {
        self.call(&create_bucket("cost"));
        let s3 = self.node.s3();
        let mut session = s3.session().expect("the node listens");
        for source in sources {
            let put = session.put(Call::new("PUT", source.0), &content_of(*source));
            let put = put.expect("the node answers");
            assert_eq!(put.status, 200, "{}", put.text());
        }
    }

    fn open_upload(&mut self) {
        let upload = self.call(&create_upload(TARGET));
        self.upload_id = upload.element("UploadId").expect("an upload has an id");
    }

    fn call(&self, call: &Call) -> Reply {
        let reply = self.node.s3().call(call).expect("the node answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    }

    /// Copies into the next part. Returns how long the answer took.
    fn copy(&mut self, copy: &Copy) -> Duration {
        let number = u16::try_from(self.parts.len() + 1).expect("few parts");
        let (source, range) = (copy.source.0, copy.range.clone());
        let call = copy_part(TARGET, &self.upload_id, number, source, range);
        let s3 = self.node.s3();
        let mut session = s3.session().expect("the node listens");
        let start = Instant::now();
        let reply = session.call(&call).expect("the node answers");
        let took = start.elapsed();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let etag = reply.element("ETag").expect("a copied part has an ETag");
        assert_eq!(reply.header("x-tenon-copy-way"), Some(copy.way));
        self.parts.push((number, etag));
        self.content = std::mem::take(&mut self.content).then(copy.content());
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

    /// Copies once and holds the copy to its price: `moved` bytes by the node's own count, and where these are none
    /// or `shared` says that the file system moves none after all, nothing but overhead on the device.
    fn must_cost(&mut self, copy: &Copy, moved: u64, shared: bool) {
        let (pieces, physical) = (self.pieces(copy.way), self.physical_len());
        let before = self.settled();
        let took = self.copy(copy);
        let counted = self.settled().since(before);
        println!(
            "{:18} {:24} {:16} {:11} bytes written {:11} bytes read {:9.3} ms",
            copy.source.0,
            format!("{:?}", copy.range),
            copy.way,
            counted.written_len,
            counted.read_len,
            took.as_secs_f64() * 1e3
        );
        let expected = if shared { 0 } else { moved };
        let written = expected..=expected + self.overhead_len_max;
        assert!(written.contains(&counted.written_len), "{} of {written:?}", counted.written_len);
        // A short range is read for its MD5 as well, and the kernel reads ahead of what it copies.
        let hashed = if copy.len() <= MD5_UP_TO { copy.len() } else { 0 };
        let ahead = if expected == 0 { 0 } else { READ_AHEAD_LEN_MAX };
        let read_max = expected + ahead + hashed + self.overhead_len_max;
        assert!(counted.read_len <= read_max, "more than {read_max} bytes read");
        assert!(self.pieces(copy.way) > pieces, "the metrics know of no {}", copy.way);
        let told = self.physical_len() - physical;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let moved = moved as f64;
        assert!((told - moved).abs() < 0.5, "the metrics say that {told} bytes were moved");
    }

    /// What was copied is what the sources held, and its checksum, made of fingerprints alone, is a true one.
    fn must_read_back(&self) {
        let completed = self.call(&complete_upload(TARGET, &self.upload_id, &self.parts));
        let mut crc = Hasher::new(ChecksumAlgorithm::Crc64Nvme);
        for start in (0..self.content.len()).step_by(usize::try_from(8 * MIB).expect("small")) {
            let end = self.content.len().min(start + 8 * MIB);
            crc.update(&self.content.slice(start..end).bytes());
        }
        assert_eq!(completed.element("ChecksumCRC64NVME"), Some(crc.finish().to_base64()));
        let s3 = self.node.s3();
        let mut session = s3.session().expect("the node listens");
        let complaint = session.compare(TARGET, &self.content).expect("the node answers");
        assert_eq!(complaint, None);
    }

    /// The part that was copied last has the ETag that it would have if it had been uploaded.
    fn must_be_named_like_an_upload(&self, copy: &Copy) {
        let s3 = self.node.s3();
        let mut session = s3.session().expect("the node listens");
        let call = upload_part(TARGET, &self.upload_id, 10_000);
        let reply = session.put(call, &copy.content()).expect("the node answers");
        let copied = self.parts.last().map(|(_, etag)| etag.as_str());
        assert_eq!(reply.header("etag"), copied, "{}", reply.text());
    }
}

fn content_of((path, len): Source) -> Content {
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
    let mut bench = Bench::start(&mount, &[]);
    bench.store(&SOURCES);
    bench.open_upload();
    for copy in &COPIES {
        bench.must_cost(copy, 0, true);
    }
    for copy in &COPIES {
        let times = (0..REPEATS).map(|_| bench.copy(copy)).collect();
        let took = median(times).as_secs_f64() * 1e3;
        println!(
            "{:18} {:24} {took:9.3} ms (median of {REPEATS})",
            copy.source.0,
            format!("{:?}", copy.range)
        );
    }
    // The first copy of each range becomes an object, read back whole: gigabytes that nobody has written.
    bench.parts.truncate(COPIES.len());
    let expected: u64 = COPIES.iter().map(Copy::len).sum();
    bench.content = bench.content.slice(0..expected);
    bench.must_read_back();
    bench.node.stop();
}

/// Large enough that a small part of it is not worth sharing.
const SOURCE: Source = ("/cost/source", 192 * MIB);

/// A file system, and what each way that is left when others are forbidden makes of a large and of a small range.
struct Ways {
    kind: FileSystem,
    /// What a copy may write beside its bytes: btrfs writes its trees anew, and twice.
    overhead_len_max: u64,
    /// (forbidden ways, way of the large range, way of the small one, whether the device is written to)
    table: &'static [(&'static str, &'static str, &'static str, bool)],
}

/// Where the file system shares blocks, copy_file_range of whole blocks does so by itself.
const SHARING: &[(&str, &str, &str, bool)] = &[
    ("", "share", "reflink", false),
    ("share", "reflink", "reflink", false),
    ("share,reflink", "copy_file_range", "copy_file_range", false),
    ("share,reflink,copy_file_range", "splice", "splice", true),
    ("share,reflink,copy_file_range,splice", "rw", "rw", true),
];

const ON_XFS: Ways =
    Ways { kind: FileSystem::Xfs, overhead_len_max: OVERHEAD_LEN_MAX, table: SHARING };
const ON_BTRFS: Ways =
    Ways { kind: FileSystem::Btrfs, overhead_len_max: 4 * OVERHEAD_LEN_MAX, table: SHARING };
const ON_EXT4: Ways = Ways {
    kind: FileSystem::Ext4,
    overhead_len_max: OVERHEAD_LEN_MAX,
    table: &[
        ("", "share", "share", false),
        ("share", "copy_file_range", "copy_file_range", true),
        ("share,copy_file_range", "splice", "splice", true),
        ("share,copy_file_range,splice", "rw", "rw", true),
    ],
};

#[test]
fn every_way_costs_what_it_says_on_xfs() {
    every_way_costs_what_it_says(&ON_XFS);
}

#[test]
fn every_way_costs_what_it_says_on_ext4() {
    every_way_costs_what_it_says(&ON_EXT4);
}

#[test]
fn every_way_costs_what_it_says_on_btrfs() {
    every_way_costs_what_it_says(&ON_BTRFS);
}

fn every_way_costs_what_it_says(ways: &Ways) {
    let kind = ways.kind;
    let mount = match LoopMount::new(kind, IMAGE_LEN) {
        Ok(mount) => mount,
        Err(why) => return skip(&format!("the cost of each way on {kind}"), &why),
    };
    let mut bench = Bench::start(&mount, &[]);
    bench.store(slice::from_ref(&SOURCE));
    bench.node.stop();
    for (forbid, large, small, moves) in ways.table {
        println!("{kind}, forbidden: {forbid}");
        let mut bench = Bench::start(&mount, &[("TENON_COPY_FORBID", forbid)]);
        bench.overhead_len_max = ways.overhead_len_max;
        bench.open_upload();
        let ranges = [None, Some(65_535..65_537 + 100 * MIB), Some(4095..4098 + 3 * MIB)];
        for (range, way) in ranges.into_iter().zip([large, large, small]) {
            let copy = Copy { source: SOURCE, range, way };
            let moved = match *way {
                "share" | "reflink" => 0,
                "rw" => copy.len(),
                _ => whole_blocks_len(copy.range()),
            };
            bench.must_cost(&copy, moved, !moves);
            if copy.len() <= MD5_UP_TO {
                bench.must_be_named_like_an_upload(&copy);
            }
        }
        bench.must_read_back();
        bench.node.stop();
    }
}

fn whole_blocks_len(range: Range<u64>) -> u64 {
    range.end.next_multiple_of(64 * 1024) - range.start / (64 * 1024) * (64 * 1024)
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
