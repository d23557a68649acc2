//! Room: what the stages (commit, flush, questions) have in common: they work in turns.
//!
//! In production each stage runs turn after turn on threads of its own and sleeps in between; a single-threaded
//! executor takes the turns itself, in whatever order it likes.

use std::time::Duration;

/// How late a message is noticed at the latest.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The next message, waited for; `None` once nobody can send one any more. Looks again ten times a second: on a busy
/// machine a start in about seventy waited for ever although all had been said, and went on as soon as something
/// interrupted its threads.
pub(crate) fn wait_for<T>(inbox: &flume::Receiver<T>) -> Option<T> {
    loop {
        match inbox.recv_timeout(LOOK_AGAIN) {
            Ok(message) => return Some(message),
            Err(flume::RecvTimeoutError::Timeout) => {}
            Err(flume::RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// What one turn of a stage came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Something was waiting, and all of its askers have their answers.
    Worked,
    /// Nothing was waiting.
    Idle,
    /// The stage was closed, or nobody can send it anything any more: there is no further turn.
    Closed,
}

/// The next letter of a stage's inbox, without waiting for one; the turn that it comes to if there is none.
pub(crate) fn next_letter<T>(inbox: &flume::Receiver<Option<T>>) -> Result<T, Turn> {
    match inbox.try_recv() {
        Ok(Some(letter)) => Ok(letter),
        Ok(None) | Err(flume::TryRecvError::Disconnected) => Err(Turn::Closed),
        Err(flume::TryRecvError::Empty) => Err(Turn::Idle),
    }
}
