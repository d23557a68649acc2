//! Room: the steps of a run, on a disk and a store that outlive the node.
//!
//! A step is one of: one task polled, one turn of a stage, time moved to the next timer, a request sent, a client gone,
//! a crash. Which one is drawn from the seed.
//! Holds: disk, store, time and oracle for the whole run, and one life of the node after the other.
//! Invariant: nothing that a node does after the moment of a crash reaches disk or store.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use meta::memory::{Fate, MemoryStore};
use meta::record::ConfigKind;
use meta::store::{Store, StoreError};
use node::disk::memory::MemoryDisk;
use node::metrics::Metrics;
use node::seam::Clock;
use node::stage::Turn;
use protocol::versioning::Versioning;
use tenon_tests::random::{Random, mix};

use crate::client::{Answered, Sent, exchange};
use crate::clock::VirtualClock;
use crate::coverage::{self, Kind as CopyKind, Names, Phase, Strike};
use crate::doors::Waiting;
use crate::executor::TaskId;
use crate::life::Life;
use crate::oracle::{Action, BUCKETS, Excuses, Looked, Oracle, PASSING, Ticket};
use crate::plan::{Plan, Planted};
use crate::predicates::{self, Broken, Known, broken};
use crate::trace::{Kind, Trace};
use crate::versions;
use crate::workload::Workload;

/// Steps in which a node must come to rest once nobody asks for anything any more.
const STEPS_TO_REST_MAX: u64 = 400_000;

/// A copy whose client is to go away is polled fewer times than this: most copies take no more.
const POLLS_MAX: u64 = 40;

/// How far a copy may come before it is made to stand still.
const HOLDS: [Phase; 4] = [Phase::Asking, Phase::Making, Phase::Reading, Phase::Flushing];

/// For how long: the collector lets go of garbage many times meanwhile.
const HOLD_MS: u64 = 1_000;

/// Virtual time in which everything that takes its time must have had it.
const REST_MS_MAX: u64 = 60_000;

/// The configuration of a bucket whose versions can be locked.
const OBJECT_LOCK: &str = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";

/// Everything of one run.
pub(crate) struct World {
    plan: Plan,
    random: Random,
    disk: MemoryDisk,
    store: Arc<MemoryStore>,
    clock: VirtualClock,
    oracle: Oracle,
    workload: Workload,
    life: Option<Life>,
    requests: Vec<Pending>,
    requests_left: usize,
    step: u64,
    /// Files whose bytes have been seen to be right.
    known: Known,
    /// The manifests that several objects have.
    names: Names,
    /// Steps until the crash strikes at the latest, and whether the power goes.
    crash_armed: Option<(u64, bool)>,
    pub(crate) trace: Trace,
}

/// What the action copies from, if it copies.
fn source_of(action: &Action) -> Option<usize> {
    match action {
        Action::Copy { source, .. } | Action::CopyPart { source, .. } => Some(*source),
        _ => None,
    }
}

/// A request under way.
struct Pending {
    task: TaskId,
    ticket: Ticket,
    answer: Rc<RefCell<Option<Answered>>>,
    shard: usize,
    /// How often its task may still be polled before its client goes away.
    polls_left: Option<u64>,
    /// How far it comes before it stands still for a while.
    hold: Option<Phase>,
    /// What has struck it.
    strikes: BTreeSet<Strike>,
    /// What has struck it while it stood still.
    held_strikes: BTreeSet<Strike>,
}

/// What a step may be.
#[derive(Debug, Clone, Copy)]
enum Step {
    Task(TaskId),
    Commit,
    Flush,
    Read,
    Unseen,
    Time,
    Request,
}

impl World {
    /// The world of a plan, before its first step: an empty disk, two buckets to be made.
    pub(crate) fn new(plan: &Plan, trace: Trace) -> Self {
        let seeded = |stream: u64| Random::from_seed(mix(plan.seed) ^ mix(stream));
        let disk = MemoryDisk::seeded(plan.disk_total, mix(plan.seed) ^ mix(3));
        disk.set_ways(plan.disk_ways);
        disk.set_fault_rate(plan.disk_faults);
        let store = Arc::new(MemoryStore::new());
        // Half of the looks are answered on the shard, the others on a reader thread.
        store.set_forgetful(2, mix(plan.seed) ^ mix(4));
        match plan.planted {
            Some(Planted::Disk(lie)) => disk.plant(lie),
            Some(Planted::Store(lie)) => store.plant(lie),
            _ => {}
        }
        Self {
            random: seeded(1),
            workload: Workload::new(seeded(2), plan),
            disk,
            store,
            known: Known::default(),
            names: Names::new(),
            crash_armed: None,
            clock: VirtualClock::new(),
            oracle: Oracle::new(plan),
            life: None,
            requests: Vec::new(),
            requests_left: plan.requests,
            step: 0,
            trace,
            plan: plan.clone(),
        }
    }

    /// Runs the plan to its end.
    ///
    /// # Errors
    /// What did not hold.
    pub(crate) fn run(&mut self) -> Result<(), Broken> {
        self.make_buckets()?;
        self.start();
        while self.step < self.plan.steps {
            self.one_step()?;
        }
        self.come_to_rest()?;
        self.end_with_nothing()?;
        let metrics = self.life().machines[0].metrics.clone();
        self.note_figures(&metrics);
        self.nothing_is_damaged(&metrics)
    }

    /// The step that the world is at.
    pub(crate) fn step(&self) -> u64 {
        self.step
    }

    /// Makes the buckets that stay, before anything may fail.
    fn make_buckets(&mut self) -> Result<(), Broken> {
        use meta::command::CreateBucket;
        use meta::id::Sequence;
        use meta::round::Round;
        let failed = |error: StoreError| broken("store", error.to_string());
        let mut round = Round::begin(&*self.store, Sequence::new(1)).map_err(failed)?;
        let config = self.plan.config();
        for (at, name) in BUCKETS.iter().enumerate().filter(|(at, _)| *at != PASSING) {
            let locks = self.plan.has_locks(at);
            let lock = (ConfigKind::ObjectLock, OBJECT_LOCK.to_owned());
            let command = CreateBucket {
                name: protocol::name::BucketName::parse(name).expect("a bucket name"),
                created: self.clock.now(),
                owner: config.account.clone(),
                versioning: if locks { Versioning::Enabled } else { Versioning::Unversioned },
                configs: Some(lock).filter(|_| locks).into_iter().collect(),
            };
            let made = round.apply(command.into()).map_err(failed)?;
            made.expect("a new store has no buckets");
        }
        self.store.commit(round.finish()).map_err(failed)
    }

    fn start(&mut self) {
        let Self { plan, disk, store, clock, random, .. } = self;
        self.life = Some(Life::start(plan, disk, store, clock, random));
        self.trace.step(self.step, Kind::Start, 0);
    }

    fn life(&mut self) -> &mut Life {
        self.life.as_mut().expect("the node lives between steps")
    }

    /// One step, of whatever kind.
    fn one_step(&mut self) -> Result<(), Broken> {
        if self.crash_armed.is_none() && self.random.within(0..10_000) < self.plan.crashes {
            // The power goes between two steps of the disk, a little later.
            let cut = self.random.chance(self.plan.power_cuts);
            if cut {
                let after = self.random.within(0..12);
                self.disk.crash_after(after);
            }
            self.crash_armed = Some((if cut { self.random.within(0..60) } else { 0 }, cut));
        }
        if self.random.within(0..10_000) < self.plan.flips {
            self.flip();
        }
        if self.random.within(0..10_000) < self.plan.departures && !self.requests.is_empty() {
            self.step += 1;
            let at = self.below(self.requests.len());
            self.leave(at);
            return Ok(());
        }
        let may_ask = self.requests_left > 0;
        if !self.work(may_ask)? {
            // Only requests could go on, and none comes to mind: the run ends early.
            self.step = self.plan.steps;
        }
        Ok(())
    }

    /// The client of a request goes away.
    fn leave(&mut self, at: usize) {
        let gone = self.requests.remove(at);
        self.trace.note("a client gone");
        self.trace.step(self.step, Kind::Departure, gone.task.0);
        self.note_strike(&gone, Strike::ClientLeft);
        self.life().tasks.drop_task(gone.task);
        self.oracle.lost(&gone.ticket);
        if self.random.chance(50) {
            self.ambush(&gone);
        }
    }

    /// Counts what has struck a copy, and when.
    fn note_strike(&mut self, copy: &Pending, strike: Strike) {
        let Some(kind) = CopyKind::of(copy.ticket.action(), &self.oracle) else { return };
        let phase = self.life().tasks.phase(copy.task);
        self.trace.note(coverage::struck(kind, phase, strike));
    }

    /// Counts what an action that was done by `shard` means for the copies under way.
    fn note_done(&mut self, done: &Action, shard: usize) {
        let mut copies = std::mem::take(&mut self.requests);
        for copy in &mut copies {
            let strikes = coverage::strikes(done, copy.ticket.action(), &self.oracle);
            for strike in &strikes {
                self.note_strike(copy, *strike);
                if let Some(kind) =
                    CopyKind::of(copy.ticket.action(), &self.oracle).filter(|_| copy.shard != shard)
                {
                    self.trace.note(coverage::struck_from_afar(kind, *strike));
                }
            }
            // A copy that had not begun to look has seen what came of it.
            if self.life().tasks.phase(copy.task) > Phase::Begun {
                if self.life().stalled.contains_key(&copy.task) {
                    copy.held_strikes.extend(&strikes);
                }
                copy.strikes.extend(strikes);
            }
        }
        self.requests = copies;
    }

    /// What a client that has gone leaves behind stands still, and what it worked on is taken away meanwhile.
    fn ambush(&mut self, gone: &Pending) {
        let until = self.clock.elapsed_ms() + self.random.within(100..2_000);
        let life = self.life();
        for task in life.tasks.runnable().into_iter().filter(|task| *task > gone.task) {
            life.stalled.insert(task, until);
        }
        if let Some(source) = source_of(gone.ticket.action()) {
            self.workload.delete_next(source);
        }
    }

    /// A bit of some file turns over. Its bytes, and those of its clones, are nothing to compare from here on.
    fn flip(&mut self) {
        let blobs = self.disk.blobs();
        if blobs.is_empty() {
            return;
        }
        let blob = *self.random.pick(&blobs);
        let at = self.random.within(0..self.disk.durable_len(blob).unwrap_or(0).max(1));
        let bit = self.random.within(0..8);
        if self.disk.corrupt(blob, at, 1 << bit) {
            self.known.stop_comparing();
            self.trace.note("a bit turned over");
        }
    }

    /// A step that the node or a client makes; false if there is none.
    fn work(&mut self, may_ask: bool) -> Result<bool, Broken> {
        self.step += 1;
        match self.crash_armed {
            _ if self.disk.crashed() => return self.crash().map(|()| true),
            Some((0, _)) => return self.crash().map(|()| true),
            Some((left, cut)) => self.crash_armed = Some((left - 1, cut)),
            None => {}
        }
        if let Some(left) = self.life().doomed {
            if left == 0 {
                return self.crash().map(|()| true);
            }
            self.life().doomed = Some(left - 1);
        }
        let failed = match &*self.life().started.borrow() {
            Some(Err(why)) => Some(why.clone()),
            _ => None,
        };
        if let Some(why) = failed {
            if !self.excuses().faults && !self.plan.is_small() {
                return Err(broken("a_healthy_node_starts", why));
            }
            return self.crash().map(|()| true);
        }
        let Some(step) = self.draw(may_ask) else {
            return match self.life().doomed {
                Some(_) => self.crash().map(|()| true),
                None => Ok(false),
            };
        };
        self.take(step)?;
        Ok(true)
    }

    fn draw(&mut self, may_ask: bool) -> Option<Step> {
        let weights = self.plan.weights.clone();
        let clients = self.plan.clients;
        let asking = may_ask && self.requests.len() < clients;
        let life = self.life.as_ref().expect("the node lives between steps");
        let serving = matches!(*life.started.borrow(), Some(Ok(()))) && life.doomed.is_none();
        let mut runnable = life.tasks.runnable();
        runnable.retain(|task| !life.stalled.contains_key(task));
        let stage = |waits: &std::cell::Cell<bool>| life.doomed.is_none() && waits.get();
        let choices = [
            (weights.task * u64::from(!runnable.is_empty()), Step::Task(TaskId(0))),
            (weights.commit * u64::from(stage(&life.waiting.commit)), Step::Commit),
            (weights.flush * u64::from(stage(&life.waiting.flush)), Step::Flush),
            (weights.read * u64::from(stage(&life.waiting.read)), Step::Read),
            (weights.unseen * u64::from(life.unseen), Step::Unseen),
            (weights.time * u64::from(self.clock.is_awaited()), Step::Time),
            (weights.request * u64::from(asking && serving), Step::Request),
        ];
        let total: u64 = choices.iter().map(|(weight, _)| weight).sum();
        if total == 0 && life.unseen {
            return Some(Step::Unseen);
        }
        if total == 0 {
            let is_awaited = self.clock.is_awaited() || !life.stalled.is_empty();
            return is_awaited.then_some(Step::Time);
        }
        let mut drawn = self.random.within(0..total);
        for (weight, step) in choices {
            if drawn < weight {
                return Some(match step {
                    Step::Task(_) => Step::Task(*self.random.pick(&runnable)),
                    other => other,
                });
            }
            drawn -= weight;
        }
        None
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Task(id) if self.random.within(0..10_000) < self.plan.stalls => {
                let until = self.clock.elapsed_ms() + self.random.within(20..2_000);
                self.life().stalled.insert(id, until);
                self.trace.step(self.step, Kind::Stall, id.0);
            }
            Step::Task(id) => {
                self.trace.step(self.step, Kind::Task, id.0);
                self.life().tasks.poll(id);
                self.life().unseen = true;
                if let Some(call) = self.disk.take_last_call() {
                    self.life().tasks.note_of(id, Phase::of(call));
                }
                self.take_answers()?;
                self.count_poll(id);
                self.hold();
                if self.plan.planted == Some(Planted::CopyDropsEpoch) {
                    self.life().hide_epochs();
                }
            }
            Step::Commit => self.commit()?,
            Step::Flush => {
                let turn = self.life().flush.turn();
                self.turned(Kind::Flush, turn);
            }
            Step::Read => {
                let turn = self.life().read.turn();
                self.turned(Kind::Read, turn);
            }
            Step::Unseen => {
                let turn = self.disk.turn();
                self.life().unseen = turn == Turn::Worked;
                self.trace.step(self.step, Kind::Unseen, u64::from(turn == Turn::Worked));
            }
            Step::Time => {
                if self.clock_is_all_there_is() && self.life().stalled.is_empty() {
                    let told = self.oracle.quiet();
                    told.map_err(|why| broken("answers_are_true", why))?;
                    self.look()?;
                }
                if !self.clock.advance() {
                    // Nobody but those who stand still waits for anything.
                    self.life().stalled.clear();
                }
                self.disk.set_now(self.clock.now());
                let now = self.clock.elapsed_ms();
                self.life().stalled.retain(|_, until| *until > now);
                self.trace.step(self.step, Kind::Time, self.clock.elapsed_ms());
            }
            Step::Request => self.send(),
        }
        Ok(())
    }

    fn turned(&mut self, kind: Kind, turn: Turn) {
        let waiting = &self.life().waiting;
        let waits = match kind {
            Kind::Commit => &waiting.commit,
            Kind::Flush => &waiting.flush,
            _ => &waiting.read,
        };
        waits.set(turn == Turn::Worked);
        self.trace.step(self.step, kind, u64::from(turn == Turn::Worked));
    }

    fn commit(&mut self) -> Result<(), Broken> {
        if self.random.within(0..1_000) < self.plan.store_faults {
            let fate = if self.random.chance(50) { Fate::Lost } else { Fate::Kept };
            self.store.fail_next_commit(fate);
        }
        let before = self.life().board.committed();
        match self.life().commit.turn() {
            Ok(turn) => self.turned(Kind::Commit, turn),
            Err(_failed) => {
                let left = self.random.within(0..20);
                self.life().doomed = Some(left);
                self.trace.step(self.step, Kind::Failed, left);
                self.trace.note("a failed commit");
                return Ok(());
            }
        }
        let committed = self.life().board.committed();
        if committed != before {
            self.life().blind_board.publish(committed);
            predicates::always(&*self.store, &self.disk, &mut self.known)?;
            let names = coverage::names(&*self.store);
            let names = names.map_err(|error| broken("store", error.to_string()))?;
            for thing in coverage::renamed(&self.names, &names) {
                self.trace.note(thing);
            }
            self.names = names;
        }
        Ok(())
    }

    fn send(&mut self) {
        self.oracle.moment = self.clock.now();
        let Some((action, sent)) = self.workload.next(&self.plan, &mut self.oracle) else { return };
        self.requests_left -= 1;
        self.dispatch(action, sent);
    }

    fn dispatch(&mut self, action: Action, sent: Sent) {
        self.trace.request(self.step, &action);
        let is_copy = CopyKind::of(&action, &self.oracle).is_some();
        let ticket = self.oracle.begin(self.step, action);
        let answer = Rc::new(RefCell::new(None));
        let random = Random::from_seed(self.random.next_u64());
        let shard = self.below(self.plan.shards);
        let (clock, slot) = (self.clock.clone(), answer.clone());
        let life = self.life();
        let machine = life.machines[shard].clone();
        let task = life.tasks.add(Box::pin(async move {
            let answered = exchange(machine, clock, sent, random).await;
            *slot.borrow_mut() = Some(answered);
        }));
        if self.plan.planted == Some(Planted::CopyDropsEpoch) {
            self.life().show_epoch(task, is_copy);
        }
        self.trace.step(self.step, Kind::Request, task.0);
        let leaves = is_copy && self.random.chance(self.plan.leavers);
        let polls_left = leaves.then(|| self.random.within(1..POLLS_MAX));
        let holds = is_copy && self.random.chance(self.plan.holds);
        let hold = holds.then(|| *self.random.pick(&HOLDS));
        let (strikes, held_strikes) = Default::default();
        let one = Pending { task, ticket, answer, shard, polls_left, hold, strikes, held_strikes };
        self.requests.push(one);
    }

    /// Copies that have come as far as they were to come stand still, and their sources are taken away meanwhile.
    fn hold(&mut self) {
        let until = self.clock.elapsed_ms() + HOLD_MS;
        let life = self.life.as_mut().expect("the node lives between steps");
        for copy in &mut self.requests {
            if copy.hold.take_if(|hold| life.tasks.phase(copy.task) >= *hold).is_none() {
                continue;
            }
            life.stalled.extend(life.tasks.of(copy.task).into_iter().map(|task| (task, until)));
            if let Some(source) = source_of(copy.ticket.action()) {
                self.workload.take_away_next(source);
            }
        }
    }

    /// A client goes away after as many polls as it was given.
    fn count_poll(&mut self, id: TaskId) {
        let Some(at) = self.requests.iter().position(|one| one.task == id) else { return };
        let Some(left) = &mut self.requests[at].polls_left else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.leave(at);
        }
    }

    fn take_answers(&mut self) -> Result<(), Broken> {
        let Some(at) = self.requests.iter().position(|one| one.answer.borrow().is_some()) else {
            return Ok(());
        };
        let one = self.requests.remove(at);
        let Pending { task, ticket, answer, shard, strikes, held_strikes, .. } = one;
        let answered = answer.borrow_mut().take().expect("just seen");
        self.trace.answer(self.step, task.0, ticket.action(), &answered);
        let made = matches!(answered.status, 200..300);
        if made {
            self.note_done(ticket.action(), shard);
            let of_versions = coverage::of_versions(ticket.action(), &answered, &self.oracle);
            of_versions.into_iter().for_each(|thing| self.trace.note(thing));
        }
        if let Some(kind) = CopyKind::of(ticket.action(), &self.oracle) {
            strikes.iter().for_each(|strike| self.trace.note(coverage::ended(kind, *strike, made)));
            let held = held_strikes.iter();
            held.for_each(|strike| self.trace.note(coverage::ended_held(kind, *strike, made)));
        }
        let excuses = self.excuses();
        self.oracle.moment = self.clock.now();
        let judged = self.oracle.answered(self.step, ticket, &answered, excuses);
        judged.map_err(|why| broken("answers_are_true", why))
    }

    fn excuses(&self) -> Excuses {
        Excuses {
            faults: self.plan.is_faulty(),
            full: self.plan.is_small() || self.plan.is_faulty(),
        }
    }

    /// The node is gone between two steps, and starts again on what is left.
    fn crash(&mut self) -> Result<(), Broken> {
        self.step += 1;
        self.trace.step(self.step, Kind::Crash, 0);
        self.trace.note("a crash");
        if self.names.values().any(|count| *count > 1) {
            self.trace.note("a crash with shared manifests");
        }
        let (_, cut) = self.crash_armed.take().unwrap_or_else(|| {
            let cut = self.random.chance(self.plan.power_cuts);
            (0, cut)
        });
        for pending in std::mem::take(&mut self.requests) {
            self.note_strike(&pending, if cut { Strike::PowerCut } else { Strike::Crashed });
            self.oracle.lost(&pending.ticket);
        }
        // From here on no call of the disk does anything, also none that a dropped task makes.
        self.disk.crash_after(0);
        let life = self.life.take().expect("the node lives between steps");
        let metrics = life.machines[0].metrics.clone();
        self.note_figures(&metrics);
        self.nothing_is_damaged(&metrics)?;
        life.tasks.drop_all();
        drop(life);
        if cut {
            self.trace.note("a power cut");
            self.disk.restart();
            self.store.restart();
        } else {
            self.disk.end_process();
            self.store.reopen();
        }
        self.known.forget();
        self.oracle.end_of_life().map_err(|why| broken("answers_are_true", why))?;
        self.look()?;
        predicates::always(&*self.store, &self.disk, &mut self.known)?;
        predicates::nothing_to_repair(&*self.store, &self.disk)?;
        self.start();
        Ok(())
    }

    /// Counts by which ways sparse blobs were rewritten, and the lives in which uploads waited for each other.
    fn note_figures(&mut self, metrics: &Metrics) {
        let text = metrics.render();
        let waits = "tenon_buffer_waits_total{pool=\"put\"} ";
        if text.lines().any(|line| line.starts_with(waits) && !line.ends_with(" 0")) {
            self.trace.note("uploads waited for buffers");
        }
        let abreast = |line: &str| {
            line.starts_with("tenon_md5_bytes_total{")
                && !line.contains("streams=\"1\"")
                && !line.ends_with(" 0")
        };
        if text.lines().any(abreast) {
            self.trace.note(coverage::ABREAST);
        }
        for line in text.lines().filter(|line| line.starts_with("tenon_rewritten_bytes_total{")) {
            if !line.ends_with(" 0") {
                let way = line.split('"').nth(1).unwrap_or_default();
                self.trace.note(format!("a blob rewritten by {way}"));
            }
        }
    }

    /// A node whose disk is well finds nothing damaged.
    fn nothing_is_damaged(&self, metrics: &Metrics) -> Result<(), Broken> {
        let (blocks, garbage) = (metrics.corrupt_blocks.get(), metrics.garbage_damaged.get());
        if self.plan.is_faulty() || (blocks, garbage) == (0, 0) {
            return Ok(());
        }
        let what = format!("{blocks} blocks and {garbage} garbage records are damaged");
        Err(broken("nothing_is_damaged", what))
    }

    /// No further requests and no further faults: those under way end, and everything has its time.
    fn come_to_rest(&mut self) -> Result<(), Broken> {
        let must_restart =
            self.plan.is_faulty() || self.life().doomed.is_some() || self.crash_armed.is_some();
        self.plan.store_faults = 0;
        self.disk.set_fault_rate(0);
        self.plan.weights.time = 0;
        self.plan.stalls = 0;
        self.life().stalled.clear();
        self.requests.iter_mut().for_each(|one| one.hold = None);
        if self.plan.restart_at_end || must_restart {
            self.crash()?;
        }
        self.rest()
    }

    /// What the store holds is where the story goes on.
    fn look(&mut self) -> Result<Vec<Looked>, Broken> {
        self.oracle.moment = self.clock.now();
        let looked = versions::look(&*self.store, &self.oracle);
        let looked = looked.map_err(|why| broken("what_is_stored_was_written", why))?;
        let told = self.oracle.looked_at(&looked);
        told.map_err(|why| broken("what_is_stored_was_told", why))?;
        Ok(looked)
    }

    /// Takes all versions of all keys away, and all uploads: then nothing is left of them. Only where there are versions.
    fn end_with_nothing(&mut self) -> Result<(), Broken> {
        if self.plan.versions == 0 {
            return Ok(());
        }
        // What is locked stays until then.
        while self.clock.now() <= self.oracle.free_from() && self.work(false)? {}
        let looked = self.look()?;
        for (action, sent) in self.workload.purge_all(&looked, &self.oracle) {
            self.dispatch(action, sent);
        }
        self.rest()?;
        self.trace.note("purged to the end");
        let kept = self.look()?.into_iter().flatten().flat_map(|(_, keys)| keys);
        let kept: Vec<_> = kept.filter(|(_, versions)| !versions.is_empty()).collect();
        if !kept.is_empty() {
            return Err(broken("what_is_purged_is_gone", format!("{kept:?}")));
        }
        predicates::nothing_is_left(&*self.store, &self.disk)
    }

    /// Goes on until only new requests could change anything.
    fn rest(&mut self) -> Result<(), Broken> {
        let (begun, mut moved) = (self.step, 0);
        loop {
            if self.step - begun > STEPS_TO_REST_MAX {
                return Err(broken(
                    "a_node_comes_to_rest",
                    format!("{} wait", self.requests.len()),
                ));
            }
            let before = self.clock.elapsed_ms();
            if self.clock_is_all_there_is() {
                let rest = self.at_rest();
                if rest.is_ok() {
                    break;
                }
                if moved > REST_MS_MAX {
                    return rest;
                }
            }
            if !self.work(false)? && !self.requests.is_empty() {
                let waiting = self.requests.iter().map(|one| format!("{:?}", one.ticket));
                let waiting = waiting.collect::<Vec<_>>().join("\n");
                return Err(broken("every_request_is_answered", waiting));
            }
            moved += self.clock.elapsed_ms() - before;
        }
        self.oracle.end_of_life().map_err(|why| broken("answers_are_true", why))
    }

    /// Whether only the passing of time could change anything.
    fn clock_is_all_there_is(&self) -> bool {
        let life = self.life.as_ref().expect("the node lives between steps");
        let Waiting { commit, flush, read } = &*life.waiting;
        !commit.get()
            && !flush.get()
            && !read.get()
            && !life.unseen
            && life.tasks.runnable().is_empty()
    }

    fn at_rest(&self) -> Result<(), Broken> {
        if let Some(pending) = self.requests.first() {
            let what = format!("{:?} waits", pending.ticket);
            return Err(broken("every_request_is_answered", what));
        }
        let life = self.life.as_ref().expect("the node lives between steps");
        predicates::at_rest(&*self.store, &self.disk, &life.board, self.plan.shards)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.random.within(0..count as u64)).expect("a count fits")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Tasks hold their executor: without this a world would never be freed.
        if let Some(life) = self.life.take() {
            life.tasks.drop_all();
        }
    }
}
