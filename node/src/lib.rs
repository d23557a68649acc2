//! Room: the machine. Shards, HTTP, blob files, copying, the command line.
//!
//! What S3 means is decided in `protocol`, what exists is kept in `meta`; this crate does things: it moves
//! bytes, orders the durable steps and answers. Operations are written against the seams
//! (`Disk`, `Store`, `Clock`, `Random`, the mailbox of `catalog`), never against glommio or hyper.

#![deny(unsafe_code)]

pub mod access_line;
pub mod admin;
pub mod admission;
pub mod ballast;
pub mod bell;
pub mod blob;
pub mod budget;
pub mod catalog;
pub mod collect;
pub mod config;
pub mod configs;
pub mod copy;
pub mod digest;
pub mod disk;
pub mod doctor;
pub mod epoch;
pub mod exchange;
pub mod flush;
pub mod format;
pub mod fsck;
pub mod host;
pub mod housekeeping;
pub mod http;
pub mod keys;
pub mod lease;
pub mod lifecycle;
pub mod limits;
pub mod line;
pub mod log;
pub mod machine;
pub mod metrics;
pub mod new_files;
pub mod notify;
pub mod operation;
pub mod recover;
pub mod reload;
pub mod rewrite;
pub mod seam;
pub mod serve;
pub mod shard;
pub mod stage;
pub mod start;
#[cfg(test)]
mod testing;
