//! Room: ETags: how they are made, spelled and compared.
//!
//! Invariants: inside, an ETag has no quotes; on the wire it has them.
//! Source: S3 "Checking object integrity", RFC 9110 section 8.8.3 for comparison.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use md5::{Digest, Md5};

/// An entity tag without its quotes: 32 hex digits, those and `-N` for a multipart object, or
/// anything opaque.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag(Arc<str>);

impl ETag {
    /// The ETag of content with this MD5. Also the spelling of an opaque one of 16 bytes.
    pub fn from_md5(md5: &[u8; 16]) -> Self {
        Self(hex(md5).into())
    }

    /// Reads an ETag as clients write it, with or without one pair of quotes. `None` for what no
    /// ETag can be: nothing, more than 255 bytes, or a quote or control character inside.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let valid =
            (1..=255).contains(&bare.len()) && !bare.chars().any(|c| c == '"' || c.is_control());
        valid.then(|| Self(bare.into()))
    }

    /// The ETag of an object made of parts: the MD5 of the parts' 16 bytes one after the other, and
    /// how many there are. S3: "Checking object integrity", multipart uploads.
    pub fn multipart(parts: impl Iterator<Item = [u8; 16]>) -> Self {
        let mut md5 = Md5::new();
        let mut count = 0_u32;
        for part in parts {
            md5.update(part);
            count += 1;
        }
        let digest: [u8; 16] = md5.finalize().into();
        Self(format!("{}-{count}", hex(&digest)).into())
    }

    /// The 16 bytes of a plain ETag (32 lower-case hex digits), whether a true MD5 or opaque; `None`
    /// for every other form.
    pub fn digest(&self) -> Option<[u8; 16]> {
        let mut bytes = [0; 16];
        parse_hex(&self.0, &mut bytes).then_some(bytes)
    }

    /// Without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With quotes, as in headers.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ETag({})", self.0)
    }
}

/// One ETag of an If-Match or If-None-Match list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedETag {
    /// The ETag.
    pub etag: ETag,
    /// Whether `W/` stood before it.
    pub weak: bool,
}

/// The value of an If-Match or If-None-Match header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ETagCondition {
    /// `*`: any object at all.
    Any,
    /// A list; what in it can be no ETag is left out and so matches nothing.
    OneOf(Vec<ListedETag>),
}

impl ETagCondition {
    /// Reads the header. Quotes may be missing; a comma inside quotes does not part.
    pub fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        let mut quoted = false;
        let items = text.split(|c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        Self::OneOf(items.filter_map(listed).collect())
    }

    /// Strong comparison, of If-Match: a weak tag equals nothing. RFC 9110 section 13.1.1.
    pub fn matches_strong(&self, etag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(list) => list.iter().any(|item| !item.weak && item.etag == *etag),
        }
    }

    /// Weak comparison, of If-None-Match: `W/` is of no account. RFC 9110 section 13.1.2.
    pub fn matches_weak(&self, etag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(list) => list.iter().any(|item| item.etag == *etag),
        }
    }
}

fn listed(item: &str) -> Option<ListedETag> {
    let item = item.trim();
    let (text, weak) = match item.strip_prefix("W/") {
        Some(rest) => (rest, true),
        None => (item, false),
    };
    ETag::from_text(text).map(|etag| ListedETag { etag, weak })
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Reads lower-case hex of exactly the right length into `out`; false, and `out` of no meaning, when
/// it is not that.
pub fn parse_hex(text: &str, out: &mut [u8]) -> bool {
    let text = text.as_bytes();
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    text.len() == out.len() * 2
        && out.iter_mut().zip(text.as_chunks::<2>().0).all(|(byte, &[high, low])| {
            let (Some(high), Some(low)) = (digit(high), digit(low)) else { return false };
            *byte = (high << 4) | low;
            true
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etag(text: &str) -> ETag {
        ETag::from_text(text).unwrap()
    }

    #[test]
    fn md5_of_nothing() {
        // rule: etag/empty
        let digest: [u8; 16] = Md5::digest(b"").into();
        assert_eq!(ETag::from_md5(&digest).as_str(), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn multipart_of_one_part() {
        // rule: etag/multipart
        let part = etag("11df95d595559285eb2b042124e74f09").digest().unwrap();
        assert_eq!(
            ETag::multipart([part].into_iter()).as_str(),
            "395d97c07920de036bfa21e7568a2e9f-1"
        );
    }

    #[test]
    fn digest_only_of_plain_ones() {
        assert!(etag("395d97c07920de036bfa21e7568a2e9f").digest().is_some());
        for text in [
            "395d97c07920de036bfa21e7568a2e9f-1",
            "395D97C07920DE036BFA21E7568A2E9F",
            "395d97c07920de036bfa21e7568a2e9",
            "zz5d97c07920de036bfa21e7568a2e9f",
        ] {
            assert_eq!(etag(text).digest(), None, "{text}");
        }
    }

    #[test]
    fn one_pair_of_quotes_comes_off() {
        // rule: etag/quotes
        assert_eq!(etag("\"abc\"").as_str(), "abc");
        assert_eq!(etag("abc").quoted(), "\"abc\"");
        for text in ["", "\"\"", "\"", "\"\"abc\"\"", "a\"b", "a\nb", &"x".repeat(256)] {
            assert_eq!(ETag::from_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn lists_with_and_without_quotes() {
        // rule: etag/list
        let list = ETagCondition::parse(" \"a\" , b,W/\"c\",\"d,e\",, ");
        let ETagCondition::OneOf(items) = &list else { panic!("not a list") };
        let read: Vec<_> = items.iter().map(|i| (i.etag.as_str(), i.weak)).collect();
        assert_eq!(read, [("a", false), ("b", false), ("c", true), ("d,e", false)]);
    }

    #[test]
    fn weak_tags_match_only_weakly() {
        // rule: etag/comparison
        let list = ETagCondition::parse("W/\"c\", d");
        assert!(!list.matches_strong(&etag("c")));
        assert!(list.matches_weak(&etag("c")));
        assert!(list.matches_strong(&etag("d")));
        assert!(!list.matches_weak(&etag("C")));
    }

    #[test]
    fn star_matches_all_and_nothing_matches_none() {
        assert!(ETagCondition::parse(" * ").matches_strong(&etag("x")));
        assert!(ETagCondition::parse("*").matches_weak(&etag("x")));
        assert!(!ETagCondition::parse("\"\"").matches_weak(&etag("x")));
    }
}
