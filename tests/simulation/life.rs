//! Room: one life of the node: from its start on what disk and store hold to its end without a word.
//!
//! Put together as `node::start` does it, on the real queues and stages; only that nothing has a thread of its own.
//! Holds: the tasks, stages and machines of this life. The planted faults of the start live here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use meta::memory::MemoryStore;
use meta::query;
use node::admission::Admission;
use node::bell::{self, Ear};
use node::budget::Permit;
use node::catalog::{Catalog, CommitStage, ReadStage, ThreadMailbox};
use node::disk::Disk;
use node::disk::memory::MemoryDisk;
use node::epoch::{EpochBoard, EpochGuard, Epochs};
use node::flush::{FlushQueue, FlushStage};
use node::machine::{Machine, MachineParts};
use node::metrics::Metrics;
use node::recover;
use node::seam::Clock;
use node::start::look_after;
use tenon_tests::random::Random;

use crate::clock::{SeededBytes, VirtualClock};
use crate::coverage::Phase;
use crate::doors::{NotedFlush, NotedMailbox, Waiting};
use crate::executor::{Executor, TaskId};
use crate::plan::{Plan, Planted};

/// How old the figures of free space get; older than in the node, so that time does not pass in small steps.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// A node from its start to its end.
pub(crate) struct Life {
    pub(crate) tasks: Rc<Executor>,
    pub(crate) machines: Vec<Rc<Machine>>,
    /// Whether it serves, or why it never will.
    pub(crate) started: Rc<RefCell<Option<Result<(), String>>>>,
    pub(crate) commit: CommitStage,
    pub(crate) flush: FlushStage,
    pub(crate) read: ReadStage,
    pub(crate) board: Arc<EpochBoard>,
    pub(crate) waiting: Rc<Waiting>,
    /// A call of the disk may go on that nobody waits for.
    pub(crate) unseen: bool,
    /// Tasks that stand still, and until when.
    pub(crate) stalled: BTreeMap<TaskId, u64>,
    /// Kept up to date for a collector that shall see no epochs, or only those of [`Life::shown`].
    pub(crate) blind_board: Arc<EpochBoard>,
    /// The epochs of requests, and whether they are copies, as a collector shall see them that is shown the wrong ones.
    shown: BTreeMap<TaskId, (EpochGuard, bool)>,
    /// What they are entered in.
    blind_epochs: Epochs,
    /// The buffers that uploads shall not have.
    _withheld: Vec<Permit>,
    /// Steps until the process is gone, once its store has failed.
    pub(crate) doomed: Option<u64>,
}

impl Life {
    /// The node starts: its stages, its machines; as a task, the sweep and the background tasks; then it serves.
    pub(crate) fn start(
        plan: &Plan,
        disk: &MemoryDisk,
        store: &Arc<MemoryStore>,
        clock: &VirtualClock,
        random: &mut Random,
    ) -> Self {
        let last = query::last_sequence(&**store).expect("the store was opened anew");
        let board = EpochBoard::new(plan.shards, last);
        let blind_board = EpochBoard::new(plan.shards, last);
        let metrics = Arc::new(Metrics::new(plan.shards));
        let (ring, ear) = bell::bell();
        let (mailbox, commit, read) =
            ThreadMailbox::new(store.clone(), board.clone(), metrics.clone(), ring);
        let (queue, flush) = FlushQueue::new(Arc::new(disk.clone()), metrics.clone());
        let (tasks, waiting) = (Executor::new(), Rc::new(Waiting::default()));
        let settings = Arc::new(plan.config());
        let admission = Admission::new(settings.disk_reserve, metrics.clone());
        let noted = NotedMailbox { mailbox, waiting: waiting.clone(), tasks: tasks.clone() };
        let catalog = Catalog::new(Rc::new(noted));
        let door = Rc::new(NotedFlush {
            queue,
            waiting: waiting.clone(),
            tasks: tasks.clone(),
            planted: plan.planted,
        });
        let (shared, clock): (Rc<dyn Disk>, _) = (Rc::new(disk.clone()), Rc::new(clock.clone()));
        let machines = (0..plan.shards).map(|shard| {
            let bytes = Random::from_seed(random.next_u64());
            Machine::assemble(MachineParts {
                settings: settings.clone(),
                disk: shared.clone(),
                catalog: catalog.clone(),
                admission: admission.clone(),
                flush: door.clone(),
                clock: clock.clone(),
                random: Rc::new(SeededBytes(RefCell::new(bytes))),
                spawn: tasks.clone(),
                bulk: tasks.clone(),
                metrics: metrics.clone(),
                board: board.clone(),
                kernel: plan.kernel(),
                shard,
                shards: plan.shards,
                folder_slots: plan.folder_slots,
            })
        });
        let machines: Vec<Rc<Machine>> = machines.collect();
        let opening = Opening {
            machine: machines[0].clone(),
            tasks: tasks.clone(),
            clock,
            board: if plan.collector_is_misled() { blind_board.clone() } else { board.clone() },
            ear,
            too_eager: plan.planted == Some(Planted::SweepTooEager),
        };
        let started = Rc::new(RefCell::new(None));
        let say = started.clone();
        tasks.add(Box::pin(async move { *say.borrow_mut() = Some(opening.run().await) }));
        let (unseen, stalled, doomed) = (true, BTreeMap::new(), None);
        Self {
            tasks,
            _withheld: plan.upload_buffers.map_or_else(Vec::new, |left| withhold(&machines, left)),
            machines,
            started,
            commit,
            flush,
            read,
            board,
            waiting,
            unseen,
            stalled,
            shown: BTreeMap::new(),
            blind_epochs: Epochs::new(blind_board.clone(), 0),
            blind_board,
            doomed,
        }
    }
}

impl Life {
    /// Shows a request's epoch to the collector that is shown the wrong ones.
    pub(crate) fn show_epoch(&mut self, request: TaskId, is_copy: bool) {
        self.shown.insert(request, (self.blind_epochs.enter(), is_copy));
    }

    /// Copies that have looked up their source are not shown any more, others not when they are over.
    pub(crate) fn hide_epochs(&mut self) {
        let tasks = self.tasks.clone();
        self.shown.retain(|request, (_, is_copy)| {
            let is_shown = !*is_copy || tasks.phase(*request) <= Phase::Asking;
            is_shown && !tasks.of(*request).is_empty()
        });
    }
}

/// Takes the buffers of uploads but for these bytes on each shard.
fn withhold(machines: &[Rc<Machine>], left: usize) -> Vec<Permit> {
    let taken = machines.iter().map(|machine| {
        let budget = machine.put_pool.budget();
        budget.try_take(budget.capacity().saturating_sub(left)).expect("nobody has asked yet")
    });
    taken.collect()
}

/// What is done before the first request is let in.
struct Opening {
    machine: Rc<Machine>,
    tasks: Rc<Executor>,
    clock: Rc<VirtualClock>,
    board: Arc<EpochBoard>,
    ear: Ear,
    too_eager: bool,
}

impl Opening {
    async fn run(self) -> Result<(), String> {
        let Machine { catalog, disk, admission, .. } = &*self.machine;
        if self.too_eager {
            sweep_all(catalog, &**disk).await;
        }
        let swept = recover::sweep(catalog, &**disk).await;
        swept.map_err(|error| format!("the sweep failed: {error:?}"))?;
        let measured = admission.measure(&**disk).await;
        measured.map_err(|error| format!("the disk cannot be measured: {error}"))?;
        look_after(&self.machine, self.board, &*self.tasks, self.ear);
        let measuring = keep_measuring(self.machine.clone(), self.clock);
        self.tasks.add(Box::pin(measuring));
        Ok(())
    }
}

/// What a thread of the node does: measures the room every now and then.
async fn keep_measuring(machine: Rc<Machine>, clock: Rc<VirtualClock>) {
    loop {
        clock.sleep(MEASURE_INTERVAL).await;
        // The figures stay as they were, if it fails.
        machine.admission.measure(&*machine.disk).await.ok();
    }
}

/// A sweep that does not look at records.
async fn sweep_all(catalog: &Catalog, disk: &dyn Disk) {
    let leases = catalog.ask(query::open_leases).await.unwrap_or_default();
    for (folder, _) in leases {
        for blob in disk.list_folder(folder).await.unwrap_or_default() {
            disk.move_to_lost(blob).await.ok();
        }
    }
}
