//! Room: how fast it is. A load generator that speaks S3 to any endpoint, and micro-benches of pure code in `benches`.
//!
//! Must not: be depended on by anything; know the inside of a node. It speaks S3 and reads `protocol`, nothing else.
//! Order: `arguments` say what, `run` does it, `scenario` knows each piece of work, `load` the clients that do it;
//! `measurement` is what comes out.
#![forbid(unsafe_code)]

mod arrival;
mod client;
mod content;
mod counters;
mod endpoint;
mod http;
mod latency;
mod load;
mod scenario;
mod table;

pub mod arguments;
pub mod measurement;
pub mod progress;
pub mod report;
pub mod run;
