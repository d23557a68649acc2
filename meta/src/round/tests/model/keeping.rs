//! What of the model is kept and what goes: configurations of buckets, locks of versions, expiry.

use protocol::lock::{LockChange, Retention, RetentionMode};
use protocol::time::Timestamp;

use super::op::{Change, Going};
use super::*;
use crate::command::{Expire, ExpireItem, Expiring, SetConfig, SetLock};

impl Machine<'_> {
    pub(super) fn configure(
        &mut self,
        round: &mut Round<'_>,
        bucket: usize,
        kind: ConfigKind,
        set: bool,
    ) {
        // Object lock is never taken away.
        let is_lock = kind == ConfigKind::ObjectLock;
        let document = (set || is_lock).then(|| format!("<{}/>", round.bytes()));
        let name = bucket_name(BUCKETS[bucket]);
        let slot = &self.model.buckets[bucket];
        let expected = self.model.live(bucket).and_then(|()| {
            let lacks = is_lock && slot.versioning != Versioning::Enabled;
            if lacks { Err(Refusal::VersioningNeeded) } else { Ok(Reply::Done) }
        });
        assert_eq!(apply(round, SetConfig { name, kind, document: document.clone() }), expected);
        let configs = &mut self.model.buckets[bucket].configs;
        match document.filter(|_| expected.is_ok()) {
            Some(document) => drop(configs.insert(kind, document)),
            None if expected.is_ok() => drop(configs.remove(&kind)),
            None => {}
        }
    }

    pub(super) fn lock(
        &mut self,
        round: &mut Round<'_>,
        bucket: usize,
        wanted: &Wanted,
        change: Change,
        bypass: bool,
    ) {
        let retention = |mode, seconds: u8| {
            let until = Timestamp::from_millis(AT.as_millis() + u64::from(seconds) * 1000);
            LockChange::Retention(Some(Retention { mode, until }))
        };
        let change = match change {
            Change::Free => LockChange::Retention(None),
            Change::Governance(seconds) => retention(RetentionMode::Governance, seconds),
            Change::Compliance(seconds) => retention(RetentionMode::Compliance, seconds),
            Change::Hold(hold) => LockChange::LegalHold(hold),
        };
        let (id, live) = (self.model.id(bucket), self.model.live(bucket));
        let slot = &mut self.model.buckets[bucket];
        let version = slot.version(wanted);
        let told = slot.versioning != Versioning::Unversioned;
        let mut versions = slot.keys.get_mut(&wanted.key).into_iter().flatten();
        let now = versions.find(|one| version.is_none_or(|asked| asked == one.id));
        let outcome = live.and_then(|()| match &now {
            None if version.is_some() => Err(Refusal::NoSuchVersion),
            None => Err(Refusal::NoSuchKey),
            Some(Version { id, thing: None }) => Err(Refusal::DeleteMarker { version: *id }),
            Some(Version { id, thing: Some(thing) }) => {
                let lock =
                    thing.lock.change(change, bypass, AT).map_err(|_locked| Refusal::Locked)?;
                Ok((lock, Reply::LockSet { version: told.then_some(*id) }))
            }
        });
        let key = key(KEYS[wanted.key]);
        let command = SetLock { bucket: id, key, version, change, bypass, now: AT };
        assert_eq!(apply(round, command), outcome.clone().map(|(_, reply)| reply));
        if let (Ok((lock, _)), Some(Version { thing: Some(thing), .. })) = (outcome, now) {
            thing.lock = lock;
        }
    }

    pub(super) fn expire(
        &mut self,
        round: &mut Round<'_>,
        bucket: usize,
        place: usize,
        which: &Index,
        what: Going,
    ) {
        let (id, live) = (self.model.id(bucket), self.model.live(bucket));
        let slot = &mut self.model.buckets[bucket];
        let versions = slot.keys.get(&place).map_or(&[][..], Vec::as_slice);
        let at = (!versions.is_empty()).then(|| which.index(versions.len()));
        let chosen = at.map(|at| &versions[at]);
        let Some(generation) = chosen.map_or(Some(Generation::new(7)), Version::generation) else {
            return;
        };
        let versioned = slot.versioning != Versioning::Unversioned;
        let goes = chosen.is_some_and(|chosen| match what {
            Going::Latest => {
                at == Some(0)
                    && chosen.thing.is_some()
                    && (versioned || !chosen.is_protected(false))
            }
            Going::Noncurrent => at != Some(0) && !chosen.is_protected(false),
            Going::LoneMarker => versions.len() == 1 && chosen.thing.is_none(),
        });
        let version = chosen.map(|chosen| chosen.id).filter(|_| !matches!(what, Going::Latest));
        let what = match what {
            Going::Latest => Expiring::Latest { generation },
            Going::Noncurrent => Expiring::Noncurrent { generation },
            Going::LoneMarker => Expiring::LoneMarker { generation },
        };
        let items = vec![ExpireItem { key: key(KEYS[place]), what }];
        let made = VersionId::Number(round.numbers.counters.generation + 1);
        let reply = apply(round, Expire { bucket: id, items, now: AT });
        assert_eq!(reply, live.map(|()| Reply::Expired(vec![goes])));
        if goes && live.is_ok() {
            let marked = version.is_none() && versioned;
            let told = if marked {
                Deleted::Marked { version: made }
            } else {
                Deleted::Key { existed: true }
            };
            slot.delete(place, version, told);
        }
    }
}
