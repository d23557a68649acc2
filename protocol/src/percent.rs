//! Room: percent-encoding as S3 reads and writes it. Strict: an escape that is not one is an error,
//! never passed through.
//!
//! Source: S3 "Authenticating Requests: Using the Authorization Header", UriEncode.

use alloc::string::String;
use alloc::vec::Vec;

/// Decodes `%XX` once; every other character stands for itself. `None` = a broken escape.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    decode_bytes(text, false)
}

/// As [`decode`], and `+` means a space: the rule of query strings, of `x-amz-tagging` and of the
/// path in `x-amz-copy-source`.
pub fn decode_form(text: &str) -> Option<Vec<u8>> {
    decode_bytes(text, true)
}

fn decode_bytes(text: &str, plus_is_space: bool) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => (nibble(bytes.next()?)? << 4) | nibble(bytes.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    Some(out)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Encodes every byte except `A-Z a-z 0-9 - . _ ~`, with upper-case digits.
pub fn encode(text: &str) -> String {
    encode_bytes(text, false)
}

/// As [`encode`], and `/` stands for itself: the rule of paths.
pub fn encode_path(text: &str) -> String {
    encode_bytes(text, true)
}

fn encode_bytes(text: &str, keep_slash: bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || (byte == b'/' && keep_slash);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["%", "%A", "%ZZ", "a%2", "100%/x", "%+1", "%2 "] {
            assert_eq!(decode(text), None, "{text}");
            assert_eq!(decode_form(text), None, "{text}");
        }
    }

    #[test]
    fn plus_is_a_space_only_in_forms() {
        assert_eq!(decode("a+b%2Bc").unwrap(), b"a+b+c");
        assert_eq!(decode_form("a+b%2Bc").unwrap(), b"a b+c");
    }

    #[test]
    fn decodes_once() {
        assert_eq!(decode("%252F").unwrap(), b"%2F");
    }

    #[test]
    fn encodes_what_is_not_unreserved() {
        assert_eq!(encode("a/b c+~é"), "a%2Fb%20c%2B~%C3%A9");
        assert_eq!(encode_path("a/b c"), "a/b%20c");
    }

    proptest::proptest! {
        #[test]
        fn what_was_encoded_decodes_back(text in ".*") {
            proptest::prop_assert_eq!(decode(&encode(&text)).unwrap(), text.as_bytes());
            proptest::prop_assert_eq!(decode(&encode_path(&text)).unwrap(), text.as_bytes());
            proptest::prop_assert_eq!(decode_form(&encode(&text)).unwrap(), text.as_bytes());
        }
    }
}
