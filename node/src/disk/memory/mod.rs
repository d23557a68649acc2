//! Room: a disk in memory, for tests and for the simulation, as forgetful as a file system is.
//!
//! Two forms. The kind one ([`MemoryDisk::new`]) always does the same: a call gives way once and then does all its
//! work, and after a power cut exactly what was synced is there. The seeded one ([`MemoryDisk::seeded`]) chooses by
//! its seed whatever the promises of the seam leave open: a call of several steps gives way between them, a power
//! cut can strike at each ([`MemoryDisk::crash_after`]), what was not synced survives it in part, torn or not at
//! all (`names`, `file`), and any step may fail ([`MemoryDisk::set_fault_rate`]).
//! Holds: all names and files, shared by the shards and the `Syncer` that clones of it are; the calls whose callers
//! went away and that run to their end unseen ([`MemoryDisk::turn`]).
//! Invariant: it does nothing to data that the host's file systems may not do, so whatever fails on it is ours.
//! Cost: bytes are shared, never copied but when they are written; a step is some look-ups in small maps.

mod blocks;
mod call;
mod dice;
mod fault;
mod file;
mod names;
mod state;
mod step;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use meta::id::{BlobId, FolderId};
use protocol::time::Timestamp;

use self::dice::Dice;
pub use self::fault::{Call, Lie};
use self::state::State;
use self::step::Job;
use super::{DiskError, DiskWays};

/// A disk in memory. Clones are handles of the same disk.
#[derive(Debug, Clone)]
pub struct MemoryDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Calls whose callers went away.
    unseen: Mutex<Vec<Job>>,
}

impl MemoryDisk {
    /// An empty, kind disk of `total` bytes that knows all ways.
    #[must_use]
    pub fn new(total: u64) -> Self {
        Self::with_ways(total, DiskWays { clone: true, copy_file_range: true, splice: true })
    }

    /// The same with these ways.
    #[must_use]
    pub fn with_ways(total: u64, ways: DiskWays) -> Self {
        Self::of(State::new(total, ways, Dice::kind()))
    }

    /// The same, on a file system that does not clone.
    #[must_use]
    pub fn without_clone(total: u64) -> Self {
        Self::with_ways(total, DiskWays { clone: false, copy_file_range: true, splice: true })
    }

    /// An empty disk of `total` bytes that knows all ways and makes its choices by `seed`. The same calls in the
    /// same order find the same disk.
    #[must_use]
    pub fn seeded(total: u64, seed: u64) -> Self {
        let ways = DiskWays { clone: true, copy_file_range: true, splice: true };
        Self::of(State::new(total, ways, Dice::of_seed(seed)))
    }

    fn of(state: State) -> Self {
        let unseen = Mutex::new(Vec::new());
        Self { shared: Arc::new(Shared { state: Mutex::new(state), unseen }) }
    }

    /// Changes what the disk can do, as if it had been probed anew.
    pub fn set_ways(&self, ways: DiskWays) {
        self.lock().ways = ways;
    }

    /// Makes one later call fail: the one after `after` further calls of its kind. Nothing of it has happened then.
    pub fn fail(&self, call: Call, after: usize, error: DiskError) {
        self.lock().faults.script(call, after, error);
    }

    /// Lets one step in `one_in` fail by chance, with EIO or, where it takes space, with ENOSPC; 0 is none. Only
    /// for a disk with a seed.
    pub fn set_fault_rate(&self, one_in: u64) {
        self.lock().faults.set_rate(one_in);
    }

    /// Breaks a promise of the seam from now on.
    pub fn plant(&self, lie: Lie) {
        self.lock().faults.lies.insert(lie);
    }

    /// Cuts the power after `steps` further steps: from then on no call ever completes, but `sync`, which fails.
    pub fn crash_after(&self, steps: u64) {
        self.lock().power.cut_after(steps);
    }

    /// Whether the power is off: every task that lives now is to be dropped, and the disk restarted.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.lock().power.is_off()
    }

    /// The call that began last, if one began since this was asked for.
    pub fn take_last_call(&self) -> Option<Call> {
        self.lock().last_call.take()
    }

    /// How many steps were taken so far, since the disk was made.
    #[must_use]
    pub fn steps_taken(&self) -> u64 {
        self.lock().power.steps()
    }

    /// Turns the power on again, after a power cut or the death of the process that had the disk: what survived
    /// is there now, durably. Calls from before never complete. Lies and the fault rate stay, scripted faults go.
    pub fn restart(&self) {
        self.lock().restart(true);
        self.forget_unseen();
    }

    /// Plays a power cut and a restart at once.
    pub fn crash(&self) {
        self.restart();
    }

    /// Plays the end of the process without a power cut: everything that was done is there, and becomes durable
    /// or not later on. Calls from before never complete.
    pub fn end_process(&self) {
        self.lock().restart(false);
        self.forget_unseen();
    }

    /// Says what time it is: when files come into the lost folder from now on.
    pub fn set_now(&self, now: Timestamp) {
        self.lock().now = now;
    }

    /// Flips bits of one byte of a file at rest; false if there is no such byte.
    #[must_use]
    pub fn corrupt(&self, blob: BlobId, offset: u64, flip: u8) -> bool {
        let mut state = self.lock();
        state.file_mut(blob).ok().and_then(|file| file.damage(offset, flip)).is_some()
    }

    /// Cuts a file short, as damage would.
    ///
    /// # Errors
    /// [`DiskError::Missing`] if there is no such file.
    pub fn cut(&self, blob: BlobId, len: usize) -> Result<(), DiskError> {
        self.lock().file_mut(blob)?.cut(len as u64);
        Ok(())
    }

    /// Every file there is, ascending.
    #[must_use]
    pub fn blobs(&self) -> Vec<BlobId> {
        self.lock().blobs()
    }

    /// Every folder there is, ascending.
    #[must_use]
    pub fn folders(&self) -> Vec<FolderId> {
        self.lock().folders()
    }

    /// Every file in the lost folder, ascending.
    #[must_use]
    pub fn lost(&self) -> Vec<BlobId> {
        self.lock().lost()
    }

    /// Bytes in use: those of every file that has a name, lost ones included. Blocks that files share count once,
    /// and names take no space: 0 once all files are gone.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.lock().blocks.used()
    }

    /// The bytes of a file that a power cut now is sure to leave, with its name; `None` while anything of it is
    /// left to chance. Not copied if they were written as one.
    #[must_use]
    pub fn durable_blob(&self, blob: BlobId) -> Option<Bytes> {
        let state = self.lock();
        let image = state.sure(blob)?;
        image.read(0..image.len())
    }

    /// The same, but only how long the file is.
    #[must_use]
    pub fn durable_len(&self, blob: BlobId) -> Option<u64> {
        self.lock().sure(blob).map(file::Image::len)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
