//! Room: the figures that the node keeps about itself, and their Prometheus text.
//!
//! Holds: relaxed atomics only, those of a request one set per shard. They are summed and become text on the thread
//! of whoever asks: no shard takes part in a scrape. What is not counted here but known elsewhere (queues, the store,
//! the system's own figures of the process) is asked for at that moment, through [`Metrics::watch`].
//! Must not: be asked for its text by a shard; a source may read files.
//! Units: bytes, seconds (in the text), microseconds (inside).
//! Source: <https://prometheus.io/docs/practices/naming/>.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::time::Timestamp;

use crate::config::Way;

mod copy;
mod figure;
mod lifecycle;
mod process;
mod request;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub use self::copy::{CopiedBytes, MovedBytes};
pub use self::figure::{Bounds, CacheMetrics, Counter, Histogram, Md5Metrics, PoolMetrics, Seen};
pub use self::lifecycle::{Action, LifecycleMetrics};
pub use self::request::{Finished, Pool, ShardMetrics};
pub use self::store::watch_store;
pub use self::text::{Family, Labels, Text};

use self::copy::CopyMetrics;
use self::figure::{ROUND_SIZES, SYNC_TIMES};
use self::process::Thread;

/// The figures without labels, one a line: what it means, which is its HELP too, field, kind and name.
macro_rules! figures {
    ($(#[doc = $help:literal] $field:ident: $kind:ident $name:literal;)*) => {
        /// Every figure of the process.
        pub struct Metrics {
            $(#[doc = $help] pub $field: Counter,)*
            /// When the certificate of the S3 sockets ends, in seconds of the wall clock; 0 without TLS.
            pub tls_certificate_expires: Counter,
            /// Those with labels.
            labelled: Labelled,
        }

        impl Metrics {
            /// Figures for a node of `shards` shards, all zero.
            pub fn new(shards: usize) -> Self {
                Self {
                    $($field: Counter::default(),)*
                    tls_certificate_expires: Counter::default(),
                    labelled: Labelled::new(shards),
                }
            }

            fn render_plain(&self, text: &mut Text) {
                $(text.$kind($name, $help).value(self.$field.get());)*
            }
        }
    };
}

figures! {
    /// Bytes of a clone or a copy of whole blocks that no extent names: what the block grid costs.
    copy_slack_bytes: counter "tenon_copy_slack_bytes_total";
    /// Bytes that all blobs take, as last looked at.
    blob_bytes: gauge "tenon_blob_bytes";
    /// Those bytes of blobs that no extent names.
    slack_bytes: gauge "tenon_slack_bytes";
    /// Bytes of the batches that were committed.
    commit_bytes: counter "tenon_commit_bytes_total";
    /// Commands that were evaluated and refused, such as a lost precondition.
    commit_refused: counter "tenon_commit_refused_total";
    /// Blocks that did not match their fingerprint.
    corrupt_blocks: counter "tenon_corrupt_blocks_total";
    /// Reads of stored bytes that failed, whatever the reason: damage, or a file that is missing or unreadable.
    read_failures: counter "tenon_read_failures_total";
    /// Files unlinked because nothing names them any more.
    files_unlinked: counter "tenon_files_unlinked_total";
    /// Garbage that could not be let go of, because it or what it names is damaged.
    garbage_damaged: counter "tenon_garbage_damaged_total";
    /// Files that nobody came to name and that are still to be unlinked.
    files_abandoned: gauge "tenon_files_abandoned";
    /// Files in the lost folder, as last looked through.
    lost_files: gauge "tenon_lost_files";
    /// Bytes that the files in the lost folder take.
    lost_bytes: gauge "tenon_lost_bytes";
    /// Bytes that are kept for when a file system is full.
    ballast_bytes: gauge "tenon_ballast_bytes";
    /// Connections accepted.
    connections: counter "tenon_connections_total";
    /// Connections turned away because there were too many.
    connections_refused: counter "tenon_connections_refused_total";
    /// Connections open now.
    connections_open: gauge "tenon_connections_open";
    /// Requests turned away because there were too many.
    requests_refused: counter "tenon_requests_refused_total";
    /// Requests being served now.
    requests_open: gauge "tenon_requests_open";
    /// TLS handshakes that came to their end.
    tls_handshakes: counter "tenon_tls_handshakes_total";
    /// TLS handshakes that failed or took too long.
    tls_handshakes_failed: counter "tenon_tls_handshakes_failed_total";
}

/// A figure that is known elsewhere, asked for when somebody wants the text.
type Source = Box<dyn Fn(&mut Text) + Send + Sync>;

/// The figures that have labels, or rules of their own.
struct Labelled {
    shards: Box<[ShardMetrics]>,
    copies: CopyMetrics,
    cuts: [Counter; Cut::ALL.len()],
    rounds: Rounds,
    lifecycle: LifecycleMetrics,
    rooms: [RoomMetrics; FileSystem::ALL.len()],
    threads: Mutex<Vec<Thread>>,
    queues: Mutex<Vec<QueueLength>>,
    sources: Mutex<Vec<Source>>,
}

impl Labelled {
    fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards).map(|_| ShardMetrics::new()).collect(),
            copies: CopyMetrics::default(),
            cuts: Default::default(),
            rounds: Rounds {
                commit_commands: Histogram::new(&ROUND_SIZES),
                commit_time: Histogram::new(&SYNC_TIMES),
                flush_files: Histogram::new(&ROUND_SIZES),
                flush_time: Histogram::new(&SYNC_TIMES),
            },
            lifecycle: LifecycleMetrics::default(),
            rooms: Default::default(),
            threads: Mutex::default(),
            queues: Mutex::default(),
            sources: Mutex::default(),
        }
    }
}

/// The rounds of the stages that make things durable.
pub struct Rounds {
    /// Commands of each round of the commit stage.
    pub commit_commands: Histogram,
    /// Microseconds from a round's first command to its answers.
    pub commit_time: Histogram,
    /// Files of each round of the flush stage.
    pub flush_files: Histogram,
    /// Microseconds that a round's syncs took.
    pub flush_time: Histogram,
}

/// Why a connection or a request was cut short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// A head took longer than `http.header_timeout`.
    Header,
    /// No byte of a body came for `http.body_timeout`.
    Body,
    /// No request came for `http.idle_timeout`.
    Idle,
    /// The client took no byte for `http.write_timeout`.
    Write,
    /// A request took longer than `http.request_timeout`.
    Request,
    /// The client was slower than `http.min_rate`.
    Rate,
    /// The client went on sending for too long after its request was refused.
    Linger,
}

impl Cut {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Header,
        Self::Body,
        Self::Idle,
        Self::Write,
        Self::Request,
        Self::Rate,
        Self::Linger,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header_timeout",
            Self::Body => "body_timeout",
            Self::Idle => "idle_timeout",
            Self::Write => "write_timeout",
            Self::Request => "request_timeout",
            Self::Rate => "min_rate",
            Self::Linger => "linger",
        }
    }
}

/// A file system that the node keeps things on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileSystem {
    /// That of the data directory.
    Data,
    /// That of the metadata, if it is another one.
    Meta,
}

impl FileSystem {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Data, Self::Meta];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Meta => "meta",
        }
    }
}

/// The room of one file system, as last measured.
#[derive(Default)]
pub struct RoomMetrics {
    /// Bytes that are free.
    pub free: Counter,
    /// Its size; 0 until it is measured.
    pub total: Counter,
    /// Bytes that writes must leave free.
    pub reserve: Counter,
}

impl Metrics {
    /// The figures of shard number `index`.
    pub fn shard(&self, index: usize) -> &ShardMetrics {
        &self.labelled.shards[index]
    }

    /// The figures of a file system.
    pub fn room(&self, of: FileSystem) -> &RoomMetrics {
        &self.labelled.rooms[of as usize]
    }

    /// The rounds of the commit and flush stages.
    pub fn rounds(&self) -> &Rounds {
        &self.labelled.rounds
    }

    /// What lifecycle rules have done.
    pub fn lifecycle(&self) -> &LifecycleMetrics {
        &self.labelled.lifecycle
    }

    /// Counts one piece of a copy: the bytes that the client asked for and those that really moved.
    pub fn copied(&self, way: Way, logical: CopiedBytes, physical: MovedBytes) {
        self.labelled.copies.copied(way, logical, physical);
    }

    /// Counts one piece of a copy whose bytes lie inside a record, before and after.
    pub fn copied_inline(&self, logical: CopiedBytes) {
        self.labelled.copies.copied_inline(logical);
    }

    /// Counts bytes of a new blob that takes the place of a sparse one.
    pub fn rewritten(&self, way: Way, bytes: u64) {
        self.labelled.copies.rewritten(way, bytes);
    }

    /// Counts a way that was refused. Says whether the log shall hear of it: once a minute and way is enough.
    #[must_use]
    pub fn copy_refused(&self, way: Way, now: Timestamp) -> bool {
        self.labelled.copies.refused(way, now)
    }

    /// Counts a connection or a request that was cut because a limit was passed.
    pub fn cut(&self, why: Cut) {
        self.labelled.cuts[why as usize].add(1);
    }

    /// Has `source` asked for further families each time the text is made, on the thread that makes it. What it
    /// holds lives as long as the figures: a store or a queue that is to end is held weakly.
    pub fn watch(&self, source: impl Fn(&mut Text) + Send + Sync + 'static) {
        locked(&self.labelled.sources).push(Box::new(source));
    }

    /// The calling thread lives as long as the node: its processor time is told under this name, together with
    /// that of others of the same name.
    pub fn thread_runs(&self, name: String) {
        locked(&self.labelled.threads).push(Thread::this(name));
    }

    /// The figures as Prometheus reads them.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        request::render(&self.labelled.shards, &mut text);
        self.labelled.copies.render(&mut text);
        self.labelled.lifecycle.render(&mut text);
        self.render_plain(&mut text);
        self.render_labelled(&mut text);
        self.render_queues(&mut text);
        let threads = locked(&self.labelled.threads).clone();
        process::render(&threads, &mut text);
        for source in &*locked(&self.labelled.sources) {
            source(&mut text);
        }
        text.finish()
    }

    /// Has the lengths of these queues told.
    pub fn watch_queues(&self, queues: impl IntoIterator<Item = QueueLength>) {
        locked(&self.labelled.queues).extend(queues);
    }

    fn render_queues(&self, text: &mut Text) {
        let queues = locked(&self.labelled.queues);
        let mut family = text.gauge("tenon_queue_length", "Things that wait in a queue.");
        for queue in &*queues {
            if let Some(len) = (queue.len)() {
                family.sample(&[("queue", queue.queue)], len);
            }
        }
        let help = "Things that may wait in a queue; what comes then is refused.";
        let mut family = text.gauge("tenon_queue_capacity", help);
        for queue in &*queues {
            family.sample(&[("queue", queue.queue)], queue.capacity);
        }
    }

    fn render_labelled(&self, text: &mut Text) {
        let Labelled { cuts, rounds, rooms, .. } = &self.labelled;
        let help = "Connections and requests cut because a limit was passed.";
        let mut family = text.counter("tenon_cut_total", help);
        for (why, count) in Cut::ALL.into_iter().zip(cuts) {
            family.sample(&[("reason", why.as_str())], count.get());
        }
        let histograms = [
            ("tenon_commit_round_commands", "Commands of a commit round.", &rounds.commit_commands),
            (
                "tenon_commit_round_duration_seconds",
                "From a commit round's first command to its answers.",
                &rounds.commit_time,
            ),
            ("tenon_flush_round_files", "New files of a flush round.", &rounds.flush_files),
            (
                "tenon_flush_round_duration_seconds",
                "The syncs of a flush round.",
                &rounds.flush_time,
            ),
        ];
        for (name, help, histogram) in histograms {
            text.histogram(name, help).seen(&[], &histogram.seen());
        }
        type Figure = fn(&RoomMetrics) -> &Counter;
        let families: [(&str, &str, Figure); 3] = [
            ("tenon_disk_free_bytes", "Free bytes of a file system.", |room| &room.free),
            ("tenon_disk_total_bytes", "Size of a file system.", |room| &room.total),
            ("tenon_disk_reserve_bytes", "Bytes that writes leave free.", |room| &room.reserve),
        ];
        for (name, help, figure) in families {
            let mut family = text.gauge(name, help);
            let measured = |(_, metrics): &(FileSystem, &RoomMetrics)| metrics.total.get() > 0;
            for (of, metrics) in FileSystem::ALL.into_iter().zip(rooms).filter(measured) {
                family.sample(&[("file_system", of.as_str())], figure(metrics).get());
            }
        }
        let expiry = self.tls_certificate_expires.get();
        if expiry > 0 {
            let name = "tenon_tls_certificate_expiry_timestamp_seconds";
            text.gauge(name, "When the certificate ends, in Unix time.").value(expiry);
        }
    }
}

/// Microseconds since `began`: the real time, in a simulation too, where nothing depends on it.
#[must_use]
pub fn micros_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Whoever panicked while it held this had changed nothing yet.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many things wait in a bounded queue, and how many may.
pub struct QueueLength {
    /// The label.
    pub queue: &'static str,
    /// How many wait; `None` when the queue has ended.
    pub len: Box<dyn Fn() -> Option<usize> + Send + Sync>,
    /// How many may wait.
    pub capacity: usize,
}
