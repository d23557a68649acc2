//! Room: what clients do to versions: reads, copies, deletes and lists of them, and buckets that begin and cease to keep
//! them while all that goes on. In most runs nobody does.

use bytes::Bytes;
use meta::id::BucketId;
use meta::query::{self, ListAsk, ListFrom, ListLine};
use meta::record::VersionFacts;
use meta::store::Store;
use protocol::checksum::ChecksumAlgorithm;
use protocol::name::{BucketName, VersionId};
use protocol::versioning::Versioning;

use crate::chain::{Shown, What};
use crate::client::Sent;
use crate::oracle::{Action, BUCKETS, Doomed, KEYS, Looked, Oracle};
use crate::plan::Plan;
use crate::story::Cond;
use crate::sums;
use crate::workload::{Workload, to_key, to_upload};

/// A version of a key that some answer has named.
type Known = (usize, (VersionId, What));

impl Workload {
    /// The next request that is about versions.
    pub(crate) fn of_versions(
        &mut self,
        plan: &Plan,
        oracle: &mut Oracle,
    ) -> Option<(Action, Sent)> {
        let key = self.key(oracle);
        let bucket = KEYS[key].0;
        let unversioned = oracle.versioning_likely[bucket] == Versioning::Unversioned;
        if unversioned && self.random.chance(60) {
            return Some(self.set_versioning(bucket));
        }
        if self.random.chance(30) {
            return self.keeping(plan, oracle);
        }
        match self.random.within(0..100) {
            0..6 => Some(self.set_versioning(bucket)),
            6..24 => self.read_version(oracle),
            24..48 => {
                let (key, id) = self.version_to_purge(oracle)?;
                Some(self.purge(key, id))
            }
            48..60 => {
                let key = self.key_to_delete(oracle);
                Some(self.delete(key, Cond::None, oracle))
            }
            60..68 => self.delete_versions(oracle),
            68..78 => Some(Self::list_versions(bucket)),
            _ => self.put(plan, oracle),
        }
    }

    fn set_versioning(&mut self, bucket: usize) -> (Action, Sent) {
        let enabled = self.random.chance(65);
        let versioning = if enabled { Versioning::Enabled } else { Versioning::Suspended };
        let status = versioning.status().unwrap_or_default();
        let document =
            format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        let body = Bytes::from(document);
        let crc = ChecksumAlgorithm::Crc32;
        let sent = Sent {
            method: "PUT",
            target: format!("/{}?versioning", BUCKETS[bucket]),
            headers: vec![(crc.header(), sums::of_bytes(&body, crc).to_base64())],
            body,
            ..Sent::default()
        };
        (Action::SetVersioning { bucket, versioning }, sent)
    }

    fn list_versions(bucket: usize) -> (Action, Sent) {
        let target = format!("/{}?versions", BUCKETS[bucket]);
        (Action::ListVersions { bucket }, Sent { method: "GET", target, ..Sent::default() })
    }

    /// One of the versions that answers have named.
    pub(crate) fn version(
        &mut self,
        oracle: &Oracle,
        fits: impl Fn(&(VersionId, What)) -> bool,
    ) -> Option<Known> {
        let of = |key: usize| oracle.versions[key].iter().map(move |one| (key, *one));
        let all = (0..KEYS.len()).flat_map(of).filter(|(_, one)| fits(one));
        let all: Vec<Known> = all.collect();
        (!all.is_empty()).then(|| *self.random.pick(&all))
    }

    /// A version by its name: mostly one that was told of, or the null version, which need not be there.
    fn read_version(&mut self, oracle: &Oracle) -> Option<(Action, Sent)> {
        let (key, (id, what)) = match self.random.within(0..10) {
            0..2 => (self.known_key(oracle), (VersionId::Null, None)),
            _ => self.version(oracle, |_| true)?,
        };
        let version = Some(id);
        if self.random.chance(25) {
            let headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
            let sent = Sent { headers, ..to_version("HEAD", key, id) };
            return Some((Action::Head { key, version }, sent));
        }
        let mut sent = to_version("GET", key, id);
        let range = self.range_of(oracle, what);
        if let Some(range) = &range {
            sent.headers.push(("range", format!("bytes={}-{}", range.start, range.end - 1)));
        }
        Some((Action::Get { key, version, range }, sent))
    }

    /// A version that goes: the latest of a key, any, a delete marker, the null version.
    fn version_to_purge(&mut self, oracle: &Oracle) -> Option<(usize, VersionId)> {
        let (key, id) = match self.random.within(0..10) {
            0..4 => {
                let key = self.key_to_delete(oracle);
                (key, oracle.versions[key].last()?.0)
            }
            4..6 => {
                let (key, one) = self.version(oracle, |(_, what)| what.is_none())?;
                (key, one.0)
            }
            6..7 => (self.key_to_delete(oracle), VersionId::Null),
            _ => {
                let (key, one) = self.version(oracle, |_| true)?;
                (key, one.0)
            }
        };
        (!self.needs(key)).then_some((key, id))
    }

    /// A delete of one version for good.
    pub(crate) fn purge(&mut self, key: usize, id: VersionId) -> (Action, Sent) {
        let action = Action::Delete { key, version: Some(id), cond: Cond::None };
        (action, to_version("DELETE", key, id))
    }

    /// Some versions of one bucket at once, and now and then a key.
    fn delete_versions(&mut self, oracle: &Oracle) -> Option<(Action, Sent)> {
        let bucket = KEYS[self.version_to_purge(oracle)?.0].0;
        let mut doomed: Vec<Doomed> = Vec::new();
        for key in (0..KEYS.len()).filter(|key| KEYS[*key].0 == bucket) {
            for (id, _) in &oracle.versions[key] {
                if !self.needs(key) && self.random.chance(30) {
                    doomed.push((key, Some(*id), Cond::None));
                }
            }
            if !self.needs(key) && self.random.chance(20) {
                doomed.push((key, None, Cond::None));
            }
        }
        (!doomed.is_empty()).then(|| self.delete_list(bucket, doomed, oracle))
    }

    /// Takes everything away: all versions that there are, and all uploads.
    pub(crate) fn purge_all(&mut self, looked: &[Looked], oracle: &Oracle) -> Vec<(Action, Sent)> {
        let mut all = Vec::new();
        for (bucket, looked) in looked.iter().enumerate() {
            let keys = looked.iter().flat_map(|(_, keys)| keys);
            let doomed = keys.flat_map(|(key, versions)| {
                versions.iter().map(|(id, _)| (*key, Some(*id), Cond::None))
            });
            let doomed: Vec<Doomed> = doomed.collect();
            if !doomed.is_empty() {
                all.push(self.delete_list(bucket, doomed, oracle));
            }
        }
        let open = (0..oracle.uploads.len()).filter(|upload| oracle.uploads[*upload].open);
        all.extend(
            open.map(|upload| (Action::Abort { upload }, to_upload("DELETE", oracle, upload))),
        );
        all
    }
}

fn to_version(method: &'static str, key: usize, id: VersionId) -> Sent {
    let mut sent = to_key(method, key);
    sent.target.push_str(&format!("?versionId={id}"));
    sent
}

/// What the store holds: of each bucket, whether it keeps versions, and all versions of each key.
///
/// # Errors
/// What cannot be read, and what nobody wrote.
pub(crate) fn look(store: &dyn Store, oracle: &Oracle) -> Result<Vec<Looked>, String> {
    let mut all = Vec::new();
    for name in BUCKETS {
        let name = BucketName::parse(name).expect("a bucket name");
        let found = query::bucket(store, &name).map_err(|error| error.to_string())?;
        let Some(found) = found else {
            all.push(None);
            continue;
        };
        all.push(Some((found.versioning, versions_of(store, found.id, oracle, &name)?)));
    }
    Ok(all)
}

fn versions_of(
    store: &dyn Store,
    bucket: BucketId,
    oracle: &Oracle,
    name: &BucketName,
) -> Result<Vec<(usize, Shown)>, String> {
    let ask = ListAsk { bucket, prefix: "", delimiter: None, from: ListFrom::Start, max: 10_000 };
    let page = query::list_versions(store, &ask).map_err(|error| error.to_string())?;
    let of_bucket = (0..KEYS.len()).filter(|key| BUCKETS[KEYS[*key].0] == name.as_str());
    let mut keys: Vec<(usize, Shown)> = of_bucket.map(|key| (key, Shown::new())).collect();
    for line in page.lines {
        let ListLine::Entry(entry) = line else { return Err("a prefix".into()) };
        let what = match &entry.facts {
            VersionFacts::Object(object) => Some(oracle.value_of(object.etag.as_str())?),
            VersionFacts::Marker(_) => None,
        };
        let of_key = keys.iter_mut().find(|(key, _)| KEYS[*key].1 == entry.key.as_str());
        let (_, shown) = of_key.ok_or_else(|| format!("{:?}, which nobody wrote", entry.key))?;
        shown.insert(0, (entry.version(), what));
    }
    Ok(keys)
}
