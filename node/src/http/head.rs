//! Room: from hyper's head of a request to a plain one: whose `Host` counts, and whether the client spoke TLS.
//!
//! Invariants: the `Host` of the plain head is the one that the request is for, so that what is signed, what
//! names the bucket and what a gateway chose this node by cannot be three hosts.
//! Source: RFC 9112 sections 3.2 and 3.3.

use std::net::SocketAddr;

use hyper::Version;
use hyper::header::HOST;
use hyper::http::request::Parts;
use protocol::error::S3Error;
use protocol::request::{Head, Headers, Method};

use super::adapter::Refusal;
use super::respond;
use crate::config::Config;

/// The head as a plain value, of a request that came from `peer`.
///
/// A request must have one `Host`, from HTTP/1.1 on. Where the request's target names a host itself, that one
/// counts and `Host` does not.
pub(super) fn head_of(parts: &Parts, config: &Config, peer: SocketAddr) -> Result<Head, S3Error> {
    let hosts = parts.headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version > Version::HTTP_10) {
        return Err(respond::refusal(Refusal::Head(400)));
    }
    let authority = match parts.uri.scheme_str() {
        None => None,
        Some("http" | "https") => parts.uri.authority(),
        Some(_) => return Err(S3Error::invalid_uri(parts.uri.path())),
    };
    let mut headers = Headers::new();
    for (name, value) in &parts.headers {
        if name != HOST || authority.is_none() {
            headers.insert(name.as_str(), value.as_bytes());
        }
    }
    if let Some(authority) = authority {
        headers.insert(HOST.as_str(), authority.as_str());
    }
    let method = Method::parse(parts.method.as_str());
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let mut head = Head::new(method, path, query, headers, &config.domains)?;
    head.secure = config.tls.is_some() || is_forwarded_tls(parts, config, peer);
    Ok(head)
}

/// Whether a trusted proxy says that its client speaks TLS.
fn is_forwarded_tls(parts: &Parts, config: &Config, peer: SocketAddr) -> bool {
    config.http.trusted_proxies.contains(&peer.ip())
        && parts.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https")
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use protocol::error::ErrorCode;
    use protocol::request::AddressStyle;
    use protocol::sign::Credential;

    use super::*;

    fn read(target: &str, version: Version, headers: &[(&str, &str)]) -> Result<Head, S3Error> {
        let mut request = Request::builder().uri(target).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).expect("a request").into_parts().0;
        let root = Credential { access_key: "k".into(), secret_key: "s".into() };
        let mut config = Config::new("/d".into(), root);
        config.domains = vec!["s3.test".into()];
        let peer =
            if headers.contains(&("via", "trusted")) { [10, 0, 0, 1] } else { [10, 0, 0, 2] };
        config.http.trusted_proxies = vec![[10, 0, 0, 1].into()];
        head_of(&parts, &config, (peer, 1).into())
    }

    fn named(head: &Head) -> (Option<&str>, Option<&str>) {
        let target = &head.target;
        (target.bucket().map(|b| b.as_str()), target.key().map(|k| k.as_str()))
    }

    #[test]
    fn the_host_of_the_target_counts_before_the_header() {
        let hosts = [("host", "other.s3.test")];
        for target in ["http://bucket.s3.test:9000/k?x=1", "HTTP://bucket.s3.test:9000/k?x=1"] {
            let head = read(target, Version::HTTP_11, &hosts).expect("a good request");
            assert_eq!(named(&head), (Some("bucket"), Some("k")));
            assert_eq!(head.headers.all("host").collect::<Vec<_>>(), ["bucket.s3.test:9000"]);
            assert_eq!((head.path.as_str(), head.query.raw()), ("/k", "x=1"));
        }
        let head = read("/bucket/k", Version::HTTP_11, &[("host", "127.0.0.1:9000")]);
        assert_eq!(named(&head.expect("a good request")), (Some("bucket"), Some("k")));
        let head = read("https://s3.test", Version::HTTP_11, &hosts).expect("a good request");
        assert_eq!((named(&head), head.style), ((None, None), AddressStyle::Path));
    }

    #[test]
    fn a_request_has_one_host() {
        let two = [("host", "a.s3.test"), ("host", "b.s3.test")];
        for (target, headers) in [
            ("/k", &[][..]),
            ("/k", &two),
            ("/k", &[("host", "a.s3.test, b.s3.test")]),
            ("/k", &[("host", "user@a.s3.test")]),
            ("/k", &[("host", "a.s3.test/b")]),
            ("http://bucket.s3.test/k", &[]),
            ("http://bucket.s3.test/k", &two),
            ("http://user@bucket.s3.test/k", &[("host", "bucket.s3.test")]),
        ] {
            let error = read(target, Version::HTTP_11, headers).expect_err("it is refused");
            assert_eq!(error.code, ErrorCode::BadRequest, "{target} {headers:?}");
        }
        let error = read("ftp://a.s3.test/k", Version::HTTP_11, &[("host", "a.s3.test")]);
        assert_eq!(error.expect_err("it is refused").code, ErrorCode::InvalidUri);
        // HTTP/1.0 knows no hosts, but not two of them either.
        assert!(read("/bucket/k", Version::HTTP_10, &[]).is_ok());
        assert!(read("/bucket/k", Version::HTTP_10, &two).is_err());
    }

    #[test]
    fn only_a_trusted_proxy_says_that_it_was_tls() {
        let host = ("host", "s3.test");
        for (headers, secure) in [
            (&[host, ("x-forwarded-proto", "https"), ("via", "trusted")][..], true),
            (&[host, ("x-forwarded-proto", "http"), ("via", "trusted")], false),
            (&[host, ("x-forwarded-proto", "https")], false),
            (&[host, ("via", "trusted")], false),
        ] {
            let head = read("/", Version::HTTP_11, headers).expect("a good request");
            assert_eq!(head.secure, secure, "{headers:?}");
        }
    }
}
