//! Room: the versions of a key: which one is the latest, where the others lie, and what comes and goes.
//!
//! Invariants: the latest version lies among the objects if it is data, and all others lie apart; what a key's head
//! counts and names is there. The version before one that goes is found by one seek that starts just behind that one:
//! never at the front of the key, where the marks of all lie that went before. Everything else is a look-up.

use protocol::name::{ObjectKey, VersionId};
use protocol::time::Timestamp;
use protocol::versioning::Versioning;

use super::bucket::{less, more};
use super::{Round, Stop};
use crate::command::{Deleted, NewObject, Refusal, Reply};
use crate::id::{BucketId, Generation};
use crate::key;
use crate::record::{
    BucketCounters, Content, MarkerRecord, ObjectRecord, Owner, PieceList, Record, VersionHead,
    VersionRecord,
};
use crate::store::{Space, StoreError};
use protocol::name::UploadId;

/// What a key names and what lies behind it, while a command changes it. What is counted is stored in the end.
pub(super) struct Chain {
    bucket: BucketId,
    key: ObjectKey,
    pub(super) counters: BucketCounters,
    /// The latest version, if it is data.
    pub(super) latest: Option<ObjectRecord>,
    head: VersionHead,
    /// Counters and head as they are stored.
    stored: (BucketCounters, VersionHead),
}

impl Chain {
    /// The latest version, if it is data: what names its bytes.
    pub(super) fn owner(&self) -> Owner {
        Owner::Object { bucket: self.bucket, key: self.key.clone() }
    }

    fn version_owner(&self, generation: Generation) -> Owner {
        Owner::Version { bucket: self.bucket, key: self.key.clone(), generation }
    }

    /// The latest version, if it is a delete marker.
    pub(super) fn marker(&self) -> Option<Generation> {
        self.head.marker
    }

    /// How many versions lie apart from the objects.
    pub(super) fn apart(&self) -> u64 {
        self.head.versions
    }

    fn at(&self) -> Vec<u8> {
        key::object(self.bucket, &self.key)
    }

    pub(super) fn version_at(&self, generation: Generation) -> Vec<u8> {
        key::version(self.bucket, &self.key, generation)
    }

    /// One version more lies apart.
    fn count(&mut self, generation: Generation, null: bool) -> Result<(), StoreError> {
        more(&mut self.head.versions, 1, VERSIONS)?;
        more(&mut self.counters.versions, 1, VERSIONS)?;
        if null {
            self.head.null = Some(generation);
        }
        Ok(())
    }

    /// One version less lies apart.
    fn discount(&mut self, generation: Generation) -> Result<(), StoreError> {
        less(&mut self.head.versions, 1, VERSIONS)?;
        less(&mut self.counters.versions, 1, VERSIONS)?;
        for named in [&mut self.head.null, &mut self.head.marker] {
            if *named == Some(generation) {
                *named = None;
            }
        }
        Ok(())
    }
}

impl Round<'_> {
    /// What the key names now. A bucket without versions costs no look-up more than its object.
    pub(super) fn open_chain(&self, bucket: BucketId, key: ObjectKey) -> Result<Chain, Stop> {
        let counters = self.bucket_counters(bucket)?;
        let latest = self.read(Space::Objects, &key::object(bucket, &key))?;
        let head = match counters.versioning {
            Versioning::Unversioned => VersionHead::default(),
            Versioning::Enabled | Versioning::Suspended => self.version_head(bucket, &key)?,
        };
        Ok(Chain { bucket, key, counters, latest, head, stored: (counters, head) })
    }

    /// What is counted of a key's other versions.
    pub(super) fn version_head(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<VersionHead, StoreError> {
        let stored = self.read(Space::Versions, &key::version_head(bucket, key))?;
        Ok(stored.unwrap_or_default())
    }

    /// Stores what was counted.
    fn close_chain(&mut self, chain: Chain) {
        let Chain { bucket, key, counters, head, stored, .. } = chain;
        if counters != stored.0 {
            self.set_bucket_counters(bucket, counters);
        }
        if head != stored.1 {
            let at = key::version_head(bucket, &key);
            match head.versions {
                0 => self.remove(Space::Versions, at),
                _ => self.write(Space::Versions, at, &head),
            }
        }
    }

    /// Makes room for a new latest version, data or marker: what goes, goes, and what stays moves apart.
    fn set_aside(&mut self, chain: &mut Chain) -> Result<(), StoreError> {
        match (chain.counters.versioning, chain.latest.take()) {
            (_, None) => {}
            (Versioning::Unversioned, Some(old)) => {
                self.discard_content(&chain.owner(), &old.content);
            }
            // S3: while versioning is suspended, the null version is overwritten.
            (Versioning::Suspended, Some(old)) if old.null => {
                self.discard_content(&chain.owner(), &old.content);
            }
            (Versioning::Enabled | Versioning::Suspended, Some(old)) => {
                chain.count(old.generation, old.null)?;
                self.rename(&chain.owner(), &chain.version_owner(old.generation), &old.content);
                let at = chain.version_at(old.generation);
                self.write(Space::Versions, at, &VersionRecord::Object(old));
            }
        }
        if chain.counters.versioning == Versioning::Suspended
            && let Some(null) = chain.head.null
        {
            let record = self.read_named(Space::Versions, &chain.version_at(null))?;
            self.purge(chain, &record)?;
        }
        chain.head.marker = None;
        Ok(())
    }

    /// Makes room for an object: lets go of the bytes of the one before, keeps it, or counts one more. The pieces of the
    /// new one come afterwards: they may name the same blobs, and the owner is the same.
    pub(super) fn make_room(&mut self, chain: &mut Chain) -> Result<(), StoreError> {
        if chain.latest.is_none() {
            more(&mut chain.counters.objects, 1, OBJECTS)?;
        }
        self.set_aside(chain)
    }

    /// Stores an object where there is room for it.
    pub(super) fn write_latest(
        &mut self,
        chain: Chain,
        object: NewObject,
        content: Content,
        upload: Option<UploadId>,
    ) -> Result<Reply, StoreError> {
        let generation = self.next_generation();
        let versioning = chain.counters.versioning;
        let NewObject {
            modified,
            len,
            etag,
            md5,
            fingerprint,
            checksum,
            metadata,
            tags,
            storage_class,
            lock,
        } = object;
        let record = ObjectRecord {
            generation,
            null: versioning != Versioning::Enabled,
            modified,
            len,
            etag,
            md5,
            fingerprint,
            checksum,
            upload,
            metadata,
            tags,
            storage_class,
            lock,
            content,
        };
        self.write(Space::Objects, chain.at(), &record);
        self.touch(&chain.counters, chain.bucket, &chain.key)?;
        self.close_chain(chain);
        let version = (versioning != Versioning::Unversioned).then(|| record.version());
        Ok(Reply::ObjectPut { generation, version })
    }

    /// Takes the key, or a version of it, away, unless the version is protected. `modified` is the present, too.
    pub(super) fn delete_from(
        &mut self,
        mut chain: Chain,
        version: Option<VersionId>,
        bypass: bool,
        modified: Timestamp,
    ) -> Result<Deleted, Stop> {
        let deleted = match (version, chain.counters.versioning) {
            (None | Some(VersionId::Null), Versioning::Unversioned) => {
                // S3: DeleteObject of a key that names nothing succeeds.
                let existed = chain.latest.is_some();
                if let Some(latest) = &chain.latest {
                    check_lock(latest, bypass, modified)?;
                    self.take_latest(&mut chain)?;
                }
                Deleted::Key { existed }
            }
            (Some(version), _) => self.delete_version(&mut chain, version, bypass, modified)?,
            (None, Versioning::Enabled | Versioning::Suspended) => {
                let version = self.put_marker(&mut chain, modified)?;
                Deleted::Marked { version }
            }
        };
        self.close_chain(chain);
        Ok(deleted)
    }

    /// S3: a simple DELETE in a bucket with versions, also of a key that never was.
    fn put_marker(
        &mut self,
        chain: &mut Chain,
        modified: Timestamp,
    ) -> Result<VersionId, StoreError> {
        if chain.latest.is_some() {
            less(&mut chain.counters.objects, 1, OBJECTS)?;
            self.remove(Space::Objects, chain.at());
        }
        self.set_aside(chain)?;
        let generation = self.next_generation();
        let null = chain.counters.versioning == Versioning::Suspended;
        let marker = MarkerRecord { generation, modified, null };
        chain.count(generation, null)?;
        chain.head.marker = Some(generation);
        self.write(Space::Versions, chain.version_at(generation), &VersionRecord::Marker(marker));
        self.touch(&chain.counters, chain.bucket, &chain.key)?;
        Ok(marker.version())
    }

    fn delete_version(
        &mut self,
        chain: &mut Chain,
        version: VersionId,
        bypass: bool,
        now: Timestamp,
    ) -> Result<Deleted, Stop> {
        let deleted = |marker, existed| Deleted::Version { version, marker, existed };
        if let Some(latest) = chain.latest.as_ref().filter(|latest| latest.version() == version) {
            check_lock(latest, bypass, now)?;
            self.take_latest(chain)?;
            return Ok(deleted(false, true));
        }
        let found = self.find_version(chain.bucket, &chain.key, &chain.head, version)?;
        let Some(record) = found else { return Ok(deleted(false, false)) };
        // A delete marker is never protected.
        if let VersionRecord::Object(object) = &record {
            check_lock(object, bypass, now)?;
        }
        let generation = record.generation();
        let was_latest = chain.head.marker == Some(generation);
        self.purge(chain, &record)?;
        if was_latest {
            self.touch(&chain.counters, chain.bucket, &chain.key)?;
            self.promote(chain, generation)?;
        }
        Ok(deleted(matches!(record, VersionRecord::Marker(_)), true))
    }

    /// A version of the key that lies apart from the objects.
    pub(super) fn find_version(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        head: &VersionHead,
        version: VersionId,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let generation = match version {
            VersionId::Null => head.null,
            VersionId::Number(number) => Some(Generation::new(number)),
        };
        let Some(generation) = generation else { return Ok(None) };
        let found: Option<VersionRecord> =
            self.read(Space::Versions, &key::version(bucket, key, generation))?;
        Ok(found.filter(|found| found.version() == version))
    }

    /// Takes the latest version, which is data, away for good.
    fn take_latest(&mut self, chain: &mut Chain) -> Result<(), StoreError> {
        let latest = chain.latest.take().expect("the latest version is data");
        self.remove(Space::Objects, chain.at());
        self.discard_content(&chain.owner(), &latest.content);
        less(&mut chain.counters.objects, 1, OBJECTS)?;
        self.touch(&chain.counters, chain.bucket, &chain.key)?;
        self.promote(chain, latest.generation)
    }

    /// Takes a version that lies apart away for good.
    fn purge(&mut self, chain: &mut Chain, record: &VersionRecord) -> Result<(), StoreError> {
        let generation = record.generation();
        chain.discount(generation)?;
        self.remove(Space::Versions, chain.version_at(generation));
        if let VersionRecord::Object(object) = record {
            self.discard_content(&chain.version_owner(generation), &object.content);
        }
        Ok(())
    }

    /// Makes the newest version that lies apart the latest one, after the latest, of `gone`, was taken away.
    fn promote(&mut self, chain: &mut Chain, gone: Generation) -> Result<(), StoreError> {
        if chain.head.versions == 0 {
            return Ok(());
        }
        let mut behind = chain.version_at(gone);
        behind.push(0);
        let all = key::version_head(chain.bucket, &chain.key);
        let next = self.under_from(Space::Versions, &all, &behind, 1)?;
        let Some((at, next)) = next.into_iter().next() else {
            return Err(StoreError::Corrupt(
                "a key has fewer versions than are counted".to_owned(),
            ));
        };
        let next = VersionRecord::decode(next)?;
        if at != chain.version_at(next.generation()) {
            let what = format!("a version has the place of another: {}", next.generation());
            return Err(StoreError::Corrupt(what));
        }
        match next {
            VersionRecord::Marker(marker) => chain.head.marker = Some(marker.generation),
            VersionRecord::Object(object) => {
                chain.discount(object.generation)?;
                more(&mut chain.counters.objects, 1, OBJECTS)?;
                let owner = chain.version_owner(object.generation);
                self.rename(&owner, &chain.owner(), &object.content);
                self.remove(Space::Versions, at);
                self.write(Space::Objects, chain.at(), &object);
            }
        }
        Ok(())
    }

    /// The record of `content` has another place.
    fn rename(&mut self, from: &Owner, to: &Owner, content: &Content) {
        if let Content::Pieces(PieceList::Short(pieces)) = content {
            self.disown(from, pieces);
            self.own(to, pieces);
        }
    }
}

/// Whether a version may be destroyed. S3: Object Lock.
fn check_lock(object: &ObjectRecord, bypass: bool, now: Timestamp) -> Result<(), Refusal> {
    if object.lock.protects(now, bypass) { Err(Refusal::Locked) } else { Ok(()) }
}

const OBJECTS: &str = "objects of a bucket";
const VERSIONS: &str = "versions of a key";
