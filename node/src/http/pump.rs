//! Room: the task that reads a stream ahead of its connection, one block.
//!
//! When others need the memory and the connection takes nothing, the task gives back the block that it has ready and
//! what the stream has read ahead; it reads them again when the connection asks.
//! Holds: one block, between the two. Cancel: the task ends when the connection lets go of [`Pumped`].

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use futures_util::future::{Either, select};

use crate::disk::Block;
use crate::exchange::{BlockSource, StreamError};
use crate::seam::Spawn;

/// The blocks of a stream that a task reads.
pub(super) struct Pumped(Rc<RefCell<Slot>>);

#[derive(Default)]
struct Slot {
    ready: Option<Result<Block, StreamError>>,
    /// Nothing follows what is ready.
    ended: bool,
    /// Nobody takes any more.
    dropped: bool,
    /// The connection, while it waits for a block.
    taker: Option<Waker>,
    /// The task, while it waits for the connection.
    giver: Option<Waker>,
}

impl Pumped {
    pub(super) fn start(source: Box<dyn BlockSource>, bulk: &dyn Spawn) -> Self {
        let slot = Rc::default();
        bulk.spawn(Box::pin(pump(source, Rc::clone(&slot))));
        Self(slot)
    }
}

impl Stream for Pumped {
    type Item = Result<Block, StreamError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut slot = self.0.borrow_mut();
        let next = slot.ready.take();
        let polled = match next {
            Some(block) => Poll::Ready(Some(block)),
            None if slot.ended => Poll::Ready(None),
            None => {
                slot.taker = Some(context.waker().clone());
                Poll::Pending
            }
        };
        let giver = slot.giver.take();
        drop(slot);
        wake(giver);
        polled
    }
}

impl Drop for Pumped {
    fn drop(&mut self) {
        let mut slot = self.0.borrow_mut();
        slot.dropped = true;
        let (ready, giver) = (slot.ready.take(), slot.giver.take());
        drop(slot);
        drop(ready);
        wake(giver);
    }
}

async fn pump(mut source: Box<dyn BlockSource>, slot: Rc<RefCell<Slot>>) {
    loop {
        let next = match select(source.next(), Box::pin(until(&slot, |_| false))).await {
            Either::Left((next, _)) => next,
            Either::Right(_nobody_takes) => return,
        };
        let more = matches!(next, Some(Ok(_)));
        put(&slot, next);
        if !more {
            return;
        }
        let taken = Box::pin(until(&slot, |slot| slot.ready.is_none()));
        let goes_on = match select(taken, source.asked_back()).await {
            Either::Left((goes_on, _)) => goes_on,
            Either::Right(((), _)) => {
                let taken_back = slot.borrow_mut().ready.take();
                drop(taken_back);
                source.give_back();
                until(&slot, |slot| slot.taker.is_some()).await
            }
        };
        if !goes_on {
            return;
        }
    }
}

/// Hands over what has come: a block, an error or the end.
fn put(slot: &RefCell<Slot>, next: Option<Result<Block, StreamError>>) {
    let mut slot = slot.borrow_mut();
    slot.ended = !matches!(next, Some(Ok(_)));
    slot.ready = next;
    let taker = slot.taker.take();
    drop(slot);
    wake(taker);
}

/// Waits for something that the connection does. False once it takes nothing any more.
async fn until(slot: &RefCell<Slot>, done: impl Fn(&Slot) -> bool) -> bool {
    poll_fn(|context| {
        let mut slot = slot.borrow_mut();
        if slot.dropped || done(&slot) {
            return Poll::Ready(!slot.dropped);
        }
        slot.giver = Some(context.waker().clone());
        Poll::Pending
    })
    .await
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::seam::Local;

    /// Blocks of one byte each, and whether somebody wants the memory of the one that is ready.
    #[derive(Default)]
    struct Script {
        next: Cell<u8>,
        asked: Cell<bool>,
        read: Cell<usize>,
    }

    struct Source(Rc<Script>);

    impl BlockSource for Source {
        fn next(&mut self) -> Local<'_, Option<Result<Block, StreamError>>> {
            let at = self.0.next.get();
            self.0.next.set(at + 1);
            self.0.read.set(self.0.read.get() + 1);
            let block = (at < 3).then(|| Ok(Block::from(bytes::Bytes::from(vec![at]))));
            Box::pin(std::future::ready(block))
        }

        fn asked_back(&self) -> Local<'static, ()> {
            let script = Rc::clone(&self.0);
            Box::pin(poll_fn(
                move |_| {
                    if script.asked.take() { Poll::Ready(()) } else { Poll::Pending }
                },
            ))
        }

        fn give_back(&mut self) {
            self.0.next.set(self.0.next.get() - 1);
        }
    }

    /// The task, and what the connection has of it.
    fn pumped(script: &Rc<Script>) -> (Local<'static, ()>, Pumped) {
        let slot: Rc<RefCell<Slot>> = Rc::default();
        let task = pump(Box::new(Source(Rc::clone(script))), Rc::clone(&slot));
        (Box::pin(task), Pumped(slot))
    }

    fn turn(task: &mut Local<'static, ()>) -> bool {
        task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// The block that is there: `None` if none is yet, `Some(None)` at the end.
    fn take(pumped: &mut Pumped) -> Option<Option<Vec<u8>>> {
        match Pin::new(pumped).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next.map(|block| block.expect("no error").to_vec())),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_block_is_ready_before_it_is_wanted() {
        let script = Rc::default();
        let (mut task, mut pumped) = pumped(&script);
        assert_eq!(take(&mut pumped), None);
        for at in 0..3 {
            assert!(!turn(&mut task) && !turn(&mut task));
            assert_eq!(script.read.get(), at + 1, "one ahead and no more");
            assert_eq!(take(&mut pumped), Some(Some(vec![u8::try_from(at).expect("small")])));
        }
        assert!(turn(&mut task), "it has come to the end");
        assert_eq!(take(&mut pumped), Some(None));
    }

    #[test]
    fn what_is_given_back_is_read_again_when_it_is_wanted() {
        let script: Rc<Script> = Rc::default();
        let (mut task, mut pumped) = pumped(&script);
        assert!(!turn(&mut task));
        script.asked.set(true);
        assert!(!turn(&mut task) && !turn(&mut task));
        assert_eq!((script.next.get(), script.read.get()), (0, 1), "nobody wants it");
        assert_eq!(take(&mut pumped), None);
        assert!(!turn(&mut task));
        assert_eq!(script.read.get(), 2);
        for at in 0..3 {
            assert_eq!(take(&mut pumped), Some(Some(vec![at])));
            turn(&mut task);
        }
        assert_eq!(take(&mut pumped), Some(None));
    }

    #[test]
    fn the_task_ends_with_the_connection() {
        for asked in [false, true] {
            let script: Rc<Script> = Rc::default();
            let (mut task, pumped) = pumped(&script);
            script.asked.set(asked);
            assert!(!turn(&mut task));
            drop(pumped);
            assert!(turn(&mut task));
            assert_eq!(Rc::strong_count(&script), 1, "the source is gone");
        }
    }
}
