//! Room: HTTP/1.1 without help: bytes out as given, right or wrong, and an answer taken apart.
//!
//! A library would refuse to send most of what `hostile.rs` wants to send.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Nothing that a test waits for takes longer; a node that hangs fails the test instead of stopping it.
const TIME_OUT: Duration = Duration::from_secs(120);

/// A connection to a node.
pub struct Connection {
    stream: BufReader<Wire>,
}

/// What a connection speaks.
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_mut(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(free),
            Self::Tls(stream) => stream.read(free),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// An answer whose body is in memory.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// How long the body of an answer is.
enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClosed,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Wire::Plain(connect(address)?)))
    }

    /// Connects and shakes hands.
    ///
    /// # Errors
    /// Those of the system, and `InvalidData` for what TLS does not allow.
    pub fn open_tls(address: SocketAddr, client: &Arc<ClientConfig>) -> io::Result<Self> {
        let mut socket = connect(address)?;
        let name = ServerName::from(address.ip());
        let session = ClientConnection::new(Arc::clone(client), name);
        let mut session = session.map_err(|error| invalid(&error.to_string()))?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(Self::over(Wire::Tls(Box::new(StreamOwned::new(session, socket)))))
    }

    fn over(wire: Wire) -> Self {
        Self { stream: BufReader::with_capacity(256 << 10, wire) }
    }

    /// The TLS side of a connection that has one.
    ///
    /// # Panics
    /// If it has none.
    pub fn tls(&mut self) -> &mut ClientConnection {
        match self.stream.get_mut() {
            Wire::Plain(_) => panic!("a plain connection"),
            Wire::Tls(stream) => &mut stream.conn,
        }
    }

    /// The socket below HTTP and TLS.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.stream.get_mut().socket()
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the system.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let wire = self.stream.get_mut();
        wire.write_all(bytes)?;
        wire.flush()
    }

    /// Tells the node that nothing more will come; its answer can still be read.
    ///
    /// # Errors
    /// Those of the system.
    pub fn close_sending(&mut self) -> io::Result<()> {
        let wire = self.stream.get_mut();
        if let Wire::Tls(stream) = wire {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        wire.socket().shutdown(Shutdown::Write)
    }

    /// Whether the node has closed its side and nothing is left to read.
    ///
    /// # Errors
    /// Those of the system; a time-out means that the connection is open and silent.
    pub fn is_closed(&mut self) -> io::Result<bool> {
        match self.stream.fill_buf() {
            Ok(bytes) => Ok(bytes.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Reads the next answer, whole. `to_head` says that the request was HEAD: then no body follows.
    ///
    /// # Errors
    /// Those of the system, and `InvalidData` for what is no HTTP.
    pub fn receive(&mut self, to_head: bool) -> io::Result<Reply> {
        let mut body = Vec::new();
        let mut reply = self.receive_into(to_head, |bytes| body.extend_from_slice(bytes))?;
        reply.body = body;
        Ok(reply)
    }

    /// Like [`Self::receive`], handing out the body piece by piece and leaving it empty in the answer.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub fn receive_into(
        &mut self,
        to_head: bool,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<Reply> {
        let reply = loop {
            let reply = self.receive_head()?;
            if reply.status != 100 {
                break reply;
            }
        };
        match framing(&reply, to_head)? {
            Framing::None => {}
            Framing::Length(len) => self.take_exactly(len, &mut take)?,
            Framing::Chunked => self.take_chunks(&mut take)?,
            Framing::UntilClosed => {
                let mut rest = Vec::new();
                self.stream.read_to_end(&mut rest)?;
                take(&rest);
            }
        }
        Ok(reply)
    }

    /// Reads a status line and headers, also those of an interim `100 Continue`.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub fn receive_head(&mut self) -> io::Result<Reply> {
        let status_line = self.line()?;
        let old = || status_line.strip_prefix("HTTP/1.0 ");
        let status = status_line.strip_prefix("HTTP/1.1 ").or_else(old);
        let status = status.and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(|| invalid(&format!("status line {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Reply { status, headers, body: Vec::new() });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("header line"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        let line = line.strip_suffix(b"\r\n").ok_or_else(|| {
            let kind = io::ErrorKind::UnexpectedEof;
            io::Error::new(kind, format!("ended after {:?}", String::from_utf8_lossy(&line)))
        })?;
        String::from_utf8(line.to_vec()).map_err(|error| invalid(&error.to_string()))
    }

    /// Hands out so many bytes of a body of which the head has been received.
    ///
    /// # Errors
    /// Those of the system, and `UnexpectedEof` if they do not all come.
    pub fn take_exactly(&mut self, len: u64, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let mut left = len;
        while left > 0 {
            let buffer = self.stream.fill_buf()?;
            if buffer.is_empty() {
                let text = format!("body ended {left} bytes early");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            let len = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            take(&buffer[..len]);
            self.stream.consume(len);
            left -= u64::try_from(len).expect("a length fits");
        }
        Ok(())
    }

    fn take_chunks(&mut self, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let len = u64::from_str_radix(size, 16).map_err(|error| invalid(&error.to_string()))?;
            self.take_exactly(len, take)?;
            if !self.line()?.is_empty() {
                return Err(invalid("no line end behind a chunk"));
            }
            if len == 0 {
                return Ok(());
            }
        }
    }
}

impl Reply {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first XML element called `name`, with entities resolved.
    pub fn element(&self, name: &str) -> Option<String> {
        elements(&self.text(), name).into_iter().next()
    }

    /// The texts of all XML elements called `name`, in order.
    pub fn elements(&self, name: &str) -> Vec<String> {
        elements(&self.text(), name)
    }
}

/// Enough XML for flat answers without attributes.
fn elements(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once(&open) {
        let Some((value, after)) = inside.split_once(&close) else { break };
        found.push(resolved(value));
        rest = after;
    }
    found
}

/// With the predefined entities and the two characters that writers like to number.
fn resolved(text: &str) -> String {
    let named = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ];
    let resolved =
        named.iter().fold(text.to_owned(), |text, (entity, is)| text.replace(entity, is));
    resolved.replace("&amp;", "&")
}

fn framing(reply: &Reply, to_head: bool) -> io::Result<Framing> {
    if to_head || matches!(reply.status, 204 | 304) {
        return Ok(Framing::None);
    }
    if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        return Ok(Framing::Chunked);
    }
    match reply.header("content-length") {
        Some(value) => match value.parse() {
            Ok(len) => Ok(Framing::Length(len)),
            Err(_) => Err(invalid(&format!("Content-Length: {value}"))),
        },
        None => Ok(Framing::UntilClosed),
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, TIME_OUT)?;
    socket.set_read_timeout(Some(TIME_OUT))?;
    socket.set_write_timeout(Some(TIME_OUT))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    fn reply_to(bytes: &'static [u8], to_head: bool) -> io::Result<Reply> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || listener.accept().unwrap().0.write_all(bytes));
        let reply = Connection::open(address).unwrap().receive(to_head);
        server.join().unwrap().unwrap();
        reply
    }

    #[test]
    fn answers_are_taken_apart() {
        let reply =
            reply_to(b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\ncontent-length: 3\r\n\r\nabcd", false);
        let reply = reply.unwrap();
        assert_eq!(
            (reply.status, reply.header("etag"), &*reply.body),
            (200, Some("\"x\""), &b"abc"[..])
        );
        let chunked =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n\
                        3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        let reply = reply_to(chunked, false).unwrap();
        assert_eq!((reply.status, &*reply.body), (201, &b"abc0123456789"[..]));
        let reply = reply_to(b"HTTP/1.1 404 No\r\ncontent-length: 3\r\n\r\n", true).unwrap();
        assert_eq!((reply.status, reply.body.len()), (404, 0));
    }

    #[test]
    fn short_answers_are_errors() {
        for bytes in
            [&b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"[..], b"HTTP/1.1 200 OK\r\n", b""]
        {
            assert_eq!(reply_to(bytes, false).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        assert_eq!(
            reply_to(b"nonsense\r\n", false).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    #[test]
    fn elements_are_found_by_name() {
        let text = "<A><Key>x &amp;quot; &quot;y&quot;</Key><Other/><Key>2</Key></A>";
        assert_eq!(elements(text, "Key"), ["x &quot; \"y\"", "2"]);
        assert!(elements(text, "None").is_empty());
    }
}
