//! Room: what a connection is waiting for, and the shard's sweep that cuts whoever waits too long.
//!
//! One timer per shard instead of several per request: the sweep counts ticks, a connection notes the tick at
//! which a wait began (a plain store). A wait ends between its time-out and one tick more.
//! Holds: `Cell`s only; nothing here is held across an await.
//! Source: RFC 9112 section 9 (connection management); DESIGN section 10, `http.*_timeout`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::config::HttpConfig;
use crate::seam::Clock;

/// What a connection does now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// A head is on its way: since the accept, or since its first byte.
    Head,
    /// A request is being served.
    Exchange,
    /// Between requests.
    Idle,
    /// Answered before the client had sent everything: reads on for a moment, so that closing does not
    /// destroy the answer on its way.
    Linger,
}

/// One connection, as the sweep sees it.
pub struct Watch {
    ticks: Rc<Cell<u64>>,
    phase: Cell<Phase>,
    phase_since: Cell<u64>,
    /// An operation waits for body bytes.
    body_wait: Cell<Option<u64>>,
    body_stalled: Cell<bool>,
    body_unread: Cell<bool>,
    body_waker: RefCell<Option<Waker>>,
    /// The socket takes no more bytes.
    write_wait: Cell<Option<u64>>,
    /// Every byte of every answer so far has been given to the socket, and no request is being served.
    settled: Cell<bool>,
    cut: Cell<bool>,
    draining: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Watch {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Enters a phase, at this tick.
    pub fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.phase_since.set(self.ticks.get());
        if phase == Phase::Exchange {
            self.settled.set(false);
            self.body_unread.set(false);
        }
    }

    /// Bytes came from the client.
    pub fn received(&self) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// The socket took bytes.
    pub fn sent(&self) {
        self.write_wait.set(None);
    }

    /// The socket takes no bytes.
    pub fn write_blocked(&self) {
        if self.write_wait.get().is_none() {
            self.write_wait.set(Some(self.ticks.get()));
        }
    }

    /// Nothing is left to write.
    pub fn flushed(&self) {
        if self.phase.get() != Phase::Exchange {
            self.settled.set(true);
        }
    }

    /// Whether nothing of an answer can be under way. What is written then, the HTTP library says of itself.
    pub fn is_settled(&self) -> bool {
        self.settled.get()
    }

    /// An operation begins or goes on to wait for body bytes; it is woken when it has waited too long.
    pub fn await_body(&self, waker: &Waker) {
        if self.body_wait.get().is_none() {
            self.body_wait.set(Some(self.ticks.get()));
        }
        keep(&self.body_waker, waker);
    }

    /// Body bytes came, or nobody waits for them any more.
    pub fn body_moved(&self) {
        self.body_wait.set(None);
    }

    /// Whether the body did not move for too long. It stays so.
    pub fn is_body_stalled(&self) -> bool {
        self.body_stalled.get()
    }

    /// An operation lets go of a body that it has not read to its end.
    pub fn leave_body_unread(&self) {
        self.body_unread.set(true);
    }

    /// Whether the client may still be sending a body that nobody reads.
    pub fn is_body_unread(&self) -> bool {
        self.body_unread.get()
    }

    /// Whether the connection must end now.
    pub fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// Whether the connection must end after the request at hand.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Ends the connection.
    pub fn cut(&self) {
        self.cut.set(true);
        self.body_stalled.set(true);
        wake(&self.waker);
        wake(&self.body_waker);
    }

    /// Remembers whom to wake when the connection must end.
    pub fn register(&self, context: &Context<'_>) {
        keep(&self.waker, context.waker());
    }

    fn drain(&self) {
        self.draining.set(true);
        if self.phase.get() == Phase::Linger {
            self.cut();
        } else {
            wake(&self.waker);
        }
    }

    fn sweep(&self, now: u64, limits: &Limits) {
        let longer = |since: u64, limit: u64| now.saturating_sub(since) > limit;
        let since = self.phase_since.get();
        let late = match self.phase.get() {
            Phase::Head => longer(since, limits.head),
            Phase::Idle => longer(since, limits.idle),
            Phase::Linger => longer(since, limits.linger),
            Phase::Exchange => false,
        };
        if late || self.write_wait.get().is_some_and(|since| longer(since, limits.write)) {
            self.cut();
        } else if self.body_wait.get().is_some_and(|since| longer(since, limits.body)) {
            self.body_stalled.set(true);
            wake(&self.body_waker);
        }
    }
}

fn keep(slot: &RefCell<Option<Waker>>, waker: &Waker) {
    let mut slot = slot.borrow_mut();
    match &mut *slot {
        Some(kept) => kept.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}

fn wake(slot: &RefCell<Option<Waker>>) {
    // Taken out first: waking may run code that registers again.
    let waker = slot.borrow_mut().take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Time-outs in ticks.
struct Limits {
    head: u64,
    idle: u64,
    body: u64,
    write: u64,
    linger: u64,
}

/// The connections of one shard.
pub struct Watchman {
    ticks: Rc<Cell<u64>>,
    tick: Duration,
    limits: Limits,
    watches: RefCell<BTreeMap<u64, Rc<Watch>>>,
    next: Cell<u64>,
    draining: Cell<bool>,
    emptied: RefCell<Option<Waker>>,
}

impl Watchman {
    /// No connections yet; the time-outs are those of `config`.
    pub fn new(config: &HttpConfig) -> Rc<Self> {
        let timeouts = [
            config.header_timeout,
            config.idle_timeout,
            config.body_timeout,
            config.write_timeout,
            LINGER_TIME_MAX,
        ];
        let shortest = timeouts.into_iter().min().unwrap_or(LINGER_TIME_MAX);
        let tick = (shortest / 8).clamp(TICK_MIN, TICK_MAX);
        let ticks = |timeout: Duration| {
            u64::try_from(timeout.as_nanos().div_ceil(tick.as_nanos())).unwrap_or(u64::MAX)
        };
        let limits = Limits {
            head: ticks(config.header_timeout),
            idle: ticks(config.idle_timeout),
            body: ticks(config.body_timeout),
            write: ticks(config.write_timeout),
            linger: ticks(LINGER_TIME_MAX),
        };
        Rc::new(Self {
            ticks: Rc::default(),
            tick,
            limits,
            watches: RefCell::default(),
            next: Cell::new(0),
            draining: Cell::new(false),
            emptied: RefCell::default(),
        })
    }

    /// Watches a new connection, which waits for its first head, until the guard is dropped.
    pub fn watch(self: &Rc<Self>) -> Watched {
        let watch = Rc::new(Watch {
            ticks: Rc::clone(&self.ticks),
            phase: Cell::new(Phase::Head),
            phase_since: Cell::new(self.ticks.get()),
            body_wait: Cell::new(None),
            body_stalled: Cell::new(false),
            body_unread: Cell::new(false),
            body_waker: RefCell::default(),
            write_wait: Cell::new(None),
            settled: Cell::new(true),
            cut: Cell::new(false),
            draining: Cell::new(self.draining.get()),
            waker: RefCell::default(),
        });
        let number = self.next.get();
        self.next.set(number + 1);
        self.watches.borrow_mut().insert(number, Rc::clone(&watch));
        Watched { watchman: Rc::clone(self), number, watch }
    }

    /// Counts ticks and cuts who is late, for ever.
    pub async fn sweep(self: Rc<Self>, clock: Rc<dyn Clock>) {
        loop {
            clock.sleep(self.tick).await;
            self.ticks.set(self.ticks.get() + 1);
            let mut from = Some(0);
            while let Some(start) = from {
                from = self.sweep_some(start);
                clock.pause().await;
            }
        }
    }

    /// Looks at a few connections from number `start` on; gives the number to go on with.
    fn sweep_some(&self, start: u64) -> Option<u64> {
        let watches = self.watches.borrow();
        let mut rest = watches.range(start..);
        for (_number, watch) in rest.by_ref().take(SWEEP_LEN_MAX) {
            watch.sweep(self.ticks.get(), &self.limits);
        }
        rest.next().map(|(number, _watch)| *number)
    }

    /// Lets every connection end after the request at hand, those to come included.
    pub fn drain(&self) {
        self.draining.set(true);
        self.watches.borrow().values().for_each(|watch| watch.drain());
    }

    /// Ends every connection.
    pub fn cut(&self) {
        self.watches.borrow().values().for_each(|watch| watch.cut());
    }

    /// Ready once no connection is left.
    pub fn poll_empty(&self, context: &Context<'_>) -> Poll<()> {
        if self.watches.borrow().is_empty() {
            return Poll::Ready(());
        }
        keep(&self.emptied, context.waker());
        Poll::Pending
    }
}

/// A connection's entry with the [`Watchman`].
pub struct Watched {
    watchman: Rc<Watchman>,
    number: u64,
    /// The connection.
    pub watch: Rc<Watch>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watches = self.watchman.watches.borrow_mut();
        watches.remove(&self.number);
        let empty = watches.is_empty();
        drop(watches);
        if empty {
            wake(&self.watchman.emptied);
        }
    }
}

const TICK_MIN: Duration = Duration::from_millis(5);
const TICK_MAX: Duration = Duration::from_secs(1);
/// Connections looked at between two chances for other tasks: some ten microseconds.
const SWEEP_LEN_MAX: usize = 256;
/// How long a connection reads on after an early answer.
const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> HttpConfig {
        HttpConfig {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(3600),
            min_rate: 1024,
            keepalive_after: Duration::from_secs(5),
            keepalive_interval: Duration::from_secs(5),
            drain_timeout: Duration::ZERO,
            drain_delay: Duration::ZERO,
            max_connections: 1,
            max_requests: 1,
            trusted_proxies: Vec::new(),
        }
    }

    /// Lets `seconds` pass in ticks of the given watchman.
    fn pass(watchman: &Watchman, seconds: u64) {
        let end = Duration::from_secs(seconds).as_millis() / watchman.tick.as_millis();
        for _ in 0..end {
            watchman.ticks.set(watchman.ticks.get() + 1);
            let mut from = Some(0);
            while let Some(start) = from {
                from = watchman.sweep_some(start);
            }
        }
    }

    #[test]
    fn each_wait_has_its_own_limit() {
        let watchman = Watchman::new(&config());
        let head = watchman.watch();
        let idle = watchman.watch();
        idle.watch.enter(Phase::Idle);
        let busy = watchman.watch();
        busy.watch.enter(Phase::Exchange);
        let slow_reader = watchman.watch();
        slow_reader.watch.enter(Phase::Exchange);
        slow_reader.watch.write_blocked();
        let slow_sender = watchman.watch();
        slow_sender.watch.enter(Phase::Exchange);
        slow_sender.watch.await_body(Waker::noop());

        pass(&watchman, 10);
        assert!(!head.watch.is_cut());
        pass(&watchman, 1);
        assert!(head.watch.is_cut() && !idle.watch.is_cut());
        pass(&watchman, 50);
        assert!(slow_reader.watch.is_cut());
        assert!(slow_sender.watch.is_body_stalled() && !slow_sender.watch.is_cut());
        pass(&watchman, 15);
        assert!(idle.watch.is_cut() && !busy.watch.is_cut());
    }

    #[test]
    fn progress_starts_the_wait_anew() {
        let watchman = Watchman::new(&config());
        let Watched { ref watch, .. } = watchman.watch();
        watch.enter(Phase::Exchange);
        for _ in 0..4 {
            watch.await_body(Waker::noop());
            watch.write_blocked();
            pass(&watchman, 50);
            watch.body_moved();
            watch.sent();
        }
        assert!(!watch.is_cut() && !watch.is_body_stalled());
        watch.enter(Phase::Idle);
        pass(&watchman, 70);
        watch.received();
        assert_eq!(watch.phase(), Phase::Head);
        pass(&watchman, 10);
        assert!(!watch.is_cut());
        pass(&watchman, 1);
        assert!(watch.is_cut());
    }

    #[test]
    fn a_sweep_in_steps_misses_nobody() {
        let watchman = Watchman::new(&config());
        let many: Vec<Watched> = (0..3 * SWEEP_LEN_MAX + 7).map(|_| watchman.watch()).collect();
        pass(&watchman, 11);
        assert!(many.iter().all(|one| one.watch.is_cut()));
    }

    #[test]
    fn the_last_connection_wakes_who_waits_for_the_end() {
        let watchman = Watchman::new(&config());
        let first = watchman.watch();
        let context = &mut Context::from_waker(Waker::noop());
        watchman.drain();
        assert!(first.watch.is_draining() && watchman.watch().watch.is_draining());
        assert!(watchman.poll_empty(context).is_pending());
        drop(first);
        assert!(watchman.poll_empty(context).is_ready());
    }
}
