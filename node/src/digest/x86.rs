//! Room: MD5 in the vectors of x86-64: one stream in each 32-bit lane.
//!
//! The words of a block come transposed: vector `i` holds word `i` of every stream's block. What a step of MD5 needs
//! (RFC 1321, 3.4) is an instruction or two for all streams. The step is a chain of dependent instructions, so a
//! vector of 16 takes hardly longer than one of 8, and one stream in it is faster than the scalar code where
//! `vpternlogd` and `vprold` make the chain shorter.
//! May use unsafe: to load blocks into vectors, and to call what this processor was found to have.

#![expect(
    unsafe_code,
    reason = "loads vectors, and calls what the processor was found to have; see each SAFETY"
)]

use std::arch::asm;
use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_add_epi32, _mm_cvtsi32_si128, _mm_cvtsi128_si32, _mm_rol_epi32,
    _mm_set1_epi32, _mm_ternarylogic_epi32, _mm256_add_epi32, _mm256_and_si256,
    _mm256_andnot_si256, _mm256_loadu_si256, _mm256_or_si256, _mm256_permute2x128_si256,
    _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256, _mm512_add_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi32,
    _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::kernel::{BLOCK_LEN, Lane, State};

/// The four words of so many streams: all first words, all second ones, …
type Columns<const N: usize> = [[u32; N]; 4];

/// One block: 64 steps, and the sum with what the words were before. A step has the function of its round, a word of the
/// message, a rotation and a constant. The four words take turns, as RFC 1321 writes them.
macro_rules! rounds {
    ($f:ident $g:ident $h:ident $i:ident, $add:ident, $a:ident $b:ident $c:ident $d:ident, $w:ident) => {
        let before = ($a, $b, $c, $d);
        rounds!(@ $f $a $b $c $d $w, 7 12 17 22,
            0 0xd76a_a478, 1 0xe8c7_b756, 2 0x2420_70db, 3 0xc1bd_ceee,
            4 0xf57c_0faf, 5 0x4787_c62a, 6 0xa830_4613, 7 0xfd46_9501,
            8 0x6980_98d8, 9 0x8b44_f7af, 10 0xffff_5bb1, 11 0x895c_d7be,
            12 0x6b90_1122, 13 0xfd98_7193, 14 0xa679_438e, 15 0x49b4_0821);
        rounds!(@ $g $a $b $c $d $w, 5 9 14 20,
            1 0xf61e_2562, 6 0xc040_b340, 11 0x265e_5a51, 0 0xe9b6_c7aa,
            5 0xd62f_105d, 10 0x0244_1453, 15 0xd8a1_e681, 4 0xe7d3_fbc8,
            9 0x21e1_cde6, 14 0xc337_07d6, 3 0xf4d5_0d87, 8 0x455a_14ed,
            13 0xa9e3_e905, 2 0xfcef_a3f8, 7 0x676f_02d9, 12 0x8d2a_4c8a);
        rounds!(@ $h $a $b $c $d $w, 4 11 16 23,
            5 0xfffa_3942, 8 0x8771_f681, 11 0x6d9d_6122, 14 0xfde5_380c,
            1 0xa4be_ea44, 4 0x4bde_cfa9, 7 0xf6bb_4b60, 10 0xbebf_bc70,
            13 0x289b_7ec6, 0 0xeaa1_27fa, 3 0xd4ef_3085, 6 0x0488_1d05,
            9 0xd9d4_d039, 12 0xe6db_99e5, 15 0x1fa2_7cf8, 2 0xc4ac_5665);
        rounds!(@ $i $a $b $c $d $w, 6 10 15 21,
            0 0xf429_2244, 7 0x432a_ff97, 14 0xab94_23a7, 5 0xfc93_a039,
            12 0x655b_59c3, 3 0x8f0c_cc92, 10 0xffef_f47d, 1 0x8584_5dd1,
            8 0x6fa8_7e4f, 15 0xfe2c_e6e0, 6 0xa301_4314, 13 0x4e08_11a1,
            4 0xf753_7e82, 11 0xbd3a_f235, 2 0x2ad7_d2bb, 9 0xeb86_d391);
        ($a, $b) = ($add($a, before.0), $add($b, before.1));
        ($c, $d) = ($add($c, before.2), $add($d, before.3));
    };
    (@ $f:ident $a:ident $b:ident $c:ident $d:ident $w:ident, $s:literal $t:literal $u:literal $v:literal,
        $($m1:literal $k1:literal, $m2:literal $k2:literal,
          $m3:literal $k3:literal, $m4:literal $k4:literal),+) => {
        $(
            $a = $f::<$s, { 32 - $s }, $k1>($a, $b, $c, $d, $w[$m1]);
            $d = $f::<$t, { 32 - $t }, $k2>($d, $a, $b, $c, $w[$m2]);
            $c = $f::<$u, { 32 - $u }, $k3>($c, $d, $a, $b, $w[$m3]);
            $b = $f::<$v, { 32 - $v }, $k4>($b, $c, $d, $a, $w[$m4]);
        )+
    };
}

/// The steps of the four rounds where a function of three words is one instruction (its table is the literal), and so is
/// a rotation: `a = b + rotate(f(b, c, d) + (a + word + constant))`. What stands in brackets is known early.
macro_rules! ternary_steps {
    ($vector:ident, $features:literal, $register:ident,
        $add:ident $ternary:ident $rotate:ident $splat:ident) => {
        ternary_steps!(@ f 0xca $vector, $features, $register, $add $ternary $rotate $splat);
        ternary_steps!(@ g 0xe4 $vector, $features, $register, $add $ternary $rotate $splat);
        ternary_steps!(@ h 0x96 $vector, $features, $register, $add $ternary $rotate $splat);
        ternary_steps!(@ i 0x39 $vector, $features, $register, $add $ternary $rotate $splat);
    };
    (@ $name:ident $table:literal $vector:ident, $features:literal, $register:ident,
        $add:ident $ternary:ident $rotate:ident $splat:ident) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn $name<const LEFT: i32, const RIGHT: i32, const ADDEND: u32>(
            a: $vector,
            b: $vector,
            c: $vector,
            d: $vector,
            word: $vector,
        ) -> $vector {
            let mut early = $add($add(word, $splat(ADDEND.cast_signed())), a);
            // Keeps the compiler from adding the constant last, which makes the chain a fifth longer.
            // SAFETY: no instruction at all; the comment names the register, as the compiler asks for.
            unsafe {
                asm!("/* {0} */", inout($register) early, options(pure, nomem, nostack, preserves_flags));
            }
            $add(b, $rotate::<LEFT>($add(early, $ternary::<$table>(b, c, d))))
        }
    };
}

/// What vectors of several streams have in common: how they are loaded and stored, and the first half of turning rows
/// into words: in each quarter of vector `4 i + j`, word `j` of the four rows from `4 i` on side by side.
macro_rules! vectors {
    ($vector:ident of $lanes:literal, $bytes:literal, $features:literal, $load:ident $store:ident,
        $low32:ident $high32:ident $low64:ident $high64:ident) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn load_bytes(bytes: &[u8; $bytes]) -> $vector {
            // SAFETY: a vector's length of bytes is readable there; the load asks for no alignment.
            unsafe { $load(bytes.as_ptr().cast()) }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn load_words(words: &[u32; $lanes]) -> $vector {
            // SAFETY: a vector's length of words is readable there; the load asks for no alignment.
            unsafe { $load(words.as_ptr().cast()) }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn store(words: &mut [u32; $lanes], vector: $vector) {
            // SAFETY: a vector's length of words is writable there and ours alone; the store asks for no alignment.
            unsafe { $store(words.as_mut_ptr().cast(), vector) }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn in_quads(rows: &[$vector; $lanes]) -> [$vector; $lanes] {
            let mut quads = *rows;
            for quad in quads.as_chunks_mut::<4>().0 {
                let [low01, high01] = [$low32(quad[0], quad[1]), $high32(quad[0], quad[1])];
                let [low23, high23] = [$low32(quad[2], quad[3]), $high32(quad[2], quad[3])];
                *quad = [
                    $low64(low01, low23),
                    $high64(low01, low23),
                    $low64(high01, high23),
                    $high64(high01, high23),
                ];
            }
            quads
        }
    };
}

/// This processor has AVX-512 (F and VL).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        has.then_some(Self(()))
    }

    /// The lanes must have the same number of blocks, and be 16 at most.
    pub(super) fn compress(self, lanes: &mut [Lane<'_>]) {
        let (mut columns, blocks) = gather::<16>(lanes);
        // SAFETY: an `Avx512` is made only where the processor has what the function is compiled for.
        unsafe { wide::compress(&mut columns, &blocks) };
        scatter(lanes, &columns);
    }

    pub(super) fn compress_one(self, state: &mut State, blocks: &[[u8; BLOCK_LEN]]) {
        // SAFETY: an `Avx512` is made only where the processor has what the function is compiled for.
        unsafe { single::compress(state, blocks) };
    }
}

/// This processor has AVX2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// The lanes must have the same number of blocks, and be 8 at most.
    pub(super) fn compress(self, lanes: &mut [Lane<'_>]) {
        let (mut columns, blocks) = gather::<8>(lanes);
        // SAFETY: an `Avx2` is made only where the processor has what the function is compiled for.
        unsafe { middle::compress(&mut columns, &blocks) };
        scatter(lanes, &columns);
    }
}

/// The states in columns, and the blocks. Lanes that nobody is in do the work of the first one again.
fn gather<'a, const N: usize>(lanes: &[Lane<'a>]) -> (Columns<N>, [&'a [[u8; BLOCK_LEN]]; N]) {
    let mut columns = [[0; N]; 4];
    let mut blocks: [&[[u8; BLOCK_LEN]]; N] = [lanes.first().map_or(&[], |lane| lane.blocks); N];
    for (at, lane) in lanes.iter().enumerate() {
        blocks[at] = lane.blocks;
        for (column, word) in columns.iter_mut().zip(*lane.state) {
            column[at] = word;
        }
    }
    (columns, blocks)
}

fn scatter<const N: usize>(lanes: &mut [Lane<'_>], columns: &Columns<N>) {
    for (at, lane) in lanes.iter_mut().enumerate() {
        for (word, column) in lane.state.iter_mut().zip(columns) {
            *word = column[at];
        }
    }
}

/// One stream, in the lowest lane of the smallest vectors.
mod single {
    use super::*;

    ternary_steps!(__m128i, "avx512f,avx512vl", xmm_reg,
        _mm_add_epi32 _mm_ternarylogic_epi32 _mm_rol_epi32 _mm_set1_epi32);

    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn compress(state: &mut State, blocks: &[[u8; BLOCK_LEN]]) {
        let [mut a, mut b, mut c, mut d] = state.map(|word| _mm_cvtsi32_si128(word.cast_signed()));
        for block in blocks {
            let mut w = [_mm_set1_epi32(0); 16];
            for (vector, word) in w.iter_mut().zip(block.as_chunks().0) {
                *vector = _mm_cvtsi32_si128(i32::from_le_bytes(*word));
            }
            rounds!(f g h i, _mm_add_epi32, a b c d, w);
        }
        *state = [a, b, c, d].map(|word| _mm_cvtsi128_si32(word).cast_unsigned());
    }
}

/// 16 streams in AVX-512.
mod wide {
    use super::*;

    ternary_steps!(__m512i, "avx512f", zmm_reg,
        _mm512_add_epi32 _mm512_ternarylogic_epi32 _mm512_rol_epi32 _mm512_set1_epi32);
    vectors!(__m512i of 16, 64, "avx512f", _mm512_loadu_si512 _mm512_storeu_si512,
        _mm512_unpacklo_epi32 _mm512_unpackhi_epi32 _mm512_unpacklo_epi64 _mm512_unpackhi_epi64);

    #[target_feature(enable = "avx512f")]
    pub(super) fn compress(columns: &mut Columns<16>, blocks: &[&[[u8; BLOCK_LEN]]; 16]) {
        let [mut a, mut b, mut c, mut d] = [
            load_words(&columns[0]),
            load_words(&columns[1]),
            load_words(&columns[2]),
            load_words(&columns[3]),
        ];
        for at in 0..blocks[0].len() {
            let mut rows = [_mm512_set1_epi32(0); 16];
            for (row, blocks) in rows.iter_mut().zip(blocks) {
                *row = load_bytes(&blocks[at]);
            }
            let w = transpose(&rows);
            rounds!(f g h i, _mm512_add_epi32, a b c d, w);
        }
        for (column, vector) in columns.iter_mut().zip([a, b, c, d]) {
            store(column, vector);
        }
    }

    /// Word `i` of every row becomes vector `i`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transpose(rows: &[__m512i; 16]) -> [__m512i; 16] {
        let (mut words, quads) = (*rows, in_quads(rows));
        // Quarter `q` of the four vectors of word `j` together is word `4 q + j` of all rows.
        for j in 0..4 {
            let [p, q, r, s] = [quads[j], quads[4 + j], quads[8 + j], quads[12 + j]];
            let [front_pq, back_pq] =
                [_mm512_shuffle_i32x4::<0x44>(p, q), _mm512_shuffle_i32x4::<0xee>(p, q)];
            let [front_rs, back_rs] =
                [_mm512_shuffle_i32x4::<0x44>(r, s), _mm512_shuffle_i32x4::<0xee>(r, s)];
            words[j] = _mm512_shuffle_i32x4::<0x88>(front_pq, front_rs);
            words[4 + j] = _mm512_shuffle_i32x4::<0xdd>(front_pq, front_rs);
            words[8 + j] = _mm512_shuffle_i32x4::<0x88>(back_pq, back_rs);
            words[12 + j] = _mm512_shuffle_i32x4::<0xdd>(back_pq, back_rs);
        }
        words
    }
}

/// 8 streams in AVX2.
mod middle {
    use super::*;

    vectors!(__m256i of 8, 32, "avx2", _mm256_loadu_si256 _mm256_storeu_si256,
        _mm256_unpacklo_epi32 _mm256_unpackhi_epi32 _mm256_unpacklo_epi64 _mm256_unpackhi_epi64);

    /// The steps of a round whose function of three words is this expression.
    macro_rules! steps {
        ($name:ident, $b:ident $c:ident $d:ident, $mixed:expr) => {
            #[inline]
            #[target_feature(enable = "avx2")]
            fn $name<const LEFT: i32, const RIGHT: i32, const ADDEND: u32>(
                a: __m256i,
                $b: __m256i,
                $c: __m256i,
                $d: __m256i,
                word: __m256i,
            ) -> __m256i {
                let addend = _mm256_set1_epi32(ADDEND.cast_signed());
                let known = _mm256_add_epi32(_mm256_add_epi32(word, addend), a);
                let sum = _mm256_add_epi32(known, $mixed);
                let (left, right) =
                    (_mm256_slli_epi32::<LEFT>(sum), _mm256_srli_epi32::<RIGHT>(sum));
                _mm256_add_epi32($b, _mm256_or_si256(left, right))
            }
        };
    }
    steps!(f, b c d, _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d))));
    steps!(g, b c d, _mm256_or_si256(_mm256_and_si256(d, b), _mm256_andnot_si256(d, c)));
    steps!(h, b c d, _mm256_xor_si256(_mm256_xor_si256(c, d), b));
    steps!(i, b c d, _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, _mm256_set1_epi32(-1)))));

    #[target_feature(enable = "avx2")]
    pub(super) fn compress(columns: &mut Columns<8>, blocks: &[&[[u8; BLOCK_LEN]]; 8]) {
        let [mut a, mut b, mut c, mut d] = [
            load_words(&columns[0]),
            load_words(&columns[1]),
            load_words(&columns[2]),
            load_words(&columns[3]),
        ];
        for at in 0..blocks[0].len() {
            let mut halves = [[_mm256_set1_epi32(0); 8]; 2];
            for (lane, blocks) in blocks.iter().enumerate() {
                for (half, bytes) in halves.iter_mut().zip(blocks[at].as_chunks().0) {
                    half[lane] = load_bytes(bytes);
                }
            }
            let halves = [transpose(&halves[0]), transpose(&halves[1])];
            let w = halves.as_flattened();
            rounds!(f g h i, _mm256_add_epi32, a b c d, w);
        }
        for (column, vector) in columns.iter_mut().zip([a, b, c, d]) {
            store(column, vector);
        }
    }

    /// Word `i` of every row becomes vector `i`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn transpose(rows: &[__m256i; 8]) -> [__m256i; 8] {
        let (mut words, quads) = (*rows, in_quads(rows));
        for j in 0..4 {
            words[j] = _mm256_permute2x128_si256::<0x20>(quads[j], quads[4 + j]);
            words[4 + j] = _mm256_permute2x128_si256::<0x31>(quads[j], quads[4 + j]);
        }
        words
    }
}
