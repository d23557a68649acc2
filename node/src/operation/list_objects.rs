//! Room: ListObjectsV2: one page of a bucket's keys, always asked on a reader thread.

use meta::query::{self, ListEntry, ListFrom, ListObjects, ListPage};
use protocol::error::S3Error;
use protocol::operation::list_objects::{self, ListObjectsInput, ListedObject, ObjectPage};

use super::{Call, Outcome, failure, subject};

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = ListObjectsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let from = begin(&input);
    let (prefix, delimiter) = (input.prefix.clone(), input.delimiter.clone());
    let max = usize::try_from(input.max_keys).unwrap_or(usize::MAX);
    let page = call.machine.catalog.ask(move |store| {
        let (prefix, delimiter) = (prefix.as_str(), delimiter.as_deref());
        query::list_objects(store, &ListObjects { bucket: bucket.id, prefix, delimiter, from, max })
    });
    let page = shown(page.await.map_err(failure::catalog)?);
    let account = &call.machine.settings.account;
    Ok(list_objects::answer(&input, name, account, &page).into())
}

/// Where the page begins. A page that ended with a common prefix goes on behind all keys below it; whether the
/// name it ended with was one shows from the delimiter at its end (behind the asked prefix: a key that is the
/// prefix itself is not rolled up).
fn begin(input: &ListObjectsInput) -> ListFrom {
    let Some(name) = input.after() else { return ListFrom::Start };
    let rolled_up = input.token.is_some()
        && input.delimiter.as_deref().is_some_and(|delimiter| {
            name.strip_prefix(input.prefix.as_str())
                .is_some_and(|rest| rest.ends_with(delimiter))
        });
    if rolled_up { ListFrom::AfterPrefix(name.to_owned()) } else { ListFrom::AfterKey(name.to_owned()) }
}

fn shown(page: ListPage) -> ObjectPage {
    let mut shown = ObjectPage {
        ended_with: page.next.and_then(|next| match next {
            ListFrom::Start => None,
            ListFrom::AfterKey(name) | ListFrom::AfterPrefix(name) => Some(name),
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
