//! Room: a round of load: many clients at work at a time, and what came of it.
//! Holds: threads with a runtime each, for the length of a round; a client stays on its thread.
//! Order: every client opens what it needs, then works until the warm-up ends. When all stand still the counters are
//! read and the measured time begins; when all stand still again the counters are read again. What is done before,
//! between two operations and afterwards counts for the server's CPU time, and for no latency.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::arrival::{Arrivals, LATE, Timer};
use crate::client::{Client, Errors, Failure};
use crate::counters;
use crate::endpoint::Endpoint;
use crate::latency::Latencies;
use crate::measurement::count;

/// What ends a round.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// Requests begin for so long.
    Time(Duration),
    /// So many requests in all.
    Requests(u64),
}

/// How a round is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Clients, each with one request at a time.
    pub(crate) concurrency: usize,
    /// Threads that they are spread over.
    pub(crate) threads: usize,
    /// Work that is not counted.
    pub(crate) warmup: Duration,
    /// What ends the round.
    pub(crate) bound: Bound,
    /// Fixed arrivals a second.
    pub(crate) rate: Option<f64>,
    /// How long a request may take.
    pub(crate) timeout: Duration,
}

/// What an operation did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// Which operation of the scenario it was.
    pub(crate) operation: usize,
    /// Bytes as the client sees it.
    pub(crate) bytes: u64,
}

/// What one client does.
pub(crate) trait Worker: 'static {
    /// What it leaves behind, to be verified.
    type Left: Send + 'static;

    /// Gets what the next operation needs; not timed. `false`: there is nothing left to do.
    async fn prepare(&mut self, client: &mut Client) -> Result<bool, Failure>;

    /// One operation; timed.
    async fn operate(&mut self, client: &mut Client) -> Result<Done, Failure>;

    /// The end.
    fn leave(self) -> Self::Left;
}

/// What came of one operation of a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Of those that succeeded.
    pub(crate) latencies: Latencies,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// What came of a round.
#[derive(Debug)]
pub(crate) struct Outcome<L> {
    /// By operation of the scenario.
    pub(crate) tallies: Vec<Tally>,
    /// Of all operations.
    pub(crate) errors: Errors,
    /// One of the failures.
    pub(crate) failure: Option<Failure>,
    /// Seconds that a client was at work, on average.
    pub(crate) wall_s: f64,
    /// Requests that went out late.
    pub(crate) late: Option<u64>,
    /// CPU seconds of this program.
    pub(crate) client_cpu_s: f64,
    /// What each client left.
    pub(crate) left: Vec<L>,
}

/// How far a round is, for those who watch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beat {
    /// Since the measured time began.
    pub(crate) elapsed: Duration,
    /// Operations that succeeded.
    pub(crate) operations: u64,
    /// Operations that failed.
    pub(crate) failed: u64,
    /// Bytes as the clients see them.
    pub(crate) bytes: u64,
    /// The median of the latencies.
    pub(crate) p50_us: f64,
}

/// What happens around a round.
pub(crate) trait Watch {
    /// All clients stand still, and will begin to be measured.
    fn begin(&mut self);
    /// A few times a second.
    fn beat(&mut self, beat: &Beat);
    /// All clients stand still, and have been measured.
    fn end(&mut self);
}

/// Nobody watches.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn begin(&mut self) {}
    fn beat(&mut self, _: &Beat) {}
    fn end(&mut self) {}
}

const BEAT_INTERVAL: Duration = Duration::from_millis(200);
/// After a failure a client waits, so that an endpoint that refuses everything is not asked without end.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);
/// After so many failures in a row a client gives up.
const FAILURES_IN_A_ROW_MAX: u32 = 50;

/// What threads share.
struct Round {
    plan: Plan,
    gate: Barrier,
    start: OnceLock<Instant>,
    given_up: AtomicBool,
    left: AtomicU64,
    operations: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    latencies: Mutex<Latencies>,
}

/// What the clients of a thread share.
struct Counted {
    tallies: Vec<Tally>,
    errors: Errors,
    failure: Option<Failure>,
    late: u64,
    at_work: Duration,
}

impl Counted {
    fn new(operations: usize) -> Self {
        let none = Tally { latencies: Latencies::new(), bytes: 0 };
        let (errors, failure) = (Errors::new(), None);
        Self { tallies: vec![none; operations], errors, failure, late: 0, at_work: Duration::ZERO }
    }

    fn add(&mut self, other: Self) {
        for (tally, more) in self.tallies.iter_mut().zip(other.tallies) {
            tally.latencies.add(&more.latencies);
            tally.bytes += more.bytes;
        }
        for (code, times) in other.errors {
            *self.errors.entry(code).or_default() += times;
        }
        self.failure = self.failure.take().or(other.failure);
        self.late += other.late;
        self.at_work += other.at_work;
    }

    fn fail(&mut self, failure: Failure) {
        *self.errors.entry(failure.code.clone()).or_default() += 1;
        self.failure.get_or_insert(failure);
    }
}

/// Runs a round. `make` makes the worker of this number; `operations` is how many kinds of them a worker knows.
///
/// # Errors
/// When a client cannot even begin.
pub(crate) fn run<W: Worker>(
    endpoint: &Arc<Endpoint>,
    plan: &Plan,
    operations: usize,
    watch: &mut dyn Watch,
    make: impl Fn(usize) -> W + Sync,
) -> Result<Outcome<W::Left>, Failure> {
    let threads = plan.threads.min(plan.concurrency).max(1);
    let left = match plan.bound {
        Bound::Time(_) => u64::MAX,
        Bound::Requests(requests) => requests,
    };
    let round = Arc::new(Round {
        plan: *plan,
        gate: Barrier::new(threads + 1),
        start: OnceLock::new(),
        given_up: AtomicBool::new(false),
        left: AtomicU64::new(left),
        operations: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        latencies: Mutex::new(Latencies::new()),
    });
    let (tell, hear) = mpsc::channel();
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let (tell, make, round) = (tell.clone(), &make, round.clone());
                let place = Place { thread, threads, operations };
                scope.spawn(move || {
                    tokio_uring::start(work(endpoint.clone(), round, place, make, tell))
                })
            })
            .collect();
        drop(tell);
        let failure = (0..threads).filter_map(|_| hear.recv().ok().and_then(Result::err)).next();
        round.given_up.store(failure.is_some(), Ordering::Relaxed);
        if failure.is_none() {
            watch.begin();
        }
        let cpu_s = counters::cpu_s("self").unwrap_or_default();
        round.start.get_or_init(Instant::now);
        round.gate.wait();
        let mut client_cpu_s = 0.0;
        if failure.is_none() {
            follow(&round, threads, &hear, watch);
            client_cpu_s = counters::cpu_s("self").unwrap_or_default() - cpu_s;
            watch.end();
        }
        let mut all = Counted::new(operations);
        let mut left = Vec::with_capacity(plan.concurrency);
        for handle in handles {
            let (counted, more) = handle.join().expect("a thread of the load does not panic");
            all.add(counted);
            left.extend(more);
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(Outcome {
                tallies: all.tallies,
                errors: all.errors,
                failure: all.failure,
                wall_s: all.at_work.as_secs_f64() / count(plan.concurrency as u64),
                late: plan.rate.map(|_| all.late),
                client_cpu_s,
                left,
            }),
        }
    })
}

/// Tells how far the round is until all threads are through.
fn follow(
    round: &Round,
    threads: usize,
    hear: &mpsc::Receiver<Result<(), Failure>>,
    watch: &mut dyn Watch,
) {
    let start = *round.start.get_or_init(Instant::now);
    let mut through = 0;
    while through < threads {
        match hear.recv_timeout(BEAT_INTERVAL) {
            Ok(_) => through += 1,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        watch.beat(&Beat {
            elapsed: start.elapsed(),
            operations: round.operations.load(Ordering::Relaxed),
            failed: round.failed.load(Ordering::Relaxed),
            bytes: round.bytes.load(Ordering::Relaxed),
            p50_us: round.latencies.lock().map_or(0.0, |all| all.summary().p50_us),
        });
    }
}

/// Which thread this is.
#[derive(Clone, Copy)]
struct Place {
    thread: usize,
    threads: usize,
    operations: usize,
}

/// All that one thread does.
async fn work<W: Worker>(
    endpoint: Arc<Endpoint>,
    round: Arc<Round>,
    place: Place,
    make: &(impl Fn(usize) -> W + Sync),
    tell: mpsc::Sender<Result<(), Failure>>,
) -> (Counted, Vec<W::Left>) {
    let counted = || Rc::new(RefCell::new(Counted::new(place.operations)));
    let plan = round.plan;
    let numbers = (place.thread..plan.concurrency).step_by(place.threads);
    let clients: Vec<_> =
        numbers.map(|number| (make(number), Client::new(&endpoint, plan.timeout))).collect();
    let warm =
        Pace { start: Instant::now(), arrivals: None, until: Some(plan.warmup), round: None };
    let warming = counted();
    let clients = together(clients, Rc::new(warm), &warming).await;
    // Without one success there is nothing to measure.
    let failure = failure_of(&mut warming.borrow_mut());
    tell.send(failure.map_or(Ok(()), Err)).ok();

    // Nothing else runs on this thread now: it may wait.
    round.gate.wait();
    let measured = counted();
    let mut clients = clients;
    if !round.given_up.load(Ordering::Relaxed) {
        let start = *round.start.get_or_init(Instant::now);
        let arrivals =
            plan.rate.map(|rate| Arrivals::new(rate, place.thread as u64, place.threads as u64));
        let until = match plan.bound {
            Bound::Time(duration) => Some(duration),
            Bound::Requests(_) => None,
        };
        let pace = Pace { start, arrivals, until, round: Some(round.clone()) };
        clients = together(clients, Rc::new(pace), &measured).await;
        tell.send(Ok(())).ok();
    }
    let left = clients.into_iter().map(|(worker, _)| worker.leave()).collect();
    let counted = measured.replace(Counted::new(0));
    (counted, left)
}

/// How clients of a thread are paced, in the warm-up and in the measured time.
struct Pace {
    start: Instant,
    arrivals: Option<Arrivals>,
    /// No request begins after this.
    until: Option<Duration>,
    /// Absent in the warm-up, of which nothing is told.
    round: Option<Arc<Round>>,
}

impl Pace {
    /// Waits until the next request is due. Says since when it is; `None`: there is no further one.
    async fn next(&self, timer: Option<&Timer>) -> Option<Instant> {
        let due = self.arrivals.as_ref().map(Arrivals::take);
        if self.until.is_some_and(|until| due.unwrap_or_else(|| self.start.elapsed()) >= until) {
            return None;
        }
        if let Some(round) = &self.round {
            let take = |left: u64| left.checked_sub(1);
            round.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        }
        let (Some(due), Some(timer)) = (due, timer) else { return Some(Instant::now()) };
        timer.wait(self.start + due).await.ok()?;
        Some(self.start + due)
    }

    fn tell(&self, result: &Result<Done, Failure>, took: Duration) {
        let Some(round) = &self.round else { return };
        match result {
            Ok(done) => {
                round.operations.fetch_add(1, Ordering::Relaxed);
                round.bytes.fetch_add(done.bytes, Ordering::Relaxed);
                if let Ok(mut latencies) = round.latencies.lock() {
                    latencies.record(took);
                }
            }
            Err(_) => {
                round.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Lets all clients of a thread work until there is nothing to do.
async fn together<W: Worker>(
    clients: Vec<(W, Client)>,
    pace: Rc<Pace>,
    counted: &Rc<RefCell<Counted>>,
) -> Vec<(W, Client)> {
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|(worker, client)| {
            tokio_uring::spawn(one(worker, client, pace.clone(), counted.clone()))
        })
        .collect();
    let mut back = Vec::with_capacity(tasks.len());
    for task in tasks {
        back.push(task.await.expect("a client does not panic"));
    }
    back
}

/// One client. In the warm-up it does at least one operation.
async fn one<W: Worker>(
    mut worker: W,
    mut client: Client,
    pace: Rc<Pace>,
    counted: Rc<RefCell<Counted>>,
) -> (W, Client) {
    let begun = Instant::now();
    let timer = pace.arrivals.as_ref().and_then(|_| Timer::new().ok());
    let mut in_a_row = 0;
    let mut first = pace.round.is_none();
    while in_a_row < FAILURES_IN_A_ROW_MAX {
        match worker.prepare(&mut client).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(failure) => {
                pace.tell(&Err(failure.clone()), Duration::ZERO);
                counted.borrow_mut().fail(failure);
                in_a_row += 1;
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                continue;
            }
        }
        let due = match pace.next(timer.as_ref()).await {
            Some(due) => due,
            None if std::mem::take(&mut first) => Instant::now(),
            None => break,
        };
        first = false;
        let late = due.elapsed() > LATE;
        let result = worker.operate(&mut client).await;
        let took = due.elapsed();
        pace.tell(&result, took);
        let failed = result.is_err();
        {
            let mut counted = counted.borrow_mut();
            counted.late += u64::from(late);
            match result {
                Ok(done) => {
                    counted.tallies[done.operation].latencies.record(took);
                    counted.tallies[done.operation].bytes += done.bytes;
                }
                Err(failure) => counted.fail(failure),
            }
        }
        in_a_row = if failed { in_a_row + 1 } else { 0 };
        if failed {
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
    counted.borrow_mut().at_work += begun.elapsed();
    (worker, client)
}

/// Why a warm-up was in vain; `None` if something succeeded.
fn failure_of(counted: &mut Counted) -> Option<Failure> {
    let none = counted.tallies.iter().all(|tally| tally.latencies.len() == 0);
    counted.failure.take().filter(|_| none)
}
