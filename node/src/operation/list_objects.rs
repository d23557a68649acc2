//! Room: ListObjects and ListObjectsV2: one page of a bucket's keys, always asked, and its answer written, on a
//! reader thread.

use meta::id::BucketId;
use meta::query::{self, ListAsk, ListFrom, ListLine, ListPage, ObjectEntry};
use meta::record::ObjectFacts;
use meta::store::{Store, StoreError};
use protocol::error::S3Error;
use protocol::name::ObjectKey;
use protocol::operation::list_objects::v1::{self, ListObjectsInput};
use protocol::operation::list_objects::v2::{self, ListObjectsV2Input};
use protocol::operation::list_objects::{ListedObject, ObjectPage};
use protocol::operation::listing::{PageEnd, Query};

use super::{Call, Outcome, failure, subject};

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?.clone();
    let input = ListObjectsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, &name, &input.query.common).await?;
    let settings = call.machine.settings.clone();
    let answer = call.machine.catalog.ask(move |store| {
        let page = page(store, bucket.id, &input.query, input.after())?;
        Ok(v1::answer(&input, &name, &settings.account, &page))
    });
    Ok(answer.await.map_err(failure::catalog)?.into())
}

pub(super) async fn list_v2(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?.clone();
    let input = ListObjectsV2Input::parse(call.head)?;
    let bucket = subject::bucket(call.machine, &name, &input.query.common).await?;
    let settings = call.machine.settings.clone();
    let answer = call.machine.catalog.ask(move |store| {
        let page = page(store, bucket.id, &input.query, input.after())?;
        Ok(v2::answer(&input, &name, &settings.account, &page))
    });
    Ok(answer.await.map_err(failure::catalog)?.into())
}

fn page(
    store: &dyn Store,
    bucket: BucketId,
    query: &Query,
    after: Option<PageEnd>,
) -> Result<ObjectPage, StoreError> {
    let from = match after {
        None => ListFrom::Start,
        Some(PageEnd::Name(name)) => ListFrom::AfterKey(name),
        Some(PageEnd::Prefix(prefix)) => ListFrom::AfterPrefix(prefix),
    };
    let (prefix, delimiter) = (query.prefix.as_str(), query.delimiter.as_deref());
    let max = usize::try_from(query.max).unwrap_or(usize::MAX);
    let asked = ListAsk { bucket, prefix, delimiter, from, max };
    Ok(shown(query::list_objects(store, &asked)?))
}

fn shown(page: ListPage<ObjectEntry>) -> ObjectPage {
    let ended_with = page.lines.last().filter(|_| page.more).map(|last| match last {
        ListLine::Prefix(prefix) => PageEnd::Prefix(prefix.clone()),
        ListLine::Entry(entry) => PageEnd::Name(entry.key.as_str().to_owned()),
    });
    let mut shown = ObjectPage { ended_with, ..ObjectPage::default() };
    for line in page.lines {
        match line {
            ListLine::Prefix(prefix) => shown.prefixes.push(prefix),
            ListLine::Entry(ObjectEntry { key, facts }) => shown.objects.push(object(&key, facts)),
        }
    }
    shown
}

/// What listings say of an object.
pub(super) fn object(key: &ObjectKey, facts: ObjectFacts) -> ListedObject {
    ListedObject {
        key: key.as_str().to_owned(),
        modified: facts.modified,
        etag: facts.etag,
        len: facts.len,
        checksum: facts.checksum.map(|sum| (sum.value.algorithm(), sum.kind)),
        storage_class: facts.storage_class,
    }
}
