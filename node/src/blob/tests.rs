//! Blobs written, cloned and read back: on each form of the disk, with any lengths, ranges and damage.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use meta::command::NewTable;
use meta::extent::PieceSlice;
use meta::fingerprint::Fingerprint;
use meta::id::{BlobId, TableId};
use meta::record::Piece;
use meta::table::{BLOCK_LEN, BlockTable, TablePage};
use proptest::prelude::*;
use protocol::range::ByteRange;
use protocol::time::Timestamp;

use super::blocks::{Blocks, Means, outer_range, take};
use super::read::read_to_memory;
use super::*;
use crate::budget::Budget;
use crate::disk::buffer::BUFFER_LEN;
use crate::disk::memory::{Call, MemoryDisk};
use crate::disk::tests::{
    FOLDER, Form, LoopDisk, blob, block_on, file_path, give_way, in_memory, on_each_form, on_path,
    poll_times,
};
use crate::disk::{BufferPool, Disk, DiskError, KernelCopy};
use crate::seam::{Clock, Local};

const MIB: usize = 1024 * 1024;

/// A clock that stands still and gives way.
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> Local<'static, ()> {
        Box::pin(give_way())
    }

    fn pause(&self) -> Local<'static, ()> {
        Box::pin(give_way())
    }

    fn give_way(&self) -> Local<'static, ()> {
        self.pause()
    }
}

#[derive(Default)]
struct Tables(RefCell<HashMap<TableId, BlockTable>>);

impl TableSource for Tables {
    fn load(&self, table: TableId, page: u32) -> Local<'_, Result<TablePage, TableLoadError>> {
        Box::pin(async move {
            give_way().await;
            let tables = self.0.borrow();
            let table = tables.get(&table).ok_or(TableLoadError::Missing)?;
            table.pages().get(page as usize).cloned().ok_or(TableLoadError::Missing)
        })
    }
}

/// Everything that blobs need around them.
struct Room {
    form: Rc<Form>,
    tables: Rc<Tables>,
    pool: Rc<BufferPool>,
    path: Rc<ReadPath>,
    next_slot: Cell<u16>,
}

impl Room {
    fn new(form: &Rc<Form>) -> Self {
        Self::with_budgets(form, 8 * MIB, 4 * MIB)
    }

    fn with_budgets(form: &Rc<Form>, writing: usize, reading: usize) -> Self {
        let tables = Rc::new(Tables::default());
        let source = Rc::clone(&tables) as Rc<dyn TableSource>;
        let path = ReadPath {
            disk: Rc::clone(&form.disk),
            tables: Rc::new(TableCache::new(source, 4)),
            clock: Rc::new(StillClock),
            budget: Budget::new(reading),
        };
        Self {
            form: Rc::clone(form),
            tables,
            pool: BufferPool::new(Budget::new(writing)),
            path: Rc::new(path),
            next_slot: Cell::new(0),
        }
    }

    fn next_blob(&self) -> BlobId {
        self.next_slot.set(self.next_slot.get() + 1);
        blob(self.next_slot.get())
    }

    async fn writer(&self, expected_len: u64) -> Result<BlobWriter, DiskError> {
        let (disk, pool) = (Rc::clone(&self.form.disk), Rc::clone(&self.pool));
        BlobWriter::create(disk, Rc::new(StillClock), pool, self.next_blob(), expected_len).await
    }

    /// Writes `bytes` in pieces of varying length, and makes them durable.
    async fn write(
        &self,
        bytes: &Bytes,
        expected_len: u64,
        seed: u64,
    ) -> Result<Written, DiskError> {
        let mut random = Random(seed);
        let mut writer = self.writer(expected_len).await?;
        let mut at = 0;
        while at < bytes.len() {
            let step = [1, 700, 4096, 65_536, 200_000, 2 * MIB][random.below(6)];
            let end = (at + 1 + random.below(step)).min(bytes.len());
            writer.push(&bytes[at..end]).await?;
            at = end;
            if random.below(6) == 0 {
                // As when others wait for a buffer while nothing comes.
                writer.give_back().await?;
                assert_eq!(writer.len(), at as u64);
            }
        }
        assert_eq!(writer.len(), bytes.len() as u64);
        assert_eq!(writer.fingerprint(), Fingerprint::of(bytes));
        let written = writer.finish().await?;
        self.take_over(&written, bytes);
        Ok(written)
    }

    /// What a commit does with a blob.
    fn take_over(&self, written: &Written, bytes: &[u8]) {
        assert_eq!(self.form.syncer.sync(&[&written.unsynced]), [Ok(())]);
        assert_eq!(written.extent.fingerprint, Fingerprint::of(bytes));
        if let NewTable::Written(table) = &written.blob.table {
            self.tables.0.borrow_mut().insert(written.extent.table, table.clone());
        }
    }

    async fn read(&self, slices: Vec<PieceSlice>) -> Result<Vec<u8>, ReadError> {
        let mut random = Random(slices.len() as u64);
        let mut reader = BlockReader::new(Rc::clone(&self.path), slices);
        let mut bytes = Vec::new();
        while let Some(block) = reader.next().await {
            let block = block?;
            if random.below(6) == 0 {
                // As when others wait for memory while nobody takes this block.
                drop(block);
                reader.give_back();
            } else {
                bytes.extend_from_slice(&block);
            }
        }
        assert!(reader.next().await.is_none());
        Ok(bytes)
    }

    fn assert_nothing_is_held(&self) {
        assert_eq!(self.pool.budget().free(), self.pool.budget().capacity());
        assert_eq!(self.path.budget.free(), self.path.budget.capacity());
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn bytes(&mut self, len: usize) -> Bytes {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        let mut bytes: Vec<u8> = words.take(len.div_ceil(8)).flatten().collect();
        bytes.truncate(len);
        bytes.into()
    }
}

fn slice_of(extent: Extent, start: usize, end: usize) -> PieceSlice {
    let within = ByteRange::new(start as u64, end as u64).expect("ascending");
    PieceSlice { piece: Piece::Extent(extent), within }
}

fn inline(bytes: Bytes, start: usize, end: usize) -> PieceSlice {
    let within = ByteRange::new(start as u64, end as u64).expect("ascending");
    let fingerprint = Fingerprint::of(&bytes);
    PieceSlice { piece: Piece::Inline { bytes, fingerprint }, within }
}

on_each_form!(
    any_range_comes_back,
    tables_of_more_than_a_page,
    any_range_can_be_taken_over_and_taken_again,
    damage_is_found_and_named,
    the_file_of_a_dropped_writer_can_be_unlinked_at_once,
    streams_share_a_small_budget,
);

async fn any_range_comes_back(form: Rc<Form>) {
    let room = Room::new(&form);
    let mut random = Random(1);
    let lens =
        [1, 511, 4095, 4096, 4097, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 5 * MIB + 7];
    for len in lens {
        let bytes = random.bytes(len);
        // What was announced decides on buffers and reservations, never on the outcome.
        for expected_len in [len as u64, 0, 3 * len as u64] {
            let written = room.write(&bytes, expected_len, random.next()).await.expect("written");
            assert_eq!(written.extent.len, len as u64);
            assert_eq!(written.blob.len, len.next_multiple_of(4096) as u64);
            let whole = room.read(vec![slice_of(written.extent, 0, len)]).await.expect("whole");
            assert!(whole == bytes, "{len} bytes came back otherwise");
            for _ in 0..4 {
                let start = random.below(len);
                let end = start + 1 + random.below(len - start);
                let slices = vec![
                    slice_of(written.extent, start, end),
                    inline(bytes.slice(..len.min(1000)), 0, len.min(7)),
                    slice_of(written.extent, 0, 1),
                ];
                let read = room.read(slices).await.expect("any range");
                let wanted = [&bytes[start..end], &bytes[..len.min(7)], &bytes[..1]].concat();
                assert!(read == wanted, "{start}..{end} of {len} came back otherwise");
            }
            form.disk.unlink(vec![written.extent.blob]).await.expect("removed");
        }
    }
    room.assert_nothing_is_held();
}

async fn tables_of_more_than_a_page(form: Rc<Form>) {
    let room = Room::new(&form);
    let len = 33 * MIB + 12_345;
    let bytes = Random(2).bytes(len);
    let written = room.write(&bytes, len as u64, 3).await.expect("written");
    let around = [0..len, 16 * MIB - 1..16 * MIB + 1, 15 * MIB + 3..32 * MIB + 9, len - 1..len];
    for range in around {
        let slices = vec![slice_of(written.extent, range.start, range.end)];
        assert!(room.read(slices).await.expect("read") == bytes[range]);
    }
    let edge = vec![slice_of(written.extent, 16 * MIB - 5, 16 * MIB + 5)];
    let edge = read_to_memory(Rc::clone(&room.path), edge).await.expect("read");
    assert_eq!(edge, bytes[16 * MIB - 5..16 * MIB + 5]);

    // A table that was lost, or cut short, is said so.
    room.tables.0.borrow_mut().clear();
    let fresh = Room::new(&form);
    let all = vec![slice_of(written.extent, 0, len)];
    let table = written.extent.table;
    let missing = ReadError::Table { table, page: 0, error: TableLoadError::Missing };
    assert_eq!(fresh.read(all.clone()).await, Err(missing));
    let NewTable::Written(complete) = written.blob.table else { panic!("it was written") };
    let mut short = BlockTable::new();
    for index in 0..5 {
        let (block, len) = complete.pages()[0].block(index).expect("there");
        short.push(block, len);
    }
    fresh.tables.0.borrow_mut().insert(table, short);
    let contradiction = ReadError::Contradiction { blob: written.extent.blob, block: 5 };
    assert_eq!(fresh.read(all).await, Err(contradiction));
}

/// The bytes of `part` in a new blob.
async fn moved(
    disk: &Rc<dyn Disk>,
    part: Extent,
    blob_len: u64,
    means: Means,
    target: BlobId,
) -> Result<Written, DiskError> {
    let around = Blocks::around(&part, blob_len).expect("inside");
    let (unsynced, blob) = take(disk, around, means, target).await?;
    Ok(Written { unsynced, blob, extent: around.moved(part, target) })
}

async fn any_range_can_be_taken_over_and_taken_again(form: Rc<Form>) {
    let ways = form.disk.ways();
    let means: Vec<Means> = [
        (ways.clone, Means::Clone),
        (ways.copy_file_range, Means::Copy(KernelCopy::CopyFileRange)),
        (ways.splice, Means::Copy(KernelCopy::Splice)),
    ]
    .into_iter()
    .filter_map(|(works, means)| works.then_some(means))
    .collect();
    assert!(means.len() >= 2, "every Linux file system copies in the kernel: {ways:?}");
    let room = Room::new(&form);
    let mut random = Random(4);
    let len = 3 * MIB + 1234;
    let bytes = random.bytes(len);
    let source = room.write(&bytes, len as u64, 5).await.expect("written");
    let mut sources = vec![(source.extent, source.blob.len, 0)];
    for _ in 0..60 {
        let (from, blob_len, from_start) = sources[random.below(sources.len())];
        let from_len = usize::try_from(from.len).expect("small");
        let start = random.below(from_len);
        let end = start + 1 + random.below(from_len - start);
        let (from_byte, to_byte) = (from_start + start, from_start + end);
        let wanted = &bytes[from_byte..to_byte];
        let part = Extent {
            offset: from.offset + start as u64,
            len: (end - start) as u64,
            fingerprint: Fingerprint::of(wanted),
            ..from
        };
        let how = means[random.below(means.len())];
        let cloned = moved(&form.disk, part, blob_len, how, room.next_blob()).await;
        let cloned = cloned.unwrap_or_else(|error| panic!("{how:?}: {error}"));
        room.take_over(&cloned, wanted);
        let slack = cloned.blob.len - cloned.extent.len;
        assert!(slack < 2 * u64::from(BLOCK_LEN), "at most a block on either side");
        assert!(cloned.extent.offset < u64::from(BLOCK_LEN));
        assert_eq!(cloned.extent.table, source.extent.table, "the table is shared");
        sources.push((cloned.extent, cloned.blob.len, from_byte));
    }
    form.disk.unlink(vec![source.extent.blob]).await.expect("the clones do not need it");
    for (extent, _, start) in sources.into_iter().skip(1) {
        let len = usize::try_from(extent.len).expect("small");
        let read = room.read(vec![slice_of(extent, 0, len)]).await.expect("verified");
        assert!(read == bytes[start..start + len]);
    }
    for how in means {
        let (part, len) = (source.extent, source.blob.len);
        let gone = moved(&form.disk, part, len, how, room.next_blob()).await;
        assert_eq!(gone.map(drop), Err(DiskError::Missing), "{how:?}");
    }
    room.assert_nothing_is_held();
}

async fn damage_is_found_and_named(form: Rc<Form>) {
    let room = Room::new(&form);
    let mut random = Random(6);
    let len = 700_001;
    let bytes = random.bytes(len);
    for _ in 0..12 {
        let written = room.write(&bytes, len as u64, 7).await.expect("written");
        let at = random.below(len);
        (form.damage)(written.extent.blob, at as u64);
        let block = at / BLOCK_LEN as usize;
        let corrupt = ReadError::Corrupt { blob: written.extent.blob, block: block as u64 };
        let whole = room.read(vec![slice_of(written.extent, 0, len)]).await;
        assert_eq!(whole, Err(corrupt.clone()));
        let beside = if at.is_multiple_of(BLOCK_LEN as usize) { at + 1 } else { at - 1 };
        let same_block = room.read(vec![slice_of(written.extent, beside, beside + 1)]).await;
        assert_eq!(same_block, Err(corrupt), "no byte of a damaged block goes out");
        let others = block * BLOCK_LEN as usize;
        if others > 0 {
            let before = room.read(vec![slice_of(written.extent, 0, others)]).await;
            assert!(before.expect("whole blocks before it") == bytes[..others]);
        }
    }
    let written = room.write(&bytes, len as u64, 8).await.expect("written");
    (form.cut)(written.extent.blob, 400 * 1024);
    let short = room.read(vec![slice_of(written.extent, 0, len)]).await;
    let blob = written.extent.blob;
    assert_eq!(short, Err(ReadError::Disk { blob, error: DiskError::Truncated }));
    form.disk.unlink(vec![blob]).await.expect("removed");
    let gone = room.read(vec![slice_of(written.extent, 0, 1)]).await;
    assert_eq!(gone, Err(ReadError::Disk { blob, error: DiskError::Missing }));
    room.assert_nothing_is_held();
}

async fn the_file_of_a_dropped_writer_can_be_unlinked_at_once(form: Rc<Form>) {
    let room = Room::new(&form);
    let bytes = Random(9).bytes(3 * MIB + 17);
    for polls in (0..60).step_by(3) {
        let writing = async {
            let mut writer = room.writer(bytes.len() as u64).await?;
            writer.push(&bytes).await?;
            writer.push(b"more").await?;
            // Never finished: the client went away.
            Err::<(), _>(DiskError::Missing)
        };
        poll_times(Box::pin(writing), polls).await;
        form.disk.unlink(vec![blob(room.next_slot.get())]).await.expect("gone for good");
    }
    assert_eq!(form.disk.list_folder(FOLDER).await, Ok(vec![]));
    for polls in 0..30 {
        let mut writer = room.writer(bytes.len() as u64).await.expect("created");
        writer.push(&bytes).await.expect("taken");
        let blob = blob(room.next_slot.get());
        poll_times(Box::pin(writer.finish()), polls).await;
        form.disk.unlink(vec![blob]).await.expect("gone for good");
    }
    assert_eq!(form.disk.list_folder(FOLDER).await, Ok(vec![]));
    room.assert_nothing_is_held();
}

async fn streams_share_a_small_budget(form: Rc<Form>) {
    // Three writers and three readers of several MiB each, with memory for two and a half.
    let room = Room::with_budgets(&form, 5 * MIB / 2, 900 * 1024);
    let bytes: Vec<_> = (0..3).map(|seed| Random(seed).bytes(4 * MIB + 9)).collect();
    let writes = bytes.iter().map(|bytes| room.write(bytes, bytes.len() as u64, 11));
    let written = join_all(writes).await;
    let extents: Vec<_> =
        written.into_iter().map(|written| written.expect("written").extent).collect();
    let reads = extents.iter().map(|&extent| room.read(vec![slice_of(extent, 3, 4 * MIB)]));
    for (read, bytes) in join_all(reads).await.into_iter().zip(&bytes) {
        assert!(read.expect("read") == bytes[3..4 * MIB]);
    }
    room.assert_nothing_is_held();
}

#[test]
fn a_failed_write_fails_the_blob() {
    let disk = MemoryDisk::new(64 * MIB as u64);
    for call in [Call::Create, Call::Reserve, Call::Write, Call::Finish] {
        block_on(async {
            disk.make_folder(FOLDER).await.expect("made");
            let pool = BufferPool::new(Budget::new(2 * BUFFER_LEN));
            let (device, clock) = (Rc::new(disk.clone()), Rc::new(StillClock));
            disk.fail(call, 0, DiskError::NoSpace);
            let outcome = async {
                let mut writer =
                    BlobWriter::create(device, clock, Rc::clone(&pool), blob(1), 2 * MIB as u64)
                        .await?;
                writer.push(&vec![1; 2 * MIB]).await?;
                writer.finish().await
            };
            assert_eq!(outcome.await.map(drop), Err(DiskError::NoSpace), "{call:?}");
            assert_eq!(disk.blobs().is_empty(), call == Call::Create, "{call:?}");
            disk.unlink(vec![blob(1)]).await.expect("removed");
            assert_eq!(pool.budget().free(), 2 * BUFFER_LEN);
        });
    }
}

#[test]
fn reservations_run_ahead_but_not_far() {
    let disk = MemoryDisk::new(1024 * MIB as u64);
    block_on(async {
        disk.make_folder(FOLDER).await.expect("made");
        let pool = BufferPool::new(Budget::new(2 * BUFFER_LEN));
        let (device, clock) = (Rc::new(disk.clone()), Rc::new(StillClock));
        let announced = 5 << 30;
        let mut writer =
            BlobWriter::create(device, clock, pool, blob(1), announced).await.expect("created");
        for received in 1..=70 {
            writer.push(&vec![1; MIB]).await.expect("taken");
            let space = disk.free().await.expect("known");
            let used = space.total - space.free;
            let received = received * MIB as u64;
            assert!(
                used >= received && used <= received + write::RESERVE_AHEAD,
                "{used} {received}"
            );
        }
        let written = writer.finish().await.expect("a body may be shorter than announced");
        assert_eq!(written.blob.len, 70 * MIB as u64);
        let space = disk.free().await.expect("known");
        assert_eq!(space.total - space.free, 70 * MIB as u64);
    });
}

#[test]
fn an_inline_piece_is_verified_too() {
    in_memory(|form| {
        Box::pin(async move {
            let room = Room::new(&form);
            let bytes = Bytes::from_static(b"a small object");
            let good = inline(bytes.clone(), 2, 7);
            assert_eq!(room.read(vec![good]).await, Ok(b"small".to_vec()));
            let fingerprint = Fingerprint::of(b"another object");
            let within = ByteRange::new(2, 7).expect("ascending");
            let bad = PieceSlice { piece: Piece::Inline { bytes, fingerprint }, within };
            assert_eq!(room.read(vec![bad]).await, Err(ReadError::CorruptInline));
        })
    });
}

#[test]
fn a_slow_consumer_holds_no_more_than_it_took() {
    in_memory(|form| {
        Box::pin(async move {
            let room = Room::with_budgets(&form, 4 * MIB, MIB);
            let bytes = Random(12).bytes(4 * MIB);
            let written = room.write(&bytes, bytes.len() as u64, 13).await.expect("written");
            let slices = || vec![slice_of(written.extent, 0, 4 * MIB)];
            let mut slow = BlockReader::new(Rc::clone(&room.path), slices());
            let kept = slow.next().await.expect("some").expect("read");
            assert_eq!(room.path.budget.free(), 0, "it reads ahead with what is free");
            // Another stream is next in line, however much the slow one would like to read ahead.
            let mut other = BlockReader::new(Rc::clone(&room.path), slices());
            let mut waiting: Local<'_, _> = Box::pin(other.next());
            while room.path.budget.waiting() == 0 {
                let polled = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
                assert!(polled.await.is_pending(), "nothing is free");
            }
            assert!(room.path.budget.try_take(1).is_none());
            drop(waiting);
            assert_eq!(room.path.budget.waiting(), 0);
            drop(kept);
            assert_eq!(room.path.budget.free(), MIB / 2);
            drop(slow);
            let read = room.read(slices()).await.expect("read");
            assert!(read == bytes);
            room.assert_nothing_is_held();
        })
    });
}

#[test]
fn who_takes_nothing_gives_back_what_others_wait_for() {
    in_memory(|form| {
        Box::pin(async move {
            let room = Room::with_budgets(&form, 4 * MIB, MIB);
            let bytes = Random(14).bytes(4 * MIB);
            let written = room.write(&bytes, bytes.len() as u64, 15).await.expect("written");
            let slices = || vec![slice_of(written.extent, 0, 4 * MIB)];
            let mut slow = BlockReader::new(Rc::clone(&room.path), slices());
            let mut got = slow.next().await.expect("some").expect("read").to_vec();
            let ready = slow.next().await.expect("some").expect("read");
            assert_eq!(room.path.budget.free(), 0, "it has read ahead");
            let (asked, other) = (slow.asked_back(), async {
                let mut other = BlockReader::new(Rc::clone(&room.path), slices());
                other.next().await.expect("some").expect("read")
            });
            let giving = async {
                asked.await;
                assert!(room.path.budget.is_scarce());
                drop(ready);
                slow.give_back();
                slow
            };
            let (mut slow, other) = join(giving, other).await;
            assert!(bytes.starts_with(&other));
            assert_eq!(room.path.budget.free(), MIB - other.len());
            drop(other);
            // It goes on where it was, with all that there is again.
            while let Some(block) = slow.next().await {
                got.extend_from_slice(&block.expect("read"));
            }
            assert!(got == bytes);
            assert!(!room.path.budget.is_scarce());
            room.assert_nothing_is_held();
        })
    });
}

#[test]
fn outer_ranges_end_on_blocks_or_with_the_blob() {
    let outer = |start, end, len| {
        let outer = outer_range(ByteRange::new(start, end).expect("ascending"), len);
        let outer = outer.expect("inside");
        (outer.start(), outer.end())
    };
    let block = u64::from(BLOCK_LEN);
    assert_eq!(outer(0, 1, 10 * block), (0, block));
    assert_eq!(outer(block - 1, block + 1, 10 * block), (0, 2 * block));
    assert_eq!(outer(block, 2 * block, 10 * block), (block, 2 * block));
    assert_eq!(outer(block + 5, block + 6, block + 4096), (block, block + 4096));
}

/// Records that are damaged may say anything.
#[test]
fn blocks_outside_of_a_blob_or_beyond_any_table_are_none() {
    let block = u64::from(BLOCK_LEN);
    let around = |offset, len, first_block, blob_len| {
        let (blob, table, fingerprint) = (blob(1), TableId::new(1), Fingerprint::EMPTY);
        let extent = Extent { blob, offset, len, table, first_block, fingerprint };
        Blocks::around(&extent, blob_len).map(|blocks| blocks.first_of_range())
    };
    assert_eq!(around(block, 10, u32::MAX - 1, 2 * block), Some(u32::MAX));
    assert_eq!(around(block, 10, u32::MAX, 2 * block), None);
    assert_eq!(around(block << 32, 10, 0, 1 << 60), None);
    assert_eq!(around(block, 1, 0, block), None);
    assert_eq!(around(9 * block, 1, 0, block), None);
    assert_eq!(around(u64::MAX, 1, 0, u64::MAX), None);
}

/// A clone costs by the extent, so a blob must not be scattered among those that are written beside it.
#[test]
fn blobs_that_are_written_side_by_side_lie_in_few_extents() {
    const WRITERS: usize = 8;
    const LEN: usize = 12 * MIB + 5;
    for mounted in [LoopDisk::xfs(), LoopDisk::ext4()].into_iter().flatten() {
        let data = mounted.path().join("data");
        let folder = data.clone();
        let case = |form: Rc<Form>| async move {
            let room = Room::new(&form);
            let bytes = Random(1).bytes(LEN);
            let write = async || {
                let mut writer = room.writer(LEN as u64).await?;
                for piece in bytes.chunks(MIB / 2) {
                    writer.push(piece).await?;
                }
                writer.finish().await
            };
            for written in join_all((0..WRITERS).map(|_| write())).await {
                let written = written.expect("written");
                assert_eq!(form.syncer.sync(&[&written.unsynced]), [Ok(())]);
                let extents = extents(&file_path(&folder, written.extent.blob));
                assert!((1..=3).contains(&extents), "{extents} extents in {}", folder.display());
            }
        };
        on_path(&data, move |form| Box::pin(case(form)));
    }
}

/// How many extents the file system says that a file has.
fn extents(path: &Path) -> usize {
    let said = Command::new("filefrag").arg(path).output().expect("filefrag of e2fsprogs");
    let text = String::from_utf8(said.stdout).expect("text");
    let count = text.rsplit_once(": ").and_then(|(_, found)| found.split(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no number of extents in {text:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever byte of a blob changes, a read that touches its block says so, and any other read is right.
    #[test]
    fn no_changed_byte_goes_out(
        len in 1_usize..300_000,
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let disk = MemoryDisk::new(1 << 20);
        let damaged = disk.clone();
        let form = Rc::new(Form {
            disk: Rc::new(disk.clone()),
            syncer: std::sync::Arc::new(disk.clone()),
            damage: Box::new(move |blob, at| assert!(damaged.corrupt(blob, at, flip))),
            cut: Box::new(|_, _| ()),
        });
        let room = Room::new(&form);
        let bytes = Random(seed).bytes(len);
        let start = from.index(len);
        let end = start + 1 + to.index(len - start);
        block_on(async {
            disk.make_folder(FOLDER).await.expect("made");
            let written = room.write(&bytes, len as u64, seed).await.expect("written");
            let slices = || vec![slice_of(written.extent, start, end)];
            prop_assert_eq!(room.read(slices()).await.expect("sound"), &bytes[start..end]);
            let at = at.index(usize::try_from(written.blob.len).expect("small"));
            (form.damage)(written.extent.blob, at as u64);
            let block = at / BLOCK_LEN as usize;
            let touched = start / BLOCK_LEN as usize <= block && block <= (end - 1) / BLOCK_LEN as usize;
            let read = room.read(slices()).await;
            if at < len && touched {
                let blob = written.extent.blob;
                prop_assert_eq!(read, Err(ReadError::Corrupt { blob, block: block as u64 }));
            } else {
                prop_assert_eq!(read.expect("not touched"), &bytes[start..end]);
            }
            Ok(())
        })?;
    }
}
