//! Room: the value of `x-amz-copy-source`, against a second reader of it and against what was written.

use protocol::copy_source::CopySource;
use protocol::error::ErrorCode;
use protocol::percent;

use super::check_error;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(raw) = str::from_utf8(bytes) else { return };
    let read = CopySource::parse(raw);
    let expect = reference(raw.trim_matches([' ', '\t']));
    match &read {
        Ok(source) => {
            let found = (
                source.bucket.as_str().to_owned(),
                source.key.as_str().to_owned(),
                source.version.clone(),
            );
            assert_eq!(Some(found), expect, "{raw:?}");
            check_round_trip(source);
        }
        Err(error) => {
            check_error(error);
            // The second reader knows no rules of names and lengths.
            let of_names = matches!(error.code, ErrorCode::KeyTooLongError);
            assert!(expect.is_none() || of_names, "{raw:?}: {error:?}");
        }
    }
}

fn check_round_trip(source: &CopySource) {
    let bucket = source.bucket.as_str();
    for (slash, key) in [
        ("", percent::encode_path(source.key.as_str())),
        ("/", percent::encode(source.key.as_str())),
    ] {
        let version = source.version.as_deref();
        let version =
            version.map_or(String::new(), |id| format!("?versionId={}", percent::encode(id)));
        let text = format!("{slash}{bucket}/{key}{version}");
        assert_eq!(CopySource::parse(&text).as_ref(), Ok(source), "{text:?}");
    }
}

/// Bucket, key and version, read from the right and by the byte; what obeys no rule of bucket names has none.
fn reference(raw: &str) -> Option<(String, String, Option<String>)> {
    let pieces: Vec<&str> = raw.split("?versionId=").collect();
    let (path, version) = match pieces[..] {
        [path] => (path.to_owned(), None),
        [ref before @ .., version] => (before.join("?versionId="), Some(version)),
        [] => return None,
    };
    let version =
        version.map(|text| text.split('&').next().unwrap_or("")).filter(|text| !text.is_empty());
    let version = match version {
        None => None,
        Some(text) => Some(decode(text, false)?),
    };
    let path = decode(&path, true)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let at = path.find('/')?;
    let (bucket, key) = (&path[..at], &path[at + 1..]);
    let labels: Vec<&str> = bucket.split('.').collect();
    let in_label = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    let numbers = labels.len() == 4 && labels.iter().all(|l| l.chars().all(|c| c.is_ascii_digit()));
    let good = (3..=63).contains(&bucket.len())
        && labels.iter().all(|label| !label.is_empty() && label.chars().all(in_label))
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
        && !numbers;
    (good && !key.is_empty()).then(|| (bucket.to_owned(), key.to_owned(), version))
}

fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::new();
    let mut pieces = text.split('%');
    let plain =
        |piece: &str| if plus_is_space { piece.replace('+', " ") } else { piece.to_owned() };
    bytes.extend(plain(pieces.next()?).bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(plain(rest).bytes());
    }
    String::from_utf8(bytes).ok()
}
