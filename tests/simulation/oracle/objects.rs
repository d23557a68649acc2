//! Room: what answers about a key and its versions mean.

use std::ops::Range;

use protocol::name::VersionId;

use super::{
    Action, Doomed, Excuses, KEYS, Meaning, Oracle, Value, Verdict, delete, lost_condition,
    of_keys, place, together, version_of, write,
};
use crate::chain::{Said, What};
use crate::client::{Answered, elements};
use crate::story::{Cond, KeyEvent};
use crate::sums;

impl Oracle {
    pub(super) fn put(
        &mut self,
        key: usize,
        value: Value,
        cond: Cond,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        let etag = &self.stored(value).etag;
        match (answer.status, answer.code) {
            (200, _) if answer.etag().as_ref() != Some(etag) => Err("another ETag".into()),
            (200, _) => {
                let said = self.written(key, Some(value), version_of(answer)?);
                Ok(Verdict::of_key(write(key, Some(value), cond, said)))
            }
            _ => lost_condition(key, cond, answer),
        }
    }

    pub(super) fn copy(&mut self, action: &Action, answer: &Answered) -> Result<Verdict, String> {
        let Action::Copy { key, source, version, pinned, value, cond, sum } = action else {
            return Err("no copy".into());
        };
        let slot = place(*source).1;
        let of_source =
            |event| Verdict { listed: vec![Meaning::Event(event)], ..Verdict::nothing() };
        let was_read = match version {
            Some(id) => KeyEvent::ReadVersion { slot, id: *id, what: Some(*pinned) },
            None => KeyEvent::ReadOne { slot, values: vec![*pinned] },
        };
        let condition = answer.elements("Condition").pop();
        match (answer.status, answer.code, condition.as_deref()) {
            (200, ..) => {
                let (etag, expected) = (answer.elements("ETag").pop(), &self.stored(*value).etag);
                if etag.as_ref() != Some(expected) {
                    return Err(format!("another ETag: {etag:?} for {expected}"));
                }
                sums::document_is_true(answer, *sum, &self.stored(*value).content)?;
                let said = self.written(*key, Some(*value), version_of(answer)?).if_told();
                let event = Meaning::Event(write(*key, Some(*value), *cond, said));
                Ok(Verdict { key: event, ..of_source(was_read) })
            }
            (404, Some("NoSuchVersion"), _) => Ok(of_source(self.lacks(*source, *version)?)),
            (404, Some("NoSuchKey"), _)
                if *version == Some(VersionId::Null) && !matches!(cond, Cond::Matches(_)) =>
            {
                Ok(of_source(self.lacks(*source, *version)?))
            }
            // The null version is another one by now: a delete marker is nothing to copy.
            (400, Some("InvalidRequest"), _) if *version == Some(VersionId::Null) => {
                Ok(of_source(KeyEvent::ReadVersion { slot, id: VersionId::Null, what: None }))
            }
            (412, _, Some("x-amz-copy-source-If-Match")) if let Some(id) = version => match id {
                VersionId::Null => Ok(Verdict::nothing()),
                VersionId::Number(_) => Err("a version has changed".into()),
            },
            (412, _, Some("x-amz-copy-source-If-Match")) => {
                Ok(of_source(KeyEvent::Differs { slot, value: *pinned }))
            }
            // The source, or what the key was to name before.
            (404, Some("NoSuchKey"), _) if matches!(cond, Cond::Matches(_)) => {
                Ok(Verdict::nothing())
            }
            (404, Some("NoSuchKey"), _) => Ok(of_source(self.seen(*source, None, None))),
            _ => {
                Ok(Verdict { key: lost_condition(*key, *cond, answer)?.key, ..of_source(was_read) })
            }
        }
    }

    pub(super) fn read(
        &mut self,
        key: usize,
        version: Option<VersionId>,
        range: Option<&Range<u64>>,
        answer: &Answered,
        excuses: Excuses,
    ) -> Result<Verdict, String> {
        if let Some(verdict) = self.absent(key, version, answer)? {
            return Ok(verdict);
        }
        if answer.status == 416 && range.is_some() {
            // The object is another one than was expected, and shorter.
            return Ok(Verdict::nothing());
        }
        if !matches!(answer.status, 200 | 206) {
            return Err("neither bytes nor a reason".into());
        }
        let value = self.known(key, answer)?;
        let event = self.seen_as(key, version, value, answer)?;
        let content = &self.stored(value).content;
        let expected = match range {
            Some(range) => content.slice(range.start..range.end.min(content.len())),
            None => content.clone(),
        };
        if answer.cut {
            if excuses.faults {
                return Ok(Verdict::of_key(event));
            }
            return Err("the body was cut off although nothing has failed".into());
        }
        if let Some(at) = expected.first_difference(&answer.body) {
            return Err(format!("wrong bytes from {at} on, of {}", expected.len()));
        }
        Ok(Verdict::of_key(event))
    }

    pub(super) fn head(
        &mut self,
        key: usize,
        version: Option<VersionId>,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        if let Some(verdict) = self.absent(key, version, answer)? {
            return Ok(verdict);
        }
        if answer.status != 200 {
            return Err("neither a head nor a reason".into());
        }
        let value = self.known(key, answer)?;
        let len = self.stored(value).content.len().to_string();
        if answer.header("content-length") != Some(&len) {
            return Err(format!("another length than {len}"));
        }
        sums::head_is_true(answer, &self.stored(value).content)?;
        Ok(Verdict::of_key(self.seen_as(key, version, value, answer)?))
    }

    /// The answer that there is no such thing, or nothing but a delete marker. HEAD has no body, but the operations
    /// say the code all the same.
    pub(super) fn absent(
        &mut self,
        key: usize,
        version: Option<VersionId>,
        answer: &Answered,
    ) -> Result<Option<Verdict>, String> {
        let event = match (answer.status, answer.code, version) {
            (404, Some("NoSuchKey"), None) => self.seen(key, None, None),
            (404, Some("NoSuchVersion"), Some(_))
            | (404, Some("NoSuchKey"), Some(VersionId::Null)) => self.lacks(key, version)?,
            (405, Some("MethodNotAllowed"), Some(id)) => {
                if answer.header("x-amz-delete-marker") != Some("true") {
                    return Err("neither data nor a delete marker".into());
                }
                KeyEvent::ReadVersion { slot: place(key).1, id, what: None }
            }
            _ => return Ok(None),
        };
        Ok(Some(Verdict::of_key(event)))
    }

    /// The version is not there; nobody asks for it again.
    pub(super) fn lacks(
        &mut self,
        key: usize,
        version: Option<VersionId>,
    ) -> Result<KeyEvent, String> {
        let id = version.ok_or("a version is missing that nobody asked for")?;
        self.forget(key, id);
        Ok(KeyEvent::Lacks { slot: place(key).1, id })
    }

    /// The value was read, as the latest version or as the one that was asked for.
    pub(super) fn seen_as(
        &mut self,
        key: usize,
        version: Option<VersionId>,
        value: Value,
        answer: &Answered,
    ) -> Result<KeyEvent, String> {
        let id = version_of(answer)?;
        match version {
            None => Ok(self.seen(key, Some(value), id)),
            Some(asked) if id.is_some_and(|id| id != asked) => {
                Err(format!("version {id:?} instead of {asked:?}"))
            }
            Some(id) => Ok(KeyEvent::ReadVersion { slot: place(key).1, id, what: Some(value) }),
        }
    }

    /// A write has made this version the latest one.
    pub(super) fn written(&mut self, key: usize, what: What, id: Option<VersionId>) -> Said {
        self.likely[key] = what;
        if let Some(id) = id {
            self.versions[key].retain(|(known, _)| *known != id);
            self.versions[key].push((id, what));
        }
        Said::Told(id)
    }

    /// Nobody asks for this version any more.
    pub(super) fn forget(&mut self, key: usize, id: VersionId) {
        if self.versions[key].last().is_some_and(|(known, _)| *known == id) {
            let before = self.versions[key].iter().rev().nth(1);
            self.likely[key] = before.and_then(|(_, what)| *what);
        }
        self.versions[key].retain(|(known, _)| *known != id);
    }

    pub(super) fn deleted(
        &mut self,
        key: usize,
        version: Option<VersionId>,
        cond: Cond,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        if (answer.status, answer.code) == (404, Some("NoSuchVersion")) {
            // The bucket never had versions when the request came.
            return Ok(Verdict::nothing());
        }
        if (answer.status, answer.code) == (403, Some("AccessDenied")) {
            return self.kept_by_a_lock(key, version);
        }
        if answer.status != 204 {
            return lost_condition(key, cond, answer);
        }
        let marker = answer.header("x-amz-delete-marker") == Some("true");
        let said = version_of(answer)?;
        let event = match version {
            Some(id) if said.is_some_and(|said| said != id) => {
                return Err(format!("version {said:?} is gone instead of {id:?}"));
            }
            Some(id) => {
                self.may_be_gone(key, id)?;
                self.forget(key, id);
                KeyEvent::Purged { slot: place(key).1, id, marker: Some(marker) }
            }
            None if marker != said.is_some() => return Err("half a delete marker".into()),
            None => write(key, None, cond, self.written(key, None, said)),
        };
        Ok(Verdict::of_key(event))
    }

    pub(super) fn known(&self, key: usize, answer: &Answered) -> Result<Value, String> {
        let etag = answer.etag().ok_or("no ETag")?;
        let value = self.by_etag.get(&etag).copied();
        value.ok_or_else(|| format!("{:?} names {etag}, which nobody wrote", KEYS[key]))
    }

    pub(super) fn seen(
        &mut self,
        key: usize,
        value: Option<Value>,
        id: Option<VersionId>,
    ) -> KeyEvent {
        self.likely[key] = value;
        KeyEvent::Read { slot: place(key).1, value, id }
    }

    pub(super) fn some_deleted(
        &mut self,
        keys: &[Doomed],
        quiet: bool,
        answer: &Answered,
        excuses: Excuses,
    ) -> Result<Verdict, String> {
        if answer.status != 200 {
            return Err("deletes that are neither done nor refused".into());
        }
        let named = |text: &str| {
            let one = |name: &str| elements(text, name).pop();
            (one("Key").unwrap_or_default(), one("VersionId"))
        };
        let deleted = answer.elements("Deleted");
        let errors = answer.elements("Error");
        if deleted.len() + errors.len() != if quiet { errors.len() } else { keys.len() } {
            return Err(format!("another number of keys than {}", keys.len()));
        }
        let mut listed = Vec::new();
        for of_key in of_keys(keys) {
            let mut meanings = Vec::new();
            for doomed in of_key {
                let (key, version, _) = *doomed;
                let name = (KEYS[key].1.to_owned(), version.map(|id| id.to_string()));
                let entry = deleted.iter().find(|deleted| named(deleted) == name);
                let error = errors.iter().find(|error| named(error) == name);
                let code = error.and_then(|error| elements(error, "Code").pop());
                meanings.push(match (code, entry) {
                    (Some(code), _) => self.not_deleted(doomed, &code, excuses)?,
                    (None, Some(entry)) => Meaning::Event(self.one_deleted(doomed, entry)?),
                    (None, None) if quiet => {
                        match version {
                            Some(id) => {
                                self.may_be_gone(key, id)?;
                                self.forget(key, id);
                            }
                            None => self.likely[key] = None,
                        }
                        Meaning::Event(delete(doomed))
                    }
                    (None, None) => return Err(format!("{name:?} is neither deleted nor kept")),
                });
            }
            listed.push(together(meanings));
        }
        Ok(Verdict { listed, ..Verdict::nothing() })
    }

    pub(super) fn one_deleted(&mut self, doomed: &Doomed, entry: &str) -> Result<KeyEvent, String> {
        let (key, version, cond) = *doomed;
        let one = |name: &str| elements(entry, name).pop();
        let marker = one("DeleteMarker").as_deref() == Some("true");
        let said = one("DeleteMarkerVersionId").and_then(|id| VersionId::parse(&id));
        let is_another = version.is_some() && marker && said != version;
        if marker != said.is_some() || is_another {
            return Err(format!("{doomed:?}: another delete marker"));
        }
        Ok(match version {
            Some(id) => {
                self.may_be_gone(key, id)?;
                self.forget(key, id);
                KeyEvent::Purged { slot: place(key).1, id, marker: Some(marker) }
            }
            None => write(key, None, cond, self.written(key, None, said)),
        })
    }

    pub(super) fn not_deleted(
        &mut self,
        doomed: &Doomed,
        code: &str,
        excuses: Excuses,
    ) -> Result<Meaning<KeyEvent>, String> {
        let (key, version, cond) = *doomed;
        let slot = place(key).1;
        match (code, cond) {
            ("NoSuchVersion", _) if version.is_some() => Ok(Meaning::Nothing),
            ("AccessDenied", _) => Ok(self.kept_by_a_lock(key, version)?.key),
            ("PreconditionFailed", Cond::Matches(value)) => {
                Ok(Meaning::Event(KeyEvent::Differs { slot, value }))
            }
            ("NoSuchKey", Cond::Matches(_)) => Ok(Meaning::Event(self.seen(key, None, None))),
            ("InternalError", _) if excuses.faults => Ok(Meaning::Unknown),
            _ => Err(format!("{doomed:?} is neither deleted nor kept: {code}")),
        }
    }
}
