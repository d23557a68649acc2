//! Room: the compression function of MD5, for one stream or for several side by side, in the widest form that this
//! processor has, chosen at run time. All forms give the same.

#[cfg(target_arch = "x86_64")]
use super::x86::{Avx2, Avx512};

/// How many streams the widest kernel hashes side by side.
pub const LANES_MAX: usize = 16;

/// Bytes of a block of MD5.
pub(super) const BLOCK_LEN: usize = 64;

/// The four words that MD5 carries from block to block.
pub(super) type State = [u32; 4];

/// RFC 1321, 3.3.
pub(super) const INITIAL: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// One stream in a kernel's call.
pub struct Lane<'a> {
    /// Before and after the blocks.
    pub state: &'a mut [u32; 4],
    /// As many as every other lane of the call has.
    pub blocks: &'a [[u8; BLOCK_LEN]],
}

/// A way to hash blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kernel(Form);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// One stream after the other.
    Scalar,
    /// The same, in calls of so many streams.
    Simulated { lanes: usize, mixes_up: bool },
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Kernel {
    /// One stream after the other, on every processor.
    pub const SCALAR: Self = Self(Form::Scalar);

    /// Takes so many streams at a time on every processor, for simulations, whose runs must not depend on it. If it is to
    /// mix up the streams of a call, somebody must notice.
    ///
    /// # Panics
    /// If there is no lane.
    #[must_use]
    pub const fn simulated(lanes: usize, mixes_up: bool) -> Self {
        assert!(lanes > 0, "a stream needs a lane");
        Self(Form::Simulated { lanes, mixes_up })
    }

    /// The fastest that this processor can run.
    #[must_use]
    pub fn best() -> Self {
        Self::all_here().last().copied().unwrap_or(Self::SCALAR)
    }

    /// Every form that this processor can run, the fastest last.
    #[must_use]
    pub fn all_here() -> Vec<Self> {
        let mut forms = vec![Form::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            forms.extend(Avx2::detect().map(Form::Avx2));
            forms.extend(Avx512::detect().map(Form::Avx512));
        }
        forms.into_iter().map(Self).collect()
    }

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Form::Scalar => "scalar",
            Form::Simulated { .. } => "simulated",
            #[cfg(target_arch = "x86_64")]
            Form::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Form::Avx512(_) => "avx512",
        }
    }

    /// How many streams it takes at a time.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self.0 {
            Form::Scalar => 1,
            Form::Simulated { lanes, .. } => lanes,
            #[cfg(target_arch = "x86_64")]
            Form::Avx2(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Form::Avx512(_) => LANES_MAX,
        }
    }

    /// Hashes the blocks of each lane.
    ///
    /// # Panics
    /// If there are more lanes than [`Kernel::lanes`], or one has more or fewer blocks than the others.
    pub fn compress(self, lanes: &mut [Lane<'_>]) {
        assert!(lanes.len() <= self.lanes(), "no more lanes than there are");
        let count = lanes.first().map_or(0, |lane| lane.blocks.len());
        assert!(lanes.iter().all(|lane| lane.blocks.len() == count), "all have as many blocks");
        if let [lane] = lanes {
            return self.compress_one(lane.state, lane.blocks);
        }
        match self.0 {
            Form::Scalar => {}
            Form::Simulated { mixes_up, .. } => {
                lanes.iter_mut().for_each(|lane| self.compress_one(lane.state, lane.blocks));
                if let (true, [first, second, ..]) = (mixes_up, lanes) {
                    std::mem::swap(first.state, second.state);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Form::Avx2(form) => form.compress(lanes),
            #[cfg(target_arch = "x86_64")]
            Form::Avx512(form) => form.compress(lanes),
        }
    }

    /// Hashes the blocks of one stream.
    pub fn compress_one(self, state: &mut [u32; 4], blocks: &[[u8; BLOCK_LEN]]) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Form::Avx512(form) => form.compress_one(state, blocks),
            _ => md5::block_api::compress(state, blocks),
        }
    }
}
