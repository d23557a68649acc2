//! Room: this node's own limits, each with its reason. S3's limits are in `protocol::limits`.
//!
//! Units: bytes unless the name says otherwise.

use protocol::checksum::ChecksumAlgorithm;

/// Objects and parts up to this length live inside meta; longer ones get a blob file. Until a benchmark decides,
/// the figure of the plan: below it one synced batch is cheaper than a file with its two extra syncs.
pub const INLINE_LEN_MAX: u64 = 32 * 1024;

/// Bytes that are decoded and digested before other tasks get a chance to run (about 100 µs of MD5): fewer for an
/// algorithm that takes as long alone as all others together.
#[must_use]
pub fn digest_step_len(algorithm: Option<ChecksumAlgorithm>) -> usize {
    match algorithm {
        Some(ChecksumAlgorithm::Sha512) => 32 * 1024,
        _ => 64 * 1024,
    }
}

/// Bytes of a file that is longer than its form's policy says, read to tell how long it is.
pub const FORM_LINGER_LEN: u64 = 1024 * 1024;

/// Requests that may wait for the flush stage.
pub const FLUSH_QUEUE_MAX: usize = 4096;

/// Files that one flush round makes durable.
pub const FLUSH_ROUND_FILES_MAX: usize = 1024;

/// New files of one copy that wait to be made durable, each with a descriptor; a copy of more pieces makes some
/// durable on the way.
pub const COPY_UNSYNCED_MAX: usize = 64;

/// Commands that may wait for the commit stage; a further one is answered 503 SlowDown.
pub const COMMIT_QUEUE_MAX: usize = 4096;

/// Commands in one commit round: beyond about 64 small ones the batch is bound by CPU and only waits longer.
pub const COMMIT_ROUND_COUNT_MAX: usize = 256;

/// Bytes in one commit round's batch.
pub const COMMIT_ROUND_LEN_MAX: usize = 8 * 1024 * 1024;

/// Questions to the store that may wait for a reader thread; a further one is answered 503 SlowDown.
pub const READ_QUEUE_MAX: usize = 4096;

/// Look-ups in the store that a question may make on the shard's own thread (each 1 to 6 µs); one that needs more goes
/// to a reader thread.
pub const LOOKS_MAX: u32 = 12;

/// Threads that answer questions to the store.
pub const READER_THREADS: usize = 2;

/// Bytes of an object that are resolved to pieces ahead of sending them.
pub const READ_WINDOW_LEN: u64 = 256 * 1024 * 1024;

/// How often a Complete prepares again because a part changed under it, before it gives up with SlowDown.
pub const COMPLETE_TRIES_MAX: u32 = 8;

/// Garbage records that one release command is given.
pub const RELEASE_RECORDS_MAX: usize = 64;

/// Records that one release command visits.
pub const RELEASE_STEPS: u32 = 256;

/// Blobs that one command takes.
pub const TAKE_BLOBS_MAX: usize = 256;

/// Files that are unlinked before their folders are synced.
pub const UNLINK_BATCH_MAX: usize = 256;

/// Folders whose leases are asked for together.
pub const FOLDERS_AT_ONCE: usize = 256;

/// Blobs that the rewriting of one blob makes of it at most.
pub const REWRITE_TARGETS_MAX: usize = 64;

/// Damaged garbage of one kind that the collector keeps in mind and passes over without a word; what is found
/// beyond that is told in every pass.
pub const DAMAGED_MAX: usize = 4096;

/// Parsed configurations of one kind that a shard keeps.
pub const CONFIGS_KEPT_MAX: usize = 64;

/// Bytes of the documents that those were parsed from: two of the longest.
pub const CONFIGS_KEPT_LEN: usize = 2 * 1024 * 1024;

/// Buckets whose lifecycle rules are asked for together.
pub const LIFECYCLE_BUCKETS_MAX: usize = 64;

/// Versions or uploads that are held against lifecycle rules together: a few milliseconds of a reader thread, as
/// much as a listing.
pub const LIFECYCLE_PAGE: usize = 500;

/// Uploads that lifecycle rules abort at the same time, so that they share rounds.
pub const LIFECYCLE_ABORTS_AT_ONCE: usize = 32;

/// Buffers of one shard, whatever the configuration divides to: fewer would not hold one of each kind.
pub const SHARD_BUFFERS_MIN: usize = 8 * 1024 * 1024;

/// Eighths of a shard's buffers that reads may hold: two for downloads, one for copies.
pub const READ_BUFFERS_EIGHTHS: usize = 3;

/// Block table pages (about 4 KiB each) that one shard keeps at hand.
pub const TABLE_PAGES_CACHED: usize = 512;

const _: () = assert!(COMMIT_ROUND_COUNT_MAX <= COMMIT_QUEUE_MAX);
const _: () = assert!(INLINE_LEN_MAX <= READ_WINDOW_LEN);
const _: () = assert!(REWRITE_TARGETS_MAX <= COPY_UNSYNCED_MAX);
