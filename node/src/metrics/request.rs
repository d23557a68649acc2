//! Room: the figures of requests, one set per shard, so that counting costs a shard no shared cache line. They are
//! summed when somebody asks.
//!
//! Invariant: the labels are bounded: operations and error codes that are built, statuses of a list.

use std::sync::Arc;

use protocol::error::ErrorCode;
use protocol::route::Operation;

use super::figure::{
    CacheMetrics, Counter, Histogram, Md5Metrics, PoolMetrics, REQUEST_TIMES, Seen,
};
use super::text::Text;

/// The figures of one shard. Aligned, so that no two shards write to the same cache line.
#[repr(align(128))]
pub struct ShardMetrics {
    operations: Box<[OperationMetrics]>,
    /// Connections open now.
    pub connections_open: Counter,
    /// Requests being served now.
    pub requests_open: Counter,
    /// Its buffers, by purpose.
    pub pools: [Arc<PoolMetrics>; Pool::ALL.len()],
    /// Its block table pages.
    pub table_cache: Arc<CacheMetrics>,
    /// Its MD5s.
    pub md5: Arc<Md5Metrics>,
}

/// What buffers are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pool {
    /// Uploads on their way to a file.
    Put,
    /// Downloads.
    Get,
    /// Byte copies on their way to a file.
    CopyWrite,
    /// What copies read.
    CopyRead,
    /// Request bodies that are documents.
    Document,
}

impl Pool {
    /// Every purpose.
    pub const ALL: [Self; 5] =
        [Self::Put, Self::Get, Self::CopyWrite, Self::CopyRead, Self::Document];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::CopyWrite => "copy_write",
            Self::CopyRead => "copy_read",
            Self::Document => "document",
        }
    }
}

struct OperationMetrics {
    statuses: [Counter; STATUSES.len() + 2],
    /// By the index of the code in [`ErrorCode::ALL`], and what has none of these.
    errors: Box<[Counter]>,
    duration: Histogram,
    first_byte: Histogram,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl OperationMetrics {
    fn new() -> Self {
        Self {
            statuses: Default::default(),
            errors: (0..=ErrorCode::ALL.len()).map(|_| Counter::default()).collect(),
            duration: Histogram::new(&REQUEST_TIMES),
            first_byte: Histogram::new(&REQUEST_TIMES),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
        }
    }
}

/// What a finished request adds to the figures.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// The S3 operation, if the request got that far.
    pub operation: Option<&'static str>,
    /// The status, or `None` when the client went away before there was one.
    pub status: Option<u16>,
    /// The S3 error code of the answer, or of the document in a body that was begun as a success.
    pub error: Option<&'static str>,
    /// Body bytes taken.
    pub bytes_in: u64,
    /// Body bytes given.
    pub bytes_out: u64,
    /// From the head to the head of the answer; not counted where there was none.
    pub first_byte_us: u64,
    /// The time it took.
    pub total_us: u64,
}

impl ShardMetrics {
    pub(super) fn new() -> Self {
        Self {
            operations: (0..=Operation::ALL.len()).map(|_| OperationMetrics::new()).collect(),
            connections_open: Counter::default(),
            requests_open: Counter::default(),
            pools: Default::default(),
            table_cache: Arc::default(),
            md5: Arc::default(),
        }
    }

    /// The figures of the buffers for this purpose.
    #[must_use]
    pub fn pool(&self, pool: Pool) -> &Arc<PoolMetrics> {
        &self.pools[pool as usize]
    }

    /// Counts one finished request.
    pub fn request(&self, finished: Finished) {
        let operation = finished
            .operation
            .and_then(|name| Operation::ALL.iter().position(|known| known.name() == name))
            .unwrap_or(Operation::ALL.len());
        let metrics = &self.operations[operation];
        let status = match finished.status {
            None => NO_STATUS,
            Some(status) => {
                STATUSES.iter().position(|known| *known == status).unwrap_or(OTHER_STATUS)
            }
        };
        metrics.statuses[status].add(1);
        if let Some(error) = finished.error {
            let code = ErrorCode::ALL.iter().position(|known| known.as_str() == error);
            metrics.errors[code.unwrap_or(ErrorCode::ALL.len())].add(1);
        }
        metrics.duration.observe(finished.total_us);
        if finished.status.is_some() {
            metrics.first_byte.observe(finished.first_byte_us);
        }
        metrics.bytes_in.add(finished.bytes_in);
        metrics.bytes_out.add(finished.bytes_out);
    }

    fn requests(&self) -> u64 {
        let statuses = self.operations.iter().flat_map(|operation| &operation.statuses);
        statuses.map(Counter::get).sum()
    }
}

pub(super) fn render(shards: &[ShardMetrics], text: &mut Text) {
    render_counts(shards, text);
    render_times(shards, text);
    render_bytes(shards, text);
    render_shards(shards, text);
    render_pools(shards, text);
    render_cache(shards, text);
    render_md5(shards, text);
}

fn operations() -> impl Iterator<Item = (usize, &'static str)> {
    Operation::ALL.iter().map(|known| known.name()).chain(["none"]).enumerate()
}

fn sum(shards: &[ShardMetrics], figure: impl Fn(&ShardMetrics) -> u64) -> u64 {
    shards.iter().map(figure).sum()
}

fn render_counts(shards: &[ShardMetrics], text: &mut Text) {
    let mut family = text.counter("tenon_requests_total", "Requests by operation and HTTP status.");
    for (operation, name) in operations() {
        for status in 0..STATUSES.len() + 2 {
            let count = sum(shards, |shard| shard.operations[operation].statuses[status].get());
            if count > 0 {
                let status = match status {
                    NO_STATUS => "none".to_owned(),
                    OTHER_STATUS => "other".to_owned(),
                    known => STATUSES[known].to_string(),
                };
                family.sample(&[("operation", name), ("status", &status)], count);
            }
        }
    }
    let help = "Error documents by operation and S3 error code, those in a body begun as a success included.";
    let mut family = text.counter("tenon_request_errors_total", help);
    for (operation, name) in operations() {
        for code in 0..=ErrorCode::ALL.len() {
            let count = sum(shards, |shard| shard.operations[operation].errors[code].get());
            if count > 0 {
                let code = ErrorCode::ALL.get(code).map_or("other", |code| code.as_str());
                family.sample(&[("operation", name), ("code", code)], count);
            }
        }
    }
}

fn render_times(shards: &[ShardMetrics], text: &mut Text) {
    type Figure = fn(&OperationMetrics) -> &Histogram;
    let families: [(&str, &str, Figure); 2] = [
        (
            "tenon_request_duration_seconds",
            "From a request's head to the last byte of its answer.",
            |operation| &operation.duration,
        ),
        (
            "tenon_request_first_byte_seconds",
            "From a request's head to the head of its answer.",
            |operation| &operation.first_byte,
        ),
    ];
    for (name, help, figure) in families {
        let mut family = text.histogram(name, help);
        for (operation, name) in operations() {
            let seen = shards.iter().map(|shard| figure(&shard.operations[operation]).seen());
            let seen: Option<Seen> = seen.reduce(|all, one| all.and(&one));
            if let Some(seen) = seen.filter(|seen| !seen.is_empty()) {
                family.seen(&[("operation", name)], &seen);
            }
        }
    }
}

fn render_bytes(shards: &[ShardMetrics], text: &mut Text) {
    type Figure = fn(&OperationMetrics) -> &Counter;
    let families: [(&str, &str, Figure); 2] = [
        ("tenon_request_bytes_total", "Bytes of request bodies taken.", |of| &of.bytes_in),
        ("tenon_response_bytes_total", "Bytes of response bodies given.", |of| &of.bytes_out),
    ];
    for (name, help, figure) in families {
        let mut family = text.counter(name, help);
        for (operation, name) in operations() {
            let bytes = sum(shards, |shard| figure(&shard.operations[operation]).get());
            family.sample(&[("operation", name)], bytes);
        }
    }
}

fn render_shards(shards: &[ShardMetrics], text: &mut Text) {
    let each = |mut family: super::text::Family<'_>, figure: fn(&ShardMetrics) -> u64| {
        for (index, shard) in shards.iter().enumerate() {
            family.sample(&[("shard", &index.to_string())], figure(shard));
        }
    };
    let help = "Connections open now, by shard.";
    each(text.gauge("tenon_shard_connections", help), |shard| shard.connections_open.get());
    let help = "Requests being served now, by shard.";
    each(text.gauge("tenon_shard_requests", help), |shard| shard.requests_open.get());
    let help = "Requests finished, by shard.";
    each(text.counter("tenon_shard_requests_total", help), ShardMetrics::requests);
}

fn render_md5(shards: &[ShardMetrics], text: &mut Text) {
    let help = "Bytes whose MD5 was made, by how many streams were hashed side by side.";
    let mut family = text.counter("tenon_md5_bytes_total", help);
    for (class, (_, streams)) in Md5Metrics::CLASSES.iter().enumerate() {
        family.sample(&[("streams", streams)], sum(shards, |shard| shard.md5.bytes(class)));
    }
}

fn render_pools(shards: &[ShardMetrics], text: &mut Text) {
    let each = |mut family: super::text::Family<'_>, figure: fn(&PoolMetrics) -> &Counter| {
        for pool in Pool::ALL {
            let value = sum(shards, |shard| figure(shard.pool(pool)).get());
            family.sample(&[("pool", pool.as_str())], value);
        }
    };
    let help = "Bytes that buffers of this purpose may hold.";
    each(text.gauge("tenon_buffer_capacity_bytes", help), |pool| &pool.capacity);
    let help = "Bytes that buffers of this purpose hold.";
    each(text.gauge("tenon_buffer_used_bytes", help), |pool| &pool.used);
    let help = "Streams that wait for their first buffer.";
    each(text.gauge("tenon_buffer_waiters", help), |pool| &pool.waiting);
    let help = "Streams that had to wait for their first buffer.";
    each(text.counter("tenon_buffer_waits_total", help), |pool| &pool.waits);
}

fn render_cache(shards: &[ShardMetrics], text: &mut Text) {
    let all = |figure: fn(&CacheMetrics) -> &Counter| {
        sum(shards, |shard| figure(&shard.table_cache).get())
    };
    let help = "Block table pages found at hand.";
    text.counter("tenon_table_cache_hits_total", help).value(all(|cache| &cache.hits));
    let help = "Block table pages that the store was asked for.";
    text.counter("tenon_table_cache_misses_total", help).value(all(|cache| &cache.misses));
    let help = "Block table pages at hand.";
    text.gauge("tenon_table_cache_pages", help).value(all(|cache| &cache.entries));
}

const STATUSES: [u16; 22] = [
    200, 201, 204, 206, 303, 304, 307, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 416, 500,
    501, 503, 507,
];

/// Another status than these.
const OTHER_STATUS: usize = STATUSES.len();

/// The client went away before there was one.
const NO_STATUS: usize = STATUSES.len() + 1;
