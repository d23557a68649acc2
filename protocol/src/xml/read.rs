//! Room: XML request bodies, read by pulling one element after the other.
//!
//! Must not: resolve entities or read a DTD; build a tree (a body of 8 MiB may hold a million
//! elements).
//! Holds: the position in the body and the depth.
//! Invariants: every fault is `MalformedXML`; depth is bounded by [`DEPTH_MAX`]; namespaces and
//! attributes carry no meaning, elements are known by their local names.

use alloc::string::{String, ToString};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use crate::error::S3Error;

/// No body that S3 defines nests deeper than half of this.
const DEPTH_MAX: usize = 16;

/// A request body, positioned inside one of its elements.
pub struct Body<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

impl<'a> Body<'a> {
    /// Enters the root element, which must have this local name.
    ///
    /// # Errors
    /// `MalformedXML` if the body is not UTF-8, not XML up to here, or has another root.
    pub fn open(bytes: &'a [u8], root: &str) -> Result<Self, S3Error> {
        let text = core::str::from_utf8(bytes).map_err(|_not_utf8| S3Error::malformed_xml())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // XML has no way to write it, so what is kept of it could never be read again.
        if text.contains('\0') {
            return Err(S3Error::malformed_xml());
        }
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut body = Self { reader, depth: 0 };
        match body.next_tag()? {
            Tag::Open(name) if name == root => Ok(body),
            Tag::Open(_) | Tag::Close | Tag::End => Err(S3Error::malformed_xml()),
        }
    }

    /// Enters the next child of the current element and tells its local name; where there is none
    /// left, leaves the current element and answers `None`.
    ///
    /// # Errors
    /// `MalformedXML` for text between elements and for anything that is not XML.
    pub fn child(&mut self) -> Result<Option<String>, S3Error> {
        match self.next_tag()? {
            Tag::Open(name) => Ok(Some(name)),
            Tag::Close => Ok(None),
            Tag::End => Err(S3Error::malformed_xml()),
        }
    }

    /// Reads the text of the current element and leaves it.
    ///
    /// # Errors
    /// `MalformedXML` if the element has children, or its text an unknown entity.
    pub fn text(&mut self) -> Result<String, S3Error> {
        let mut text = String::new();
        loop {
            match self.next_event()? {
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(reference) => text.push(resolve(&reference)?),
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(text);
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Start(_)
                | Event::Empty(_)
                | Event::Decl(_)
                | Event::DocType(_)
                | Event::Eof => {
                    return Err(S3Error::malformed_xml());
                }
            }
        }
    }

    /// Leaves the current element with everything in it.
    ///
    /// # Errors
    /// `MalformedXML` for anything that is not XML.
    pub fn skip(&mut self) -> Result<(), S3Error> {
        let outside = self.depth - 1;
        while self.depth > outside {
            match self.next_event()? {
                Event::Start(_) => self.enter()?,
                Event::End(_) => self.depth -= 1,
                Event::GeneralRef(reference) => {
                    resolve(&reference)?;
                }
                Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Empty(_) | Event::Decl(_) | Event::DocType(_) | Event::Eof => {
                    return Err(S3Error::malformed_xml());
                }
            }
        }
        Ok(())
    }

    /// Checks that nothing follows the root element, which must have been left.
    ///
    /// # Errors
    /// `MalformedXML` if something does.
    pub fn end(mut self) -> Result<(), S3Error> {
        match self.next_tag()? {
            Tag::End => Ok(()),
            Tag::Open(_) | Tag::Close => Err(S3Error::malformed_xml()),
        }
    }

    fn next_tag(&mut self) -> Result<Tag, S3Error> {
        loop {
            match self.next_event()? {
                Event::Start(start) => {
                    let name = start.local_name().into_inner().to_string();
                    self.enter()?;
                    return Ok(Tag::Open(name));
                }
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(Tag::Close);
                }
                Event::Eof if self.depth == 0 => return Ok(Tag::End),
                Event::Text(text) if text.xml10_content().trim().is_empty() => {}
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Text(_)
                | Event::CData(_)
                | Event::Empty(_)
                | Event::DocType(_)
                | Event::GeneralRef(_)
                | Event::Eof => return Err(S3Error::malformed_xml()),
            }
        }
    }

    fn next_event(&mut self) -> Result<Event<'a>, S3Error> {
        self.reader.read_event().map_err(|_not_xml| S3Error::malformed_xml())
    }

    fn enter(&mut self) -> Result<(), S3Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(S3Error::malformed_xml()) } else { Ok(()) }
    }
}

enum Tag {
    Open(String),
    Close,
    End,
}

/// A character reference, or one of the five entities that XML itself defines; no others, so
/// nothing expands.
fn resolve(reference: &BytesRef<'_>) -> Result<char, S3Error> {
    if let Some(character) =
        reference.resolve_char_ref().map_err(|_bad_number| S3Error::malformed_xml())?
    {
        return Ok(character);
    }
    match &*reference.xml10_content() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(S3Error::malformed_xml()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    fn leaves(xml: &str) -> Result<Vec<(String, String)>, S3Error> {
        let mut body = Body::open(xml.as_bytes(), "R")?;
        let mut found = Vec::new();
        while let Some(name) = body.child()? {
            if name == "Skip" { body.skip()? } else { found.push((name, body.text()?)) }
        }
        body.end()?;
        Ok(found)
    }

    #[test]
    fn texts_come_out_resolved() {
        let found = leaves(
            "\u{feff}<?xml version='1.0'?><!-- c --><R xmlns='urn:x'>\n <A>1&lt;&#x41;&#10;</A><p:B><![CDATA[<&]]></p:B>\
             <Skip><X>a&amp;<Y/></X></Skip><C/> </R>\n",
        )
        .unwrap();
        let expect = [("A", "1<A\n"), ("B", "<&"), ("C", "")];
        assert_eq!(found.len(), expect.len());
        for ((name, text), (expect_name, expect_text)) in found.iter().zip(expect) {
            assert_eq!((name.as_str(), text.as_str()), (expect_name, expect_text));
        }
    }

    #[test]
    fn what_is_not_plain_xml_is_refused() {
        let deep = format!("<R><Skip>{}{}</Skip></R>", "<a>".repeat(20), "</a>".repeat(20));
        for bad in [
            "",
            "garbage",
            "<Other/>",
            "<R>",
            "<R></S>",
            "<R>text</R>",
            "<R><A>1</B></R>",
            "<R><A><B/></A></R>",
            "<R/><R/>",
            "<R/>tail",
            "<R><A>&unknown;</A></R>",
            "<R><A>&#xD800;</A></R>",
            "<!DOCTYPE R [<!ENTITY a 'aaaa'>]><R><A>&a;</A></R>",
            "<!DOCTYPE R SYSTEM 'file:///etc/passwd'><R/>",
            "<R><A>1</A>",
            "<R><A",
            &deep,
        ] {
            assert!(leaves(bad).is_err(), "{bad}");
        }
        assert!(Body::open(b"<R>\xff</R>", "R").is_err());
    }

    #[test]
    fn a_nul_is_refused_where_it_would_be_kept() {
        for bad in ["<R><A>a\0</A></R>", "<R><A>&#0;</A></R>", "<R><![CDATA[\0]]></R>", "\0<R/>"] {
            assert!(leaves(bad).is_err(), "{bad:?}");
        }
    }
}
