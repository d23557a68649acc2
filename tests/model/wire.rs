//! Room: one request and one answer, as both sides see them.
//!
//! What the node makes up (version ids, upload ids, tokens) has a name of the reference's own in here; see `names`.

use std::rc::Rc;

use crate::content::Content;
use crate::xml::Node;

/// A request, not yet on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// In upper case.
    pub(crate) method: &'static str,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    /// Parameters, not encoded.
    pub(crate) query: Vec<(&'static str, String)>,
    /// In lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// What `x-amz-copy-source` names.
    pub(crate) source: Option<Source>,
    pub(crate) body: Body,
}

/// An object to copy from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Option<String>,
}

/// A body to send.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Empty,
    Content(Rc<Content>),
    Document(Node),
}

impl Ask {
    /// A request without parameters, headers or body.
    pub(crate) fn new(method: &'static str, bucket: &str, key: Option<&str>) -> Self {
        Self {
            method,
            bucket: Some(bucket.to_owned()),
            key: key.map(str::to_owned),
            query: Vec::new(),
            headers: Vec::new(),
            source: None,
            body: Body::Empty,
        }
    }

    /// With a parameter.
    pub(crate) fn param(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a header if there is one.
    pub(crate) fn header_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// The value of a parameter.
    pub(crate) fn get_param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(have, _)| *have == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header; an empty one counts as none.
    pub(crate) fn get_header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// An answer: what was expected, or what came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Told,
}

/// The body of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Nothing,
    Bytes(bytes::Bytes),
    Document(Node),
}

impl Answer {
    /// An answer without headers or body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Told::Nothing }
    }

    /// 200 and a document.
    pub(crate) fn document(root: Node) -> Self {
        let answer = Self { body: Told::Document(root), ..Self::empty(200) };
        answer.header("content-type", "application/xml")
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a header if there is one.
    pub(crate) fn header_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }
}
