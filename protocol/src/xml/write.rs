//! Room: XML answers.
//!
//! Holds: one growing text. Elements nest by closures, so no document can be left open.
//! Invariants: the declaration comes first; the root carries S3's namespace; every text is escaped.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{DECLARATION, NAMESPACE};

/// An XML document being written, or finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
}

impl Document {
    /// A document whose root holds what `fill` writes.
    pub fn new(root: &str, fill: impl FnOnce(&mut Element<'_>)) -> Self {
        let mut text = format!("{DECLARATION}<{root} xmlns=\"{NAMESPACE}\">");
        fill(&mut Element { text: &mut text });
        close(&mut text, root);
        Self { text }
    }

    /// A document whose root holds nothing but a text.
    #[must_use]
    pub fn leaf(root: &str, value: &str) -> Self {
        Self::new(root, |element| escape_into(value, element.text))
    }

    /// The bytes to send.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// The same as text, to be kept.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

/// An open element: what is written goes inside it.
#[derive(Debug)]
pub struct Element<'a> {
    text: &'a mut String,
}

impl Element<'_> {
    /// A child with children of its own.
    pub fn nest(&mut self, name: &str, fill: impl FnOnce(&mut Element<'_>)) -> &mut Self {
        open(self.text, name);
        fill(&mut Element { text: self.text });
        close(self.text, name);
        self
    }

    /// The same with attributes, as they are to stand in the tag.
    pub fn nest_with(
        &mut self,
        name: &str,
        attributes: &str,
        fill: impl FnOnce(&mut Element<'_>),
    ) -> &mut Self {
        open(self.text, &format!("{name} {attributes}"));
        fill(&mut Element { text: self.text });
        close(self.text, name);
        self
    }

    /// A child that holds a text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        open(self.text, name);
        escape_into(value, self.text);
        close(self.text, name);
        self
    }

    /// A child that holds a text, if there is one.
    pub fn text_if(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// A child that holds a number.
    pub fn number(&mut self, name: &str, value: impl Into<u64>) -> &mut Self {
        let value: u64 = value.into();
        self.text(name, &value.to_string())
    }

    /// A child that holds `true` or `false`.
    pub fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.text(name, if value { "true" } else { "false" })
    }
}

fn open(text: &mut String, name: &str) {
    text.push('<');
    text.push_str(name);
    text.push('>');
}

fn close(text: &mut String, name: &str) {
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

/// Appends `value` as character data. Quotes are written as `&quot;`, as S3 writes those of ETags.
/// A carriage return would be read back as a line feed, so it goes as a reference; so do characters
/// that XML 1.0 has no way to write: S3 keys may hold them, and S3 sends `&#xN;`.
pub fn escape_into(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' => text.push(character),
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => {
                text.push_str(&format!("&#x{:X};", u32::from(character)));
            }
            _ => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_nests_and_escapes() {
        let document = Document::new("Root", |root| {
            root.text("Key", "a<b>&\"'\u{1}\r\n\t\u{ffff}é");
            root.nest("Inner", |inner| {
                inner.number("Count", 3_u32).flag("Done", false).text_if("Absent", None);
            });
        });
        assert_eq!(
            String::from_utf8(document.finish()).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Root xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Key>a&lt;b&gt;&amp;&quot;'&#x1;&#xD;\n\t&#xFFFF;é</Key>\
             <Inner><Count>3</Count><Done>false</Done></Inner></Root>"
        );
    }

    #[test]
    fn a_leaf_may_be_empty() {
        assert!(Document::leaf("LocationConstraint", "").finish().ends_with(
            b"<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></LocationConstraint>"
        ));
    }
}
