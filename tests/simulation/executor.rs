//! Room: many tasks on one thread, polled in an order that somebody else draws.
//!
//! Wakers are real: a task is runnable after it was woken, and a wake-up that got lost shows as a node that stands
//! still. Holds: the tasks of one life of a node; a crash drops them all.
//! Invariant: nothing here depends on addresses, real time or the order of a hash map.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use node::seam::{Local, Spawn};

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
}

struct Task {
    id: TaskId,
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
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.incoming.borrow_mut().push(Task { id, future, woken });
        id
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
        let ended = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if !ended {
            self.tasks.borrow_mut().insert(place, task);
        }
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
        drop(task);
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
