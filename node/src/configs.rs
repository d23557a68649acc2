//! Room: the configurations of buckets as requests need them: parsed, and kept by a shard for the next request.
//!
//! Holds: a bounded number of parsed documents of each kind, those used last, by their generation, which is never used
//! twice: a document that was replaced is never taken for the new one.
//! Invariants: nothing is looked up for a bucket without the configuration; a document that does not parse is damage,
//! never guessed at. So is object lock that is named and not there; of the other kinds, which can be taken away at any
//! time, such a one counts as taken away here, and is told as damage by whoever asks for the document itself.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use meta::id::Generation;
use meta::query;
use meta::record::{BucketRecord, ConfigKind};
use meta::store::StoreError;
use protocol::cors::Cors;
use protocol::error::S3Error;
use protocol::lifecycle::Lifecycle;
use protocol::lock::LockConfiguration;
use protocol::ownership::ObjectOwnership;
use protocol::public_access::PublicAccessBlock;

use crate::catalog::{Catalog, CatalogError};
use crate::limits;

/// The configurations that one shard keeps.
pub struct Configs {
    catalog: Catalog,
    lifecycle: Kept<Lifecycle>,
    cors: Kept<Cors>,
    ownership: Kept<ObjectOwnership>,
    public_access: Kept<PublicAccessBlock>,
    object_lock: Kept<LockConfiguration>,
}

impl Configs {
    /// None is kept yet.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            lifecycle: Kept::new(ConfigKind::Lifecycle, Lifecycle::parse),
            cors: Kept::new(ConfigKind::Cors, Cors::parse),
            ownership: Kept::new(ConfigKind::Ownership, ObjectOwnership::parse),
            public_access: Kept::new(ConfigKind::PublicAccess, PublicAccessBlock::parse),
            object_lock: Kept::new(ConfigKind::ObjectLock, LockConfiguration::parse),
        }
    }

    /// The lifecycle rules of a bucket, if it has any.
    ///
    /// # Errors
    /// As those of [`Catalog::ask`]; `Corrupt` for a document that does not parse.
    pub async fn lifecycle(
        &self,
        bucket: &BucketRecord,
    ) -> Result<Option<Rc<Lifecycle>>, CatalogError> {
        self.lifecycle.get(&self.catalog, bucket).await
    }

    /// Which pages of other origins may use a bucket, if any.
    ///
    /// # Errors
    /// As [`Self::lifecycle`].
    pub async fn cors(&self, bucket: &BucketRecord) -> Result<Option<Rc<Cors>>, CatalogError> {
        self.cors.get(&self.catalog, bucket).await
    }

    /// Who owns the objects of a bucket, if it was told.
    ///
    /// # Errors
    /// As [`Self::lifecycle`].
    pub async fn ownership(
        &self,
        bucket: &BucketRecord,
    ) -> Result<Option<Rc<ObjectOwnership>>, CatalogError> {
        self.ownership.get(&self.catalog, bucket).await
    }

    /// What of public access a bucket blocks, if it was told.
    ///
    /// # Errors
    /// As [`Self::lifecycle`].
    pub async fn public_access(
        &self,
        bucket: &BucketRecord,
    ) -> Result<Option<Rc<PublicAccessBlock>>, CatalogError> {
        self.public_access.get(&self.catalog, bucket).await
    }

    /// What a bucket says of the locks of new versions, if it has object lock.
    ///
    /// # Errors
    /// As [`Self::lifecycle`].
    pub async fn object_lock(
        &self,
        bucket: &BucketRecord,
    ) -> Result<Option<Rc<LockConfiguration>>, CatalogError> {
        self.object_lock.get(&self.catalog, bucket).await
    }
}

/// Parsed documents of one kind, the one used last in front.
struct Kept<T> {
    kind: ConfigKind,
    parse: fn(&[u8]) -> Result<T, S3Error>,
    documents: RefCell<VecDeque<Document<T>>>,
}

struct Document<T> {
    generation: Generation,
    /// Its length as text, which is about what it takes.
    len: usize,
    parsed: Rc<T>,
}

impl<T: Send + 'static> Kept<T> {
    const fn new(kind: ConfigKind, parse: fn(&[u8]) -> Result<T, S3Error>) -> Self {
        Self { kind, parse, documents: RefCell::new(VecDeque::new()) }
    }

    async fn get(
        &self,
        catalog: &Catalog,
        bucket: &BucketRecord,
    ) -> Result<Option<Rc<T>>, CatalogError> {
        let Some(generation) = bucket.config(self.kind) else { return Ok(None) };
        if let Some(found) = self.find(generation) {
            return Ok(Some(found));
        }
        let (id, kind, parse) = (bucket.id, self.kind, self.parse);
        // A long document takes longer to parse than a shard has.
        let asked = catalog.ask(move |store| {
            let Some(config) = query::config(store, id, kind)? else {
                // It may have been taken away since; but object lock stays as long as its bucket.
                if kind == ConfigKind::ObjectLock && query::bucket_counters(store, id)?.is_some() {
                    return Err(StoreError::Corrupt(format!(
                        "{kind:?} of bucket {id} is not there"
                    )));
                }
                return Ok(None);
            };
            let parsed = parse(config.document.as_bytes()).map_err(|error| {
                StoreError::Corrupt(format!("{kind:?} of bucket {id} does not parse: {error}"))
            })?;
            Ok(Some((config.generation, config.document.len(), parsed)))
        });
        // It may have been replaced or taken away since the bucket was looked up.
        let Some((generation, len, parsed)) = asked.await? else { return Ok(None) };
        let parsed = Rc::new(parsed);
        self.keep(Document { generation, len, parsed: parsed.clone() });
        Ok(Some(parsed))
    }

    fn find(&self, generation: Generation) -> Option<Rc<T>> {
        let mut documents = self.documents.borrow_mut();
        let place = documents.iter().position(|one| one.generation == generation)?;
        let found = documents.remove(place)?;
        let parsed = found.parsed.clone();
        documents.push_front(found);
        Some(parsed)
    }

    fn keep(&self, document: Document<T>) {
        let mut documents = self.documents.borrow_mut();
        documents.retain(|one| one.generation != document.generation);
        documents.push_front(document);
        let mut len = 0;
        documents.retain(|one| {
            len += one.len;
            len <= limits::CONFIGS_KEPT_LEN
        });
        documents.truncate(limits::CONFIGS_KEPT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generations(kept: &Kept<()>) -> Vec<u64> {
        kept.documents.borrow().iter().map(|one| one.generation.get()).collect()
    }

    fn keep(kept: &Kept<()>, generation: u64, len: usize) {
        let generation = Generation::new(generation);
        kept.keep(Document { generation, len, parsed: Rc::new(()) });
    }

    #[test]
    fn what_was_used_last_is_kept() {
        let kept = Kept::new(ConfigKind::Cors, |_| Ok(()));
        for generation in 0..=limits::CONFIGS_KEPT_MAX as u64 {
            keep(&kept, generation, 1);
        }
        assert!(kept.find(Generation::new(0)).is_none(), "no more than so many");
        assert!(kept.find(Generation::new(1)).is_some());
        keep(&kept, 1000, 1);
        assert_eq!(generations(&kept)[..2], [1000, 1]);
        assert!(kept.find(Generation::new(2)).is_none());
        keep(&kept, 1000, 1);
        assert_eq!(generations(&kept).len(), limits::CONFIGS_KEPT_MAX);
    }

    #[test]
    fn long_documents_leave_room_for_few() {
        let kept = Kept::new(ConfigKind::Cors, |_| Ok(()));
        for generation in 0..8 {
            keep(&kept, generation, limits::CONFIGS_KEPT_LEN / 4);
        }
        assert_eq!(generations(&kept), [7, 6, 5, 4]);
        keep(&kept, 8, limits::CONFIGS_KEPT_LEN + 1);
        assert!(generations(&kept).is_empty(), "it would be too much alone");
    }
}
