//! Room: the small seams between the operations and the machine: time, randomness, tasks.
//!
//! Must not: name a runtime. The real forms live in `shard`, the simulated ones in tests; both keep the
//! promises written here. The two large seams are `disk::Disk` and `meta::store::Store`.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, abortable};
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
    /// Starts `task`; it runs to its end even if whoever started it is gone. At the end of the shard it is dropped
    /// instead: what it would have done is left to the next start.
    fn spawn(&self, task: Local<'static, ()>);
}

/// Runs `work` as a task of another queue and waits for it. A panic of the work is one of whoever waits.
///
/// Cancel: the work goes no further, and is dropped when its queue next has its turn.
pub async fn in_queue<T: 'static>(queue: &dyn Spawn, work: impl Future<Output = T> + 'static) -> T {
    struct AbortOnDrop(AbortHandle);
    impl Drop for AbortOnDrop {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let (sender, receiver) = flume::bounded(1);
    let (task, handle) = abortable(async move {
        let done = AssertUnwindSafe(work).catch_unwind().await;
        // There is room for one, and the receiver goes away only together with this task.
        let _ = sender.send(done);
    });
    let _abort = AbortOnDrop(handle);
    queue.spawn(Box::pin(task.map(drop)));
    let done = receiver.recv_async().await;
    done.expect("the task sends before it ends, and only we abort it")
        .unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::testing::TestNode;

    /// Says that it has gone.
    struct Told(Rc<Cell<bool>>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }

    #[test]
    fn work_in_another_queue_goes_no_further_than_whoever_waits_for_it() {
        let node = TestNode::new();
        let queue = &*node.machine.bulk;
        assert_eq!(node.run(in_queue(queue, async { 7 })), 7);

        let (steps, gone) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let (count, told, clock) = (steps.clone(), Told(gone.clone()), node.machine.clock.clone());
        let work = async move {
            let _told = told;
            loop {
                count.set(count.get() + 1);
                clock.pause().await;
            }
        };
        let mut waiting: Local<'_, ()> = Box::pin(in_queue(queue, work));
        assert!(!node.poll(&mut waiting, 5));
        let before = steps.get();
        assert!(before > 0, "it works");
        drop(waiting);
        node.settle();
        assert_eq!((steps.get(), gone.get()), (before, true));
    }

    #[test]
    fn a_panic_in_another_queue_is_one_of_whoever_waits_for_it() {
        let node = TestNode::new();
        let work = in_queue(&*node.machine.bulk, async { panic!("planted") });
        let mut waiting: Local<'_, ()> =
            Box::pin(AssertUnwindSafe(work).catch_unwind().map(|done| {
                assert!(done.is_err(), "the panic comes through");
            }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(
            waiting.as_mut().poll(&mut context).is_pending(),
            "it is not run where it is waited for"
        );
        node.settle();
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(()));
    }
}
