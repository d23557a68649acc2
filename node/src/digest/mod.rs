//! Room: MD5 at the speed of many streams: those of a shard that wait at the same time are hashed side by side.
//!
//! [`Md5Lanes`] decides who is hashed with whom, [`Kernel`] hashes them, [`Md5Stream`] is what a stream of bytes holds.
//! Source: RFC 1321; plan section 7 (a stream's MD5 is sequential, the lanes of a vector are not).

mod kernel;
mod lanes;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::kernel::{Kernel, LANES_MAX, Lane};
pub use self::lanes::Md5Lanes;
pub use self::stream::Md5Stream;
