//! Room: commands on buckets, and the leases of folders.

use super::{Round, Stop};
use crate::command::{
    CloseLease, CreateBucket, DeleteBucket, LeaseFolder, Refusal, Reply, SetConfig, SetVersioning,
};
use crate::id::{BucketId, FolderId};
use crate::key;
use crate::record::{
    BucketCounters, BucketRecord, ConfigKind, ConfigRecord, GarbageRecord, LeaseRecord,
};
use crate::store::{Space, StoreError};
use protocol::versioning::Versioning;

impl Round<'_> {
    pub(super) fn create_bucket(&mut self, command: &CreateBucket) -> Result<Reply, Stop> {
        let at = key::bucket(&command.name);
        if self.read::<BucketRecord>(Space::Buckets, &at)?.is_some() {
            return Err(Refusal::BucketExists.into());
        }
        self.numbers.counters.bucket += 1;
        let id = BucketId::new(self.numbers.counters.bucket);
        let CreateBucket { created, ref owner, versioning, ref configs, .. } = *command;
        let owner = owner.clone();
        let mut record = BucketRecord { id, created, owner, versioning, configs: Vec::new() };
        for (kind, document) in configs {
            self.put_config(&mut record, *kind, document.clone())?;
        }
        self.write(Space::Buckets, at, &record);
        self.set_bucket_counters(id, BucketCounters { versioning, ..BucketCounters::default() });
        Ok(Reply::BucketCreated(id))
    }

    /// The uploads stay where they are until their garbage record is expanded; without the bucket's counters no
    /// command reaches them.
    pub(super) fn delete_bucket(&mut self, command: &DeleteBucket) -> Result<Reply, Stop> {
        let at = key::bucket(&command.name);
        let record: Option<BucketRecord> = self.read(Space::Buckets, &at)?;
        let record = record.ok_or(Refusal::NoSuchBucket)?;
        let id = record.id;
        let counters_at = key::bucket_counters(id);
        let counters: BucketCounters = self.read_named(Space::Buckets, &counters_at)?;
        if counters.objects > 0 || counters.versions > 0 {
            return Err(Refusal::BucketNotEmpty.into());
        }
        self.remove(Space::Buckets, at);
        self.remove(Space::Buckets, counters_at);
        for (kind, _) in record.configs {
            self.remove(Space::Buckets, key::config(id, kind));
        }
        if counters.uploads > 0 {
            self.discard(&GarbageRecord::Bucket { bucket: id });
        }
        Ok(Reply::Done)
    }

    pub(super) fn set_versioning(&mut self, command: &SetVersioning) -> Result<Reply, Stop> {
        let SetVersioning { ref name, versioning } = *command;
        assert!(
            versioning != Versioning::Unversioned,
            "a bucket never comes to be without versions"
        );
        let at = key::bucket(name);
        let record: Option<BucketRecord> = self.read(Space::Buckets, &at)?;
        let mut record = record.ok_or(Refusal::NoSuchBucket)?;
        if versioning != Versioning::Enabled && record.config(ConfigKind::ObjectLock).is_some() {
            return Err(Refusal::ObjectLockNeedsVersioning.into());
        }
        let counters_at = key::bucket_counters(record.id);
        let mut counters: BucketCounters = self.read_named(Space::Buckets, &counters_at)?;
        (record.versioning, counters.versioning) = (versioning, versioning);
        self.write(Space::Buckets, at, &record);
        self.set_bucket_counters(record.id, counters);
        Ok(Reply::Done)
    }

    pub(super) fn set_config(&mut self, command: SetConfig) -> Result<Reply, Stop> {
        let SetConfig { name, kind, document } = command;
        let at = key::bucket(&name);
        let record: Option<BucketRecord> = self.read(Space::Buckets, &at)?;
        let mut record = record.ok_or(Refusal::NoSuchBucket)?;
        match document {
            Some(document) => self.put_config(&mut record, kind, document)?,
            None => {
                assert!(kind != ConfigKind::ObjectLock, "what could be locked stays so");
                if record.config(kind).is_none() {
                    return Ok(Reply::Done);
                }
                record.configs.retain(|(have, _)| *have != kind);
                self.remove(Space::Buckets, key::config(record.id, kind));
            }
        }
        self.write(Space::Buckets, at, &record);
        Ok(Reply::Done)
    }

    /// Gives a bucket, whose record the caller stores, a configuration in place of the one that it has.
    fn put_config(
        &mut self,
        record: &mut BucketRecord,
        kind: ConfigKind,
        document: String,
    ) -> Result<(), Stop> {
        if kind == ConfigKind::ObjectLock && record.versioning != Versioning::Enabled {
            return Err(Refusal::VersioningNeeded.into());
        }
        let generation = self.next_generation();
        record.configs.retain(|(have, _)| *have != kind);
        let place = record.configs.partition_point(|(have, _)| *have < kind);
        record.configs.insert(place, (kind, generation));
        let config = ConfigRecord { generation, document };
        self.write(Space::Buckets, key::config(record.id, kind), &config);
        Ok(())
    }

    pub(super) fn lease_folder(&mut self, command: &LeaseFolder) -> Reply {
        self.numbers.counters.folder += 1;
        let folder = FolderId::new(self.numbers.counters.folder);
        self.write(Space::Leases, key::lease(folder), &LeaseRecord { shard: command.shard });
        Reply::FolderLeased(folder)
    }

    pub(super) fn close_lease(&mut self, command: &CloseLease) -> Result<Reply, Stop> {
        let at = key::lease(command.folder);
        if self.read::<LeaseRecord>(Space::Leases, &at)?.is_some() {
            self.remove(Space::Leases, at);
        }
        Ok(Reply::Done)
    }

    /// How much is in a bucket that must be there.
    pub(super) fn bucket_counters(&self, bucket: BucketId) -> Result<BucketCounters, Stop> {
        let counters = self.read(Space::Buckets, &key::bucket_counters(bucket))?;
        Ok(counters.ok_or(Refusal::NoSuchBucket)?)
    }

    pub(super) fn set_bucket_counters(&mut self, bucket: BucketId, counters: BucketCounters) {
        self.write(Space::Buckets, key::bucket_counters(bucket), &counters);
    }
}

/// So many more of something that is counted. No true count comes near its end.
pub(super) fn more(count: &mut u64, by: u64, what: &str) -> Result<(), StoreError> {
    *count = count
        .checked_add(by)
        .ok_or_else(|| StoreError::Corrupt(format!("more {what} are counted than can be")))?;
    Ok(())
}

/// One less of something that is counted.
pub(super) fn one_less(count: &mut u64, what: &str) -> Result<(), StoreError> {
    less(count, 1, what)
}

/// So many less of something that is counted. There are as many, or the count is damaged.
pub(super) fn less(count: &mut u64, by: u64, what: &str) -> Result<(), StoreError> {
    *count = count
        .checked_sub(by)
        .ok_or_else(|| StoreError::Corrupt(format!("fewer {what} are counted than there are")))?;
    Ok(())
}
