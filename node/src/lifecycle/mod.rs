//! Room: carrying lifecycle rules out. All buckets that have some are looked through at the start and once an
//! interval; what the rules let go of is expired in commands of some keys each.
//!
//! Runs as one task of one shard. Reads and judges on reader threads, a page at a time, and rests nine times as long
//! as each page took.
//! Invariants: a command says which writing of each key was judged, so what was written meanwhile stays; what an
//! object lock protects stays; what is damaged holds nothing else up.
//! Cancel: any step can be cut off; the next look finds what is left.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use meta::command::{AbortUpload, Command, DELETE_KEYS_MAX, Expire, Refusal, Reply};
use meta::query::{self, ListFrom};
use meta::store::{Store, StoreError};
use protocol::name::{BucketName, ObjectKey, UploadId};

use crate::catalog::CatalogError;
use crate::limits;
use crate::log;
use crate::machine::Machine;
use crate::metrics::Action;

mod look;
#[cfg(test)]
mod tests;

use look::{Hour, Page, Place, Ruled};

/// The longest rest after a question; it may have had to wait long for its turn.
const REST_MAX: Duration = Duration::from_secs(10);

/// How long to wait before asking again what was turned away because too much waits.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// How often that is tried.
const BUSY_TRIES_MAX: u32 = 30;

/// Carries lifecycle rules out.
pub struct LifecycleWorker {
    machine: Rc<Machine>,
}

/// What one look at all buckets has done.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
struct Tally {
    buckets: u64,
    expired: u64,
    noncurrent: u64,
    markers: u64,
    aborted: u64,
    kept: u64,
    errors: u64,
}

impl LifecycleWorker {
    /// A worker with the means of this shard.
    #[must_use]
    pub fn new(machine: Rc<Machine>) -> Self {
        Self { machine }
    }

    /// Looks at all buckets now and from now on, for ever.
    pub async fn run(&self) {
        loop {
            self.pass().await;
            self.machine.clock.sleep(self.machine.settings.lifecycle.interval).await;
        }
    }

    /// Looks at all buckets once. What fails is told, and tried again the next time.
    pub async fn pass(&self) {
        let Machine { clock, metrics, .. } = &*self.machine;
        let began = clock.monotonic();
        let mut tally = Tally::default();
        if let Err(error) = self.buckets(&mut tally).await {
            // A store that has failed for good ends the process, and this task with it.
            self.give_up(&mut tally, "all buckets that come next", &error);
        }
        let took = clock.monotonic().saturating_sub(began);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        metrics.lifecycle().ended(clock.now(), micros);
        if tally != (Tally { buckets: tally.buckets, ..Tally::default() }) {
            log::info(
                "lifecycle_pass",
                &[
                    ("buckets", &tally.buckets),
                    ("expired", &tally.expired),
                    ("noncurrent", &tally.noncurrent),
                    ("markers", &tally.markers),
                    ("aborted", &tally.aborted),
                    ("kept", &tally.kept),
                    ("errors", &tally.errors),
                    ("ms", &took.as_millis()),
                ],
            );
        }
    }

    async fn buckets(&self, tally: &mut Tally) -> Result<(), CatalogError> {
        let mut after = None::<BucketName>;
        loop {
            let asked = after.clone();
            let look = move |store: &dyn Store| {
                look::buckets(store, asked.as_ref(), limits::LIFECYCLE_BUCKETS_MAX)
            };
            let look::Buckets { ruled, next } = self.ask(look).await?;
            for bucket in ruled {
                tally.buckets += 1;
                match bucket {
                    Ok(bucket) => self.bucket(&bucket, tally).await?,
                    Err((name, found)) => {
                        self.give_up(tally, name.as_str(), &CatalogError::Corrupt(found));
                    }
                }
            }
            match next {
                Some(_) => after = next,
                None => return Ok(()),
            }
        }
    }

    /// Carries the rules of one bucket out.
    ///
    /// # Errors
    /// If the store has failed; all else is told, and the next bucket's turn comes.
    async fn bucket(&self, bucket: &Ruled, tally: &mut Tally) -> Result<(), CatalogError> {
        let mut outcomes = Vec::new();
        if bucket.rules.expires_objects() {
            outcomes.push(self.versions(bucket, tally).await);
        }
        if bucket.rules.aborts_uploads() {
            outcomes.push(self.uploads(bucket, tally).await);
        }
        for outcome in outcomes {
            match outcome {
                Err(failed @ CatalogError::Failed(_)) => return Err(failed),
                Err(error) => self.give_up(tally, bucket.name.as_str(), &error),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn hour(&self) -> Hour {
        Hour { now: self.machine.clock.now(), day: self.machine.settings.lifecycle.day_len() }
    }

    async fn versions(&self, bucket: &Ruled, tally: &mut Tally) -> Result<(), CatalogError> {
        let mut place = Place::at(ListFrom::Start);
        let (mut max, mut doubtful) = (limits::LIFECYCLE_PAGE, None);
        loop {
            let (of, at, hour) = (bucket.clone(), place.clone(), self.hour());
            let look = move |store: &dyn Store| look::versions(store, &of, &at, max, hour);
            match self.ask(look).await {
                Ok(None) => return Ok(()),
                Ok(Some(Page { goes, next })) => {
                    // It was among the versions of the key before.
                    if let Some(error) = doubtful.take() {
                        self.give_up(tally, bucket.name.as_str(), &error);
                    }
                    max = limits::LIFECYCLE_PAGE;
                    self.expire(bucket, goes, tally).await?;
                    match next {
                        Some(next) => place = next,
                        None => return Ok(()),
                    }
                }
                // Up to what is damaged, then on behind it.
                Err(CatalogError::Corrupt(_)) if max > 1 => max /= 2,
                Err(error @ CatalogError::Corrupt(_)) => {
                    if let ListFrom::AfterVersion(key, _) = &place.from {
                        // It is among the further versions of this key, or in the next key.
                        place = Place::at(ListFrom::AfterKey(key.as_str().to_owned()));
                        doubtful = Some(error);
                        continue;
                    }
                    doubtful = None;
                    self.give_up(tally, bucket.name.as_str(), &error);
                    match self.behind_damage(bucket, place.from).await? {
                        Some(from) => place = Place::at(from),
                        None => return Ok(()),
                    }
                    max = limits::LIFECYCLE_PAGE;
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Where a listing goes on whose next entry behind `from` is damaged: with the next key.
    async fn behind_damage(
        &self,
        bucket: &Ruled,
        from: ListFrom,
    ) -> Result<Option<ListFrom>, CatalogError> {
        let after = if let ListFrom::AfterKey(key) = from { key } else { String::new() };
        let (id, prefix) = (bucket.id, bucket.rules.common_prefix().to_owned());
        let next = self.ask(move |store: &dyn Store| query::next_key(store, id, &prefix, &after));
        Ok(next.await?.map(ListFrom::AfterKey))
    }

    /// Lets go of what a page was judged to let go of.
    async fn expire(
        &self,
        bucket: &Ruled,
        goes: Vec<(Action, meta::command::ExpireItem)>,
        tally: &mut Tally,
    ) -> Result<(), CatalogError> {
        for some in goes.chunks(DELETE_KEYS_MAX) {
            let items = some.iter().map(|(_, item)| item.clone()).collect();
            let now = self.machine.clock.now().truncated_to_second();
            let command = Expire { bucket: bucket.id, items, now };
            let reply = self.commit(command.into()).await;
            match reply {
                Ok(Reply::Expired(verdicts)) => {
                    for ((action, _), gone) in some.iter().zip(verdicts) {
                        self.count(*action, gone, tally);
                    }
                }
                // The bucket is gone.
                Ok(_) | Err(CatalogError::Refused(_)) => return Ok(()),
                Err(failed @ CatalogError::Failed(_)) => return Err(failed),
                Err(error) => self.give_up(tally, bucket.name.as_str(), &error),
            }
        }
        Ok(())
    }

    fn count(&self, action: Action, gone: bool, tally: &mut Tally) {
        let figures = self.machine.metrics.lifecycle();
        if !gone {
            tally.kept += 1;
            figures.kept.add(1);
            return;
        }
        figures.done(action, 1);
        match action {
            Action::Expire => tally.expired += 1,
            Action::Noncurrent => tally.noncurrent += 1,
            Action::Marker => tally.markers += 1,
            Action::Abort => tally.aborted += 1,
        }
    }

    async fn uploads(&self, bucket: &Ruled, tally: &mut Tally) -> Result<(), CatalogError> {
        let mut from = ListFrom::Start;
        loop {
            let (of, at, hour) = (bucket.clone(), from.clone(), self.hour());
            let look = move |store: &dyn Store| {
                look::uploads(store, &of, &at, limits::LIFECYCLE_PAGE, hour)
            };
            let Some(look::Uploads { goes, next }) = self.ask(look).await? else { return Ok(()) };
            for some in goes.chunks(limits::LIFECYCLE_ABORTS_AT_ONCE) {
                let aborts = some.iter().map(|(key, upload)| self.abort(bucket, key, *upload));
                for outcome in join_all(aborts).await {
                    match outcome {
                        Ok(gone) => self.count(Action::Abort, gone, tally),
                        Err(failed @ CatalogError::Failed(_)) => return Err(failed),
                        Err(error) => self.give_up(tally, bucket.name.as_str(), &error),
                    }
                }
            }
            match next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }

    /// Aborts one upload; false if it is over already.
    async fn abort(
        &self,
        bucket: &Ruled,
        key: &ObjectKey,
        upload_id: UploadId,
    ) -> Result<bool, CatalogError> {
        let command = AbortUpload { bucket: bucket.id, key: key.clone(), upload_id };
        match self.commit(command.into()).await {
            Ok(_) => Ok(true),
            Err(CatalogError::Refused(Refusal::NoSuchUpload)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Tells of something that has to wait for the next look.
    fn give_up(&self, tally: &mut Tally, what: &str, error: &CatalogError) {
        tally.errors += 1;
        self.machine.metrics.lifecycle().errors.add(1);
        log::warn("lifecycle_postponed", &[("what", &what), ("cause", &format!("{error:?}"))]);
    }

    /// Asks on a reader thread, then rests, so that one reader is taken a tenth of its time at most.
    async fn ask<T, Q>(&self, question: Q) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        Q: Fn(&dyn Store) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        let Machine { clock, catalog, .. } = &*self.machine;
        let mut tries = 0;
        loop {
            let began = clock.monotonic();
            let answer = catalog.ask(question.clone()).await;
            let took = clock.monotonic().saturating_sub(began);
            clock.sleep((took * 9).min(REST_MAX)).await;
            tries += 1;
            if answer.as_ref().err() != Some(&CatalogError::Busy) || tries >= BUSY_TRIES_MAX {
                return answer;
            }
            clock.sleep(BUSY_WAIT).await;
        }
    }

    /// Commits, once more after a while if too much waits.
    async fn commit(&self, command: Command) -> Result<Reply, CatalogError> {
        let mut tries = 0;
        loop {
            let reply = self.machine.catalog.commit(command.clone()).await;
            tries += 1;
            if reply != Err(CatalogError::Busy) || tries >= BUSY_TRIES_MAX {
                return reply;
            }
            self.machine.clock.sleep(BUSY_WAIT).await;
        }
    }
}
