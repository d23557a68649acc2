//! Room: the S3 operations that a load is made of, signed and sent over one connection.
//!
//! Must not: measure. Source: S3 API reference, the page of each operation.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::percent;
use protocol::request::Headers;
use protocol::sign::sign::{Signer, Unsigned};
use protocol::sign::{PayloadMode, SigningKey};
use protocol::time::Timestamp;

use crate::content::Content;
use crate::endpoint::Endpoint;
use crate::http::{Answer, Body, Connection, Taken};

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// S3's code, or in our words what went wrong on the way.
    pub(crate) code: String,
    /// What the server said, or the system.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: &str, message: &(impl ToString + ?Sized)) -> Self {
        Self { code: code.to_owned(), message: message.to_string() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// A multipart upload that is open.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// The key that it will be.
    pub(crate) key: String,
    /// Its id.
    pub(crate) id: String,
}

/// A range of an object to be copied; `None` for all of it.
#[derive(Clone, Debug)]
pub(crate) struct Source<'a> {
    /// Its key, in the bucket of the endpoint.
    pub(crate) key: &'a str,
    /// Half open.
    pub(crate) range: Option<Range<u64>>,
}

/// What a listing says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// The keys of the page.
    pub(crate) keys: Vec<String>,
    /// How many common prefixes it has.
    pub(crate) prefixes: usize,
    /// Where the next page begins; `None` at the end.
    pub(crate) next: Option<String>,
}

/// One connection that asks one endpoint.
pub(crate) struct Client {
    endpoint: Arc<Endpoint>,
    connection: Connection,
    timeout: Duration,
    /// The key of a day, for requests of that day.
    signing_key: Option<(String, SigningKey)>,
}

/// A request without its signature.
struct Call<'a> {
    method: &'static str,
    key: &'a str,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Body,
    taken: Taken,
}

impl<'a> Call<'a> {
    fn new(method: &'static str, key: &'a str) -> Self {
        let (query, headers) = (Vec::new(), Vec::new());
        Self { method, key, query, headers, body: Body::None, taken: Taken::Kept }
    }

    fn with(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    fn taken(self, taken: Taken) -> Self {
        Self { taken, ..self }
    }
}

impl Client {
    /// A client that gives each request so long.
    pub(crate) fn new(endpoint: &Arc<Endpoint>, timeout: Duration) -> Self {
        let connection = Connection::new(endpoint.address);
        Self { endpoint: endpoint.clone(), connection, timeout, signing_key: None }
    }

    /// Makes the bucket unless it is there. Says whether it was made, and the `Server` header.
    pub(crate) async fn make_bucket(&mut self) -> Result<(bool, Option<String>), Failure> {
        let head = self.send(Call::new("HEAD", "")).await?;
        let server = head.header("server").map(str::to_owned);
        if head.status == 200 {
            return Ok((false, server));
        }
        match self.call(Call::new("PUT", "")).await {
            Ok(answer) => Ok((true, answer.header("server").map(str::to_owned).or(server))),
            Err(failure) if failure.code == "BucketAlreadyOwnedByYou" => Ok((false, server)),
            Err(failure) => Err(failure),
        }
    }

    /// Takes the bucket away.
    pub(crate) async fn delete_bucket(&mut self) -> Result<(), Failure> {
        self.call(Call::new("DELETE", "")).await.map(|_| ())
    }

    /// Stores the bytes of `range` of a content as an object.
    pub(crate) async fn put(
        &mut self,
        key: &str,
        content: Content,
        range: Range<u64>,
    ) -> Result<(), Failure> {
        self.call(Call::new("PUT", key).body(Body::Content(content, range))).await.map(|_| ())
    }

    /// Fetches an object. Says how many bytes came.
    pub(crate) async fn get(&mut self, key: &str) -> Result<u64, Failure> {
        let answer = self.call(Call::new("GET", key).taken(Taken::Counted)).await?;
        Ok(answer.body_len)
    }

    /// Fetches a range of an object and compares it with a content that begins with the object. Says whether it is the same.
    pub(crate) async fn compare(
        &mut self,
        key: &str,
        content: Content,
        range: Range<u64>,
        at: u64,
    ) -> Result<bool, Failure> {
        let len = range.end - range.start;
        let text = format!("bytes={}-{}", range.start, range.end - 1);
        let call = Call::new("GET", key).header("range", text);
        let answer = self.call(call.taken(Taken::Compared(content, at))).await?;
        Ok(answer.status == 206 && answer.body_len == len && !answer.differs)
    }

    /// Asks for an object's head. Says how long the object is.
    pub(crate) async fn head(&mut self, key: &str) -> Result<u64, Failure> {
        let answer = self.call(Call::new("HEAD", key)).await?;
        let len = answer.header("content-length").and_then(|len| len.trim().parse().ok());
        len.ok_or_else(|| Failure::new("BadAnswer", "HEAD says no length"))
    }

    /// Takes an object away.
    pub(crate) async fn delete(&mut self, key: &str) -> Result<(), Failure> {
        self.call(Call::new("DELETE", key)).await.map(|_| ())
    }

    /// Lists at most 1,000 keys with this prefix from behind `after` on.
    pub(crate) async fn list(
        &mut self,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
    ) -> Result<Listing, Failure> {
        let mut call = Call::new("GET", "").with("list-type", "2").with("prefix", prefix);
        call = call.with("max-keys", &PAGE_KEYS);
        if let Some(delimiter) = delimiter {
            call = call.with("delimiter", delimiter);
        }
        if let Some(after) = after {
            call = call.with("start-after", after);
        }
        let answer = self.call(call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let keys: Vec<String> = elements(&text, "Key").map(str::to_owned).collect();
        let prefixes = text.matches("<CommonPrefixes>").count();
        let more = element(&text, "IsTruncated") == Some("true");
        let next = keys.last().filter(|_| more).cloned();
        Ok(Listing { keys, prefixes, next })
    }

    /// Opens an upload.
    pub(crate) async fn create_upload(&mut self, key: &str) -> Result<Upload, Failure> {
        let answer = self.call(Call::new("POST", key).with("uploads", "")).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let id =
            element(&text, "UploadId").ok_or_else(|| Failure::new("BadAnswer", "no UploadId"))?;
        Ok(Upload { key: key.to_owned(), id: id.to_owned() })
    }

    /// Copies a range into a part. Gives the ETag.
    pub(crate) async fn copy_part(
        &mut self,
        upload: &Upload,
        number: u16,
        source: &Source<'_>,
    ) -> Result<String, Failure> {
        let path = format!("/{}/{}", self.endpoint.bucket, percent::encode_path(source.key));
        let mut call = part(upload, number).header("x-amz-copy-source", path);
        if let Some(range) = &source.range {
            let text = format!("bytes={}-{}", range.start, range.end - 1);
            call = call.header("x-amz-copy-source-range", text);
        }
        let answer = self.call(call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let etag = element(&text, "ETag").ok_or_else(|| Failure::new("BadAnswer", "no ETag"))?;
        Ok(etag.to_owned())
    }

    /// Stores a part. Gives the ETag.
    pub(crate) async fn upload_part(
        &mut self,
        upload: &Upload,
        number: u16,
        content: Content,
        range: Range<u64>,
    ) -> Result<String, Failure> {
        let answer = self.call(part(upload, number).body(Body::Content(content, range))).await?;
        let etag = answer.header("etag").ok_or_else(|| Failure::new("BadAnswer", "no ETag"))?;
        Ok(etag.to_owned())
    }

    /// Makes an object of these parts.
    pub(crate) async fn complete(
        &mut self,
        upload: &Upload,
        parts: &[(u16, String)],
    ) -> Result<(), Failure> {
        let mut text = String::from(
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
        );
        for (number, etag) in parts {
            text.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            ));
        }
        text.push_str("</CompleteMultipartUpload>");
        let call = Call::new("POST", &upload.key).with("uploadId", &upload.id);
        self.call(call.body(Body::Document(text.into()))).await.map(|_| ())
    }

    /// Gives an upload up.
    pub(crate) async fn abort(&mut self, upload: &Upload) -> Result<(), Failure> {
        self.call(Call::new("DELETE", &upload.key).with("uploadId", &upload.id)).await.map(|_| ())
    }

    /// Uploads that are open below this prefix, as many as fit into a page.
    pub(crate) async fn uploads(&mut self, prefix: &str) -> Result<Vec<Upload>, Failure> {
        let call = Call::new("GET", "").with("uploads", "").with("prefix", prefix);
        let answer = self.call(call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let uploads = elements(&text, "Upload").filter_map(|upload| {
            let (key, id) = (element(upload, "Key")?, element(upload, "UploadId")?);
            Some(Upload { key: key.to_owned(), id: id.to_owned() })
        });
        Ok(uploads.collect())
    }

    /// Sends, and takes every answer but a success for a failure. Long answers begin before the result is known:
    /// their status says nothing, their document does.
    async fn call(&mut self, call: Call<'_>) -> Result<Answer, Failure> {
        let answer = self.send(call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        if answer.status < 300 && !is_error(&text) {
            return Ok(answer);
        }
        let code =
            element(&text, "Code").map_or_else(|| format!("HTTP {}", answer.status), str::to_owned);
        Err(Failure { code, message: element(&text, "Message").unwrap_or_default().to_owned() })
    }

    /// Cancel: the connection is closed.
    async fn send(&mut self, call: Call<'_>) -> Result<Answer, Failure> {
        let silent = call.method == "HEAD";
        let head = self.wire_head(&call, now());
        let exchange = self.connection.exchange(&head, &call.body, &call.taken, silent);
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure::new("ConnectionBroken", &error)),
            Err(elapsed) => {
                self.connection.close();
                Err(Failure::new("TimedOut", &elapsed))
            }
        }
    }

    /// The head as it goes on the wire at this moment.
    fn wire_head(&mut self, call: &Call<'_>, now: Timestamp) -> Vec<u8> {
        let endpoint = &*self.endpoint;
        let mut path = format!("{}/{}", endpoint.base, endpoint.bucket);
        if !call.key.is_empty() {
            path.push('/');
            path.push_str(&percent::encode_path(call.key));
        }
        let pairs =
            call.query.iter().map(|(name, value)| format!("{name}={}", percent::encode(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let mut headers = Headers::new();
        headers.insert("host", endpoint.host.as_bytes());
        for (name, value) in &call.headers {
            headers.insert(*name, value.as_bytes());
        }
        let signer = Signer { credential: &endpoint.credential, region: &endpoint.region, now };
        let day = now.amz_day();
        let known = self.signing_key.take().filter(|(known, _)| *known == day);
        let (_, key) = self.signing_key.insert(known.unwrap_or_else(|| (day, signer.key())));
        let payload = PayloadMode::Unsigned;
        let request = Unsigned {
            method: call.method,
            path: &path,
            query: &query,
            headers: &headers,
            payload,
        };
        let signed = signer.sign_with(key, &request);

        let mark = if query.is_empty() { "" } else { "?" };
        let mut head = format!("{} {path}{mark}{query} HTTP/1.1\r\n", call.method).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        headers.iter().for_each(|(name, value)| line(name, value));
        signed.headers.iter().for_each(|(name, value)| line(name, value.as_bytes()));
        let needs_len = matches!(call.method, "PUT" | "POST");
        if let Some(len) = call.body.len().or_else(|| needs_len.then_some(0)) {
            line("content-length", len.to_string().as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// A page of a listing has at most so many keys.
pub(crate) const PAGE_KEYS: usize = 1000;

fn part(upload: &Upload, number: u16) -> Call<'_> {
    Call::new("PUT", &upload.key).with("partNumber", &number).with("uploadId", &upload.id)
}

/// The present as signatures have it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The text of the first element of this name. Enough for answers whose names and ids need no escape.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    elements(text, name).next()
}

fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = rest.find(&open)? + open.len();
        let len = rest[from..].find(&close)?;
        let inner = &rest[from..from + len];
        rest = &rest[from + len + close.len()..];
        Some(inner)
    })
}

/// Whether the root element is `Error`, behind a declaration and the spaces that keep a connection alive.
fn is_error(text: &str) -> bool {
    let text = text.trim_start();
    let root = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, rest)| rest.trim_start()),
        None => text,
    };
    root.starts_with("<Error>") || root.starts_with("<Error ")
}

/// How often each failure came.
pub(crate) type Errors = BTreeMap<String, u64>;

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that is kept over midnight would sign nothing that a server takes.
    #[test]
    fn a_request_of_the_next_day_is_signed_with_the_next_key() {
        let url = crate::endpoint::Url::parse("http://127.0.0.1:9").expect("a URL");
        let (access_key, secret_key) = ("a".to_owned(), "b".to_owned());
        let credential = protocol::sign::Credential { access_key, secret_key };
        let endpoint = Arc::new(url.endpoint(credential, "us-east-1", "c").expect("an address"));
        let client = || Client::new(&endpoint, Duration::from_secs(1));
        let call = Call::new("GET", "key");
        let noon = Timestamp::from_millis(1_795_262_400_000);
        let later = [noon, Timestamp::from_millis(1_795_262_401_000)];
        let tomorrow = Timestamp::from_millis(1_795_348_800_000);
        let mut one = client();
        for now in [later[0], later[1], tomorrow] {
            assert_eq!(one.wire_head(&call, now), client().wire_head(&call, now), "{now:?}");
        }
    }

    #[test]
    fn elements_are_found_in_answers() {
        let text = "<?xml version=\"1.0\"?><A><Key>a</Key><B/><Key>b</Key></A>";
        assert_eq!(elements(text, "Key").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(element(text, "UploadId"), None);
    }

    #[test]
    fn an_error_behind_spaces_is_an_error() {
        for text in [
            "<Error><Code>A</Code></Error>",
            "  \n<?xml version=\"1.0\"?>\n <Error><Code>A</Code></Error>",
            "<?xml version=\"1.0\"?>   <Error xmlns=\"a\">",
        ] {
            assert!(is_error(text), "{text}");
        }
        for text in ["", "<CopyPartResult/>", "<?xml version=\"1.0\"?><Errors/>"] {
            assert!(!is_error(text), "{text}");
        }
    }
}
