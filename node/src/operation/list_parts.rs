//! Room: ListParts: one page of an open upload's parts, asked, and its answer written, on a reader thread.
//!
//! The epoch keeps the parts of an upload that ends meanwhile: the page is that of the moment the upload was found.

use meta::id::ManifestId;
use meta::query;
use meta::record::PartFacts;
use meta::store::{Store, StoreError};
use protocol::error::S3Error;
use protocol::operation::list_parts::{self, ListPartsInput, PartPage, ShownPart};
use protocol::part::PartNumber;

use super::{Call, Outcome, bucket_lifecycle, failure, subject};

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let _epoch = call.machine.epochs.enter();
    let (name, key) = subject::object_name(call.head)?;
    let input = ListPartsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let (_, upload) = subject::upload(call.machine, &bucket, key, &input.upload_id).await?;
    let rules = bucket_lifecycle::rules(call.machine, &bucket).await?;
    let initiated = upload.initiated;
    let (name, listed, settings) = (name.clone(), key.clone(), call.machine.settings.clone());
    let answer = call.machine.catalog.ask(move |store| {
        let (parts, truncated) = page(store, upload.manifest, &input)?;
        let shown = parts.into_iter().map(|part| ShownPart {
            number: part.number,
            modified: part.modified,
            etag: part.etag,
            len: part.len,
            // S3: a part shows a checksum only if the upload declared an algorithm.
            checksum: upload.checksum.and(part.checksum),
        });
        let page = PartPage {
            checksum: upload.checksum,
            storage_class: upload.storage_class,
            parts: shown.collect(),
            truncated,
        };
        Ok(list_parts::answer(&input, &name, &listed, &settings.account, &page))
    });
    let answer = answer.await.map_err(failure::catalog)?;
    Ok(rules.tell_upload(answer, key, initiated).into())
}

/// The parts of the page, and whether there are more behind it.
fn page(
    store: &dyn Store,
    manifest: ManifestId,
    input: &ListPartsInput,
) -> Result<(Vec<PartFacts>, bool), StoreError> {
    let after = match u16::try_from(input.marker).map(PartNumber::new) {
        Ok(Some(number)) => Some(number),
        _ if input.marker == 0 => None,
        // Beyond every part number.
        _ => return Ok((Vec::new(), false)),
    };
    let max = usize::try_from(input.max_parts).unwrap_or(usize::MAX);
    // One more than the page holds, to tell whether it is the last one.
    let mut parts = query::parts(store, manifest, after, max.saturating_add(1))?;
    let truncated = max > 0 && parts.len() > max;
    parts.truncate(max);
    Ok((parts, truncated))
}
