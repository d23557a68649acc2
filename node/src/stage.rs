//! Room: what the stages (commit, flush, questions) have in common: they work in turns.
//!
//! In production each stage runs turn after turn on threads of its own and sleeps in between; a single-threaded
//! executor takes the turns itself, in whatever order it likes.

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
