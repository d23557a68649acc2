//! Room: what is looked after once an hour: empty folders and the lost folder.
//!
//! Runs as one task of one shard, from the start on.
//! Invariant: a folder is removed only after its lease was seen closed: no file ever comes to be in it again.
//! Cancel: any step can be cut off; the next hour finds what is left.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use meta::id::FolderId;
use meta::query;
use protocol::time::Timestamp;

use crate::catalog::{Catalog, CatalogError};
use crate::disk::{Disk, DiskError};
use crate::limits;
use crate::log;
use crate::metrics::Metrics;
use crate::seam::Clock;

/// How often everything is looked through.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How long files stay in the lost folder.
const LOST_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What looks after folders.
pub struct Housekeeping {
    /// Which leases are open.
    pub catalog: Catalog,
    /// The folders.
    pub disk: Rc<dyn Disk>,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

impl Housekeeping {
    /// Looks after everything now and from now on, for ever.
    pub async fn run(&self) {
        loop {
            self.pass().await;
            self.clock.sleep(INTERVAL).await;
        }
    }

    /// Looks after everything once. What fails is told, and tried again the next time.
    pub async fn pass(&self) {
        if let Err(error) = self.expire_lost().await {
            log::warn("lost_folder_not_emptied", &[("cause", &error)]);
        }
        if let Err(error) = self.remove_folders().await {
            log::warn("folders_not_removed", &[("cause", &format!("{error:?}"))]);
        }
    }

    async fn expire_lost(&self) -> Result<(), DiskError> {
        let now = self.clock.now().as_millis();
        let kept = u64::try_from(LOST_KEPT.as_millis()).unwrap_or(u64::MAX);
        let before = Timestamp::from_millis(now.saturating_sub(kept));
        let expired = self.disk.expire_lost(before).await?;
        self.metrics.lost_files.set(expired.left);
        self.metrics.lost_bytes.set(expired.left_bytes);
        if expired.removed > 0 {
            log::info("lost_folder_emptied", &[("files", &expired.removed)]);
        }
        Ok(())
    }

    async fn remove_folders(&self) -> Result<(), FoldersError> {
        let folders = self.disk.list_folders().await?;
        for some in folders.chunks(limits::FOLDERS_AT_ONCE) {
            remove_empty(&self.catalog, &*self.disk, some.iter().copied()).await?;
        }
        Ok(())
    }
}

/// Why folders could not be looked through.
#[derive(Debug)]
pub enum FoldersError {
    /// It is not known which leases are open.
    Catalog(CatalogError),
    /// The disk refuses.
    Disk(DiskError),
}

impl From<CatalogError> for FoldersError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<DiskError> for FoldersError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// Removes those of `folders` that are empty and whose lease is closed. They were seen on the disk before this is
/// called, so a lease that is not open now was closed, never yet to be opened.
///
/// # Errors
/// The first one; folders before it are removed, those after it stay.
pub async fn remove_empty(
    catalog: &Catalog,
    disk: &dyn Disk,
    folders: impl IntoIterator<Item = FolderId>,
) -> Result<(), FoldersError> {
    let folders: BTreeSet<FolderId> = folders.into_iter().collect();
    let closed = catalog.ask(move |store| {
        let mut closed = Vec::new();
        for folder in folders {
            if query::lease(store, folder)?.is_none() {
                closed.push(folder);
            }
        }
        Ok(closed)
    });
    for folder in closed.await? {
        match disk.remove_folder(folder).await {
            Ok(()) | Err(DiskError::Exists) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
