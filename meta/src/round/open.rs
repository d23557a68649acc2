//! Room: keys that have open uploads: whether they came to name something else while these were open.
//!
//! Source: s3-spec 3.3, ConditionalRequestConflict. Cost: one look-up for each write or delete in a bucket that has
//! open uploads, none in others.

use protocol::name::ObjectKey;

use super::bucket::{more, one_less};
use super::{Round, Stop};
use crate::command::{Refusal, WriteCond};
use crate::id::BucketId;
use crate::key;
use crate::record::{BucketCounters, OpenKey, UploadRecord};
use crate::store::{Space, StoreError};

impl Round<'_> {
    /// The key has one more open upload.
    pub(super) fn raise_open(
        &mut self,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<(), StoreError> {
        let at = key::open_key(bucket, key);
        let mut open: OpenKey = self.read(Space::Buckets, &at)?.unwrap_or_default();
        more(&mut open.uploads, 1, UPLOADS)?;
        self.write(Space::Buckets, at, &open);
        Ok(())
    }

    /// The key has one open upload less.
    pub(super) fn lower_open(
        &mut self,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<(), StoreError> {
        let at = key::open_key(bucket, key);
        let mut open: OpenKey = self.read_named(Space::Buckets, &at)?;
        one_less(&mut open.uploads, UPLOADS)?;
        match open.uploads {
            0 => self.remove(Space::Buckets, at),
            _ => self.write(Space::Buckets, at, &open),
        }
        Ok(())
    }

    /// Tells the open uploads of the key, if it has any, that it names something else from now on, or nothing.
    pub(super) fn touch(
        &mut self,
        counters: &BucketCounters,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<(), StoreError> {
        if counters.uploads == 0 {
            return Ok(());
        }
        let at = key::open_key(bucket, key);
        if let Some(mut open) = self.read::<OpenKey>(Space::Buckets, &at)? {
            open.touched = Some(self.next_generation());
            self.write(Space::Buckets, at, &open);
        }
        Ok(())
    }

    /// A condition that holds now must have held ever since the upload began, and on the same object.
    /// S3: CompleteMultipartUpload, ConditionalRequestConflict.
    pub(super) fn check_untouched(
        &self,
        condition: &WriteCond,
        upload: &UploadRecord,
    ) -> Result<(), Stop> {
        match condition {
            WriteCond::None => Ok(()),
            WriteCond::Absent | WriteCond::Matches(_) => {
                let at = key::open_key(upload.bucket, &upload.key);
                let open: OpenKey = self.read_named(Space::Buckets, &at)?;
                let touched = open.touched.is_some_and(|touched| touched > upload.begun);
                if touched { Err(Refusal::Conflict.into()) } else { Ok(()) }
            }
        }
    }
}

const UPLOADS: &str = "open uploads of a key";
