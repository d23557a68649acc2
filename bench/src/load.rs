//! Room: a round of load: many clients at work at a time, and what came of it.
//! Holds: threads with a runtime each, for the length of a round; a client stays on its thread.
//! Order: every client opens what it needs, then works until the warm-up ends. When all stand still the counters are
//! read and the measured time begins; when all stand still again the counters are read again. What is done before,
//! between two operations and afterwards counts for the server's CPU time, and for no latency.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
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
#[derive(Clone, Debug)]
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
    /// Set when the person wants no more of it: no further request begins.
    pub(crate) interrupted: Arc<AtomicBool>,
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
    /// Of all operations, those of the warm-up too.
    pub(crate) errors: Errors,
    /// Measured operations that failed.
    pub(crate) failed: u64,
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
    /// When the measured time begins; `None` if it does not. Threads that are warm wait for it.
    start: OnceLock<Option<Instant>>,
    /// Set when there will be no result: a thread has died or could do nothing. The others need not go on.
    broken: AtomicBool,
    left: AtomicU64,
    operations: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    latencies: Mutex<Latencies>,
}

impl Round {
    fn new(plan: &Plan) -> Self {
        let left = match plan.bound {
            Bound::Time(_) => u64::MAX,
            Bound::Requests(requests) => requests,
        };
        Self {
            plan: plan.clone(),
            start: OnceLock::new(),
            broken: AtomicBool::new(false),
            left: AtomicU64::new(left),
            operations: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            latencies: Mutex::new(Latencies::new()),
        }
    }

    /// Whether no further request shall begin.
    fn is_over(&self) -> bool {
        self.plan.interrupted.load(Ordering::Relaxed) || self.broken.load(Ordering::Relaxed)
    }
}

/// What the clients of a thread share.
struct Counted {
    tallies: Vec<Tally>,
    errors: Errors,
    failed: u64,
    failure: Option<Failure>,
    late: u64,
    at_work: Duration,
}

impl Counted {
    fn new(operations: usize) -> Self {
        let none = Tally { latencies: Latencies::new(), bytes: 0 };
        Self {
            tallies: vec![none; operations],
            errors: Errors::new(),
            failed: 0,
            failure: None,
            late: 0,
            at_work: Duration::ZERO,
        }
    }

    fn add(&mut self, other: Self) {
        for (tally, more) in self.tallies.iter_mut().zip(other.tallies) {
            tally.latencies.add(&more.latencies);
            tally.bytes += more.bytes;
        }
        self.failed += other.failed;
        self.add_errors(other.errors, other.failure);
        self.late += other.late;
        self.at_work += other.at_work;
    }

    /// Without counting them for the measured time.
    fn add_errors(&mut self, errors: Errors, failure: Option<Failure>) {
        for (code, times) in errors {
            *self.errors.entry(code).or_default() += times;
        }
        self.failure = self.failure.take().or(failure);
    }

    fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        *self.errors.entry(failure.code.clone()).or_default() += 1;
        self.failure.get_or_insert(failure);
    }
}

/// Runs a round. `make` makes the worker of this number; `operations` is how many kinds of them a worker knows.
///
/// # Errors
/// When a client cannot even begin, a thread has died, or the round was interrupted.
pub(crate) fn run<W: Worker>(
    endpoint: &Arc<Endpoint>,
    plan: &Plan,
    operations: usize,
    watch: &mut dyn Watch,
    make: impl Fn(usize) -> W + Sync,
) -> Result<Outcome<W::Left>, Failure> {
    let threads = plan.threads.min(plan.concurrency).max(1);
    let round = Arc::new(Round::new(plan));
    let (tell, hear) = mpsc::channel();
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let (tell, make, round) = (tell.clone(), &make, round.clone());
                let place = Place { thread, threads, operations };
                scope.spawn(move || {
                    let work = work(endpoint.clone(), round, place, make, tell.clone());
                    // One that died says so, or the others would wait for it.
                    catch_unwind(AssertUnwindSafe(|| tokio_uring::start(work))).inspect_err(|_| {
                        tell.send(Err(Failure::new("Panicked", "a thread of the load died"))).ok();
                    })
                })
            })
            .collect();
        drop(tell);
        let mut result = hear.iter().take(threads).collect::<Result<(), Failure>>();
        round.broken.store(result.is_err(), Ordering::Relaxed);
        if result.is_ok() {
            watch.begin();
        }
        let cpu_s = counters::cpu_s("self").unwrap_or_default();
        round.start.get_or_init(|| result.is_ok().then(Instant::now));
        let mut client_cpu_s = 0.0;
        if result.is_ok() {
            result = follow(&round, threads, &hear, watch);
            client_cpu_s = counters::cpu_s("self").unwrap_or_default() - cpu_s;
            watch.end();
        }
        let mut all = Counted::new(operations);
        let mut left = Vec::with_capacity(plan.concurrency);
        for (counted, more) in handles.into_iter().filter_map(|handle| handle.join().ok()?.ok()) {
            all.add(counted);
            left.extend(more);
        }
        result?;
        if plan.interrupted.load(Ordering::Relaxed) {
            return Err(Failure::new("Interrupted", "no further request was sent"));
        }
        Ok(Outcome {
            tallies: all.tallies,
            errors: all.errors,
            failed: all.failed,
            failure: all.failure,
            wall_s: all.at_work.as_secs_f64() / count(plan.concurrency as u64),
            late: plan.rate.map(|_| all.late),
            client_cpu_s,
            left,
        })
    })
}

/// Tells how far the round is until all threads are through, or one has died.
fn follow(
    round: &Round,
    threads: usize,
    hear: &mpsc::Receiver<Result<(), Failure>>,
    watch: &mut dyn Watch,
) -> Result<(), Failure> {
    let start = Instant::now();
    let mut through = 0;
    while through < threads {
        match hear.recv_timeout(BEAT_INTERVAL) {
            Ok(Ok(())) => through += 1,
            Ok(Err(failure)) => {
                round.broken.store(true, Ordering::Relaxed);
                return Err(failure);
            }
            // All have told all that they had to.
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
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
    Ok(())
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
    let plan = &round.plan;
    let numbers = (place.thread..plan.concurrency).step_by(place.threads);
    let mut clients: Vec<_> =
        numbers.map(|number| (make(number), Client::new(&endpoint, plan.timeout))).collect();
    let warm = Pace {
        start: Instant::now(),
        arrivals: None,
        until: Some(plan.warmup),
        round: round.clone(),
        measured: false,
    };
    let warming = counted();
    clients = together(clients, Rc::new(warm), &warming).await;
    let warming = warming.replace(Counted::new(0));
    // Without one success there is nothing to measure.
    let in_vain = warming.tallies.iter().all(|tally| tally.latencies.len() == 0);
    tell.send(warming.failure.clone().filter(|_| in_vain).map_or(Ok(()), Err)).ok();

    // Nothing else runs on this thread now: it may wait.
    let measured = counted();
    if let Some(start) = *round.start.wait() {
        let arrivals =
            plan.rate.map(|rate| Arrivals::new(rate, place.thread as u64, place.threads as u64));
        let until = match plan.bound {
            Bound::Time(duration) => Some(duration),
            Bound::Requests(_) => None,
        };
        let pace = Pace { start, arrivals, until, round: round.clone(), measured: true };
        clients = together(clients, Rc::new(pace), &measured).await;
        tell.send(Ok(())).ok();
    }
    let left = clients.into_iter().map(|(worker, _)| worker.leave()).collect();
    let mut counted = measured.replace(Counted::new(0));
    counted.add_errors(warming.errors, warming.failure);
    (counted, left)
}

/// How clients of a thread are paced, in the warm-up and in the measured time.
struct Pace {
    start: Instant,
    arrivals: Option<Arrivals>,
    /// No request begins after this.
    until: Option<Duration>,
    round: Arc<Round>,
    /// Not in the warm-up, of which nothing is told.
    measured: bool,
}

impl Pace {
    /// Waits until the next request is due. Says since when it is; `None`: there is no further one.
    async fn next(&self, timer: Option<&Timer>) -> Option<Instant> {
        let due = self.arrivals.as_ref().map(Arrivals::take);
        if self.until.is_some_and(|until| due.unwrap_or_else(|| self.start.elapsed()) >= until) {
            return None;
        }
        if self.measured {
            let take = |left: u64| left.checked_sub(1);
            self.round.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        }
        let (Some(due), Some(timer)) = (due, timer) else { return Some(Instant::now()) };
        timer.wait(self.start + due).await.ok()?;
        Some(self.start + due)
    }

    fn tell(&self, result: &Result<Done, Failure>, took: Duration) {
        if !self.measured {
            return;
        }
        let round = &*self.round;
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
    let mut first = !pace.measured;
    while in_a_row < FAILURES_IN_A_ROW_MAX && !pace.round.is_over() {
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

#[cfg(test)]
mod tests {
    use protocol::sign::Credential;

    use super::*;
    use crate::endpoint::Url;

    const FOREVER: Bound = Bound::Time(Duration::from_secs(86_400));

    /// What a client does at an operation, given its number and that of the operation.
    type Deed = fn(&AtomicBool, usize, u64) -> Result<(), Failure>;

    struct Doer {
        deed: Deed,
        interrupted: Arc<AtomicBool>,
        client: usize,
        done: u64,
    }

    impl Worker for Doer {
        type Left = u64;

        async fn prepare(&mut self, _: &mut Client) -> Result<bool, Failure> {
            Ok(true)
        }

        async fn operate(&mut self, _: &mut Client) -> Result<Done, Failure> {
            self.done += 1;
            (self.deed)(&self.interrupted, self.client, self.done)?;
            Ok(Done { operation: 0, bytes: 1 })
        }

        fn leave(self) -> u64 {
            self.done
        }
    }

    /// Two clients on so many threads, of which each does one operation to warm up.
    fn round(threads: usize, bound: Bound, deed: Deed) -> Result<Outcome<u64>, Failure> {
        let url = Url::parse("http://127.0.0.1:9").expect("a URL");
        let credential = Credential { access_key: "a".to_owned(), secret_key: "b".to_owned() };
        let endpoint = Arc::new(url.endpoint(credential, "r", "c").expect("an address"));
        let interrupted = Arc::new(AtomicBool::new(false));
        let plan = Plan {
            concurrency: 2,
            threads,
            warmup: Duration::ZERO,
            bound,
            rate: None,
            timeout: Duration::from_secs(1),
            interrupted: interrupted.clone(),
        };
        let doer = |client: usize| Doer { deed, interrupted: interrupted.clone(), client, done: 0 };
        run(&endpoint, &plan, 1, &mut Unwatched, doer)
    }

    /// The others would wait for the dead one for ever, or work on until the end of the round.
    #[test]
    fn a_thread_that_dies_ends_the_round() {
        let deeds: [Deed; 2] = [
            |_, client, _| {
                assert_ne!(client, 1, "a fault in the warm-up, planted");
                Ok(())
            },
            |_, client, done| {
                assert!(client == 0 || done < 9, "a fault in the measured time, planted");
                Ok(())
            },
        ];
        for deed in deeds {
            let failure = round(2, FOREVER, deed).expect_err("a thread died");
            assert_eq!(failure.code, "Panicked");
        }
    }

    #[test]
    fn an_interrupted_round_ends_without_a_result() {
        for at in [1, 9] {
            let deeds: [Deed; 2] = [
                |interrupted, _, _| {
                    interrupted.store(true, Ordering::Relaxed);
                    Ok(())
                },
                |interrupted, _, done| {
                    interrupted.fetch_or(done == 9, Ordering::Relaxed);
                    Ok(())
                },
            ];
            let failure = round(2, FOREVER, deeds[usize::from(at > 1)]).expect_err("no result");
            assert_eq!(failure.code, "Interrupted", "at operation {at}");
        }
    }

    #[test]
    fn failures_of_the_warm_up_are_told_and_not_measured() {
        let deed: Deed = |_, client, done| match (client, done) {
            (0, 1) => Err(Failure::new("SlowDown", "planted")),
            _ => Ok(()),
        };
        // Alone on its thread, a client that fails has warmed nothing up.
        let failure = round(2, Bound::Requests(8), deed).expect_err("nothing to measure");
        assert_eq!(failure.code, "SlowDown");

        let outcome = round(1, Bound::Requests(8), deed).expect("the other client succeeded");
        assert_eq!(outcome.errors, Errors::from([("SlowDown".to_owned(), 1)]));
        assert_eq!((outcome.failed, outcome.tallies[0].latencies.len()), (0, 8));
    }
}
