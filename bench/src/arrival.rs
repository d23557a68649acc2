//! Room: when requests arrive that do not wait for each other: at fixed times, whatever the server does.
//!
//! A latency counts from the arrival, not from the moment at which a connection was free: a server that stands
//! still for a second makes all that arrived in it slow, not one request (no coordinated omission).
//! Units: nanoseconds since the start of a round.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Above this a request counts as late.
pub(crate) const LATE: Duration = Duration::from_millis(1);

/// The arrivals of one thread: each `threads`th of all, from its own number on.
#[derive(Debug)]
pub(crate) struct Arrivals {
    next: Cell<u64>,
    step: u64,
    per_second: f64,
}

impl Arrivals {
    /// The arrivals of thread `thread` of `threads` when so many come a second in all.
    pub(crate) fn new(per_second: f64, thread: u64, threads: u64) -> Self {
        Self { next: Cell::new(thread), step: threads, per_second }
    }

    /// Takes the next arrival: the time after the start.
    pub(crate) fn take(&self) -> Duration {
        let number = self.next.get();
        self.next.set(number + self.step);
        Duration::from_secs_f64(crate::measurement::count(number) / self.per_second)
    }
}

/// Waits for a moment, to some microseconds: the timers of the runtime are no finer than a millisecond.
pub(crate) struct Timer {
    timer: OwnedFd,
    /// The same timer, where the runtime waits for it.
    waited: tokio_uring::fs::File,
}

impl Timer {
    /// A timer of its own.
    ///
    /// # Errors
    /// When the kernel has none left.
    pub(crate) fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        let waited = tokio_uring::fs::File::from_std(File::from(timer.try_clone()?));
        Ok(Self { timer, waited })
    }

    /// Returns at `moment`, or at once if it has passed.
    ///
    /// # Errors
    /// When the timer cannot be set or read.
    pub(crate) async fn wait(&self, moment: Instant) -> io::Result<()> {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let it_value = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let set = Itimerspec { it_interval, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &set)?;
        self.waited.read_at(vec![0; 8], 0).await.0.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_the_arrivals_among_them() {
        let threads = [0, 1, 2].map(|thread| Arrivals::new(1000.0, thread, 3));
        let times: Vec<Duration> =
            (0..4).flat_map(|_| threads.each_ref().map(Arrivals::take)).collect();
        let expected: Vec<Duration> = (0..12).map(Duration::from_millis).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn the_timer_waits_and_does_not_wait_for_the_past() {
        tokio_uring::start(async {
            let timer = Timer::new().expect("a timer");
            let start = Instant::now();
            timer.wait(start).await.expect("the past");
            for step in 1..=3 {
                let moment = start + Duration::from_micros(1500 * step);
                timer.wait(moment).await.expect("a wait");
                assert!(Instant::now() >= moment);
            }
        });
    }
}
