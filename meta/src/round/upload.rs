//! Room: commands on multipart uploads.

use protocol::part::PartNumber;

use super::bucket::{more, one_less};
use super::object::check;
use super::{Round, Stop};
use crate::command::{AbortUpload, CompleteUpload, CreateUpload, NewPart, PutPart, Refusal, Reply};
use crate::id::ManifestId;
use crate::key;
use crate::record::{
    Content, GarbageRecord, Manifest, ManifestEntry, ManifestPage, Owner, PartRecord, UploadRecord,
};
use crate::store::{Space, StoreError};

impl Round<'_> {
    pub(super) fn create_upload(&mut self, command: CreateUpload) -> Result<Reply, Stop> {
        let CreateUpload {
            bucket,
            key,
            upload_id,
            initiated,
            metadata,
            tags,
            storage_class,
            lock,
            checksum,
        } = command;
        let mut counters = self.bucket_counters(bucket)?;
        let at = key::upload(bucket, &key, &upload_id);
        if self.get(Space::Uploads, &at)?.is_some() {
            return Err(Refusal::UploadExists.into());
        }
        self.raise_open(bucket, &key)?;
        let manifest = self.next_manifest();
        let begun = self.next_generation();
        let record = UploadRecord {
            manifest,
            generation: begun,
            parts: 0,
            initiated,
            begun,
            bucket,
            key,
            checksum,
            metadata,
            tags,
            storage_class,
            lock,
        };
        self.write(Space::Uploads, at, &record);
        more(&mut counters.uploads, 1, "uploads of a bucket")?;
        self.set_bucket_counters(bucket, counters);
        Ok(Reply::UploadCreated(manifest))
    }

    pub(super) fn put_part(&mut self, command: PutPart) -> Result<Reply, Stop> {
        let PutPart { bucket, key, upload_id, part, pieces, blobs } = command;
        self.bucket_counters(bucket)?;
        let upload_at = key::upload(bucket, &key, &upload_id);
        let upload: Option<UploadRecord> = self.read(Space::Uploads, &upload_at)?;
        let mut upload = upload.ok_or(Refusal::NoSuchUpload)?;
        let at = key::part(upload.manifest, part.number);
        let old: Option<PartRecord> = self.read(Space::Parts, &at)?;
        let owner = Owner::Part { manifest: upload.manifest, number: part.number };
        // First what goes: the new pieces may name the same blobs, and the owner is the same.
        match old {
            Some(old) => self.discard_pieces(&owner, &old.pieces),
            None => upload.parts = upload.parts.checked_add(1).ok_or_else(miscounted)?,
        }
        let pieces = self.adopt(&owner, pieces, blobs, part.len)?;
        let generation = self.next_generation();
        upload.generation = generation;
        self.write(Space::Uploads, upload_at, &upload);
        let NewPart { number, modified, len, etag, md5, fingerprint, checksum } = part;
        let record = PartRecord {
            number,
            generation,
            modified,
            len,
            etag,
            md5,
            fingerprint,
            checksum,
            pieces,
        };
        self.write(Space::Parts, at, &record);
        Ok(Reply::PartPut { generation })
    }

    /// The parts stay where they are: the object adopts the upload's manifest.
    pub(super) fn complete_upload(&mut self, command: CompleteUpload) -> Result<Reply, Stop> {
        let CompleteUpload {
            bucket,
            key,
            upload_id,
            expected_generation,
            condition,
            object,
            listed,
            unlisted,
        } = command;
        self.bucket_counters(bucket)?;
        let upload_at = key::upload(bucket, &key, &upload_id);
        let upload: Option<UploadRecord> = self.read(Space::Uploads, &upload_at)?;
        let upload = upload.ok_or(Refusal::NoSuchUpload)?;
        if upload.generation != expected_generation {
            return Err(Refusal::UploadChanged.into());
        }
        let mut chain = self.open_chain(bucket, key)?;
        check(&condition, chain.latest.as_ref())?;
        self.check_untouched(&condition, &upload)?;
        if listed.len() + unlisted.len() != upload.parts as usize {
            return Err(miscounted().into());
        }
        let content = self.write_manifest(upload.manifest, &listed, object.len)?;
        if !unlisted.is_empty() {
            self.discard(&GarbageRecord::Parts { manifest: upload.manifest, numbers: unlisted });
        }
        self.remove(Space::Uploads, upload_at);
        one_less(&mut chain.counters.uploads, "uploads of a bucket")?;
        self.lower_open(bucket, &upload.key)?;
        self.make_room(&mut chain)?;
        Ok(self.write_latest(chain, object, content, Some(upload_id))?)
    }

    pub(super) fn abort_upload(&mut self, command: &AbortUpload) -> Result<Reply, Stop> {
        let mut counters = self.bucket_counters(command.bucket)?;
        let at = key::upload(command.bucket, &command.key, &command.upload_id);
        let upload: Option<UploadRecord> = self.read(Space::Uploads, &at)?;
        let upload = upload.ok_or(Refusal::NoSuchUpload)?;
        self.remove(Space::Uploads, at);
        self.discard_upload(&upload);
        one_less(&mut counters.uploads, "uploads of a bucket")?;
        self.lower_open(command.bucket, &command.key)?;
        self.set_bucket_counters(command.bucket, counters);
        Ok(Reply::Done)
    }

    /// Lets go of the parts of an upload whose record is removed.
    pub(super) fn discard_upload(&mut self, upload: &UploadRecord) {
        if upload.parts > 0 {
            self.discard(&GarbageRecord::Manifest { manifest: upload.manifest, next: 0, pages: 0 });
        }
    }

    fn write_manifest(
        &mut self,
        manifest: ManifestId,
        listed: &[(PartNumber, u64)],
        len: u64,
    ) -> Result<Content, StoreError> {
        assert!(!listed.is_empty(), "an object is made of one part at least");
        let sum = listed.iter().try_fold(0_u64, |sum, (_, len)| sum.checked_add(*len));
        if sum != Some(len) || !listed.is_sorted_by(|(a, _), (b, _)| a < b) {
            let what = format!("the parts of manifest {manifest} are no object of {len} bytes");
            return Err(StoreError::Corrupt(what));
        }
        let (mut page_starts, mut start) = (Vec::new(), 0_u64);
        for (page, parts) in (0..).zip(listed.chunks(Manifest::PAGE_PARTS)) {
            page_starts.push(start);
            let mut entries = Vec::with_capacity(parts.len());
            for (number, len) in parts {
                entries.push(ManifestEntry { number: *number, start, len: *len });
                start += len;
            }
            self.write(Space::Manifests, key::page(manifest, page), &ManifestPage { entries });
        }
        let parts = u32::try_from(listed.len()).expect("an upload has at most 10,000 parts");
        Ok(Content::Parts(Manifest { id: manifest, parts, page_starts }))
    }
}

fn miscounted() -> StoreError {
    StoreError::Corrupt("an upload's parts are miscounted".to_owned())
}
