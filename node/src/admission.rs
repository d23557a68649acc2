//! Room: whether the file system has room for another write.
//!
//! Below `disk.reserve` whatever stores bytes or names is refused before it begins, so that reads, deletes, aborts
//! and the metadata that they write go on. Completing an upload goes on too: it stores no bytes, and it is what
//! lets space come back.
//! Holds: how many bytes may still be let in, of the data directory's file system and, if it is another one, of the
//! metadata's. They are measured now and then; in between every write is taken off by the length it announces, so
//! that a burst cannot eat the reserve between two measurements. What a long write has announced and not taken yet
//! is its claim, and no measurement gives that to another one.
//! Must not: ask the file system when a request comes in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Reserve;
use crate::disk::{Disk, DiskError, Space};
use crate::limits;
use crate::metrics::{FileSystem, Metrics};

/// The room of one data directory, known to all shards.
pub struct Admission {
    reserve: Reserve,
    metrics: Arc<Metrics>,
    /// Bytes that may be written before only the reserve is left.
    left: AtomicU64,
    /// The same of the metadata's file system, if it is another one.
    meta_left: AtomicU64,
    /// Bytes of writes under way that the file system does not know of yet.
    claimed: AtomicU64,
}

impl Admission {
    /// Lets everything in until it is measured for the first time.
    #[must_use]
    pub fn new(reserve: Reserve, metrics: Arc<Metrics>) -> Arc<Self> {
        let unknown = || AtomicU64::new(u64::MAX);
        let claimed = AtomicU64::new(0);
        Arc::new(Self { reserve, metrics, left: unknown(), meta_left: unknown(), claimed })
    }

    /// Lets a write of `len` bytes in; false if that would touch the reserve. Of a write that moves no bytes `len`
    /// is 0: it is let in as long as there is anything beside the reserve.
    #[must_use]
    pub fn admit(&self, len: u64) -> bool {
        // What is longer lies in a blob, and its record is shorter than that.
        let meta_len = len.min(limits::INLINE_LEN_MAX);
        take(&self.meta_left, meta_len) && take(&self.left, len)
    }

    /// Lets a write of `len` bytes in that takes its time; `None` if that would touch the reserve.
    #[must_use]
    pub fn claim(self: &Arc<Self>, len: u64) -> Option<Claim> {
        self.claimed.fetch_add(len, Ordering::Relaxed);
        let claim = Claim { admission: self.clone(), len };
        // Dropped, it claims nothing any more.
        self.admit(len).then_some(claim)
    }

    /// The data directory's file system was measured.
    pub fn note(&self, space: Space) {
        self.tell(FileSystem::Data, space);
        let claimed = self.claimed.load(Ordering::Relaxed);
        self.left.store(self.beside_reserve(space).saturating_sub(claimed), Ordering::Relaxed);
    }

    /// The metadata's file system, which is another one, was measured.
    pub fn note_meta(&self, space: Space) {
        self.tell(FileSystem::Meta, space);
        self.meta_left.store(self.beside_reserve(space), Ordering::Relaxed);
    }

    /// Asks the disk how much room there is.
    ///
    /// # Errors
    /// What the disk says; the figures stay as they were.
    pub async fn measure(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        self.note(disk.free().await?);
        Ok(())
    }

    fn tell(&self, of: FileSystem, Space { free, total }: Space) {
        let room = self.metrics.room(of);
        room.free.set(free);
        room.total.set(total);
        room.reserve.set(self.reserve.of(total));
    }

    fn beside_reserve(&self, Space { free, total }: Space) -> u64 {
        free.saturating_sub(self.reserve.of(total))
    }
}

/// Room that a write was let in for and has not taken yet. Dropped, it counts until the next measurement.
pub struct Claim {
    admission: Arc<Admission>,
    len: u64,
}

impl Claim {
    /// So many bytes are taken: the file system counts them from now on.
    pub fn take(&mut self, len: u64) {
        let taken = len.min(self.len);
        self.len -= taken;
        self.admission.claimed.fetch_sub(taken, Ordering::Relaxed);
    }

    /// Nothing of it was taken: another write may have it at once.
    pub fn give_back(self) {
        let more = |left: u64| Some(left.saturating_add(self.len));
        // It always has an answer.
        self.admission.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.take(self.len);
    }
}

fn take(left: &AtomicU64, len: u64) -> bool {
    let take = |left: u64| left.checked_sub(len).filter(|_| left > 0);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::memory::MemoryDisk;
    use crate::disk::tests::block_on;

    const KIB: u64 = 1024;

    #[test]
    fn a_burst_between_two_measurements_leaves_the_reserve_alone() {
        let metrics = Arc::new(Metrics::new(1));
        let admission = Admission::new(Reserve::Bytes(40 * KIB), metrics.clone());
        assert!(admission.admit(1 << 40), "nothing is known yet");
        let disk = MemoryDisk::new(100 * KIB);
        block_on(admission.measure(&disk)).expect("measured");
        assert_eq!(
            (metrics.room(FileSystem::Data).free.get(), metrics.room(FileSystem::Data).total.get()),
            (100 * KIB, 100 * KIB)
        );
        assert!(admission.admit(50 * KIB));
        assert!(!admission.admit(50 * KIB), "the reserve would be touched");
        assert!(admission.admit(10 * KIB) && !admission.admit(0), "only the reserve is left");
        block_on(admission.measure(&disk)).expect("measured");
        assert!(admission.admit(0) && admission.admit(60 * KIB), "nothing was written after all");
    }

    #[test]
    fn a_write_under_way_keeps_its_room_whatever_is_measured() {
        let admission = Admission::new(Reserve::Bytes(40 * KIB), Arc::new(Metrics::new(1)));
        let note = |free| admission.note(Space { free, total: 200 * KIB });
        note(140 * KIB);
        let mut claim = admission.claim(80 * KIB).expect("room");
        assert!(admission.claim(30 * KIB).is_none());
        note(140 * KIB);
        assert!(!admission.admit(30 * KIB), "nothing of it has been written yet");
        claim.take(60 * KIB);
        note(80 * KIB);
        assert!(!admission.admit(30 * KIB) && admission.admit(20 * KIB));
        drop(claim);
        note(80 * KIB);
        let claim = admission.claim(40 * KIB).expect("what was not written is free again");
        assert!(!admission.admit(1));
        claim.give_back();
        assert!(admission.admit(40 * KIB), "at once");
    }

    #[test]
    fn the_metadata_on_another_file_system_has_a_reserve_of_its_own() {
        let metrics = Arc::new(Metrics::new(1));
        let admission = Admission::new(Reserve::Bytes(40 * KIB), metrics.clone());
        admission.note(Space { free: 1 << 30, total: 1 << 40 });
        admission.note_meta(Space { free: 100 * KIB, total: 200 * KIB });
        assert_eq!(metrics.room(FileSystem::Meta).free.get(), 100 * KIB);
        assert!(admission.admit(1 << 29), "only its record goes there");
        assert!(admission.admit(28 * KIB) && !admission.admit(0));
        admission.note_meta(Space { free: 40 * KIB, total: 200 * KIB });
        assert!(!admission.admit(1), "only the reserve is left");
    }
}
