//! Room: the calls of the seam on a disk in memory, each as the steps that the host's file systems take.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use meta::id::{BlobId, FolderId};
use protocol::range::ByteRange;
use protocol::time::Timestamp;

use super::MemoryDisk;
use super::fault::{Call, Lie};
use super::names::Node;
use super::state::State;
use super::step::Steps;
use crate::disk::{
    ALIGN, BlobFile, Block, Buffer, Disk, DiskError, DiskWays, Expired, KernelCopy, READ_LEN_MAX,
    Space, Syncer, Unsynced,
};
use crate::seam::Local;

/// How much the kernel copies in one step.
const COPY_STEP_LEN: u64 = 64 * 1024 * 1024;

impl Disk for MemoryDisk {
    fn make_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>> {
        let lies = self.lies(Lie::FolderNotSynced);
        self.to_the_end(Call::MakeFolder, move |mut steps| async move {
            steps.act(|state| state.make_folder(folder)).await?;
            if !lies {
                steps.act(|state| state.sync_folders()).await?;
            }
            steps.pause().await;
            Ok(())
        })
    }

    fn create(&self, blob: BlobId) -> Local<'_, Result<Rc<dyn BlobFile>, DiskError>> {
        let creating = self.to_the_end(Call::Create, move |mut steps| async move {
            let birth = steps.birth(blob);
            let created = steps.take(|state| state.create(blob)).await;
            drop(birth);
            steps.pause().await;
            created
        });
        Box::pin(async move {
            let node = creating.await?;
            Ok(Rc::new(MemoryFile { disk: self.clone(), blob, node }) as Rc<dyn BlobFile>)
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
        self.to_the_end(Call::Clone, move |mut steps| async move {
            let _birth = steps.birth(target);
            let node = steps.take(|state| state.create(target)).await?;
            let cloned = steps.take(|state| {
                if !state.ways.clone {
                    return Err(DiskError::Unsupported);
                }
                state.clone_range(source, range, node)
            });
            let cloned = cloned.await;
            kept_if_ok(cloned, target, steps).await
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
        self.to_the_end(call, move |mut steps| async move {
            let _birth = steps.birth(target);
            let node = steps.take(|state| state.create(target)).await?;
            let copied = copy(&mut steps, source, range, node, by).await;
            kept_if_ok(copied, target, steps).await
        })
    }

    fn read(&self, blob: BlobId, offset: u64, len: usize) -> Local<'_, Result<Block, DiskError>> {
        assert!(on_grid(offset) && len.is_multiple_of(ALIGN), "reads lie on the grid");
        assert!((1..=READ_LEN_MAX).contains(&len), "a read has its limits");
        let mut steps = self.begin(Call::Read);
        Box::pin(async move {
            // Once it is open it can be read to its end, whoever removes its name.
            let image = steps.take(|state| state.image(blob)).await?;
            let range = offset..offset + len as u64;
            let read = steps.take(|_| image.read(range).ok_or(DiskError::Truncated));
            read.await.map(Block::from)
        })
    }

    fn unlink(&self, blobs: Vec<BlobId>) -> Local<'_, Result<(), DiskError>> {
        let lies = self.lies(Lie::UnlinkNotSynced);
        self.to_the_end(Call::Unlink, move |mut steps| async move {
            steps.births_over(&blobs).await;
            let mut folders = BTreeSet::new();
            for blob in blobs {
                steps.act(|state| state.unlink(blob)).await?;
                folders.insert(blob.folder());
            }
            for folder in folders.into_iter().filter(|_| !lies) {
                steps.take(|state| state.sync_folder_or_its_removal(folder)).await?;
            }
            steps.pause().await;
            Ok(())
        })
    }

    fn list_folder(&self, folder: FolderId) -> Local<'_, Result<Vec<BlobId>, DiskError>> {
        let mut steps = self.begin(Call::List);
        Box::pin(async move {
            steps.take(|state| state.sync_folder(folder)).await?;
            steps.take(|state| state.list_folder(folder)).await
        })
    }

    fn move_to_lost(&self, blob: BlobId) -> Local<'_, Result<(), DiskError>> {
        self.to_the_end(Call::MoveToLost, move |mut steps| async move {
            steps.take(|state| state.move_to_lost(blob)).await?;
            steps.act(|state| state.sync_lost()).await?;
            steps.take(|state| state.sync_folder(blob.folder())).await?;
            steps.pause().await;
            Ok(())
        })
    }

    fn remove_folder(&self, folder: FolderId) -> Local<'_, Result<(), DiskError>> {
        self.to_the_end(Call::RemoveFolder, move |mut steps| async move {
            steps.take(|state| state.remove_folder(folder)).await?;
            steps.act(|state| state.sync_folders()).await?;
            steps.pause().await;
            Ok(())
        })
    }

    fn list_folders(&self) -> Local<'_, Result<Vec<FolderId>, DiskError>> {
        let mut steps = self.begin(Call::List);
        Box::pin(async move { steps.take(|state| Ok(state.folders())).await })
    }

    fn expire_lost(&self, before: Timestamp) -> Local<'_, Result<Expired, DiskError>> {
        self.to_the_end(Call::ExpireLost, move |mut steps| async move {
            let old = steps.take(|state| Ok(state.lost_before(before))).await?;
            let removed = old.len() as u64;
            for name in old {
                steps.act(|state| state.remove_lost(name)).await?;
            }
            steps
                .take(|state| {
                    state.sync_lost();
                    Ok(state.expired(removed))
                })
                .await
        })
    }

    fn free(&self) -> Local<'_, Result<Space, DiskError>> {
        let mut steps = self.begin(Call::Free);
        let space = |state: &mut State| {
            Ok(Space { free: state.blocks.free(), total: state.blocks.total() })
        };
        Box::pin(async move { steps.take(space).await })
    }

    fn ways(&self) -> DiskWays {
        self.lock().ways
    }
}

/// The steps of a copy by the kernel.
async fn copy(
    steps: &mut Steps,
    source: BlobId,
    range: ByteRange,
    target: Node,
    by: KernelCopy,
) -> Result<(), DiskError> {
    let mut at = range.start();
    while at < range.end() {
        let end = range.end().min(at + COPY_STEP_LEN);
        let piece = ByteRange::new(at, end).expect("ascending");
        let copied = steps.take(|state| {
            let can = match by {
                KernelCopy::CopyFileRange => state.ways.copy_file_range,
                KernelCopy::Splice => state.ways.splice,
            };
            if can { state.append(source, piece, target) } else { Err(DiskError::Unsupported) }
        });
        copied.await?;
        at = end;
    }
    steps.act(|state| state.finish(target, range.len())).await
}

/// The end of what made `target`: after an error the file is removed.
async fn kept_if_ok(
    made: Result<(), DiskError>,
    target: BlobId,
    mut steps: Steps,
) -> Result<Unsynced, DiskError> {
    if let Err(error) = made {
        steps.act(|state| state.unlink(target)).await?;
        return Err(error);
    }
    steps.pause().await;
    Ok(Unsynced::of_memory(target))
}

struct MemoryFile {
    disk: MemoryDisk,
    blob: BlobId,
    node: Node,
}

impl BlobFile for MemoryFile {
    fn reserve(&self, upto: u64) -> Local<'_, Result<(), DiskError>> {
        let mut steps = self.disk.begin(Call::Reserve);
        Box::pin(async move { steps.take(|state| state.reserve(self.node, upto)).await })
    }

    fn write(&self, offset: u64, buffer: Buffer) -> Local<'_, Result<Buffer, DiskError>> {
        assert!(on_grid(offset) && on_grid(buffer.len() as u64), "writes lie on the grid");
        let mut steps = self.disk.begin(Call::Write);
        Box::pin(async move {
            let bytes = Bytes::copy_from_slice(buffer.bytes());
            steps.take(|state| state.write(self.node, offset, bytes)).await?;
            Ok(buffer)
        })
    }

    fn finish(&self, len: u64) -> Local<'_, Result<Unsynced, DiskError>> {
        assert!(on_grid(len), "files end on the grid");
        let mut steps = self.disk.begin(Call::Finish);
        Box::pin(async move {
            steps.act(|state| state.finish(self.node, len)).await?;
            Ok(Unsynced::of_memory(self.blob))
        })
    }
}

impl Syncer for MemoryDisk {
    /// Syncs files and folders one after the other, in any order: the real one does it side by side.
    fn sync(&self, files: &[&Unsynced]) -> Vec<Result<(), DiskError>> {
        let state = &mut *self.lock();
        let mut targets: Vec<Target> = Vec::with_capacity(files.len() + 1);
        let mut of_files: Vec<Result<(), DiskError>> = Vec::with_capacity(files.len());
        let mut folders = BTreeSet::new();
        for (at, file) in files.iter().enumerate() {
            of_files.push(if file.is_poisoned() { Err(lost_before()) } else { Ok(()) });
            if !file.is_poisoned() {
                targets.push(Target::File(at));
                folders.insert(file.blob().folder());
            }
        }
        targets.extend(folders.into_iter().map(Target::Folder));
        state.dice.shuffle(&mut targets);
        let mut of_folders = BTreeMap::new();
        for target in targets {
            match target {
                Target::File(at) => of_files[at] = state.sync_blob(files[at].blob()),
                Target::Folder(folder) => {
                    of_folders.insert(folder, state.sync_names(folder));
                }
            }
        }
        let outcomes = files.iter().zip(of_files).map(|(file, outcome)| {
            let folder = of_folders.get(&file.blob().folder()).cloned().unwrap_or(Ok(()));
            let outcome = outcome.and(folder);
            if outcome.is_err() {
                file.poison();
            }
            outcome
        });
        outcomes.collect()
    }
}

/// How often a sync fails that does not say so.
const HIDDEN_ERROR_ONE_IN: u64 = 4;

enum Target {
    File(usize),
    Folder(FolderId),
}

impl State {
    fn sync_blob(&mut self, blob: BlobId) -> Result<(), DiskError> {
        let lies = |lie| self.faults.lies.contains(&lie);
        let nothing = lies(Lie::SyncDoesNothing) || lies(Lie::SyncSkipsBytes);
        let hides = lies(Lie::SyncHidesErrors);
        let fails = hides && self.dice.roll(HIDDEN_ERROR_ONE_IN) == 1;
        let life = self.power.life();
        let failed = match self.step(life, Call::Sync, true, |_| Ok(())) {
            None => return Err(power_is_off()),
            Some(Ok(())) if fails => Ok(()),
            Some(Ok(())) if nothing => return Ok(()),
            Some(Ok(())) => return self.sync_file(blob),
            Some(Err(_)) if hides => Ok(()),
            Some(failed) => failed,
        };
        self.fail_sync(blob);
        failed
    }

    fn sync_names(&mut self, folder: FolderId) -> Result<(), DiskError> {
        let lies = |lie| self.faults.lies.contains(&lie);
        if lies(Lie::SyncDoesNothing) || lies(Lie::SyncSkipsFolder) {
            return Ok(());
        }
        let life = self.power.life();
        let synced = self.step(life, Call::Sync, false, |state| state.sync_folder(folder));
        synced.unwrap_or_else(|| Err(power_is_off()))
    }
}

impl MemoryDisk {
    fn lies(&self, lie: Lie) -> bool {
        self.lock().faults.lies.contains(&lie)
    }
}

const fn on_grid(position: u64) -> bool {
    position.is_multiple_of(ALIGN as u64)
}

fn lost_before() -> DiskError {
    let text = "an earlier sync of this file failed".to_owned();
    DiskError::Io { action: "sync a blob", errno: None, text }
}

fn power_is_off() -> DiskError {
    let text = "the power is off".to_owned();
    DiskError::Io { action: "sync a blob", errno: None, text }
}
