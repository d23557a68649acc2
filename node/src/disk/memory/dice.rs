//! Room: the choices of a disk in memory. All of them come from one seed, so that a run can be repeated.
//!
//! Invariant: 0 is always the kind choice, and the only one that a disk without a seed makes.

/// Where choices come from.
#[derive(Debug, Clone)]
pub(super) struct Dice(Option<u64>);

impl Dice {
    /// Dice that always fall on the kind side.
    pub(super) const fn kind() -> Self {
        Self(None)
    }

    pub(super) const fn of_seed(seed: u64) -> Self {
        Self(Some(seed))
    }

    /// Whether there is nothing to choose.
    pub(super) const fn is_kind(&self) -> bool {
        self.0.is_none()
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        assert!(sides > 0, "dice have sides");
        self.next().map_or(0, |number| number % sides)
    }

    /// Whether something unkind that happens once in two times happens.
    pub(super) fn flip(&mut self) -> bool {
        self.roll(2) == 1
    }

    /// A place in a list of `len` things.
    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.roll(len as u64)).expect("below a length")
    }

    /// Fills with what no writer has written.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            let random = self.next().unwrap_or(0).to_le_bytes();
            word.copy_from_slice(&random[..word.len()]);
        }
    }

    /// Brings things into any order.
    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        if !self.is_kind() {
            for at in (1..things.len()).rev() {
                things.swap(at, self.index(at + 1));
            }
        }
    }

    /// The generator `splitmix64`.
    fn next(&mut self) -> Option<u64> {
        let state = self.0.as_mut()?;
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(mixed ^ (mixed >> 31))
    }
}
