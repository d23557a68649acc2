//! Room: the listening socket: bind, accept, hand over.
//!
//! One shard accepts for all, so that each connection goes to the shard that has the fewest. Accepting shards
//! of their own with SO_REUSEPORT would spread few clients unevenly, and would let a second node share the
//! address unnoticed.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use protocol::error::S3Error;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use super::adapter::{self, Accepted};
use super::connection::Http;
use crate::log;
use crate::metrics::QueueLength;
use crate::shard::hand_over::{ARRIVALS_MAX, Arrival, Loads};

/// Binds and listens. Fails if anybody else listens on the address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // Not REUSEPORT: this one only skips the wait for connections of an earlier process.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // Whatever the host's default: `0.0.0.0` and `[::]` can be given beside each other.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// Stops listening. Dropping the socket would not do: an accept that the kernel has begun holds it open until
/// its cancellation has come through, and takes one more connection that nobody serves.
pub fn close(listener: &TcpListener) {
    if let Err(error) = rustix::net::shutdown(listener, rustix::net::Shutdown::Both) {
        log::warn("listener_not_closed", &[("error", &error)]);
    }
}

/// The way from the accepting shard to all shards.
#[derive(Clone)]
pub struct Doors {
    /// Who has how many connections.
    pub loads: Arc<Loads>,
    /// Each shard's channel.
    pub shards: Vec<flume::Sender<Arrival<Accepted>>>,
}

impl Doors {
    /// The sockets on their way to a shard, for the node's figures.
    pub fn length(&self) -> QueueLength {
        let capacity = self.shards.len() * ARRIVALS_MAX;
        let shards: Vec<_> = self.shards.iter().map(flume::Sender::downgrade).collect();
        let len = move || Some(shards.iter().filter_map(|one| Some(one.upgrade()?.len())).sum());
        QueueLength { queue: "arrivals", len: Box::new(len), capacity }
    }
}

/// Accepts until the future is dropped.
pub async fn accept(listener: TcpListener, doors: Doors, http: Rc<Http>) {
    let listener = adapter::adopt(listener);
    loop {
        match listener.shared_accept().await {
            Ok(accepted) => hand_over(accepted, &doors, &http),
            Err(error) => {
                // Out of descriptors, or a client that left at once: wait for better times.
                log::warn("accept", &[("error", &error)]);
                http.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
        http.clock.pause().await;
    }
}

fn hand_over(accepted: Accepted, doors: &Doors, http: &Rc<Http>) {
    let Ok(peer) = accepted.peer_addr() else {
        adapter::dismiss(accepted, &[]);
        return;
    };
    let Some(ticket) = doors.loads.admit() else {
        adapter::dismiss(accepted, &http.turn_away(peer, &S3Error::slow_down()));
        return;
    };
    let arrival = Arrival { socket: accepted, peer, ticket };
    if let Err(refused) = doors.shards[arrival.ticket.shard()].try_send(arrival) {
        http.metrics.connections_refused.add(1);
        let arrival = refused.into_inner();
        adapter::dismiss(arrival.socket, &http.turn_away(peer, &S3Error::slow_down()));
    }
}

const BACKLOG: i32 = 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn both_families_share_a_port_and_nobody_an_address() {
        let first = bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).unwrap();
        assert!(sockopt::ipv6_v6only(&first).unwrap(), "it would take the port of IPv4 too");
        let address = first.local_addr().unwrap();
        let taken = bind(address).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        let second = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())));
        assert_eq!(second.unwrap().local_addr().unwrap().port(), address.port());
    }
}
