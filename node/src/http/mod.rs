//! Room: HTTP/1.1 on one shard: from an accepted socket to plain requests, and back.
//!
//! The only room that names hyper. [`connection`] is the story of one connection; [`watch`] cuts it when the
//! client dawdles; `framing` objects to what could be read in two ways; [`body`] and [`respond`] carry bodies in
//! and out without copying them.
//! Must not: know what a request means. That is `operation`, behind [`crate::shard::Handler`].

pub mod adapter;
mod body;
pub mod connection;
mod exchange_record;
mod framing;
mod head;
mod late;
pub mod listen;
mod pump;
mod respond;
pub mod tls;
pub mod watch;
