//! Room: a sleep of a shard that costs one timer however often it is looked at.
//!
//! Why: the timers of glommio-ng 0.12.0 set one more timer with each poll that finds them not up yet, and take back only
//! the last one; and each round of an executor looks through all that are set. Whoever waits for something *or* a
//! time-out polls both each time, so a thousand copies in a second kept tens of thousands of timers, and the tasks that
//! those would wake, alive for the seconds of the time-out: a sixth of a busy shard's time.
//! Invariants: at most one timer is set for a sleep, and none once it is up or dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use glommio::timer::Timer;

/// Completes once its time is up.
pub(crate) struct Sleep {
    until: Instant,
    set: Option<(Timer, Waker)>,
}

impl Sleep {
    /// From now on for `duration`.
    pub(crate) fn new(duration: Duration) -> Self {
        Self { until: Instant::now() + duration, set: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.set = None;
            return Poll::Ready(());
        }
        if self.set.as_ref().is_some_and(|(_, waker)| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        // The old one goes before there is a new one.
        self.set = None;
        let mut timer = Timer::new(left + TIMER_STEP);
        if Pin::new(&mut timer).poll(context).is_ready() {
            return Poll::Ready(());
        }
        self.set = Some((timer, context.waker().clone()));
        Poll::Pending
    }
}

/// The timers count in these, and are up as much too early: then nobody would come back for what is left.
const TIMER_STEP: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use super::*;
    use crate::disk::glommio::run_on_shard;

    #[test]
    fn a_sleep_takes_its_time_and_not_for_ever() {
        run_on_shard(async {
            for millis in [0, 1, 3, 20, 300] {
                let (began, duration) = (Instant::now(), Duration::from_millis(millis));
                Sleep::new(duration).await;
                assert!(began.elapsed() >= duration, "{millis} ms");
            }
        });
    }

    #[test]
    fn many_looks_at_a_sleep_wake_its_task_once() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Relaxed);
            }
        }
        run_on_shard(async {
            let count = Arc::new(Count(0.into()));
            let waker = Waker::from(Arc::clone(&count));
            let mut sleep = Sleep::new(Duration::from_millis(20));
            for _ in 0..100 {
                assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            Sleep::new(Duration::from_millis(60)).await;
            assert_eq!(count.0.load(Relaxed), 1);
            // A sleep that is dropped wakes nobody.
            let mut dropped = Sleep::new(Duration::from_millis(20));
            assert!(Pin::new(&mut dropped).poll(&mut Context::from_waker(&waker)).is_pending());
            drop(dropped);
            Sleep::new(Duration::from_millis(60)).await;
            assert_eq!(count.0.load(Relaxed), 1);
        });
    }

    #[test]
    fn a_sleep_wakes_whoever_looked_last() {
        run_on_shard(async {
            let mut sleep = Sleep::new(Duration::from_millis(30));
            let looked = poll_fn(|context| Poll::Ready(Pin::new(&mut sleep).poll(context))).await;
            assert!(looked.is_pending());
            // Another task takes it over.
            glommio::spawn_local(sleep).await;
        });
    }
}
