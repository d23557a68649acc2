//! Room: the counters that every identifier comes from, and the running totals.

use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::Sequence;
use crate::record::BlobRecord;

/// How much space the blobs take, and how much of it is in use. Of blobs that have a record; what is taken is
/// about to go.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SpaceTotals {
    /// The length of all blobs in bytes.
    pub blob_bytes: u64,
    /// The length of all extents that name them, what several extents name counted several times.
    pub named_bytes: u64,
    /// What is kept of blobs although no extent names it, at least.
    pub slack_bytes: u64,
}

impl SpaceTotals {
    /// Puts `after` in the place of `before`. A damaged blob record may leave totals that are not true, but must
    /// not hold up what is done with the blob: they end at 0 and at the largest number.
    pub(crate) fn exchange(&mut self, before: Option<&BlobRecord>, after: Option<&BlobRecord>) {
        if let Some(BlobRecord { len, named, .. }) = before {
            self.blob_bytes = self.blob_bytes.saturating_sub(*len);
            self.named_bytes = self.named_bytes.saturating_sub(*named);
        }
        if let Some(BlobRecord { len, named, .. }) = after {
            self.blob_bytes = self.blob_bytes.saturating_add(*len);
            self.named_bytes = self.named_bytes.saturating_add(*named);
        }
        let slack = |blob: Option<&BlobRecord>| blob.map_or(0, BlobRecord::slack);
        self.slack_bytes =
            self.slack_bytes.saturating_sub(slack(before)).saturating_add(slack(after));
    }
}

/// The last number of each kind that was handed out. 0: none yet. And what is counted of the whole store.
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
    /// The space that blobs take.
    pub space: SpaceTotals,
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
        let SpaceTotals { blob_bytes, named_bytes, slack_bytes } = self.space;
        for total in [blob_bytes, named_bytes, slack_bytes] {
            to.u64(total);
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
            space: SpaceTotals {
                blob_bytes: from.u64("blob bytes")?,
                named_bytes: from.u64("named bytes")?,
                slack_bytes: from.u64("slack bytes")?,
            },
        })
    }
}

/// Counting one by one gets nowhere near; a higher number is damage. A folder's still has room for its slots.
pub(crate) const NUMBER_MAX: u64 = 1 << 50;
