//! Room: DeleteObjects: the keys of a list, each on its own.
//!
//! Durable step: a few commands of many keys each, sent at once; what they take away is garbage for the collector.
//! A crash leaves each of them done or undone. Deletes are never refused for want of room.

use std::sync::Arc;

use futures_util::future::join_all;
use meta::command::{DELETE_KEYS_MAX, DeleteKey, DeleteObjects, NotDeleted, Reply};
use meta::id::BucketId;
use meta::query;
use meta::record::BucketRecord;
use protocol::error::S3Error;
use protocol::limits::DELETE_BODY_MAX;
use protocol::name::ObjectKey;
use protocol::operation::delete_object::Deleted;
use protocol::operation::delete_objects::{self, DeleteList, DeleteObjectsInput, Wanted};

use super::delete_object::{condition, deleted, refused};
use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;

pub(super) async fn delete(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = DeleteObjectsInput::parse(call.head)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let mut document =
        ingest::document(&mut call, delete_objects::INTEGRITY, DELETE_BODY_MAX).await?;
    let list = parse(&call, &bucket, std::mem::take(&mut document.bytes)).await?;
    let outcomes = take(&call, bucket.id, &list, input.bypass).await?;
    // A thousand names take longer to write than a shard has.
    let answer = call.machine.catalog.ask(move |_| Ok(delete_objects::answer(&list, &outcomes)));
    Ok(answer.await.map_err(failure::catalog)?.into())
}

/// Reads the document and fetches the records of its keys, on a reader thread.
async fn parse(
    call: &Call<'_>,
    bucket: &BucketRecord,
    document: Vec<u8>,
) -> Result<Arc<DeleteList>, S3Error> {
    let (bucket, versioning) = (bucket.id, bucket.versioning);
    let parsed = call.machine.catalog.ask(move |store| {
        let list = match delete_objects::parse_body(&document, versioning) {
            Ok(list) => list,
            Err(error) => return Ok(Err(error)),
        };
        let wanted = list.keys.iter().filter_map(|listed| listed.wanted.as_ref().ok());
        query::fetch_versions(store, bucket, wanted.map(|one| (&one.key, one.version)))?;
        Ok(Ok(Arc::new(list)))
    });
    parsed.await.map_err(failure::catalog)?
}

/// Takes the keys away and says what became of each, in the order of the list.
///
/// Cancel: all commands are sent at once, and what was sent takes effect.
///
/// # Errors
/// If nothing at all could be done, so that clients try again.
async fn take(
    call: &Call<'_>,
    bucket: BucketId,
    list: &DeleteList,
    bypass: bool,
) -> Result<Vec<Result<Deleted, S3Error>>, S3Error> {
    let wanted = list.keys.iter().filter_map(|listed| listed.wanted.as_ref().ok());
    let wanted: Vec<&Wanted> = wanted.collect();
    let modified = call.machine.clock.now().truncated_to_second();
    let commits = wanted.chunks(DELETE_KEYS_MAX).map(|some| {
        let keys = some.iter().map(|&wanted| {
            let Wanted { key, version, condition: asked } = wanted;
            let (key, condition) = (key.clone(), condition(asked));
            DeleteKey { key, version: *version, condition, bypass }
        });
        let command = DeleteObjects { bucket, keys: keys.collect(), modified };
        call.machine.catalog.commit(command.into())
    });
    let replies = join_all(commits).await;
    if let Some(Err(first)) = replies.first()
        && replies.iter().all(Result::is_err)
    {
        return Err(failure::catalog(first.clone()));
    }
    let done = replies.into_iter().zip(wanted.chunks(DELETE_KEYS_MAX));
    let mut done = done.flat_map(|(reply, some)| each(reply, some));
    let outcomes = list.keys.iter().map(|listed| match &listed.wanted {
        Ok(_) => done.next().unwrap_or_else(|| Err(S3Error::internal())),
        Err(error) => Err(error.clone()),
    });
    Ok(outcomes.collect())
}

/// What became of each key of one command.
fn each(reply: Result<Reply, CatalogError>, some: &[&Wanted]) -> Vec<Result<Deleted, S3Error>> {
    match reply {
        Ok(Reply::ObjectsDeleted(verdicts)) => {
            let named = verdicts.into_iter().zip(some);
            let outcomes = named.map(|(verdict, wanted)| match verdict {
                Ok(done) => Ok(deleted(done)),
                Err(why) => Err(kept(why, &wanted.key)),
            });
            outcomes.collect()
        }
        Ok(_) => vec![Err(S3Error::internal()); some.len()],
        Err(failed) => vec![Err(failure::catalog(failed)); some.len()],
    }
}

fn kept(why: NotDeleted, key: &ObjectKey) -> S3Error {
    match why {
        NotDeleted::Refused(refusal) => refused(refusal, key),
        NotDeleted::Damaged(text) => failure::catalog(CatalogError::Corrupt(text)),
    }
}
