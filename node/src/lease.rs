//! Room: blob ids. Each shard leases them a folder at a time and gives each one out once.
//!
//! Invariants: a folder's lease is committed and its directory durable before its first id is used; a lease is
//! closed only when each of its ids is settled (named by a record, or durably without a file). So the start-up
//! sweep needs to look at open leases only.
//! Holds: the shard's current folder and, per open folder, how many ids are not settled yet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::lock::Mutex;
use meta::command::{CloseLease, Command, LeaseFolder, Reply};
use meta::id::{BlobId, FOLDER_SLOTS, FolderId};

use crate::catalog::{Catalog, CatalogError};
use crate::disk::{Disk, DiskError};
use crate::seam::Spawn;

/// Why there is no blob id to be had.
#[derive(Debug)]
pub enum LeaseError {
    /// The lease could not be committed.
    Catalog(CatalogError),
    /// The folder could not be made durable.
    Disk(DiskError),
}

/// The blob ids of one shard.
pub struct Leases {
    catalog: Catalog,
    disk: Rc<dyn Disk>,
    spawn: Rc<dyn Spawn>,
    shard: u32,
    slots: u16,
    current: Mutex<Option<Current>>,
    unsettled: Rc<RefCell<BTreeMap<FolderId, u32>>>,
}

struct Current {
    folder: FolderId,
    next_slot: u16,
}

impl Leases {
    /// No folder is leased until the first id is asked for. Of each folder `slots` ids are given out: all
    /// [`FOLDER_SLOTS`] in production, a few where leases are to be seen closing.
    ///
    /// # Panics
    /// If a folder has no such number of ids.
    pub fn new(
        catalog: Catalog,
        disk: Rc<dyn Disk>,
        spawn: Rc<dyn Spawn>,
        shard: u32,
        slots: u16,
    ) -> Self {
        assert!((1..=FOLDER_SLOTS).contains(&slots), "a folder does not have {slots} ids");
        let (current, unsettled) = (Mutex::new(None), Rc::default());
        Self { catalog, disk, spawn, shard, slots, current, unsettled }
    }

    /// An id that nobody ever had; its folder exists. Whoever takes it calls [`Leases::settle`] in the end.
    ///
    /// # Errors
    /// When a new folder is needed and cannot be had. Cancel: at most an unused folder stays open until restart.
    pub async fn take(&self) -> Result<BlobId, LeaseError> {
        let mut current = self.current.lock().await;
        if current.as_ref().is_none_or(|current| current.next_slot == self.slots) {
            *current = Some(Current { folder: self.lease().await?, next_slot: 0 });
        }
        let current = current.as_mut().expect("leased just above");
        let id = BlobId::in_folder(current.folder, current.next_slot);
        current.next_slot += 1;
        Ok(id)
    }

    async fn lease(&self) -> Result<FolderId, LeaseError> {
        let command = Command::from(LeaseFolder { shard: self.shard });
        let folder = match self.catalog.commit(command).await.map_err(LeaseError::Catalog)? {
            Reply::FolderLeased(folder) => folder,
            other => unreachable!("a lease answers with a folder, not {other:?}"),
        };
        if let Err(error) = self.disk.make_folder(folder).await {
            // No id of it was given out. The lease must not stay: a full disk fails here again and again.
            self.close(folder);
            return Err(LeaseError::Disk(error));
        }
        self.unsettled.borrow_mut().insert(folder, u32::from(self.slots));
        Ok(folder)
    }

    /// The id is named by a durable record, or no file of it exists (durably): the sweep need not look for it.
    pub fn settle(&self, id: BlobId) {
        let folder = id.folder();
        let mut unsettled = self.unsettled.borrow_mut();
        // Ids of folders that were leased before the last start are settled by the sweep.
        let Some(count) = unsettled.get_mut(&folder) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        unsettled.remove(&folder);
        drop(unsettled);
        self.close(folder);
    }

    fn close(&self, folder: FolderId) {
        let catalog = self.catalog.clone();
        self.spawn.spawn(Box::pin(async move {
            // A lease that stays open costs one folder listing at the next start, nothing else.
            drop(catalog.commit(CloseLease { folder }.into()).await);
        }));
    }
}
