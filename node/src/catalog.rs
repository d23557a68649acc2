//! Room: the door to meta. Questions go to reader threads, commands to the commit stage; short questions are answered
//! on the shard where memory alone can tell.
//!
//! May touch: the `Store` seam and meta's rounds. Must not: know S3, files or HTTP.
//! Invariant: a command is answered only after the batch that carries it is durable; after a failed or ambiguous
//! write there is no further round (only a reopened store knows what is true). A round that panics counts as such
//! a write; a question that panics costs its asker the answer and nobody else anything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Instant;

use meta::command::{Command, Refusal, Reply};
use meta::near::{Near, Told};
use meta::round::Round;
use meta::store::{Store, StoreError};

use crate::bell::Bell;
use crate::epoch::EpochBoard;
use crate::limits;
use crate::log;
use crate::metrics::{Metrics, QueueLength, micros_since};
use crate::seam::Local;
use crate::stage::{Turn, next_letter};

/// Why a question or a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogError {
    /// The command was evaluated and refused; nothing has changed.
    Refused(Refusal),
    /// Too many wait already: 503 SlowDown.
    Busy,
    /// The store contradicts itself; the text names what was found. Nothing was changed.
    Corrupt(String),
    /// The store has failed or the stage has ended. Whether a command took effect is unknown until restart.
    Failed(String),
}

impl From<StoreError> for CatalogError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed(text) => Self::Failed(text),
            StoreError::Corrupt(text) => Self::Corrupt(text),
        }
    }
}

/// A question to the store, to be asked on a thread that may wait for the disk.
pub type Question = Box<dyn FnOnce(&dyn Store) + Send>;

/// What carries questions and commands away from the shard: threads in production, a direct call in simulation.
pub trait Mailbox {
    /// Sends a command to the commit stage; completes when it is durable or refused.
    fn commit(&self, command: Command) -> Local<'static, Result<Reply, CatalogError>>;

    /// Sends a question; it is dropped unasked if too many wait.
    ///
    /// # Errors
    /// [`CatalogError::Busy`], or `Failed` when the readers have ended.
    fn ask(&self, question: Question) -> Result<(), CatalogError>;

    /// The store, for looks at what memory alone can tell of it ([`Store::peek`]); `None` once it has ended.
    fn store(&self) -> Option<Arc<dyn Store>>;
}

/// The catalog as a shard sees it.
#[derive(Clone)]
pub struct Catalog {
    mailbox: std::rc::Rc<dyn Mailbox>,
}

impl Catalog {
    /// A catalog behind `mailbox`.
    pub fn new(mailbox: std::rc::Rc<dyn Mailbox>) -> Self {
        Self { mailbox }
    }

    /// Commits one command. Cancel: dropping the future does not take the command back.
    ///
    /// # Errors
    /// Each of [`CatalogError`].
    pub async fn commit(&self, command: Command) -> Result<Reply, CatalogError> {
        self.mailbox.commit(command).await
    }

    /// Asks the store; `question` must be bounded in what it reads.
    ///
    /// # Errors
    /// `Busy`, `Failed`, and what the question itself found.
    pub async fn ask<T, Q>(&self, question: Q) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        Q: FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = flume::bounded(1);
        self.mailbox.ask(Box::new(move |store| {
            // The asker may have gone away; then nobody needs the answer.
            drop(reply.send(question(store)));
        }))?;
        let found = answer.recv_async().await;
        Ok(found
            .map_err(|_gone| CatalogError::Failed("nobody has answered the question".into()))??)
    }

    /// Asks the store something short: here and now if memory alone can tell it with few look-ups, which spares two
    /// threads a wake-up; else as [`Catalog::ask`] does. The question may be asked twice; one that scans always is.
    ///
    /// # Errors
    /// As [`Catalog::ask`].
    pub async fn look<T, Q>(&self, question: Q) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        Q: Fn(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    {
        let near = |store: Arc<dyn Store>| Near::ask(&*store, limits::LOOKS_MAX, &question);
        let told = self.mailbox.store().map(|store| {
            // Here a panic would take the whole shard along; with a reader it costs the asker the answer.
            catch_unwind(AssertUnwindSafe(|| near(store))).unwrap_or(Told::Unknown)
        });
        match told {
            Some(Told::Known(answer)) => Ok(answer?),
            Some(Told::Unknown) | None => self.ask(question).await,
        }
    }
}

/// A command on its way to the commit stage.
struct Letter {
    command: Command,
    reply: flume::Sender<Result<Reply, CatalogError>>,
}

/// The production mailbox: bounded queues to the commit thread and the reader threads.
#[derive(Clone)]
pub struct ThreadMailbox {
    commands: flume::Sender<Option<Letter>>,
    questions: flume::Sender<Option<Question>>,
    /// The stages keep it open, not whoever still holds a mailbox.
    store: Weak<dyn Store>,
}

impl ThreadMailbox {
    /// The mailbox, and the two stages that serve it, each to be run on its own threads.
    pub fn new(
        store: Arc<dyn Store>,
        board: Arc<EpochBoard>,
        metrics: Arc<Metrics>,
        committed: Bell,
    ) -> (Self, CommitStage, ReadStage) {
        let (commands, letters) = flume::bounded(limits::COMMIT_QUEUE_MAX);
        let (questions, inbox) = flume::bounded(limits::READ_QUEUE_MAX);
        let near = Arc::downgrade(&store);
        let commit = CommitStage { store: store.clone(), letters, board, metrics, committed };
        (Self { commands, questions, store: near }, commit, ReadStage { store, inbox })
    }
}

impl ThreadMailbox {
    /// The queues, for the node's figures. Whoever looks at them does not keep them open.
    pub fn queues(&self) -> impl Iterator<Item = QueueLength> + use<> {
        let (commands, questions) = (self.commands.downgrade(), self.questions.downgrade());
        [
            QueueLength {
                queue: "commit",
                len: Box::new(move || Some(commands.upgrade()?.len())),
                capacity: limits::COMMIT_QUEUE_MAX,
            },
            QueueLength {
                queue: "read",
                len: Box::new(move || Some(questions.upgrade()?.len())),
                capacity: limits::READ_QUEUE_MAX,
            },
        ]
        .into_iter()
    }

    /// Ends the stages once everything that was sent before is answered. Who still holds a mailbox (a task that
    /// its executor left behind) does not keep them alive.
    pub fn close(&self, reader_threads: usize) {
        // A stage that has ended already hears nothing.
        self.commands.send(None).ok();
        for _ in 0..reader_threads {
            self.questions.send(None).ok();
        }
    }
}

impl Mailbox for ThreadMailbox {
    fn commit(&self, command: Command) -> Local<'static, Result<Reply, CatalogError>> {
        let (reply, answer) = flume::bounded(1);
        let sent = self.commands.try_send(Some(Letter { command, reply }));
        Box::pin(async move {
            sent.map_err(|error| queue_error(&error))?;
            let ended = || CatalogError::Failed("the commit stage has ended".into());
            answer.recv_async().await.map_err(|_gone| ended())?
        })
    }

    fn ask(&self, question: Question) -> Result<(), CatalogError> {
        self.questions.try_send(Some(question)).map_err(|error| queue_error(&error))
    }

    fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.upgrade()
    }
}

fn queue_error<T>(error: &flume::TrySendError<T>) -> CatalogError {
    match error {
        flume::TrySendError::Full(_) => CatalogError::Busy,
        flume::TrySendError::Disconnected(_) => CatalogError::Failed("the stage has ended".into()),
    }
}

/// Answers questions; any number of threads may run it.
#[derive(Clone)]
pub struct ReadStage {
    store: Arc<dyn Store>,
    inbox: flume::Receiver<Option<Question>>,
}

impl ReadStage {
    /// Serves until the mailbox is closed.
    pub fn run(&self) {
        while let Ok(Some(question)) = self.inbox.recv() {
            self.answer(question);
        }
    }

    /// Answers one question if one waits.
    pub fn turn(&self) -> Turn {
        match next_letter(&self.inbox) {
            Ok(question) => {
                self.answer(question);
                Turn::Worked
            }
            Err(none) => none,
        }
    }

    fn answer(&self, question: Question) {
        // A question changes nothing, so a panic leaves nothing half done; its message has been printed.
        if catch_unwind(AssertUnwindSafe(|| question(&*self.store))).is_err() {
            log::error("question_panicked", &[]);
        }
    }
}

/// The only writer of the store: evaluates what waits, writes one synced batch, answers all.
pub struct CommitStage {
    store: Arc<dyn Store>,
    letters: flume::Receiver<Option<Letter>>,
    board: Arc<EpochBoard>,
    metrics: Arc<Metrics>,
    committed: Bell,
}

impl CommitStage {
    /// Serves until the mailbox is closed.
    ///
    /// # Errors
    /// When the store fails or a round panics: every waiter has been told, and the process must end and reopen.
    pub fn run(&self) -> Result<(), StoreError> {
        while let Ok(Some(first)) = self.letters.recv() {
            if self.serve(first)? == Turn::Closed {
                break;
            }
        }
        Ok(())
    }

    /// One round of what waits, without waiting for more.
    ///
    /// # Errors
    /// As [`CommitStage::run`]: there is no further turn.
    pub fn turn(&self) -> Result<Turn, StoreError> {
        match next_letter(&self.letters) {
            Ok(first) => self.serve(first),
            Err(none) => Ok(none),
        }
    }

    /// The round that begins with this letter; `Closed` if it came to the end of the mail.
    fn serve(&self, first: Letter) -> Result<Turn, StoreError> {
        let ended = catch_unwind(AssertUnwindSafe(|| self.round(first)))
            // The panic has been printed. The round's own waiters see their replies fall away: `Failed`.
            .unwrap_or_else(|_panic| Err(StoreError::Failed("a round panicked".into())));
        ended.inspect_err(|failure| self.refuse_the_rest(failure))
    }

    fn round(&self, first: Letter) -> Result<Turn, StoreError> {
        let began = Instant::now();
        let sequence = self.board.committed().next();
        let mut round = Round::begin(&*self.store, sequence)?;
        let (mut waiting, mut weight, mut turn) = (Vec::new(), 0, Turn::Worked);
        let mut next = Some(first);
        while let Some(Letter { command, reply }) = next.take() {
            weight += command.weight();
            let verdict = match round.apply(command) {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(refusal)) => {
                    self.metrics.commit_refused.add(1);
                    Err(CatalogError::Refused(refusal))
                }
                // Found while reading, before anything of this command was written: only it is refused.
                Err(StoreError::Corrupt(text)) => Err(CatalogError::Corrupt(text)),
                Err(failure) => {
                    waiting.push((reply, Err(failure.clone().into())));
                    return tell(waiting, Err(failure)).map(|()| turn);
                }
            };
            waiting.push((reply, verdict));
            let room = weight < limits::COMMIT_ROUND_COUNT_MAX
                && round.bytes() < limits::COMMIT_ROUND_LEN_MAX;
            if room && let Ok(letter) = self.letters.try_recv() {
                turn = if letter.is_some() { Turn::Worked } else { Turn::Closed };
                next = letter;
            }
        }
        let batch = round.finish();
        if batch.is_empty() {
            return tell(waiting, Ok(())).map(|()| turn);
        }
        self.metrics.commit_bytes.add(batch.bytes() as u64);
        let outcome = self.store.commit(batch);
        if outcome.is_ok() {
            self.board.publish(sequence);
            self.committed.ring();
        }
        let rounds = self.metrics.rounds();
        rounds.commit_commands.observe(waiting.len() as u64);
        rounds.commit_time.observe(micros_since(began));
        tell(waiting, outcome).map(|()| turn)
    }

    fn refuse_the_rest(&self, failure: &StoreError) {
        for letter in self.letters.drain().flatten() {
            drop(letter.reply.send(Err(failure.clone().into())));
        }
    }
}

type Verdict = Result<Reply, CatalogError>;

/// Sends every verdict of a round, or to all of them the failure of its batch, and hands that failure on.
fn tell(
    waiting: Vec<(flume::Sender<Verdict>, Verdict)>,
    outcome: Result<(), StoreError>,
) -> Result<(), StoreError> {
    for (reply, verdict) in waiting {
        let told = match &outcome {
            Ok(()) => verdict,
            Err(failure) => Err(failure.clone().into()),
        };
        // Whoever went away has a detached task or left nothing behind; nobody to tell is no error.
        drop(reply.send(told));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::thread;

    use meta::command::{CreateBucket, DELETE_KEYS_MAX, DeleteCond, DeleteKey, DeleteObjects};
    use meta::id::Sequence;
    use meta::memory::{Fate, MemoryStore};
    use meta::query;
    use protocol::name::{AccountId, BucketName, ObjectKey};
    use protocol::time::Timestamp;
    use protocol::versioning::Versioning;

    use super::*;
    use crate::bell;
    use crate::disk::tests::block_on;

    fn create(name: &str) -> Command {
        Command::from(CreateBucket {
            name: BucketName::parse(name).expect("a bucket name"),
            created: Timestamp::from_millis(0),
            owner: AccountId::parse("000000000000").expect("an account"),
            versioning: Versioning::Unversioned,
            configs: Vec::new(),
        })
    }

    fn stages(store: &Arc<MemoryStore>) -> (ThreadMailbox, CommitStage, ReadStage) {
        let (ring, _) = bell::bell();
        let board = EpochBoard::new(1, Sequence::new(0));
        ThreadMailbox::new(store.clone(), board, Arc::new(Metrics::new(1)), ring)
    }

    #[test]
    fn closing_answers_what_was_sent_and_ends_the_stages_though_somebody_holds_a_mailbox() {
        let (mailbox, commit, read) = stages(&Arc::new(MemoryStore::new()));
        let answers: Vec<_> =
            ["one", "two"].map(|name| mailbox.commit(create(name))).into_iter().collect();
        mailbox.close(1);
        let commit = thread::spawn(move || commit.run());
        let read = thread::spawn(move || read.run());
        commit.join().expect("no panic").expect("no failure");
        read.join().expect("no panic");
        for answer in answers {
            let answer = futures_util::FutureExt::now_or_never(answer).expect("answered");
            assert!(matches!(answer, Ok(Reply::BucketCreated(_))), "{answer:?}");
        }
    }

    #[test]
    fn a_failed_batch_is_told_to_all_and_no_further_round_is_tried() {
        let store = Arc::new(MemoryStore::new());
        let (mailbox, commit, _) = stages(&store);
        store.fail_next_commit(Fate::Lost);
        let answers = ["one", "two"].map(|name| mailbox.commit(create(name)));
        mailbox.close(0);
        assert!(commit.run().is_err());
        for answer in answers {
            let answer = futures_util::FutureExt::now_or_never(answer).expect("answered");
            assert!(matches!(answer, Err(CatalogError::Failed(_))), "{answer:?}");
        }
    }

    #[test]
    fn turns_do_what_waits_and_never_block() {
        let store = Arc::new(MemoryStore::new());
        let (mailbox, commit, read) = stages(&store);
        assert_eq!((commit.turn(), read.turn()), (Ok(Turn::Idle), Turn::Idle));
        let answers = ["one", "two"].map(|name| mailbox.commit(create(name)));
        assert_eq!(commit.turn(), Ok(Turn::Worked), "both in one round");
        assert_eq!(commit.turn(), Ok(Turn::Idle));
        for answer in answers {
            let answer = futures_util::FutureExt::now_or_never(answer).expect("answered");
            assert!(matches!(answer, Ok(Reply::BucketCreated(_))), "{answer:?}");
        }
        store.fail_next_commit(Fate::Lost);
        let answers = ["three", "four"].map(|name| mailbox.commit(create(name)));
        assert!(commit.turn().is_err());
        for answer in answers {
            let answer = futures_util::FutureExt::now_or_never(answer).expect("answered");
            assert!(matches!(answer, Err(CatalogError::Failed(_))), "{answer:?}");
        }
        mailbox.close(1);
        assert_eq!((commit.turn(), read.turn()), (Ok(Turn::Closed), Turn::Closed));
    }

    #[test]
    fn a_command_of_many_keys_weighs_as_much_in_a_round() {
        let (mailbox, commit, _) = stages(&Arc::new(MemoryStore::new()));
        let made = mailbox.commit(create("bucket"));
        assert_eq!(commit.turn(), Ok(Turn::Worked));
        let made = futures_util::FutureExt::now_or_never(made).expect("answered");
        let Ok(Reply::BucketCreated(bucket)) = made else { panic!("{made:?}") };
        let some = |first: usize| {
            let names =
                (first..first + DELETE_KEYS_MAX).map(|at| ObjectKey::parse(&at.to_string()));
            let keys = names.map(|name| DeleteKey {
                key: name.expect("a key"),
                version: None,
                condition: DeleteCond::None,
                bypass: false,
            });
            let modified = Timestamp::from_millis(0);
            mailbox.commit(DeleteObjects { bucket, keys: keys.collect(), modified }.into())
        };
        let answers = [0, 1000, 2000].map(some);
        assert_eq!(commit.turn(), Ok(Turn::Worked));
        let [first, second, third] = answers.map(futures_util::FutureExt::now_or_never);
        assert!(first.is_some() && second.is_some() && third.is_none(), "256 keys a round");
        assert_eq!(commit.turn(), Ok(Turn::Worked));
        assert_eq!(commit.turn(), Ok(Turn::Idle));
    }

    #[test]
    fn a_question_that_panics_costs_nobody_else_the_answer() {
        let (mailbox, _, read) = stages(&Arc::new(MemoryStore::new()));
        let catalog = Catalog::new(std::rc::Rc::new(mailbox.clone()));
        let reader = thread::spawn(move || read.run());
        let broken =
            catalog.ask(|_store| -> Result<(), StoreError> { panic!("a broken question") });
        assert!(matches!(block_on(broken), Err(CatalogError::Failed(_))));
        let broken =
            catalog.look(|_store| -> Result<(), StoreError> { panic!("a broken question") });
        assert!(matches!(block_on(broken), Err(CatalogError::Failed(_))));
        assert_eq!(block_on(catalog.ask(|_store| Ok(7))), Ok(7));
        assert_eq!(block_on(catalog.look(|_store| Ok(7))), Ok(7));
        mailbox.close(1);
        reader.join().expect("the reader has ended in order");
    }

    #[test]
    fn a_look_asks_a_reader_only_for_what_memory_cannot_tell() {
        let store = Arc::new(MemoryStore::new());
        let (mailbox, commit, read) = stages(&store);
        let made = mailbox.commit(create("bucket"));
        assert_eq!(commit.turn(), Ok(Turn::Worked));
        assert!(futures_util::FutureExt::now_or_never(made).is_some());
        let catalog = Catalog::new(std::rc::Rc::new(mailbox));
        let look = || {
            let name = BucketName::parse("bucket").expect("a bucket name");
            let found = catalog.look(move |store| query::bucket(store, &name));
            async { found.await.map(|bucket| bucket.is_some()) }
        };
        assert_eq!(futures_util::FutureExt::now_or_never(look()), Some(Ok(true)));
        assert_eq!(read.turn(), Turn::Idle, "nobody was asked");

        store.set_forgetful(1, 1);
        let mut waiting = std::pin::pin!(look());
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(context).is_pending());
        assert_eq!(read.turn(), Turn::Worked);
        assert_eq!(waiting.as_mut().poll(context), std::task::Poll::Ready(Ok(true)));

        // The stages keep the store open, and nobody else.
        drop((store, commit, read));
        assert!(matches!(block_on(look()), Err(CatalogError::Failed(_))));
    }

    #[test]
    fn a_round_that_panics_ends_the_stage_and_leaves_nobody_waiting() {
        let (mailbox, commit, _) = stages(&Arc::new(MemoryStore::new()));
        let board = commit.board.clone();
        let stage = thread::spawn(move || commit.run());
        assert!(block_on(mailbox.commit(create("one"))).is_ok());
        // A board behind the store is a mistake of ours that a round does not put up with.
        board.publish(Sequence::new(0));
        let told = block_on(mailbox.commit(create("two")));
        assert!(matches!(told, Err(CatalogError::Failed(_))), "{told:?}");
        assert!(stage.join().expect("the panic was caught").is_err());
        let late = block_on(mailbox.commit(create("three")));
        assert!(matches!(late, Err(CatalogError::Failed(_))), "{late:?}");
    }
}
