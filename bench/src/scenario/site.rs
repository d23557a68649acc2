//! Room: one endpoint under measurement: what was made there so far, and the counters that are read around a round.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::{Client, Errors, Failure};
use crate::content::{Dice, Pattern};
use crate::counters::{self, Device};
use crate::endpoint::Endpoint;
use crate::latency::Latencies;
use crate::load::{self, Beat, Bound, Done, Outcome, Plan, Unwatched, Watch, Worker};
use crate::measurement::{DeviceBytes, Figures, Verified, Work, count};

/// What holds for all rounds.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) threads: usize,
    pub(crate) warmup: Duration,
    pub(crate) bound: Bound,
    pub(crate) rate: Option<f64>,
    pub(crate) timeout: Duration,
    pub(crate) seed: u64,
    /// Samples that are read back after each round.
    pub(crate) samples: usize,
    /// Set when the person wants no more of it.
    pub(crate) interrupted: Arc<AtomicBool>,
}

/// The machine behind an endpoint, as far as it can be watched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whose {
    pub(crate) pid: Option<u32>,
    pub(crate) device: Option<Device>,
}

/// One endpoint.
pub(crate) struct Site {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) settings: Settings,
    pub(crate) pattern: Pattern,
    /// What all keys of this run begin with.
    pub(crate) prefix: String,
    /// What was made and stays until the end of the run.
    pub(crate) made: BTreeSet<String>,
    /// Whether the bucket was made by us.
    pub(crate) made_bucket: bool,
    pub(crate) whose: Whose,
    rounds: u64,
}

/// What a round says of one operation.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) work: Work,
    pub(crate) figures: Figures,
    pub(crate) latencies: Latencies,
    pub(crate) errors: Errors,
    /// One of the failures, for a person.
    pub(crate) failure: Option<Failure>,
    pub(crate) verified: Verified,
}

/// Clients that make and take away what is not measured.
const HANDS: usize = 16;
/// How often it is looked whether something was interrupted.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

impl Site {
    pub(crate) fn new(
        endpoint: Endpoint,
        settings: Settings,
        prefix: String,
        whose: Whose,
    ) -> Self {
        let pattern = Pattern::new(settings.seed);
        let (made, made_bucket) = (BTreeSet::new(), false);
        let endpoint = Arc::new(endpoint);
        Self { endpoint, settings, pattern, prefix, made, made_bucket, whose, rounds: 0 }
    }

    /// Keys below this name belong to one round.
    pub(crate) fn next_folder(&mut self, name: &str) -> String {
        self.rounds += 1;
        format!("{}{name}/{}/", self.prefix, self.rounds)
    }

    /// What is drawn after this round.
    pub(crate) fn dice(&self) -> Dice {
        Dice::new(self.settings.seed ^ (self.rounds << 32))
    }

    /// Asks something that is not measured.
    ///
    /// # Errors
    /// Those of `what`, and when it was interrupted.
    pub(crate) fn ask<T>(
        &self,
        what: impl AsyncFnOnce(&mut Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        tokio_uring::start(async {
            let mut client = Client::new(&self.endpoint, self.settings.timeout);
            let mut asked = pin!(what(&mut client));
            loop {
                match tokio::time::timeout(LOOK_INTERVAL, asked.as_mut()).await {
                    Ok(result) => return result,
                    Err(_) if self.settings.interrupted.load(Ordering::Relaxed) => {
                        return Err(Failure::new("Interrupted", "the answer was not awaited"));
                    }
                    Err(_) => {}
                }
            }
        })
    }

    pub(crate) fn plan(&self, concurrency: usize) -> Plan {
        let Settings { threads, warmup, bound, rate, timeout, .. } = self.settings;
        let interrupted = self.settings.interrupted.clone();
        Plan { concurrency, threads, warmup, bound, rate, timeout, interrupted }
    }

    /// Measures a round of which each operation is one of `works`.
    pub(crate) fn measure<W: Worker>(
        &self,
        works: &[Work],
        plan: &Plan,
        watch: &mut dyn Watch,
        make: impl Fn(usize) -> W + Sync,
    ) -> Result<(Vec<Measured>, Vec<W::Left>), Failure> {
        let mut around = Around {
            watch,
            whose: &self.whose,
            begin: Reading::default(),
            end: Reading::default(),
        };
        let outcome = load::run(&self.endpoint, plan, works.len(), &mut around, make)?;
        let (begin, end) = (around.begin, around.end);
        let measured = measured(works, &outcome, &begin, &end);
        Ok((measured, outcome.left))
    }

    /// Does something with each of `items`, several at a time, and does not measure it.
    pub(crate) fn each<T: Clone + Send + Sync + 'static>(
        &self,
        items: &[T],
        what: impl AsyncFn(&mut Client, &T) -> Result<(), Failure> + Clone + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        if items.is_empty() {
            return Ok(());
        }
        let plan = Plan {
            concurrency: HANDS.min(items.len()),
            warmup: Duration::MAX,
            bound: Bound::Requests(0),
            rate: None,
            ..self.plan(1)
        };
        let make = |number: usize| {
            let mine = items.iter().skip(number).step_by(plan.concurrency).cloned();
            Hand { items: mine.collect(), what: what.clone(), failure: None }
        };
        let outcome = load::run(&self.endpoint, &plan, 1, &mut Unwatched, make)?;
        outcome.left.into_iter().flatten().next().map_or(Ok(()), Err)
    }
}

/// Works its items off, all of them in the warm-up.
struct Hand<T, F> {
    items: Vec<T>,
    what: F,
    failure: Option<Failure>,
}

impl<T: 'static, F> Worker for Hand<T, F>
where
    F: AsyncFn(&mut Client, &T) -> Result<(), Failure> + 'static,
{
    type Left = Option<Failure>;

    async fn prepare(&mut self, _: &mut Client) -> Result<bool, Failure> {
        Ok(!self.items.is_empty())
    }

    async fn operate(&mut self, client: &mut Client) -> Result<Done, Failure> {
        if let Some(item) = self.items.pop() {
            let result = (self.what)(client, &item).await;
            if let Err(failure) = result {
                self.failure.get_or_insert(failure);
            }
        }
        Ok(Done { operation: 0, bytes: 0 })
    }

    fn leave(self) -> Self::Left {
        self.failure
    }
}

/// Counters at a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    cpu_s: Option<f64>,
    rss: Option<u64>,
    device: Option<DeviceBytes>,
}

impl Reading {
    fn take(whose: &Whose) -> Self {
        // CPU time first at the end, so that settling the device does not count, and last at the beginning.
        let cpu_s = whose.pid.and_then(|pid| counters::cpu_s(&pid.to_string()).ok());
        let rss = whose.pid.and_then(|pid| counters::rss_bytes(pid).ok());
        let device = whose.device.as_ref().and_then(|device| device.settled_bytes().ok());
        Self { cpu_s, rss, device }
    }

    fn cpu_now(&mut self, whose: &Whose) {
        self.cpu_s = whose.pid.and_then(|pid| counters::cpu_s(&pid.to_string()).ok());
    }
}

/// Reads the counters around a round.
struct Around<'a> {
    watch: &'a mut dyn Watch,
    whose: &'a Whose,
    begin: Reading,
    end: Reading,
}

impl Watch for Around<'_> {
    fn begin(&mut self) {
        self.watch.begin();
        self.begin = Reading::take(self.whose);
        self.begin.cpu_now(self.whose);
    }

    fn beat(&mut self, beat: &Beat) {
        self.watch.beat(beat);
    }

    fn end(&mut self) {
        self.end = Reading::take(self.whose);
        self.watch.end();
    }
}

/// A point for each operation; if there are several, one for all of them too, to which the counters belong.
fn measured<L>(
    works: &[Work],
    outcome: &Outcome<L>,
    begin: &Reading,
    end: &Reading,
) -> Vec<Measured> {
    let mut all = Latencies::new();
    let mut bytes = 0;
    let mut points = Vec::with_capacity(works.len() + 1);
    for (work, tally) in works.iter().zip(&outcome.tallies) {
        all.add(&tally.latencies);
        bytes += tally.bytes;
        points.push(point(work.clone(), tally.latencies.clone(), tally.bytes, outcome.wall_s));
    }
    if let [work, _, ..] = works {
        let work = Work { operation: "all".to_owned(), ..work.clone() };
        points.push(point(work, all, bytes, outcome.wall_s));
    }
    if let Some(last) = points.last_mut() {
        last.errors.clone_from(&outcome.errors);
        last.failure.clone_from(&outcome.failure);
        let figures = &mut last.figures;
        figures.failed = outcome.failed;
        figures.late = outcome.late;
        figures.client_cpu_s = outcome.client_cpu_s;
        figures.server_cpu_s = begin.cpu_s.zip(end.cpu_s).map(|(begin, end)| end - begin);
        figures.server_rss_bytes = end.rss;
        figures.device = begin.device.zip(end.device).map(|(begin, end)| DeviceBytes {
            read: end.read.saturating_sub(begin.read),
            written: end.written.saturating_sub(begin.written),
        });
    }
    points
}

fn point(work: Work, latencies: Latencies, bytes: u64, wall_s: f64) -> Measured {
    let per_second = |number: u64| if wall_s > 0.0 { count(number) / wall_s } else { 0.0 };
    let figures = Figures {
        wall_s,
        operations: latencies.len(),
        operations_per_s: per_second(latencies.len()),
        logical_bytes: bytes,
        logical_bytes_per_s: per_second(bytes),
        latency: latencies.summary(),
        ..Figures::default()
    };
    let (errors, failure, verified) = (Errors::new(), None, Verified::default());
    Measured { work, figures, latencies, errors, failure, verified }
}

/// Adds what was verified to the point that has the errors, too.
pub(super) fn verify(points: &mut [Measured], verified: Verified) {
    if let Some(last) = points.last_mut() {
        last.verified.add(verified);
    }
}
