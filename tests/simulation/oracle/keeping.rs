//! Room: what answers about locks and expiry mean.
//!
//! Holds: until when each version must be there, as far as somebody was told so.
//! Invariant it asserts: no version goes before that, whoever takes it away.

use protocol::name::VersionId;
use protocol::time::Timestamp;

use super::{Oracle, Value, Verdict, place, write};
use crate::chain::{Said, Shown, What};
use crate::client::Answered;
use crate::keeping::Going;
use crate::story::{Cond, KeyEvent};

/// What was asked and told of a version's lock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lock {
    /// The latest date that anybody asked for.
    asked: Option<Timestamp>,
    /// The latest that was acknowledged.
    told: Option<Timestamp>,
}

impl Oracle {
    /// Somebody wants this version to be locked.
    pub(super) fn asked_to_lock(&mut self, key: usize, id: VersionId, until: Timestamp) {
        let lock = self.locks.entry((key, id)).or_default();
        lock.asked = lock.asked.max(Some(until));
    }

    /// From when on nothing is locked any more, whatever became of the requests.
    pub(crate) fn free_from(&self) -> Timestamp {
        let asked = self.locks.values().filter_map(|lock| lock.asked);
        asked.max().unwrap_or(Timestamp::from_millis(0))
    }

    fn is_locked(&self, key: usize, id: VersionId) -> bool {
        let told = self.locks.get(&(key, id)).and_then(|lock| lock.told);
        told.is_some_and(|until| self.moment < until)
    }

    /// A version was taken away.
    pub(super) fn may_be_gone(&self, key: usize, id: VersionId) -> Result<(), String> {
        if self.is_locked(key, id) {
            Err(format!("version {id} is gone although it is locked"))
        } else {
            Ok(())
        }
    }

    /// All versions of a key were seen.
    pub(super) fn has_what_is_locked(&self, key: usize, shown: &Shown) -> Result<(), String> {
        let of_key = self.locks.keys().filter(|(of, id)| *of == key && self.is_locked(key, *id));
        for (_, id) in of_key {
            if shown.iter().all(|(shown, _)| shown != id) {
                return Err(format!("version {id} has vanished although it is locked"));
            }
        }
        Ok(())
    }

    /// A delete was refused.
    pub(super) fn kept_by_a_lock(
        &self,
        key: usize,
        version: Option<VersionId>,
    ) -> Result<Verdict, String> {
        let id = version.ok_or("a delete marker can always be written")?;
        if !self.locks.contains_key(&(key, id)) {
            return Err("nobody has locked it".into());
        }
        let known = self.versions[key].iter().find(|(known, _)| *known == id);
        let seen = |(id, what): &(VersionId, What)| {
            Verdict::of_key(KeyEvent::ReadVersion { slot: place(key).1, id: *id, what: *what })
        };
        Ok(known.map_or_else(Verdict::nothing, seen))
    }

    pub(super) fn retained(
        &mut self,
        key: usize,
        version: VersionId,
        value: Value,
        until: Timestamp,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        let slot = place(key).1;
        let there = KeyEvent::ReadVersion { slot, id: version, what: Some(value) };
        match (answer.status, answer.code) {
            (200, _) => {
                let lock = self.locks.entry((key, version)).or_default();
                lock.told = lock.told.max(Some(until));
                Ok(Verdict::of_key(there))
            }
            // The date has passed before it was read.
            (400, Some("InvalidArgument")) if until <= self.moment => Ok(Verdict::nothing()),
            (403, Some("AccessDenied")) => {
                let asked = self.locks.get(&(key, version)).and_then(|lock| lock.asked);
                if asked > Some(until) {
                    Ok(Verdict::of_key(there))
                } else {
                    Err("nobody has locked it for longer".into())
                }
            }
            (404, Some("NoSuchVersion")) => Ok(Verdict::of_key(self.lacks(key, Some(version))?)),
            _ => Err("a lock that is neither set nor refused".into()),
        }
    }

    pub(super) fn expired(
        &mut self,
        key: usize,
        version: VersionId,
        what: What,
        going: Going,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        match answer.header(Going::GONE) {
            // It is no longer what was judged, or is locked.
            Some("false") => Ok(Verdict::nothing()),
            Some("true") => {
                match going {
                    Going::Latest => self.likely[key] = None,
                    Going::Noncurrent | Going::LoneMarker => {
                        self.may_be_gone(key, version)?;
                        self.forget(key, version);
                    }
                }
                Ok(Verdict::of_key(expired(key, version, what, going)))
            }
            _ => Err("an expiry that is neither done nor passed over".into()),
        }
    }
}

/// The version goes as what it was judged to be.
pub(super) fn expired(key: usize, id: VersionId, what: What, going: Going) -> KeyEvent {
    let slot = place(key).1;
    let purged = KeyEvent::Purged { slot, id, marker: Some(what.is_none()) };
    KeyEvent::All(match going {
        Going::Latest => vec![
            KeyEvent::Read { slot, value: what, id: Some(id) },
            write(key, None, Cond::None, Said::Untold),
        ],
        Going::Noncurrent => vec![KeyEvent::NotLatest { slot, id }, purged],
        Going::LoneMarker => vec![KeyEvent::Alone { slot, id }, purged],
    })
}
