//! Room: the small seams between the operations and the machine: time, randomness, tasks.
//!
//! Must not: name a runtime. The real forms live in `shard`, the simulated ones in tests; both keep the
//! promises written here. The two large seams are `disk::Disk` and `meta::store::Store`.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use protocol::time::Timestamp;

/// A future that stays on the shard that made it.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Time, as the operations see it.
pub trait Clock {
    /// Wall-clock time, for dates that clients see.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary start that never goes back, for measuring durations.
    fn monotonic(&self) -> Duration;

    /// Completes once `duration` has passed.
    fn sleep(&self, duration: Duration) -> Local<'static, ()>;

    /// Lets other tasks of this shard run if it is their turn. Awaited between steps of a computation
    /// of at most 64 KiB of digest work each.
    fn pause(&self) -> Local<'static, ()>;

    /// Lets every other task of this shard that is ready go first, whosever turn it is.
    fn give_way(&self) -> Local<'static, ()>;
}

/// Unpredictable bytes, for identifiers that must not be guessed.
pub trait Random {
    /// Fills `bytes` from the operating system's generator.
    fn fill(&self, bytes: &mut [u8]);
}

/// Tasks of this shard.
pub trait Spawn {
    /// Starts `task`; it runs to its end even if whoever started it is gone.
    fn spawn(&self, task: Local<'static, ()>);
}
