//! Room: CopyObject: an object is copied whole, without moving bytes where it can. One that is made of parts is copied by
//! naming its parts once more, in one command and O(1) in the parts.
//!
//! Durable steps: the files that the copy made (none where it shares) and their folders are synced; one command
//! raises the references, names the new blobs, puts the object and lets go of what it replaces, which may be its own
//! source. A crash before it leaves unnamed files for the sweep, and the old object in place.
//! The copy is one object without parts, as S3 has it, and has the MD5 ETag of its bytes up to `etag.md5_up_to`; beyond
//! it a source of parts gives its ETag, which says by its dash that it is no MD5.

use std::rc::Rc;

use meta::command::{NewContent, NewObject, PutObject};
use meta::fingerprint::Fingerprint;
use meta::record::BucketRecord;
use protocol::answer::Answer;
use protocol::checksum::{Checksum, ChecksumAlgorithm};
use protocol::error::S3Error;
use protocol::etag::ETag;
use protocol::name::ObjectKey;
use protocol::operation::copy_object::{self, CopyObjectInput, SourceFacts};
use protocol::range::ByteRange;

use super::bucket_lifecycle::{self, Rules};
use super::source::{self, COPY_WAY_HEADER, Source};
use super::{Call, Done, Outcome, acl, ingest, object_lock, put_object, subject};
use crate::config::Way;
use crate::copy::Digested;
use crate::epoch::EpochGuard;
use crate::machine::Machine;
use crate::metrics::{CopiedBytes, MovedBytes};
use crate::new_files::NewFiles;

pub(super) async fn copy(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let epoch = call.machine.epochs.enter();
    let (name, key) = subject::object_name(call.head)?;
    let input = CopyObjectInput::parse(call.head)?;
    ingest::no_body(&mut call).await?;
    let machine = call.machine;
    let bucket = subject::bucket(machine, name, &input.common).await?;
    acl::check_headers(machine, call.head, &bucket).await?;
    let source_bucket =
        subject::source_bucket(machine, &input.source.bucket, &input.common).await?;
    let object = source::find(machine, &source_bucket, &input.source, &input.conditions).await?;
    let (checksum, version) = (object.checksum.as_ref(), object.version());
    let facts =
        SourceFacts { len: object.len, checksum, storage_class: object.storage_class, version };
    let len_max = machine.settings.copy.max_object;
    input.check(name, key, bucket.versioning, facts, len_max)?;
    object_lock::check(machine, &bucket, &input.lock).await?;
    put_object::check_condition(machine, bucket.id, key, &input.condition).await?;

    let rules = bucket_lifecycle::rules(machine, &bucket).await?;
    ingest::admit(machine, 0)?;
    let told = source::told(&source_bucket, &object);
    let range = ByteRange::whole(object.len);
    let copy = CopyToBe { bucket, key: key.clone(), input, rules };
    let (machine, source) = (machine.clone(), Source { object, range });
    let rest = Box::pin(async move {
        let mut way = None;
        let answer = copy.make(&machine, &source, epoch, &mut way).await;
        Done { answer, way }
    });
    Ok(Outcome::Late { told, rest })
}

struct CopyToBe {
    bucket: BucketRecord,
    key: ObjectKey,
    input: CopyObjectInput,
    rules: Rules,
}

impl CopyToBe {
    async fn make(
        self,
        machine: &Rc<Machine>,
        source: &Source,
        epoch: EpochGuard,
        way: &mut Option<String>,
    ) -> Result<Answer, S3Error> {
        let Self { bucket, key, input, rules } = self;
        let original = &source.object;
        let algorithm = input.algorithm_of_copy(original.checksum.as_ref());
        let Carried { content, files, digested, ways, fingerprint } =
            carry(machine, source, epoch, algorithm).await?;
        let Digested { md5, checksum } = digested;
        let ways = way.insert(ways).clone();
        let checksum = Checksum::full_object(checksum.ok_or_else(S3Error::internal)?);
        let modified = machine.clock.now().truncated_to_second();
        let object = NewObject {
            modified,
            len: original.len,
            etag: md5.as_ref().map_or_else(|| original.etag.clone(), ETag::from_md5),
            md5,
            fingerprint,
            checksum: Some(checksum),
            metadata: input.metadata_of_copy(&original.metadata),
            tags: input.tags_of_copy(&original.tags),
            storage_class: input.storage_class,
            lock: object_lock::of_new(machine, &bucket, input.lock, modified).await?,
        };
        let answer = copy_object::answer(object.modified, &object.etag, &checksum);
        let answer = rules.tell(answer, &key, (object.len, object.modified, &object.tags));
        let command = PutObject {
            bucket: bucket.id,
            key: key.clone(),
            condition: put_object::condition(&input.condition),
            object,
            content,
        };
        match machine.publish(files, command.into()).await {
            Ok(reply) => {
                let version = put_object::version(&reply);
                Ok(answer.with(COPY_WAY_HEADER, ways).with_version(version))
            }
            Err(error) => Err(put_object::unpublished(error, &input.condition, &key)),
        }
    }
}

/// The object's bytes as the copy has them, not durable yet.
struct Carried {
    content: NewContent,
    files: NewFiles,
    digested: Digested,
    /// The ways that it took.
    ways: String,
    fingerprint: Fingerprint,
}

/// Carries the object over, with the checksum that the copy is to have. The files hold the epoch.
async fn carry(
    machine: &Rc<Machine>,
    source: &Source,
    epoch: EpochGuard,
    algorithm: ChecksumAlgorithm,
) -> Result<Carried, S3Error> {
    let original = &source.object;
    let manifest = original.content.manifest().filter(|_| machine.copy_rules.shares_parts());
    if let Some(manifest) = manifest {
        // One command, however many parts there are.
        let mut files = NewFiles::none(machine);
        files.hold(epoch);
        let digested = source.digest_whole(machine, algorithm).await?;
        machine.metrics.copied(Way::Share, CopiedBytes(original.len), MovedBytes(0));
        return Ok(Carried {
            content: NewContent::SameParts(manifest.clone()),
            files,
            digested,
            ways: Way::Share.as_str().to_owned(),
            fingerprint: original.fingerprint,
        });
    }
    let source::Copy { copied, md5, checksum } =
        source.copy(machine, epoch, Some(algorithm)).await?;
    Ok(Carried {
        content: NewContent::Pieces { pieces: copied.pieces, blobs: copied.blobs },
        files: copied.files,
        digested: Digested { md5, checksum },
        ways: copied.ways.join("+"),
        fingerprint: copied.fingerprint,
    })
}
