//! Room: the `Disk` seam: blob files, what is promised of them, and who makes them durable.
//!
//! Forms: [`glommio`] (O_DIRECT through io_uring; the slow calls on blocking threads) and [`memory`] (for
//! tests and simulation, as forgetful at a crash as a file system is).
//! Must not: know objects, records or S3. A blob is a number and bytes.
//! Invariants: a blob id is created at most once; a finished blob never changes; nothing is durable before
//! [`Syncer::sync`] said so; the descriptor that wrote is the one that is synced.
//! Units: offsets and lengths in bytes; writes and reads lie on a grid of [`ALIGN`].

pub mod buffer;
pub mod copier;
pub mod glommio;
pub mod memory;
pub mod raw;
pub mod sync;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meta::id::{BlobId, FolderId};
use protocol::range::ByteRange;
use protocol::time::Timestamp;

pub use self::buffer::{Block, Buffer, BufferPool};
use crate::seam::Local;

/// The grid of all reads, writes and file lengths: what O_DIRECT asks of us on every device we run on, and the
/// cluster that file systems clone by.
pub const ALIGN: usize = 4096;

/// The most bytes that one read may ask for: larger direct reads are split by the kernel and gain nothing.
pub const READ_LEN_MAX: usize = 1024 * 1024;

/// Blob files of one data directory, as one shard sees them.
///
/// Every call may be dropped at any point (`Cancel:` below says what is left behind). Errors of a call concern
/// that call alone: the disk stays usable.
pub trait Disk {
    /// Makes the folder of a lease and its name durable. A folder that exists already is no error.
    fn make_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>>;

    /// Creates the file of `blob`, empty; [`DiskError::Exists`] if there is one.
    ///
    /// Cancel: the file may exist, or come to be later; [`Disk::unlink`] of `blob` on this shard's disk waits
    /// for that.
    fn create(&self, blob: BlobId) -> Local<'_, Result<Rc<dyn BlobFile>, DiskError>>;

    /// Creates `target` as a clone of `range` of `source`, placed at offset 0, without copying bytes. Both
    /// ends of `range` are on the grid of [`ALIGN`]; its end may be the (padded) end of the file.
    ///
    /// [`DiskError::Unsupported`] if the file system cannot clone these bytes, [`DiskError::Truncated`] if the
    /// source ends before `range`, [`DiskError::Busy`] if it lies in very many extents and too many long copies are
    /// under way. After an error there is no `target`. Cancel: as for [`Disk::create`]; a long one ends soon.
    fn clone_range(
        &self,
        source: BlobId,
        range: ByteRange,
        target: BlobId,
    ) -> Local<'_, Result<Unsynced, DiskError>>;

    /// Creates `target` and lets the kernel copy `range` of `source` to its offset 0: the bytes move, and none of
    /// them through this process. The same rules as for [`Disk::clone_range`].
    ///
    /// [`DiskError::Unsupported`] if the file system or the kernel does not do it, [`DiskError::Truncated`] if the
    /// source ends before `range`, [`DiskError::Busy`] if too many such copies are under way. After an error there
    /// is no `target`. Cancel: as for [`Disk::create`]; the copying ends soon.
    fn copy_range(
        &self,
        source: BlobId,
        range: ByteRange,
        target: BlobId,
        by: KernelCopy,
    ) -> Local<'_, Result<Unsynced, DiskError>>;

    /// Reads exactly `len` bytes at `offset`; both on the grid of [`ALIGN`], `len` from 1 to [`READ_LEN_MAX`].
    /// [`DiskError::Truncated`] if the file ends before, [`DiskError::Missing`] if there is no such file.
    fn read(&self, blob: BlobId, offset: u64, len: usize) -> Local<'_, Result<Block, DiskError>>;

    /// Removes files and makes the removal durable: none of them is there any more, or will ever come to be,
    /// or come back. A file that is not there counts as removed; one whose creation was cancelled and is still
    /// under way is waited for. After an error any of them may be there, and it may be tried again.
    ///
    /// Cancel: runs to its end unseen.
    fn unlink(&self, blobs: Vec<BlobId>) -> Local<'_, Result<(), DiskError>>;

    /// The blobs of a folder, ascending; [`DiskError::Missing`] if there is no such folder. What is not listed
    /// is durably gone: a removal that was not durable yet is from here on.
    fn list_folder(&self, folder: FolderId) -> Local<'_, Result<Vec<BlobId>, DiskError>>;

    /// Moves a file that nobody names out of the way, into the lost folder, durably.
    fn move_to_lost(&self, blob: BlobId) -> Local<'_, Result<(), DiskError>>;

    /// Removes an empty folder, durably. One that is not there counts as removed; [`DiskError::Exists`] if
    /// it is not empty.
    fn remove_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>>;

    /// Every folder there is, ascending.
    fn list_folders(&self) -> Local<'_, Result<Vec<FolderId>, DiskError>>;

    /// Removes, durably, those blobs of the lost folder that came there before `before`; what else lies there
    /// stays. Says what it did and what is left.
    ///
    /// Cancel: runs to its end unseen.
    fn expire_lost(&self, before: Timestamp) -> Local<'_, Result<Expired, DiskError>>;

    /// How much room the file system has.
    fn free(&self) -> Local<'_, Result<Space, DiskError>>;

    /// What worked when it was tried at start.
    fn ways(&self) -> DiskWays;
}

/// How the kernel copies a range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelCopy {
    /// copy_file_range(2): the file system may do it by itself, as network file systems do on their server.
    CopyFileRange,
    /// splice(2) from the file into a pipe and from there into the other one.
    Splice,
}

/// What a disk can do without moving bytes through this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskWays {
    /// [`Disk::clone_range`].
    pub clone: bool,
    /// [`Disk::copy_range`] by [`KernelCopy::CopyFileRange`].
    pub copy_file_range: bool,
    /// [`Disk::copy_range`] by [`KernelCopy::Splice`].
    pub splice: bool,
}

/// A blob file while it is written.
pub trait BlobFile {
    /// Reserves space for the first `upto` bytes; the file's length becomes `upto` if it was less. A file
    /// system that cannot reserve does nothing.
    fn reserve(&self, upto: u64) -> Local<'_, Result<(), DiskError>>;

    /// Writes the whole of `buffer` (see [`Buffer::seal`]) at `offset` and hands it back for the next use.
    /// Writes of one file may run side by side.
    ///
    /// Cancel: the bytes may or may not have been written.
    fn write(&self, offset: u64, buffer: Buffer) -> Local<'_, Result<Buffer, DiskError>>;

    /// Ends the writing: the file is `len` bytes long from here on and never changes. No write may be
    /// under way.
    fn finish(&self, len: u64) -> Local<'_, Result<Unsynced, DiskError>>;
}

/// A new file that is complete and not durable yet. It may be sent to the thread that makes it so.
#[derive(Debug)]
pub struct Unsynced {
    blob: BlobId,
    descriptor: Option<Arc<OwnedFd>>,
    poisoned: AtomicBool,
}

impl Unsynced {
    /// A file behind a descriptor that shares the open file description of the one that wrote it, so that
    /// the errors of its writes are reported to it.
    #[must_use]
    pub fn of_descriptor(blob: BlobId, descriptor: impl Into<Arc<OwnedFd>>) -> Self {
        Self { blob, descriptor: Some(descriptor.into()), poisoned: AtomicBool::new(false) }
    }

    /// A file of a disk that has no descriptors.
    #[must_use]
    pub const fn of_memory(blob: BlobId) -> Self {
        Self { blob, descriptor: None, poisoned: AtomicBool::new(false) }
    }

    /// Which blob this is.
    #[must_use]
    pub const fn blob(&self) -> BlobId {
        self.blob
    }

    fn descriptor(&self) -> Option<&Arc<OwnedFd>> {
        self.descriptor.as_ref()
    }

    /// Marks the file as lost: a failed sync must not be asked again, since the kernel reports a lost write
    /// once and then forgets it.
    fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }
}

/// What makes new files durable.
pub trait Syncer: Send + Sync {
    /// Makes each file and its name durable; one result a file, in their order. Blocks the calling thread.
    /// Each folder is synced once, whatever the number of its files. A file whose sync failed stays failed.
    fn sync(&self, files: &[&Unsynced]) -> Vec<Result<(), DiskError>>;
}

/// What [`Disk::expire_lost`] did, and what is left in the lost folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Files that were removed.
    pub removed: u64,
    /// Files that are left, whatever they are.
    pub left: u64,
    /// Bytes of the file system that those take.
    pub left_bytes: u64,
}

/// The room of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Why a call of the disk failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskError {
    /// There is no such file or folder.
    Missing,
    /// There is one already, or the folder is not empty.
    Exists,
    /// The file system, or the quota, is full.
    NoSpace,
    /// The file system does not do this (cloning, copying in the kernel).
    Unsupported,
    /// Too many calls of this kind are waiting.
    Busy,
    /// The file ends before the end of the range that was asked for.
    Truncated,
    /// Anything else the system said.
    Io {
        /// What was tried.
        action: &'static str,
        /// The system's error number, if it gave one.
        errno: Option<i32>,
        /// Its words.
        text: String,
    },
}

impl DiskError {
    /// Sorts a system error into its cause.
    #[must_use]
    pub fn from_io(action: &'static str, error: &io::Error) -> Self {
        Self::from_errno(action, error.raw_os_error(), || error.to_string())
    }

    fn from_errno(action: &'static str, errno: Option<i32>, text: impl FnOnce() -> String) -> Self {
        match errno {
            Some(libc::ENOENT) => Self::Missing,
            Some(libc::EEXIST | libc::ENOTEMPTY) => Self::Exists,
            Some(libc::ENOSPC | libc::EDQUOT) => Self::NoSpace,
            Some(libc::EOPNOTSUPP) => Self::Unsupported,
            _ => Self::Io { action, errno, text: text() },
        }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no such file"),
            Self::Exists => f.write_str("the file exists already"),
            Self::NoSpace => f.write_str("no space left on the file system"),
            Self::Unsupported => f.write_str("the file system does not support this"),
            Self::Busy => f.write_str("too many copies are under way"),
            Self::Truncated => f.write_str("the file is shorter than its record says"),
            Self::Io { action, text, .. } => write!(f, "{action}: {text}"),
        }
    }
}

impl std::error::Error for DiskError {}
