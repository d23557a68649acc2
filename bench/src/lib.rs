//! Room: how fast it is. Micro-benches of pure code in `benches`; the load generator will live here.
//!
//! Must not: be depended on by anything. It speaks S3 to a node and reads `protocol`, nothing else.
