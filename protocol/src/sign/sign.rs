//! Room: the client's half: signs a head and frames a body. For tests and the load generator.
//! Must not: choose headers. Every header that is given is signed; what hops between machines
//! (Connection, Transfer-Encoding …) is added after signing.
//! Source: S3 "Signature Calculations for the Authorization Header".

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::canonical::{Canonical, string_to_sign};
use super::presigned::SIGNATURE;
use super::{
    ALGORITHM, CONTENT_SHA256, Chain, Credential, PayloadMode, SERVICE, Scope, SigningKey,
};
use crate::percent;
use crate::request::Headers;
use crate::time::Timestamp;

/// Who signs, where and when.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// Whose secret signs.
    pub credential: &'a Credential,
    /// The region of the node.
    pub region: &'a str,
    /// The time that goes into `x-amz-date`.
    pub now: Timestamp,
}

/// A request to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// In upper case.
    pub method: &'a str,
    /// Percent-encoded as it goes on the wire, without the query.
    pub path: &'a str,
    /// As it goes on the wire, without the question mark; empty for none.
    pub query: &'a str,
    /// All that shall be signed; `host` must be among them.
    pub headers: &'a Headers,
    /// How the body goes out.
    pub payload: PayloadMode,
}

/// What signing adds to a request.
#[derive(Clone, Debug)]
pub struct Signed {
    /// `x-amz-date`, `x-amz-content-sha256` and `authorization`, to be sent beside the given ones.
    pub headers: [(&'static str, String); 3],
    /// For a body with signed chunks.
    pub chain: Chain,
}

impl Signer<'_> {
    /// Signs `request`.
    pub fn sign(&self, request: &Unsigned<'_>) -> Signed {
        self.sign_with(&self.key(), request)
    }

    /// The key of the day, which may be kept for [`Self::sign_with`] until [`Timestamp::amz_day`] changes.
    pub fn key(&self) -> SigningKey {
        SigningKey::derive(&self.credential.secret_key, &self.scope())
    }

    /// Signs `request` with the key of the day.
    pub fn sign_with(&self, key: &SigningKey, request: &Unsigned<'_>) -> Signed {
        let scope = self.scope();
        let (date, payload) = (self.now.amz_date(), request.payload.text());
        let mut headers = request.headers.clone();
        headers.insert("x-amz-date", date.as_bytes());
        headers.insert(CONTENT_SHA256, payload.as_bytes());
        let signed = names(&headers);

        let canonical = Canonical {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: &headers,
            signed: &signed,
            payload: &payload,
        }
        .bytes();
        let signature = key.sign(string_to_sign(self.now, &scope, &canonical).as_bytes());
        let access_key = &self.credential.access_key;
        let authorization = format!(
            "{ALGORITHM} Credential={access_key}/{scope},SignedHeaders={signed},Signature={signature}"
        );
        Signed {
            headers: [
                ("x-amz-date", date),
                (CONTENT_SHA256, payload),
                ("authorization", authorization),
            ],
            chain: Chain::new(access_key, key.clone(), &scope, self.now, signature),
        }
    }

    /// The query of a URL that asks for `request` within `life_s` seconds from now on. Whoever has it needs
    /// to send no header but those of `request`, exactly as they stand there.
    pub fn presign(&self, request: &Unsigned<'_>, life_s: u64) -> String {
        let scope = self.scope();
        let payload = request.payload.text();
        let signed = names(request.headers);
        let credential = format!("{}/{scope}", self.credential.access_key);
        let mut query = String::from(request.query);
        let mut add = |name: &str, value: &str| {
            let and = if query.is_empty() { "" } else { "&" };
            query.push_str(&format!("{and}{name}={}", percent::encode(value)));
        };
        add("X-Amz-Algorithm", ALGORITHM);
        add("X-Amz-Credential", &credential);
        add("X-Amz-Date", &self.now.amz_date());
        add("X-Amz-Expires", &life_s.to_string());
        add("X-Amz-SignedHeaders", &signed);
        if request.payload != PayloadMode::Unsigned {
            add("X-Amz-Content-Sha256", &payload);
        }
        let canonical = Canonical {
            method: request.method,
            path: request.path,
            query: &query,
            headers: request.headers,
            signed: &signed,
            payload: &payload,
        }
        .bytes();
        let signature = self.key().sign(string_to_sign(self.now, &scope, &canonical).as_bytes());
        query.push_str(&format!("&{SIGNATURE}={signature}"));
        query
    }

    /// Signs the policy of a form: its fields `x-amz-algorithm`, `x-amz-credential`, `x-amz-date` and
    /// `x-amz-signature`, of which the first three need conditions in `policy`, which is in base64.
    pub fn sign_form(&self, policy: &str) -> [(&'static str, String); 4] {
        let [algorithm, credential, date] = self.form_fields();
        [
            algorithm,
            credential,
            date,
            ("x-amz-signature", self.key().sign(policy.as_bytes()).to_string()),
        ]
    }

    /// The fields of a form that say who signs its policy, and when.
    pub fn form_fields(&self) -> [(&'static str, String); 3] {
        [
            ("x-amz-algorithm", ALGORITHM.into()),
            ("x-amz-credential", format!("{}/{}", self.credential.access_key, self.scope())),
            ("x-amz-date", self.now.amz_date()),
        ]
    }

    fn scope(&self) -> Scope {
        Scope { day: self.now.amz_day(), region: self.region.into(), service: SERVICE.into() }
    }
}

/// The names of these headers as SignedHeaders has them.
fn names(headers: &Headers) -> String {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names.join(";")
}

/// Builds an aws-chunked body piece by piece.
#[derive(Debug)]
pub struct Framer {
    /// Signs the chunks; `None` leaves them unsigned.
    chain: Option<Chain>,
    wire: Vec<u8>,
}

impl Framer {
    /// For a body whose chunks are signed on from the head's signature.
    pub fn signed(chain: Chain) -> Self {
        Self { chain: Some(chain), wire: Vec::new() }
    }

    /// For a body without chunk signatures.
    pub fn unsigned() -> Self {
        Self { chain: None, wire: Vec::new() }
    }

    /// Frames one chunk. An empty chunk would end the body and is left out.
    pub fn chunk(&mut self, data: &[u8]) {
        if !data.is_empty() {
            self.chunk_head(data);
            self.wire.extend_from_slice(data);
            self.wire.extend_from_slice(b"\r\n");
        }
    }

    /// Ends the body without trailers and hands out the wire bytes.
    pub fn end(mut self) -> Vec<u8> {
        self.chunk_head(b"");
        self.wire.extend_from_slice(b"\r\n");
        self.wire
    }

    /// Ends the body with `trailers` (lower-case name, value) and hands out the wire bytes.
    pub fn end_with(mut self, trailers: &[(&str, &str)]) -> Vec<u8> {
        self.chunk_head(b"");
        let mut canonical = String::new();
        for (name, value) in trailers {
            canonical.push_str(&format!("{name}:{value}\n"));
            self.wire.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
        }
        if let Some(chain) = &mut self.chain {
            let signature = chain.sign_trailer(&Sha256::digest(&canonical).into());
            let line = format!("x-amz-trailer-signature:{signature}\r\n");
            self.wire.extend_from_slice(line.as_bytes());
        }
        self.wire.extend_from_slice(b"\r\n");
        self.wire
    }

    fn chunk_head(&mut self, data: &[u8]) {
        let mut head = format!("{:x}", data.len());
        if let Some(chain) = &mut self.chain {
            let signature = chain.sign_chunk(&Sha256::digest(data).into());
            head.push_str(&format!(";chunk-signature={signature}"));
        }
        self.wire.extend_from_slice(head.as_bytes());
        self.wire.extend_from_slice(b"\r\n");
    }
}
