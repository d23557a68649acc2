//! Room: the tags of objects.
//!
//! Source: S3 "PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging"; "PutObject", x-amz-tagging.

use std::rc::Rc;

use super::{Answered, Fault, Object, Reference, key, version};
use crate::wire::{Answer, Ask, Body};
use crate::xml::Node;

/// The tags of the header: pairs, of which the generator makes only plain ones.
pub(super) fn of_header(ask: &Ask) -> Result<Vec<(String, String)>, Fault> {
    let Some(header) = ask.get_header("x-amz-tagging") else { return Ok(Vec::new()) };
    let mut tags: Vec<(String, String)> = Vec::new();
    for pair in header.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if tags.iter().any(|(known, _)| known == name) {
            let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
            return Err(Fault::argument("x-amz-tagging", header, message));
        }
        tags.push((name.to_owned(), value.to_owned()));
    }
    Ok(tags)
}

fn of_document(ask: &Ask) -> Result<Vec<(String, String)>, Fault> {
    let Body::Document(root) = &ask.body else { return Err(Fault::malformed()) };
    let set = root.child("TagSet").ok_or_else(Fault::malformed)?;
    let mut tags: Vec<(String, String)> = Vec::new();
    for tag in set.all("Tag") {
        let (Some(name), Some(value)) = (tag.get("Key"), tag.get("Value")) else {
            return Err(Fault::malformed());
        };
        tags.push((name.to_owned(), value.to_owned()));
    }
    if tags.len() > 10 {
        return Err(Fault::new(400, "BadRequest", "Object tags cannot be greater than 10"));
    }
    for (place, (name, _)) in tags.iter().enumerate() {
        if name.to_lowercase().starts_with("aws:") {
            let message = "Your TagKey cannot be prefixed with aws:";
            return Err(Fault::new(400, "InvalidTag", message).with("TagKey", name));
        }
        if tags[..place].iter().any(|(known, _)| known == name) {
            let message = "Cannot provide multiple Tags with the same key";
            return Err(Fault::new(400, "InvalidTag", message).with("TagKey", name));
        }
    }
    Ok(tags)
}

impl Reference {
    /// The id and content of the version that a request about tags names.
    fn tagged(&self, ask: &Ask) -> Result<(String, Option<String>, Rc<Object>), Fault> {
        let id = version::id_of(ask)?;
        let bucket = self.bucket(ask)?;
        let found = self.find(bucket, ask, id)?;
        let object = found.object.clone();
        let object = object.ok_or_else(|| Fault::delete_marker(ask.method).of_marker(&found.id))?;
        Ok((found.id.clone(), bucket.shown(found).map(str::to_owned), object))
    }

    fn retag(&mut self, ask: &Ask, id: &str, object: Object) {
        let bucket = self.bucket_mut(ask).expect("it was looked up");
        let versions = bucket.keys.get_mut(key(ask)).expect("it was looked up");
        let version = versions.iter_mut().find(|version| version.id == id);
        version.expect("it was looked up").object = Some(Rc::new(object));
    }

    pub(super) fn put_tags(&mut self, ask: &Ask) -> Answered {
        // Whether the bucket can have such a version is known before the document is read.
        let id = version::id_of(ask)?;
        self.bucket(ask)?.check_id(id)?;
        let tags = of_document(ask)?;
        let (id, shown, object) = self.tagged(ask)?;
        self.retag(ask, &id, Object { tags, ..Object::clone(&object) });
        Ok(Answer::empty(200).header_if("x-amz-version-id", shown))
    }

    pub(super) fn delete_tags(&mut self, ask: &Ask) -> Answered {
        let (id, shown, object) = self.tagged(ask)?;
        self.retag(ask, &id, Object { tags: Vec::new(), ..Object::clone(&object) });
        Ok(Answer::empty(204).header_if("x-amz-version-id", shown))
    }

    pub(super) fn get_tags(&mut self, ask: &Ask) -> Answered {
        let (_, shown, object) = self.tagged(ask)?;
        let set = object.tags.iter().fold(Node::new("TagSet"), |set, (name, value)| {
            set.and(Node::new("Tag").with("Key", name).with("Value", value))
        });
        let answer = Answer::document(Node::new("Tagging").and(set));
        Ok(answer.header_if("x-amz-version-id", shown))
    }
}
