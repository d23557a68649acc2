//! Room: taking garbage apart, blob by blob.
//!
//! Each command does a bounded amount and leaves a record of exactly what is left, in the same batch: a crash
//! between two of them loses nothing and repeats nothing. The way of a blob: unreferenced (marked; may still be
//! shared again) → taken (no record; its file is to be unlinked) → forgotten.

use super::bucket::one_less;
use super::{Round, Stop};
use crate::command::{ForgetGarbage, ReleaseGarbage, Reply, TakeBlobs};
use crate::id::{BlobId, BucketId, ManifestId, TableId};
use crate::key::{self, GarbageKey};
use crate::record::{
    BlobRecord, GarbageRecord, Owner, PartRecord, Piece, PieceList, PiecePage, Record, Since,
    TableHead, UploadRecord,
};
use crate::store::{Space, StoreError};
use protocol::part::PartNumber;

/// Up to this many pages of a block table go together with its head.
const TABLE_PAGES_AT_ONCE: u32 = 16;

/// How many parts or uploads are looked up at a time.
const LOOK_UP_MAX: u32 = 64;

/// A release under way.
struct Release {
    left: u32,
    unreferenced: Vec<BlobId>,
}

impl Release {
    /// Counts one thing done.
    fn step(&mut self) {
        self.left = self.left.saturating_sub(1);
    }
}

impl Round<'_> {
    pub(super) fn release_garbage(&mut self, command: &ReleaseGarbage) -> Result<Reply, Stop> {
        let mut release = Release { left: command.steps.max(1), unreferenced: Vec::new() };
        let mut finished = 0;
        for at in &command.at {
            let (numbers, candidates) = (self.numbers, release.unreferenced.len());
            match self.release_record(&mut release, *at) {
                Ok(true) => finished += 1,
                Ok(false) => break,
                // Those before it are whole; this one is as if it had not been asked for.
                Err(StoreError::Corrupt(_)) if finished > 0 => {
                    self.staged.clear();
                    self.numbers = numbers;
                    release.unreferenced.truncate(candidates);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
            self.overlay.absorb(&mut self.staged);
        }
        Ok(Reply::Released { finished, unreferenced: release.unreferenced })
    }

    /// Expands one record; says whether it is gone.
    fn release_record(
        &mut self,
        release: &mut Release,
        at: GarbageKey,
    ) -> Result<bool, StoreError> {
        if release.left == 0 {
            return Ok(false);
        }
        let at = key::garbage(at);
        let Some(record) = self.read::<GarbageRecord>(Space::Garbage, &at)? else {
            return Ok(true);
        };
        let rest = match record {
            GarbageRecord::Pieces { extents } => self.release_extents(release, extents)?,
            GarbageRecord::List { list, next, pages } => {
                self.release_list(release, list, next, pages)?
            }
            GarbageRecord::Manifest { manifest, next, pages } => {
                self.release_manifest(release, manifest, next, pages)?
            }
            GarbageRecord::Parts { manifest, numbers } => {
                self.release_parts(release, manifest, numbers)?
            }
            GarbageRecord::Bucket { bucket } => self.release_bucket(release, bucket)?,
            GarbageRecord::Table { table, next, pages } => {
                self.release_table(release, table, next, pages)
            }
        };
        let finished = rest.is_none();
        match rest {
            None => self.remove(Space::Garbage, at),
            Some(rest) => self.write(Space::Garbage, at, &rest),
        }
        Ok(finished)
    }

    pub(super) fn take_blobs(&mut self, command: &TakeBlobs) -> Result<Reply, Stop> {
        let mut taken = Vec::new();
        for blob in &command.blobs {
            if self.take_blob(*blob)? {
                taken.push(*blob);
            }
        }
        Ok(Reply::BlobsTaken(taken))
    }

    /// Whether the blob could be taken.
    fn take_blob(&mut self, blob: BlobId) -> Result<bool, StoreError> {
        let mark = key::unreferenced(blob);
        let Some(record) = self.read::<BlobRecord>(Space::Blobs, &key::blob(blob))? else {
            return match self.get(Space::Garbage, &mark)? {
                None => Ok(false),
                Some(_) => Err(StoreError::Corrupt(format!("blob {blob} is marked, not there"))),
            };
        };
        if record.refs > 0 {
            return Ok(false);
        }
        self.set_blob(blob, Some(&record), None);
        self.remove(Space::Garbage, mark);
        let since = Since { sequence: self.sequence };
        self.write(Space::Garbage, key::taken(blob), &since);
        self.lower_table(record.table)?;
        Ok(true)
    }

    pub(super) fn forget_garbage(&mut self, command: &ForgetGarbage) -> Result<Reply, Stop> {
        for blob in &command.blobs {
            let at = key::taken(*blob);
            if self.get(Space::Garbage, &at)?.is_some() {
                self.remove(Space::Garbage, at);
            }
        }
        Ok(Reply::Done)
    }

    fn release_extents(
        &mut self,
        release: &mut Release,
        mut extents: Vec<(BlobId, u64)>,
    ) -> Result<Option<GarbageRecord>, StoreError> {
        while release.left > 0 {
            let Some((blob, len)) = extents.pop() else { break };
            self.release_extent(release, blob, len)?;
        }
        Ok((!extents.is_empty()).then_some(GarbageRecord::Pieces { extents }))
    }

    fn release_extent(
        &mut self,
        release: &mut Release,
        blob: BlobId,
        len: u64,
    ) -> Result<(), StoreError> {
        release.step();
        if self.lower(blob, len)? {
            release.unreferenced.push(blob);
        }
        Ok(())
    }

    /// Pieces of a record that is gone.
    fn release_pieces(
        &mut self,
        release: &mut Release,
        owner: &Owner,
        pieces: &[Piece],
    ) -> Result<(), StoreError> {
        self.disown(owner, pieces);
        for extent in pieces.iter().filter_map(Piece::extent) {
            self.release_extent(release, extent.blob, extent.len)?;
        }
        Ok(())
    }

    fn release_list(
        &mut self,
        release: &mut Release,
        list: ManifestId,
        mut next: u32,
        pages: u32,
    ) -> Result<Option<GarbageRecord>, StoreError> {
        while release.left > 0 && next < pages {
            release.step();
            let at = key::page(list, next);
            let page: PiecePage = self.read_named(Space::Pieces, &at)?;
            self.release_pieces(release, &Owner::Page { list, page: next }, &page.pieces)?;
            self.remove(Space::Pieces, at);
            next += 1;
        }
        Ok((next < pages).then_some(GarbageRecord::List { list, next, pages }))
    }

    fn release_manifest(
        &mut self,
        release: &mut Release,
        manifest: ManifestId,
        next: u32,
        pages: u32,
    ) -> Result<Option<GarbageRecord>, StoreError> {
        let names = self.manifest_names(manifest)?;
        if names > 1 {
            release.step();
            self.lower_manifest(manifest, names)?;
            return Ok(None);
        }
        let rest = self.take_apart(release, manifest, next, pages)?;
        match (names, &rest) {
            // From here on nobody may share what is left.
            (1, Some(_)) => self.lower_manifest(manifest, names)?,
            (0, None) => self.remove(Space::Manifests, key::manifest_names(manifest)),
            _ => {}
        }
        Ok(rest)
    }

    /// Releases all parts under a manifest that nothing else names, then its pages.
    fn take_apart(
        &mut self,
        release: &mut Release,
        manifest: ManifestId,
        mut next: u32,
        pages: u32,
    ) -> Result<Option<GarbageRecord>, StoreError> {
        let rest = |next| GarbageRecord::Manifest { manifest, next, pages };
        while release.left > 0 {
            let max = release.left.min(LOOK_UP_MAX) as usize;
            let parts = self.under(Space::Parts, &key::parts(manifest), max)?;
            if parts.is_empty() {
                break;
            }
            for (at, part) in parts {
                if release.left == 0 {
                    return Ok(Some(rest(next)));
                }
                self.release_part(release, manifest, at, &PartRecord::decode(part)?)?;
            }
        }
        while release.left > 0 && next < pages {
            release.step();
            self.remove(Space::Manifests, key::page(manifest, next));
            next += 1;
        }
        // With nothing left to spend it is not known whether a part is left.
        Ok((release.left == 0 || next < pages).then(|| rest(next)))
    }

    fn release_parts(
        &mut self,
        release: &mut Release,
        manifest: ManifestId,
        mut numbers: Vec<PartNumber>,
    ) -> Result<Option<GarbageRecord>, StoreError> {
        while release.left > 0 {
            let Some(number) = numbers.pop() else { break };
            let at = key::part(manifest, number);
            // The whole manifest may have become garbage, and been released, before this record's turn.
            match self.read(Space::Parts, &at)? {
                Some(part) => self.release_part(release, manifest, at, &part)?,
                None => release.step(),
            }
        }
        Ok((!numbers.is_empty()).then_some(GarbageRecord::Parts { manifest, numbers }))
    }

    fn release_part(
        &mut self,
        release: &mut Release,
        manifest: ManifestId,
        at: Vec<u8>,
        part: &PartRecord,
    ) -> Result<(), StoreError> {
        release.step();
        self.remove(Space::Parts, at);
        let owner = Owner::Part { manifest, number: part.number };
        match &part.pieces {
            PieceList::Short(pieces) => self.release_pieces(release, &owner, pieces)?,
            long @ PieceList::Long { .. } => self.discard_pieces(&owner, long),
        }
        Ok(())
    }

    fn release_bucket(
        &mut self,
        release: &mut Release,
        bucket: BucketId,
    ) -> Result<Option<GarbageRecord>, StoreError> {
        while release.left > 0 {
            let max = release.left.min(LOOK_UP_MAX) as usize;
            let uploads = self.under(Space::Uploads, &key::uploads(bucket), max)?;
            if uploads.is_empty() {
                return Ok(None);
            }
            for (at, upload) in uploads {
                release.step();
                self.remove(Space::Uploads, at);
                let upload = UploadRecord::decode(upload)?;
                self.lower_open(bucket, &upload.key)?;
                self.discard_upload(&upload);
            }
        }
        Ok(Some(GarbageRecord::Bucket { bucket }))
    }

    fn release_table(
        &mut self,
        release: &mut Release,
        table: TableId,
        mut next: u32,
        pages: u32,
    ) -> Option<GarbageRecord> {
        while release.left > 0 && next < pages {
            release.step();
            self.remove(Space::Tables, key::table_page(table, next));
            next += 1;
        }
        (next < pages).then_some(GarbageRecord::Table { table, next, pages })
    }

    /// One blob less uses the table; with the last one it goes.
    fn lower_table(&mut self, table: TableId) -> Result<(), StoreError> {
        let at = key::table_head(table);
        let mut head: TableHead = self.read_named(Space::Tables, &at)?;
        one_less(&mut head.refs, "users of a block table")?;
        if head.refs > 0 {
            self.write(Space::Tables, at, &head);
            return Ok(());
        }
        self.remove(Space::Tables, at);
        let now = head.pages.min(TABLE_PAGES_AT_ONCE);
        for page in 0..now {
            self.remove(Space::Tables, key::table_page(table, page));
        }
        if now < head.pages {
            self.discard(&GarbageRecord::Table { table, next: now, pages: head.pages });
        }
        Ok(())
    }
}
