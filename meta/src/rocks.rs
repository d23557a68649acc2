//! Room: the real store: RocksDB, one column family a space.
//!
//! Must not: let a type of `rocksdb` out. No other file names it.
//! Holds: the open database, its one cache (blocks, inline bytes and write buffers together) and the
//! reason of the first failed commit, after which nothing is answered.
//! Invariants: each commit is one write batch, in the log and synced before it returns. A damaged log is
//! an error at open, save a torn record at its very end, which no commit was ever answered for (`log_tail` tells
//! one from the other where RocksDB cannot).
//! Cost: one sync of the log a commit. Write buffers are flushed when together they pass half the cache,
//! and writes wait where a space has filled two before the first is flushed.
//! Source: <https://github.com/facebook/rocksdb/wiki>, pages "WAL Recovery Modes", "BlobDB", "Write
//! Buffer Manager", "Track WAL in MANIFEST".

use std::ffi::CStr;
use std::fs::{self, File};
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRecoveryMode, DEFAULT_COLUMN_FAMILY_NAME, ErrorKind, InfoLogger, LogLevel, Options,
    ReadOptions, ReadTier, WriteBatch, WriteBufferManager, WriteOptions,
};

use crate::log_tail::{Logs, TornTail, logs};
use crate::store::{Advance, Batch, Figure, Pair, Peek, Space, Store, StoreError, Visit};

/// A [`Store`] in a folder of a file system.
pub struct RocksStore {
    db: DB,
    cache: Cache,
    cache_bytes: usize,
    buffers: WriteBufferManager,
    failed: OnceLock<String>,
    torn: Option<TornTail>,
}

/// What a store takes of disk and memory, in bytes, as far as it knows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Footprint {
    /// Sorted tables on disk, those that only a running reader holds included.
    pub tables: u64,
    /// Files of inline bytes on disk.
    pub inline: u64,
    /// Memory of write buffers.
    pub buffers: u64,
    /// Memory of the cache, write buffers included.
    pub cache: u64,
}

/// A file of sorted entries of one space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableFile {
    /// Its name in the store's folder.
    pub name: String,
    /// The space whose entries it holds.
    pub space: String,
    /// Its first key.
    pub first: Vec<u8>,
    /// Its last key.
    pub last: Vec<u8>,
    /// How many entries it has, older states of the same key included.
    pub entries: u64,
}

impl RocksStore {
    /// Opens the store in the folder `path`, or makes an empty one there. `cache_bytes` is the memory
    /// for cached blocks, inline bytes and write buffers together.
    ///
    /// A store that is open already, here or in another process, is refused; so is one whose log is
    /// damaged or that has a space of a later version.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        make_folder(path)
            .map_err(|error| StoreError::Failed(format!("{}: {error}", path.display())))?;
        or_without_torn_tail(path, |recovery| {
            let (cache, buffers) = memory(cache_bytes);
            let spaces = Space::ALL.map(|space| {
                ColumnFamilyDescriptor::new(space.name(), space_options(space, &cache, cache_bytes))
            });
            // RocksDB insists on it; nothing is ever put there.
            let mut unused = Options::default();
            unused.set_write_buffer_size(WRITE_BUFFER_LEN_MIN);
            let unused = ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, unused);
            let mut options = store_options(&buffers, cache_bytes);
            options.set_wal_recovery_mode(recovery);
            let db = DB::open_cf_descriptors(&options, path, spaces.into_iter().chain([unused]))?;
            Ok(Self { db, cache, cache_bytes, buffers, failed: OnceLock::new(), torn: None })
        })
    }

    /// The record at the end of the log that was passed over when the store was opened: a power cut had torn it.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// What the store takes now. Asks memory only.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        Footprint {
            tables: self.sum(c"rocksdb.total-sst-files-size"),
            inline: self.sum(c"rocksdb.total-blob-file-size"),
            buffers: self.buffers.get_usage() as u64,
            cache: self.cache.get_usage() as u64,
        }
    }

    /// Whether there is a store in the folder `path`, sound or not.
    ///
    /// # Errors
    /// If the folder cannot be looked at.
    pub fn is_in(path: &Path) -> std::io::Result<bool> {
        path.join("CURRENT").try_exists()
    }

    /// Opens the store in the folder `path` to look at it. Nothing is changed there: what the log holds is
    /// replayed in memory, and every commit is refused. A damaged table file ends the scans that come upon it; the
    /// others go on.
    pub fn open_read_only(path: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        // RocksDB would make the folder.
        if let Err(error) = fs::metadata(path.join("CURRENT")) {
            let what = format!("there is no store in {}: {error}", path.display());
            return Err(StoreError::Failed(what));
        }
        // RocksDB would pass over it in silence, since it is to pass over damaged tables.
        if let Ok(Logs::Damaged { file, at }) = logs(path) {
            return Err(StoreError::Corrupt(format!("the log {file} is damaged at byte {at}")));
        }
        or_without_torn_tail(path, |recovery| {
            let (cache, buffers) = memory(cache_bytes);
            let mut options = store_options(&buffers, cache_bytes);
            options.set_wal_recovery_mode(recovery);
            options.create_if_missing(false);
            options.create_missing_column_families(false);
            // Tables are opened when they are asked for, so that a damaged one is met there.
            options.set_max_open_files(OPEN_TABLES_READ_ONLY);
            options.set_paranoid_checks(false);
            // RocksDB would begin a log of its own in the folder.
            options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| {}));
            let spaces = Space::ALL.map(|space| {
                ColumnFamilyDescriptor::new(space.name(), space_options(space, &cache, cache_bytes))
            });
            let unused =
                ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, Options::default());
            let db = DB::open_cf_descriptors_read_only(
                &options,
                path,
                spaces.into_iter().chain([unused]),
                false,
            )?;
            Ok(Self { db, cache, cache_bytes, buffers, failed: OnceLock::new(), torn: None })
        })
    }

    /// The table files that `text` names, e.g. that of an error.
    #[must_use]
    pub fn files_named_in(&self, text: &str) -> Vec<TableFile> {
        let files = self.db.live_files().unwrap_or_default().into_iter();
        let named = files.filter(|file| text.contains(file.name.trim_start_matches('/')));
        named
            .map(|file| TableFile {
                name: file.name.trim_start_matches('/').to_owned(),
                space: file.column_family_name,
                first: file.start_key.unwrap_or_default(),
                last: file.end_key.unwrap_or_default(),
                entries: file.num_entries,
            })
            .collect()
    }

    /// A property of RocksDB that is a number, over all spaces.
    fn sum(&self, property: &CStr) -> u64 {
        Space::ALL.into_iter().map(|space| self.property(space, property)).sum()
    }

    fn property(&self, space: Space, property: &CStr) -> u64 {
        let value = self.db.property_int_value_cf(self.family(space), property);
        value.ok().flatten().unwrap_or(0)
    }

    /// The length of all logs, as far as the folder can be looked at.
    fn log_bytes(&self) -> u64 {
        let entries = fs::read_dir(self.db.path()).into_iter().flatten().flatten();
        let logs = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
        logs.filter_map(|log| Some(log.metadata().ok()?.len())).sum()
    }

    fn family(&self, space: Space) -> &ColumnFamily {
        self.db.cf_handle(space.name()).expect("every space was opened")
    }

    fn read(
        &self,
        space: Space,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Bytes>, rocksdb::Error> {
        let value = self.db.get_pinned_cf_opt(self.family(space), key, options)?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn well(&self) -> Result<(), StoreError> {
        match self.failed.get() {
            None => Ok(()),
            Some(why) => Err(StoreError::Failed(why.clone())),
        }
    }
}

impl Store for RocksStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.well()?;
        ANYWHERE.with(|options| self.read(space, key, options)).map_err(unreadable)
    }

    fn peek(&self, space: Space, key: &[u8]) -> Result<Peek, StoreError> {
        self.well()?;
        match IN_MEMORY.with(|options| self.read(space, key, options)) {
            Ok(value) => Ok(Peek::Known(value)),
            Err(error) if error.kind() == ErrorKind::Incomplete => Ok(Peek::Unknown),
            Err(error) => Err(unreadable(error)),
        }
    }

    fn scan(
        &self,
        space: Space,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Visit,
    ) -> Result<(), StoreError> {
        self.well()?;
        let mut entries = self.db.raw_iterator_cf_opt(self.family(space), scanning(space));
        entries.seek(from);
        while let Some((key, value)) = entries.item() {
            match visit(key, value) {
                Visit::Next => entries.next(),
                Visit::SeekTo(next) => {
                    assert!(next.as_slice() > key, "a scan goes forward only");
                    entries.seek(next);
                }
                Visit::Stop => return Ok(()),
            }
        }
        entries.status().map_err(unreadable)
    }

    fn scan_pair(
        &self,
        spaces: [Space; 2],
        from: [&[u8]; 2],
        visit: &mut dyn FnMut(Pair<'_>) -> Option<[Advance; 2]>,
    ) -> Result<(), StoreError> {
        self.well()?;
        let moment = self.db.snapshot();
        let mut both =
            spaces.map(|space| moment.raw_iterator_cf_opt(self.family(space), scanning(space)));
        both.iter_mut().zip(from).for_each(|(entries, from)| entries.seek(from));
        loop {
            let pair = both.each_ref().map(|entries| entries.item());
            for (entries, shown) in both.iter().zip(pair) {
                if shown.is_none() {
                    entries.status().map_err(unreadable)?;
                }
            }
            if pair == [None, None] {
                return Ok(());
            }
            let Some(steps) = visit(pair) else { return Ok(()) };
            let mut gone_on = false;
            for (entries, step) in both.iter_mut().zip(steps) {
                let Some(key) = entries.key() else { continue };
                match step {
                    Advance::Stay => continue,
                    Advance::Next => entries.next(),
                    Advance::SeekTo(next) => {
                        assert!(next.as_slice() > key, "a scan goes forward only");
                        entries.seek(next);
                    }
                }
                gone_on = true;
            }
            assert!(gone_on, "a scan goes on");
        }
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.well()?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut changes = WriteBatch::default();
        for change in &batch {
            let family = self.family(change.space);
            match &change.value {
                Some(value) => changes.put_cf(family, &change.key, value),
                None => changes.delete_cf(family, &change.key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(changes, &options).map_err(|error| {
            // Whether the log has the batch or not, only the next open can tell.
            let why = self.failed.get_or_init(|| error.into_string());
            StoreError::Failed(why.clone())
        })
    }

    fn figures(&self) -> Vec<Figure> {
        let Footprint { tables, inline, buffers, cache } = self.footprint();
        let whole = |(name, help, value)| Figure { name, help, space: None, value };
        let mut figures: Vec<Figure> = [
            ("cache_bytes", "Memory of the cache, write buffers included.", cache),
            ("cache_capacity_bytes", "Memory that the cache may take.", self.cache_bytes as u64),
            (
                "cache_pinned_bytes",
                "Memory of the cache that is in use.",
                self.cache.get_pinned_usage() as u64,
            ),
            ("write_buffer_bytes", "Memory of write buffers.", buffers),
            ("table_file_bytes", "Sorted tables on disk.", tables),
            ("inline_file_bytes", "Files of inline bytes on disk.", inline),
            (
                "log_bytes",
                "Write-ahead logs on disk, room that is set aside included.",
                self.log_bytes(),
            ),
        ]
        .map(whole)
        .into();
        figures
            .extend(SUMMED.map(|(name, help, property)| whole((name, help, self.sum(property)))));
        // Of the whole database, whichever space is asked.
        let of_all = |(name, help, property): (_, _, &CStr)| {
            whole((name, help, self.property(Space::System, property)))
        };
        figures.extend(OF_ALL.map(of_all));
        figures.extend(Space::ALL.map(|space| Figure {
            name: "keys_estimated",
            help: "Entries of a space, as far as the store can tell without counting them.",
            space: Some(space),
            value: self.property(space, c"rocksdb.estimate-num-keys"),
        }));
        figures
    }
}

thread_local! {
    // RocksDB makes its own form of them, which one thread may use at a time.
    static ANYWHERE: ReadOptions = ReadOptions::default();
    static IN_MEMORY: ReadOptions = {
        let mut options = ReadOptions::default();
        options.set_read_tier(ReadTier::BlockCache);
        options
    };
}

/// How a scan reads.
fn scanning(space: Space) -> ReadOptions {
    let mut options = ReadOptions::default();
    // A page of a listing passes more inline bytes than the cache holds.
    options.fill_cache(!space.holds_inline_bytes());
    options
}

/// Properties that each space has: name, meaning, RocksDB's name.
const SUMMED: [(&str, &str, &CStr); 4] = [
    (
        "compaction_pending_bytes",
        "Bytes that compactions have to rewrite, estimated.",
        c"rocksdb.estimate-pending-compaction-bytes",
    ),
    (
        "flushes_pending",
        "Spaces whose write buffers wait to be flushed.",
        c"rocksdb.mem-table-flush-pending",
    ),
    ("compactions_pending", "Spaces that wait for a compaction.", c"rocksdb.compaction-pending"),
    (
        "live_bytes",
        "Bytes of entries that are not outdated, estimated.",
        c"rocksdb.estimate-live-data-size",
    ),
];

/// Properties of the whole database.
const OF_ALL: [(&str, &str, &CStr); 5] = [
    ("flushes_running", "Flushes under way.", c"rocksdb.num-running-flushes"),
    ("compactions_running", "Compactions under way.", c"rocksdb.num-running-compactions"),
    (
        "delayed_write_rate_bytes",
        "Bytes a second to which writes are slowed down; 0 if they are not.",
        c"rocksdb.actual-delayed-write-rate",
    ),
    (
        "writes_stopped",
        "1 while writes wait for a flush or a compaction.",
        c"rocksdb.is-write-stopped",
    ),
    ("background_errors", "Flushes and compactions that failed.", c"rocksdb.background-errors"),
];

/// Opens a store whose log has no damage. RocksDB takes most torn records for damage; where that is all there is, the
/// log is replayed up to there.
fn or_without_torn_tail(
    path: &Path,
    open: impl Fn(DBRecoveryMode) -> Result<RocksStore, rocksdb::Error>,
) -> Result<RocksStore, StoreError> {
    // The default stops silently at the first bad record and forgets all commits behind it.
    let error = match open(DBRecoveryMode::TolerateCorruptedTailRecords) {
        Err(error) if error.kind() == ErrorKind::Corruption => error,
        opened => return opened.map_err(unopened),
    };
    match logs(path) {
        Ok(Logs::Torn(torn)) => {
            let store = open(DBRecoveryMode::PointInTime).map_err(unopened)?;
            Ok(RocksStore { torn: Some(torn), ..store })
        }
        // Damage, here or elsewhere.
        Ok(Logs::Sound | Logs::Damaged { .. }) | Err(_) => Err(unopened(error)),
    }
}

/// Makes sure that the folder is there and stays there: RocksDB syncs what is in it, not its own name.
fn make_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    let path = path.canonicalize()?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The memory of a store: its cache, and the write buffers, which count in it.
fn memory(cache_bytes: usize) -> (Cache, WriteBufferManager) {
    let cache = Cache::new_lru_cache(cache_bytes);
    let buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
        cache_bytes / 2,
        // A stall would wait for ever for a flush that a full disk has ended. The number of write
        // buffers bounds them too, and there a failed flush is seen.
        false,
        cache.clone(),
    );
    (cache, buffers)
}

/// Settings of the whole database.
fn store_options(buffers: &WriteBufferManager, cache_bytes: usize) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);

    // A file used again has old records where the new ones end, which cannot be told from damage.
    // Instead, new logs are preallocated (the default).
    options.set_recycle_log_file_num(0);
    // A log that lost its tail or is missing is damage, even if it is not the last one.
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_max_total_wal_size(2 * cache_bytes as u64);

    options.set_write_buffer_manager(buffers);
    // Obsolete files and buffers are let go of in the background, never by who happens to read last.
    options.set_avoid_unnecessary_blocking_io(true);
    // Every table stays open, so that a read without a disk can find out all that memory knows.
    options.set_max_open_files(-1);
    // Neither pushes anything out of the page cache nor is written back in bursts.
    options.set_use_direct_io_for_flush_and_compaction(true);
    options.set_max_background_jobs(BACKGROUND_JOBS_MAX);
    options.set_max_subcompactions(1);

    // RocksDB's own log: what goes wrong, in few and small files.
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(1024 * 1024);
    options.set_keep_log_file_num(4);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

/// Settings of one space.
fn space_options(space: Space, cache: &Cache, cache_bytes: usize) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_cache_index_and_filter_blocks_with_high_priority(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Most keys that are asked for and absent are answered without a read.
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);

    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    let share = if is_large(space) { 8 } else { 32 };
    options.set_write_buffer_size((cache_bytes / share).max(WRITE_BUFFER_LEN_MIN));
    options.set_max_write_buffer_number(2);
    // Fingerprints do not compress.
    options.set_compression_type(match space {
        Space::Tables => DBCompressionType::None,
        _ => DBCompressionType::Lz4,
    });
    // Where many were deleted, scans would wade through what marks the deleted.
    options.add_compact_on_deletion_collector_factory(
        DELETIONS_WINDOW,
        DELETIONS_TRIGGER,
        DELETIONS_RATIO,
    );
    if space.holds_inline_bytes() {
        options.set_enable_blob_files(true);
        options.set_min_blob_size(INLINE_APART_LEN_MIN);
        options.set_blob_file_size(INLINE_FILE_LEN);
        // Off by default: the bytes of deleted objects would stay for ever.
        options.set_enable_blob_gc(true);
        options.set_blob_gc_age_cutoff(0.5);
        options.set_blob_gc_force_threshold(0.5);
        options.set_blob_cache(cache);
    }
    options
}

/// Spaces that may see many or long values between two flushes.
fn is_large(space: Space) -> bool {
    match space {
        Space::Objects | Space::Versions | Space::Parts | Space::Pieces | Space::Tables => true,
        Space::System
        | Space::Buckets
        | Space::Uploads
        | Space::Manifests
        | Space::Blobs
        | Space::Leases
        | Space::Garbage
        | Space::Owners => false,
    }
}

fn unopened(error: rocksdb::Error) -> StoreError {
    match error.kind() {
        ErrorKind::Corruption => StoreError::Corrupt(error.into_string()),
        _ => StoreError::Failed(error.into_string()),
    }
}

/// A read that the disk refuses says nothing of other records, just as damage does not.
fn unreadable(error: rocksdb::Error) -> StoreError {
    StoreError::Corrupt(error.into_string())
}

/// Files that a store which is only looked at keeps open.
const OPEN_TABLES_READ_ONLY: i32 = 256;

/// One flush and two compactions.
const BACKGROUND_JOBS_MAX: i32 = 3;

/// One wrong positive in a hundred.
const BLOOM_BITS_PER_KEY: f64 = 10.0;

/// Smaller ones would be flushed at every turn.
const WRITE_BUFFER_LEN_MIN: usize = 256 * 1024;

/// Values from this length on are kept apart from the keys. Records without inline bytes are shorter.
const INLINE_APART_LEN_MIN: u64 = 4 * 1024;

/// Length at which a file of inline bytes is full; what is deleted comes back file by file.
const INLINE_FILE_LEN: u64 = 64 * 1024 * 1024;

/// A table with this many deletions ([`DELETIONS_TRIGGER`]) among so many entries in a row is compacted.
const DELETIONS_WINDOW: usize = 1024;

/// See [`DELETIONS_WINDOW`].
const DELETIONS_TRIGGER: usize = 512;

/// So is one of which this fraction is deletions.
const DELETIONS_RATIO: f64 = 0.5;
