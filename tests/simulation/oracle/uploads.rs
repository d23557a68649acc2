//! Room: what answers about uploads and their parts mean.

use std::collections::BTreeMap;
use std::ops::Range;

use protocol::name::VersionId;
use tenon_tests::content::Content;

use super::{
    Action, KEYS, Meaning, Oracle, PASSING, Part, Upload, Value, Verdict, cut, lost_condition,
    md5_of, place, version_of,
};
use crate::client::Answered;
use crate::history::History;
use crate::story::{Cond, KeyEvent, UploadEvent, UploadState};
use crate::sums;
use crate::sums::Sum;

impl Oracle {
    pub(super) fn upload_created(
        &mut self,
        key: usize,
        sum: Option<Sum>,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        if answer.status != 200 {
            return Err("no upload".into());
        }
        let id = answer.elements("UploadId").pop().ok_or("an upload without an id")?;
        self.uploads.push(Upload { id, key, sum, parts: BTreeMap::new(), open: true });
        let open = UploadState::Open(BTreeMap::new());
        let passing = KEYS[key].0 == PASSING;
        let state = if passing { UploadState::Passing } else { open };
        self.upload_histories.push(History::new(state));
        Ok(Verdict::nothing())
    }

    pub(super) fn part_put(
        &mut self,
        upload: usize,
        number: u16,
        part: Part,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        match (answer.status, answer.code) {
            (200, _) if answer.etag() != self.parts[part as usize].etag => {
                Err("another ETag".into())
            }
            (200, _) => Ok(self.part_is_there(upload, number, part)),
            (404, Some("NoSuchUpload")) => Ok(self.upload_is_over(upload)),
            _ => Err("a part that is neither put nor refused".into()),
        }
    }

    pub(super) fn part_is_there(&mut self, upload: usize, number: u16, part: Part) -> Verdict {
        self.uploads[upload].parts.insert(number, part);
        Verdict::of_upload(UploadEvent::Put(number, part))
    }

    pub(super) fn upload_is_over(&mut self, upload: usize) -> Verdict {
        self.uploads[upload].open = false;
        Verdict::of_upload(UploadEvent::Over)
    }

    pub(super) fn part_copied(
        &mut self,
        action: &Action,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        let Action::CopyPart { upload, number, source, version, range, pinned, part } = action
        else {
            return Err("no copy".into());
        };
        let slot = place(*source).1;
        match (answer.status, answer.code) {
            (200, _) => {}
            (404, Some("NoSuchUpload")) => return Ok(self.upload_is_over(*upload)),
            (404, Some("NoSuchKey")) if version.is_some() => {
                return Ok(Verdict::of_key(self.lacks(*source, *version)?));
            }
            (404, Some("NoSuchKey")) => return Ok(Verdict::of_key(self.seen(*source, None, None))),
            (404, Some("NoSuchVersion")) => {
                return Ok(Verdict::of_key(self.lacks(*source, *version)?));
            }
            // The null version is another one by now.
            (412, _) | (400, Some("InvalidRequest")) if *version == Some(VersionId::Null) => {
                return Ok(Verdict::nothing());
            }
            (412, _) => {
                let value = pinned.ok_or("a condition that nobody made")?;
                return Ok(Verdict::of_key(KeyEvent::Differs { slot, value }));
            }
            // The source is another one than was expected, and shorter.
            (400 | 416, Some("InvalidArgument" | "InvalidRange" | "InvalidRequest"))
                if pinned.is_none() =>
            {
                return Ok(Verdict::nothing());
            }
            _ => return Err("a copy that is neither made nor refused".into()),
        }
        let etag = answer.elements("ETag").pop().ok_or("a part without an ETag")?;
        let found = match pinned {
            Some(value) => {
                let content = cut(&self.stored(*value).content, range.as_ref());
                let content = content.ok_or("a range beyond the source")?;
                if content.len() <= self.md5_up_to && md5_of(&content) != etag {
                    return Err(format!("the ETag {etag} is not that of the range"));
                }
                Some((vec![*value], content))
            }
            None => self.sources_of(&etag, range.as_ref()),
        };
        if let Some((_, content)) = &found {
            let sum = self.uploads[*upload].sum.map(|(algorithm, _)| algorithm);
            sums::document_is_true(answer, sum, content)?;
        }
        // The same range of the same source once more is the same part.
        let same = self.parts.iter().position(|one| one.etag.as_ref() == Some(&etag));
        let part = same.map_or(*part, |same| u32::try_from(same).expect("few parts"));
        self.parts[part as usize].etag = Some(etag);
        let mut verdict = self.part_is_there(*upload, *number, part);
        if let Some((values, content)) = found {
            self.parts[part as usize].content = Some(content);
            verdict.key = Meaning::Event(match (version, pinned) {
                (Some(id), Some(value)) => {
                    KeyEvent::ReadVersion { slot, id: *id, what: Some(*value) }
                }
                _ => KeyEvent::ReadOne { slot, values },
            });
        }
        Ok(verdict)
    }

    /// The values whose `range` has this MD5, and that range: several, if one was copied from the other.
    pub(super) fn sources_of(
        &self,
        etag: &str,
        range: Option<&Range<u64>>,
    ) -> Option<(Vec<Value>, Content)> {
        let (mut values, mut found) = (Vec::new(), None);
        for (value, stored) in (0..).zip(&self.values) {
            if let Some(content) = cut(&stored.content, range).filter(|cut| md5_of(cut) == etag) {
                values.push(value);
                found = Some(content);
            }
        }
        found.map(|content| (values, content))
    }

    pub(super) fn upload_completed(
        &mut self,
        action: &Action,
        answer: &Answered,
    ) -> Result<Verdict, String> {
        let Action::Complete { upload, list, value, cond } = action else {
            return Err("no completion".into());
        };
        let key = self.uploads[*upload].key;
        match (answer.status, answer.code) {
            (200, _) => {
                let etag = answer.elements("ETag").pop();
                if etag.as_ref() != Some(&self.stored(*value).etag) {
                    return Err(format!("another ETag: {etag:?}"));
                }
                self.uploads[*upload].open = false;
                let said = self.written(key, Some(*value), version_of(answer)?).if_told();
                Ok(Verdict {
                    key: Meaning::Event(KeyEvent::Completed {
                        slot: place(key).1,
                        value: *value,
                        cond: *cond,
                        said,
                    }),
                    ..Verdict::of_upload(UploadEvent::Complete(list.clone()))
                })
            }
            (404, Some("NoSuchUpload")) => Ok(self.upload_is_over(*upload)),
            (400, Some("InvalidPart")) => {
                Ok(Verdict::of_upload(UploadEvent::Mismatch(list.clone())))
            }
            (400, Some("EntityTooSmall")) if list.len() > 1 => Ok(Verdict::nothing()),
            (409, Some("ConditionalRequestConflict")) if *cond != Cond::None => {
                Ok(Verdict::nothing())
            }
            _ => lost_condition(key, *cond, answer),
        }
    }
}
