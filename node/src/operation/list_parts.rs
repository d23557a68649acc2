//! Room: ListParts: one page of an open upload's parts.

use meta::query;
use protocol::error::S3Error;
use protocol::operation::list_parts::{self, ListPartsInput, PartPage, ShownPart};
use protocol::part::PartNumber;

use super::{Call, Outcome, failure, subject};

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let (name, key) = subject::object_name(call.head)?;
    let input = ListPartsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let (_, upload) = subject::upload(call.machine, &bucket, key, &input.upload_id).await?;
    let max = usize::try_from(input.max_parts).unwrap_or(usize::MAX);
    let mut parts = match u16::try_from(input.marker) {
        Ok(0) => ask(&call, upload.manifest, None, max).await?,
        Ok(marker) => ask(&call, upload.manifest, PartNumber::new(marker), max).await?,
        // Beyond every part number.
        Err(_) => Vec::new(),
    };
    let truncated = max > 0 && parts.len() > max;
    parts.truncate(max);
    let shown = parts.into_iter().map(|part| ShownPart {
        number: part.number,
        modified: part.modified,
        etag: part.etag,
        len: part.len,
        // S3: a part shows a checksum only if the upload declared an algorithm.
        checksum: upload.checksum.and(part.checksum),
    });
    let page = PartPage { checksum: upload.checksum, parts: shown.collect(), truncated };
    Ok(list_parts::answer(&input, name, key, &call.machine.settings.account, &page).into())
}

/// One part more than the page holds, to tell whether it is the last page.
async fn ask(
    call: &Call<'_>,
    manifest: meta::id::ManifestId,
    after: Option<PartNumber>,
    max: usize,
) -> Result<Vec<meta::record::PartFacts>, S3Error> {
    let found =
        call.machine.catalog.ask(move |store| query::parts(store, manifest, after, max + 1));
    found.await.map_err(failure::catalog)
}
