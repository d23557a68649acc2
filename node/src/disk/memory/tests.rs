//! What the seeded disk may do to data, each rule by its name: all outcomes that a rule allows are seen, and no other.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use protocol::range::ByteRange;

use super::*;
use crate::budget::Budget;
use crate::disk::tests::{FOLDER, blob, block_on};
use crate::disk::{ALIGN, BlobFile, BufferPool, Disk, KernelCopy, Syncer, Unsynced};
use crate::seam::Local;
use crate::stage::Turn;

const TOTAL: u64 = 1 << 30;
const BLOCK: usize = ALIGN;

/// Enough that whatever happens once in a hundred times happens.
const SEEDS: u64 = 600;

/// What comes of the same story on disks of many seeds.
fn outcomes<T: Ord>(story: impl Fn(&MemoryDisk) -> T) -> BTreeSet<T> {
    let disks = (0..SEEDS).map(|seed| MemoryDisk::seeded(TOTAL, seed));
    disks
        .map(|disk| {
            done(disk.make_folder(FOLDER));
            story(&disk)
        })
        .collect()
}

#[track_caller]
fn assert_outcomes<T: Ord + Debug>(story: impl Fn(&MemoryDisk) -> T, expected: &[T]) {
    let seen = outcomes(story);
    assert!(seen.iter().eq(expected), "{seen:?}");
}

fn done<T, E: Debug>(call: impl Future<Output = Result<T, E>>) -> T {
    block_on(call).expect("done")
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(1 + at / 7 % 250).expect("small")).collect()
}

fn range(from: usize, to: usize) -> ByteRange {
    ByteRange::new((from * BLOCK) as u64, (to * BLOCK) as u64).expect("ascending")
}

/// Writes a file of whole blocks, in two writes if it has more than one.
fn write(disk: &MemoryDisk, name: BlobId, bytes: &[u8]) -> Unsynced {
    let file = done(disk.create(name));
    let half = bytes.len() / BLOCK / 2 * BLOCK;
    for (at, piece) in [(0, &bytes[..half]), (half, &bytes[half..])] {
        if !piece.is_empty() {
            put(&*file, at, piece);
        }
    }
    done(file.finish(bytes.len() as u64))
}

fn put(file: &dyn BlobFile, at: usize, bytes: &[u8]) {
    let pool = BufferPool::new(Budget::new(1 << 20));
    let mut buffer = pool.try_take(bytes.len() as u64).expect("free");
    buffer.append(bytes);
    buffer.seal();
    done(file.write(at as u64, buffer));
}

fn written_and_synced(disk: &MemoryDisk, name: BlobId, bytes: &[u8]) {
    let unsynced = write(disk, name, bytes);
    assert_eq!(disk.sync(&[&unsynced]), [Ok(())]);
}

fn read(disk: &MemoryDisk, name: BlobId, len: usize) -> Result<Vec<u8>, DiskError> {
    block_on(disk.read(name, 0, len)).map(|block| block.to_vec())
}

/// Polls a call until it is over or the power is; true if it is over.
fn poll_until_the_power_is_off<T>(disk: &MemoryDisk, mut call: Local<'_, T>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    while !disk.crashed() {
        if call.as_mut().poll(&mut context).is_ready() {
            return true;
        }
    }
    false
}

#[test]
fn what_was_synced_stays() {
    let bytes = pattern(5 * BLOCK);
    let story = |disk: &MemoryDisk| {
        written_and_synced(disk, blob(1), &bytes);
        assert_eq!(disk.durable_blob(blob(1)).as_deref(), Some(&bytes[..]));
        disk.crash();
        (disk.blobs(), read(disk, blob(1), bytes.len()) == Ok(bytes.clone()), disk.used())
    };
    assert_outcomes(story, &[(vec![blob(1)], true, 5 * BLOCK as u64)]);
}

#[test]
fn the_name_of_a_synced_file_may_be_lost_until_its_folder_is_synced() {
    let story = |disk: &MemoryDisk| {
        disk.plant(Lie::SyncSkipsFolder);
        written_and_synced(disk, blob(1), &pattern(BLOCK));
        assert_eq!(disk.durable_blob(blob(1)), None);
        disk.crash();
        (disk.blobs(), read(disk, blob(1), BLOCK).ok())
    };
    assert_outcomes(story, &[(vec![], None), (vec![blob(1)], Some(pattern(BLOCK)))]);
}

#[test]
fn the_sync_of_a_folder_does_not_cover_bytes() {
    let story = |disk: &MemoryDisk| {
        disk.plant(Lie::SyncSkipsBytes);
        written_and_synced(disk, blob(1), &pattern(BLOCK));
        assert_eq!(disk.durable_blob(blob(1)), None);
        disk.crash();
        assert_eq!(disk.blobs(), [blob(1)]);
        let len = disk.durable_len(blob(1));
        (len, len == Some(BLOCK as u64) && read(disk, blob(1), BLOCK) == Ok(pattern(BLOCK)))
    };
    let block = Some(BLOCK as u64);
    assert_outcomes(story, &[(Some(0), false), (block, false), (block, true)]);
}

#[test]
fn an_unsynced_block_is_new_or_zero_or_torn_or_garbage() {
    let new = pattern(BLOCK);
    let story = |disk: &MemoryDisk| {
        disk.plant(Lie::SyncSkipsBytes);
        written_and_synced(disk, blob(1), &new);
        disk.crash();
        let Ok(found) = read(disk, blob(1), BLOCK) else { return "short" };
        let same = found.iter().zip(&new).take_while(|(found, new)| found == new).count();
        let sectors = same / 512;
        if sectors == BLOCK / 512 {
            "new"
        } else if found[sectors * 512..].iter().all(|&byte| byte == 0) {
            if sectors == 0 { "zero" } else { "torn" }
        } else {
            assert!(same < 8, "garbage begins at once");
            "garbage"
        }
    };
    assert_outcomes(story, &["garbage", "new", "short", "torn", "zero"]);
}

#[test]
fn the_length_of_an_unsynced_file_is_old_or_new_or_between() {
    let story = |disk: &MemoryDisk| {
        disk.plant(Lie::SyncSkipsBytes);
        written_and_synced(disk, blob(1), &pattern(4 * BLOCK));
        disk.crash();
        assert_eq!(disk.durable_len(blob(1)), Some(disk.used()), "it holds what it is long");
        disk.used() / BLOCK as u64
    };
    assert_outcomes(story, &[0, 1, 2, 3, 4]);
}

#[test]
fn an_unlinked_file_may_come_back_until_its_folder_is_synced() {
    let story = |disk: &MemoryDisk, lie: bool| {
        written_and_synced(disk, blob(1), &pattern(BLOCK));
        if lie {
            disk.plant(Lie::UnlinkNotSynced);
        }
        done(disk.unlink(vec![blob(1)]));
        assert_eq!((disk.blobs(), disk.used(), disk.durable_blob(blob(1))), (vec![], 0, None));
        disk.crash();
        (disk.used(), read(disk, blob(1), BLOCK).ok())
    };
    let back = (BLOCK as u64, Some(pattern(BLOCK)));
    assert_outcomes(|disk| story(disk, true), &[(0, None), back]);
    assert_outcomes(|disk| story(disk, false), &[(0, None)]);
}

#[test]
fn an_unlinked_file_stays_away_if_its_folder_is_removed_meanwhile() {
    let story = |disk: &MemoryDisk| {
        written_and_synced(disk, blob(1), &pattern(BLOCK));
        let mut context = Context::from_waker(Waker::noop());
        let (mut unlinking, mut removing) = (disk.unlink(vec![blob(1)]), None);
        let unlinked = loop {
            if let Poll::Ready(unlinked) = unlinking.as_mut().poll(&mut context) {
                break unlinked;
            }
            if disk.blobs().is_empty() {
                // Begins, and stands still from then on.
                let removing = removing.get_or_insert_with(|| disk.remove_folder(FOLDER));
                while !disk.folders().is_empty() {
                    let _begun = removing.as_mut().poll(&mut context);
                }
            }
        };
        unlinked.expect("unlinked");
        disk.crash();
        disk.blobs()
    };
    assert_outcomes(story, &[vec![]]);
}

#[test]
fn a_file_created_and_unlinked_may_be_there_after_all() {
    let story = |disk: &MemoryDisk| {
        disk.plant(Lie::UnlinkNotSynced);
        write(disk, blob(1), &pattern(BLOCK));
        done(disk.unlink(vec![blob(1)]));
        disk.crash();
        disk.blobs()
    };
    assert_outcomes(story, &[vec![], vec![blob(1)]]);
}

#[test]
fn a_folder_is_volatile_until_its_parent_is_synced_and_takes_its_files_along() {
    let story = |disk: &MemoryDisk| {
        disk.plant(Lie::FolderNotSynced);
        let second = FolderId::new(2);
        done(disk.make_folder(second));
        let inside = BlobId::in_folder(second, 7);
        written_and_synced(disk, inside, &pattern(BLOCK));
        assert_eq!(disk.durable_blob(inside), None);
        disk.crash();
        (disk.folders().len(), disk.blobs().len(), disk.used())
    };
    assert_outcomes(story, &[(1, 0, 0), (2, 1, BLOCK as u64)]);
}

#[test]
fn a_removed_folder_may_come_back_until_its_parent_is_synced() {
    let story = |disk: &MemoryDisk| {
        disk.crash_after(1);
        assert!(!poll_until_the_power_is_off(disk, disk.remove_folder(FOLDER)));
        disk.restart();
        disk.folders()
    };
    assert_outcomes(story, &[vec![], vec![FOLDER]]);
}

#[test]
fn what_moves_to_the_lost_folder_is_in_one_place_at_any_time() {
    for steps in 0..=3 {
        let story = |disk: &MemoryDisk| {
            written_and_synced(disk, blob(1), &pattern(BLOCK));
            disk.crash_after(steps);
            let over = poll_until_the_power_is_off(disk, disk.move_to_lost(blob(1)));
            assert_eq!(over, steps == 3);
            disk.restart();
            assert_eq!(disk.used(), BLOCK as u64);
            (disk.blobs(), disk.lost())
        };
        let (old, new) = ((vec![blob(1)], vec![]), (vec![], vec![blob(1)]));
        match steps {
            0 => assert_outcomes(story, &[old]),
            1 => assert_outcomes(story, &[new, old]),
            _ => assert_outcomes(story, &[new]),
        }
    }
}

#[test]
fn an_unsynced_file_that_was_moved_is_in_one_place_or_in_none() {
    let story = |disk: &MemoryDisk| {
        write(disk, blob(1), &pattern(BLOCK));
        disk.crash_after(1);
        assert!(!poll_until_the_power_is_off(disk, disk.move_to_lost(blob(1))));
        disk.restart();
        disk.blobs().len() + disk.lost().len()
    };
    assert_outcomes(story, &[0, 1]);
}

#[test]
fn a_crash_inside_an_unlink_of_many_leaves_some() {
    let many = [blob(1), blob(2), blob(3)];
    let story = |disk: &MemoryDisk| {
        for name in many {
            written_and_synced(disk, name, &pattern(BLOCK));
        }
        disk.crash_after(2);
        assert!(!poll_until_the_power_is_off(disk, disk.unlink(many.to_vec())));
        disk.restart();
        disk.blobs()
    };
    let left = |slots: &[u16]| slots.iter().map(|&slot| blob(slot)).collect::<Vec<_>>();
    assert_outcomes(story, &[left(&[1, 2, 3]), left(&[1, 3]), left(&[2, 3]), left(&[3])]);
}

#[test]
fn a_clone_is_as_volatile_as_what_was_written() {
    let bytes = pattern(4 * BLOCK);
    let story = |disk: &MemoryDisk, synced: bool| {
        written_and_synced(disk, blob(1), &bytes);
        let clone = done(disk.clone_range(blob(1), range(1, 3), blob(2)));
        if synced {
            assert_eq!(disk.sync(&[&clone]), [Ok(())]);
        }
        disk.crash();
        assert_eq!(read(disk, blob(1), bytes.len()), Ok(bytes.clone()), "the source is untouched");
        let whole = read(disk, blob(2), 2 * BLOCK).as_deref() == Ok(&bytes[BLOCK..3 * BLOCK]);
        (disk.blobs().len(), whole)
    };
    assert_outcomes(|disk| story(disk, false), &[(1, false), (2, false), (2, true)]);
    assert_outcomes(|disk| story(disk, true), &[(2, true)]);
}

#[test]
fn a_failed_sync_loses_what_was_volatile_and_is_reported_once() {
    let story = |disk: &MemoryDisk| {
        let unsynced = write(disk, blob(1), &pattern(2 * BLOCK));
        disk.fail(Call::Sync, 0, DiskError::NoSpace);
        assert_eq!(disk.sync(&[&unsynced]), [Err(DiskError::NoSpace)]);
        assert!(disk.sync(&[&unsynced])[0].is_err(), "who was told does not ask again");
        let again = Unsynced::of_memory(blob(1));
        assert_eq!(disk.sync(&[&again]), [Ok(())], "the file system has forgotten it");
        read(disk, blob(1), 2 * BLOCK) == Ok(pattern(2 * BLOCK))
    };
    assert_outcomes(story, &[false, true]);
}

#[test]
fn a_crash_inside_a_sync_fails_it_and_leaves_any_part_of_it() {
    let story = |disk: &MemoryDisk| {
        let files = [1, 2].map(|slot| write(disk, blob(slot), &pattern(BLOCK)));
        disk.crash_after(2);
        let synced = disk.sync(&files.each_ref());
        assert!(disk.crashed() && synced.iter().any(Result::is_err));
        disk.restart();
        let whole = |slot| read(disk, blob(slot), BLOCK) == Ok(pattern(BLOCK));
        (whole(1), whole(2))
    };
    let (no, yes) = (false, true);
    assert_outcomes(story, &[(no, no), (no, yes), (yes, no), (yes, yes)]);
}

#[test]
fn the_power_can_go_at_any_step_and_nothing_completes_after_it() {
    let steps_of = |disk: &MemoryDisk| {
        let before = disk.steps_taken();
        done(disk.make_folder(FolderId::new(2)));
        disk.steps_taken() - before
    };
    assert_outcomes(steps_of, &[2]);
    let disk = MemoryDisk::seeded(TOTAL, 1);
    done(disk.make_folder(FOLDER));
    let unsynced = write(&disk, blob(1), &pattern(BLOCK));
    disk.crash_after(0);
    let mut call = disk.list_folder(FOLDER);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10 {
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    assert!(disk.crashed() && disk.sync(&[&unsynced])[0].is_err());
    disk.restart();
    for _ in 0..10 {
        assert!(call.as_mut().poll(&mut context).is_pending(), "it is from another life");
    }
    assert!(!disk.crashed());
    assert_eq!(done(disk.list_folders()), [FOLDER]);
}

#[test]
fn the_end_of_the_process_takes_nothing_and_makes_nothing_durable() {
    let story = |disk: &MemoryDisk| {
        write(disk, blob(1), &pattern(BLOCK));
        disk.end_process();
        assert_eq!(read(disk, blob(1), BLOCK), Ok(pattern(BLOCK)));
        disk.crash();
        disk.blobs()
    };
    assert_outcomes(story, &[vec![], vec![blob(1)]]);
}

#[test]
fn a_call_whose_caller_went_away_ends_unseen() {
    let story = |disk: &MemoryDisk| {
        written_and_synced(disk, blob(1), &pattern(BLOCK));
        let mut context = Context::from_waker(Waker::noop());
        drop(disk.unlink(vec![blob(1)]));
        assert_eq!(disk.turn(), Turn::Idle, "it had not begun");
        {
            let mut creating = disk.create(blob(2));
            assert!(creating.as_mut().poll(&mut context).is_pending());
        }
        let mut unlinking = pin!(disk.unlink(vec![blob(1), blob(2)]));
        let early = unlinking.as_mut().poll(&mut context).is_ready();
        assert!(!early && !disk.blobs().is_empty());
        done(unlinking);
        while disk.turn() == Turn::Worked {}
        disk.blobs()
    };
    assert_outcomes(story, &[vec![]]);
}

#[test]
fn a_file_without_a_name_can_be_read_and_written_to_its_end() {
    let story = |disk: &MemoryDisk| {
        written_and_synced(disk, blob(1), &pattern(BLOCK));
        let mut reading = disk.read(blob(1), 0, BLOCK);
        let mut context = Context::from_waker(Waker::noop());
        assert!(reading.as_mut().poll(&mut context).is_pending());
        let early = reading.as_mut().poll(&mut context);
        let file: Rc<dyn BlobFile> = done(disk.create(blob(2)));
        done(file.reserve(BLOCK as u64));
        done(disk.unlink(vec![blob(1), blob(2)]));
        put(&*file, 0, &pattern(2 * BLOCK));
        let unsynced = done(file.finish(2 * BLOCK as u64));
        assert_eq!(disk.sync(&[&unsynced]), [Ok(())]);
        assert_eq!(disk.used(), 0);
        let read = match early {
            Poll::Ready(read) => read,
            Poll::Pending => block_on(reading),
        };
        read.map(|block| block.to_vec())
    };
    assert!(outcomes(|disk| story(disk).expect("read")).iter().eq([&pattern(BLOCK)]));
}

#[test]
fn shared_blocks_count_once_and_are_free_when_the_last_holder_goes() {
    let disk = MemoryDisk::new(10 * BLOCK as u64);
    done(disk.make_folder(FOLDER));
    let blocks = || disk.used() / BLOCK as u64;
    written_and_synced(&disk, blob(1), &pattern(6 * BLOCK));
    let clones = [(2, range(0, 2)), (3, range(1, 4))];
    for (slot, part) in clones {
        let clone = done(disk.clone_range(blob(1), part, blob(slot)));
        assert_eq!((disk.sync(&[&clone]), blocks()), (vec![Ok(())], 6));
    }
    let chained = done(disk.clone_range(blob(3), range(1, 3), blob(4)));
    assert_eq!((disk.sync(&[&chained]), blocks()), (vec![Ok(())], 6));
    let full = block_on(disk.copy_range(blob(1), range(0, 5), blob(5), KernelCopy::Splice));
    assert_eq!((full.map(drop), blocks()), (Err(DiskError::NoSpace), 6));
    assert_eq!(disk.blobs().len(), 4, "nothing is left of it");
    done(disk.unlink(vec![blob(1)]));
    assert_eq!(blocks(), 4, "those that a clone holds");
    disk.crash();
    assert_eq!(blocks(), 4);
    done(disk.unlink(vec![blob(3)]));
    assert_eq!(blocks(), 4, "0 and 1 of the one, 2 and 3 of the other");
    done(disk.unlink(vec![blob(2), blob(4)]));
    assert_eq!(blocks(), 0);
}

#[test]
fn any_step_can_fail_by_chance() {
    let story = |disk: &MemoryDisk| {
        written_and_synced(disk, blob(1), &pattern(BLOCK));
        disk.set_fault_rate(3);
        let failed = block_on(disk.create(blob(2))).map(drop);
        let read = block_on(disk.read(blob(1), 0, BLOCK)).map(drop);
        let kind = |outcome| match outcome {
            Ok(()) => "well",
            Err(DiskError::NoSpace) => "full",
            Err(DiskError::Io { .. }) => "broken",
            Err(_) => "something else",
        };
        disk.set_fault_rate(0);
        done(disk.unlink(vec![blob(1), blob(2)]));
        (kind(failed), kind(read))
    };
    let expected: Vec<_> = ["broken", "full", "well"]
        .iter()
        .flat_map(|&created| ["broken", "well"].map(|read| (created, read)))
        .collect();
    assert_outcomes(story, &expected);
}

#[test]
fn a_lying_sync_says_that_all_is_well() {
    for lie in [Lie::SyncDoesNothing, Lie::SyncHidesErrors] {
        let story = |disk: &MemoryDisk| {
            disk.plant(lie);
            let unsynced = write(disk, blob(1), &pattern(BLOCK));
            if lie == Lie::SyncHidesErrors {
                disk.fail(Call::Sync, 0, DiskError::NoSpace);
            }
            assert_eq!(disk.sync(&[&unsynced]), [Ok(())]);
            disk.crash();
            read(disk, blob(1), BLOCK) == Ok(pattern(BLOCK))
        };
        assert_outcomes(story, &[false, true]);
    }
}

#[test]
fn the_same_seed_is_the_same_disk() {
    let story = |seed| {
        let disk = MemoryDisk::seeded(TOTAL, seed);
        let mut seen = Vec::new();
        done(disk.make_folder(FOLDER));
        for slot in 0..20 {
            let unsynced = write(&disk, blob(slot), &pattern(3 * BLOCK));
            if slot % 3 == 0 {
                assert_eq!(disk.sync(&[&unsynced]), [Ok(())]);
            }
            if slot % 5 == 0 {
                disk.crash();
            }
            seen.push((disk.steps_taken(), disk.blobs(), disk.used()));
            seen.extend(
                read(&disk, blob(slot), BLOCK).map(|bytes| (u64::from(bytes[9]), vec![], 0)),
            );
        }
        seen
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

#[test]
fn damage_at_rest_is_there_after_a_power_cut_too() {
    let disk = MemoryDisk::new(TOTAL);
    done(disk.make_folder(FOLDER));
    written_and_synced(&disk, blob(1), &pattern(2 * BLOCK));
    assert!(disk.corrupt(blob(1), 5000, 0x40) && !disk.corrupt(blob(1), 2 * BLOCK as u64, 1));
    disk.crash();
    let mut bytes = pattern(2 * BLOCK);
    bytes[5000] ^= 0x40;
    assert_eq!(read(&disk, blob(1), 2 * BLOCK), Ok(bytes));
    disk.cut(blob(1), BLOCK).expect("there");
    disk.crash();
    assert_eq!(read(&disk, blob(1), 2 * BLOCK), Err(DiskError::Truncated));
}
