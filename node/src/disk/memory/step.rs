//! Room: how a call of a disk in memory goes on: step by step, giving way in between, to its end even when its
//! caller goes away.
//!
//! Invariants: a call that was never polled has not begun; one that has begun and leaves something behind ends,
//! unless the power does first; after that nothing of it ever completes.

use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use meta::id::BlobId;

use super::MemoryDisk;
use super::fault::Call;
use super::state::State;
use crate::disk::DiskError;
use crate::seam::Local;
use crate::stage::Turn;

/// How often a kind disk polls a call at once whose caller went away: more than any takes that does not wait for
/// another one.
const POLLS_AT_ONCE: usize = 4096;

/// A call that runs to its end.
pub(super) struct Job(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Job {
    /// Polls it once, with nobody to wake; whether it is over.
    fn turn(&mut self) -> bool {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

impl MemoryDisk {
    /// Lets one of the calls go on whose callers went away, if there is one. The real disk has threads for them; a
    /// simulation calls this in between, and at the end until all are over. A kind disk ends them by itself.
    pub fn turn(&self) -> Turn {
        let job = {
            let mut state = self.lock();
            let mut unseen = self.unseen();
            if state.power.is_off() || unseen.is_empty() {
                return Turn::Idle;
            }
            let at = state.dice.index(unseen.len());
            unseen.remove(at)
        };
        self.go_on(job, 1);
        Turn::Worked
    }

    /// Forgets the calls whose callers went away.
    pub(super) fn forget_unseen(&self) {
        // Dropped when nothing is locked any more: what they hold takes itself off the disk.
        let forgotten = std::mem::take(&mut *self.unseen());
        drop(forgotten);
    }

    /// A call that begins when it is first polled.
    pub(super) fn begin(&self, call: Call) -> Steps {
        Steps { life: self.lock().power.life(), disk: self.clone(), call, begun: false }
    }

    /// A call that begins when it is first polled and then runs to its end, whoever stops waiting for it.
    pub(super) fn to_the_end<T, F>(
        &self,
        call: Call,
        work: impl FnOnce(Steps) -> F,
    ) -> Local<'static, Result<T, DiskError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DiskError>> + Send + 'static,
    {
        let work = work(self.begin(call));
        let outcome = Arc::new(Mutex::new(None));
        let told = outcome.clone();
        let job = Job(Box::pin(async move {
            let found = work.await;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        }));
        Box::pin(Caller { disk: self.clone(), job: Some(job), begun: false, outcome })
    }

    fn unseen(&self) -> std::sync::MutexGuard<'_, Vec<Job>> {
        self.shared.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls a call at most so often; what is left of it goes on later.
    fn go_on(&self, mut job: Job, polls: usize) {
        for _ in 0..polls {
            if job.turn() {
                return;
            }
        }
        self.unseen().push(job);
    }
}

/// Whoever waits for a call that runs to its end.
struct Caller<T> {
    disk: MemoryDisk,
    job: Option<Job>,
    begun: bool,
    outcome: Arc<Mutex<Option<T>>>,
}

impl<T> Future for Caller<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.begun = true;
        let job = self.job.as_mut().expect("nobody waits for an answer twice");
        if job.0.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.job = None;
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        Poll::Ready(outcome.expect("a call that is over has its outcome"))
    }
}

impl<T> Drop for Caller<T> {
    fn drop(&mut self) {
        let Some(job) = self.job.take().filter(|_| self.begun) else { return };
        let kind = self.disk.lock().dice.is_kind();
        self.disk.go_on(job, if kind { POLLS_AT_ONCE } else { 0 });
    }
}

/// One call under way.
pub(super) struct Steps {
    disk: MemoryDisk,
    life: u64,
    call: Call,
    begun: bool,
}

impl Steps {
    /// Takes one step, at once or not at all. Gives way before: always before the first step, by choice before
    /// another one.
    pub(super) async fn take<T>(
        &mut self,
        act: impl FnOnce(&mut State) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        let first = !std::mem::replace(&mut self.begun, true);
        if first {
            give_way().await;
        } else {
            self.pause().await;
        }
        let done = self.disk.lock().step(self.life, self.call, first, act);
        match done {
            Some(outcome) => outcome,
            None => pending().await,
        }
    }

    /// The same for a step that cannot be refused.
    pub(super) async fn act(&mut self, act: impl FnOnce(&mut State)) -> Result<(), DiskError> {
        self.take(|state| {
            act(state);
            Ok(())
        })
        .await
    }

    /// Gives way if chance has it so.
    pub(super) async fn pause(&self) {
        let gives_way = self.disk.lock().dice.flip();
        if gives_way {
            give_way().await;
        }
    }

    /// The file of `blob` is being created, until what this returns is dropped.
    pub(super) fn birth(&self, blob: BlobId) -> Birth {
        self.disk.lock().births.insert(blob);
        Birth { disk: self.disk.clone(), blob }
    }

    /// Completes when none of `blobs` is being created.
    pub(super) async fn births_over(&self, blobs: &[BlobId]) {
        let under_way = || {
            let state = self.disk.lock();
            blobs.iter().any(|blob| state.births.contains(blob))
        };
        while under_way() {
            // Whoever creates it may have gone away.
            self.disk.turn();
            give_way().await;
        }
    }
}

/// A file that is being created.
pub(super) struct Birth {
    disk: MemoryDisk,
    blob: BlobId,
}

impl Drop for Birth {
    fn drop(&mut self) {
        self.disk.lock().births.remove(&self.blob);
    }
}

/// Lets everything else that can run do so once.
pub(super) async fn give_way() {
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
