//! Room: the commit round: commands in order, each applied as a whole or refused as a whole, one batch in the end.
//!
//! Must not: commit. Whoever runs the round commits the batch and answers only then.
//! Holds: an overlay of what the round has changed so far, over the store; each command sees those before it.
//! Invariants: a command that is refused or fails leaves no trace. No condition needs a scan: buckets and uploads
//! carry counters, blobs and tables counts of references. What loses its name becomes one garbage record under
//! the round's sequence, whatever its size; only `ReleaseGarbage` takes things apart, in steps.

mod blob;
mod bucket;
mod expire;
mod garbage;
mod manifest;
mod object;
mod open;
mod overlay;
mod rewrite;
mod tags;
mod upload;
mod version;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::overlay::Overlay;
use crate::command::{Command, Refusal, Reply};
use crate::id::{Generation, ManifestId, Sequence};
use crate::key::{self, GarbageKey};
use crate::query;
use crate::record::{Counters, GarbageRecord, Record};
use crate::store::{Batch, Space, Store, StoreError};

/// One round of commands over a store.
pub struct Round<'s> {
    store: &'s dyn Store,
    sequence: Sequence,
    numbers: Numbers,
    /// What the commands applied so far have changed.
    overlay: Overlay,
    /// What the command under way has changed.
    staged: Overlay,
}

/// Everything that is handed out by counting, so that a refused command can give it back.
#[derive(Clone, Copy)]
struct Numbers {
    counters: Counters,
    garbage: u32,
}

/// Why a command stops before its end.
enum Stop {
    Refused(Refusal),
    Store(StoreError),
}

impl<'s> Round<'s> {
    /// Begins a round on what is committed. `sequence` is above that of every round before.
    ///
    /// # Panics
    /// If it is not.
    pub fn begin(store: &'s dyn Store, sequence: Sequence) -> Result<Self, StoreError> {
        let counters = query::counters(store)?;
        assert!(sequence > counters.last_sequence(), "rounds are numbered upwards");
        Ok(Self {
            store,
            sequence,
            numbers: Numbers { counters, garbage: 0 },
            overlay: Overlay::default(),
            staged: Overlay::default(),
        })
    }

    /// The round's number.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Evaluates one command on the store and everything that this round has applied before it.
    ///
    /// [`StoreError::Corrupt`] concerns this command alone, which has left no trace; the round may go on. After
    /// [`StoreError::Failed`] it may not.
    pub fn apply(&mut self, command: Command) -> Result<Result<Reply, Refusal>, StoreError> {
        assert!(self.staged.is_empty(), "each command ends with its changes applied or dropped");
        let before = self.numbers;
        match self.evaluate(command) {
            Ok(reply) => {
                self.overlay.absorb(&mut self.staged);
                Ok(Ok(reply))
            }
            Err(stop) => {
                self.staged.clear();
                self.numbers = before;
                match stop {
                    Stop::Refused(refusal) => Ok(Err(refusal)),
                    Stop::Store(error) => Err(error),
                }
            }
        }
    }

    /// About how long the batch is in bytes: a round is bounded by this as well as by its commands.
    pub fn bytes(&self) -> usize {
        self.overlay.bytes()
    }

    /// Whether nothing has been changed, so that there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.overlay.is_empty()
    }

    /// The batch that makes all changes of the round at once, counters included; empty if there are none.
    pub fn finish(mut self) -> Batch {
        if !self.is_empty() {
            self.numbers.counters.sequence = self.sequence.get();
            let counters = self.numbers.counters;
            self.overlay.set(Space::System, key::counters(), Some(counters.encode()));
        }
        self.overlay.into_batch()
    }

    fn evaluate(&mut self, command: Command) -> Result<Reply, Stop> {
        match command {
            Command::CreateBucket(command) => self.create_bucket(&command),
            Command::DeleteBucket(command) => self.delete_bucket(&command),
            Command::SetVersioning(command) => self.set_versioning(&command),
            Command::SetConfig(command) => self.set_config(*command),
            Command::LeaseFolder(command) => Ok(self.lease_folder(&command)),
            Command::CloseLease(command) => self.close_lease(&command),
            Command::PutObject(command) => self.put_object(*command),
            Command::DeleteObject(command) => self.delete_object(*command),
            Command::DeleteObjects(command) => self.delete_objects(*command),
            Command::Expire(command) => self.expire(*command),
            Command::PutTags(command) => self.put_tags(*command),
            Command::DeleteTags(command) => self.delete_tags(*command),
            Command::SetLock(command) => self.set_lock(*command),
            Command::CreateUpload(command) => self.create_upload(*command),
            Command::PutPart(command) => self.put_part(*command),
            Command::CompleteUpload(command) => self.complete_upload(*command),
            Command::AbortUpload(command) => self.abort_upload(&command),
            Command::ReleaseGarbage(command) => self.release_garbage(&command),
            Command::TakeBlobs(command) => self.take_blobs(&command),
            Command::ForgetGarbage(command) => self.forget_garbage(&command),
            Command::RewriteBlob(command) => self.rewrite_blob(*command),
            Command::SettleSparse(command) => self.settle_sparse(&command),
        }
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.staged.get(space, key).or_else(|| self.overlay.get(space, key)) {
            Some(changed) => Ok(changed.clone()),
            None => self.store.get(space, key),
        }
    }

    fn read<R: Record>(&self, space: Space, key: &[u8]) -> Result<Option<R>, StoreError> {
        Ok(self.get(space, key)?.map(R::decode).transpose()?)
    }

    /// A record that another one names: missing is damage.
    fn read_named<R: Record>(&self, space: Space, key: &[u8]) -> Result<R, StoreError> {
        let named = self.read(space, key)?;
        named.ok_or_else(|| {
            StoreError::Corrupt(format!("a named {} is missing: {key:02x?}", R::NAME))
        })
    }

    fn write<R: Record>(&mut self, space: Space, key: Vec<u8>, record: &R) {
        self.staged.set(space, key, Some(record.encode()));
    }

    fn remove(&mut self, space: Space, key: Vec<u8>) {
        self.staged.set(space, key, None);
    }

    /// At most `max` entries whose keys begin with `prefix`, in order.
    fn under(
        &self,
        space: Space,
        prefix: &[u8],
        max: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        self.under_from(space, prefix, prefix, max)
    }

    /// At most `max` entries at or behind `from` whose keys begin with `prefix`, in order. Nothing before `from` is
    /// touched.
    fn under_from(
        &self,
        space: Space,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        overlay::under(self.store, &[&self.overlay, &self.staged], space, (prefix, from), max)
    }

    /// Remembers something that no name reaches any more.
    fn discard(&mut self, record: &GarbageRecord) {
        let at = GarbageKey { sequence: self.sequence, index: self.numbers.garbage };
        self.numbers.garbage += 1;
        self.write(Space::Garbage, key::garbage(at), record);
    }

    fn next_generation(&mut self) -> Generation {
        self.numbers.counters.generation += 1;
        Generation::new(self.numbers.counters.generation)
    }

    fn next_manifest(&mut self) -> ManifestId {
        self.numbers.counters.manifest += 1;
        ManifestId::new(self.numbers.counters.manifest)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
