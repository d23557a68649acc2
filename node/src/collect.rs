//! Room: letting go. Garbage records are expanded in chunks, blobs that nothing refers to are taken, their files
//! unlinked, the folders synced, and only then the last trace of them is forgotten.
//!
//! Runs as one task of shard 0, on the same seams as the operations.
//! Invariants: nothing is let go of that an operation which still lives may have read (epochs); a file is unlinked
//! only after its record is durably gone, and forgotten only after its folder is synced.
//! Cancel: any step can be cut off; the records say how far it got.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use meta::command::{Command, ForgetGarbage, ReleaseGarbage, Reply, TakeBlobs};
use meta::id::{BlobId, Sequence};
use meta::query;

use crate::bell::Ear;
use crate::catalog::{Catalog, CatalogError};
use crate::disk::{Disk, DiskError};
use crate::epoch::EpochBoard;
use crate::limits;
use crate::log;
use crate::metrics::Metrics;
use crate::seam::Clock;

/// How long garbage gathers before it is worth a round, and before held-back garbage is looked at again.
const GATHER: Duration = Duration::from_millis(50);

/// The collector.
pub struct Collector {
    /// Questions and commands.
    pub catalog: Catalog,
    /// The files.
    pub disk: Rc<dyn Disk>,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Which operations live.
    pub board: Arc<EpochBoard>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Why a pass ended early; it is tried again with the next one.
#[derive(Debug)]
pub(crate) enum Stopped {
    Catalog(CatalogError),
    Disk(DiskError),
}

impl From<CatalogError> for Stopped {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<DiskError> for Stopped {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl Collector {
    /// Collects whenever something was committed, until nobody can commit any more.
    pub async fn run(&self, committed: &Ear) {
        loop {
            let held_back = match self.pass().await {
                Ok(held_back) => held_back,
                Err(Stopped::Catalog(CatalogError::Failed(_))) => return,
                Err(Stopped::Catalog(error)) => {
                    log::warn("collect_stopped", &[("cause", &format!("{error:?}"))]);
                    true
                }
                Err(Stopped::Disk(error)) => {
                    log::warn("collect_stopped", &[("cause", &error)]);
                    true
                }
            };
            if !held_back && !committed.hear().await {
                return;
            }
            self.clock.sleep(GATHER).await;
        }
    }

    /// Lets go of everything that may go; says whether something is held back.
    pub(crate) async fn pass(&self) -> Result<bool, Stopped> {
        let oldest = self.board.oldest();
        let held_back = self.release(oldest).await?;
        let held_back = self.take(oldest).await? || held_back;
        unlink_taken(&self.catalog, &*self.disk, &self.metrics).await?;
        Ok(held_back)
    }

    async fn release(&self, oldest: Sequence) -> Result<bool, Stopped> {
        loop {
            let found = self.catalog.ask(|store| query::garbage(store, None, 1)).await?;
            let Some((at, _)) = found.into_iter().next() else { return Ok(false) };
            if at.sequence > oldest {
                return Ok(true);
            }
            let command = ReleaseGarbage { at, steps: limits::RELEASE_STEPS };
            self.catalog.commit(command.into()).await?;
        }
    }

    async fn take(&self, oldest: Sequence) -> Result<bool, Stopped> {
        let (mut after, mut held_back) = (None, false);
        loop {
            let found = self
                .catalog
                .ask(move |store| query::unreferenced(store, after, limits::TAKE_BLOBS_MAX))
                .await?;
            let Some((last, _)) = found.last() else { return Ok(held_back) };
            after = Some(*last);
            let (free, held): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|(_, since)| *since <= oldest);
            held_back |= !held.is_empty();
            let blobs: Vec<BlobId> = free.into_iter().map(|(blob, _)| blob).collect();
            if !blobs.is_empty() {
                self.catalog.commit(TakeBlobs { blobs }.into()).await?;
            }
        }
    }
}

/// Unlinks every blob that was taken, and forgets it. Also the first step after a start: a crash may have come between.
///
/// # Errors
/// Of the catalog or the disk; what was not forgotten is tried again.
async fn unlink_taken(
    catalog: &Catalog,
    disk: &dyn Disk,
    metrics: &Metrics,
) -> Result<(), Stopped> {
    loop {
        let found =
            catalog.ask(|store| query::to_unlink(store, None, limits::UNLINK_BATCH_MAX)).await?;
        let blobs: Vec<BlobId> = found.into_iter().map(|(blob, _)| blob).collect();
        if blobs.is_empty() {
            return Ok(());
        }
        let count = blobs.len() as u64;
        disk.unlink(blobs.clone()).await?;
        let forgotten = catalog.commit(Command::from(ForgetGarbage { blobs })).await?;
        debug_assert_eq!(forgotten, Reply::Done, "forgetting has nothing to say");
        metrics.files_unlinked.add(count);
    }
}
