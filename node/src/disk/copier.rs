//! Room: the threads that copies by the kernel run on, and what is left of clones of many extents, for all shards
//! together.
//!
//! Such a copy moves gigabytes and blocks while it does, so it must hold neither a shard nor the threads on which a
//! shard unlinks and clones. It runs in steps, each queued behind those of the others: a short copy does not wait
//! for the end of a long one, and between two steps it can be given up.
//! Holds: one waiting step for each copy that was admitted, and no more than [`COPIES_MAX`] copies.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::DiskError;
use crate::metrics::QueueLength;

/// How many steps run side by side: enough to keep a device busy while one waits for its bytes to be written out.
const THREADS: usize = 4;

/// How many copies may wait or run, each with two open files; a further one is refused.
const COPIES_MAX: usize = 256;

/// The most that one step copies.
pub const STEP_LEN: u64 = 64 * 1024 * 1024;

type Step = Box<dyn FnOnce() + Send>;

/// The threads of a process. They end when the last handle is gone.
#[derive(Debug)]
pub struct Copiers {
    steps: flume::Sender<Step>,
    admitted: AtomicUsize,
}

impl Copiers {
    /// The copies that were let in, for the node's figures.
    pub fn length(self: &Arc<Self>) -> QueueLength {
        let copiers = Arc::downgrade(self);
        let len = move || Some(copiers.upgrade()?.admitted.load(Ordering::Relaxed));
        QueueLength { queue: "copy", len: Box::new(len), capacity: COPIES_MAX }
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// If one cannot be started.
    pub fn start() -> Result<Arc<Self>, DiskError> {
        let (steps, waiting) = flume::unbounded::<Step>();
        for number in 0..THREADS {
            let waiting = waiting.clone();
            let run = move |step: Step| {
                // The panic has been printed, and whoever waits for the answer sees that there is none.
                drop(catch_unwind(AssertUnwindSafe(step)));
            };
            thread::Builder::new()
                .name(format!("copy-{number}"))
                .spawn(move || waiting.iter().for_each(run))
                .map_err(|error| DiskError::from_io("start a copy thread", &error))?;
        }
        Ok(Arc::new(Self { steps, admitted: AtomicUsize::new(0) }))
    }

    /// Lets one more copy in; `None` if there are too many.
    #[must_use]
    pub fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let more = |admitted| (admitted < COPIES_MAX).then_some(admitted + 1);
        let admitted = self.admitted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        admitted.is_ok().then(|| Admitted { copiers: Arc::clone(self) })
    }
}

/// A copy that was let in, until it is dropped.
#[derive(Debug)]
pub struct Admitted {
    copiers: Arc<Copiers>,
}

impl Admitted {
    /// Runs one step when its turn comes. It runs to its end even if nobody waits for it any more.
    ///
    /// # Errors
    /// Those of the step.
    pub async fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, DiskError> {
        let (answer, answered) = flume::bounded(1);
        let step: Step = Box::new(move || {
            // Nobody may be left to hear it.
            drop(answer.send(work()));
        });
        // Where the threads are gone, the answer never comes.
        drop(self.copiers.steps.send(step));
        answered.recv_async().await.unwrap_or_else(|_gone| {
            let text = "the copy thread is gone".to_owned();
            Err(DiskError::Io { action: "copy a blob", errno: None, text })
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.copiers.admitted.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::block_on;

    #[test]
    fn copies_beyond_the_bound_are_refused_until_one_ends() {
        let copiers = Copiers::start().expect("threads");
        let mut admitted: Vec<_> =
            (0..COPIES_MAX).map(|_| copiers.admit().expect("room")).collect();
        assert!(copiers.admit().is_none());
        admitted.pop();
        assert!(copiers.admit().is_some());
    }

    #[test]
    fn a_step_that_panics_is_an_error_and_takes_no_thread_with_it() {
        let copy = Copiers::start().expect("threads").admit().expect("room");
        for _ in 0..=THREADS {
            let outcome = block_on(copy.step::<()>(|| panic!("planted")));
            assert!(matches!(outcome, Err(DiskError::Io { .. })), "{outcome:?}");
        }
        assert_eq!(block_on(copy.step(|| Ok(7))), Ok(7));
    }
}
