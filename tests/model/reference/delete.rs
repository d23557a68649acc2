//! Room: DeleteObject, DeleteObjects.
//!
//! Source: S3 "DeleteObject", "DeleteObjects"; S3 User Guide, "Deleting object versions".

use std::rc::Rc;

use super::version::{self, Deleted};
use super::{Answered, Fault, Reference, condition, key};
use crate::wire::{Answer, Ask, Body};
use crate::xml::Node;

impl Reference {
    /// Deletes a key, or a version of it, if the condition holds.
    fn delete_one(
        &mut self,
        name: &str,
        key: &str,
        id: Option<&str>,
        etag: Option<&str>,
    ) -> Result<Deleted, Fault> {
        let bucket = &self.buckets[name];
        // Which version goes is for the id to say; the condition is about the latest one.
        condition::of_delete(etag, key, bucket.current(key).map(Rc::as_ref))?;
        Ok(self.remove(name, key, id))
    }

    pub(super) fn delete(&mut self, ask: &Ask) -> Answered {
        let id = version::id_of(ask)?;
        self.bucket(ask)?;
        let name = ask.bucket.clone().unwrap_or_default();
        self.buckets[&name].check_id(id)?;
        let deleted = self.delete_one(&name, key(ask), id, ask.get_header("if-match"))?;
        let answer = Answer::empty(204);
        Ok(match deleted {
            Deleted::Plain => answer,
            Deleted::Marked(id) => {
                answer.header("x-amz-delete-marker", "true").header("x-amz-version-id", id)
            }
            Deleted::Gone(id, marker) => answer
                .header_if("x-amz-delete-marker", marker.then_some("true"))
                .header("x-amz-version-id", id),
        })
    }

    pub(super) fn delete_objects(&mut self, ask: &Ask) -> Answered {
        self.bucket(ask)?;
        let Body::Document(list) = &ask.body else { return Err(Fault::malformed()) };
        let objects: Vec<&Node> = list.all("Object").collect();
        let named = |object: &&Node| object.get("Key").is_some_and(|key| !key.is_empty());
        if objects.is_empty() || objects.len() > 1000 || !objects.iter().all(named) {
            return Err(Fault::malformed());
        }
        let quiet = list.get("Quiet") == Some("true");
        let name = ask.bucket.clone().unwrap_or_default();
        let mut root = Node::new("DeleteResult");
        for object in objects {
            let (key, id) = (object.get("Key").expect("looked at"), object.get("VersionId"));
            let told = |root: &str| Node::new(root).with("Key", key).with_if("VersionId", id);
            // A version that cannot be is one that is not there.
            let well = id.is_none_or(|id| version::well_formed(id).is_ok());
            let well = well && self.buckets[&name].check_id(id).is_ok();
            let deleted = match id {
                Some(id) if !well => Err(Fault::no_such_version(key, id)),
                _ => self.delete_one(&name, key, id, object.get("ETag")),
            };
            match deleted {
                Ok(_) if quiet => {}
                Ok(Deleted::Marked(id)) => {
                    let told = told("Deleted").with("DeleteMarker", true);
                    root = root.and(told.with("DeleteMarkerVersionId", id));
                }
                Ok(Deleted::Gone(id, true)) => {
                    let told = told("Deleted").with("DeleteMarker", true);
                    root = root.and(told.with("DeleteMarkerVersionId", id));
                }
                Ok(Deleted::Gone(_, false) | Deleted::Plain) => root = root.and(told("Deleted")),
                Err(fault) => {
                    let told = told("Error").with("Code", fault.code);
                    root = root.and(told.with("Message", fault.message));
                }
            }
        }
        Ok(Answer::document(root))
    }
}
