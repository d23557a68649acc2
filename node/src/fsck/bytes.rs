//! Room: every block of every blob file against its fingerprint.
//!
//! Several plain threads read, each one file at a time in long steps; what they find comes back through a bounded
//! queue. Bytes are asked of the medium: what the page cache has of a file is dropped first.
//! Units: ranges in bytes of the blob, on the grid of blocks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use meta::fingerprint::Fingerprint;
use meta::id::{BlobId, TableId};
use meta::query;
use meta::record::BlobRecord;
use meta::store::{Store, StoreError};
use meta::table::{BLOCK_LEN, PAGE_BLOCKS, TablePage};
use protocol::range::ByteRange;
use rustix::fs::{Advice, fadvise};

use crate::disk::glommio::blob_path;

/// Ranges of blobs that cannot be served, ascending, and how many bytes were compared.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) bad: BTreeMap<BlobId, Vec<ByteRange>>,
    pub(super) bytes: u64,
}

/// Compares all of `blobs` that have files.
///
/// # Errors
/// If the store fails. A table page that is missing or damaged is no error: its blocks are passed over, since
/// whoever looks at the records tells of it.
pub(super) fn compare(
    store: &dyn Store,
    data: &Path,
    blobs: &BTreeMap<BlobId, BlobRecord>,
) -> Result<Compared, StoreError> {
    let left = Mutex::new(blobs.iter());
    let (found, finds) = flume::bounded(QUEUE_LEN);
    let threads = thread::available_parallelism().map_or(1, usize::from) * READERS_PER_CORE;
    thread::scope(|scope| {
        for _ in 0..threads.min(READERS_MAX) {
            let (left, found) = (&left, found.clone());
            scope.spawn(move || {
                let mut buffer = vec![0; STEP_LEN];
                loop {
                    let next = left.lock().map_or(None, |mut left| left.next());
                    let Some((blob, record)) = next else { return };
                    let outcome = compare_blob(store, data, *blob, record, &mut buffer);
                    if found.send((*blob, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(found);
        let mut compared = Compared::default();
        for (blob, outcome) in finds {
            let (bad, bytes) = outcome?;
            compared.bytes += bytes;
            if !bad.is_empty() {
                compared.bad.insert(blob, bad);
            }
        }
        Ok(compared)
    })
}

/// The bad ranges of one blob, and how many bytes were compared.
fn compare_blob(
    store: &dyn Store,
    data: &Path,
    blob: BlobId,
    record: &BlobRecord,
    buffer: &mut [u8],
) -> Result<(Vec<ByteRange>, u64), StoreError> {
    // A missing file is told by the comparison of files.
    let Ok(file) = File::open(blob_path(data, blob)) else { return Ok((Vec::new(), 0)) };
    // A hint: without it the comparison is only less searching.
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    let (mut bad, mut bytes) = (Vec::new(), 0);
    let mut page: Option<(u32, TablePage)> = None;
    let mut at = 0;
    while at < record.len {
        let len = (record.len - at).min(STEP_LEN as u64);
        let step = &mut buffer[..usize::try_from(len).expect("at most the buffer")];
        let (have, refused) = read(&file, step, at);
        for (index, block) in (0_u64..).zip(step.chunks(BLOCK_LEN as usize)) {
            let start = at + index * u64::from(BLOCK_LEN);
            let Some(expected) = expected(store, record, start, &mut page)? else { continue };
            let (fingerprint, len) = expected;
            let whole = index * u64::from(BLOCK_LEN) + u64::from(len) <= have;
            bytes += u64::from(len);
            let same = block.get(..len as usize).map(Fingerprint::of) == Some(fingerprint);
            if !whole || !same || refused.contains(&index) {
                push(&mut bad, start, start + u64::from(BLOCK_LEN));
            }
        }
        at += len;
    }
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    Ok((bad, bytes))
}

/// What the block at `start` of the blob must be, if the table says so.
fn expected(
    store: &dyn Store,
    record: &BlobRecord,
    start: u64,
    page: &mut Option<(u32, TablePage)>,
) -> Result<Option<(Fingerprint, u32)>, StoreError> {
    let block = u64::from(record.first_block) + start / u64::from(BLOCK_LEN);
    let Ok(block) = u32::try_from(block) else { return Ok(None) };
    let number = block / PAGE_BLOCKS;
    if page.as_ref().is_none_or(|(loaded, _)| *loaded != number) {
        *page = load(store, record.table, number)?.map(|page| (number, page));
    }
    let index = (block % PAGE_BLOCKS) as usize;
    Ok(page.as_ref().and_then(|(_, page)| page.block(index)))
}

fn load(store: &dyn Store, table: TableId, page: u32) -> Result<Option<TablePage>, StoreError> {
    match query::table_page(store, table, page) {
        Ok(page) => Ok(Some(page)),
        Err(StoreError::Corrupt(_)) => Ok(None),
        Err(failed @ StoreError::Failed(_)) => Err(failed),
    }
}

/// Reads as much of `step` as there is; says how much, and which of its blocks the medium refused.
fn read(file: &File, step: &mut [u8], at: u64) -> (u64, Vec<u64>) {
    let (mut have, mut refused) = (0, Vec::new());
    while have < step.len() {
        match file.read_at(&mut step[have..], at + have as u64) {
            Ok(0) => break,
            Ok(read) => have += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                // The blocks behind it may be well.
                refused.push((have / BLOCK_LEN as usize) as u64);
                have = (have + 1).next_multiple_of(BLOCK_LEN as usize).min(step.len());
            }
        }
    }
    (have as u64, refused)
}

/// Adds a range behind or next to the last one.
fn push(ranges: &mut Vec<ByteRange>, start: u64, end: u64) {
    let start = match ranges.last() {
        Some(last) if last.end() == start => {
            let joined = last.start();
            ranges.pop();
            joined
        }
        _ => start,
    };
    ranges.extend(ByteRange::new(start, end));
}

/// Reads in flight wait for the disk, not for a core.
const READERS_PER_CORE: usize = 2;
const READERS_MAX: usize = 16;
const QUEUE_LEN: usize = 64;
const STEP_LEN: usize = 1024 * 1024;
const _: () = assert!(STEP_LEN.is_multiple_of(BLOCK_LEN as usize));
