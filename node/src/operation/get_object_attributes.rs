//! Room: GetObjectAttributes: the object, and a page of its parts where they have checksums, asked, and written, on a
//! reader thread.

use meta::query;
use meta::record::{Content, Manifest, ObjectRecord};
use meta::store::{Store, StoreError};
use protocol::answer::Answer;
use protocol::error::S3Error;
use protocol::operation::get_object_attributes::{
    self, AttributePage, AttributePart, AttributeParts, Attributes, GetObjectAttributesInput,
};
use protocol::operation::version::Asked;

use super::{Call, Outcome, failure, subject};

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let _epoch = call.machine.epochs.enter();
    let (name, key) = subject::object_name(call.head)?;
    let input = GetObjectAttributesInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    let object = subject::named(call.machine, bucket.id, &asked).await?;
    let object = object.to_read(&asked, &call.head.method)?;
    let version = bucket.versioning.tells(object.version());
    let answer = match listed(&input, &object).cloned() {
        None => answer(&input, &object, None),
        Some(manifest) => {
            // Many parts take longer to write than a shard has.
            let answer = call.machine.catalog.ask(move |store| {
                let page = page(store, &manifest, &input)?;
                Ok(answer(&input, &object, Some(page)))
            });
            answer.await.map_err(failure::catalog)?
        }
    };
    Ok(answer.with_version(version).into())
}

/// The parts of the object, if they are to be listed.
fn listed<'a>(input: &GetObjectAttributesInput, object: &'a ObjectRecord) -> Option<&'a Manifest> {
    let wanted = input.wanted.object_parts && Attributes::lists_parts(object.checksum.as_ref());
    parts(object).filter(|_| wanted)
}

/// The parts of the object, if clients see any.
fn parts(object: &ObjectRecord) -> Option<&Manifest> {
    match &object.content {
        Content::Parts(manifest) => Some(manifest),
        // A copy of an object in parts is one object without parts.
        Content::Copied(_) | Content::Pieces(_) => None,
    }
}

fn page(
    store: &dyn Store,
    manifest: &Manifest,
    input: &GetObjectAttributesInput,
) -> Result<AttributePage, StoreError> {
    let before = usize::try_from(input.marker).unwrap_or(usize::MAX);
    let max = usize::try_from(input.max_parts).unwrap_or(usize::MAX);
    let found = query::object_parts(store, manifest, before, max)?;
    let numbers = input.marker.saturating_add(1)..;
    let shown = numbers.zip(found).map(|(number, part)| AttributePart {
        number,
        len: part.len,
        checksum: part.checksum,
    });
    let parts: Vec<AttributePart> = shown.collect();
    let truncated = parts.last().is_some_and(|last| last.number < manifest.parts);
    Ok(AttributePage { parts, truncated })
}

fn answer(
    input: &GetObjectAttributesInput,
    object: &ObjectRecord,
    page: Option<AttributePage>,
) -> Answer {
    let parts = parts(object).map(|manifest| AttributeParts { count: manifest.parts, page });
    let attributes = Attributes {
        len: object.len,
        etag: &object.etag,
        modified: object.modified,
        checksum: object.checksum.as_ref(),
        storage_class: object.storage_class,
        parts: parts.as_ref(),
    };
    get_object_attributes::answer(input, &attributes)
}
