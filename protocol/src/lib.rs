//! Room: the S3 protocol. What a request means, what an answer says, and every rule that can be
//! decided from values alone: names, ranges, conditions, checksums, signatures, framing, errors.
//!
//! May touch: values handed in. Must not: file, socket, clock, thread, random source; the crate is
//! `no_std`, so that the compiler refuses them. Time and randomness come in as arguments.
//!
//! Units: lengths and offsets in bytes, times in milliseconds since 1970 UTC. Ranges are half-open
//! inside and inclusive only on the wire.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod acl;
pub mod answer;
pub mod body;
pub mod checksum;
pub mod copy_source;
pub mod cors;
pub mod crc;
pub mod error;
pub mod etag;
pub mod lifecycle;
pub mod limits;
pub mod lock;
pub mod metadata;
pub mod name;
pub mod operation;
pub mod ownership;
pub mod part;
pub mod percent;
pub mod post;
pub mod precondition;
pub mod public_access;
pub mod range;
pub mod request;
pub mod route;
pub mod sign;
pub mod storage_class;
pub mod tagging;
pub mod time;
pub mod versioning;
pub mod xml;
