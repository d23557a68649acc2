//! Room: GetObject and HeadObject: conditions, range or part, and verified bytes.
//!
//! Invariants: no byte leaves unverified; the epoch lives as long as the stream, so that an overwrite or delete
//! meanwhile takes nothing away from a reader.

use std::rc::Rc;

use meta::query;
use meta::record::{Content, ObjectRecord};
use protocol::error::S3Error;
use protocol::operation::get_object::{AskedPart, GetObjectInput, ObjectFacts, PartsFacts};
use protocol::operation::head_object::HeadObjectInput;
use protocol::operation::version::Asked;
use protocol::part::PartNumber;
use protocol::range::ByteRange;
use protocol::versioning::Versioning;

use super::{Call, Outcome, bucket_lifecycle, failure, subject};
use crate::blob::BlockReader;
use crate::disk::Block;
use crate::epoch::EpochGuard;
use crate::exchange::{BlockSource, ResponseBody, StreamError};
use crate::limits::READ_WINDOW_LEN;
use crate::log;
use crate::machine::Machine;
use crate::seam::Local;

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let epoch = call.machine.epochs.enter();
    let (name, key) = subject::object_name(call.head)?;
    let input = GetObjectInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    let object = subject::named(call.machine, bucket.id, &asked).await?;
    let object = object.to_read(&asked, &call.head.method)?;
    let parts = parts(call.machine, &object, input.part).await?;
    let facts = facts(&object, parts, bucket.versioning);
    let mut reading = input.plan(&facts, call.machine.clock.now())?;
    if asked.version().is_none() {
        let rules = bucket_lifecycle::rules(call.machine, &bucket).await?;
        let facts = (object.len, object.modified, &object.tags);
        reading.answer = rules.tell(reading.answer, key, facts);
    }
    if reading.bytes.is_empty() {
        return Ok(reading.answer.into());
    }
    let mut source = ObjectStream {
        machine: call.machine.clone(),
        content: object.content,
        to_resolve: reading.bytes,
        reader: None,
        first: None,
        _epoch: epoch,
    };
    // The first block is read before the head goes out: damage shows as an error, not as a cut connection.
    source.first = Some(source.read().await.ok_or_else(S3Error::internal)??);
    let body = ResponseBody::Stream { len: reading.bytes.len(), source: Box::new(source) };
    Ok(Outcome::Stream { answer: reading.answer, body })
}

pub(super) async fn head(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = HeadObjectInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, input.common()).await?;
    let asked = Asked::new(key, input.version(), bucket.versioning)?;
    let object = subject::named(call.machine, bucket.id, &asked).await?;
    let object = object.to_read(&asked, &call.head.method)?;
    let parts = parts(call.machine, &object, input.part()).await?;
    let facts = facts(&object, parts, bucket.versioning);
    let answer = input.answer(&facts, call.machine.clock.now())?;
    if asked.version().is_some() {
        return Ok(answer.into());
    }
    let rules = bucket_lifecycle::rules(call.machine, &bucket).await?;
    Ok(rules.tell(answer, key, (object.len, object.modified, &object.tags)).into())
}

/// The parts of an object, if it was uploaded in parts, and the one that is asked for by its place.
async fn parts(
    machine: &Machine,
    object: &ObjectRecord,
    asked: Option<PartNumber>,
) -> Result<Option<PartsFacts>, S3Error> {
    // A copy of an object in parts is one object without parts.
    let Content::Parts(manifest) = &object.content else { return Ok(None) };
    let count = manifest.parts;
    let Some(place) = asked else { return Ok(Some(PartsFacts { count, asked: None })) };
    let manifest = manifest.clone();
    let found =
        machine.catalog.look(move |store| query::object_part(store, &manifest, place)).await;
    let Some((entry, part)) = found.map_err(failure::catalog)? else {
        return Ok(Some(PartsFacts { count, asked: None }));
    };
    let bytes = entry.start.checked_add(entry.len).and_then(|end| ByteRange::new(entry.start, end));
    let bytes = bytes.ok_or_else(S3Error::internal)?;
    let checksum = part.checksum;
    Ok(Some(PartsFacts { count, asked: Some(AskedPart { bytes, checksum }) }))
}

fn facts(
    object: &ObjectRecord,
    parts: Option<PartsFacts>,
    versioning: Versioning,
) -> ObjectFacts<'_> {
    ObjectFacts {
        len: object.len,
        etag: &object.etag,
        modified: object.modified,
        metadata: &object.metadata,
        checksum: object.checksum.as_ref(),
        tags: object.tags.len(),
        storage_class: object.storage_class,
        lock: object.lock,
        parts,
        version: versioning.tells(object.version()),
    }
}

/// The bytes of a range of an object, resolved to pieces a window at a time.
struct ObjectStream {
    machine: Rc<Machine>,
    content: Content,
    to_resolve: ByteRange,
    reader: Option<BlockReader>,
    first: Option<Block>,
    _epoch: EpochGuard,
}

impl ObjectStream {
    async fn read(&mut self) -> Option<Result<Block, S3Error>> {
        loop {
            if let Some(reader) = &mut self.reader
                && let Some(read) = reader.next().await
            {
                return Some(read.map_err(|error| failure::read(&self.machine, &error)));
            }
            if self.to_resolve.is_empty() {
                return None;
            }
            match self.resolve().await {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    async fn resolve(&mut self) -> Result<BlockReader, S3Error> {
        let (start, end) = (self.to_resolve.start(), self.to_resolve.end());
        let cut = end.min(start.saturating_add(READ_WINDOW_LEN));
        let range = |from, to| ByteRange::new(from, to).ok_or_else(S3Error::internal);
        let window = range(start, cut)?;
        self.to_resolve = range(cut, end)?;
        let content = self.content.clone();
        let pieces = self
            .machine
            .catalog
            .look(move |store| query::resolve(store, &content, window))
            .await
            .map_err(failure::catalog)?;
        Ok(BlockReader::new(self.machine.get_path.clone(), pieces))
    }
}

impl BlockSource for ObjectStream {
    fn next(&mut self) -> Local<'_, Option<Result<Block, StreamError>>> {
        Box::pin(async move {
            if let Some(block) = self.first.take() {
                return Some(Ok(block));
            }
            let read = self.read().await?;
            Some(read.map_err(|error| {
                log::error("stream_cut", &[("code", &error.code.as_str())]);
                StreamError
            }))
        })
    }

    fn asked_back(&self) -> Local<'static, ()> {
        match &self.reader {
            Some(reader) => Box::pin(reader.asked_back()),
            None => Box::pin(std::future::pending()),
        }
    }

    fn give_back(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.give_back();
        }
    }
}
