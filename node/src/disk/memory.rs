//! Room: a disk in memory, for tests and for the simulation.
//!
//! It is as honest as a file system: what was not synced is gone after [`MemoryDisk::crash`], and an unlink that
//! was not synced may come undone; it has a size, files end where they end, and any call can be made to fail.
//! Every call gives way once before it does anything, so that a single-threaded executor sees interleavings.
//! Holds: all files, shared by the shards and the [`Syncer`] that clones of it are.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use meta::id::{BlobId, FolderId};
use protocol::range::ByteRange;
use protocol::time::Timestamp;

use super::{
    ALIGN, BlobFile, Block, Buffer, Disk, DiskError, DiskWays, Expired, KernelCopy, READ_LEN_MAX,
    Space, Syncer, Unsynced,
};
use crate::seam::Local;

/// A disk in memory. Clones are handles of the same disk.
#[derive(Debug, Clone)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

/// The calls that [`MemoryDisk::fail`] can make fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Disk::make_folder`]
    MakeFolder,
    /// [`Disk::create`]
    Create,
    /// [`BlobFile::reserve`]
    Reserve,
    /// [`BlobFile::write`]
    Write,
    /// [`BlobFile::finish`]
    Finish,
    /// [`Disk::clone_range`]
    Clone,
    /// [`Disk::copy_range`] by [`KernelCopy::CopyFileRange`]
    CopyFileRange,
    /// [`Disk::copy_range`] by [`KernelCopy::Splice`]
    Splice,
    /// [`Disk::read`]
    Read,
    /// [`Disk::unlink`]
    Unlink,
    /// [`Syncer::sync`], of one file
    Sync,
}

#[derive(Debug)]
struct State {
    folders: BTreeMap<FolderId, Folder>,
    /// Files that nobody named, and when they came there.
    lost: BTreeMap<BlobId, (Timestamp, File)>,
    now: Timestamp,
    faults: Vec<Fault>,
    total: u64,
    used: u64,
    ways: DiskWays,
}

#[derive(Debug, Default)]
struct Folder {
    files: BTreeMap<BlobId, File>,
    /// Durable files whose removal is not durable yet: they come back at a crash.
    ghosts: BTreeMap<BlobId, File>,
}

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// Bytes of the disk that it takes; a clone takes none of its own.
    charged: u64,
    finished: bool,
    durable: bool,
}

#[derive(Debug)]
struct Fault {
    call: Call,
    after: usize,
    error: DiskError,
}

impl MemoryDisk {
    /// An empty disk of `total` bytes that knows all ways.
    #[must_use]
    pub fn new(total: u64) -> Self {
        Self::with_ways(total, DiskWays { clone: true, copy_file_range: true, splice: true })
    }

    /// The same with these ways.
    #[must_use]
    pub fn with_ways(total: u64, ways: DiskWays) -> Self {
        let state = State {
            folders: BTreeMap::new(),
            lost: BTreeMap::new(),
            now: Timestamp::from_millis(0),
            faults: Vec::new(),
            total,
            used: 0,
            ways,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The same, on a file system that does not clone.
    #[must_use]
    pub fn without_clone(total: u64) -> Self {
        Self::with_ways(total, DiskWays { clone: false, copy_file_range: true, splice: true })
    }

    /// Plays a power cut: whatever is not durable is gone, whatever was not durably removed is back. Files that
    /// were being written are lost to their writers.
    pub fn crash(&self) {
        let state = &mut *self.lock();
        for folder in state.folders.values_mut() {
            folder.files.retain(|_, file| file.durable);
            folder.files.append(&mut folder.ghosts);
        }
        state.faults.clear();
        let folders = state.folders.values().flat_map(|folder| folder.files.values());
        state.used =
            folders.chain(state.lost.values().map(|(_, file)| file)).map(|file| file.charged).sum();
    }

    /// Makes one later call fail: the one after `after` further calls of its kind.
    pub fn fail(&self, call: Call, after: usize, error: DiskError) {
        self.lock().faults.push(Fault { call, after, error });
    }

    /// Flips bits of one byte of a file; false if there is no such byte.
    #[must_use]
    pub fn corrupt(&self, blob: BlobId, offset: u64, flip: u8) -> bool {
        let mut state = self.lock();
        let Ok(at) = usize::try_from(offset) else { return false };
        let byte = state.file_mut(blob).ok().and_then(|file| file.bytes.get_mut(at));
        byte.map(|byte| *byte ^= flip).is_some()
    }

    /// Cuts a file short, as damage would.
    ///
    /// # Errors
    /// [`DiskError::Missing`] if there is no such file.
    pub fn cut(&self, blob: BlobId, len: usize) -> Result<(), DiskError> {
        self.lock().file_mut(blob)?.bytes.truncate(len);
        Ok(())
    }

    /// Every file there is, ascending.
    #[must_use]
    pub fn blobs(&self) -> Vec<BlobId> {
        self.lock().folders.values().flat_map(|folder| folder.files.keys().copied()).collect()
    }

    /// Says what time it is: when files come into the lost folder from now on.
    pub fn set_now(&self, now: Timestamp) {
        self.lock().now = now;
    }

    /// Every file in the lost folder, ascending.
    #[must_use]
    pub fn lost(&self) -> Vec<BlobId> {
        self.lock().lost.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call of the disk: gives way once, then does its work unless it is meant to fail.
    fn call<'a, T: 'a>(
        &'a self,
        call: Option<Call>,
        work: impl FnOnce(&mut State) -> Result<T, DiskError> + 'a,
    ) -> Local<'a, Result<T, DiskError>> {
        Box::pin(async move {
            give_way().await;
            let mut state = self.lock();
            if let Some(call) = call {
                state.fault(call)?;
            }
            work(&mut state)
        })
    }
}

impl Disk for MemoryDisk {
    fn make_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>> {
        self.call(Some(Call::MakeFolder), move |state| {
            state.folders.entry(folder).or_default();
            Ok(())
        })
    }

    fn create(&self, blob: BlobId) -> Local<'_, Result<Rc<dyn BlobFile>, DiskError>> {
        self.call(Some(Call::Create), move |state| {
            state.add(blob, File::default())?;
            Ok(Rc::new(MemoryFile { disk: self.clone(), blob }) as Rc<dyn BlobFile>)
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
        self.call(Some(Call::Clone), move |state| {
            if !state.ways.clone {
                return Err(DiskError::Unsupported);
            }
            let bytes = state.file_mut(source)?.bytes.get(places(range)).map(<[u8]>::to_vec);
            let bytes = bytes.ok_or(DiskError::Unsupported)?;
            state.add(target, File { bytes, finished: true, ..File::default() })?;
            Ok(Unsynced::of_memory(target))
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
        let call = match by {
            KernelCopy::CopyFileRange => Call::CopyFileRange,
            KernelCopy::Splice => Call::Splice,
        };
        self.call(Some(call), move |state| {
            let can = match by {
                KernelCopy::CopyFileRange => state.ways.copy_file_range,
                KernelCopy::Splice => state.ways.splice,
            };
            if !can {
                return Err(DiskError::Unsupported);
            }
            let bytes = state.file_mut(source)?.bytes.get(places(range)).map(<[u8]>::to_vec);
            let bytes = bytes.ok_or(DiskError::Truncated)?;
            if state.total - state.used < range.len() {
                return Err(DiskError::NoSpace);
            }
            let file = File { bytes, charged: range.len(), finished: true, ..File::default() };
            state.add(target, file)?;
            state.used += range.len();
            Ok(Unsynced::of_memory(target))
        })
    }

    fn read(&self, blob: BlobId, offset: u64, len: usize) -> Local<'_, Result<Block, DiskError>> {
        assert!(on_grid(offset) && len.is_multiple_of(ALIGN), "reads lie on the grid");
        assert!((1..=READ_LEN_MAX).contains(&len), "a read has its limits");
        self.call(Some(Call::Read), move |state| {
            let range = ByteRange::new(offset, offset + len as u64).expect("ascending");
            let bytes = state.file_mut(blob)?.bytes.get(places(range));
            let bytes = bytes.ok_or(DiskError::Truncated)?;
            Ok(Block::from(Bytes::copy_from_slice(bytes)))
        })
    }

    fn unlink(&self, blobs: Vec<BlobId>) -> Local<'_, Result<(), DiskError>> {
        self.call(Some(Call::Unlink), move |state| {
            for blob in blobs {
                state.remove(blob);
                if let Some(folder) = state.folders.get_mut(&blob.folder()) {
                    folder.ghosts.clear();
                }
            }
            Ok(())
        })
    }

    fn list_folder(&self, folder: FolderId) -> Local<'_, Result<Vec<BlobId>, DiskError>> {
        self.call(None, move |state| {
            let folder = state.folders.get_mut(&folder).ok_or(DiskError::Missing)?;
            folder.ghosts.clear();
            Ok(folder.files.keys().copied().collect())
        })
    }

    fn move_to_lost(&self, blob: BlobId) -> Local<'_, Result<(), DiskError>> {
        self.call(None, move |state| {
            let file = state.folders.get_mut(&blob.folder()).and_then(|f| f.files.remove(&blob));
            state.lost.insert(blob, (state.now, file.ok_or(DiskError::Missing)?));
            Ok(())
        })
    }

    fn remove_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>> {
        self.call(None, move |state| match state.folders.get(&folder) {
            Some(found) if !found.files.is_empty() => Err(DiskError::Exists),
            _ => {
                state.folders.remove(&folder);
                Ok(())
            }
        })
    }

    fn list_folders(&self) -> Local<'_, Result<Vec<FolderId>, DiskError>> {
        self.call(None, |state| Ok(state.folders.keys().copied().collect()))
    }

    fn expire_lost(&self, before: Timestamp) -> Local<'_, Result<Expired, DiskError>> {
        self.call(None, move |state| {
            let old = state.lost.extract_if(.., |_, (came, _)| *came < before);
            let removed: Vec<File> = old.map(|(_, (_, file))| file).collect();
            state.used -= removed.iter().map(|file| file.charged).sum::<u64>();
            Ok(Expired {
                removed: removed.len() as u64,
                left: state.lost.len() as u64,
                left_bytes: state.lost.values().map(|(_, file)| file.charged).sum(),
            })
        })
    }

    fn free(&self) -> Local<'_, Result<Space, DiskError>> {
        self.call(None, |state| Ok(Space { free: state.total - state.used, total: state.total }))
    }

    fn ways(&self) -> DiskWays {
        self.lock().ways
    }
}

impl Syncer for MemoryDisk {
    fn sync(&self, files: &[&Unsynced]) -> Vec<Result<(), DiskError>> {
        let mut state = self.lock();
        files
            .iter()
            .map(|unsynced| {
                if unsynced.is_poisoned() {
                    let text = "an earlier sync of this file failed".to_owned();
                    return Err(DiskError::Io { action: "sync a blob", errno: None, text });
                }
                let outcome = state.sync(unsynced.blob());
                if outcome.is_err() {
                    unsynced.poison();
                }
                outcome
            })
            .collect()
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    blob: BlobId,
}

impl BlobFile for MemoryFile {
    fn reserve(&self, upto: u64) -> Local<'_, Result<(), DiskError>> {
        self.disk.call(Some(Call::Reserve), move |state| state.grow(self.blob, upto))
    }

    fn write(&self, offset: u64, buffer: Buffer) -> Local<'_, Result<Buffer, DiskError>> {
        let range = ByteRange::new(offset, offset + buffer.len() as u64).expect("ascending");
        assert!(on_grid(range.start()) && on_grid(range.end()), "writes lie on the grid");
        self.disk.call(Some(Call::Write), move |state| {
            state.grow(self.blob, range.end())?;
            let file = state.file_mut(self.blob)?;
            assert!(!file.finished, "a finished blob never changes");
            file.bytes[places(range)].copy_from_slice(buffer.bytes());
            Ok(buffer)
        })
    }

    fn finish(&self, len: u64) -> Local<'_, Result<Unsynced, DiskError>> {
        assert!(on_grid(len), "files end on the grid");
        self.disk.call(Some(Call::Finish), move |state| {
            let file = state.file_mut(self.blob)?;
            let before = file.charged;
            assert!(len <= before, "a file does not grow when it is finished");
            file.bytes.truncate(places(ByteRange::new(0, len).expect("ascending")).end);
            file.charged = len;
            file.finished = true;
            state.used -= before - len;
            Ok(Unsynced::of_memory(self.blob))
        })
    }
}

impl State {
    /// Uses up one call of this kind against the faults that wait for it.
    fn fault(&mut self, call: Call) -> Result<(), DiskError> {
        let Some(at) = self.faults.iter().position(|fault| fault.call == call) else {
            return Ok(());
        };
        if self.faults[at].after > 0 {
            self.faults[at].after -= 1;
            return Ok(());
        }
        Err(self.faults.remove(at).error)
    }

    fn file_mut(&mut self, blob: BlobId) -> Result<&mut File, DiskError> {
        let folder = self.folders.get_mut(&blob.folder()).ok_or(DiskError::Missing)?;
        folder.files.get_mut(&blob).ok_or(DiskError::Missing)
    }

    fn add(&mut self, blob: BlobId, file: File) -> Result<(), DiskError> {
        let folder = self.folders.get_mut(&blob.folder()).ok_or(DiskError::Missing)?;
        if folder.files.contains_key(&blob) {
            return Err(DiskError::Exists);
        }
        folder.files.insert(blob, file);
        Ok(())
    }

    fn remove(&mut self, blob: BlobId) -> Option<File> {
        let file = self.folders.get_mut(&blob.folder())?.files.remove(&blob)?;
        self.used -= file.charged;
        Some(file)
    }

    /// Makes a file at least `upto` bytes long, if the disk has the room.
    fn grow(&mut self, blob: BlobId, upto: u64) -> Result<(), DiskError> {
        let free = self.total - self.used;
        let file = self.file_mut(blob)?;
        let more = upto.saturating_sub(file.charged);
        if more > free {
            return Err(DiskError::NoSpace);
        }
        if more > 0 {
            file.bytes.resize(places(ByteRange::new(0, upto).expect("ascending")).end, 0);
            file.charged = upto;
            self.used += more;
        }
        Ok(())
    }

    fn sync(&mut self, blob: BlobId) -> Result<(), DiskError> {
        self.fault(Call::Sync)?;
        let folder = self.folders.get_mut(&blob.folder()).ok_or(DiskError::Missing)?;
        let file = folder.files.get_mut(&blob).ok_or(DiskError::Missing)?;
        assert!(file.finished, "only complete files are synced");
        file.durable = true;
        folder.ghosts.clear();
        Ok(())
    }
}

const fn on_grid(position: u64) -> bool {
    position.is_multiple_of(ALIGN as u64)
}

/// A range of a file as places in memory; beyond all memory if it does not fit.
fn places(range: ByteRange) -> std::ops::Range<usize> {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    place(range.start())..place(range.end())
}

/// Lets everything else that can run do so once.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
