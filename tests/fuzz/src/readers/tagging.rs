//! Room: the value of `x-amz-tagging`. What was read, written again in both of its spellings, reads the same.

use protocol::limits::TAGS_MAX;
use protocol::operation::object_tagging::{get_answer, parse_body};
use protocol::percent;
use protocol::tagging::TagSet;

use super::check_error;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(raw) = str::from_utf8(bytes) else { return };
    let tags = match TagSet::parse_header(raw) {
        Ok(tags) => tags,
        Err(error) => return check_error(&error),
    };
    assert!(tags.len() <= TAGS_MAX);
    let pairs = tags
        .iter()
        .map(|tag| format!("{}={}", percent::encode(&tag.key), percent::encode(&tag.value)));
    assert_eq!(TagSet::parse_header(&pairs.collect::<Vec<_>>().join("&")), Ok(tags.clone()));
    assert_eq!(parse_body(&get_answer(&tags).body), Ok(tags));
}
