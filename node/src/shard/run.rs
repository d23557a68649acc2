//! Room: the threads of the shards: one pinned glommio executor each, its queues, its real clock, generator and
//! tasks, and its life from start to drain.
//!
//! Holds: per shard a bounded channel for sockets and one for orders; one channel back for events.
//! Invariants: a shard that fails or panics ends the node ([`Event::Failed`]): a node with a dead shard would
//! hold its connections and its leases without serving them.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use glommio::{
    GlommioError, Latency, LocalExecutorBuilder, Placement, PoolPlacement, Shares, Task,
    TaskQueueHandle,
};
use protocol::time::Timestamp;

use super::hand_over::{ARRIVALS_MAX, Arrival, Loads};
use super::pulse::Pulse;
use super::sleep::Sleep;
use super::{Factory, Seat};
use crate::access_line::AccessLog;
use crate::config::Config;
use crate::disk::glommio::{all_blocking_threads, blocking_begun};
use crate::http::adapter::Accepted;
use crate::http::connection::Http;
use crate::http::listen::{self, Doors};
use crate::http::tls::TlsKeys;
use crate::http::watch::Watchman;
use crate::limits;
use crate::log;
use crate::metrics::Metrics;
use crate::seam::{Clock, Local, Random, Spawn};

/// What the shards need from the process.
#[derive(Clone)]
pub struct Plan {
    /// The node's settings.
    pub config: Arc<Config>,
    /// The number of shards; the figures are made for as many.
    pub shards: usize,
    /// The node's figures.
    pub metrics: Arc<Metrics>,
    /// Where access lines go.
    pub access: AccessLog,
    /// What the S3 sockets speak TLS with; none: plain HTTP.
    pub tls: Option<Arc<TlsKeys>>,
}

/// The number of shards for these settings: one for each core that this process may use.
pub fn shard_count(config: &Config) -> usize {
    config.shards.unwrap_or_else(|| usable_cores().len().max(1))
}

/// The running shards.
pub struct Shards {
    threads: Vec<JoinHandle<()>>,
    orders: Vec<flume::Sender<Order>>,
    events: flume::Receiver<Event>,
    running: usize,
    /// Why the first shard that failed did.
    problem: Option<String>,
}

/// What the process tells a shard.
enum Order {
    /// Accept on these sockets.
    Listen(Vec<TcpListener>),
    /// Let clients go with their next answer.
    Leave,
    /// Accept no more.
    Close,
    /// Finish what is there, then end.
    Drain,
    /// Drop what is there, then end.
    Cut,
}

/// What a shard tells the process. The last is that it has ended or failed.
enum Event {
    Ready,
    Closed,
    Ended,
    Failed(String),
}

/// How the shards came to their end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// Every request in flight was finished.
    Finished,
    /// The time was up and the rest was cut.
    Cut,
}

impl Shards {
    /// Starts one thread for each shard and waits until every handler is made.
    pub fn start(plan: &Plan, factory: &Factory) -> Result<Self, String> {
        let cores = usable_cores();
        let (event, events) = flume::unbounded();
        let pulse = Pulse::start().map_err(|error| format!("no thread for the pulse: {error}"))?;
        let max = plan.config.http.max_connections;
        let loads = Loads::new(plan.shards, max, Arc::clone(&plan.metrics));
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..plan.shards).map(|_| flume::bounded(ARRIVALS_MAX)).unzip();
        let doors = Doors { loads, shards: senders };
        plan.metrics.watch_queues([doors.length()]);
        let mut shards = Self {
            threads: Vec::new(),
            orders: Vec::new(),
            events,
            running: plan.shards,
            problem: None,
        };
        for (index, arrivals) in receivers.into_iter().enumerate() {
            let (order, orders) = flume::bounded(ORDERS_MAX);
            let shard = Shard {
                index,
                plan: plan.clone(),
                factory: Arc::clone(factory),
                // One shard accepts for all.
                doors: (index == ACCEPTING_SHARD).then(|| doors.clone()),
                arrivals,
                orders,
                event: event.clone(),
                pulse: pulse.clone(),
            };
            let core = cores.get(index % cores.len().max(1)).copied();
            let thread = std::thread::Builder::new()
                .name(format!("tenon-shard-{index}"))
                .spawn(move || shard.run(core))
                .map_err(|error| format!("no thread for shard {index}: {error}"))?;
            shards.threads.push(thread);
            shards.orders.push(order);
        }
        for _ in 0..plan.shards {
            match shards.events.recv() {
                Ok(Event::Ready) => {}
                Ok(Event::Failed(problem)) => return Err(problem),
                Ok(Event::Closed | Event::Ended) | Err(_) => {
                    return Err("a shard ended before it was ready".into());
                }
            }
        }
        Ok(shards)
    }

    /// Accepts connections on these sockets.
    pub fn listen(&self, listeners: Vec<TcpListener>) {
        self.order(ACCEPTING_SHARD, Order::Listen(listeners));
    }

    /// Goes on as before, but from now on each answer ends its connection.
    pub fn leave(&self) {
        (0..self.orders.len()).for_each(|shard| self.order(shard, Order::Leave));
    }

    /// Waits until a shard ends or `failed` says why the engine can serve no more (the problem), or until `stop` says
    /// something or the time is up (`None`).
    pub fn wait(
        &mut self,
        stop: &flume::Receiver<()>,
        failed: &flume::Receiver<String>,
        timeout: Option<Duration>,
    ) -> Option<String> {
        enum Told {
            Shard(Option<Event>),
            Engine(String),
            Stop,
        }
        let selector = flume::Selector::new()
            .recv(&self.events, |event| Told::Shard(event.ok()))
            .recv(failed, |problem| {
                Told::Engine(problem.unwrap_or_else(|_| "the engine has ended".into()))
            })
            .recv(stop, |_told| Told::Stop);
        let told = match timeout {
            None => selector.wait(),
            Some(timeout) => selector.wait_timeout(timeout).unwrap_or(Told::Stop),
        };
        match told {
            Told::Shard(event) => {
                event.iter().for_each(|event| self.note(event));
                Some(self.problem.clone().unwrap_or_else(|| "a shard ended by itself".into()))
            }
            Told::Engine(problem) => Some(problem),
            Told::Stop => None,
        }
    }

    /// Accepts no more, lets the requests in flight finish within `timeout` or until `stop` says something,
    /// cuts what is left, and joins the threads.
    ///
    /// # Errors
    /// Why a shard has failed, or that one does not end.
    pub fn drain(
        mut self,
        timeout: Duration,
        stop: &flume::Receiver<()>,
    ) -> Result<Drained, String> {
        let deadline = Instant::now() + timeout;
        // First of all no new connections anywhere; only then may a shard be done.
        self.order(ACCEPTING_SHARD, Order::Close);
        let never = flume::bounded(0);
        let close_until = Instant::now() + CLOSE_TIME_MAX;
        while let Some(event) = self.next(close_until, &never.1) {
            if matches!(event, Event::Closed) {
                break;
            }
        }
        (0..self.orders.len()).for_each(|shard| self.order(shard, Order::Drain));
        let mut drained = Drained::Finished;
        if !self.until_ended(deadline, stop) {
            drained = Drained::Cut;
            (0..self.orders.len()).for_each(|shard| self.order(shard, Order::Cut));
            if !self.until_ended(Instant::now() + CUT_TIME_MAX, &never.1) {
                return Err("a shard does not end".into());
            }
        }
        for thread in self.threads {
            // A panic has been told as an event.
            let _ = thread.join();
        }
        self.problem.map_or(Ok(drained), Err)
    }

    fn until_ended(&mut self, deadline: Instant, stop: &flume::Receiver<()>) -> bool {
        while self.running > 0 {
            if self.next(deadline, stop).is_none() {
                return false;
            }
        }
        true
    }

    /// Waits for an event; `None` when the time is up or `stop` says something first.
    fn next(&mut self, deadline: Instant, stop: &flume::Receiver<()>) -> Option<Event> {
        let event = flume::Selector::new()
            .recv(&self.events, Result::ok)
            .recv(stop, |_told| None)
            .wait_deadline(deadline);
        let event = event.ok().flatten()?;
        self.note(&event);
        Some(event)
    }

    /// Remembers what an event says of the shards that run. Each sends one last event.
    fn note(&mut self, event: &Event) {
        match event {
            Event::Ready | Event::Closed => {}
            Event::Ended => self.running -= 1,
            Event::Failed(problem) => {
                self.running -= 1;
                self.problem.get_or_insert_with(|| problem.clone());
            }
        }
    }

    /// A shard that takes no orders has ended, and says so as an event.
    fn order(&self, shard: usize, order: Order) {
        let _ = self.orders[shard].try_send(order);
    }
}

/// One shard before it runs.
struct Shard {
    index: usize,
    plan: Plan,
    factory: Factory,
    doors: Option<Doors>,
    arrivals: flume::Receiver<Arrival<Accepted>>,
    orders: flume::Receiver<Order>,
    event: flume::Sender<Event>,
    pulse: Pulse,
}

impl Shard {
    fn run(self, core: Option<usize>) {
        let index = self.index;
        self.plan.metrics.thread_runs(format!("shard-{index}"));
        let event = self.event.clone();
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let executor = builder(core, io_memory(&self.plan))
                .make()
                .map_err(|error| format!("shard {index} cannot start: {error}"))?;
            executor.spawn(self.pulse.join()).detach();
            executor.run(self.live())
        }));
        let last = match ended {
            Ok(Ok(())) => Event::Ended,
            Ok(Err(problem)) => Event::Failed(problem),
            Err(_panic) => Event::Failed(format!("shard {index} panicked")),
        };
        // The process may be gone already.
        let _ = event.send(last);
    }

    async fn live(self) -> Result<(), String> {
        let queues = Queues::create();
        let _ended = Ended(Rc::clone(&queues.ended));
        let clock: Rc<dyn Clock> = Rc::new(RealClock::default());
        let random: Rc<dyn Random> = Rc::new(SystemRandom::default());
        let bulk: Rc<dyn Spawn> = Rc::new(queues.bulk.clone());
        let handler = (self.factory)(Seat {
            index: self.index,
            count: self.plan.shards,
            clock: Rc::clone(&clock),
            random: Rc::clone(&random),
            latency: Rc::new(queues.latency.clone()),
            bulk: Rc::clone(&bulk),
            metrics: Arc::clone(&self.plan.metrics),
        })
        .await?;
        let watchman = Watchman::new(&self.plan.config.http);
        let http = Rc::new(Http {
            handler: Rc::clone(&handler),
            config: Arc::clone(&self.plan.config),
            metrics: Arc::clone(&self.plan.metrics),
            access: self.plan.access.clone(),
            tls: self.plan.tls.clone(),
            shard: self.index,
            clock: Rc::clone(&clock),
            random,
            bulk,
            watchman: Rc::clone(&watchman),
        });
        let sweep =
            queues.latency.task(Rc::clone(&watchman).sweep(clock, Arc::clone(&self.plan.metrics)));
        let arrivals = queues.latency.task(take(
            self.arrivals.clone(),
            Rc::clone(&http),
            queues.latency.clone(),
        ));
        // The process may be gone already.
        let _ = self.event.send(Event::Ready);
        let obeyed = self.obey(&queues, &http).await;
        drop((sweep, arrivals));
        handler.close().await;
        select(Box::pin(settle(&queues)), Sleep::new(SETTLE_TIME_MAX)).await;
        obeyed
    }

    /// Follows orders until the shard is empty and told to end, or cannot go on.
    async fn obey(&self, queues: &Queues, http: &Rc<Http>) -> Result<(), String> {
        let mut accepting: Vec<(Task<()>, TcpListener)> = Vec::new();
        loop {
            match self.orders.recv_async().await {
                Ok(Order::Listen(listeners)) => {
                    for (listener, doors) in listeners.into_iter().zip(self.doors.iter().cycle()) {
                        let Ok(socket) = listener.try_clone() else {
                            return Err("a listening socket cannot be shared".into());
                        };
                        let accept = listen::accept(listener, doors.clone(), Rc::clone(http));
                        accepting.push((queues.latency.task(accept), socket));
                    }
                }
                Ok(Order::Leave) => http.watchman.leave(),
                Ok(Order::Close) => {
                    for (task, socket) in accepting.drain(..) {
                        task.cancel().await;
                        listen::close(&socket);
                    }
                    let _ = self.event.send(Event::Closed);
                }
                Ok(Order::Drain) => break,
                Ok(Order::Cut) | Err(_) => {
                    http.watchman.cut();
                    break;
                }
            }
        }
        // Nobody accepts any more: what has arrived is all there is.
        for arrival in self.arrivals.try_iter() {
            queues.latency.task(Rc::clone(http).serve(arrival)).detach();
        }
        http.watchman.drain();
        let empty = || std::future::poll_fn(|context| http.watchman.poll_empty(context));
        if let Either::Right(_cut) = select(empty(), self.orders.recv_async()).await {
            http.watchman.cut();
            empty().await;
        }
        Ok(())
    }
}

/// Serves what the accepting shard sends.
async fn take(arrivals: flume::Receiver<Arrival<Accepted>>, http: Rc<Http>, queue: Queue) {
    while let Ok(arrival) = arrivals.recv_async().await {
        queue.task(Rc::clone(&http).serve(arrival)).detach();
    }
}

/// Lets what was cancelled go, which may start an unlink, and the blocking threads come to the end of their work: one
/// that ends its work when its executor is gone panics.
async fn settle(queues: &Queues) {
    loop {
        let begun = blocking_begun();
        queues.bulk.task(async {}).await;
        queues.latency.task(async {}).await;
        all_blocking_threads(BLOCKING_THREADS).await;
        if blocking_begun() == begun {
            return;
        }
    }
}

/// The two queues of a shard: who is waited for goes first.
struct Queues {
    latency: Queue,
    bulk: Queue,
    /// Whether the shard is at its end.
    ended: Rc<Cell<bool>>,
}

/// Says so when it is dropped.
struct Ended(Rc<Cell<bool>>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl Queues {
    fn create() -> Self {
        let proxy = glommio::executor();
        let ended = Rc::new(Cell::new(false));
        let create = |shares, latency, name| {
            let handle = proxy.create_task_queue(Shares::Static(shares), latency, name);
            Queue { handle, ended: Rc::clone(&ended) }
        };
        Self {
            latency: create(LATENCY_SHARES, Latency::Matters(PREEMPT_AFTER), "latency"),
            bulk: create(BULK_SHARES, Latency::NotImportant, "bulk"),
            ended,
        }
    }
}

#[derive(Clone)]
struct Queue {
    handle: TaskQueueHandle,
    ended: Rc<Cell<bool>>,
}

impl Queue {
    fn task<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        glommio::spawn_local_into(future, self.handle)
            .expect("queues live as long as their executor")
    }
}

impl Spawn for Queue {
    /// What the end of the executor drops may want to start something, and cannot: glommio would abort the process.
    fn spawn(&self, task: Local<'static, ()>) {
        if !self.ended.get() {
            self.task(task).detach();
        }
    }
}

/// Time of this host.
struct RealClock {
    start: Instant,
}

impl Default for RealClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        log::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Local<'static, ()> {
        Box::pin(Sleep::new(duration))
    }

    fn pause(&self) -> Local<'static, ()> {
        Box::pin(glommio::yield_if_needed())
    }

    fn give_way(&self) -> Local<'static, ()> {
        Box::pin(async { glommio::executor().yield_task_queue_now().await })
    }
}

/// The operating system's generator, read a page at a time; what has been given is wiped.
struct SystemRandom {
    pool: RefCell<[u8; RANDOM_POOL_LEN]>,
    given: Cell<usize>,
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self { pool: RefCell::new([0; RANDOM_POOL_LEN]), given: Cell::new(RANDOM_POOL_LEN) }
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        const RUNS: &str = "the operating system's generator works once it has been started";
        if bytes.len() > RANDOM_POOL_LEN {
            getrandom::fill(bytes).expect(RUNS);
            return;
        }
        let mut pool = self.pool.borrow_mut();
        if self.given.get() + bytes.len() > RANDOM_POOL_LEN {
            getrandom::fill(&mut *pool).expect(RUNS);
            self.given.set(0);
        }
        let range = self.given.get()..self.given.get() + bytes.len();
        bytes.copy_from_slice(&pool[range.clone()]);
        pool[range.clone()].fill(0);
        self.given.set(range.end);
    }
}

pub(super) fn builder(core: Option<usize>, io_memory: usize) -> LocalExecutorBuilder {
    LocalExecutorBuilder::new(core.map_or(Placement::Unbound, Placement::Fixed))
        .name("tenon")
        .preempt_timer(PREEMPT_AFTER)
        .io_memory(io_memory)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(BLOCKING_THREADS))
}

/// The arena that the executor reads files into. The kernel pins all of it from the start, so it has the size
/// of the read budgets and no more: buffers to write come from elsewhere. A read that finds no room in it gets
/// memory of its own.
pub(super) fn io_memory(plan: &Plan) -> usize {
    let part = plan.config.memory_buffers / plan.shards as u64;
    let part = usize::try_from(part).unwrap_or(usize::MAX).max(limits::SHARD_BUFFERS_MIN);
    part / 8 * limits::READ_BUFFERS_EIGHTHS
}

/// The cores that this process may run on.
fn usable_cores() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// Why no executor can be made here.
#[derive(Debug, Clone)]
pub struct ProbeError {
    /// The error number of the operating system, if it was one.
    pub code: Option<i32>,
    /// What was said.
    pub text: String,
}

/// Makes an executor and drops it again, to learn whether this host lets us.
pub fn probe() -> Result<(), ProbeError> {
    let made = std::thread::spawn(|| {
        let made = builder(None, PROBE_IO_MEMORY).make();
        made.map(drop).map_err(|error| ProbeError {
            text: error.to_string(),
            code: match &error {
                GlommioError::IoError(error) => error.raw_os_error(),
                _ => None,
            },
        })
    });
    made.join().unwrap_or_else(|_panic| {
        Err(ProbeError { code: None, text: "the executor panicked".into() })
    })
}

const ACCEPTING_SHARD: usize = 0;
const ORDERS_MAX: usize = 8;
/// How long a task may run before others get their turn.
const PREEMPT_AFTER: Duration = Duration::from_millis(1);
const LATENCY_SHARES: usize = 1000;
const BULK_SHARES: usize = 400;
/// For calls that sleep: folders, unlinks, clones.
const BLOCKING_THREADS: usize = 4;
const PROBE_IO_MEMORY: usize = 64 * 1024;
const RANDOM_POOL_LEN: usize = 4096;
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);
const CUT_TIME_MAX: Duration = Duration::from_secs(5);
/// A disk that hangs does not keep a shard from ending.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(1);
