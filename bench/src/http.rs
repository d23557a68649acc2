//! Room: one connection to an endpoint: a request out, an answer in, HTTP/1.1, kept alive.
//! Must not: know S3.
//! Holds: a socket and a buffer. A connection that the server closed while nothing was asked is opened again; a
//! request of which a byte was answered is never repeated.
//! Source: RFC 9112. Answers may be chunked, sized, or end with the connection.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::ops::Range;

use bytes::Bytes;
use tokio_uring::buf::BoundedBuf;
use tokio_uring::net::TcpStream;

use crate::content::Content;

const READ_LEN: usize = 256 << 10;
const HEAD_LEN_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 64;
/// Longer documents are no answers of S3.
const DOCUMENT_LEN_MAX: usize = 32 << 20;
/// Up to here a body goes out in one write with its head.
const JOINED_LEN_MAX: usize = 64 << 10;

/// What goes out behind a head.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Nothing, and no length is named.
    None,
    /// A document.
    Document(Bytes),
    /// Bytes that are made as they go.
    Content(Content, Range<u64>),
}

impl Body {
    /// Its length; `None` where none is named.
    pub(crate) fn len(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Document(bytes) => Some(bytes.len() as u64),
            Self::Content(_, range) => Some(range.end - range.start),
        }
    }
}

/// What becomes of the body of an answer. That of an error is always kept.
#[derive(Clone, Debug)]
pub(crate) enum Taken {
    /// It is kept.
    Kept,
    /// It is counted.
    Counted,
    /// It is compared with this content from this offset on.
    Compared(Content, u64),
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    /// The body if it was kept.
    pub(crate) body: Vec<u8>,
    /// Bytes of the body.
    pub(crate) body_len: u64,
    /// Whether a body that was compared was another.
    pub(crate) differs: bool,
}

impl Answer {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn take(&mut self, bytes: &[u8], taken: &Taken) -> io::Result<()> {
        match taken {
            Taken::Compared(content, from) if self.status < 300 => {
                self.differs |= !content.has(from + self.body_len, bytes);
            }
            Taken::Counted if self.status < 300 => {}
            _ if self.body.len() + bytes.len() > DOCUMENT_LEN_MAX => {
                return Err(broken("the document is too long"));
            }
            _ => self.body.extend_from_slice(bytes),
        }
        self.body_len += bytes.len() as u64;
        Ok(())
    }
}

/// How the end of a body is known.
enum Framing {
    Sized(u64),
    Chunked,
    UntilClosed,
}

/// A connection, open or to be opened.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// What of the buffer has been used.
    used: usize,
    /// Whether a byte of the present answer has come.
    answered: bool,
}

impl Connection {
    /// Opened at the first request.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let buffer = Vec::with_capacity(READ_LEN);
        Self { address, stream: None, buffer, used: 0, answered: false }
    }

    /// Sends a head that is complete, and its body, and waits for the answer. `silent`: no body follows, whatever the
    /// answer's head says (HEAD).
    /// Cancel: the connection must be closed.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP; then it is closed.
    pub(crate) async fn exchange(
        &mut self,
        head: &[u8],
        body: &Body,
        taken: &Taken,
        silent: bool,
    ) -> io::Result<Answer> {
        let reused = self.stream.is_some();
        let mut result = self.exchange_once(head, body, taken, silent).await;
        if result.is_err() && reused && !self.answered {
            self.close();
            result = self.exchange_once(head, body, taken, silent).await;
        }
        if result.is_err() {
            self.close();
        }
        result
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        if let Some(stream) = self.stream.take() {
            // It may be gone already.
            stream.shutdown(Shutdown::Both).ok();
        }
        self.buffer.clear();
        self.used = 0;
    }

    async fn exchange_once(
        &mut self,
        head: &[u8],
        body: &Body,
        taken: &Taken,
        silent: bool,
    ) -> io::Result<Answer> {
        self.answered = false;
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        let sent = self.send(head, body).await;
        // A server may refuse a body before it has read all of it.
        let answer = match self.receive(taken, silent).await {
            Err(error) => return Err(sent.err().unwrap_or(error)),
            Ok(answer) => answer,
        };
        if sent.is_err()
            || answer.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"))
        {
            self.close();
        }
        Ok(answer)
    }

    fn stream(&self) -> io::Result<&TcpStream> {
        self.stream.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn send(&self, head: &[u8], body: &Body) -> io::Result<()> {
        let stream = self.stream()?;
        let joined = body.len().is_none_or(|len| len <= JOINED_LEN_MAX as u64);
        let mut first = head.to_vec();
        if let Body::Document(bytes) = body {
            first.extend_from_slice(bytes);
        }
        if let (Body::Content(content, range), true) = (body, joined) {
            content.slices(range.clone()).for_each(|slice| first.extend_from_slice(&slice));
        }
        stream.write_all(first).await.0?;
        if let (Body::Content(content, range), false) = (body, joined) {
            for slice in content.slices(range.clone()) {
                stream.write_all(slice).await.0?;
            }
        }
        Ok(())
    }

    async fn receive(&mut self, taken: &Taken, silent: bool) -> io::Result<Answer> {
        let mut answer = loop {
            let answer = self.head().await?;
            // 100 Continue and its like come before the answer.
            if answer.status >= 200 {
                break answer;
            }
        };
        match framing(&answer, silent)? {
            Framing::Sized(len) => self.sized(&mut answer, taken, len).await?,
            Framing::Chunked => self.chunked(&mut answer, taken).await?,
            Framing::UntilClosed => {
                while self.fill().await? {
                    self.hand_over(&mut answer, taken, u64::MAX)?;
                }
                self.close();
            }
        }
        Ok(answer)
    }

    async fn head(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(answer) = self.parse_head()? {
                return Ok(answer);
            }
            if self.buffer.len() - self.used > HEAD_LEN_MAX {
                return Err(broken("the head is too long"));
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn parse_head(&mut self) -> io::Result<Option<Answer>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&self.buffer[self.used..]);
        let httparse::Status::Complete(len) = parsed.map_err(io::Error::other)? else {
            return Ok(None);
        };
        let header = |header: &httparse::Header<'_>| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_ascii_lowercase(), value)
        };
        let headers = response.headers.iter().map(header).collect();
        let status = response.code.unwrap_or_default();
        self.used += len;
        Ok(Some(Answer { status, headers, ..Answer::default() }))
    }

    async fn sized(&mut self, answer: &mut Answer, taken: &Taken, len: u64) -> io::Result<()> {
        let mut left = len;
        loop {
            left -= self.hand_over(answer, taken, left)?;
            if left == 0 {
                return Ok(());
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn chunked(&mut self, answer: &mut Answer, taken: &Taken) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let len = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
            if len == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(());
            }
            self.sized(answer, taken, len).await?;
            if !self.line().await?.is_empty() {
                return Err(broken("a chunk is longer than it said"));
            }
        }
    }

    /// The next line without its end.
    async fn line(&mut self) -> io::Result<String> {
        loop {
            let bytes = &self.buffer[self.used..];
            if let Some(len) = bytes.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&bytes[..len]).into_owned();
                self.used += len + 2;
                return Ok(line);
            }
            if bytes.len() > HEAD_LEN_MAX {
                return Err(broken("a line is too long"));
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Gives what has come, at most `len_max`, to the answer. Says how much it was.
    fn hand_over(&mut self, answer: &mut Answer, taken: &Taken, len_max: u64) -> io::Result<u64> {
        let here = self.buffer.len() - self.used;
        let len = here.min(usize::try_from(len_max).unwrap_or(usize::MAX));
        answer.take(&self.buffer[self.used..self.used + len], taken)?;
        self.used += len;
        Ok(len as u64)
    }

    /// Reads more. `false`: there is no more.
    async fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.drain(..std::mem::take(&mut self.used));
        if buffer.capacity() - buffer.len() < READ_LEN / 4 {
            buffer.reserve(READ_LEN);
        }
        let filled = buffer.len();
        let (result, slice) = self.stream()?.read(buffer.slice(filled..)).await;
        self.buffer = slice.into_inner();
        let read = result?;
        self.answered |= read > 0;
        Ok(read > 0)
    }
}

fn framing(answer: &Answer, silent: bool) -> io::Result<Framing> {
    if silent || matches!(answer.status, 204 | 304) {
        return Ok(Framing::Sized(0));
    }
    if answer.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return Ok(Framing::Chunked);
    }
    match answer.header("content-length") {
        Some(len) => len.trim().parse().map(Framing::Sized).map_err(io::Error::other),
        None => Ok(Framing::UntilClosed),
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
