//! Room: tests of the CRCs: check values, and combining against one-shot and other implementations.

use alloc::vec;
use alloc::vec::Vec;

use crc_fast::{CrcAlgorithm, checksum_combine};
use proptest::prelude::*;

use super::*;

const CHECK: &[u8] = b"123456789";

#[test]
fn check_values() {
    assert_eq!(crc32(CHECK), 0xCBF4_3926);
    assert_eq!(crc32c(CHECK), 0xE306_9283);
    assert_eq!(crc64nvme(CHECK), 0xAE8B_1486_0A79_9888);
    assert_eq!((crc32(b""), crc32c(b""), crc64nvme(b"")), (0, 0, 0));
}

#[test]
fn castagnoli_agrees_with_another_implementation() {
    let bytes: Vec<u8> =
        (0..100_003_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    for len in [0, 1, 7, 8, 255, 4096, 65_537, bytes.len()] {
        assert_eq!(crc32c(&bytes[..len]), ::crc32c::crc32c(&bytes[..len]));
    }
}

#[test]
fn nothing_added_changes_nothing() {
    assert_eq!(crc64nvme_combine(0x0123_4567_89AB_CDEF, 0, 0), 0x0123_4567_89AB_CDEF);
    assert_eq!(crc32_combine(0x0123_4567, 0, 0), 0x0123_4567);
    assert_eq!(crc32c_combine(0, 0x89AB_CDEF, 0), 0x89AB_CDEF);
    assert_eq!(crc32c_combine(0, 0x89AB_CDEF, u64::MAX), 0x89AB_CDEF);
}

#[test]
fn every_window_of_a_length_counts() {
    // Lengths around each byte of the length up to 2^24, on real bytes.
    let zeros = vec![0; (1 << 24) + 2];
    for bits in 0..=24 {
        for len in [(1_usize << bits) - 1, 1 << bits, (1 << bits) + 1] {
            let b = &zeros[..len];
            let whole = [CHECK, b].concat();
            let len = len as u64;
            assert_eq!(crc64nvme_combine(crc64nvme(CHECK), crc64nvme(b), len), crc64nvme(&whole));
            assert_eq!(crc32_combine(crc32(CHECK), crc32(b), len), crc32(&whole));
            assert_eq!(crc32c_combine(crc32c(CHECK), crc32c(b), len), crc32c(&whole));
        }
    }
}

proptest! {
    #[test]
    fn any_split_combines_and_comes_apart(
        bytes in prop::collection::vec(any::<u8>(), 0..5000),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(bytes.len() + 1);
        let (a, b) = bytes.split_at(at);
        let len_b = b.len() as u64;

        let whole = crc64nvme(&bytes);
        prop_assert_eq!(crc64nvme_combine(crc64nvme(a), crc64nvme(b), len_b), whole);
        prop_assert_eq!(crc64nvme_strip_prefix(whole, crc64nvme(a), len_b), crc64nvme(b));

        let whole = crc32(&bytes);
        prop_assert_eq!(crc32_combine(crc32(a), crc32(b), len_b), whole);
        prop_assert_eq!(crc32_strip_prefix(whole, crc32(a), len_b), crc32(b));

        let whole = crc32c(&bytes);
        prop_assert_eq!(crc32c_combine(crc32c(a), crc32c(b), len_b), whole);
        prop_assert_eq!(crc32c_strip_prefix(whole, crc32c(a), len_b), crc32c(b));
    }

    #[test]
    fn any_length_agrees_with_other_implementations(a: u64, b: u64, bits in 0_u32..63, len: u64) {
        // With nothing behind it `b` has no meaning, and the others drop it.
        let len = (len >> bits).max(1);
        prop_assert_eq!(crc64nvme_combine(a, b, len), checksum_combine(CrcAlgorithm::Crc64Nvme, a, b, len));
        let (a, b) = (a & 0xffff_ffff, b & 0xffff_ffff);
        prop_assert_eq!(
            u64::from(crc32_combine(low_half(a), low_half(b), len)),
            checksum_combine(CrcAlgorithm::Crc32IsoHdlc, a, b, len)
        );
        prop_assert_eq!(
            crc32c_combine(low_half(a), low_half(b), len),
            ::crc32c::crc32c_combine(low_half(a), low_half(b), usize::try_from(len).unwrap())
        );
    }

    #[test]
    fn combining_is_associative(a: u64, b: u64, c: u64, len_b in 0_u64..1 << 62, len_c in 0_u64..1 << 62) {
        let left = crc64nvme_combine(crc64nvme_combine(a, b, len_b), c, len_c);
        let right = crc64nvme_combine(a, crc64nvme_combine(b, c, len_c), len_b + len_c);
        prop_assert_eq!(left, right);
    }
}
