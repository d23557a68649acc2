//! Room: many tasks on one thread, polled in an order that somebody else draws.
//!
//! Wakers are real: a task is runnable after it was woken, and a wake-up that got lost shows as a node that stands
//! still. Holds: the tasks of one life of a node, and how far each request has come; a crash drops them all.
//! A task that is spawned while another one is polled belongs to the same request.
//! Invariant: nothing here depends on addresses, real time or the order of a hash map.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use node::seam::{Local, Spawn};

use crate::coverage::Phase;

/// Names a task for as long as its executor lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskId(pub(crate) u64);

/// The tasks of one life of a node.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: RefCell<Vec<Task>>,
    /// Spawned while a task is being polled.
    incoming: RefCell<Vec<Task>>,
    next: Cell<u64>,
    /// The request whose task is being polled or dropped.
    current: Cell<Option<TaskId>>,
    /// What each request has done last.
    phases: RefCell<BTreeMap<TaskId, Phase>>,
}

struct Task {
    id: TaskId,
    /// The task that this one was spawned by, and so on back to one that nobody spawned.
    root: TaskId,
    future: Local<'static, ()>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Executor {
    /// An executor without tasks.
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// Adds a task; it is runnable.
    pub(crate) fn add(&self, future: Local<'static, ()>) -> TaskId {
        let id = TaskId(self.next.get());
        self.next.set(id.0 + 1);
        let root = self.current.get().unwrap_or(id);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.incoming.borrow_mut().push(Task { id, root, future, woken });
        id
    }

    /// The request whose task is polled now has come so far.
    pub(crate) fn note(&self, phase: Phase) {
        if let Some(root) = self.current.get() {
            self.phases.borrow_mut().insert(root, phase);
        }
    }

    /// The request that this task belongs to has come so far.
    pub(crate) fn note_of(&self, id: TaskId, phase: Phase) {
        let root =
            self.tasks.borrow().iter().find(|task| task.id == id).map_or(id, |task| task.root);
        self.phases.borrow_mut().insert(root, phase);
    }

    /// How far a request has come, by its first task.
    pub(crate) fn phase(&self, root: TaskId) -> Phase {
        self.phases.borrow().get(&root).copied().unwrap_or(Phase::Begun)
    }

    /// The tasks of a request that are left.
    pub(crate) fn of(&self, root: TaskId) -> Vec<TaskId> {
        self.take_in();
        let tasks = self.tasks.borrow();
        tasks.iter().filter(|task| task.root == root).map(|task| task.id).collect()
    }

    /// The tasks that can go on, in the order of their making.
    pub(crate) fn runnable(&self) -> Vec<TaskId> {
        self.take_in();
        let tasks = self.tasks.borrow();
        tasks
            .iter()
            .filter(|task| task.woken.0.load(Ordering::Relaxed))
            .map(|task| task.id)
            .collect()
    }

    /// Polls one task; says whether it ended.
    pub(crate) fn poll(&self, id: TaskId) -> bool {
        self.take_in();
        let taken = {
            let mut tasks = self.tasks.borrow_mut();
            let place = tasks.iter().position(|task| task.id == id);
            place.map(|place| (place, tasks.remove(place)))
        };
        let Some((place, mut task)) = taken else { return true };
        task.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task.woken));
        self.current.set(Some(task.root));
        let ended = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if ended {
            drop(task);
        } else {
            self.tasks.borrow_mut().insert(place, task);
        }
        self.current.set(None);
        ended
    }

    /// Drops one task, wherever it stands.
    pub(crate) fn drop_task(&self, id: TaskId) {
        self.take_in();
        let task = {
            let mut tasks = self.tasks.borrow_mut();
            let place = tasks.iter().position(|task| task.id == id);
            place.map(|place| tasks.remove(place))
        };
        // Dropped here, while the list is free: what it drops may spawn.
        self.current.set(task.as_ref().map(|task| task.root));
        drop(task);
        self.current.set(None);
    }

    /// Drops every task, and what their dropping spawns.
    pub(crate) fn drop_all(&self) {
        loop {
            self.take_in();
            let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
            if tasks.is_empty() {
                return;
            }
            drop(tasks);
        }
    }

    fn take_in(&self) {
        let incoming = std::mem::take(&mut *self.incoming.borrow_mut());
        self.tasks.borrow_mut().extend(incoming);
    }
}

impl Spawn for Executor {
    fn spawn(&self, task: Local<'static, ()>) {
        self.add(task);
    }
}
