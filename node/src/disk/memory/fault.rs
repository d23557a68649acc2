//! Room: what a disk in memory does wrong on purpose: calls that fail, and promises that it does not keep.

use std::collections::BTreeSet;

use super::dice::Dice;
use crate::disk::DiskError;

/// The calls that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Disk::make_folder`](crate::disk::Disk::make_folder)
    MakeFolder,
    /// [`Disk::create`](crate::disk::Disk::create)
    Create,
    /// [`BlobFile::reserve`](crate::disk::BlobFile::reserve)
    Reserve,
    /// [`BlobFile::write`](crate::disk::BlobFile::write)
    Write,
    /// [`BlobFile::finish`](crate::disk::BlobFile::finish)
    Finish,
    /// [`Disk::clone_range`](crate::disk::Disk::clone_range)
    Clone,
    /// [`Disk::copy_range`](crate::disk::Disk::copy_range) by
    /// [`KernelCopy::CopyFileRange`](crate::disk::KernelCopy::CopyFileRange)
    CopyFileRange,
    /// [`Disk::copy_range`](crate::disk::Disk::copy_range) by
    /// [`KernelCopy::Splice`](crate::disk::KernelCopy::Splice)
    Splice,
    /// [`Disk::read`](crate::disk::Disk::read)
    Read,
    /// [`Disk::unlink`](crate::disk::Disk::unlink)
    Unlink,
    /// [`Disk::list_folder`](crate::disk::Disk::list_folder) and
    /// [`Disk::list_folders`](crate::disk::Disk::list_folders)
    List,
    /// [`Disk::move_to_lost`](crate::disk::Disk::move_to_lost)
    MoveToLost,
    /// [`Disk::remove_folder`](crate::disk::Disk::remove_folder)
    RemoveFolder,
    /// [`Disk::expire_lost`](crate::disk::Disk::expire_lost)
    ExpireLost,
    /// [`Disk::free`](crate::disk::Disk::free)
    Free,
    /// [`Syncer::sync`](crate::disk::Syncer::sync), of one file
    Sync,
}

impl Call {
    /// Whether it fails on a full disk.
    const fn takes_space(self) -> bool {
        matches!(
            self,
            Self::MakeFolder
                | Self::Create
                | Self::Reserve
                | Self::Write
                | Self::Clone
                | Self::CopyFileRange
                | Self::Splice
        )
    }
}

/// A promise of the seam that is not kept, for tests that must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lie {
    /// `sync` says that all is durable, and nothing is.
    SyncDoesNothing,
    /// `sync` leaves the names as volatile as they were.
    SyncSkipsFolder,
    /// `sync` makes the names durable and not the bytes.
    SyncSkipsBytes,
    /// A `sync` that fails says that it did not; with a seed, one file in four fails.
    SyncHidesErrors,
    /// `unlink` does not sync the folders: what was removed may come back.
    UnlinkNotSynced,
    /// `make_folder` does not sync the folder of folders.
    FolderNotSynced,
}

#[derive(Debug)]
struct Scripted {
    call: Call,
    after: usize,
    error: DiskError,
}

/// The faults that wait for their calls.
#[derive(Debug, Default)]
pub(super) struct Faults {
    scripted: Vec<Scripted>,
    /// One step in so many fails; 0 means none.
    rate: u64,
    pub(super) lies: BTreeSet<Lie>,
}

impl Faults {
    pub(super) fn script(&mut self, call: Call, after: usize, error: DiskError) {
        self.scripted.push(Scripted { call, after, error });
    }

    pub(super) fn forget_script(&mut self) {
        self.scripted.clear();
    }

    pub(super) fn set_rate(&mut self, one_in: u64) {
        self.rate = one_in;
    }

    /// Uses up one call of this kind against what was scripted.
    pub(super) fn strike_call(&mut self, call: Call) -> Result<(), DiskError> {
        let Some(at) = self.scripted.iter().position(|fault| fault.call == call) else {
            return Ok(());
        };
        if self.scripted[at].after > 0 {
            self.scripted[at].after -= 1;
            return Ok(());
        }
        Err(self.scripted.remove(at).error)
    }

    /// One step of a call of this kind against chance.
    pub(super) fn strike_step(&self, call: Call, dice: &mut Dice) -> Result<(), DiskError> {
        if self.rate == 0 || dice.roll(self.rate) != self.rate - 1 {
            return Ok(());
        }
        if call.takes_space() && dice.flip() {
            Err(DiskError::NoSpace)
        } else {
            Err(input_output())
        }
    }
}

/// EIO, as a device gives it.
fn input_output() -> DiskError {
    let text = "the simulated device failed".to_owned();
    DiskError::Io { action: "simulate a failure", errno: Some(libc::EIO), text }
}
