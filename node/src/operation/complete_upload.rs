//! Room: CompleteMultipartUpload: the upload's parts become the object's content where they are.
//!
//! Durable step: one command, O(1) in the parts: it adopts the manifest. It is prepared from the parts as they were
//! read; if one changed meanwhile, the command is refused and prepared again.

use std::rc::Rc;
use std::sync::Arc;

use meta::command::{CompleteUpload, NewObject, Refusal};
use meta::fingerprint::Fingerprint;
use meta::id::{BucketId, ManifestId};
use meta::query;
use meta::record::{BucketRecord, Content, Manifest, PartFacts, UploadRecord};
use meta::store::{Store, StoreError};
use protocol::answer::Answer;
use protocol::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use protocol::error::{ErrorCode, S3Error};
use protocol::etag::ETag;
use protocol::limits::{COMPLETE_BODY_MAX, PART_NUMBER_MAX};
use protocol::name::{BucketName, ObjectKey, UploadId};
use protocol::operation::complete_upload::{
    self, CompleteUploadInput, Completed, ListedPart, StoredPart,
};
use protocol::operation::write_condition::WriteCondition;
use protocol::part::PartNumber;

use super::bucket_lifecycle::{self, Rules};
use super::put_object::{condition, refused, version};
use super::{Call, Done, Outcome, failure, ingest, object_lock, subject};
use crate::catalog::CatalogError;
use crate::epoch::EpochGuard;
use crate::limits::COMPLETE_TRIES_MAX;
use crate::machine::Machine;

pub(super) async fn complete(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = Arc::new(CompleteUploadInput::parse(call.head)?);
    let mut document =
        ingest::document(&mut call, complete_upload::INTEGRITY, COMPLETE_BODY_MAX).await?;
    let machine = call.machine.clone();
    let bucket = subject::bucket(&machine, name, &input.common).await?;
    let rules = bucket_lifecycle::rules(&machine, &bucket).await?;
    let mut completion = Completion {
        machine,
        location: location(&call)?,
        name: name.clone(),
        key: key.clone(),
        bucket,
        rules,
        input,
        listed: Arc::new([]),
        document: std::mem::take(&mut document.bytes),
        _memory: document,
    };
    // S3 looks for the upload before it looks into the document.
    let prepared = match completion.find().await {
        Ok(found) => completion.read_and_prepare(found).await,
        Err(error) if error.code == ErrorCode::NoSuchUpload => {
            // Whatever the document is, there is no upload for it.
            completion.read().await.map_err(|_malformed| error.clone())?;
            Err(error)
        }
        Err(error) => return Err(error),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return Ok(completion.unless_over(error).await?.into()),
    };
    let rest = Box::pin(async move { Done { answer: completion.run(prepared).await, way: None } });
    Ok(Outcome::Late { told: Vec::new(), rest })
}

/// A completion under way.
struct Completion {
    machine: Rc<Machine>,
    location: String,
    name: BucketName,
    key: ObjectKey,
    bucket: BucketRecord,
    rules: Rules,
    input: Arc<CompleteUploadInput>,
    listed: Arc<[ListedPart]>,
    document: Vec<u8>,
    /// What the document, and the list that is made of it, is held under.
    _memory: ingest::Document,
}

/// The upload, and the epoch at which it was looked up.
struct Found {
    epoch: EpochGuard,
    upload_id: UploadId,
    upload: UploadRecord,
}

/// What its parts make.
struct Prepared {
    found: Found,
    completed: Completed,
    unlisted: Vec<PartNumber>,
}

/// What a reader thread has to know of it.
struct Upload {
    bucket: BucketId,
    key: ObjectKey,
    input: Arc<CompleteUploadInput>,
    id: UploadId,
    manifest: ManifestId,
    checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

impl Upload {
    /// What the listed parts make as the parts are now, and the parts that are left out.
    fn decide(&self, store: &dyn Store, listed: &[ListedPart]) -> Result<Decided, StoreError> {
        let Self { bucket, key, input, id, manifest, checksum } = self;
        // The round decides about the condition; but S3 looks at it before it looks at the parts.
        if input.condition != WriteCondition::None {
            let now = query::object(store, *bucket, key)?.map(|object| object.etag);
            if let Err(failed) = input.condition.check(key, now.as_ref()) {
                // It is no verdict on an upload that is over: the object may be its own.
                let open = query::upload(store, *bucket, key, id)?.is_some();
                let over = || S3Error::no_such_upload(&input.upload_id);
                return Ok(Err(if open { failed } else { over() }));
            }
        }
        let parts = query::parts(store, *manifest, None, usize::from(PART_NUMBER_MAX))?;
        let stored: Vec<StoredPart> = parts.into_iter().map(stored).collect();
        Ok(complete_upload::decide(input, *checksum, listed, &stored)
            .map(|completed| (unlisted(&completed, &stored), completed)))
    }
}

/// The parts that are left out, and what the others make.
type Decided = Result<(Vec<PartNumber>, Completed), S3Error>;

impl Completion {
    async fn find(&self) -> Result<Found, S3Error> {
        let epoch = self.machine.epochs.enter();
        let (upload_id, upload) =
            subject::upload(&self.machine, &self.bucket, &self.key, &self.input.upload_id).await?;
        Ok(Found { epoch, upload_id, upload })
    }

    /// Reads the document, on a reader thread: 10,000 parts take tens of milliseconds.
    async fn read(&mut self) -> Result<(), S3Error> {
        let document = std::mem::take(&mut self.document);
        let read = self.machine.catalog.ask(move |_| Ok(complete_upload::parse_body(&document)));
        self.listed = read.await.map_err(failure::catalog)??.into();
        Ok(())
    }

    /// Reads the document, and what its parts make, in one question.
    async fn read_and_prepare(&mut self, found: Found) -> Result<Prepared, S3Error> {
        let (document, upload) = (std::mem::take(&mut self.document), self.upload(&found));
        let asked = self.machine.catalog.ask(move |store| {
            let listed: Arc<[ListedPart]> = match complete_upload::parse_body(&document) {
                Ok(listed) => listed.into(),
                Err(malformed) => return Ok(Err(malformed)),
            };
            let decided = upload.decide(store, &listed)?;
            Ok(Ok((listed, decided)))
        });
        let (listed, decided) = asked.await.map_err(failure::catalog)??;
        self.listed = listed;
        let (unlisted, completed) = decided?;
        Ok(Prepared { found, completed, unlisted })
    }

    /// Reads the parts as they are now and decides what they make, on a reader thread.
    async fn prepare(&self, found: Found) -> Result<Prepared, S3Error> {
        let (upload, listed) = (self.upload(&found), self.listed.clone());
        let decided = self.machine.catalog.ask(move |store| upload.decide(store, &listed));
        let (unlisted, completed) = decided.await.map_err(failure::catalog)??;
        Ok(Prepared { found, completed, unlisted })
    }

    fn upload(&self, found: &Found) -> Upload {
        Upload {
            bucket: self.bucket.id,
            key: self.key.clone(),
            input: self.input.clone(),
            id: found.upload_id,
            manifest: found.upload.manifest,
            checksum: found.upload.checksum,
        }
    }

    /// Commits what was prepared, or finds that it has been committed already.
    async fn run(&self, first: Prepared) -> Result<Answer, S3Error> {
        match self.commit_as_it_is(first).await {
            Ok(answer) => Ok(answer),
            Err(error) => self.unless_over(error).await,
        }
    }

    /// Commits what was prepared; if a part has changed meanwhile, prepares it again.
    async fn commit_as_it_is(&self, first: Prepared) -> Result<Answer, S3Error> {
        let mut prepared = first;
        for _ in 1..COMPLETE_TRIES_MAX {
            match self.commit(prepared).await? {
                Some(answer) => return Ok(answer),
                None => prepared = self.prepare(self.find().await?).await?,
            }
        }
        self.commit(prepared).await?.ok_or_else(S3Error::slow_down)
    }

    /// `None` if the upload has changed since.
    async fn commit(&self, prepared: Prepared) -> Result<Option<Answer>, S3Error> {
        let Prepared { found, completed, unlisted } = prepared;
        let object = self.object(&found.upload, &completed).await?;
        let answer = self.answer(&object.etag, object.checksum.as_ref());
        let facts = (object.len, object.modified, &object.tags);
        let answer = self.rules.tell(answer, &self.key, facts);
        let command = CompleteUpload {
            bucket: self.bucket.id,
            key: self.key.clone(),
            upload_id: found.upload_id,
            expected_generation: found.upload.generation,
            condition: condition(&self.input.condition),
            object,
            listed: completed.parts,
            unlisted,
        };
        let (machine, epoch) = (self.machine.clone(), found.epoch);
        let committed = self.machine.detached(async move {
            let committed = machine.catalog.commit(command.into()).await;
            drop(epoch);
            committed
        });
        match committed.await {
            Ok(reply) => Ok(Some(answer.with_version(version(&reply)))),
            Err(CatalogError::Refused(Refusal::UploadChanged)) => Ok(None),
            Err(CatalogError::Refused(Refusal::NoSuchUpload)) => {
                Err(S3Error::no_such_upload(&self.input.upload_id))
            }
            Err(CatalogError::Refused(refusal)) => {
                Err(refused(refusal, &self.input.condition, &self.key))
            }
            Err(other) => Err(failure::catalog(other)),
        }
    }

    /// The `error`, unless the upload is over, which may be the work of the same request, sent twice.
    async fn unless_over(&self, error: S3Error) -> Result<Answer, S3Error> {
        if error.code == ErrorCode::NoSuchUpload { self.again().await } else { Err(error) }
    }

    /// The upload is over. A client that has not heard so asks once more: if the key still has a version that this very
    /// list of this very upload made, it is told the same again.
    ///
    /// # Errors
    /// `NoSuchUpload` for everybody else.
    async fn again(&self) -> Result<Answer, S3Error> {
        let unknown = || S3Error::no_such_upload(&self.input.upload_id);
        // Only what was an upload of this key is worth a look through the key's versions.
        let upload_id = UploadId::parse(&self.input.upload_id)
            .filter(|upload_id| upload_id.is_of(self.key.as_str()))
            .ok_or_else(unknown)?;
        let _epoch = self.machine.epochs.enter();
        let (bucket, key, listed) = (self.bucket.id, self.key.clone(), self.listed.clone());
        let found = self.machine.catalog.ask(move |store| {
            let made = query::made_of(store, bucket, &key, &upload_id, AGAIN_VERSIONS_MAX)?;
            let Some(object) = made else { return Ok(None) };
            let Content::Parts(Manifest { id: manifest, page_starts, .. }) = &object.content else {
                return Ok(None);
            };
            let mut numbers = Vec::new();
            for (page, _) in (0..).zip(page_starts) {
                let entries = query::manifest_page(store, *manifest, page)?.entries;
                numbers.extend(entries.iter().map(|entry| entry.number));
            }
            Ok(complete_upload::has_made(&listed, &numbers, &object.etag).then_some(object))
        });
        let object = found.await.map_err(failure::catalog)?.ok_or_else(unknown)?;
        let version = self.bucket.versioning.tells(object.version());
        let facts = (object.len, object.modified, &object.tags);
        let answer = self.answer(&object.etag, object.checksum.as_ref());
        Ok(self.rules.tell(answer, &self.key, facts).with_version(version))
    }

    async fn object(
        &self,
        upload: &UploadRecord,
        completed: &Completed,
    ) -> Result<NewObject, S3Error> {
        let &Completed { crc64nvme, crc32c, crc32, .. } = completed;
        // The object's date is that of its completion, so that listings only ever move forward.
        let modified = self.machine.clock.now().truncated_to_second();
        let lock = object_lock::of_new(&self.machine, &self.bucket, upload.lock, modified).await?;
        Ok(NewObject {
            modified,
            len: completed.len,
            etag: completed.etag.clone(),
            md5: None,
            fingerprint: Fingerprint { crc64nvme, crc32c, crc32 },
            checksum: Some(completed.checksum),
            metadata: upload.metadata.clone(),
            tags: upload.tags.clone(),
            storage_class: upload.storage_class,
            lock,
        })
    }

    fn answer(&self, etag: &ETag, checksum: Option<&Checksum>) -> Answer {
        complete_upload::answer(complete_upload::NewObject {
            location: &self.location,
            bucket: &self.name,
            key: &self.key,
            etag,
            checksum,
        })
    }
}

/// So many versions of a key, the newest ones, are looked through for one that an upload has made.
const AGAIN_VERSIONS_MAX: usize = 1000;

/// The parts that the object does not have. Both lists ascend, so one pass tells.
fn unlisted(completed: &Completed, stored: &[StoredPart]) -> Vec<PartNumber> {
    let mut taken = completed.parts.iter().map(|(number, _)| *number).peekable();
    stored
        .iter()
        .map(|part| part.number)
        .filter(|number| taken.next_if_eq(number).is_none())
        .collect()
}

fn stored(part: PartFacts) -> StoredPart {
    let Fingerprint { crc64nvme, crc32c, crc32 } = part.fingerprint;
    StoredPart {
        number: part.number,
        len: part.len,
        etag: part.etag,
        checksum: part.checksum,
        crc64nvme,
        crc32c,
        crc32,
    }
}

fn location(call: &Call<'_>) -> Result<String, S3Error> {
    let (bucket, key) = subject::object_name(call.head)?;
    Ok(complete_upload::location(call.head, bucket, key))
}
