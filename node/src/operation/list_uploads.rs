//! Room: ListMultipartUploads: one page of a bucket's open uploads, asked, and its answer written, on a reader
//! thread.

use meta::id::BucketId;
use meta::query::{self, ListAsk, ListFrom, ListLine, UploadEntry};
use meta::store::{Store, StoreError};
use protocol::error::S3Error;
use protocol::operation::list_uploads::{
    self, ListUploadsInput, ListedUpload, UploadPage, UploadsAfter,
};
use protocol::operation::listing::PageEnd;

use super::{Call, Outcome, failure, subject};

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?.clone();
    let input = ListUploadsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, &name, &input.query.common).await?;
    let settings = call.machine.settings.clone();
    let answer = call.machine.catalog.ask(move |store| {
        let page = page(store, bucket.id, &input)?;
        Ok(list_uploads::answer(&input, &name, &settings.account, &page))
    });
    Ok(answer.await.map_err(failure::catalog)?.into())
}

fn page(
    store: &dyn Store,
    bucket: BucketId,
    input: &ListUploadsInput,
) -> Result<UploadPage, StoreError> {
    let from = match input.after() {
        None => ListFrom::Start,
        Some(UploadsAfter::Upload(key, upload_id)) => ListFrom::AfterUpload(key, upload_id),
        Some(UploadsAfter::End(PageEnd::Name(name))) => ListFrom::AfterKey(name),
        Some(UploadsAfter::End(PageEnd::Prefix(prefix))) => ListFrom::AfterPrefix(prefix),
    };
    let query = &input.query;
    let (prefix, delimiter) = (query.prefix.as_str(), query.delimiter.as_deref());
    let max = usize::try_from(query.max).unwrap_or(usize::MAX);
    let found = query::list_uploads(store, &ListAsk { bucket, prefix, delimiter, from, max })?;
    let mut page = UploadPage { truncated: found.more, ..UploadPage::default() };
    for line in found.lines {
        match line {
            ListLine::Prefix(prefix) => page.prefixes.push(prefix),
            ListLine::Entry(entry) => page.uploads.push(upload(entry)),
        }
    }
    Ok(page)
}

fn upload(entry: UploadEntry) -> ListedUpload {
    let UploadEntry { key, upload_id, initiated, checksum, storage_class } = entry;
    ListedUpload { key, upload_id, initiated, checksum, storage_class }
}
