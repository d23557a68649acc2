//! Room: after a start, before the first request: files against records.
//!
//! Only folders of open leases can hold files that nobody names; each such file is moved to `lost/`, where an
//! operator can look at it. What was taken by the collector but may not be unlinked yet is left to the collector.
//! Invariants: a file that a record names is never touched; what was unlinked before the start is durably gone
//! before its lease is closed, or a power cut could bring it back where nobody looks any more.

use meta::command::CloseLease;
use meta::id::FolderId;
use meta::query::{self, BlobState};

use crate::catalog::{Catalog, CatalogError};
use crate::disk::{Disk, DiskError};

/// What the sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Folders that were looked at.
    pub folders: u64,
    /// Files that were moved to `lost/`.
    pub lost: u64,
}

/// Why the sweep could not be finished; the node does not start then.
#[derive(Debug)]
pub enum SweepError {
    /// A question or command failed.
    Catalog(CatalogError),
    /// A folder could not be read, or a file not moved.
    Disk(DiskError),
}

impl From<CatalogError> for SweepError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<DiskError> for SweepError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// Sweeps the folders of all open leases and closes these.
///
/// # Errors
/// Nothing is lost by one: what was not swept is swept by the next start.
pub async fn sweep(catalog: &Catalog, disk: &dyn Disk) -> Result<Swept, SweepError> {
    let mut swept = Swept::default();
    for (folder, _) in catalog.ask(query::open_leases).await? {
        swept.lost += sweep_folder(catalog, disk, folder).await?;
        swept.folders += 1;
        catalog.commit(CloseLease { folder }.into()).await?;
    }
    Ok(swept)
}

async fn sweep_folder(
    catalog: &Catalog,
    disk: &dyn Disk,
    folder: FolderId,
) -> Result<u64, SweepError> {
    let blobs = match disk.list_folder(folder).await {
        Ok(blobs) => blobs,
        // The lease was committed, and the crash came before the folder was durable.
        Err(DiskError::Missing) => return Ok(0),
        Err(other) => return Err(other.into()),
    };
    let asked = blobs.clone();
    let states = catalog.ask(move |store| query::blob_states(store, &asked)).await?;
    let mut lost = 0;
    for (blob, state) in blobs.into_iter().zip(states) {
        match state {
            BlobState::Named | BlobState::Taken => {}
            BlobState::Unknown => {
                disk.move_to_lost(blob).await?;
                lost += 1;
            }
        }
    }
    Ok(lost)
}
