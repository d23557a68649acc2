//! Room: rewriting blobs of which little is still named, so that their space comes back.
//!
//! What a blob's records name is put together to a few ranges of whole blocks, each becomes a new blob by the
//! cheapest way that makes one, and a command gives the records their new labels. Nothing that a client can see
//! changes. The old blob goes the way of all garbage.
//! Runs as one task of one shard, one blob at a time, and rests three times as long as it works, within a bound: it may
//! have had to wait, for buffers or for a disk that stood still.
//! Holds: blobs that are damaged, so that they are told once and passed over until the next start.
//! Invariants: an epoch is held from the look at the records to the verdict on their new labels, so the old blob
//! is there meanwhile; a rewrite at least halves the space, else the blob is let be.
//! Cancel: any step can be cut off. New files that nobody names yet are unlinked, or swept at the next start; what
//! is left of the blob keeps its mark.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use meta::command::{
    Command, NewBlob, REWRITE_OWNERS_MAX, Refusal, Reply, RewriteBlob, SettleSparse, Target,
};
use meta::id::BlobId;
use meta::query::{self, BlobState};
use meta::record::{BlobRecord, Owner};
use meta::table::BLOCK_LEN;
use protocol::range::ByteRange;

use crate::admission::Claim;
use crate::blob::blocks::{Blocks, outer_range};
use crate::blob::{ReadError, TableLoadError};
use crate::catalog::CatalogError;
use crate::config::Way;
use crate::copy::{CopyError, blocks};
use crate::disk::DiskError;
use crate::limits;
use crate::log;
use crate::machine::{Machine, PublishError};
use crate::new_files::NewFiles;

/// How often sparse blobs are looked for.
const INTERVAL: Duration = Duration::from_secs(5);

/// The longest rest after a blob.
const REST_MAX: Duration = Duration::from_secs(30);

/// How many blobs are asked for at a time.
const LOOK_UP_MAX: usize = 64;

/// How often it is told that blobs have to wait.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

/// How often the same records are tried before those that come after them.
const TRIES_MAX: u32 = 3;

/// The rewriter.
pub struct Rewriter {
    machine: Rc<Machine>,
    damaged: RefCell<BTreeSet<BlobId>>,
    /// When it was last told that blobs have to wait.
    told: Cell<Option<Duration>>,
}

/// Why a blob could not be rewritten.
#[derive(Debug)]
enum Failure {
    /// Something is damaged. It concerns this blob alone.
    Damaged(String),
    /// It may go better later.
    Later(String),
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Corrupt(found) => Self::Damaged(found),
            other => Self::Later(format!("{other:?}")),
        }
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Read(found) if is_damage(&found) => Self::Damaged(found.to_string()),
            other => Self::Later(format!("{other:?}")),
        }
    }
}

/// Whether the blob itself is at fault.
const fn is_damage(error: &ReadError) -> bool {
    match error {
        ReadError::Corrupt { .. } | ReadError::CorruptInline | ReadError::Contradiction { .. } => {
            true
        }
        ReadError::Disk { error, .. } => {
            matches!(error, DiskError::Missing | DiskError::Truncated)
        }
        ReadError::Table { error, .. } => {
            matches!(error, TableLoadError::Missing | TableLoadError::Corrupt(_))
        }
    }
}

/// What a look at a blob has found.
enum Planned {
    /// There is something to gain.
    Worth(Plan),
    /// There is not.
    Nothing,
    /// Nobody was seen to name it, and yet it is named: by garbage that waits for its release, or by a record that
    /// has moved between two looks. The mark stays for the next look: no later change may set it again.
    Unseen,
}

/// What is to become of a blob.
struct Plan {
    blob: BlobId,
    record: BlobRecord,
    /// Ranges of whole blocks, ascending and apart, that hold all that is named.
    ranges: Vec<ByteRange>,
    /// The blobs that hold these ranges, where they have been made.
    made: Vec<Option<BlobId>>,
}

/// Some of a blob's records.
struct Records {
    owners: Vec<Owner>,
    named: Vec<ByteRange>,
}

impl Rewriter {
    /// A rewriter that works with the means of this shard.
    #[must_use]
    pub fn new(machine: Rc<Machine>) -> Self {
        Self { machine, damaged: RefCell::default(), told: Cell::default() }
    }

    /// Rewrites what becomes sparse, from now on and for ever.
    pub async fn run(&self) {
        loop {
            if let Err(error) = self.pass().await {
                // A store that has failed for good ends the process, and this task with it.
                log::warn("rewriting_stopped", &[("cause", &format!("{error:?}"))]);
            }
            self.machine.clock.sleep(INTERVAL).await;
        }
    }

    /// Rewrites all that is sparse now, and brings the figures up to date.
    ///
    /// # Errors
    /// The first one of the catalog; whatever was not rewritten keeps its mark.
    pub async fn pass(&self) -> Result<(), CatalogError> {
        let Machine { catalog, clock, metrics, .. } = &*self.machine;
        let mut after = None;
        loop {
            let totals = catalog.ask(query::space_totals).await?;
            metrics.blob_bytes.set(totals.blob_bytes);
            metrics.slack_bytes.set(totals.slack_bytes);
            let found = catalog.ask(move |store| query::sparse(store, after, LOOK_UP_MAX)).await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = Some(*last);
            for (blob, _) in found {
                if self.damaged.borrow().contains(&blob) {
                    continue;
                }
                let began = clock.monotonic();
                self.look_at(blob).await?;
                let took = clock.monotonic().saturating_sub(began);
                clock.sleep((took * 3).min(REST_MAX)).await;
            }
        }
    }

    async fn look_at(&self, blob: BlobId) -> Result<(), CatalogError> {
        match self.rewrite(blob).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let settle = Command::from(SettleSparse { blobs: vec![blob] });
                self.machine.catalog.commit(settle).await.map(drop)
            }
            Err(Failure::Damaged(found)) => {
                log::error("rewrite_damaged", &[("blob", &blob), ("found", &found)]);
                let mut damaged = self.damaged.borrow_mut();
                if damaged.len() < limits::DAMAGED_MAX {
                    damaged.insert(blob);
                }
                Ok(())
            }
            Err(Failure::Later(cause)) => {
                self.postponed(blob, &cause);
                Ok(())
            }
        }
    }

    /// Tells of a blob that has to wait: once a minute is enough, of however many.
    fn postponed(&self, blob: BlobId, cause: &str) {
        let now = self.machine.clock.monotonic();
        if self.told.get().is_none_or(|told| now.saturating_sub(told) >= TELL_INTERVAL) {
            self.told.set(Some(now));
            log::warn("rewrite_postponed", &[("blob", &blob), ("cause", &cause)]);
        }
    }

    /// Rewrites one blob; false if there is nothing to gain.
    async fn rewrite(&self, blob: BlobId) -> Result<bool, Failure> {
        let mut plan = match self.plan(blob).await? {
            Planned::Worth(plan) => plan,
            Planned::Nothing => return Ok(false),
            Planned::Unseen => return Ok(true),
        };
        // To make some of the blobs and give them up again would be in vain.
        if !self.has_room_for(&plan) {
            return Err(Failure::Later("there is no room for it".into()));
        }
        let (mut after, mut moved, mut tries) = (None, 0, 0);
        loop {
            let files = {
                let mut files = NewFiles::none(&self.machine);
                files.hold(self.machine.epochs.enter());
                files
            };
            let (some, there) = self.records(blob, after.clone()).await?;
            let Some(last) = some.owners.last().cloned().filter(|_| there) else {
                return Ok(moved > 0);
            };
            match self.relabel(&mut plan, some, files).await? {
                Some(extents) => moved += extents,
                // Records have changed meanwhile: another look.
                None if tries < TRIES_MAX => {
                    tries += 1;
                    continue;
                }
                None => {}
            }
            (after, tries) = (Some(last), 0);
        }
    }

    /// Whether the file system has room for the new blobs, as far as they take any.
    fn has_room_for(&self, plan: &Plan) -> bool {
        let Machine { copy_rules, admission, .. } = &*self.machine;
        if copy_rules.ways_for_blocks().next() == Some(Way::Reflink) {
            return true;
        }
        let claim = admission.claim(plan.ranges.iter().map(|range| range.len()).sum());
        // Each blob asks for its own room when it is made.
        claim.map(Claim::give_back).is_some()
    }

    /// What is to be done with the blob.
    async fn plan(&self, blob: BlobId) -> Result<Planned, Failure> {
        let record = self.machine.catalog.ask(move |store| {
            let there = query::blob_states(store, &[blob])? == [BlobState::Named];
            there.then(|| query::blob(store, blob)).transpose()
        });
        let Some(record) = record.await? else { return Ok(Planned::Nothing) };
        let (mut ranges, mut after) = (Vec::new(), None);
        loop {
            let (some, _) = self.records(blob, after).await?;
            let Some(last) = some.owners.last().cloned() else { break };
            after = Some(last);
            add(&mut ranges, some.named, record.len).ok_or_else(|| outside(blob))?;
        }
        let ranges = few(ranges);
        let kept: u64 = ranges.iter().map(|range| range.len()).sum();
        if kept == 0 {
            return Ok(Planned::Unseen);
        }
        if kept >= record.len / 2 {
            return Ok(Planned::Nothing);
        }
        let made = vec![None; ranges.len()];
        Ok(Planned::Worth(Plan { blob, record, ranges, made }))
    }

    /// The next records that name the blob and what they name of it, and whether the blob is there.
    async fn records(
        &self,
        blob: BlobId,
        after: Option<Owner>,
    ) -> Result<(Records, bool), CatalogError> {
        let asked = self.machine.catalog.ask(move |store| {
            let owners = query::owners(store, blob, after.as_ref(), REWRITE_OWNERS_MAX)?;
            let named = query::named_ranges(store, blob, &owners)?;
            let states = query::blob_states(store, &[blob])?;
            Ok((Records { owners, named }, states == [BlobState::Named]))
        });
        asked.await
    }

    /// Makes the new blobs that these records are the first to name, and gives the records their new labels; says
    /// how many extents have moved, `None` if the records have changed meanwhile.
    async fn relabel(
        &self,
        plan: &mut Plan,
        some: Records,
        mut files: NewFiles,
    ) -> Result<Option<u64>, Failure> {
        let (mut targets, mut fresh) = (Vec::new(), Vec::new());
        let places = plan.places_of(&some.named);
        for &place in &places {
            let range = plan.ranges[place];
            if let Some(to) = plan.made[place] {
                targets.push(Target { range, to, new: None });
                continue;
            }
            let made = match plan.blocks(range) {
                Ok(blocks) => self.make(blocks, &mut files).await,
                Err(damaged) => Err(damaged),
            };
            let new = match made {
                Ok(new) => new,
                Err(error) => {
                    files.abandon();
                    return Err(error);
                }
            };
            fresh.push((place, new.id));
            targets.push(Target { range, to: new.id, new: Some(new) });
        }
        if targets.is_empty() {
            return Ok(Some(0));
        }
        let command = RewriteBlob { from: plan.blob, owners: some.owners, targets };
        match self.machine.publish(files, command.into()).await {
            Ok(Reply::Rewritten { extents }) => {
                fresh.into_iter().for_each(|(place, id)| plan.made[place] = Some(id));
                Ok(Some(extents))
            }
            Ok(other) => unreachable!("a rewrite says what it moved, not {other:?}"),
            Err(PublishError::Catalog(CatalogError::Refused(Refusal::NothingToRewrite))) => {
                // It may be that what was made before has been let go of already: then it is made again.
                places.into_iter().for_each(|place| plan.made[place] = None);
                Ok(None)
            }
            Err(PublishError::Catalog(error)) => Err(error.into()),
            Err(PublishError::Flush(error)) => Err(Failure::Later(format!("{error:?}"))),
        }
    }

    async fn make(&self, source: Blocks, files: &mut NewFiles) -> Result<NewBlob, Failure> {
        let made = blocks::blocks(&self.machine, files, source).await;
        if let Err(CopyError::Read(found)) = &made
            && is_damage(found)
        {
            self.machine.metrics.read_failures.add(1);
            if matches!(found, ReadError::Corrupt { .. }) {
                self.machine.metrics.corrupt_blocks.add(1);
            }
        }
        let (way, new) = made?;
        self.machine.metrics.rewritten(way, new.len);
        Ok(new)
    }
}

impl Plan {
    /// Which ranges hold a named one, ascending.
    fn places_of(&self, named: &[ByteRange]) -> BTreeSet<usize> {
        let place_of = |name: &ByteRange| {
            let place = self.ranges.partition_point(|range| range.end() < name.end());
            let holds = self.ranges.get(place).is_some_and(|range| range.start() <= name.start());
            holds.then_some(place)
        };
        named.iter().filter_map(place_of).collect()
    }

    fn blocks(&self, range: ByteRange) -> Result<Blocks, Failure> {
        let BlobRecord { table, first_block, .. } = self.record;
        Blocks::new(self.blob, range, table, first_block).ok_or_else(|| outside(self.blob))
    }
}

/// A record names bytes that the blob does not have.
fn outside(blob: BlobId) -> Failure {
    Failure::Damaged(format!("what is named of blob {blob} does not lie inside it"))
}

/// Adds the whole blocks around `named` to `ranges`, ascending and apart. What is one block apart goes together.
/// `None` if some of it does not lie inside the blob.
fn add(ranges: &mut Vec<ByteRange>, named: Vec<ByteRange>, blob_len: u64) -> Option<()> {
    for range in named {
        ranges.push(outer_range(range, blob_len)?);
    }
    ranges.sort_unstable_by_key(|range| range.start());
    let mut apart: Vec<ByteRange> = Vec::new();
    for range in ranges.drain(..) {
        match apart.last_mut() {
            Some(last) if range.start() <= last.end() + u64::from(BLOCK_LEN) => {
                *last = around(*last, range);
            }
            _ => apart.push(range),
        }
    }
    *ranges = apart;
    Some(())
}

/// Joins neighbours, the closest ones first, until there are no more than [`limits::REWRITE_TARGETS_MAX`].
fn few(mut ranges: Vec<ByteRange>) -> Vec<ByteRange> {
    let too_many = ranges.len().saturating_sub(limits::REWRITE_TARGETS_MAX);
    let mut gaps: Vec<(u64, usize)> = ranges
        .windows(2)
        .enumerate()
        .map(|(at, pair)| (pair[1].start() - pair[0].end(), at))
        .collect();
    gaps.sort_unstable();
    let joined: BTreeSet<usize> = gaps.into_iter().take(too_many).map(|(_, at)| at).collect();
    // From the end, so that the places of those before stay what they are.
    for at in joined.into_iter().rev() {
        let next = ranges.remove(at + 1);
        ranges[at] = around(ranges[at], next);
    }
    ranges
}

/// The range from the beginning of the first to the end of whichever ends last.
fn around(first: ByteRange, second: ByteRange) -> ByteRange {
    let end = first.end().max(second.end());
    ByteRange::new(first.start(), end).expect("the first begins first")
}
