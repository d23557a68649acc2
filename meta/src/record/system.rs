//! Room: the counters that every identifier comes from.

use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::Sequence;

/// The last number of each kind that was handed out. 0: none yet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// The last round that changed something.
    pub sequence: u64,
    /// The last bucket.
    pub bucket: u64,
    /// The last manifest or long list of pieces.
    pub manifest: u64,
    /// The last folder.
    pub folder: u64,
    /// The last generation.
    pub generation: u64,
}

impl Counters {
    /// The last round that changed something.
    pub fn last_sequence(&self) -> Sequence {
        Sequence::new(self.sequence)
    }
}

impl Record for Counters {
    const NAME: &'static str = "counters";

    fn write(&self, to: &mut Writer) {
        for counter in [self.sequence, self.bucket, self.manifest, self.folder, self.generation] {
            to.u64(counter);
        }
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        let counter = |from: &mut Reader, field| {
            let last = from.u64(field)?;
            if last <= NUMBER_MAX { Ok(last) } else { Err(from.malformed(field)) }
        };
        Ok(Self {
            sequence: counter(from, "sequence")?,
            bucket: counter(from, "bucket")?,
            manifest: counter(from, "manifest")?,
            folder: counter(from, "folder")?,
            generation: counter(from, "generation")?,
        })
    }
}

/// Counting one by one gets nowhere near; a higher number is damage. A folder's still has room for its slots.
const NUMBER_MAX: u64 = 1 << 50;
