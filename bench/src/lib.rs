//! Room: how fast it is. A load generator that speaks S3 to any endpoint, and micro-benches of pure code in `benches`.
//!
//! Must not: be depended on by anything; know the inside of a node. It speaks S3 and reads `protocol`, nothing else.
#![forbid(unsafe_code)]

pub mod measurement;
pub mod progress;
pub mod report;
