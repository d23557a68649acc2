//! Room: what the `Host` of a request says: the whole node, or a bucket in front of one of its domains.
//!
//! Source: RFC 9112 section 3.2; S3 User Guide, "Virtual hosting of general purpose buckets".

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::Headers;
use crate::error::{ErrorCode, S3Error};

/// The one `Host` of a request; `None` when it has none.
///
/// # Errors
/// `BadRequest` for several, or one that cannot be a host.
pub(super) fn host(headers: &Headers) -> Result<Option<&str>, S3Error> {
    let mut hosts = headers.all("host");
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(None),
        (Some(host), None) if host.bytes().all(is_of_host) => Ok(Some(host)),
        _ => Err(S3Error::new(
            ErrorCode::BadRequest,
            "The request must have exactly one valid Host header.",
        )),
    }
}

/// Letters, digits and what names, addresses and ports are written with. Other signs that a URI may have
/// in its host (user names, lists) mean nothing here.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b':' | b'[' | b']')
}

/// The bucket that `host` names in front of one of `domains` (lower case, no port), in lower case. `None`
/// for a domain itself and for every other host: then the path names the bucket.
pub(super) fn bucket(host: &str, domains: &[String]) -> Option<String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if domains.contains(&name) {
        return None;
    }
    let before = |domain: &String| name.strip_suffix(domain.as_str())?.strip_suffix('.');
    // The longest domain leaves the shortest bucket.
    domains.iter().filter_map(before).min_by_key(|bucket| bucket.len()).map(ToOwned::to_owned)
}
