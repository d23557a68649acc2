//! Room: what a connection is waiting for, and the shard's sweep that cuts whoever waits too long.
//!
//! One timer per shard instead of several per request: the sweep counts ticks, a connection notes the tick at
//! which a wait began (a plain store). A wait ends between its time-out and one tick more.
//! A client is late when nothing moves for the time-out, and when in the time-out's length of waiting for it
//! fewer bytes moved than `http.min_rate` asks for. Only waiting counts: not what the node itself takes.
//! Holds: `Cell`s only; nothing here is held across an await.
//! Source: RFC 9112 section 9 (connection management); DESIGN section 10, `http.*_timeout`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::config::HttpConfig;
use crate::metrics::{Cut, Metrics};
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
    /// Nothing has come for a while.
    dozing: Cell<bool>,
    /// Bytes of a head have come, and not yet its end.
    in_head: Cell<bool>,
    /// The answer's head has been given to the connection.
    answered: Cell<bool>,
    /// The request took too long before it had an answer.
    expired: Cell<bool>,
    /// Body bytes that an operation waits for.
    body: Flow,
    body_stalled: Cell<bool>,
    body_unread: Cell<bool>,
    body_waker: RefCell<Option<Waker>>,
    /// Bytes that wait for the socket to take them.
    written: Flow,
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
        self.dozing.set(false);
        if phase == Phase::Exchange {
            self.settled.set(false);
            self.body_unread.set(false);
            self.answered.set(false);
        }
    }

    /// A request is over: the next one may have begun to arrive behind it.
    pub fn over(&self) {
        self.enter(if self.in_head.get() { Phase::Head } else { Phase::Idle });
    }

    /// Bytes came from the client; they end within a head or not.
    pub fn received(&self, in_head: bool) {
        self.in_head.set(in_head);
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// Whether the beginning of a head has come, and not yet its end.
    pub fn is_in_head(&self) -> bool {
        self.in_head.get()
    }

    /// Whether the connection is cut because a head did not end in time, and may hear so: nothing of an earlier
    /// answer is under way, in which the client would read it.
    pub fn is_late_head(&self) -> bool {
        self.is_cut() && self.phase() == Phase::Head && self.is_in_head() && self.is_settled()
    }

    /// Whether nothing has come for a while, and nothing is under way: what the next request needs can be made
    /// when it comes.
    pub fn is_dozing(&self) -> bool {
        self.dozing.get() && self.settled.get()
    }

    /// The answer to the request at hand begins: from here on it can only be cut.
    pub fn answered(&self) {
        self.answered.set(true);
    }

    /// Whether the request at hand took too long and must be answered with that now.
    pub fn is_expired(&self) -> bool {
        self.expired.get()
    }

    /// The socket took `len` bytes.
    pub fn sent(&self, len: usize) {
        self.written.moved(self.ticks.get(), len as u64);
    }

    /// The socket takes no bytes.
    pub fn write_blocked(&self) {
        self.written.wait(self.ticks.get());
    }

    /// Nothing is left to write.
    pub fn flushed(&self) {
        self.written.rest();
        if self.phase.get() != Phase::Exchange && !self.settled.replace(true) {
            // Only now does the client owe what comes next.
            self.phase_since.set(self.ticks.get());
        }
    }

    /// Whether nothing of an answer can be under way. What is written then, the HTTP library says of itself.
    pub fn is_settled(&self) -> bool {
        self.settled.get()
    }

    /// An operation begins or goes on to wait for body bytes; it is woken when it has waited too long.
    pub fn await_body(&self, waker: &Waker) {
        self.body.wait(self.ticks.get());
        keep(&self.body_waker, waker);
    }

    /// So many body bytes came.
    pub fn body_moved(&self, len: usize) {
        self.body.moved(self.ticks.get(), len as u64);
    }

    /// Nobody waits for body bytes any more.
    pub fn body_over(&self) {
        self.body.rest();
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

    /// Cuts whoever is late; says which limit was passed, the first time that it is seen.
    fn sweep(&self, now: u64, limits: &Limits) -> Option<Cut> {
        let longer = |limit: u64| now.saturating_sub(self.phase_since.get()) > limit;
        let late = match self.phase.get() {
            // Who still reads the answer before has the time of a reader.
            Phase::Head | Phase::Idle if !self.settled.get() => None,
            Phase::Head => longer(limits.head).then_some(Cut::Header),
            Phase::Idle => longer(limits.idle).then_some(Cut::Idle),
            Phase::Linger => longer(limits.linger).then_some(Cut::Linger),
            Phase::Exchange => {
                (longer(limits.request) && self.answered.get()).then_some(Cut::Request)
            }
        };
        let late = late.or_else(|| self.written.late(now, &limits.write, Cut::Write));
        if late.is_some() {
            let first = !self.cut.get();
            self.cut();
            return late.filter(|_| first);
        }
        if self.phase.get() == Phase::Exchange && longer(limits.request) {
            let first = !self.expired.replace(true);
            wake(&self.waker);
            return first.then_some(Cut::Request);
        }
        if self.phase.get() == Phase::Idle && longer(0) && !self.dozing.replace(true) {
            wake(&self.waker);
            return None;
        }
        let late = self.body.late(now, &limits.body, Cut::Body)?;
        let first = !self.body_stalled.replace(true);
        wake(&self.body_waker);
        first.then_some(late)
    }
}

/// Bytes that the client sends or takes, and how long it was waited for.
#[derive(Default)]
struct Flow {
    /// When the present wait began.
    since: Cell<Option<u64>>,
    /// Ticks of earlier waits and bytes moved, since the flow was last judged.
    waited: Cell<u64>,
    len: Cell<u64>,
}

impl Flow {
    fn wait(&self, now: u64) {
        if self.since.get().is_none() {
            self.since.set(Some(now));
        }
    }

    fn moved(&self, now: u64, len: u64) {
        if let Some(since) = self.since.take() {
            self.waited.set(self.waited.get() + now.saturating_sub(since));
        }
        self.len.set(self.len.get() + len);
    }

    fn rest(&self) {
        self.since.set(None);
        self.judge_anew();
    }

    fn judge_anew(&self) {
        self.waited.set(0);
        self.len.set(0);
    }

    /// Whether it was waited for too long, which is `stalled`, or moved too slowly.
    fn late(&self, now: u64, pace: &Pace, stalled: Cut) -> Option<Cut> {
        let waiting = self.since.get().map_or(0, |since| now.saturating_sub(since));
        if waiting > pace.ticks {
            return Some(stalled);
        }
        if self.waited.get() + waiting <= pace.ticks {
            return None;
        }
        let slow = self.len.get() < pace.len_min;
        self.judge_anew();
        slow.then_some(Cut::Rate)
    }
}

/// How fast a client must be: the ticks that it may be waited for, and the bytes that must move meanwhile.
struct Pace {
    ticks: u64,
    len_min: u64,
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
    request: u64,
    body: Pace,
    write: Pace,
    linger: u64,
}

/// The connections of one shard.
pub struct Watchman {
    ticks: Rc<Cell<u64>>,
    tick: Duration,
    limits: Limits,
    watches: RefCell<BTreeMap<u64, Rc<Watch>>>,
    next: Cell<u64>,
    leaving: Cell<bool>,
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
            config.request_timeout,
            LINGER_TIME_MAX,
        ];
        let shortest = timeouts.into_iter().min().unwrap_or(LINGER_TIME_MAX);
        let tick = (shortest / 8).clamp(TICK_MIN, TICK_MAX);
        let ticks = |timeout: Duration| {
            u64::try_from(timeout.as_nanos().div_ceil(tick.as_nanos())).unwrap_or(u64::MAX)
        };
        let pace = |timeout: Duration| Pace {
            ticks: ticks(timeout),
            len_min: u64::try_from(timeout.as_millis() * u128::from(config.min_rate) / 1000)
                .unwrap_or(u64::MAX),
        };
        let limits = Limits {
            head: ticks(config.header_timeout),
            idle: ticks(config.idle_timeout),
            request: ticks(config.request_timeout),
            body: pace(config.body_timeout),
            write: pace(config.write_timeout),
            linger: ticks(LINGER_TIME_MAX),
        };
        Rc::new(Self {
            ticks: Rc::default(),
            tick,
            limits,
            watches: RefCell::default(),
            next: Cell::new(0),
            leaving: Cell::new(false),
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
            dozing: Cell::new(false),
            in_head: Cell::new(false),
            answered: Cell::new(false),
            expired: Cell::new(false),
            body: Flow::default(),
            body_stalled: Cell::new(false),
            body_unread: Cell::new(false),
            body_waker: RefCell::default(),
            written: Flow::default(),
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

    /// Counts ticks and cuts who is late, for ever. `metrics` counts them.
    pub async fn sweep(self: Rc<Self>, clock: Rc<dyn Clock>, metrics: Arc<Metrics>) {
        loop {
            clock.sleep(self.tick).await;
            self.ticks.set(self.ticks.get() + 1);
            let mut from = Some(0);
            while let Some(start) = from {
                from = self.sweep_some(start, &metrics);
                clock.pause().await;
            }
        }
    }

    /// Looks at a few connections from number `start` on; gives the number to go on with.
    fn sweep_some(&self, start: u64, metrics: &Metrics) -> Option<u64> {
        let watches = self.watches.borrow();
        let mut rest = watches.range(start..);
        for (_number, watch) in rest.by_ref().take(SWEEP_LEN_MAX) {
            if let Some(why) = watch.sweep(self.ticks.get(), &self.limits) {
                metrics.cut(why);
            }
        }
        rest.next().map(|(number, _watch)| *number)
    }

    /// From now on each answer is the last one of its connection: clients go as they are served, and only those that
    /// ask for nothing are left when connections are ended.
    pub fn leave(&self) {
        self.leaving.set(true);
    }

    /// Whether each answer must be the last one of its connection.
    pub fn is_leaving(&self) -> bool {
        self.leaving.get()
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
mod tests;
