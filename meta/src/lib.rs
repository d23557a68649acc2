//! Room: what exists: buckets, objects, uploads, parts, extents and block tables.
//!
//! Questions are functions of `query`; changes are the commands of `command`, evaluated by a `round::Round` into
//! one batch. Must not: know HTTP, files, threads or time; node decides when and on which thread to ask.
//! Holds: nothing but what the `store::Store` behind it holds. Invariants: `invariant` names them.
#![forbid(unsafe_code)]

mod codec;
pub mod command;
pub mod extent;
pub mod fingerprint;
pub mod id;
pub mod invariant;
pub mod key;
pub mod log_tail;
pub mod memory;
pub mod near;
pub mod query;
pub mod record;
pub mod repair;
pub mod rocks;
pub mod round;
pub mod store;
pub mod table;
#[cfg(test)]
mod testing;
