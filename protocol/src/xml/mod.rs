//! Room: the XML of S3: a pull reader for request bodies and a writer for answers.
//!
//! Source: S3 API Reference, "Common errors" and the response syntax of each operation.

pub mod read;
pub mod write;

/// What every answer begins with.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The namespace of every answer's root element.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

#[cfg(test)]
mod tests {
    use super::read::Body;
    use super::write::Document;
    use crate::error::{ErrorCode, S3Error};

    fn walk(body: &mut Body<'_>, depth: usize) -> Result<(), S3Error> {
        while let Some(name) = body.child()? {
            match (name.as_str(), depth) {
                ("a", 0..20) => walk(body, depth + 1)?,
                ("b", _) => body.skip()?,
                _ => drop(body.text()?),
            }
        }
        Ok(())
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_reads_back(text in "[\\t\\n\\r -\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*") {
            let document = Document::new("R", |root| { root.text("T", &text); }).finish();
            let mut body = Body::open(&document, "R").unwrap();
            proptest::prop_assert_eq!(body.child().unwrap().unwrap(), "T");
            proptest::prop_assert_eq!(body.text().unwrap(), text);
            proptest::prop_assert_eq!(body.child().unwrap(), None);
            proptest::prop_assert!(body.end().is_ok());
        }

        #[test]
        fn every_fault_is_malformed_xml(text in "(<a>|</a>|<b>|</b>|<c/>|<a/>|&lt;|&#x|;|<!--|-->|<!\\[CDATA\\[|]]>|<\\?|\\?>|x| |<!DOCTYPE){0,40}") {
            let read = Body::open(text.as_bytes(), "a").and_then(|mut body| {
                walk(&mut body, 0)?;
                body.end()
            });
            if let Err(error) = read {
                proptest::prop_assert_eq!(error.code, ErrorCode::MalformedXml);
            }
        }
    }
}
