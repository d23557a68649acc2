//! Room: making a damaged store sound again, for a node that does not run.
//!
//! What cannot be served whole is taken out, record by record, and handed to the caller to be written down first;
//! everything that follows from the rest (counts, owners, marks, totals, numbers) is made anew from it. Nothing that
//! is sound is touched.
//! Must not: know files; what lies on the disk comes in as [`Files`].
//! Invariants: a plan of a store that was repaired is empty; whatever part of a plan was carried out when the power
//! failed, the next plan does the rest, since what goes is written down and gone before what follows from it changes.
//! Memory: all records but the bytes of small objects, and a few words for each file.

mod buckets;
mod census;
mod counters;
mod judge;
mod rebuild;
mod touched;
mod versions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::range::ByteRange;

use self::census::Census;
use self::judge::Judge;
pub use self::touched::touched;
use crate::id::BlobId;
use crate::store::{Batch, Space, Store, StoreError};

/// What lies on the disk.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The length of each blob file.
    pub lens: BTreeMap<BlobId, u64>,
    /// Bytes of blobs that are not what was written, on the grid of blocks.
    pub bad: BTreeMap<BlobId, Vec<ByteRange>>,
    /// The highest number of a folder, or 0.
    pub last_folder: u64,
}

/// A record that is taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Where it is.
    pub space: Space,
    /// Its key.
    pub key: Bytes,
    /// What comes in its place, if anything does.
    pub replacement: Option<Bytes>,
    /// What it is, for people.
    pub what: String,
    /// Why it has to go.
    pub why: String,
    /// Whether clients know it: an object or another version, an upload, a part of an upload, a bucket.
    pub known: bool,
}

/// A value that follows from others and is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Where it is.
    pub space: Space,
    /// Its key.
    pub key: Bytes,
    /// What it must be; `None`: gone.
    pub value: Option<Bytes>,
    /// What is put right, for people.
    pub what: String,
}

/// What has to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Records to be taken out, or replaced because they cannot be read.
    pub removals: Vec<Removal>,
    /// What follows from the rest.
    pub fixes: Vec<Fix>,
    /// Those of [`Files::bad`] that something reads. What nobody reads does not matter.
    pub read: BTreeMap<BlobId, Vec<ByteRange>>,
}

/// A record that is about to be taken out, as it is stored.
#[derive(Debug)]
pub struct Taken<'a> {
    /// What is known of it.
    pub removal: &'a Removal,
    /// Its value.
    pub value: Bytes,
}

/// Looks at everything and says what has to be done. Nothing is changed.
///
/// # Errors
/// [`StoreError::Corrupt`] if the store cannot be read to its end: then nobody knows what is missing, and nothing
/// must be put right.
pub fn plan(store: &dyn Store, files: &Files) -> Result<Plan, StoreError> {
    let census = Census::take(store)?;
    let judged = Judge::judge(&census, files);
    rebuild::plan(store, &census, &judged, files)
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.fixes.is_empty()
    }

    /// Does it, in batches. `write_down` must have made what it is given durable when it returns.
    ///
    /// # Errors
    /// The first one; what was done until then is sound, and a new plan does the rest.
    pub fn carry_out(
        &self,
        store: &dyn Store,
        write_down: &mut dyn FnMut(&[Taken<'_>]) -> Result<(), String>,
    ) -> Result<(), String> {
        for removals in self.removals.chunks(BATCH_LEN) {
            let mut taken = Vec::with_capacity(removals.len());
            let mut batch = Batch::new();
            for removal in removals {
                let value = store.get(removal.space, &removal.key).map_err(|e| e.to_string())?;
                taken.extend(value.map(|value| Taken { removal, value }));
                match &removal.replacement {
                    Some(value) => batch.put(removal.space, removal.key.clone(), value.clone()),
                    None => batch.delete(removal.space, removal.key.clone()),
                }
            }
            write_down(&taken)?;
            store.commit(batch).map_err(|error| error.to_string())?;
        }
        for fixes in self.fixes.chunks(BATCH_LEN) {
            let mut batch = Batch::new();
            for fix in fixes {
                match &fix.value {
                    Some(value) => batch.put(fix.space, fix.key.clone(), value.clone()),
                    None => batch.delete(fix.space, fix.key.clone()),
                }
            }
            store.commit(batch).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// A blob as its file is called.
fn blob_name(blob: BlobId) -> String {
    format!("{:08x}/{:03x}", blob.folder().get(), blob.slot())
}

/// Changes in one batch. A page of pieces or of a table takes some 64 KiB at most.
const BATCH_LEN: usize = 256;
