//! Room: a run that failed: what did not hold, a smaller plan that shows the same, and how to see it again.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::plan::Plan;
use crate::predicates::{Broken, broken};
use crate::trace::{Seen, Trace};
use crate::world::World;

/// What a run came to.
pub(crate) struct Run {
    /// Tells it from other runs.
    pub(crate) hash: u64,
    /// How many steps it took.
    pub(crate) steps: u64,
    /// What happened how often.
    pub(crate) seen: Seen,
    /// What did not hold, if anything.
    pub(crate) failure: Option<Failure>,
}

/// A run that failed.
pub(crate) struct Failure {
    plan: Plan,
    step: u64,
    broken: Broken,
    lines: Vec<String>,
}

/// Lines of the trace that a failure shows.
const LINES_SHOWN: usize = 80;

/// Runs a plan.
pub(crate) fn run(plan: &Plan) -> Run {
    attempt(plan, Trace::default())
}

fn attempt(plan: &Plan, trace: Trace) -> Run {
    let mut world = World::new(plan, trace);
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    let ended = ended.unwrap_or_else(|panic| Err(broken("nothing_panics", message(&*panic))));
    let (hash, steps) = (world.trace.hash(), world.step());
    let seen = world.trace.seen().clone();
    let failure = ended.err().map(|broken| {
        let lines = world.trace.lines().to_vec();
        Failure { plan: plan.clone(), step: steps, broken, lines }
    });
    // A world that panicked may panic again while it is dropped.
    drop(catch_unwind(AssertUnwindSafe(|| drop(world))));
    Run { hash, steps, seen, failure }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

impl Failure {
    /// The predicate that did not hold.
    pub(crate) fn predicate(&self) -> &str {
        &self.broken.predicate
    }

    /// Everything that somebody needs who wants to know why: the smallest plan found that fails the same way.
    pub(crate) fn story(&self) -> String {
        let (smaller, runs) = self.shrunk();
        let Self { plan, step, broken, lines } = &smaller;
        let mut story = format!(
            "seed {}, step {}: {}: {}\n",
            self.plan.seed, self.step, self.broken.predicate, self.broken.what
        );
        let _ = writeln!(story, "again: TENON_TEST_SEED={} TENON_TEST_SIM_SEEDS=1", plan.seed);
        let _ = writeln!(
            story,
            "smaller ({runs} runs), step {step}: {}: {}",
            broken.predicate, broken.what
        );
        let _ = writeln!(story, "{plan:?}");
        let all = std::env::var_os("TENON_TEST_SIM_TRACE").is_some();
        let from = if all { 0 } else { lines.len().saturating_sub(LINES_SHOWN) };
        for line in &lines[from..] {
            let _ = writeln!(story, "{line}");
        }
        story
    }

    /// Takes away whatever can be taken away while the same predicate breaks.
    fn shrunk(&self) -> (Self, usize) {
        let (mut best, mut runs) = (self.plan.clone(), 0);
        best.steps = best.steps.min(self.step);
        let mut fails = |plan: &Plan| {
            runs += 1;
            let failure = run(plan).failure;
            failure.is_some_and(|failure| failure.predicate() == self.predicate())
        };
        if !fails(&best) {
            best = self.plan.clone();
        }
        let mut smaller = true;
        while smaller {
            smaller = false;
            for simpler in simpler(&best) {
                if fails(&simpler) {
                    best = simpler;
                    smaller = true;
                    break;
                }
            }
        }
        let again = attempt(&best, Trace::with_lines());
        let failure = again.failure.expect("a seed is a run");
        (failure, runs)
    }
}

/// Plans that do a little less.
fn simpler(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut less = |differs: bool, change: &dyn Fn(&mut Plan)| {
        if differs {
            let mut simpler = plan.clone();
            change(&mut simpler);
            plans.push(simpler);
        }
    };
    less(plan.crashes > 0, &|plan| plan.crashes = 0);
    less(plan.departures > 0, &|plan| plan.departures = 0);
    less(plan.leavers > 0, &|plan| plan.leavers = 0);
    less(plan.checksums > 0, &|plan| plan.checksums = 0);
    less(plan.rivals > 0, &|plan| plan.rivals = 0);
    less(plan.flips > 0, &|plan| plan.flips = 0);
    less(plan.holds > 0, &|plan| plan.holds = 0);
    less(plan.versions > 0, &|plan| plan.versions = 0);
    less(plan.lanes > 1, &|plan| plan.lanes = 1);
    less(plan.stalls > 0, &|plan| plan.stalls = 0);
    less(plan.broken_bodies > 0, &|plan| plan.broken_bodies = 0);
    less(plan.store_faults > 0, &|plan| plan.store_faults = 0);
    less(plan.disk_faults > 0, &|plan| plan.disk_faults = 0);
    less(plan.upload_buffers.is_some(), &|plan| plan.upload_buffers = None);
    less(plan.shards > 1, &|plan| plan.shards = 1);
    less(plan.large, &|plan| plan.large = false);
    less(plan.power_cuts > 0 && plan.planted.is_none(), &|plan| plan.power_cuts = 0);
    less(plan.restart_at_end, &|plan| plan.restart_at_end = false);
    less(plan.clients > 1, &|plan| plan.clients = 1);
    less(plan.clients > 2, &|plan| plan.clients -= 1);
    less(plan.requests > 1, &|plan| plan.requests /= 2);
    less(plan.requests > 2, &|plan| plan.requests -= 1);
    less(plan.steps > 20, &|plan| plan.steps = plan.steps * 3 / 4);
    plans
}
