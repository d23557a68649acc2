//! Room: the figures that the node keeps about itself, and their Prometheus text.
//!
//! Holds: relaxed atomics only, those of a request one set per shard, so that counting costs a shard no
//! shared cache line. They are summed when somebody asks.
//! Units: bytes, seconds (in the text), microseconds (inside).
//! Source: Prometheus text exposition format 0.0.4.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::route::Operation;
use protocol::time::Timestamp;

use crate::config::Way;

/// Every figure of the process.
pub struct Metrics {
    shards: Box<[ShardMetrics]>,
    copies: [CopyMetrics; Way::ALL.len()],
    /// Bytes of a clone or a copy of whole blocks that no extent names: what the block grid costs.
    pub copy_slack_bytes: Counter,
    rewritten: [Counter; Way::ALL.len()],
    /// Bytes that all blobs take.
    pub blob_bytes: Counter,
    /// Those of them that no extent names.
    pub slack_bytes: Counter,
    /// Rounds of the commit stage.
    pub commit_rounds: Counter,
    /// Commands that those rounds took.
    pub commit_commands: Counter,
    /// Rounds of the flush stage.
    pub flush_rounds: Counter,
    /// Files that those rounds made durable.
    pub flush_files: Counter,
    /// Blocks that did not match their fingerprint.
    pub corrupt_blocks: Counter,
    /// Reads of stored bytes that failed, whatever the reason: damage, or a file that is missing or unreadable.
    pub read_failures: Counter,
    /// Files unlinked because nothing names them any more.
    pub files_unlinked: Counter,
    /// Garbage that could not be let go of, because it or what it names is damaged.
    pub garbage_damaged: Counter,
    /// Files in the lost folder, as last looked through.
    pub lost_files: Counter,
    /// Bytes that those take.
    pub lost_bytes: Counter,
    /// Free bytes of the data directory's file system, as last measured.
    pub free_bytes: Counter,
    /// Size of that file system in bytes.
    pub total_bytes: Counter,
    /// Free bytes of the metadata's file system, as last measured, if it is another one.
    pub meta_free_bytes: Counter,
    /// Size of that file system in bytes; 0 if it is the same.
    pub meta_total_bytes: Counter,
    /// Bytes that are kept for when a file system is full.
    pub ballast_bytes: Counter,
    /// Connections accepted.
    pub connections: Counter,
    /// Connections turned away because there were too many.
    pub connections_refused: Counter,
    /// Connections open now.
    pub connections_open: Counter,
    /// Requests turned away because there were too many.
    pub requests_refused: Counter,
    /// Requests being served now.
    pub requests_open: Counter,
    /// When the certificate of the S3 sockets ends, in seconds of the wall clock; 0 without TLS.
    pub tls_certificate_expires: Counter,
    /// TLS handshakes that came to their end.
    pub tls_handshakes: Counter,
    /// TLS handshakes that failed or were cut.
    pub tls_handshakes_failed: Counter,
}

/// A figure that only this module's readers and its one owner know; all orderings are relaxed.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount` and gives the value before.
    pub fn add(&self, amount: u64) -> u64 {
        self.0.fetch_add(amount, Ordering::Relaxed)
    }

    /// Takes `amount` away again, for figures of what is open now.
    pub fn sub(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Replaces the value, for figures that are measured.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct CopyMetrics {
    pieces: Counter,
    logical_bytes: Counter,
    physical_bytes: Counter,
    refused: Counter,
    /// When a refusal was last told, in milliseconds of the wall clock; 0 for never.
    refusal_told: AtomicU64,
}

/// The figures of one shard's requests.
pub struct ShardMetrics {
    operations: Box<[OperationMetrics]>,
    bytes_in: Counter,
    bytes_out: Counter,
}

#[derive(Default)]
struct OperationMetrics {
    statuses: [Counter; STATUSES.len() + 1],
    /// Requests that took at most the bound of the same index, and the rest.
    seconds: [Counter; BOUNDS_US.len() + 1],
    total_us: Counter,
}

/// What a finished request adds to the figures.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// The S3 operation, if the request got that far.
    pub operation: Option<&'static str>,
    /// The status, or `None` when the client went away before there was one.
    pub status: Option<u16>,
    /// Body bytes taken.
    pub bytes_in: u64,
    /// Body bytes given.
    pub bytes_out: u64,
    /// The time it took.
    pub total_us: u64,
}

impl ShardMetrics {
    /// Counts one finished request.
    pub fn request(&self, finished: Finished) {
        let operation = finished
            .operation
            .and_then(|name| Operation::ALL.iter().position(|known| known.name() == name))
            .unwrap_or(Operation::ALL.len());
        let status = finished
            .status
            .and_then(|status| STATUSES.iter().position(|known| *known == status))
            .unwrap_or(STATUSES.len());
        let bound = BOUNDS_US.partition_point(|bound| *bound < finished.total_us);
        let metrics = &self.operations[operation];
        metrics.statuses[status].add(1);
        metrics.seconds[bound].add(1);
        metrics.total_us.add(finished.total_us);
        self.bytes_in.add(finished.bytes_in);
        self.bytes_out.add(finished.bytes_out);
    }
}

impl Metrics {
    /// Figures for a node of `shards` shards, all zero.
    pub fn new(shards: usize) -> Self {
        let shard = || ShardMetrics {
            operations: (0..=Operation::ALL.len()).map(|_| OperationMetrics::default()).collect(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
        };
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            copies: Default::default(),
            copy_slack_bytes: Counter::default(),
            rewritten: Default::default(),
            blob_bytes: Counter::default(),
            slack_bytes: Counter::default(),
            commit_rounds: Counter::default(),
            commit_commands: Counter::default(),
            flush_rounds: Counter::default(),
            flush_files: Counter::default(),
            corrupt_blocks: Counter::default(),
            read_failures: Counter::default(),
            files_unlinked: Counter::default(),
            garbage_damaged: Counter::default(),
            lost_files: Counter::default(),
            lost_bytes: Counter::default(),
            free_bytes: Counter::default(),
            total_bytes: Counter::default(),
            meta_free_bytes: Counter::default(),
            meta_total_bytes: Counter::default(),
            ballast_bytes: Counter::default(),
            connections: Counter::default(),
            connections_refused: Counter::default(),
            connections_open: Counter::default(),
            requests_refused: Counter::default(),
            requests_open: Counter::default(),
            tls_certificate_expires: Counter::default(),
            tls_handshakes: Counter::default(),
            tls_handshakes_failed: Counter::default(),
        }
    }

    /// The figures of shard number `index`.
    pub fn shard(&self, index: usize) -> &ShardMetrics {
        &self.shards[index]
    }

    /// Counts one piece of a copy: the bytes that the client asked for and those that really moved.
    pub fn copied(&self, way: Way, logical: CopiedBytes, physical: MovedBytes) {
        let metrics = &self.copies[way as usize];
        metrics.pieces.add(1);
        metrics.logical_bytes.add(logical.0);
        metrics.physical_bytes.add(physical.0);
    }

    /// Counts bytes of a new blob that takes the place of a sparse one.
    pub fn rewritten(&self, way: Way, bytes: u64) {
        self.rewritten[way as usize].add(bytes);
    }

    /// Counts a way that was refused. Says whether the log shall hear of it: once a minute and way is enough.
    #[must_use]
    pub fn copy_refused(&self, way: Way, now: Timestamp) -> bool {
        let metrics = &self.copies[way as usize];
        metrics.refused.add(1);
        let now = now.as_millis();
        let due =
            |told: u64| (told == 0 || now.abs_diff(told) >= REFUSAL_INTERVAL_MS).then_some(now);
        metrics.refusal_told.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }

    /// The figures as Prometheus reads them. `access_dropped` is the number of access lines lost.
    pub fn render(&self, access_dropped: u64) -> String {
        let mut text = Text::default();
        self.render_requests(&mut text);
        self.render_copies(&mut text);
        text.single("tenon_copy_slack_bytes_total", "counter", &self.copy_slack_bytes);
        text.single("tenon_blob_bytes", "gauge", &self.blob_bytes);
        text.single("tenon_slack_bytes", "gauge", &self.slack_bytes);
        text.single("tenon_commit_rounds_total", "counter", &self.commit_rounds);
        text.single("tenon_commit_commands_total", "counter", &self.commit_commands);
        text.single("tenon_flush_rounds_total", "counter", &self.flush_rounds);
        text.single("tenon_flush_files_total", "counter", &self.flush_files);
        text.single("tenon_corrupt_blocks_total", "counter", &self.corrupt_blocks);
        text.single("tenon_read_failures_total", "counter", &self.read_failures);
        text.single("tenon_files_unlinked_total", "counter", &self.files_unlinked);
        text.single("tenon_garbage_damaged_total", "counter", &self.garbage_damaged);
        text.single("tenon_lost_files", "gauge", &self.lost_files);
        text.single("tenon_lost_bytes", "gauge", &self.lost_bytes);
        text.single("tenon_disk_free_bytes", "gauge", &self.free_bytes);
        text.single("tenon_disk_total_bytes", "gauge", &self.total_bytes);
        if self.meta_total_bytes.get() > 0 {
            text.single("tenon_meta_disk_free_bytes", "gauge", &self.meta_free_bytes);
            text.single("tenon_meta_disk_total_bytes", "gauge", &self.meta_total_bytes);
        }
        text.single("tenon_ballast_bytes", "gauge", &self.ballast_bytes);
        text.single("tenon_connections_total", "counter", &self.connections);
        text.single("tenon_connections_refused_total", "counter", &self.connections_refused);
        text.single("tenon_connections_open", "gauge", &self.connections_open);
        text.single("tenon_requests_refused_total", "counter", &self.requests_refused);
        text.single("tenon_requests_open", "gauge", &self.requests_open);
        if self.tls_certificate_expires.get() > 0 {
            let (name, expires) =
                ("tenon_tls_certificate_expiry_timestamp_seconds", &self.tls_certificate_expires);
            text.single(name, "gauge", expires);
            text.single("tenon_tls_handshakes_total", "counter", &self.tls_handshakes);
            let failed = &self.tls_handshakes_failed;
            text.single("tenon_tls_handshakes_failed_total", "counter", failed);
        }
        text.family("tenon_access_lines_dropped_total", "counter");
        text.sample("tenon_access_lines_dropped_total", "", access_dropped);
        text.0
    }

    fn render_requests(&self, text: &mut Text) {
        let names = || Operation::ALL.iter().map(|known| known.name()).chain(["none"]).enumerate();
        let sum = |figure: &dyn Fn(&ShardMetrics) -> u64| self.shards.iter().map(figure).sum();
        text.family("tenon_requests_total", "counter");
        for (operation, name) in names() {
            for status in 0..=STATUSES.len() {
                let count: u64 = sum(&|shard| shard.operations[operation].statuses[status].get());
                if count > 0 {
                    let status =
                        STATUSES.get(status).map_or_else(|| "other".into(), u16::to_string);
                    let labels = format!("operation=\"{name}\",status=\"{status}\"");
                    text.sample("tenon_requests_total", &labels, count);
                }
            }
        }
        text.family("tenon_request_seconds", "histogram");
        for (operation, name) in names() {
            let count = |bound: usize| -> u64 {
                sum(&|shard| shard.operations[operation].seconds[bound].get())
            };
            let mut below = 0;
            let counts: Vec<u64> = (0..=BOUNDS_US.len()).map(count).collect();
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            for (bound, count) in counts.into_iter().enumerate() {
                below += count;
                let le = BOUNDS_US.get(bound).map_or_else(|| "+Inf".into(), |us| seconds(*us));
                let labels = format!("operation=\"{name}\",le=\"{le}\"");
                text.sample("tenon_request_seconds_bucket", &labels, below);
            }
            let labels = format!("operation=\"{name}\"");
            text.sample("tenon_request_seconds_count", &labels, below);
            let total: u64 = sum(&|shard| shard.operations[operation].total_us.get());
            text.sample("tenon_request_seconds_sum", &labels, seconds(total));
        }
        text.family("tenon_request_bytes_total", "counter");
        let bytes: u64 = sum(&|shard| shard.bytes_in.get());
        text.sample("tenon_request_bytes_total", "", bytes);
        text.family("tenon_response_bytes_total", "counter");
        let bytes: u64 = sum(&|shard| shard.bytes_out.get());
        text.sample("tenon_response_bytes_total", "", bytes);
    }

    fn render_copies(&self, text: &mut Text) {
        type Figure = fn(&CopyMetrics) -> &Counter;
        let families: [(&str, Figure); 4] = [
            ("tenon_copy_pieces_total", |copy| &copy.pieces),
            ("tenon_copy_logical_bytes_total", |copy| &copy.logical_bytes),
            ("tenon_copy_physical_bytes_total", |copy| &copy.physical_bytes),
            ("tenon_copy_refused_total", |copy| &copy.refused),
        ];
        for (name, figure) in families {
            text.family(name, "counter");
            for (way, copy) in Way::ALL.iter().zip(&self.copies) {
                let labels = format!("way=\"{}\"", way.as_str());
                text.sample(name, &labels, figure(copy).get());
            }
        }
        text.family("tenon_rewritten_bytes_total", "counter");
        for (way, bytes) in Way::ALL.iter().zip(&self.rewritten) {
            let labels = format!("way=\"{}\"", way.as_str());
            text.sample("tenon_rewritten_bytes_total", &labels, bytes.get());
        }
    }
}

/// Bytes that a client asked to copy.
#[derive(Clone, Copy, Debug)]
pub struct CopiedBytes(pub u64);

/// Bytes that a copy read and wrote.
#[derive(Clone, Copy, Debug)]
pub struct MovedBytes(pub u64);

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn single(&mut self, name: &str, kind: &str, counter: &Counter) {
        self.family(name, kind);
        self.sample(name, "", counter.get());
    }
}

/// Microseconds as a decimal number of seconds, without floating point.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

/// How long the log is silent after a refused way.
const REFUSAL_INTERVAL_MS: u64 = 60_000;

const STATUSES: [u16; 20] = [
    200, 204, 206, 304, 307, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 416, 500, 501, 503,
    507,
];

const BOUNDS_US: [u64; 13] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000,
    60_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_all_shards_are_summed() {
        let metrics = Metrics::new(2);
        let finished = Finished {
            operation: Some("GetObject"),
            status: Some(206),
            bytes_in: 0,
            bytes_out: 1000,
            total_us: 300,
        };
        metrics.shard(0).request(finished);
        metrics.shard(1).request(finished);
        metrics.shard(1).request(Finished { operation: None, status: Some(299), ..finished });
        metrics.copied(Way::Reflink, CopiedBytes(5), MovedBytes(0));
        let text = metrics.render(7);
        for line in [
            "tenon_requests_total{operation=\"GetObject\",status=\"206\"} 2",
            "tenon_requests_total{operation=\"none\",status=\"other\"} 1",
            "tenon_request_seconds_bucket{operation=\"GetObject\",le=\"0.00025\"} 0",
            "tenon_request_seconds_bucket{operation=\"GetObject\",le=\"0.0005\"} 2",
            "tenon_request_seconds_bucket{operation=\"GetObject\",le=\"+Inf\"} 2",
            "tenon_request_seconds_sum{operation=\"GetObject\"} 0.0006",
            "tenon_response_bytes_total 3000",
            "tenon_copy_pieces_total{way=\"reflink\"} 1",
            "tenon_copy_logical_bytes_total{way=\"reflink\"} 5",
            "tenon_access_lines_dropped_total 7",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn refused_ways_are_counted_and_told_once_a_minute() {
        let metrics = Metrics::new(1);
        let at = |millis: u64| Timestamp::from_millis(1_790_000_000_000 + millis);
        let told: Vec<bool> = [0, 1, 59_999, 60_000, 60_001]
            .map(|ms| metrics.copy_refused(Way::Splice, at(ms)))
            .into();
        assert_eq!(told, [true, false, false, true, false]);
        assert!(metrics.copy_refused(Way::Reflink, at(60_001)), "each way has its own minute");
        let text = metrics.render(0);
        for line in [
            "tenon_copy_refused_total{way=\"splice\"} 5",
            "tenon_copy_refused_total{way=\"reflink\"} 1",
            "tenon_copy_refused_total{way=\"copy_file_range\"} 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn seconds_have_no_trailing_zeros() {
        assert_eq!(seconds(0), "0");
        assert_eq!(seconds(1_000_000), "1");
        assert_eq!(seconds(2_500_000), "2.5");
        assert_eq!(seconds(10_000_000), "10");
        assert_eq!(seconds(1), "0.000001");
    }
}
