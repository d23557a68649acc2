//! Room: ListObjectsV2: one page of a bucket's keys, always asked, and its answer written, on a reader thread.

use meta::query::{self, ListEntry, ListFrom, ListObjects, ListPage};
use protocol::error::S3Error;
use protocol::operation::list_objects::{self, ListObjectsInput, ListedObject, ObjectPage};
use protocol::operation::listing::PageEnd;

use super::{Call, Outcome, failure, subject};

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = ListObjectsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let from = begin(&input);
    let (name, settings) = (name.clone(), call.machine.settings.clone());
    let answer = call.machine.catalog.ask(move |store| {
        let (prefix, delimiter) = (input.prefix.as_str(), input.delimiter.as_deref());
        let max = usize::try_from(input.max_keys).unwrap_or(usize::MAX);
        let asked = ListObjects { bucket: bucket.id, prefix, delimiter, from, max };
        let page = shown(query::list_objects(store, &asked)?);
        Ok(list_objects::answer(&input, &name, &settings.account, &page))
    });
    Ok(answer.await.map_err(failure::catalog)?.into())
}

fn begin(input: &ListObjectsInput) -> ListFrom {
    match input.after() {
        None => ListFrom::Start,
        Some(PageEnd::Name(name)) => ListFrom::AfterKey(name),
        Some(PageEnd::Prefix(prefix)) => ListFrom::AfterPrefix(prefix),
    }
}

fn shown(page: ListPage) -> ObjectPage {
    let mut shown = ObjectPage {
        ended_with: page.next.and_then(|next| match next {
            ListFrom::Start => None,
            ListFrom::AfterKey(name) => Some(PageEnd::Name(name)),
            ListFrom::AfterPrefix(prefix) => Some(PageEnd::Prefix(prefix)),
        }),
        ..ObjectPage::default()
    };
    for entry in page.entries {
        match entry {
            ListEntry::Prefix(prefix) => shown.prefixes.push(prefix),
            ListEntry::Object { key, facts } => shown.objects.push(ListedObject {
                key: key.as_str().to_owned(),
                modified: facts.modified,
                etag: facts.etag,
                len: facts.len,
                checksum: facts.checksum.map(|sum| (sum.value.algorithm(), sum.kind)),
            }),
        }
    }
    shown
}
