//! Room: the flush stage. It takes the new files of all waiting requests and makes them durable together.
//!
//! May touch: the disk's `Syncer`. Must not: know what the files are for.
//! Invariant: a file is reported durable only after its own fsync and that of its folder; a failed sync is
//! reported once and never retried, because the kernel may have dropped the pages (data before name, always).

use std::sync::Arc;
use std::time::Instant;

use crate::disk::{DiskError, Syncer, Unsynced};
use crate::limits;
use crate::metrics::{Metrics, QueueLength, micros_since};
use crate::seam::Local;
use crate::stage::{Turn, next_letter};

/// The door to the flush stage, one per shard.
pub trait Flush {
    /// Completes when every file and every folder that names one is durable.
    ///
    /// # Errors
    /// The first error of any of the files, or that too many wait; all of them must then be given up by their owner.
    fn flush(&self, files: Vec<Unsynced>) -> Local<'static, Result<(), FlushError>>;
}

/// Why files are not durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlushError {
    /// Too many requests wait already: 503 SlowDown.
    Busy,
    /// A file or a folder could not be synced.
    Disk(DiskError),
}

/// One request's files on their way to the stage.
struct Waiting {
    files: Vec<Unsynced>,
    done: flume::Sender<Result<(), FlushError>>,
}

/// The production form: a bounded queue to the stage's thread.
#[derive(Clone)]
pub struct FlushQueue {
    queue: flume::Sender<Option<Waiting>>,
}

impl FlushQueue {
    /// The queue and the stage behind it; run the stage on a thread of its own.
    pub fn new(syncer: Arc<dyn Syncer>, metrics: Arc<Metrics>) -> (Self, FlushStage) {
        let (queue, inbox) = flume::bounded(limits::FLUSH_QUEUE_MAX);
        (Self { queue }, FlushStage { inbox, syncer, metrics })
    }
}

impl FlushQueue {
    /// The queue, for the node's figures. Whoever looks at it does not keep it open.
    pub fn length(&self) -> QueueLength {
        let queue = self.queue.downgrade();
        QueueLength {
            queue: "flush",
            len: Box::new(move || Some(queue.upgrade()?.len())),
            capacity: limits::FLUSH_QUEUE_MAX,
        }
    }

    /// Ends the stage once everything that was sent before is durable.
    pub fn close(&self) {
        // A stage that has ended already hears nothing.
        self.queue.send(None).ok();
    }
}

impl Flush for FlushQueue {
    fn flush(&self, files: Vec<Unsynced>) -> Local<'static, Result<(), FlushError>> {
        let queue = self.queue.clone();
        Box::pin(async move {
            if files.is_empty() {
                return Ok(());
            }
            let (done, answer) = flume::bounded(1);
            // Clients may be gone while their files wait, so the number of requests does not bound the queue.
            queue.try_send(Some(Waiting { files, done })).map_err(|error| match error {
                flume::TrySendError::Full(_) => FlushError::Busy,
                flume::TrySendError::Disconnected(_) => ended(),
            })?;
            answer.recv_async().await.map_err(|_gone| ended())?
        })
    }
}

fn ended() -> FlushError {
    let text = "the flush stage has ended".into();
    FlushError::Disk(DiskError::Io { action: "flush", errno: None, text })
}

/// The stage: everything that waits is one round.
pub struct FlushStage {
    inbox: flume::Receiver<Option<Waiting>>,
    syncer: Arc<dyn Syncer>,
    metrics: Arc<Metrics>,
}

impl FlushStage {
    /// Serves until the queue is closed.
    pub fn run(&self) {
        while let Ok(Some(first)) = self.inbox.recv() {
            if self.serve(first) == Turn::Closed {
                return;
            }
        }
    }

    /// One round of what waits, without waiting for more.
    pub fn turn(&self) -> Turn {
        match next_letter(&self.inbox) {
            Ok(first) => self.serve(first),
            Err(none) => none,
        }
    }

    /// The round that begins with these files; `Closed` if it came to the end of the queue.
    fn serve(&self, first: Waiting) -> Turn {
        let mut files = first.files.len();
        let mut round = vec![first];
        let mut turn = Turn::Worked;
        while turn == Turn::Worked
            && files < limits::FLUSH_ROUND_FILES_MAX
            && let Ok(next) = self.inbox.try_recv()
        {
            match next {
                Some(next) => {
                    files += next.files.len();
                    round.push(next);
                }
                None => turn = Turn::Closed,
            }
        }
        self.round(round);
        turn
    }

    fn round(&self, round: Vec<Waiting>) {
        let files: Vec<&Unsynced> = round.iter().flat_map(|waiting| &waiting.files).collect();
        let began = Instant::now();
        let mut outcomes = self.syncer.sync(&files).into_iter();
        let rounds = self.metrics.rounds();
        rounds.flush_files.observe(files.len() as u64);
        rounds.flush_time.observe(micros_since(began));
        drop(files);
        for waiting in round {
            // All outcomes are taken, so that the next request starts at its own files.
            let own: Vec<_> = outcomes.by_ref().take(waiting.files.len()).collect();
            let verdict = own.into_iter().collect::<Result<(), _>>().map_err(FlushError::Disk);
            // A requester that has gone away has a detached task that cleans up; nobody to tell is no error.
            drop(waiting.done.send(verdict));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use meta::id::BlobId;

    use super::*;
    use crate::disk::memory::MemoryDisk;

    #[test]
    fn a_full_queue_does_not_grow() {
        let syncer = Arc::new(MemoryDisk::new(1 << 20));
        let (queue, _stage) = FlushQueue::new(syncer, Arc::new(Metrics::new(1)));
        let flush = || queue.flush(vec![Unsynced::of_memory(BlobId::new(1))]);
        let mut waiting: Vec<_> = (0..limits::FLUSH_QUEUE_MAX).map(|_| flush()).collect();
        assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
        assert_eq!(flush().now_or_never(), Some(Err(FlushError::Busy)));
    }
}
