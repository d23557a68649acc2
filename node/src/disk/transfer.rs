//! Room: a range of one file in a new one, shared or copied by the kernel: what is done at once, and the steps of what
//! takes long.
//!
//! May touch: files, and block while doing so; the steps run on the threads of [`Copiers`].
//! Invariants: no call shares more than [`raw::EXTENTS_AT_ONCE`] extents or copies more than [`STEP_LEN`]; between two
//! of them it is seen whether somebody still waits. What fails half-way leaves a file that the caller takes back.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use protocol::range::ByteRange;

use super::copier::{Admitted, Copiers, STEP_LEN};
use super::{ALIGN, DiskError, KernelCopy, raw};

/// A file that is read, and a new one.
pub(super) struct TwoFiles {
    source: OwnedFd,
    target: Arc<OwnedFd>,
}

impl TwoFiles {
    /// Opens the source, and only where it is long enough creates the target.
    pub(super) fn open(from: &Path, range: ByteRange, to: &Path) -> Result<Self, DiskError> {
        let failed = |error: io::Error| DiskError::from_io("open a blob to copy it", &error);
        let source = fs::File::open(from).map_err(failed)?;
        if source.metadata().map_err(failed)?.len() < range.end() {
            return Err(DiskError::Truncated);
        }
        let mut options = fs::OpenOptions::new();
        let target = options.write(true).create_new(true).mode(raw::FILE_MODE).open(to);
        let target: OwnedFd = target.map_err(failed)?.into();
        Ok(Self { source: source.into(), target: Arc::new(target) })
    }

    /// The descriptor that the new one was written by.
    pub(super) fn target(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.target)
    }
}

/// The first lives as long as somebody waits, and tells it to the second.
pub(super) fn wanted() -> (Rc<()>, Weak<()>) {
    let waiting = Rc::new(());
    let wanted = Rc::downgrade(&waiting);
    (waiting, wanted)
}

/// Copies until all is copied, a call fails or nobody waits for it any more.
pub(super) async fn copy_in_steps(
    admitted: &Admitted,
    files: &Arc<TwoFiles>,
    range: ByteRange,
    by: KernelCopy,
    wanted: &Weak<()>,
) -> Result<(), DiskError> {
    let mut start = range.start();
    while start < range.end() {
        still(wanted)?;
        let end = range.end().min(start + STEP_LEN);
        let step = ByteRange::new(start, end).expect("ascending");
        let (files, offset) = (Arc::clone(files), start - range.start());
        let copy =
            move || raw::copy_range(files.source.as_fd(), step, files.target.as_fd(), offset, by);
        admitted.step(copy).await?;
        start = end;
    }
    Ok(())
}

fn still(wanted: &Weak<()>) -> Result<(), DiskError> {
    if wanted.strong_count() > 0 {
        return Ok(());
    }
    let text = "nobody waits for it".to_owned();
    Err(DiskError::Io { action: "copy a blob", errno: None, text })
}

/// How far the first call of a clone came.
pub(super) enum Begun {
    /// To the end; the source is closed already.
    Whole(Arc<OwnedFd>),
    /// To this place in the source.
    Part(Arc<TwoFiles>, u64),
}

/// Makes the new file and shares with it what one call can share in a millisecond or two. Nothing is left after an
/// error.
pub(super) fn begin_clone(from: &Path, range: ByteRange, to: &Path) -> Result<Begun, DiskError> {
    let files = TwoFiles::open(from, range, to)?;
    match clone_some(&files, range, range.start()) {
        Ok(done) if done == range.end() => Ok(Begun::Whole(files.target)),
        Ok(done) => Ok(Begun::Part(Arc::new(files), done)),
        Err(error) => {
            done_if_missing(fs::remove_file(to))
                .map_err(|error| DiskError::from_io("clone a blob", &error))?;
            Err(error)
        }
    }
}

/// Shares what is left of `range` from `done` on. What is left is left because it lies in many extents, which would
/// hold up those who wait for a short call, so it goes the way of the byte copies.
pub(super) async fn clone_rest(
    copiers: &Arc<Copiers>,
    files: &Arc<TwoFiles>,
    range: ByteRange,
    mut done: u64,
    wanted: &Weak<()>,
) -> Result<(), DiskError> {
    let admitted = copiers.admit().ok_or(DiskError::Busy)?;
    while done < range.end() {
        still(wanted)?;
        let files = Arc::clone(files);
        done = admitted.step(move || clone_some(&files, range, done)).await?;
    }
    Ok(())
}

/// Shares the first extents of `range` from `start` on, and says where they end.
fn clone_some(files: &TwoFiles, range: ByteRange, start: u64) -> Result<u64, DiskError> {
    let rest = ByteRange::new(start, range.end()).expect("something is left");
    let end = raw::end_of_few_extents(files.source.as_fd(), rest);
    // A file system that counts in less than the grid would not clone from where such an extent ends.
    let end = if on_grid(end) { end } else { range.end() };
    let step = ByteRange::new(start, end).expect("ascending");
    let offset = start - range.start();
    let cloned = raw::clone_range(files.source.as_fd(), step, files.target.as_fd(), offset);
    cloned.map(|()| end).map_err(|error| match error.raw_os_error() {
        // EINVAL is the answer of file systems whose grid is another one.
        Some(libc::EXDEV | libc::EINVAL | libc::ENOTTY) => DiskError::Unsupported,
        _ => DiskError::from_io("clone a blob", &error),
    })
}

/// A removal, of which nothing is left to do if there is no such file.
pub(super) fn done_if_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Whether reads, writes and clones may begin or end here.
pub(super) const fn on_grid(position: u64) -> bool {
    position.is_multiple_of(ALIGN as u64)
}
