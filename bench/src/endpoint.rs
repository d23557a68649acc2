//! Room: where an S3 endpoint is and who asks it.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use protocol::sign::Credential;

/// An S3 endpoint over plain HTTP, asked in path style.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Where its socket is.
    pub(crate) address: SocketAddr,
    /// What the `host` header says.
    pub(crate) host: String,
    /// The path that comes before each bucket; empty, or with a slash in front and none behind.
    pub(crate) base: String,
    /// Who asks.
    pub(crate) credential: Credential,
    /// What signatures name.
    pub(crate) region: String,
    /// Where everything is done.
    pub(crate) bucket: String,
}

/// What of a URL is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    host: String,
    port: u16,
    base: String,
}

impl Url {
    /// Reads `http://host[:port][/path]`.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err("https is not supported: measure over http://".to_owned());
        }
        let rest = text.strip_prefix("http://").ok_or("a URL must begin with http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.contains(['?', '#']) || authority.contains('@') {
            return Err("a URL must be http://HOST[:PORT][/PATH]".to_owned());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            _ => (authority, Some(80)),
        };
        let port = port.ok_or("the port must be a number up to 65535")?;
        if host.is_empty() {
            return Err("the URL names no host".to_owned());
        }
        let base = path.trim_end_matches('/');
        let base = if base.is_empty() { String::new() } else { format!("/{base}") };
        Ok(Self { host: host.to_owned(), port, base })
    }

    /// Finds the endpoint.
    ///
    /// # Errors
    /// A sentence, when the name is not known.
    pub(crate) fn endpoint(
        &self,
        credential: Credential,
        region: &str,
        bucket: &str,
    ) -> Result<Endpoint, String> {
        let name = self.host.trim_start_matches('[').trim_end_matches(']');
        let found = (name, self.port).to_socket_addrs().map_err(|error| format!("{self}: {error}"));
        let address = found?.next().ok_or_else(|| format!("{self}: no address"))?;
        let host = if self.port == 80 {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        };
        Ok(Endpoint {
            address,
            host,
            base: self.base.clone(),
            credential,
            region: region.to_owned(),
            bucket: bucket.to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (text, told) in [
            ("http://localhost:9000", "http://localhost:9000"),
            ("http://localhost", "http://localhost:80"),
            ("http://[::1]:9000/", "http://[::1]:9000"),
            ("http://[::1]", "http://[::1]:80"),
            ("http://a:1/s3/", "http://a:1/s3"),
        ] {
            assert_eq!(Url::parse(text).map(|url| url.to_string()).as_deref(), Ok(told));
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for text in [
            "",
            "localhost:9000",
            "http://",
            "http://a:x",
            "http://a:99999",
            "http://u@a",
            "http://a/?b",
        ] {
            Url::parse(text).expect_err(text);
        }
        let error = Url::parse("https://a").expect_err("no TLS");
        assert!(error.contains("https"), "{error}");
    }
}
