//! Room: what keeps versions and what lets them go: locks that clients put on them, and the commands of the worker that
//! carries lifecycle rules out, as it would give them.

use bytes::Bytes;
use meta::command::{DeleteCond, DeleteObject, Deleted, Expire, ExpireItem, Expiring, Reply};
use meta::id::Generation;
use meta::query;
use node::catalog::CatalogError;
use node::machine::Machine;
use node::seam::Clock;
use protocol::checksum::ChecksumAlgorithm;
use protocol::name::{BucketName, ObjectKey, VersionId};
use protocol::time::Timestamp;

use crate::client::{Answered, Sent};
use crate::clock::VirtualClock;
use crate::oracle::{Action, BUCKETS, KEYS, LOCKED, Oracle};
use crate::plan::{Plan, Planted};
use crate::sums;
use crate::workload::{Workload, to_key};

/// For how many seconds versions are locked, at most.
const LOCKED_S_MAX: u64 = 20;

/// As what a version was judged to expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going {
    /// The latest one.
    Latest,
    /// One that is not the latest.
    Noncurrent,
    /// A delete marker that is the only one.
    LoneMarker,
}

impl Going {
    /// What says in the answer whether it went.
    pub(crate) const GONE: &str = "gone";
}

/// A version that a worker of the node lets go of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiry {
    key: usize,
    number: u64,
    going: Going,
    /// An older version is taken away whatever it has become.
    blind: bool,
}

impl Workload {
    /// The next request that locks a version, or lets one expire.
    pub(crate) fn keeping(&mut self, plan: &Plan, oracle: &Oracle) -> Option<(Action, Sent)> {
        if plan.has_locks(LOCKED) && self.random.chance(50) {
            return self.retain(oracle);
        }
        let (key, (version, what)) = self.version(oracle, |(id, _)| *id != VersionId::Null)?;
        let VersionId::Number(number) = version else { return None };
        if self.needs(key) {
            return None;
        }
        let is_last = oracle.versions[key].last().is_some_and(|(last, _)| *last == version);
        let going = match what {
            _ if self.random.chance(20) => {
                *self.random.pick(&[Going::Latest, Going::Noncurrent, Going::LoneMarker])
            }
            Some(_) if is_last => Going::Latest,
            None if is_last => Going::LoneMarker,
            _ => Going::Noncurrent,
        };
        let blind = plan.planted == Some(Planted::ExpiresTheLatest);
        let expiry = Some(Expiry { key, number, going, blind });
        Some((Action::Expire { key, version, what, going }, Sent { expiry, ..Sent::default() }))
    }

    /// A version of the bucket with object lock is locked for some seconds.
    fn retain(&mut self, oracle: &Oracle) -> Option<(Action, Sent)> {
        let keys = (0..KEYS.len()).filter(|key| KEYS[*key].0 == LOCKED);
        let all = keys.flat_map(|key| oracle.versions[key].iter().map(move |one| (key, *one)));
        let all = all.filter_map(|(key, (id, what))| Some((key, id, what?)));
        let all: Vec<_> = all.collect();
        if all.is_empty() {
            return None;
        }
        let (key, version, value) = *self.random.pick(&all);
        let seconds = self.random.within(1..LOCKED_S_MAX);
        let until = Timestamp::from_millis(oracle.moment.as_millis() + seconds * 1_000);
        let until = until.truncated_to_second();
        let date = until.iso8601();
        let body = Bytes::from(format!(
            "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>"
        ));
        let crc = ChecksumAlgorithm::Crc32;
        let mut sent = to_key("PUT", key);
        sent.target.push_str(&format!("?retention&versionId={version}"));
        sent.headers = vec![(crc.header(), sums::of_bytes(&body, crc).to_base64())];
        Some((Action::Retain { key, version, value, until }, Sent { body, ..sent }))
    }
}

/// Gives the command, and says what became of it as an answer would.
pub(crate) async fn expire(machine: &Machine, clock: &VirtualClock, expiry: Expiry) -> Answered {
    let (status, code, gone) = match carried_out(machine, clock, expiry).await {
        Ok(Some(gone)) => (200, None, Some(gone)),
        Ok(None) => (404, Some("NoSuchBucket"), None),
        Err(_) => (500, Some("InternalError"), None),
    };
    let headers = gone.map(|gone| (Going::GONE.to_owned(), gone.to_string()));
    Answered { status, code, headers: headers.into_iter().collect(), body: Vec::new(), cut: false }
}

/// Whether the version has gone; `None`: there is no such bucket.
async fn carried_out(
    machine: &Machine,
    clock: &VirtualClock,
    expiry: Expiry,
) -> Result<Option<bool>, CatalogError> {
    let Expiry { key, number, going, blind } = expiry;
    let (bucket, key) = KEYS[key];
    let name = BucketName::parse(BUCKETS[bucket]).expect("a bucket name");
    let key = ObjectKey::parse(key).expect("a key");
    let found = machine.catalog.ask(move |store| query::bucket(store, &name)).await?;
    let Some(bucket) = found.map(|bucket| bucket.id) else { return Ok(None) };
    let now = clock.now().truncated_to_second();
    let generation = Generation::new(number);
    let what = match going {
        Going::Noncurrent if blind => {
            let (version, condition) = (Some(VersionId::Number(number)), DeleteCond::None);
            let command =
                DeleteObject { bucket, key, version, condition, bypass: false, modified: now };
            return match machine.catalog.commit(command.into()).await {
                Ok(Reply::ObjectDeleted(Deleted::Version { existed, .. })) => Ok(Some(existed)),
                Ok(_) | Err(CatalogError::Refused(_)) => Ok(Some(false)),
                Err(error) => Err(error),
            };
        }
        Going::Latest => Expiring::Latest { generation },
        Going::Noncurrent => Expiring::Noncurrent { generation },
        Going::LoneMarker => Expiring::LoneMarker { generation },
    };
    let items = vec![ExpireItem { key, what }];
    match machine.catalog.commit(Expire { bucket, items, now }.into()).await {
        Ok(Reply::Expired(gone)) => Ok(Some(gone == [true])),
        Ok(reply) => panic!("{reply:?}"),
        Err(CatalogError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
