//! Room: blob files on the host's file system, read and written by io_uring with O_DIRECT.
//!
//! A blob lies at `blobs/<folder, 8 hex digits>/<slot, 3 hex digits>`. Calls that the ring does not have
//! (folders, unlink, clone) run on the executor's blocking threads, copies by the kernel on those of [`Copiers`].
//! Holds: a few open files per shard, closed when they have not been read for a moment, so that an unlinked
//! file's space comes back; the births under way, so that an unlink does not come before a cancelled creation.
//! Invariants: every call that leaves something behind runs to its end, whoever stops waiting for it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use futures_util::future::join_all;
use glommio::GlommioError;
use glommio::io::{DmaFile, OpenOptions};
use meta::id::{BlobId, FOLDER_SLOTS, FolderId};
use protocol::range::ByteRange;
use protocol::time::Timestamp;

use super::copier::Copiers;
use super::raw::{self, DataDirectory};
use super::transfer::{self, Begun, TwoFiles, done_if_missing, on_grid};
use super::{
    ALIGN, BlobFile, Block, Buffer, Disk, DiskError, DiskWays, Expired, KernelCopy, READ_LEN_MAX,
    Space, Unsynced,
};
use crate::seam::Local;

/// How many files a shard keeps open for reading.
const OPEN_FILES_MAX: usize = 128;

/// A file that was not read between two rounds of the sweep is closed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The [`Disk`] of one shard. Made and used on the shard's thread.
pub struct GlommioDisk {
    data: Rc<Path>,
    ways: DiskWays,
    copiers: Arc<Copiers>,
    open: Rc<OpenFiles>,
    births: Rc<Births>,
}

impl GlommioDisk {
    /// The files of `data` as this shard sees them; `copiers` are those of all shards.
    #[must_use]
    pub fn new(data: &DataDirectory, copiers: Arc<Copiers>) -> Self {
        Self {
            data: Rc::from(data.path()),
            ways: data.facts().ways,
            copiers,
            open: Rc::new(OpenFiles::default()),
            births: Rc::new(Births::default()),
        }
    }

    /// The file of `blob`, open for reading.
    async fn opened(&self, blob: BlobId) -> Result<Rc<DmaFile>, DiskError> {
        if let Some(file) = self.open.get(blob) {
            return Ok(file);
        }
        let (open, path) = (Rc::clone(&self.open), blob_path(&self.data, blob));
        let opening = async move {
            let file = OpenOptions::new().read(true).dma_open(&path).await;
            let file = Rc::new(file.map_err(|error| from_glommio("open a blob", &error))?);
            open.put(blob, &file);
            Ok(file)
        };
        to_the_end(opening).await
    }
}

impl Disk for GlommioDisk {
    fn make_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>> {
        let (blobs, path) = (raw::blobs(&self.data), folder_path(&self.data, folder));
        Box::pin(to_the_end(blocking("make a folder", move || {
            raw::make_folder(&path)?;
            raw::sync_folder(&blobs)
        })))
    }

    fn create(&self, blob: BlobId) -> Local<'_, Result<Rc<dyn BlobFile>, DiskError>> {
        let path = blob_path(&self.data, blob);
        Box::pin(async move {
            let birth = Births::begin(&self.births, blob);
            let creating = async move {
                let created = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(raw::FILE_MODE)
                    .dma_open(&path)
                    .await
                    .map_err(|error| from_glommio("create a blob", &error));
                let outcome =
                    match created {
                        Ok(file) => Ok(Rc::new(DirectFile { blob, file, len: Cell::new(0) })
                            as Rc<dyn BlobFile>),
                        Err(error @ (DiskError::Exists | DiskError::Missing)) => Err(error),
                        // The file may have come to be before the error did.
                        Err(error) => remove(path).await.and(Err(error)),
                    };
                drop(birth);
                outcome
            };
            to_the_end(creating).await
        })
    }

    fn clone_range(
        &self,
        source: BlobId,
        range: ByteRange,
        target: BlobId,
    ) -> Local<'_, Result<Unsynced, DiskError>> {
        assert!(on_grid(range.start()) && on_grid(range.end()), "clones lie on the grid");
        assert!(!range.is_empty(), "an empty range is nothing to clone");
        let from = blob_path(&self.data, source);
        let to = blob_path(&self.data, target);
        Box::pin(async move {
            let birth = Births::begin(&self.births, target);
            let (waiting, wanted) = transfer::wanted();
            let copiers = Arc::clone(&self.copiers);
            let cloning = async move {
                let path = to.clone();
                let begun = blocking_with(move || transfer::begin_clone(&from, range, &to)).await;
                let cloned = match begun {
                    Ok(Begun::Whole(descriptor)) => Ok(descriptor),
                    Ok(Begun::Part(files, done)) => {
                        let rest = transfer::clone_rest(&copiers, &files, range, done, &wanted);
                        part(rest.await, files, path).await
                    }
                    Err(error) => Err(error),
                };
                let cloned = cloned.map(|descriptor| Unsynced::of_descriptor(target, descriptor));
                drop(birth);
                cloned
            };
            let cloned = to_the_end(cloning).await;
            drop(waiting);
            cloned
        })
    }

    fn copy_range(
        &self,
        source: BlobId,
        range: ByteRange,
        target: BlobId,
        by: KernelCopy,
    ) -> Local<'_, Result<Unsynced, DiskError>> {
        assert!(on_grid(range.start()) && on_grid(range.end()), "copies lie on the grid");
        assert!(!range.is_empty(), "an empty range is nothing to copy");
        let from = blob_path(&self.data, source);
        let to = blob_path(&self.data, target);
        Box::pin(async move {
            let admitted = self.copiers.admit().ok_or(DiskError::Busy)?;
            let birth = Births::begin(&self.births, target);
            let (waiting, wanted) = transfer::wanted();
            let copying = async move {
                let path = to.clone();
                let files = admitted.step(move || TwoFiles::open(&from, range, &to)).await;
                let files = files.map(Arc::new)?;
                let copying = transfer::copy_in_steps(&admitted, &files, range, by, &wanted);
                let copied = part(copying.await, files, path).await;
                let copied = copied.map(|descriptor| Unsynced::of_descriptor(target, descriptor));
                drop(birth);
                copied
            };
            let copied = to_the_end(copying).await;
            drop(waiting);
            copied
        })
    }

    fn read(&self, blob: BlobId, offset: u64, len: usize) -> Local<'_, Result<Block, DiskError>> {
        assert!(on_grid(offset) && len.is_multiple_of(ALIGN), "reads lie on the grid");
        assert!((1..=READ_LEN_MAX).contains(&len), "a read has its limits");
        Box::pin(async move {
            let file = self.opened(blob).await?;
            // The kernel may stop early for reasons of its own, so a short read is asked once more.
            for _ in 0..2 {
                let read = file.read_at_aligned(offset, len).await;
                let read = read.map_err(|error| from_glommio("read a blob", &error))?;
                if read.len() == len {
                    return Ok(Block::of_read(read));
                }
            }
            Err(DiskError::Truncated)
        })
    }

    fn unlink(&self, blobs: Vec<BlobId>) -> Local<'_, Result<(), DiskError>> {
        for &blob in &blobs {
            self.open.forget(blob);
        }
        let (data, births) = (self.data.to_path_buf(), self.births.over(&blobs));
        Box::pin(to_the_end(async move {
            births.await;
            blocking("unlink blobs", move || unlink_all(&data, &blobs)).await
        }))
    }

    fn list_folder(&self, folder: FolderId) -> Local<'_, Result<Vec<BlobId>, DiskError>> {
        let path = folder_path(&self.data, folder);
        Box::pin(blocking("list a folder", move || {
            raw::sync_folder(&path)?;
            let mut blobs = Vec::new();
            for entry in fs::read_dir(path)? {
                let name = entry?.file_name();
                blobs.extend(name.to_str().and_then(slot_of).map(|s| BlobId::in_folder(folder, s)));
            }
            blobs.sort_unstable();
            Ok(blobs)
        }))
    }

    fn move_to_lost(&self, blob: BlobId) -> Local<'_, Result<(), DiskError>> {
        self.open.forget(blob);
        let (from, lost) = (blob_path(&self.data, blob), raw::lost(&self.data));
        let folder = folder_path(&self.data, blob.folder());
        Box::pin(to_the_end(blocking("move a blob to the lost folder", move || {
            fs::rename(from, lost.join(lost_name(blob)))?;
            raw::sync_folder(&lost)?;
            raw::sync_folder(&folder)
        })))
    }

    fn remove_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>> {
        let (blobs, path) = (raw::blobs(&self.data), folder_path(&self.data, folder));
        Box::pin(to_the_end(blocking("remove a folder", move || {
            done_if_missing(fs::remove_dir(path))?;
            raw::sync_folder(&blobs)
        })))
    }

    fn list_folders(&self) -> Local<'_, Result<Vec<FolderId>, DiskError>> {
        let blobs = raw::blobs(&self.data);
        Box::pin(blocking("list the folders", move || {
            let mut folders = Vec::new();
            for entry in fs::read_dir(blobs)? {
                folders.extend(entry?.file_name().to_str().and_then(folder_of));
            }
            folders.sort_unstable();
            Ok(folders)
        }))
    }

    fn expire_lost(&self, before: Timestamp) -> Local<'_, Result<Expired, DiskError>> {
        let lost = raw::lost(&self.data);
        Box::pin(to_the_end(blocking("empty the lost folder", move || expire_lost(&lost, before))))
    }

    fn free(&self) -> Local<'_, Result<Space, DiskError>> {
        let data = self.data.to_path_buf();
        Box::pin(blocking("ask for free space", move || raw::space(&data)))
    }

    fn ways(&self) -> DiskWays {
        self.ways
    }
}

/// A blob file while it is written.
struct DirectFile {
    blob: BlobId,
    file: DmaFile,
    /// The file's length as reservations and writes made it.
    len: Cell<u64>,
}

impl BlobFile for DirectFile {
    fn reserve(&self, upto: u64) -> Local<'_, Result<(), DiskError>> {
        Box::pin(async move {
            let reserved = self.file.pre_allocate(upto, false).await;
            match reserved.map_err(|error| from_glommio("reserve space", &error)) {
                Ok(()) => self.len.set(self.len.get().max(upto)),
                Err(DiskError::Unsupported) => {}
                Err(error) => return Err(error),
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, buffer: Buffer) -> Local<'_, Result<Buffer, DiskError>> {
        assert!(on_grid(offset) && on_grid(buffer.len() as u64), "writes lie on the grid");
        Box::pin(async move {
            self.len.set(self.len.get().max(offset + buffer.len() as u64));
            // A short write is tried once more as a whole: the second try says why, e.g. that the disk is full.
            for _ in 0..2 {
                let written = self.file.write_rc_at(buffer.direct(), offset).await;
                let written = written.map_err(|error| from_glommio("write a blob", &error))?;
                if written == buffer.len() {
                    return Ok(buffer);
                }
            }
            let text = "the system wrote less than it was given".to_owned();
            Err(DiskError::Io { action: "write a blob", errno: None, text })
        })
    }

    fn finish(&self, len: u64) -> Local<'_, Result<Unsynced, DiskError>> {
        assert!(on_grid(len), "files end on the grid");
        Box::pin(async move {
            assert!(len <= self.len.get(), "a file does not grow when it is finished");
            if len < self.len.get() {
                let cut = self.file.truncate(len).await;
                cut.map_err(|error| from_glommio("give back reserved space", &error))?;
                self.len.set(len);
            }
            let descriptor = self.file.as_fd().try_clone_to_owned();
            let descriptor =
                descriptor.map_err(|error| DiskError::from_io("duplicate a descriptor", &error))?;
            Ok(Unsynced::of_descriptor(self.blob, descriptor))
        })
    }
}

/// Files that were read a moment ago.
#[derive(Default)]
struct OpenFiles {
    entries: RefCell<Vec<OpenFile>>,
    sweeping: Cell<bool>,
}

struct OpenFile {
    blob: BlobId,
    file: Rc<DmaFile>,
    /// Read since the sweep last came by.
    used: bool,
}

impl OpenFiles {
    fn get(&self, blob: BlobId) -> Option<Rc<DmaFile>> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.iter_mut().find(|entry| entry.blob == blob)?;
        entry.used = true;
        Some(Rc::clone(&entry.file))
    }

    fn put(self: &Rc<Self>, blob: BlobId, file: &Rc<DmaFile>) {
        let mut entries = self.entries.borrow_mut();
        if entries.iter().any(|entry| entry.blob == blob) {
            return;
        }
        if entries.len() == OPEN_FILES_MAX {
            let idle = entries.iter().position(|entry| !entry.used).unwrap_or(0);
            entries.remove(idle);
        }
        entries.push(OpenFile { blob, file: Rc::clone(file), used: true });
        drop(entries);
        if !self.sweeping.replace(true) {
            glommio::spawn_local(Rc::clone(self).sweep()).detach();
        }
    }

    fn forget(&self, blob: BlobId) {
        self.entries.borrow_mut().retain(|entry| entry.blob != blob);
    }

    /// Closes what is not read any more, until nothing is open: another shard may have unlinked it, and an open
    /// descriptor would keep its space.
    async fn sweep(self: Rc<Self>) {
        while !self.entries.borrow().is_empty() {
            glommio::timer::sleep(SWEEP_INTERVAL).await;
            self.entries.borrow_mut().retain_mut(|entry| std::mem::take(&mut entry.used));
        }
        self.sweeping.set(false);
    }
}

/// Files that are being created, each with an end of a channel that is closed when it is there or will not be.
#[derive(Default)]
struct Births(RefCell<HashMap<BlobId, flume::Receiver<Infallible>>>);

/// One file that is being created; dropped when that is over.
struct Birth {
    births: Rc<Births>,
    blob: BlobId,
    /// Nothing is ever sent: the channel is closed with it.
    _under_way: flume::Sender<Infallible>,
}

impl Births {
    fn begin(self: &Rc<Self>, blob: BlobId) -> Birth {
        let (under_way, over) = flume::bounded(0);
        self.0.borrow_mut().insert(blob, over);
        Birth { births: Rc::clone(self), blob, _under_way: under_way }
    }

    /// Completes when none of `blobs` is being created.
    fn over(&self, blobs: &[BlobId]) -> impl Future<Output = ()> + use<> {
        let births = self.0.borrow();
        let waits: Vec<_> = blobs.iter().filter_map(|blob| births.get(blob).cloned()).collect();
        async move {
            for over in waits {
                let Err(_closed) = over.recv_async().await;
            }
        }
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        self.births.0.borrow_mut().remove(&self.blob);
    }
}

/// The folder of a lease.
pub(crate) fn folder_path(data: &Path, folder: FolderId) -> PathBuf {
    raw::blobs(data).join(format!("{:08x}", folder.get()))
}

pub(crate) fn blob_path(data: &Path, blob: BlobId) -> PathBuf {
    folder_path(data, blob.folder()).join(format!("{:03x}", blob.slot()))
}

/// The slot that a file name stands for; `None` for a name that no blob has.
pub(crate) fn slot_of(name: &str) -> Option<u16> {
    let slot = u16::from_str_radix(name, 16).ok()?;
    (slot < FOLDER_SLOTS && name == format!("{slot:03x}")).then_some(slot)
}

/// The folder that a name in the folder of folders stands for; `None` for a name that no folder has.
pub(crate) fn folder_of(name: &str) -> Option<FolderId> {
    let number = u64::from_str_radix(name, 16).ok()?;
    (name == format!("{number:08x}")).then(|| FolderId::new(number))
}

/// What a blob is called in the lost folder.
pub(crate) fn lost_name(blob: BlobId) -> String {
    format!("{:08x}-{:03x}", blob.folder().get(), blob.slot())
}

/// Whether this is the name of a blob in the lost folder.
pub(crate) fn is_lost_blob(name: &str) -> bool {
    let parts = name.split_once('-');
    parts.is_some_and(|(folder, slot)| folder_of(folder).is_some() && slot_of(slot).is_some())
}

fn expire_lost(lost: &Path, before: Timestamp) -> io::Result<Expired> {
    use std::os::unix::fs::MetadataExt;
    let mut expired = Expired::default();
    for entry in fs::read_dir(lost)? {
        let entry = entry?;
        let facts = entry.metadata()?;
        // The renaming that brought it here was the last change of its inode.
        let came = facts.ctime() * 1000 + facts.ctime_nsec() / 1_000_000;
        let old = u64::try_from(came).is_ok_and(|came| Timestamp::from_millis(came) < before);
        if old && entry.file_name().to_str().is_some_and(is_lost_blob) {
            done_if_missing(fs::remove_file(entry.path()))?;
            expired.removed += 1;
        } else {
            expired.left += 1;
            expired.left_bytes += facts.blocks() * 512;
        }
    }
    if expired.removed > 0 {
        raw::sync_folder(lost)?;
    }
    Ok(expired)
}

fn unlink_all(data: &Path, blobs: &[BlobId]) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    for &blob in blobs {
        done_if_missing(fs::remove_file(blob_path(data, blob)))?;
        folders.insert(blob.folder());
    }
    for folder in folders {
        match raw::sync_folder(&folder_path(data, folder)) {
            // Somebody has removed the empty folder meanwhile: until that is durable it may come back with its files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                raw::sync_folder(&raw::blobs(data))?;
            }
            synced => synced?,
        }
    }
    Ok(())
}

async fn remove(path: PathBuf) -> Result<(), DiskError> {
    blocking("remove a file", move || done_if_missing(fs::remove_file(path))).await
}

/// Parts the two files: closes the source, and gives the descriptor of the new one, or takes it back if it did not come
/// about. Not on the shard: a close may give back the space of a file without a name, as the source may be by now.
async fn part(
    copied: Result<(), DiskError>,
    files: Arc<TwoFiles>,
    path: PathBuf,
) -> Result<Arc<OwnedFd>, DiskError> {
    blocking_with(move || {
        let Err(error) = copied else { return Ok(files.target()) };
        // The new one is closed while it has a name, or its close would give its blocks back too.
        drop(files);
        done_if_missing(fs::remove_file(path))
            .map_err(|error| DiskError::from_io("remove a file", &error))?;
        Err(error)
    })
    .await
}

/// Runs `work` on a blocking thread.
async fn blocking<T: Send + 'static>(
    action: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, DiskError> {
    blocking_with(move || work().map_err(|error| DiskError::from_io(action, &error))).await
}

/// Runs `work` on a blocking thread, to its end even if whoever waits goes away.
pub(crate) async fn blocking_with<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DiskError> + Send + 'static,
) -> Result<T, DiskError> {
    BEGUN.set(BEGUN.get() + 1);
    let executor = glommio::executor();
    executor.spawn_blocking(work).await
}

/// How much work this shard has given to its blocking threads since it began.
pub(crate) fn blocking_begun() -> u64 {
    BEGUN.get()
}

/// Completes once each of the executor's `count` blocking threads has ended the work that it had: they wait there for
/// one another.
pub(crate) async fn all_blocking_threads(count: usize) {
    let meeting = Arc::new(Barrier::new(count));
    let executor = glommio::executor();
    let each = (0..count).map(|_| {
        let meeting = Arc::clone(&meeting);
        executor.spawn_blocking(move || {
            meeting.wait();
        })
    });
    join_all(each).await;
}

thread_local! {
    static BEGUN: Cell<u64> = const { Cell::new(0) };
}

/// Runs `task` to its end even if the caller is dropped.
async fn to_the_end<T: 'static>(
    task: impl Future<Output = Result<T, DiskError>> + 'static,
) -> Result<T, DiskError> {
    glommio::spawn_local(task).detach().await.unwrap_or_else(|| {
        let text = "the task is gone".to_owned();
        Err(DiskError::Io { action: "wait for the disk", errno: None, text })
    })
}

fn from_glommio(action: &'static str, error: &GlommioError<()>) -> DiskError {
    DiskError::from_errno(action, error.raw_os_error(), || error.to_string())
}

/// Runs a test on an executor like those of shards.
#[cfg(test)]
pub(crate) fn run_on_shard(test: impl Future<Output = ()>) {
    use crate::shard::pulse::Pulse;
    use glommio::{LocalExecutorBuilder, Placement, PoolPlacement};
    let executor = LocalExecutorBuilder::new(Placement::Unbound)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(2))
        .make()
        .expect("an executor");
    let pulse = Pulse::start().expect("a pulse");
    executor.spawn(pulse.join()).detach();
    executor.run(async {
        test.await;
        // Files that were dropped are closed in the next round of the ring.
        glommio::timer::sleep(Duration::from_millis(1)).await;
    });
}
