//! Room: what the tests of this folder share.

use alloc::string::String;
use alloc::vec::Vec;

use crate::answer::Answer;
use crate::request::{Head, Headers, Method};

/// The head of a request as it would come off the wire.
pub(crate) fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Head {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut list = Headers::default();
    for (name, value) in headers {
        list.insert(*name, value.as_bytes());
    }
    Head::new(Method::parse(method), path, query, list, &[]).unwrap()
}

/// An XML answer's body without its declaration and namespace, which are checked.
pub(crate) fn body(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    let text = core::str::from_utf8(&answer.body).unwrap();
    let root = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let namespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
    assert_eq!(root.matches(namespace).count(), 1);
    root.replacen(namespace, "", 1)
}

/// Headers as pairs of plain texts.
pub(crate) fn pairs(answer: &Answer) -> Vec<(&str, &str)> {
    answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
