//! Room: the bucket operations: ListBuckets, CreateBucket, HeadBucket, GetBucketLocation, DeleteBucket.
//!
//! Durable steps of Create and Delete: one command each; a crash before its batch leaves nothing.

use meta::command::{CreateBucket, DeleteBucket, Refusal};
use meta::query;
use meta::record::ConfigKind;
use meta::store::{Store, StoreError};
use protocol::error::S3Error;
use protocol::limits::XML_BODY_MAX;
use protocol::lock::LockConfiguration;
use protocol::operation::create_bucket::{self, CreateBucketInput};
use protocol::operation::delete_bucket::{self, DeleteBucketInput};
use protocol::operation::get_bucket_location::{self, GetBucketLocationInput};
use protocol::operation::head_bucket::{self, HeadBucketInput};
use protocol::operation::list_buckets::{self, BucketPage, ListBucketsInput, ListedBucket};
use protocol::public_access::PublicAccessBlock;
use protocol::tagging::TagSet;
use protocol::versioning::Versioning;

use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;

pub(super) async fn list(call: Call<'_>) -> Result<Outcome, S3Error> {
    let input = ListBucketsInput::parse(call.head)?;
    let settings = call.machine.settings.clone();
    // The answer is written on the reader thread: many names take longer than a shard has.
    let answer = call.machine.catalog.ask(move |store| {
        let page = page(store, &input, &settings.region)?;
        Ok(list_buckets::answer(&input, &settings.account, &settings.region, &page))
    });
    Ok(answer.await.map_err(failure::catalog)?.into())
}

fn page(
    store: &dyn Store,
    input: &ListBucketsInput,
    region: &str,
) -> Result<BucketPage, StoreError> {
    if input.is_elsewhere(region) {
        return Ok(BucketPage::default());
    }
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let max = usize::try_from(input.max_buckets).unwrap_or(usize::MAX);
    // One more than the page holds, to tell whether it is the last one.
    let found = query::buckets(store, prefix, input.after.as_ref(), max.saturating_add(1))?;
    let truncated = found.len() > max;
    let listed = found.into_iter().take(max);
    let listed = listed.map(|(name, record)| ListedBucket { name, created: record.created });
    Ok(BucketPage { buckets: listed.collect(), truncated })
}

pub(super) async fn create(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = CreateBucketInput::parse(call.head, &call.machine.settings.account)?;
    name.check_creatable()?;
    ingest::admit(call.machine, 0)?;
    let document = ingest::document(&mut call, create_bucket::INTEGRITY, XML_BODY_MAX).await?;
    let settings = &call.machine.settings;
    let tags = create_bucket::parse_body(&document.bytes, &settings.region)?;
    let command = CreateBucket {
        name: name.clone(),
        created: call.machine.clock.now(),
        owner: settings.account.clone(),
        versioning: if input.object_lock { Versioning::Enabled } else { Versioning::Unversioned },
        configs: configs(&input, &tags),
    };
    match call.machine.catalog.commit(command.into()).await {
        Ok(_) => Ok(create_bucket::answer(name).into()),
        Err(CatalogError::Refused(Refusal::BucketExists)) => {
            Err(S3Error::bucket_already_owned_by_you(name))
        }
        Err(other) => Err(failure::catalog(other)),
    }
}

/// What a new bucket has: S3 says of each who owns its objects, and blocks the public.
fn configs(input: &CreateBucketInput, tags: &TagSet) -> Vec<(ConfigKind, String)> {
    let mut configs = vec![
        (ConfigKind::Ownership, input.ownership.document().into_text()),
        (ConfigKind::PublicAccess, PublicAccessBlock::ALL.document().into_text()),
    ];
    if !tags.is_empty() {
        configs.push((ConfigKind::Tagging, tags.document().into_text()));
    }
    if input.object_lock {
        let none = LockConfiguration::default();
        configs.push((ConfigKind::ObjectLock, none.document().into_text()));
    }
    configs
}

pub(super) async fn head(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = HeadBucketInput::parse(call.head)?;
    subject::bucket(call.machine, name, &input.common).await?;
    Ok(head_bucket::answer(name, &call.machine.settings.region).into())
}

pub(super) async fn location(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = GetBucketLocationInput::parse(call.head)?;
    subject::bucket(call.machine, name, &input.common).await?;
    Ok(get_bucket_location::answer(&call.machine.settings.region).into())
}

pub(super) async fn delete(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = DeleteBucketInput::parse(call.head)?;
    subject::bucket(call.machine, name, &input.common).await?;
    let command = DeleteBucket { name: name.clone() };
    match call.machine.catalog.commit(command.into()).await {
        Ok(_) => Ok(delete_bucket::answer().into()),
        Err(CatalogError::Refused(Refusal::BucketNotEmpty)) => Err(S3Error::bucket_not_empty(name)),
        Err(CatalogError::Refused(Refusal::NoSuchBucket)) => Err(S3Error::no_such_bucket(name)),
        Err(other) => Err(failure::catalog(other)),
    }
}
