//! Room: what lifecycle rules let go of. Each item is judged again on what the key is now.

use super::version::Chain;
use super::{Round, Stop};
use crate::command::{DELETE_KEYS_MAX, Expire, ExpireItem, Expiring, Reply};
use crate::id::{BucketId, Generation};
use crate::record::VersionRecord;
use crate::store::{Space, StoreError};
use protocol::time::Timestamp;

impl Round<'_> {
    pub(super) fn expire(&mut self, command: Expire) -> Result<Reply, Stop> {
        let Expire { bucket, items, now } = command;
        assert!(items.len() <= DELETE_KEYS_MAX, "an expiry holds no round up for long");
        self.bucket_counters(bucket)?;
        let mut gone = Vec::with_capacity(items.len());
        for item in items {
            let numbers = self.numbers;
            let goes = match self.expire_one(bucket, item, now) {
                Ok(goes) => goes,
                Err(Stop::Refused(_) | Stop::Store(StoreError::Corrupt(_))) => false,
                Err(failed @ Stop::Store(StoreError::Failed(_))) => return Err(failed),
            };
            // Each item is as if it had come alone: the others stay as they are.
            if goes {
                self.overlay.absorb(&mut self.staged);
            } else {
                self.staged.clear();
                self.numbers = numbers;
            }
            gone.push(goes);
        }
        Ok(Reply::Expired(gone))
    }

    /// Whether the item is still what was judged, and is gone now.
    fn expire_one(
        &mut self,
        bucket: BucketId,
        item: ExpireItem,
        now: Timestamp,
    ) -> Result<bool, Stop> {
        let chain = self.open_chain(bucket, item.key)?;
        let version = match item.what {
            Expiring::Latest { generation } => {
                if chain.latest.as_ref().is_none_or(|latest| latest.generation != generation) {
                    return Ok(false);
                }
                // As a DELETE of the key: for good without versions, else with a marker.
                None
            }
            Expiring::Noncurrent { generation } => {
                let Some(record) = self.version_apart(&chain, generation)? else {
                    return Ok(false);
                };
                if chain.marker() == Some(generation) {
                    return Ok(false);
                }
                Some(record.version())
            }
            Expiring::LoneMarker { generation } => {
                if chain.marker() != Some(generation) || chain.apart() != 1 {
                    return Ok(false);
                }
                let record = self.version_apart(&chain, generation)?;
                match record {
                    Some(record @ VersionRecord::Marker(_)) => Some(record.version()),
                    Some(VersionRecord::Object(_)) | None => return Ok(false),
                }
            }
        };
        self.delete_from(chain, version, false, now)?;
        Ok(true)
    }

    /// The version of this generation that lies apart from the objects.
    fn version_apart(
        &self,
        chain: &Chain,
        generation: Generation,
    ) -> Result<Option<VersionRecord>, StoreError> {
        self.read(Space::Versions, &chain.version_at(generation))
    }
}
