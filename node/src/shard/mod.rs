//! Room: one core's world, seen from outside: what a shard gives to whoever serves requests on it, and what it
//! asks of them.
//!
//! Must not: name a runtime here; [`run`] does.
//! Invariants: nothing of a shard is seen by another thread but its counters and its two bounded channels.

use std::rc::Rc;
use std::sync::Arc;

use crate::exchange::{Request, Response};
use crate::metrics::Metrics;
use crate::seam::{Clock, Local, Random, Spawn};

pub mod hand_over;
pub(crate) mod pulse;
pub mod run;
mod sleep;

#[cfg(test)]
mod tests;

/// Serves the requests of one shard.
pub trait Handler {
    /// Answers one request. Cancel: dropping the future means that the client is gone; what must run to its
    /// end is spawned.
    fn serve(&self, request: Request) -> Local<'static, Response>;

    /// Runs when the last request of the shard is over, before the shard ends.
    fn close(&self) -> Local<'static, ()>;
}

/// What a shard offers to its [`Handler`].
pub struct Seat {
    /// The shard's number, from 0.
    pub index: usize,
    /// The number of shards.
    pub count: usize,
    /// Real time.
    pub clock: Rc<dyn Clock>,
    /// The operating system's generator.
    pub random: Rc<dyn Random>,
    /// Tasks that somebody waits for: heads, look-ups, acknowledgements.
    pub latency: Rc<dyn Spawn>,
    /// Tasks that move or hash many bytes; the others go first.
    pub bulk: Rc<dyn Spawn>,
    /// The node's figures.
    pub metrics: Arc<Metrics>,
}

/// Makes the handler of one shard, on that shard. An error keeps the node from starting.
pub type Factory =
    Arc<dyn Fn(Seat) -> Local<'static, Result<Rc<dyn Handler>, String>> + Send + Sync>;
