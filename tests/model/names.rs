//! Room: what the node makes up and the reference cannot know: version ids, upload ids, tokens, opaque ETags.
//!
//! The reference calls each by a name of its own; the first answer that tells it binds the name to the text. From then
//! on the name must stand for that text, and, where it identifies, no other name for the same.

use std::collections::HashMap;

const OPEN: char = '\u{f8f0}';
const CLOSE: char = '\u{f8f1}';

/// Matches any text.
pub(crate) const ANY: &str = "\u{f8f0}*\u{f8f1}";

/// The names and what they stand for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    texts: HashMap<String, String>,
    taken: HashMap<String, String>,
}

/// A name for the `number`th thing of a kind: `v` versions, `u` uploads: each has a text of its own; others need not.
pub(crate) fn name(kind: char, number: u64) -> String {
    format!("{OPEN}{kind}{number}{CLOSE}")
}

impl Names {
    /// The text with all names replaced by what they stand for; `None` if one is not known yet.
    pub(crate) fn resolve(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once(OPEN) {
            let (name, after) = behind.split_once(CLOSE)?;
            out.push_str(before);
            out.push_str(self.texts.get(name)?);
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    /// Whether `actual` is what is expected; learns what the one name in `expected` stands for.
    pub(crate) fn unify(&mut self, expected: &str, actual: &str) -> bool {
        if expected == ANY {
            return true;
        }
        if let Some(known) = self.resolve(expected) {
            return known == actual;
        }
        let Some((before, behind)) = expected.split_once(OPEN) else { return false };
        let Some((name, after)) = behind.split_once(CLOSE) else { return false };
        let inner = actual.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let Some(inner) = inner.filter(|inner| !inner.is_empty() && *inner != "null") else {
            return false;
        };
        if name.starts_with(['u', 'v']) {
            if self.taken.contains_key(inner) {
                return false;
            }
            self.taken.insert(inner.to_owned(), name.to_owned());
        }
        self.texts.insert(name.to_owned(), inner.to_owned());
        true
    }

    /// The text, with names in it where it tells known things; for people.
    pub(crate) fn shown(&self, text: &str) -> String {
        let text = self.resolve(text).unwrap_or_else(|| text.to_owned());
        text.replace(OPEN, "{").replace(CLOSE, "}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_text_and_no_other() {
        let mut names = Names::default();
        let (one, two) = (name('v', 1), name('v', 2));
        assert_eq!(names.resolve(&one), None);
        assert!(names.unify(&one, "abc") && names.unify(&one, "abc"));
        assert!(!names.unify(&one, "abd") && !names.unify(&two, "abc"));
        assert!(!names.unify(&two, "null") && names.unify(&format!("\"{two}\""), "\"x\""));
        assert_eq!(names.resolve(&format!("<{one}{two}>")).as_deref(), Some("<abcx>"));
        assert!(names.unify(ANY, "whatever") && !names.unify("a", "b"));
    }
}
