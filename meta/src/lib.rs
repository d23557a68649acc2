//! What exists: buckets, objects, uploads, parts, extents and block tables.
//!
//! Synchronous, without HTTP: node decides when and on which thread to ask.
#![forbid(unsafe_code)]

pub mod fingerprint;
pub mod memory;
pub mod rocks;
pub mod store;
pub mod table;
