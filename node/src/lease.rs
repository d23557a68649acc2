//! Room: blob ids. Each shard leases them a folder at a time, gives each one out once, and takes those back that
//! nobody came to name.
//!
//! Invariants: a folder's lease is committed and its directory durable before its first id is used; a lease is
//! closed only when each of its ids is settled (named by a record, or durably without a file, for good). So the
//! start-up sweep needs to look at open leases only, and in the folder of a closed one no file ever comes to be:
//! when it is empty, it can be removed.
//! Holds: the shard's current folder; per open folder, how many ids are not settled yet; the ids whose files are
//! still to be unlinked.
//! Cancel: whoever waits may go away at any time. Leasing, unlinking and closing are tasks of the shard.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use meta::command::{CloseLease, Command, LeaseFolder, Reply};
use meta::id::{BlobId, FOLDER_SLOTS, FolderId};

use crate::catalog::{Catalog, CatalogError};
use crate::disk::{Disk, DiskError};
use crate::limits;
use crate::log;
use crate::metrics::Metrics;
use crate::seam::{Clock, Local, Spawn};

/// How long to wait before what failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Why there is no blob id to be had.
#[derive(Debug, Clone)]
pub enum LeaseError {
    /// The lease could not be committed.
    Catalog(CatalogError),
    /// The folder could not be made durable.
    Disk(DiskError),
}

/// What a shard's leases work on.
pub struct LeaseParts {
    /// Where leases are committed.
    pub catalog: Catalog,
    /// The folders and files.
    pub disk: Rc<dyn Disk>,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Tasks of the shard.
    pub spawn: Rc<dyn Spawn>,
    /// For the number of abandoned files.
    pub metrics: Arc<Metrics>,
    /// The shard's number.
    pub shard: u32,
    /// How many ids of each folder are given out: all [`FOLDER_SLOTS`] in production, a few where leases are to
    /// be seen closing.
    pub slots: u16,
}

/// The blob ids of one shard.
pub struct Leases {
    room: Rc<Room>,
}

struct Room {
    parts: LeaseParts,
    current: Cell<Option<Current>>,
    leasing: RefCell<Option<Leasing>>,
    unsettled: RefCell<BTreeMap<FolderId, u32>>,
    /// No record will ever name these; their files are to be unlinked.
    abandoned: RefCell<BTreeSet<BlobId>>,
    unlinking: Cell<bool>,
}

/// A lease under way, for all who wait for it.
type Leasing = Shared<Local<'static, Result<(), LeaseError>>>;

#[derive(Clone, Copy)]
struct Current {
    folder: FolderId,
    next_slot: u16,
}

impl Leases {
    /// No folder is leased until the first id is asked for.
    ///
    /// # Panics
    /// If a folder does not have that many ids.
    pub fn new(parts: LeaseParts) -> Self {
        assert!((1..=FOLDER_SLOTS).contains(&parts.slots), "a folder has no {} ids", parts.slots);
        Self {
            room: Rc::new(Room {
                parts,
                current: Cell::default(),
                leasing: RefCell::default(),
                unsettled: RefCell::default(),
                abandoned: RefCell::default(),
                unlinking: Cell::default(),
            }),
        }
    }

    /// An id that nobody ever had; its folder exists. Whoever takes it sees to it that it comes to
    /// [`Leases::settle`] or [`Leases::abandon`].
    ///
    /// # Errors
    /// When a new folder is needed and cannot be had. Cancel: the folder is there for the next id.
    pub async fn take(&self) -> Result<BlobId, LeaseError> {
        loop {
            if let Some(id) = self.room.next_id() {
                return Ok(id);
            }
            self.room.leasing().await?;
        }
    }

    /// The id is named by a durable record.
    pub fn settle(&self, id: BlobId) {
        self.room.settle(id);
    }

    /// No record will ever name these ids: their files, if there are any or ever will be, are unlinked at once,
    /// and again until they are durably gone. Then the ids are settled.
    pub fn abandon(&self, ids: impl IntoIterator<Item = BlobId>) {
        let mut abandoned = self.room.abandoned.borrow_mut();
        let before = abandoned.len();
        abandoned.extend(ids);
        self.room.parts.metrics.files_abandoned.add((abandoned.len() - before) as u64);
        let nothing = abandoned.is_empty();
        drop(abandoned);
        if !nothing && !self.room.unlinking.replace(true) {
            self.room.spawn(self.room.clone().unlink_abandoned());
        }
    }
}

impl Room {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.parts.spawn.spawn(Box::pin(task));
    }

    fn next_id(&self) -> Option<BlobId> {
        let Current { folder, next_slot } = self.current.get()?;
        let next = Current { folder, next_slot: next_slot + 1 };
        self.current.set((next.next_slot < self.parts.slots).then_some(next));
        Some(BlobId::in_folder(folder, next_slot))
    }

    /// The lease that is under way, or a new one.
    fn leasing(self: &Rc<Self>) -> Leasing {
        let mut under_way = self.leasing.borrow_mut();
        if let Some(leasing) = &*under_way {
            return leasing.clone();
        }
        let room = self.clone();
        let leasing: Local<'static, _> = Box::pin(async move {
            let leased = room.lease().await;
            drop(room.leasing.take());
            leased
        });
        let leasing = leasing.shared();
        *under_way = Some(leasing.clone());
        self.spawn(leasing.clone().map(drop));
        leasing
    }

    /// Makes another folder the current one.
    async fn lease(self: &Rc<Self>) -> Result<(), LeaseError> {
        let LeaseParts { catalog, disk, shard, slots, .. } = &self.parts;
        let command = Command::from(LeaseFolder { shard: *shard });
        let folder = match catalog.commit(command).await.map_err(LeaseError::Catalog)? {
            Reply::FolderLeased(folder) => folder,
            other => unreachable!("a lease answers with a folder, not {other:?}"),
        };
        if let Err(error) = disk.make_folder(folder).await {
            // No id of it was given out. The lease must not stay: a full disk fails here again and again.
            self.spawn(self.clone().close(folder));
            return Err(LeaseError::Disk(error));
        }
        self.unsettled.borrow_mut().insert(folder, u32::from(*slots));
        self.current.set(Some(Current { folder, next_slot: 0 }));
        Ok(())
    }

    fn settle(self: &Rc<Self>, id: BlobId) {
        let folder = id.folder();
        let mut unsettled = self.unsettled.borrow_mut();
        let count = unsettled.get_mut(&folder).expect("an id of this shard, settled once");
        *count -= 1;
        if *count == 0 {
            unsettled.remove(&folder);
            drop(unsettled);
            self.spawn(self.clone().close(folder));
        }
    }

    async fn close(self: Rc<Self>, folder: FolderId) {
        let LeaseParts { catalog, disk, clock, .. } = &self.parts;
        while let Err(error) = catalog.commit(CloseLease { folder }.into()).await {
            if error != CatalogError::Busy {
                // A store that has failed ends the process, and the next start closes the lease.
                return;
            }
            clock.sleep(RETRY).await;
        }
        // A folder that is not empty goes when the collector unlinks its last file; one that could not be
        // removed, when folders are looked through the next time.
        drop(disk.remove_folder(folder).await);
    }

    async fn unlink_abandoned(self: Rc<Self>) {
        let mut failed = Vec::new();
        loop {
            let batch = self.next_abandoned();
            if !batch.is_empty() {
                failed.extend(self.unlink(batch).await);
            } else if !failed.is_empty() {
                self.parts.clock.sleep(RETRY).await;
                self.abandoned.borrow_mut().extend(failed.drain(..));
            } else {
                self.unlinking.set(false);
                return;
            }
        }
    }

    fn next_abandoned(&self) -> Vec<BlobId> {
        let mut abandoned = self.abandoned.borrow_mut();
        std::iter::from_fn(|| abandoned.pop_first()).take(limits::UNLINK_BATCH_MAX).collect()
    }

    /// Unlinks these files and settles their ids; gives those back that could not be unlinked.
    async fn unlink(self: &Rc<Self>, batch: Vec<BlobId>) -> Vec<BlobId> {
        if self.parts.disk.unlink(batch.clone()).await.is_ok() {
            self.parts.metrics.files_abandoned.sub(batch.len() as u64);
            batch.into_iter().for_each(|id| self.settle(id));
            return Vec::new();
        }
        let mut failed = Vec::new();
        for id in batch {
            match self.parts.disk.unlink(vec![id]).await {
                Ok(()) => {
                    self.parts.metrics.files_abandoned.sub(1);
                    self.settle(id);
                }
                Err(error) => {
                    let blob = id.to_string();
                    log::warn("unlink_failed", &[("blob", &blob), ("cause", &error)]);
                    failed.push(id);
                }
            }
        }
        failed
    }
}
