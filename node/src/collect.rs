//! Room: letting go. Garbage records are expanded in chunks, blobs that nothing refers to are taken, their files
//! unlinked, the folders synced, and only then the last trace of them is forgotten. A folder that is empty then
//! goes too, if its lease is closed.
//!
//! Runs as one task of one shard, on the same seams as the operations.
//! Holds: what was found damaged, so that it is told once and passed over until the next start; files that could
//! not be unlinked, so that they are tried again after a while.
//! Invariants: nothing is let go of that an operation which still lives may have read (epochs); a file is unlinked
//! only after its record is durably gone, and forgotten only after its folder is synced; what is damaged holds
//! nothing else up.
//! Cancel: any step can be cut off; the records say how far it got.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use meta::command::{Command, ForgetGarbage, ReleaseGarbage, Reply, TakeBlobs};
use meta::id::{BlobId, Sequence};
use meta::key::GarbageKey;
use meta::query;

use crate::bell::Ear;
use crate::catalog::{Catalog, CatalogError};
use crate::disk::{Disk, DiskError};
use crate::epoch::EpochBoard;
use crate::housekeeping::remove_empty;
use crate::limits;
use crate::log;
use crate::metrics::Metrics;
use crate::seam::Clock;

/// How long garbage gathers before it is worth a round, and before held-back garbage is looked at again.
const GATHER: Duration = Duration::from_millis(50);

/// How long to wait after a pass that failed, and before a file is unlinked again that could not be.
const RETRY: Duration = Duration::from_secs(5);

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
    /// What cannot be let go of.
    pub damaged: Damaged,
}

/// What could not be let go of since the start, at most [`limits::DAMAGED_MAX`] things of each kind.
#[derive(Debug, Default)]
pub struct Damaged {
    garbage: RefCell<BTreeSet<GarbageKey>>,
    blobs: RefCell<BTreeSet<BlobId>>,
    /// Files that could not be unlinked, and when they are to be tried again.
    files: RefCell<BTreeMap<BlobId, Duration>>,
}

impl Collector {
    /// Collects whenever something was committed, until nobody can commit any more.
    pub async fn run(&self, committed: &Ear) {
        loop {
            let oldest = self.board.oldest();
            match self.pass_up_to(oldest).await {
                Ok(true) => self.until_less_is_held_back(oldest).await,
                Ok(false) => {
                    if !self.something_to_do(committed).await {
                        return;
                    }
                    self.clock.sleep(GATHER).await;
                }
                // A store that has failed for good ends the process, and this task with it.
                Err(stopped) => {
                    log::warn("collect_stopped", &[("cause", &format!("{stopped:?}"))]);
                    self.clock.sleep(RETRY).await;
                }
            }
        }
    }

    /// Waits until something was committed, or files are to be tried again; false when nobody can commit any more.
    async fn something_to_do(&self, committed: &Ear) -> bool {
        if self.damaged.files.borrow().is_empty() {
            return committed.hear().await;
        }
        match select(pin!(committed.hear()), self.clock.sleep(RETRY)).await {
            Either::Left((more, _)) => more,
            Either::Right(_) => true,
        }
    }

    /// As long as the same operation is the oldest one, another pass would look through all that is held back and
    /// find nothing that may go; a download may take hours. Files that could not be unlinked do not wait for it.
    async fn until_less_is_held_back(&self, oldest: Sequence) {
        self.clock.sleep(GATHER).await;
        while self.board.oldest() == oldest && self.damaged.files.borrow().is_empty() {
            self.clock.sleep(GATHER).await;
        }
    }

    /// Lets go of everything that may go; says whether something is held back. Each step is tried whatever became
    /// of the ones before: they do not need each other.
    ///
    /// # Errors
    /// The last one of the catalog; what was not let go of is tried again with the next pass.
    pub async fn pass(&self) -> Result<bool, CatalogError> {
        self.pass_up_to(self.board.oldest()).await
    }

    /// A pass over what no operation needs that began at `oldest` or later.
    async fn pass_up_to(&self, oldest: Sequence) -> Result<bool, CatalogError> {
        let released = self.release(oldest).await;
        let taken = self.take(oldest).await;
        self.unlink_taken().await?;
        let (some_unreleased, some_untaken) = (released?, taken?);
        Ok(some_unreleased || some_untaken)
    }

    async fn release(&self, oldest: Sequence) -> Result<bool, CatalogError> {
        let mut after = None;
        loop {
            let found = self
                .catalog
                .ask(move |store| query::garbage(store, after, limits::RELEASE_RECORDS_MAX))
                .await?;
            let Some(last) = found.last().copied() else { return Ok(false) };
            let held_back = last.sequence > oldest;
            let damaged = |at: &GarbageKey| self.damaged.garbage.borrow().contains(at);
            let free = found.into_iter().take_while(|at| at.sequence <= oldest);
            let free: Vec<GarbageKey> = free.filter(|at| !damaged(at)).collect();
            let Some(first) = free.first().copied() else {
                if held_back {
                    return Ok(true);
                }
                after = Some(last);
                continue;
            };
            let command = ReleaseGarbage { at: free.clone(), steps: limits::RELEASE_STEPS };
            match self.catalog.commit(command.into()).await {
                Ok(Reply::Released { finished, .. }) => {
                    after = finished.checked_sub(1).map_or(after, |last| free.get(last).copied());
                }
                Ok(_) => after = Some(last),
                Err(CatalogError::Corrupt(found)) => {
                    self.pass_over(&self.damaged.garbage, first, &found);
                    after = Some(first);
                }
                Err(other) => return Err(other),
            }
        }
    }

    async fn take(&self, oldest: Sequence) -> Result<bool, CatalogError> {
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
            let blobs = self.sound(free.into_iter().map(|(blob, _)| blob));
            if blobs.is_empty() {
                continue;
            }
            match self.catalog.commit(TakeBlobs { blobs: blobs.clone() }.into()).await {
                Err(CatalogError::Corrupt(_)) => self.take_each(blobs).await?,
                outcome => drop(outcome?),
            }
        }
    }

    /// One of these is damaged: the others are taken.
    async fn take_each(&self, blobs: Vec<BlobId>) -> Result<(), CatalogError> {
        for blob in blobs {
            match self.catalog.commit(TakeBlobs { blobs: vec![blob] }.into()).await {
                Err(CatalogError::Corrupt(found)) => {
                    self.pass_over(&self.damaged.blobs, blob, &found);
                }
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }

    /// Unlinks every blob that was taken, and forgets it; also those that were taken before the last start.
    async fn unlink_taken(&self) -> Result<(), CatalogError> {
        let mut after = None;
        loop {
            let found = self
                .catalog
                .ask(move |store| query::to_unlink(store, after, limits::UNLINK_BATCH_MAX))
                .await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = Some(*last);
            let mut blobs = self.due(found.into_iter().map(|(blob, _)| blob));
            if blobs.is_empty() {
                continue;
            }
            if self.disk.unlink(blobs.clone()).await.is_err() {
                blobs = self.unlink_each(blobs).await;
            }
            if blobs.is_empty() {
                continue;
            }
            self.damaged.files.borrow_mut().retain(|blob, _| !blobs.contains(blob));
            let count = blobs.len() as u64;
            let folders: BTreeSet<_> = blobs.iter().map(|blob| blob.folder()).collect();
            let forgotten = self.catalog.commit(Command::from(ForgetGarbage { blobs })).await?;
            debug_assert_eq!(forgotten, Reply::Done, "forgetting has nothing to say");
            self.metrics.files_unlinked.add(count);
            if let Err(error) = remove_empty(&self.catalog, &*self.disk, folders).await {
                // They are looked through again within the hour.
                log::warn("folders_not_removed", &[("cause", &format!("{error:?}"))]);
            }
        }
    }

    /// One of these cannot be unlinked: says which of them could.
    async fn unlink_each(&self, blobs: Vec<BlobId>) -> Vec<BlobId> {
        let mut gone = Vec::new();
        for blob in blobs {
            match self.disk.unlink(vec![blob]).await {
                Ok(()) => gone.push(blob),
                Err(error) => self.try_again(blob, &error),
            }
        }
        gone
    }

    /// Tells once of a file that cannot be unlinked, and has it tried again later.
    fn try_again(&self, blob: BlobId, error: &DiskError) {
        let mut files = self.damaged.files.borrow_mut();
        let room = files.len() < limits::DAMAGED_MAX;
        if !files.contains_key(&blob) {
            log::error("unlink_failed", &[("blob", &blob), ("cause", error)]);
        }
        if room || files.contains_key(&blob) {
            files.insert(blob, self.clock.monotonic() + RETRY);
        }
    }

    /// Those that are not to be tried later.
    fn due(&self, blobs: impl Iterator<Item = BlobId>) -> Vec<BlobId> {
        let (files, now) = (self.damaged.files.borrow(), self.clock.monotonic());
        blobs.filter(|blob| files.get(blob).is_none_or(|when| *when <= now)).collect()
    }

    fn sound(&self, blobs: impl Iterator<Item = BlobId>) -> Vec<BlobId> {
        let damaged = self.damaged.blobs.borrow();
        blobs.filter(|blob| !damaged.contains(blob)).collect()
    }

    /// Tells of something that cannot be let go of. Its space stays in use until somebody has looked at it.
    fn pass_over<T: Ord + Debug>(&self, known: &RefCell<BTreeSet<T>>, what: T, found: &str) {
        log::error("garbage_damaged", &[("what", &format!("{what:?}")), ("found", &found)]);
        self.metrics.garbage_damaged.add(1);
        let mut known = known.borrow_mut();
        if known.len() < limits::DAMAGED_MAX {
            known.insert(what);
        }
    }
}
