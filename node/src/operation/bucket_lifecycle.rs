//! Room: GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration and DeleteBucketLifecycle, and what other
//! answers say of a bucket's rules. Durable step of Put and Delete: one command; `lifecycle` carries the rules out.

use std::rc::Rc;

use meta::query;
use meta::record::{BucketRecord, ConfigKind};
use meta::store::StoreError;
use protocol::answer::Answer;
use protocol::error::S3Error;
use protocol::lifecycle::Lifecycle;
use protocol::limits::XML_BODY_MAX;
use protocol::name::ObjectKey;
use protocol::operation::bucket_lifecycle::{self, BucketLifecycleInput};
use protocol::route::Operation;
use protocol::tagging::TagSet;
use protocol::time::Timestamp;

use super::{Call, Outcome, configuration, failure, ingest, subject};
use crate::machine::Machine;

pub(super) async fn get(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = BucketLifecycleInput::parse(call.head, Operation::GetBucketLifecycleConfiguration)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    if bucket.config(ConfigKind::Lifecycle).is_none() {
        return Err(S3Error::no_such_lifecycle(name));
    }
    // A thousand rules take longer to read and write than a shard has.
    let wanted = name.clone();
    let answer = call.machine.catalog.ask(move |store| {
        let found = query::config_of(store, &wanted, &bucket, ConfigKind::Lifecycle)?;
        let Some(config) = found else {
            return Ok(None);
        };
        let rules = Lifecycle::parse(config.document.as_bytes())
            .map_err(|error| StoreError::Corrupt(format!("lifecycle rules: {error}")))?;
        Ok(Some(bucket_lifecycle::get_answer(&rules)))
    });
    let answer = answer.await.map_err(failure::catalog)?;
    Ok(answer.ok_or_else(|| S3Error::no_such_lifecycle(name))?.into())
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = BucketLifecycleInput::parse(call.head, Operation::PutBucketLifecycleConfiguration)?;
    let common = input.common.clone();
    subject::bucket(call.machine, name, &common).await?;
    ingest::admit(call.machine, 0)?;
    let mut document =
        ingest::document(&mut call, bucket_lifecycle::INTEGRITY, XML_BODY_MAX).await?;
    let mut random = [0; 16];
    call.machine.random.fill(&mut random);
    let bytes = std::mem::take(&mut document.bytes);
    let parsed = call.machine.catalog.ask(move |_| {
        let rules = bucket_lifecycle::parse_body(&bytes, &input, random);
        Ok(rules.map(|rules| (rules.kept(), bucket_lifecycle::put_answer(&rules))))
    });
    let (kept, answer) = parsed.await.map_err(failure::catalog)??;
    configuration::set(call.machine, name, ConfigKind::Lifecycle, Some(kept)).await?;
    Ok(answer.into())
}

pub(super) async fn delete(call: Call<'_>) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(call.head)?;
    let input = BucketLifecycleInput::parse(call.head, Operation::DeleteBucketLifecycle)?;
    subject::bucket(call.machine, name, &input.common).await?;
    configuration::set(call.machine, name, ConfigKind::Lifecycle, None).await?;
    Ok(bucket_lifecycle::delete_answer().into())
}

/// The rules of a bucket, for answers that say when something goes. They are looked up before anything is committed,
/// so that nothing can fail behind it.
pub(super) async fn rules(machine: &Machine, bucket: &BucketRecord) -> Result<Rules, S3Error> {
    let rules = machine.configs.lifecycle(bucket).await.map_err(failure::catalog)?;
    Ok(Rules { rules, day: machine.settings.lifecycle.day_len() })
}

/// See [`rules`].
#[derive(Clone)]
pub(super) struct Rules {
    rules: Option<Rc<Lifecycle>>,
    day: protocol::lifecycle::DayLen,
}

impl Rules {
    /// The answer about the latest version of this key, with when it goes, if it does.
    pub(super) fn tell(
        &self,
        answer: Answer,
        key: &ObjectKey,
        (len, modified, tags): (u64, Timestamp, &TagSet),
    ) -> Answer {
        let rules = self.rules.as_ref();
        let due = rules.and_then(|rules| rules.expiry(key.as_str(), len, modified, tags, self.day));
        bucket_lifecycle::with_expiry(answer, due)
    }

    /// The answer about an open upload of this key, with when it is aborted, if it is.
    pub(super) fn tell_upload(
        &self,
        answer: Answer,
        key: &ObjectKey,
        initiated: Timestamp,
    ) -> Answer {
        let due =
            self.rules.as_ref().and_then(|rules| rules.abort(key.as_str(), initiated, self.day));
        bucket_lifecycle::with_abort(answer, due)
    }
}
