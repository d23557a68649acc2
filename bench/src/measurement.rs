//! Room: what a run of the load generator says: one JSON object a line, and the types behind it.
//! Must not: measure, print, or know where a figure came from.
//! Order of the lines: one [`Run`], then a [`Point`] for each piece of work and endpoint, in the order in which they
//! were done; each line as soon as it is known, so that a run that was broken off can still be read.
//! Units: bytes, seconds and microseconds, as the names say. What was not measured is absent (`null`), never 0.
//! Invariant: [`Line::read`] reads what [`Line::write`] wrote. Readers ignore fields that they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The bytes of a GiB, for figures per GiB.
pub const GIB: f64 = 1_073_741_824.0;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there is one run for each file")]
pub enum Line {
    /// The first: how, where and against what was measured.
    Run(Run),
    /// The result of one piece of work on one endpoint.
    Point(Box<Point>),
}

impl Line {
    /// The line without its end.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("names are strings and figures are finite")
    }

    /// Reads all lines of a file; empty ones are left out.
    ///
    /// # Errors
    /// The number of the line that is none, counted from 1, and why.
    pub fn read(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(index, line)| {
                serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))
            })
            .collect()
    }
}

/// How, where and against what was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What the reader calls it; may be empty.
    pub title: String,
    /// The version of this program.
    pub version: String,
    /// The command line, without secrets.
    pub command: Vec<String>,
    /// When it began, as `2026-11-22T19:04:00.000Z`.
    pub began: String,
    /// The machine that the client runs on.
    pub host: Host,
    /// One endpoint or two; the first is A, the second B (`--against`).
    pub endpoints: Vec<Endpoint>,
    /// Rounds of each point; figures are medians over them.
    pub rounds: u32,
    /// Seconds of load before each measured round.
    pub warmup_s: f64,
    /// Seconds of each round; absent when requests were counted instead.
    pub duration_s: Option<f64>,
    /// Requests of each round; absent when time was the bound.
    pub requests: Option<u64>,
    /// The seed of keys, contents, choices and samples.
    pub seed: u64,
    /// Threads of the client.
    pub threads: u32,
    /// What the person who measured wants read beside the figures, such as settings of durability.
    pub notes: Vec<String>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Its processor as it calls itself.
    pub cpu: String,
    /// Cores that this program may use.
    pub cores: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Name and release of the kernel.
    pub kernel: String,
    /// The load averages over 1, 5 and 15 minutes before the run.
    pub load: [f64; 3],
}

/// An S3 endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// What tables and plots call it: `--name`, else what its `Server` header says, else `A` or `B`.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// Its `Server` header.
    pub server: Option<String>,
    /// The process whose CPU time and memory are counted.
    pub pid: Option<u32>,
    /// The command line of that process.
    pub process: Option<String>,
    /// The block device whose counters are read, as `254:0 loop3`.
    pub device: Option<String>,
    /// The file system of its data, if the directory was given.
    pub file_system: Option<String>,
}

/// What was measured. Two points are comparable if their work is equal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// `copy`, `put`, `get`, `small`, `list` or `mixed`.
    pub scenario: String,
    /// What one operation does: `copy part`, `complete`, `put`, `get`, `head`, `delete`, `list`,
    /// `list with delimiter`; in a mix one point for each, and `all`.
    pub operation: String,
    /// Bytes that one operation moves as its client sees it; keys of a page for `list`; 0 where there are none.
    pub size: u64,
    /// Requests in flight at most.
    pub concurrency: u32,
    /// Fixed arrivals a second; absent when each client sends its next request as soon as it has an answer.
    pub rate: Option<f64>,
    /// Where copied ranges begin in their source, beyond a multiple of 64 KiB.
    pub offset: Option<u64>,
    /// Parts of the source of copies; 1 = stored by one PutObject.
    pub source_parts: Option<u32>,
    /// Bytes of the source of copies.
    pub source_size: Option<u64>,
    /// Objects that were there to be listed or chosen from.
    pub keys: Option<u64>,
}

/// The result of one piece of work on one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// What was done.
    pub work: Work,
    /// Index into the endpoints of the run.
    pub endpoint: usize,
    /// The median of each figure over the rounds.
    pub median: Figures,
    /// Each round by itself, in the order in which they were done.
    pub rounds: Vec<Figures>,
    /// Latencies of all rounds together.
    pub curve: Vec<Quantile>,
    /// Failed requests of all rounds and their warm-ups, by S3 code or by what went wrong on the way.
    pub errors: BTreeMap<String, u64>,
    /// What was read back and compared.
    pub verified: Verified,
}

/// The figures of one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Seconds that the clients were at work, on average over the clients.
    pub wall_s: f64,
    /// Operations that succeeded.
    pub operations: u64,
    /// Operations that failed.
    pub failed: u64,
    /// Successful operations a second. Those that the server syncs before it answers are durable.
    pub operations_per_s: f64,
    /// Bytes that successful operations stored, copied or fetched, as their clients see it.
    pub logical_bytes: u64,
    /// The same in a second.
    pub logical_bytes_per_s: f64,
    /// Of the successful operations; with fixed arrivals from the moment at which a request should have gone out.
    pub latency: Latency,
    /// Requests that went out more than a millisecond after their arrival time; absent without such times.
    pub late: Option<u64>,
    /// CPU seconds of the server process (user and system, without its children).
    pub server_cpu_s: Option<f64>,
    /// Resident memory of the server process at the end.
    pub server_rss_bytes: Option<u64>,
    /// What moved on the block device until all was settled.
    pub device: Option<DeviceBytes>,
    /// CPU seconds of this program.
    pub client_cpu_s: f64,
}

impl Figures {
    /// Server CPU in microseconds an operation.
    pub fn cpu_us_per_operation(&self) -> Option<f64> {
        ratio(self.server_cpu_s? * 1e6, count(self.operations))
    }

    /// Server CPU in seconds a GiB.
    pub fn cpu_s_per_gib(&self) -> Option<f64> {
        ratio(self.server_cpu_s?, self.logical_gib())
    }

    /// Bytes that the device wrote a GiB of logical bytes.
    pub fn written_per_gib(&self) -> Option<f64> {
        ratio(count(self.device?.written), self.logical_gib())
    }

    /// Bytes that the device read a GiB of logical bytes.
    pub fn read_per_gib(&self) -> Option<f64> {
        ratio(count(self.device?.read), self.logical_gib())
    }

    fn logical_gib(&self) -> f64 {
        count(self.logical_bytes) / GIB
    }
}

/// Latencies in microseconds. All 0 when there were no operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The shortest.
    pub min_us: f64,
    /// The arithmetic mean.
    pub mean_us: f64,
    /// Half of them were at most this long.
    pub p50_us: f64,
    /// 90 %.
    pub p90_us: f64,
    /// 99 %.
    pub p99_us: f64,
    /// 99.9 %.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// A point of the curve of percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// Between 0 and 1; the last is 1.
    pub quantile: f64,
    /// So many microseconds or less took this part of the operations.
    pub us: f64,
    /// Operations that took no longer.
    pub operations: u64,
}

/// Counters of a block device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceBytes {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// What was read back and compared, byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Objects, parts or answers that were looked at.
    pub samples: u64,
    /// Their bytes, all compared.
    pub bytes: u64,
    /// Samples that were not what they should be.
    pub wrong: u64,
}

impl Verified {
    /// Counts what another has seen, too.
    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.bytes += other.bytes;
        self.wrong += other.wrong;
    }
}

/// `None` where the divisor is nought.
pub fn ratio(dividend: f64, divisor: f64) -> Option<f64> {
    (divisor > 0.0).then(|| dividend / divisor)
}

/// A count as a figure to calculate with.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53, and nobody counts that far")]
pub const fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let figures = Figures {
            operations: 3,
            logical_bytes: 1 << 29,
            server_cpu_s: Some(0.25),
            device: Some(DeviceBytes { read: 0, written: 4096 }),
            ..Figures::default()
        };
        let point = Point {
            work: Work { scenario: "copy".into(), offset: Some(7), ..Work::default() },
            median: figures.clone(),
            rounds: vec![figures],
            errors: BTreeMap::from([("SlowDown".into(), 2)]),
            ..Point::default()
        };
        let lines = [Line::Run(Run::default()), Line::Point(Box::new(point))];
        let text = lines.each_ref().map(Line::write).join("\n\n");
        assert_eq!(Line::read(&text).expect("our own lines"), lines);
        assert!(Line::read("{\"kind\":\"run\"}\n").expect_err("no run").starts_with("line 1: "));
    }

    #[test]
    fn figures_per_gib_and_operation_need_something_to_share_them() {
        let mut figures = Figures {
            operations: 4,
            logical_bytes: 1 << 29,
            server_cpu_s: Some(0.5),
            device: Some(DeviceBytes { read: 8, written: 16 }),
            ..Figures::default()
        };
        assert_eq!(figures.cpu_s_per_gib(), Some(1.0));
        assert_eq!(figures.cpu_us_per_operation(), Some(125_000.0));
        assert_eq!((figures.read_per_gib(), figures.written_per_gib()), (Some(16.0), Some(32.0)));
        figures.logical_bytes = 0;
        figures.operations = 0;
        assert_eq!((figures.cpu_s_per_gib(), figures.cpu_us_per_operation()), (None, None));
        figures.server_cpu_s = None;
        assert_eq!(figures.cpu_us_per_operation(), None);
    }
}
