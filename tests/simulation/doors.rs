//! Room: the doors to the stages as the simulation opens them: the real queues, and a note that something waits there.
//!
//! Two planted faults live here: a flush that says "durable" and does nothing, and one that says so before it is true.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use meta::command::{Command, Reply};
use meta::store::Store;
use node::catalog::{CatalogError, Mailbox, Question, ThreadMailbox};
use node::disk::Unsynced;
use node::flush::{Flush, FlushError, FlushQueue};
use node::seam::{Local, Spawn};

use crate::coverage::Phase;
use crate::executor::Executor;
use crate::plan::Planted;

/// Which stages have had something sent since they were last found idle.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) commit: Cell<bool>,
    pub(crate) flush: Cell<bool>,
    pub(crate) read: Cell<bool>,
}

/// The mailbox of the commit and read stages.
pub(crate) struct NotedMailbox {
    pub(crate) mailbox: ThreadMailbox,
    pub(crate) waiting: Rc<Waiting>,
    pub(crate) tasks: Rc<Executor>,
}

impl Mailbox for NotedMailbox {
    fn commit(&self, command: Command) -> Local<'static, Result<Reply, CatalogError>> {
        self.waiting.commit.set(true);
        self.tasks.note(Phase::Committing);
        self.mailbox.commit(command)
    }

    fn ask(&self, question: Question) -> Result<(), CatalogError> {
        self.waiting.read.set(true);
        self.tasks.note(Phase::Asking);
        self.mailbox.ask(question)
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        self.mailbox.store()
    }
}

/// The queue of the flush stage.
pub(crate) struct NotedFlush {
    pub(crate) queue: FlushQueue,
    pub(crate) waiting: Rc<Waiting>,
    pub(crate) tasks: Rc<Executor>,
    pub(crate) planted: Option<Planted>,
}

impl Flush for NotedFlush {
    fn flush(&self, files: Vec<Unsynced>) -> Local<'static, Result<(), FlushError>> {
        let (queue, waiting, tasks) =
            (self.queue.clone(), self.waiting.clone(), self.tasks.clone());
        let (planted, noting) = (self.planted, tasks.clone());
        Box::pin(async move {
            let sent = async move {
                waiting.flush.set(true);
                noting.note(Phase::Flushing);
                queue.flush(files).await
            };
            match planted {
                Some(Planted::AnswerBeforeSync) => Ok(()),
                Some(Planted::NameBeforeData) => {
                    tasks.spawn(Box::pin(async move { drop(sent.await) }));
                    Ok(())
                }
                _ => sent.await,
            }
        })
    }
}
