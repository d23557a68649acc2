//! Room: how an accepted socket gets to the shard with the fewest connections.
//!
//! Invariants: never more connections than allowed, counted from the accept to the close by a [`Ticket`]; the
//! channel to a shard is bounded, and what does not fit is refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics::Metrics;

/// How many connections each shard has.
pub struct Loads {
    counts: Box<[AtomicUsize]>,
    connections_max: usize,
    metrics: Arc<Metrics>,
}

impl Loads {
    /// No connections on `shards` shards; `connections_max` for all together.
    pub fn new(shards: usize, connections_max: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        let counts = (0..shards).map(|_| AtomicUsize::new(0)).collect();
        Arc::new(Self { counts, connections_max, metrics })
    }

    /// Counts a new connection on the shard that has the fewest, or `None` if there are too many. Called by
    /// the one thread that accepts, so that two calls never race for the last place.
    pub fn admit(self: &Arc<Self>) -> Option<Ticket> {
        let counts = || self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        if counts().sum::<usize>() >= self.connections_max {
            self.metrics.connections_refused.add(1);
            return None;
        }
        let (shard, _fewest) = counts().enumerate().min_by_key(|(_, count)| *count)?;
        self.counts[shard].fetch_add(1, Ordering::Relaxed);
        self.metrics.connections.add(1);
        self.metrics.connections_open.add(1);
        self.metrics.shard(shard).connections_open.add(1);
        Some(Ticket { loads: Arc::clone(self), shard })
    }
}

/// One connection's place; dropping it makes room.
pub struct Ticket {
    loads: Arc<Loads>,
    shard: usize,
}

impl Ticket {
    /// The shard that serves the connection.
    pub fn shard(&self) -> usize {
        self.shard
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.loads.counts[self.shard].fetch_sub(1, Ordering::Relaxed);
        self.loads.metrics.connections_open.sub(1);
        self.loads.metrics.shard(self.shard).connections_open.sub(1);
    }
}

/// An accepted socket on its way to its shard.
pub struct Arrival<S> {
    /// The socket, in a form that can change threads.
    pub socket: S,
    /// The other end.
    pub peer: SocketAddr,
    /// Its place.
    pub ticket: Ticket,
}

/// Sockets that may wait for one shard to take them.
pub const ARRIVALS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_with_the_fewest_connections_gets_the_next() {
        let metrics = Arc::new(Metrics::new(3));
        let loads = Loads::new(3, 5, Arc::clone(&metrics));
        let mut tickets: Vec<Ticket> =
            (0..5).map(|_| loads.admit().expect("room for five")).collect();
        let shards: Vec<usize> = tickets.iter().map(Ticket::shard).collect();
        assert_eq!(shards, [0, 1, 2, 0, 1]);
        assert!(loads.admit().is_none());
        drop(tickets.remove(1));
        drop(tickets.remove(3));
        assert_eq!(loads.admit().expect("room again").shard(), 1);
        assert_eq!(metrics.connections_refused.get(), 1);
        assert_eq!(metrics.connections_open.get(), 3);
    }
}
