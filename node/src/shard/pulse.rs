//! Room: the pulse, which wakes every executor ten times a second from a thread of its own.
//!
//! Why: an executor of glommio-ng 0.12.0 can fall asleep although tasks of its could run. It looks at its rings, arms its
//! preemption timer, then runs its queues. If the timer is up before it looks at the first queue (the thread lost its
//! core for a millisecond), or the signal of a wake-up arrives there that it has already seen, it takes "stop here"
//! for "nothing to do" and sleeps in the kernel. Any event ends that; where none is due it sleeps for ever. So did one
//! start in some hundreds on busy cores: the task that makes a shard had not run yet, and nothing else was there. For
//! the same reason the beat comes from outside: a timer on the shard would be set by a task that may never have run.
//! This room can go once a release has what pull request 53 of glommio/glommio mends.
//!
//! Holds: a waker per executor.

use std::future::poll_fn;
use std::io;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use flume::RecvTimeoutError;

/// Wakes the executors that joined it, as long as it or a clone of it lives.
#[derive(Clone)]
pub(crate) struct Pulse {
    join: flume::Sender<Waker>,
}

impl Pulse {
    /// Starts the thread that beats.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start() -> io::Result<Self> {
        Self::start_with(BEAT)
    }

    /// As [`Pulse::start`], with this time between two beats.
    pub(super) fn start_with(beat: Duration) -> io::Result<Self> {
        let (join, joined) = flume::unbounded();
        thread::Builder::new()
            .name("tenon-pulse".into())
            .spawn(move || beat_until_left(&joined, beat))?;
        Ok(Self { join })
    }

    /// Wakes the executor that runs this from now on. Done at once: what a beat wakes is a task that has ended, so
    /// the executor goes round its rings and queues and nothing of this room runs there. To be spawned before
    /// the executor runs anything.
    pub(crate) fn join(&self) -> impl Future<Output = ()> + use<> {
        let join = self.join.clone();
        async move {
            let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
            // The thread lives as long as a sender does.
            drop(join.send(waker));
        }
    }
}

fn beat_until_left(joined: &flume::Receiver<Waker>, beat: Duration) {
    let mut wakers: Vec<Waker> = Vec::new();
    loop {
        match joined.recv_timeout(beat) {
            Ok(waker) => wakers.push(waker),
            Err(RecvTimeoutError::Timeout) => wakers.iter().for_each(Waker::wake_by_ref),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The longest that an executor sleeps on its work. A beat costs a shard some 0.1 ms of its core's time.
const BEAT: Duration = Duration::from_millis(100);
