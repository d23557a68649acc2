//! Room: the system calls that no crate wraps safely, and what is asked of a data directory before it is used.
//!
//! May touch: files, and block while doing so; so everything here runs at start or on a blocking thread.
//! Must not: be called on a shard's thread.
//! Source: ioctl_ficlonerange(2), copy_file_range(2), splice(2), sync_file_range(2), flock(2), statfs(2), statx(2),
//! adjtimex(2), open(2) "O_DIRECT", Documentation/filesystems/fiemap.rst of the kernel.

#![expect(unsafe_code, reason = "this is the room of the system calls; see each SAFETY")]

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use protocol::range::ByteRange;
use rustix::fs::{Advice, AtFlags, FlockOperation, StatxFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with};

use super::{ALIGN, DiskError, DiskWays, KernelCopy, Space};

/// The layout of `struct file_clone_range`, <linux/fs.h>.
#[repr(C)]
struct FileCloneRange {
    src_fd: i64,
    src_offset: u64,
    src_length: u64,
    dest_offset: u64,
}

/// Shares `range` of `source` with `target` at `offset`.
///
/// # Errors
/// What the system says: EOPNOTSUPP, EXDEV and EINVAL if the file system does not clone this, ENOSPC …
pub fn clone_range(
    source: BorrowedFd<'_>,
    range: ByteRange,
    target: BorrowedFd<'_>,
    offset: u64,
) -> io::Result<()> {
    let argument = FileCloneRange {
        src_fd: i64::from(source.as_raw_fd()),
        src_offset: range.start(),
        src_length: range.len(),
        dest_offset: offset,
    };
    // SAFETY: FICLONERANGE reads one `struct file_clone_range` (ioctl_ficlonerange(2)), which `argument` is and
    // outlives the call; both descriptors are borrowed, hence open.
    let outcome =
        unsafe { libc::ioctl(target.as_raw_fd(), libc::FICLONERANGE, &raw const argument) };
    if outcome == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How many extents one look sees, and hence one call clones: 10 to 14 µs each on XFS.
pub const EXTENTS_AT_ONCE: usize = EXTENT_COUNT as usize;

const EXTENT_COUNT: u32 = 128;

/// The layout of `struct fiemap`, <linux/fiemap.h>, with room for its extents.
#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
    extents: [FiemapExtent; EXTENTS_AT_ONCE],
}

/// The layout of `struct fiemap_extent`, <linux/fiemap.h>.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FiemapExtent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

/// `_IOWR('f', 11, struct fiemap)`, <linux/fs.h>.
const FS_IOC_FIEMAP: libc::Ioctl = 0xC020_660B;

/// Where the first [`EXTENTS_AT_ONCE`] extents of `range` end; its end, if there are no more or nobody can tell. The
/// look costs 2 µs an extent on XFS and waits for no disk but for that of the file's own map.
pub fn end_of_few_extents(file: BorrowedFd<'_>, range: ByteRange) -> u64 {
    let mut map = Fiemap {
        start: range.start(),
        length: range.len(),
        flags: 0,
        mapped_extents: 0,
        extent_count: EXTENT_COUNT,
        reserved: 0,
        extents: [FiemapExtent::default(); EXTENTS_AT_ONCE],
    };
    // SAFETY: FS_IOC_FIEMAP reads and writes one `struct fiemap` and at most `extent_count` extents behind it
    // (Documentation/filesystems/fiemap.rst), for which `map` has room and outlives the call; the descriptor is
    // borrowed, hence open.
    let outcome = unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, &raw mut map) };
    let seen = map.extents.get(map.mapped_extents.saturating_sub(1) as usize);
    match seen {
        Some(last) if outcome == 0 && map.mapped_extents == EXTENT_COUNT => {
            let end = last.logical.saturating_add(last.length).min(range.end());
            if end > range.start() { end } else { range.end() }
        }
        _ => range.end(),
    }
}

/// Lets the kernel copy `range` of `source` to `offset` of `target`, and returns when the bytes have been handed
/// to the device, so that no later sync finds much to do. A short copy is continued.
///
/// # Errors
/// [`DiskError::Truncated`] if the source ends before the range, else what the system says, sorted: EINVAL, EXDEV,
/// ENOSYS and EOPNOTSUPP mean that it does not do this. The target may hold a part of the range then.
pub fn copy_range(
    source: BorrowedFd<'_>,
    range: ByteRange,
    target: BorrowedFd<'_>,
    offset: u64,
    by: KernelCopy,
) -> Result<(), DiskError> {
    let outcome = match by {
        KernelCopy::CopyFileRange => copy_file_range(source, range, target, offset),
        KernelCopy::Splice => splice(source, range, target, offset),
    };
    let copied = outcome.and_then(|whole| {
        if whole {
            settle(source, range, target, offset)?;
        }
        Ok(whole)
    });
    match copied {
        Ok(true) => Ok(()),
        Ok(false) => Err(DiskError::Truncated),
        Err(Errno::INVAL | Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP) => {
            Err(DiskError::Unsupported)
        }
        Err(error) => Err(DiskError::from_io("copy a blob", &error.into())),
    }
}

/// False if the source ended before the range.
fn copy_file_range(
    source: BorrowedFd<'_>,
    range: ByteRange,
    target: BorrowedFd<'_>,
    offset: u64,
) -> Result<bool, Errno> {
    let (mut from, mut to) = (range.start(), offset);
    while from < range.end() {
        let len = usize::try_from(range.end() - from).unwrap_or(usize::MAX);
        let copied =
            rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), len);
        match copied {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// What a pipe is asked to hold: the most that a process may ask for without privileges. A smaller one does, too.
const PIPE_LEN: usize = 1024 * 1024;

/// False if the source ended before the range.
fn splice(
    source: BorrowedFd<'_>,
    range: ByteRange,
    target: BorrowedFd<'_>,
    offset: u64,
) -> Result<bool, Errno> {
    // A pipe of its own for each call: what is left in it after an error goes with it.
    let (pipe_out, pipe_in) = pipe_with(PipeFlags::CLOEXEC)?;
    let pipe_len = fcntl_setpipe_size(&pipe_in, PIPE_LEN).unwrap_or(PIPE_LEN);
    let (mut from, mut to) = (range.start(), offset);
    let flags = SpliceFlags::empty();
    while from < range.end() {
        let len = usize::try_from(range.end() - from).map_or(pipe_len, |len| len.min(pipe_len));
        let mut filled =
            match rustix::pipe::splice(source, Some(&mut from), &pipe_in, None, len, flags) {
                Ok(0) => return Ok(false),
                Ok(filled) => filled,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error),
            };
        while filled > 0 {
            match rustix::pipe::splice(&pipe_out, None, target, Some(&mut to), filled, flags) {
                Ok(0) => return Err(Errno::IO),
                Ok(moved) => filled -= moved,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(true)
}

/// Waits until the copied bytes are on their way out of the page cache, then lets go of them there: blobs are read
/// past it. Durability is not meant here; that is the sync of the whole file.
fn settle(
    source: BorrowedFd<'_>,
    range: ByteRange,
    target: BorrowedFd<'_>,
    offset: u64,
) -> Result<(), Errno> {
    write_out(target, offset, range.len())?;
    for (file, start) in [(source, range.start()), (target, offset)] {
        // Advice: a file system that does not take it keeps the pages a little longer.
        let _ = rustix::fs::fadvise(file, start, NonZeroU64::new(range.len()), Advice::DontNeed);
    }
    Ok(())
}

/// Writes the dirty pages of a part of a file out and waits for them, without the file system's log.
fn write_out(file: BorrowedFd<'_>, offset: u64, len: u64) -> Result<(), Errno> {
    let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) else {
        return Err(Errno::FBIG);
    };
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    // SAFETY: sync_file_range(2) takes no memory of ours, and the descriptor is borrowed, hence open.
    let outcome = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, flags) };
    if outcome == -1 {
        let error = io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    Ok(())
}

/// The room of the file system that `path` lies on.
///
/// # Errors
/// What the system says.
pub fn space(path: &Path) -> io::Result<Space> {
    let found = rustix::fs::statvfs(path)?;
    Ok(Space {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

/// The permission bits of folders: nobody but the node reads its data.
pub const FOLDER_MODE: u32 = 0o700;

/// The permission bits of files.
pub const FILE_MODE: u32 = 0o600;

/// Makes a folder; one that exists is left as it is.
///
/// # Errors
/// What the system says.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        outcome => outcome,
    }
}

/// Makes the entries of a folder durable.
///
/// # Errors
/// What the system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What was found out about a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The file system's name, or its number in hex.
    pub file_system: String,
    /// What copies ranges of files without a byte of them in this process.
    pub ways: DiskWays,
    /// Whether direct reads and writes on the grid of [`ALIGN`] work.
    pub direct: bool,
    /// The grid that the file system asks for in direct reads and writes, if it says so.
    pub direct_align: Option<u32>,
}

/// A data directory that this process holds alone.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    facts: Facts,
    /// The lock goes with the descriptor.
    _lock: OwnedFd,
}

/// Why a data directory cannot be used.
#[derive(Debug)]
pub enum DataDirectoryError {
    /// Another process uses it.
    InUse,
    /// A folder of it lies on another file system: files could not be moved or cloned between them.
    Scattered(PathBuf),
    /// The system refused.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for DataDirectoryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InUse => f.write_str("the data directory is in use by another process"),
            Self::Scattered(path) => {
                write!(f, "{} lies on another file system than the data directory", path.display())
            }
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for DataDirectoryError {}

impl DataDirectory {
    /// Locks the directory (made if it is not there), makes its folders and finds out what it can do.
    ///
    /// # Errors
    /// See [`DataDirectoryError`].
    pub fn open(path: &Path) -> Result<Self, DataDirectoryError> {
        Self::open_after(path, |_| ())
    }

    /// The same; `prepare` runs when the directory is this process's alone, before anything is made in it.
    ///
    /// # Errors
    /// See [`DataDirectoryError`].
    pub fn open_after(
        path: &Path,
        prepare: impl FnOnce(&Path),
    ) -> Result<Self, DataDirectoryError> {
        let at = |place: &Path| {
            let place = place.to_owned();
            move |error: io::Error| DataDirectoryError::Io(place, error)
        };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(at(path))?;
        let path = path.canonicalize().map_err(at(path))?;
        let lock = lock(&path)?;
        prepare(&path);
        let device = path.metadata().map_err(at(&path))?.dev();
        for folder in [blobs(&path), lost(&path)] {
            make_folder(&folder).map_err(at(&folder))?;
            if folder.metadata().map_err(at(&folder))?.dev() != device {
                return Err(DataDirectoryError::Scattered(folder));
            }
        }
        sync_folder(&path).map_err(at(&path))?;
        let facts = probe(&blobs(&path)).map_err(at(&path))?;
        Ok(Self { path, facts, _lock: lock })
    }

    /// Where it is, without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was found out about it.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Takes a data directory that is there for this process alone, until the descriptor is closed. Changes nothing.
///
/// # Errors
/// See [`DataDirectoryError`].
pub fn lock(data: &Path) -> Result<OwnedFd, DataDirectoryError> {
    lock_as(data, FlockOperation::NonBlockingLockExclusive)
}

/// Whether another process holds a data directory. Asks for a moment for a lock that others may share.
///
/// # Errors
/// [`DataDirectoryError::Io`].
pub fn is_in_use(data: &Path) -> Result<bool, DataDirectoryError> {
    match lock_as(data, FlockOperation::NonBlockingLockShared) {
        Ok(lock) => {
            drop(lock);
            Ok(false)
        }
        Err(DataDirectoryError::InUse) => Ok(true),
        Err(other) => Err(other),
    }
}

fn lock_as(data: &Path, how: FlockOperation) -> Result<OwnedFd, DataDirectoryError> {
    let failed = |error: io::Error| DataDirectoryError::Io(data.to_owned(), error);
    let lock = OwnedFd::from(File::open(data).map_err(failed)?);
    match rustix::fs::flock(&lock, how) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(DataDirectoryError::InUse),
        Err(error) => Err(failed(error.into())),
    }
}

/// Whether the kernel's clock is kept right by somebody.
///
/// # Errors
/// What the system says, e.g. EPERM in a container that forbids the question.
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: `timex` is plain numbers, for which all zeros are valid; no mode is set, so it asks only.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: adjtimex(2) writes one `struct timex`, which `clock` is, and keeps no pointer to it.
    match unsafe { libc::adjtimex(&raw mut clock) } {
        -1 => Err(io::Error::last_os_error()),
        state => Ok(state != libc::TIME_ERROR),
    }
}

/// The folder of the blob folders.
pub(crate) fn blobs(data: &Path) -> PathBuf {
    data.join("blobs")
}

/// The folder of files that nobody named.
pub(crate) fn lost(data: &Path) -> PathBuf {
    data.join("lost")
}

/// Tries a direct write, a direct read and a clone in `folder`, and leaves nothing behind.
///
/// # Errors
/// If no file can be made there at all. What does not work is no error but a fact.
pub fn probe(folder: &Path) -> io::Result<Facts> {
    let source = folder.join(".probe-source");
    let target = folder.join(".probe-target");
    let outcome = probe_with(&source, &target);
    for path in [&source, &target] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    outcome
}

fn probe_with(source: &Path, target: &Path) -> io::Result<Facts> {
    let plain = probe_file(source, 0)?;
    let file_system = file_system_name(plain.as_fd())?;
    let pattern: Vec<u8> = (0..=250).cycle().take(2 * ALIGN).collect();
    plain.write_all_at(&pattern, 0)?;
    plain.sync_all()?;
    let direct = probe_direct(source, &pattern).is_ok_and(|same| same);
    let direct_align = rustix::fs::statx(&plain, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN)
        .ok()
        .map(|found| found.stx_dio_offset_align)
        .filter(|&align| align != 0);
    let works = |copy: &dyn Fn(ByteRange, BorrowedFd<'_>) -> bool| {
        probe_copy(target, &pattern, copy).is_ok_and(|same| same)
    };
    let copies = |by| works(&|range, to| copy_range(plain.as_fd(), range, to, 0, by).is_ok());
    let ways = DiskWays {
        clone: works(&|range, to| clone_range(plain.as_fd(), range, to, 0).is_ok()),
        copy_file_range: copies(KernelCopy::CopyFileRange),
        splice: copies(KernelCopy::Splice),
    };
    Ok(Facts { file_system, ways, direct, direct_align })
}

fn probe_file(path: &Path, flags: i32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(flags == 0)
        .mode(FILE_MODE)
        .custom_flags(flags)
        .open(path)
}

/// Rewrites and reads back one grid unit with O_DIRECT.
fn probe_direct(path: &Path, pattern: &[u8]) -> io::Result<bool> {
    let file = probe_file(path, libc::O_DIRECT)?;
    let mut memory = vec![0; 2 * ALIGN];
    let start = memory.as_ptr().align_offset(ALIGN);
    let aligned = &mut memory[start..start + ALIGN];
    aligned.copy_from_slice(&pattern[..ALIGN]);
    file.write_all_at(aligned, 0)?;
    aligned.fill(0);
    file.read_exact_at(aligned, 0)?;
    Ok(*aligned == pattern[..ALIGN])
}

/// Copies the second grid unit of the pattern into a file of its own and reads it back.
fn probe_copy(
    target: &Path,
    pattern: &[u8],
    copy: impl Fn(ByteRange, BorrowedFd<'_>) -> bool,
) -> io::Result<bool> {
    let target = probe_file(target, 0)?;
    let (start, end) = (ALIGN as u64, 2 * ALIGN as u64);
    let range = ByteRange::new(start, end).expect("ascending");
    if !copy(range, target.as_fd()) {
        return Ok(false);
    }
    let mut read = vec![0; ALIGN];
    target.read_exact_at(&mut read, 0)?;
    Ok(read == pattern[ALIGN..] && target.metadata()?.len() == end - start)
}

/// Names of file systems by their magic numbers, <linux/magic.h>.
fn file_system_name(file: BorrowedFd<'_>) -> io::Result<String> {
    let magic = rustix::fs::fstatfs(file)?.f_type;
    let name = match magic {
        0x5846_5342 => "xfs",
        0x9123_683E => "btrfs",
        0xEF53 => "ext4",
        0x0102_1994 => "tmpfs",
        0x794C_7630 => "overlay",
        0x2FC1_2FC1 => "zfs",
        0xCA45_1A4E => "bcachefs",
        0xF2F5_2010 => "f2fs",
        0x6969 => "nfs",
        other => return Ok(format!("{other:#x}")),
    };
    Ok(name.to_owned())
}

impl From<DataDirectoryError> for DiskError {
    fn from(error: DataDirectoryError) -> Self {
        match &error {
            DataDirectoryError::Io(_, cause) => Self::from_io("open the data directory", cause),
            DataDirectoryError::InUse | DataDirectoryError::Scattered(_) => {
                Self::Io { action: "open the data directory", errno: None, text: error.to_string() }
            }
        }
    }
}
