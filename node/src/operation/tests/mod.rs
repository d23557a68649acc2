//! The operations on a node in memory, against models of what S3 says.

mod checksums;
mod completes;
mod conditions;
mod configurations;
mod copies;
mod copy_object;
mod damage;
mod deletes;
mod lessons;
mod listings;
mod locks;
mod objects;
mod parts;
mod posts;
mod rewrites;
pub(crate) mod rules;
mod shared_parts;
mod space;
mod storage_classes;
mod uploads;
mod versions;

use crate::testing::TestNode;

/// Bytes that differ everywhere, by a seed.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn node_with_bucket() -> TestNode {
    let node = TestNode::new();
    assert_eq!(node.send("PUT", "/bkt", &[], b"").status, 200);
    node
}
