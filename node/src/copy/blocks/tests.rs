//! Blocks in a new blob, by each way: what the records will say of it is what its file holds.

use std::pin::pin;
use std::task::{Context, Waker};

use md5::{Digest as _, Md5};
use meta::command::NewTable;
use meta::id::{BlobId, FOLDER_SLOTS};
use meta::query;

use super::*;
use crate::config::Way;
use crate::copy::Digested;
use crate::disk::memory::{Call, MemoryDisk};
use crate::testing::{TestNode, ask};

const MIB: u64 = 1 << 20;
const BLOCK: u64 = BLOCK_LEN as u64;
const LEN: u64 = 2 * MIB + 12_345;

/// A node that knows these ways, and the bytes and the blob of an object of [`LEN`] bytes in it.
fn node(ways: &[Way]) -> (TestNode, Vec<u8>, BlobId) {
    let node = TestNode::with(MemoryDisk::new(1 << 30), |config| config.copy.ways = ways.to_vec());
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    let bytes: Vec<u8> = (0..LEN).map(|at| (at * at / 7 % 251).to_le_bytes()[0]).collect();
    node.put("/bkt/key", &bytes);
    let blob = node.disk.blobs()[0];
    (node, bytes, blob)
}

/// The blocks of `range` of the blob, as a rewriter takes them from its record.
fn blocks_of(node: &TestNode, blob: BlobId, start: u64, end: u64) -> Blocks {
    let record = ask(node, |store| query::blob(store, blob));
    let range = ByteRange::new(start, end.min(record.len)).expect("ascending");
    Blocks { blob, range, table: record.table, first_block: record.first_block }
}

#[test]
fn each_way_makes_a_blob_of_exactly_these_blocks() {
    for way in [Way::Reflink, Way::CopyFileRange, Way::Splice, Way::Rw] {
        for (start, end) in [(0, BLOCK), (MIB, MIB + 2 * BLOCK), (MIB, u64::MAX), (0, u64::MAX)] {
            let (node, bytes, blob) = node(&[Way::Share, way, Way::Rw]);
            let source = blocks_of(&node, blob, start, end);
            let mut files = NewFiles::none(&node.machine);
            let (went, made) = node.run(blocks(&node.machine, &mut files, source)).expect("made");
            assert_eq!((went, files.unsynced.len()), (way, 1), "{source:?}");
            assert_eq!(made.len, source.range.len(), "{way:?} {source:?}");
            let end = usize::try_from(end.min(LEN)).expect("small");
            let wanted = &bytes[usize::try_from(start).expect("small")..end];
            match made.table {
                NewTable::Written(table) => {
                    assert_eq!(way, Way::Rw);
                    assert_eq!(
                        (table.len(), table.total()),
                        (wanted.len() as u64, Fingerprint::of(wanted))
                    );
                }
                NewTable::Cloned { table, first_block } => {
                    assert!(way != Way::Rw && table == source.table);
                    assert_eq!(u64::from(first_block), start / BLOCK);
                }
            }
            let head = usize::try_from(BLOCK).expect("small").min(wanted.len());
            let read =
                node.run(node.machine.disk.read(made.id, 0, BLOCK_LEN as usize)).expect("there");
            assert_eq!(read[..head], wanted[..head]);
            files.abandon();
            node.settle();
            assert_eq!(node.disk.blobs(), [blob]);
        }
    }
}

#[test]
fn refusals_take_the_next_way_and_the_last_one_verifies() {
    let (node, _, blob) = node(&Way::ALL);
    let all = blocks_of(&node, blob, 0, u64::MAX);
    for call in [Call::Clone, Call::CopyFileRange, Call::Splice] {
        node.disk.fail(call, 0, DiskError::NoSpace);
    }
    let mut files = NewFiles::none(&node.machine);
    let made = node.run(blocks(&node.machine, &mut files, all));
    assert_eq!(made.map(|(way, _)| way).ok(), Some(Way::Rw));
    files.abandon();
    node.settle();
    for call in [Call::Clone, Call::CopyFileRange, Call::Splice] {
        node.disk.fail(call, 0, DiskError::NoSpace);
    }
    assert!(node.disk.corrupt(blob, 3 * BLOCK + 5, 1));
    let mut files = NewFiles::none(&node.machine);
    let damaged = node.run(blocks(&node.machine, &mut files, all));
    let found = matches!(damaged, Err(CopyError::Read(ReadError::Corrupt { block: 3, .. })));
    assert!(found, "{damaged:?}");
    drop(files);
    node.settle();
    assert_eq!(node.disk.blobs(), [blob], "a rewrite that fails leaves nothing");
}

/// A full disk refuses the folder of a new lease as well: a way that needs no file is still taken.
#[test]
fn a_refused_folder_is_a_refused_way() {
    let (node, _, blob) = node(&Way::ALL);
    let source = blocks_of(&node, blob, 0, BLOCK);
    let left = FOLDER_SLOTS - 1 - blob.slot();
    let mut spent = NewFiles::none(&node.machine);
    for _ in 0..left {
        node.run(spent.reserve()).expect("an id of the folder at hand");
    }
    node.disk.fail(Call::MakeFolder, 0, DiskError::NoSpace);
    let mut files = NewFiles::none(&node.machine);
    let way = Way::Reflink;
    let made = node.run(by(&node.machine, &mut files, source, way, Means::Clone));
    assert!(matches!(made, Ok(None)), "{made:?}");
    let made = node.run(by(&node.machine, &mut files, source, way, Means::Clone));
    assert!(matches!(made, Ok(Some(_))), "{made:?}");
}

/// Whoever asks for a copy waits in the queue of short answers, and is in nobody's way there.
#[test]
fn bytes_are_moved_and_hashed_in_the_queue_for_long_work() {
    const POLLS: usize = 1_000;
    let (node, bytes, blob) = node(&[Way::Rw]);
    let source = blocks_of(&node, blob, 0, u64::MAX);
    let all = node.run(logical(&node.machine, source)).expect("known");
    let mut files = NewFiles::none(&node.machine);
    {
        let mut moving = pin!(blocks(&node.machine, &mut files, source));
        let mut hashing = pin!(Digested::of(&node.machine, vec![all], true, None));
        let mut context = Context::from_waker(Waker::noop());
        let mut aside = Vec::new();
        for _ in 0..POLLS {
            assert!(moving.as_mut().poll(&mut context).is_pending());
            assert!(hashing.as_mut().poll(&mut context).is_pending());
            aside.extend(node.set_tasks_aside());
        }
        assert_eq!((aside.len(), node.disk.blobs()), (2, vec![blob]), "nothing has been done");
        node.put_tasks_back(aside);
        let (way, _) = node.run(moving).expect("made");
        assert_eq!(way, Way::Rw);
        let digested = node.run(hashing).expect("read");
        assert_eq!(digested.md5, Some(Md5::digest(&bytes).into()));
    }
    files.abandon();
    node.settle();
    assert_eq!(node.disk.blobs(), [blob]);
}
