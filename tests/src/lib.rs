//! Room: what the tests across rooms share: a real node, file systems of their own, a client that can lie.
//!
//! Must not: know how the node works inside. Tests here see what clients and operators see: the S3 protocol,
//! the admin listener, processes, files and block devices.

pub mod block_device;
pub mod client;
pub mod content;
pub mod http;
pub mod loop_mount;
pub mod metrics;
pub mod node;
pub mod program;
pub mod random;
pub mod scratch;
pub mod skip;
pub mod source;
pub mod tls;
