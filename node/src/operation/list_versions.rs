//! Room: ListObjectVersions: one page of all versions of a bucket's keys, asked, and its answer written, on a reader
//! thread.

use meta::id::BucketId;
use meta::query::{self, ListAsk, ListFrom, ListLine, ListPage, VersionEntry};
use meta::record::VersionFacts;
use meta::store::{Store, StoreError};
use protocol::error::S3Error;
use protocol::operation::list_versions::{
    self, ListVersionsInput, Listed, ListedVersion, VersionPage, VersionsAfter,
};
use protocol::operation::listing::PageEnd;

use super::{Call, Outcome, failure, list_objects, subject};

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?.clone();
    let input = ListVersionsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, &name, &input.query.common).await?;
    let settings = call.machine.settings.clone();
    let answer = call.machine.catalog.ask(move |store| {
        let page = page(store, bucket.id, &input)?;
        Ok(list_versions::answer(&input, &name, &settings.account, &page))
    });
    Ok(answer.await.map_err(failure::catalog)?.into())
}

fn page(
    store: &dyn Store,
    bucket: BucketId,
    input: &ListVersionsInput,
) -> Result<VersionPage, StoreError> {
    let from = match input.after() {
        None => ListFrom::Start,
        Some(VersionsAfter::Version(key, version)) => ListFrom::AfterVersion(key, version),
        Some(VersionsAfter::End(PageEnd::Name(name))) => ListFrom::AfterKey(name),
        Some(VersionsAfter::End(PageEnd::Prefix(prefix))) => ListFrom::AfterPrefix(prefix),
    };
    let query = &input.query;
    let (prefix, delimiter) = (query.prefix.as_str(), query.delimiter.as_deref());
    let max = usize::try_from(query.max).unwrap_or(usize::MAX);
    Ok(shown(query::list_versions(store, &ListAsk { bucket, prefix, delimiter, from, max })?))
}

fn shown(page: ListPage<VersionEntry>) -> VersionPage {
    let ended_with = page.lines.last().filter(|_| page.more).map(|last| match last {
        ListLine::Prefix(prefix) => VersionsAfter::End(PageEnd::Prefix(prefix.clone())),
        ListLine::Entry(entry) => VersionsAfter::Version(entry.key.clone(), entry.version()),
    });
    let mut shown = VersionPage { ended_with, ..VersionPage::default() };
    for line in page.lines {
        match line {
            ListLine::Prefix(prefix) => shown.prefixes.push(prefix),
            ListLine::Entry(entry) => shown.versions.push(version(entry)),
        }
    }
    shown
}

fn version(entry: VersionEntry) -> ListedVersion {
    let (version, latest) = (entry.version(), entry.latest);
    let what = match entry.facts {
        VersionFacts::Object(facts) => Listed::Object(list_objects::object(&entry.key, facts)),
        VersionFacts::Marker(marker) => {
            Listed::Marker { key: entry.key.as_str().to_owned(), modified: marker.modified }
        }
    };
    ListedVersion { version, latest, what }
}
