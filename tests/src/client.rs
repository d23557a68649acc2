//! Room: a small S3 client that signs what it is told to sign.
//!
//! Not the oracle of signatures: it shares its signer with the node. The real SDKs of `clients.rs` are that.
//! Keys here are plain: letters, digits, `-`, `/`; nothing is escaped.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::checksum::{ChecksumAlgorithm, Hasher};
use protocol::request::Headers;
use protocol::sign::sign::{Signed, Signer, Unsigned};
use protocol::sign::{Credential, PayloadMode};
use protocol::time::Timestamp;
use rustls::ClientConfig;

use crate::content::Content;
use crate::http::{Connection, Reply};

const PIECE_LEN: u64 = 1 << 20;
const URL_LIFE_S: u64 = 60;

/// A node as a client knows it.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The S3 listener.
    pub address: SocketAddr,
    /// Who signs.
    pub credential: Credential,
    /// The region to sign for.
    pub region: String,
    /// How to speak TLS; `None` = not at all.
    pub tls: Option<Arc<ClientConfig>>,
}

/// One request before it is signed.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method, in upper case.
    pub method: &'static str,
    /// The path as it goes on the wire.
    pub path: String,
    /// The query as it goes on the wire.
    pub query: String,
    /// Headers to be signed, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How the signature vouches for the body; `None` = by its SHA-256.
    pub payload: Option<PayloadMode>,
    /// The time to sign with; `None` = now.
    pub now: Option<Timestamp>,
}

impl Call {
    /// A call without query, headers and body.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            payload: None,
            now: None,
        }
    }

    /// With this query.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With this payload mode.
    #[must_use]
    pub fn payload(mut self, payload: PayloadMode) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Signed as if it were this time.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }
}

/// The present time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_millis(u64::try_from(since.as_millis()).expect("before the year 500 million"))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Hasher::new(ChecksumAlgorithm::Sha256);
    hasher.update(bytes);
    hasher.finish().as_bytes().try_into().expect("SHA-256 has 32 bytes")
}

impl S3 {
    /// Where clients find the node.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The signed head as it goes on the wire, for a body of `body_len` bytes, and what signing gave.
    pub fn head(&self, call: &Call, body_len: u64) -> (Vec<u8>, Signed) {
        let mut headers = Headers::new();
        headers.insert("host", self.address.to_string());
        for (name, value) in &call.headers {
            headers.insert(name.as_str(), value.as_str());
        }
        let signed = self.signer(call).sign(&Unsigned {
            method: call.method,
            path: &call.path,
            query: &call.query,
            headers: &headers,
            payload: call.payload.unwrap_or_else(|| PayloadMode::Hash(sha256(&call.body))),
        });
        let question = if call.query.is_empty() { "" } else { "?" };
        let mut head =
            format!("{} {}{question}{} HTTP/1.1\r\n", call.method, call.path, call.query);
        for (name, value) in headers.iter() {
            head.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
        }
        for (name, value) in &signed.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if body_len > 0 || matches!(call.method, "PUT" | "POST") {
            head.push_str(&format!("content-length: {body_len}\r\n"));
        }
        head.push_str("\r\n");
        (head.into_bytes(), signed)
    }

    /// The query of a URL for `call` as it stands, with its headers and this host signed, good for a minute.
    pub fn presign(&self, host: &str, call: &Call) -> String {
        let mut headers = Headers::new();
        headers.insert("host", host);
        call.headers.iter().for_each(|(name, value)| headers.insert(name.as_str(), value.as_str()));
        let unsigned = Unsigned {
            method: call.method,
            path: &call.path,
            query: &call.query,
            headers: &headers,
            payload: call.payload.unwrap_or(PayloadMode::Unsigned),
        };
        self.signer(call).presign(&unsigned, URL_LIFE_S)
    }

    fn signer(&self, call: &Call) -> Signer<'_> {
        Signer {
            credential: &self.credential,
            region: &self.region,
            now: call.now.unwrap_or_else(now),
        }
    }

    /// All bytes of a signed request.
    pub fn wire(&self, call: &Call) -> Vec<u8> {
        let body_len = u64::try_from(call.body.len()).expect("a length fits");
        let (mut wire, _) = self.head(call, body_len);
        wire.extend_from_slice(&call.body);
        wire
    }

    /// Sends `call` on a connection of its own.
    ///
    /// # Errors
    /// As those of [`Connection`].
    pub fn call(&self, call: &Call) -> io::Result<Reply> {
        self.session()?.call(call)
    }

    /// A connection for several calls.
    ///
    /// # Errors
    /// As those of [`Connection`].
    pub fn session(&self) -> io::Result<Session<'_>> {
        Ok(Session { s3: self, connection: self.connect()? })
    }

    /// A connection for bytes as they are.
    ///
    /// # Errors
    /// As those of [`Connection`].
    pub fn connect(&self) -> io::Result<Connection> {
        match &self.tls {
            Some(client) => Connection::open_tls(self.address, client),
            None => Connection::open(self.address),
        }
    }
}

/// A connection that is kept for the next call.
pub struct Session<'a> {
    s3: &'a S3,
    connection: Connection,
}

impl Session<'_> {
    /// Sends `call` and waits for its answer, whatever the answer is.
    ///
    /// # Errors
    /// As those of [`Connection`].
    pub fn call(&mut self, call: &Call) -> io::Result<Reply> {
        self.connection.send(&self.s3.wire(call))?;
        self.connection.receive(call.method == "HEAD")
    }

    /// Sends `call` with `content` as its body, which is never in memory as a whole.
    ///
    /// # Errors
    /// As those of [`Connection`].
    pub fn put(&mut self, call: Call, content: &Content) -> io::Result<Reply> {
        let (head, _) = self.s3.head(&call.payload(PayloadMode::Unsigned), content.len());
        self.connection.send(&head)?;
        for piece in pieces(content) {
            self.connection.send(&piece.bytes())?;
        }
        self.connection.receive(false)
    }

    /// Reads the object at `path` and compares it with `content` on the way. `Ok(None)`: equal.
    ///
    /// # Errors
    /// As those of [`Connection`].
    pub fn compare(&mut self, path: &str, content: &Content) -> io::Result<Option<String>> {
        self.connection.send(&self.s3.wire(&Call::new("GET", path)))?;
        let mut expected = content.clone();
        let mut complaint = None;
        let reply = self.connection.receive_into(false, |bytes| {
            let len = u64::try_from(bytes.len()).expect("a length fits").min(expected.len());
            let difference = expected.slice(0..len).first_difference(bytes);
            if let (None, Some(at)) = (&complaint, difference) {
                let done = content.len() - expected.len();
                complaint = Some(format!("byte {at} behind byte {done} differs"));
            }
            expected = expected.slice(len..expected.len());
        })?;
        if reply.status != 200 {
            return Ok(Some(format!("status {}", reply.status)));
        }
        if complaint.is_none() && !expected.is_empty() {
            complaint = Some(format!("{} bytes too short", expected.len()));
        }
        Ok(complaint)
    }
}

fn pieces(content: &Content) -> impl Iterator<Item = Content> {
    let len = content.len();
    let count = len.div_ceil(PIECE_LEN);
    (0..count).map(move |index| {
        let range = index * PIECE_LEN..len.min((index + 1) * PIECE_LEN);
        content.slice(range)
    })
}

/// PUT of a bucket.
pub fn create_bucket(bucket: &str) -> Call {
    Call::new("PUT", format!("/{bucket}"))
}

/// CreateMultipartUpload.
pub fn create_upload(path: &str) -> Call {
    Call::new("POST", path).query("uploads=")
}

/// UploadPart without its body.
pub fn upload_part(path: &str, upload_id: &str, number: u16) -> Call {
    Call::new("PUT", path).query(format!("partNumber={number}&uploadId={upload_id}"))
}

/// UploadPartCopy of `range` of the object at `source` (with its leading slash), or of the whole.
pub fn copy_part(
    path: &str,
    upload_id: &str,
    number: u16,
    source: &str,
    range: Option<Range<u64>>,
) -> Call {
    let call = upload_part(path, upload_id, number).header("x-amz-copy-source", source);
    match range {
        Some(range) => call
            .header("x-amz-copy-source-range", format!("bytes={}-{}", range.start, range.end - 1)),
        None => call,
    }
}

/// CopyObject of the object at `source` (with its leading slash).
pub fn copy_object(path: &str, source: &str) -> Call {
    Call::new("PUT", path).header("x-amz-copy-source", source)
}

/// PutBucketVersioning: `Enabled` or `Suspended`.
pub fn put_versioning(bucket: &str, status: &str) -> Call {
    let status = format!("<Status>{status}</Status>");
    let call = Call::new("PUT", format!("/{bucket}")).query("versioning=");
    with_sum(call, format!("<VersioningConfiguration>{status}</VersioningConfiguration>"))
}

/// PutBucketLifecycleConfiguration with these rules.
pub fn put_lifecycle(bucket: &str, rules: &str) -> Call {
    let call = Call::new("PUT", format!("/{bucket}")).query("lifecycle=");
    with_sum(call, format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>"))
}

/// PutObjectLegalHold on a version.
pub fn put_legal_hold(path: &str, version: &str, on: bool) -> Call {
    let status = if on { "ON" } else { "OFF" };
    let call = Call::new("PUT", path).query(format!("legal-hold=&versionId={version}"));
    with_sum(call, format!("<LegalHold><Status>{status}</Status></LegalHold>"))
}

/// DeleteObjects of these keys.
pub fn delete_objects(bucket: &str, keys: &[&str], quiet: bool) -> Call {
    let mut body = format!("<Delete><Quiet>{quiet}</Quiet>");
    for key in keys {
        body.push_str(&format!("<Object><Key>{key}</Key></Object>"));
    }
    body.push_str("</Delete>");
    with_sum(Call::new("POST", format!("/{bucket}")).query("delete="), body)
}

/// With this body and a checksum over it, which some calls must have.
pub fn with_sum(call: Call, body: impl Into<Vec<u8>>) -> Call {
    let body = body.into();
    let mut sum = Hasher::new(ChecksumAlgorithm::Crc32);
    sum.update(&body);
    let sum = sum.finish().to_base64();
    call.header(ChecksumAlgorithm::Crc32.header(), sum).body(body)
}

/// CompleteMultipartUpload of these parts (number, ETag).
pub fn complete_upload(path: &str, upload_id: &str, parts: &[(u16, String)]) -> Call {
    let mut body = String::from("<CompleteMultipartUpload>");
    for (number, etag) in parts {
        let etag = etag.trim_matches('"');
        body.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        ));
    }
    body.push_str("</CompleteMultipartUpload>");
    Call::new("POST", path).query(format!("uploadId={upload_id}")).body(body)
}

/// AbortMultipartUpload.
pub fn abort_upload(path: &str, upload_id: &str) -> Call {
    Call::new("DELETE", path).query(format!("uploadId={upload_id}"))
}
