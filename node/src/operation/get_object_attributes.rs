//! Room: GetObjectAttributes: the object, and a page of its parts where they have checksums.

use meta::query;
use meta::record::{Content, ObjectRecord};
use protocol::error::S3Error;
use protocol::operation::get_object_attributes::{
    self, AttributePage, AttributePart, AttributeParts, Attributes, GetObjectAttributesInput,
};
use protocol::operation::version::Asked;

use super::{Call, Outcome, failure, subject};
use crate::machine::Machine;

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let _epoch = call.machine.epochs.enter();
    let (name, key) = subject::object_name(call.head)?;
    let input = GetObjectAttributesInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let asked = Asked::new(key, input.version, bucket.versioning)?;
    let object = subject::named(call.machine, bucket.id, &asked).await?;
    let object = object.to_read(&asked, &call.head.method)?;
    let parts = parts(call.machine, &input, &object).await?;
    let attributes = Attributes {
        len: object.len,
        etag: &object.etag,
        modified: object.modified,
        checksum: object.checksum.as_ref(),
        parts: parts.as_ref(),
    };
    let version = bucket.versioning.tells(object.version());
    Ok(get_object_attributes::answer(&input, &attributes).with_version(version).into())
}

/// What is told of the object's parts, if clients see any.
async fn parts(
    machine: &Machine,
    input: &GetObjectAttributesInput,
    object: &ObjectRecord,
) -> Result<Option<AttributeParts>, S3Error> {
    // A copy of an object in parts is one object without parts.
    let Content::Parts(manifest) = &object.content else { return Ok(None) };
    let count = manifest.parts;
    if !input.wanted.object_parts || !Attributes::lists_parts(object.checksum.as_ref()) {
        return Ok(Some(AttributeParts { count, page: None }));
    }
    let (marker, max) = (input.marker, input.max_parts as usize);
    let asked = manifest.clone();
    let before = usize::try_from(marker).unwrap_or(usize::MAX);
    let page = machine.catalog.ask(move |store| query::object_parts(store, &asked, before, max));
    let page = page.await.map_err(failure::catalog)?;
    let shown = (marker.saturating_add(1)..).zip(page).map(|(number, part)| AttributePart {
        number,
        len: part.len,
        checksum: part.checksum,
    });
    let parts: Vec<AttributePart> = shown.collect();
    let truncated = parts.last().is_some_and(|last| last.number < count);
    Ok(Some(AttributeParts { count, page: Some(AttributePage { parts, truncated }) }))
}
