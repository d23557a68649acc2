//! Room: the linear algebra of the three CRCs of S3. From the CRCs of two pieces follows the CRC of
//! both together, and from those of the whole and of its beginning that of the rest, without a
//! look at the bytes: this is why a copied range needs no reading.
//!
//! All three are reflected, with all-ones start and final inversion; for these the CRC of `A‖B` is
//! `crc(A)·x^(8·len B) + crc(B)` in polynomials over GF(2) modulo the generator.
//!
//! Holds: per CRC 16 KiB of powers of x, made at compile time.
//! Source: RFC 3720 (CRC32C), ISO-HDLC (CRC32), NVM Express (CRC64NVME).

use crc_fast::CrcAlgorithm;

/// The CRC64NVME of `bytes`.
pub fn crc64nvme(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes)
}

/// The CRC32 of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    low_half(crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, bytes))
}

/// The CRC32C of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    low_half(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes))
}

/// The CRC64NVME of `A‖B` from those of A and B, and the length of B in bytes.
pub fn crc64nvme_combine(a: u64, b: u64, len_b: u64) -> u64 {
    CRC64NVME.shift(a, len_b) ^ b
}

/// The CRC32 of `A‖B` from those of A and B, and the length of B in bytes.
pub fn crc32_combine(a: u32, b: u32, len_b: u64) -> u32 {
    low_half(CRC32.shift(u64::from(a), len_b)) ^ b
}

/// The CRC32C of `A‖B` from those of A and B, and the length of B in bytes.
pub fn crc32c_combine(a: u32, b: u32, len_b: u64) -> u32 {
    low_half(CRC32C.shift(u64::from(a), len_b)) ^ b
}

/// The CRC64NVME of B from those of `whole` = `A‖B` and `prefix` = A, and the length of B in bytes.
pub fn crc64nvme_strip_prefix(whole: u64, prefix: u64, len_rest: u64) -> u64 {
    // Addition is its own opposite.
    crc64nvme_combine(prefix, whole, len_rest)
}

/// The CRC32 of B from those of `whole` = `A‖B` and `prefix` = A, and the length of B in bytes.
pub fn crc32_strip_prefix(whole: u32, prefix: u32, len_rest: u64) -> u32 {
    crc32_combine(prefix, whole, len_rest)
}

/// The CRC32C of B from those of `whole` = `A‖B` and `prefix` = A, and the length of B in bytes.
pub fn crc32c_strip_prefix(whole: u32, prefix: u32, len_rest: u64) -> u32 {
    crc32c_combine(prefix, whole, len_rest)
}

/// A 32-bit CRC out of the 64 bits in which it is computed.
#[expect(clippy::cast_possible_truncation, reason = "the upper half is zero: the modulus is x^32")]
pub(crate) fn low_half(crc: u64) -> u32 {
    debug_assert!(crc >> 32 == 0);
    crc as u32
}

static CRC64NVME: Field = Field::new(0x9A6C_9329_AC4B_C9B5, 64);
static CRC32: Field = Field::new(0xEDB8_8320, 32);
static CRC32C: Field = Field::new(0x82F6_3B78, 32);

/// Polynomials modulo one generator. An element stands reflected in the low `width` bits: the
/// highest of these is the coefficient of x^0, bit 0 that of x^(width-1).
struct Field {
    width: u32,
    /// `overflow[n]`: what the four bits `n`, pushed out by a multiplication by x^4, come to.
    overflow: [u64; 16],
    /// `powers[i][n]` = x^(8 · n · 256^i): one factor for each byte of a length.
    powers: [[u64; 256]; 8],
}

impl Field {
    /// `generator` is reflected, without its highest term.
    const fn new(generator: u64, width: u32) -> Self {
        let mut overflow = [0; 16];
        let mut n = 0;
        while n < 16 {
            let (mut bits, mut step) = (n as u64, 0);
            while step < 4 {
                bits = (bits >> 1) ^ (generator * (bits & 1));
                step += 1;
            }
            overflow[n] = bits;
            n += 1;
        }
        let one = 1 << (width - 1);
        let mut field = Self { width, overflow, powers: [[one; 256]; 8] };
        // x^8, the shift by one byte; to the power of 256 from one table to the next.
        let mut step = one >> 8;
        let mut i = 0;
        while i < 8 {
            let mut n = 1;
            while n < 256 {
                field.powers[i][n] = field.times(field.powers[i][n - 1], step);
                n += 1;
            }
            step = field.times(field.powers[i][255], step);
            i += 1;
        }
        field
    }

    /// The product, four bits of `a` at a time.
    const fn times(&self, a: u64, b: u64) -> u64 {
        // Of four bits of `a`, the highest is x^0 and the lowest x^3; b times each pair of them.
        let b1 = self.times_x(b);
        let b2 = self.times_x(b1);
        let b3 = self.times_x(b2);
        let (low, high) = ([0, b3, b2, b2 ^ b3], [0, b1, b, b ^ b1]);
        let mut sum = 0;
        let mut shift = 0;
        while shift < self.width {
            let bits = ((a >> shift) & 15) as usize;
            sum = (sum >> 4) ^ self.overflow[(sum & 15) as usize];
            sum ^= low[bits & 3] ^ high[bits >> 2];
            shift += 4;
        }
        sum
    }

    /// One step up. Bit 3 reaches x^width after four steps, so entry 8 is the generator itself.
    const fn times_x(&self, a: u64) -> u64 {
        (a >> 1) ^ self.overflow[8 * (a & 1) as usize]
    }

    /// `crc · x^(8 · len)`: the CRC moved past `len` bytes.
    fn shift(&self, crc: u64, len: u64) -> u64 {
        let mut shifted = crc;
        for (table, byte) in self.powers.iter().zip(len.to_le_bytes()) {
            if byte != 0 {
                shifted = self.times(shifted, table[usize::from(byte)]);
            }
        }
        shifted
    }
}

#[cfg(test)]
mod tests;
