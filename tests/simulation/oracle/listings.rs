//! Room: what answers about a bucket, and lists of what it holds, mean.

use std::collections::BTreeMap;

use protocol::name::VersionId;
use protocol::versioning::Versioning;

use super::{
    Action, KEYS, LOCKED, Meaning, Oracle, PASSING, Part, StoredPart, Verdict, entries, first_keys,
    place,
};
use crate::chain::Shown;
use crate::client::{Answered, elements};
use crate::story::{KeyEvent, UploadEvent};

impl Oracle {
    pub(super) fn versioning_set(
        &mut self,
        bucket: usize,
        versioning: Versioning,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        let has_locks = self.has_locks && bucket == LOCKED && versioning == Versioning::Suspended;
        if has_locks && (answer.status, answer.code) == (409, Some("InvalidBucketState")) {
            return Ok(Verdict::nothing());
        }
        if has_locks || answer.status != 200 {
            return Err("versioning is neither set nor refused".into());
        }
        self.versioning_likely[bucket] = versioning;
        let set = |_| Meaning::Event(KeyEvent::Versioning(versioning));
        Ok(Verdict { listed: first_keys(bucket).map(set).collect(), ..Verdict::nothing() })
    }

    pub(super) fn versions_listed(
        &mut self,
        bucket: usize,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        if answer.status != 200 || answer.elements("IsTruncated") != ["false"] {
            return Err("no listing of all versions".into());
        }
        let mut keys: BTreeMap<String, Shown> = BTreeMap::new();
        let (text, mut last) = (String::from_utf8_lossy(&answer.body), None);
        for (_, entry) in entries(&text) {
            let one = |name: &str| elements(entry, name).pop();
            let key = one("Key").ok_or("a version of no key")?;
            let id =
                one("VersionId").and_then(|id| VersionId::parse(&id)).ok_or("no version id")?;
            let what = match one("ETag") {
                Some(etag) => Some(self.value_of(&etag).map_err(|why| format!("{key} is {why}"))?),
                None => None,
            };
            let latest = last.as_ref() != Some(&key);
            if one("IsLatest").as_deref() != Some(if latest { "true" } else { "false" }) {
                return Err(format!("{key}, {id:?}: is it the latest?"));
            }
            keys.entry(key.clone()).or_default().insert(0, (id, what));
            last = Some(key);
        }
        let mut listed = Vec::new();
        for key in (0..KEYS.len()).filter(|key| KEYS[*key].0 == bucket) {
            let versions = keys.remove(KEYS[key].1).unwrap_or_default();
            self.likely[key] = versions.last().and_then(|(_, what)| *what);
            self.versions[key].clone_from(&versions);
            listed.push(Meaning::Event(KeyEvent::Shown { slot: place(key).1, versions }));
        }
        if keys.is_empty() {
            Ok(Verdict { listed, ..Verdict::nothing() })
        } else {
            Err(format!("keys that nobody wrote: {keys:?}"))
        }
    }

    pub(super) fn listed(&mut self, bucket: usize, answer: &Answered) -> Result<Verdict, String> {
        if answer.status != 200 {
            return Err("no listing".into());
        }
        let names = answer.elements("Key");
        let etags = answer.elements("ETag");
        if names.len() != etags.len() || !names.is_sorted_by(|a, b| a < b) {
            return Err(format!("a listing out of order: {names:?}"));
        }
        let mut listed = Vec::new();
        for key in (0..KEYS.len()).filter(|key| KEYS[*key].0 == bucket) {
            let found = names.iter().position(|name| name == KEYS[key].1);
            let value = match found {
                None => None,
                Some(at) => {
                    let value = self.by_etag.get(&etags[at]).copied();
                    Some(
                        value
                            .ok_or_else(|| format!("{:?} is listed as {}", KEYS[key], etags[at]))?,
                    )
                }
            };
            listed.push(Meaning::Event(self.seen(key, value, None)));
        }
        Ok(Verdict { listed, ..Verdict::nothing() })
    }

    pub(super) fn bucket(&mut self, action: &Action, answer: &Answered) -> Result<Verdict, String> {
        let event = match (action, answer.status, answer.code) {
            (Action::MakeBucket, 200, _) => KeyEvent::BucketMade,
            (Action::MakeBucket, 409, Some("BucketAlreadyOwnedByYou")) => KeyEvent::BucketThere,
            (Action::DropBucket, 204, _) => KeyEvent::BucketDropped,
            (Action::DropBucket, 409, Some("BucketNotEmpty")) => KeyEvent::BucketFull,
            _ => return Err("a bucket that is neither there nor not".into()),
        };
        self.bucket_likely = !matches!(event, KeyEvent::BucketDropped);
        if matches!(event, KeyEvent::BucketDropped) {
            self.versioning_likely[PASSING] = Versioning::Unversioned;
        }
        Ok(Verdict::of_key(event))
    }

    pub(super) fn parts_listed(
        &mut self,
        upload: usize,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        match (answer.status, answer.code) {
            (200, _) => {}
            (404, Some("NoSuchUpload")) => return Ok(self.upload_is_over(upload)),
            _ => return Err("no list of parts".into()),
        }
        let numbers = answer.elements("PartNumber");
        let etags = answer.elements("ETag");
        let mut seen = BTreeMap::new();
        for (number, etag) in numbers.iter().zip(etags) {
            let number: u16 =
                number.parse().map_err(|error| format!("part {number:?}: {error}"))?;
            let same = |part: &&StoredPart| part.etag.as_ref() == Some(&etag);
            let parts: Vec<Part> = (0..)
                .zip(&self.parts)
                .filter(|(_, part)| same(part) || part.etag.is_none())
                .map(|(part, _)| part)
                .collect();
            if parts.is_empty() {
                return Err(format!("part {number} is {etag}, which nobody wrote"));
            }
            seen.insert(number, parts);
        }
        Ok(Verdict::of_upload(UploadEvent::Parts(seen)))
    }
}
