//! Room: where requests begin and end on a connection, judged before the HTTP library sees a byte.
//!
//! The library takes some forms that another server on the way may read differently, and whoever reads them
//! differently can be made to take the middle of one request for the beginning of another: line ends without
//! CR, two lengths, a length together with chunks, endless chunk lines. This is a second, stricter reader of
//! the same bytes; what it objects to never reaches the library as a whole head or chunk.
//! Holds: at most one line. Invariant: it and the library agree on the framing of all that it lets through.
//! Source: RFC 9112 sections 2.2, 2.3, 6 and 7.1.

use std::mem;

/// The reader of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    state: State,
    /// The beginning of a line of which the end has not come yet.
    line: Vec<u8>,
    /// Bytes of the fields at hand, and how many lines they are.
    fields: (usize, usize),
    head: HeadFacts,
    /// The last byte that was read, and nothing objected to.
    last: u8,
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A request line, or an empty line before it.
    #[default]
    Start,
    /// The fields of a head.
    Fields,
    /// So many bytes of a body whose length is known.
    Body(u64),
    /// The line that says how long the next chunk is.
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// The fields behind the last chunk.
    Trailer,
    /// Nothing: an offence was found.
    Broken,
}

/// What a head says about its body.
#[derive(Debug, Default, Clone, Copy)]
struct HeadFacts {
    is_http_10: bool,
    length: Option<u64>,
    is_chunked: bool,
}

/// What cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offence {
    /// No HTTP, or HTTP that can be read in two ways.
    Malformed,
    /// A request line that is too long.
    LongTarget,
    /// Too many fields, or too long ones.
    LongFields,
    /// A transfer coding other than chunked.
    UnknownCoding,
}

impl Offence {
    /// The status that HTTP has for it.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::LongTarget => 414,
            Self::LongFields => 431,
            Self::UnknownCoding => 501,
        }
    }
}

/// An offence and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offence: Offence,
    /// How many of the bytes come before it.
    pub(super) at: usize,
    /// Whether it is in a body, and not in a head.
    pub(super) in_body: bool,
    /// Bytes that the library cannot take in this place, whatever it has read of the line.
    pub(super) instead: &'static [u8],
}

impl Framing {
    /// Reads on.
    ///
    /// # Errors
    /// The first offence. Nothing may be read after it.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Found> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let (State::Body(left) | State::Chunk(left)) = &mut self.state else {
                match self.read_line(rest) {
                    Ok(len) => at += len,
                    Err((offence, len)) => return Err(self.found(offence, &bytes[..at + len])),
                }
                continue;
            };
            let len = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
            *left -= len as u64;
            at += len;
            match self.state {
                State::Body(0) => self.state = State::Start,
                State::Chunk(0) => self.state = State::ChunkEnd,
                _ => {}
            }
        }
        self.last = bytes.last().copied().unwrap_or(self.last);
        Ok(())
    }

    fn found(&mut self, offence: Offence, before: &[u8]) -> Found {
        let in_body = !matches!(self.state, State::Start | State::Fields | State::Broken);
        let last = before.last().copied().unwrap_or(self.last);
        // The library skips what is in the extension of a chunk, except a line end without CR.
        let instead: &[u8] = match self.state {
            State::ChunkSize if last != b'\r' => b"\n",
            _ => b"\0\r\n\r\n",
        };
        self.state = State::Broken;
        Found { offence, at: before.len(), in_body, instead }
    }

    /// Whether the beginning of a head has come, and not yet its end.
    pub(super) fn is_in_head(&self) -> bool {
        self.state == State::Fields || (self.state == State::Start && !self.line.is_empty())
    }

    /// Takes a line, or what is there of it. Says how many bytes it took, or how many come before the offence.
    fn read_line(&mut self, bytes: &[u8]) -> Result<usize, (Offence, usize)> {
        let (max, too_long) = match self.state {
            State::Start => (REQUEST_LINE_LEN_MAX, Offence::LongTarget),
            State::Fields | State::Trailer => {
                (FIELDS_LEN_MAX.saturating_sub(self.fields.0), Offence::LongFields)
            }
            State::ChunkSize => (CHUNK_LINE_LEN_MAX, Offence::Malformed),
            _ => (0, Offence::Malformed),
        };
        // With the CR.
        let room = (max + 1).saturating_sub(self.line.len());
        let end = bytes.iter().take(room + 1).position(|byte| *byte == b'\n');
        let Some(end) = end else {
            if bytes.len() > room {
                return Err((too_long, room));
            }
            self.line.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        let ended = if self.line.is_empty() {
            self.take_line(&bytes[..end])
        } else {
            // Not kept for the next line: most connections wait, and need no memory then.
            let mut line = mem::take(&mut self.line);
            line.extend_from_slice(&bytes[..end]);
            self.take_line(&line)
        };
        ended.map(|()| end + 1).map_err(|offence| (offence, end))
    }

    /// A whole line, without its LF.
    fn take_line(&mut self, line: &[u8]) -> Result<(), Offence> {
        let line = line.strip_suffix(b"\r").ok_or(Offence::Malformed)?;
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err(Offence::Malformed);
        }
        match self.state {
            State::Start if line.is_empty() => self.count_field(line),
            State::Start => {
                self.fields = (0, 0);
                self.state = State::Fields;
                self.head = HeadFacts { is_http_10: is_http_10(line)?, ..HeadFacts::default() };
                Ok(())
            }
            State::Fields if line.is_empty() => {
                self.state = self.head.what_follows()?;
                self.fields = (0, 0);
                Ok(())
            }
            State::Fields => {
                self.count_field(line)?;
                self.head.take_field(line)
            }
            State::ChunkSize => {
                self.state = match chunk_len(line)? {
                    0 => State::Trailer,
                    len => State::Chunk(len),
                };
                Ok(())
            }
            State::ChunkEnd if line.is_empty() => {
                self.state = State::ChunkSize;
                Ok(())
            }
            State::Trailer if line.is_empty() => {
                self.state = State::Start;
                self.fields = (0, 0);
                Ok(())
            }
            State::Trailer => self.count_field(line),
            _ => Err(Offence::Malformed),
        }
    }

    fn count_field(&mut self, line: &[u8]) -> Result<(), Offence> {
        let (len, count) = self.fields;
        self.fields = (len + line.len() + 2, count + 1);
        if self.fields.0 > FIELDS_LEN_MAX || self.fields.1 > FIELDS_MAX {
            return Err(Offence::LongFields);
        }
        Ok(())
    }
}

impl HeadFacts {
    fn take_field(&mut self, line: &[u8]) -> Result<(), Offence> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Offence::Malformed)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.iter().any(|byte| byte.is_ascii_whitespace()) {
            // White space before the colon, or a line that continues the one before.
            return Err(Offence::Malformed);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = (1..=LENGTH_DIGITS_MAX).contains(&value.len())
                && value.iter().all(u8::is_ascii_digit);
            if !digits || self.length.is_some() {
                return Err(Offence::Malformed);
            }
            let text = str::from_utf8(value).map_err(|_not_text| Offence::Malformed)?;
            self.length = Some(text.parse().map_err(|_no_number| Offence::Malformed)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Offence::UnknownCoding);
            }
            if self.is_chunked || self.is_http_10 {
                return Err(Offence::Malformed);
            }
            self.is_chunked = true;
        }
        Ok(())
    }

    /// RFC 9112 section 6.3: a message with both may be an attempt at smuggling.
    fn what_follows(self) -> Result<State, Offence> {
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(Offence::Malformed),
            (true, None) => Ok(State::ChunkSize),
            (false, None | Some(0)) => Ok(State::Start),
            (false, Some(len)) => Ok(State::Body(len)),
        }
    }
}

fn is_http_10(request_line: &[u8]) -> Result<bool, Offence> {
    // The library drops what follows; whoever passed the request on may have taken it for a part of the path.
    if request_line.contains(&b'#') {
        return Err(Offence::Malformed);
    }
    if request_line.ends_with(b" HTTP/1.1") {
        Ok(false)
    } else if request_line.ends_with(b" HTTP/1.0") {
        Ok(true)
    } else {
        Err(Offence::Malformed)
    }
}

/// The length in a line like `1f;name=value`.
fn chunk_len(line: &[u8]) -> Result<u64, Offence> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    let extension = rest.trim_ascii_start();
    let good = (1..=CHUNK_DIGITS_MAX).contains(&digits.len())
        && (extension.is_empty() || extension.starts_with(b";"));
    let text = str::from_utf8(digits).ok().filter(|_text| good).ok_or(Offence::Malformed)?;
    u64::from_str_radix(text, 16).map_err(|_no_number| Offence::Malformed)
}

/// A key of 1024 escaped bytes has 3 KiB, a presigned query with a session token about as much again.
pub(super) const REQUEST_LINE_LEN_MAX: usize = 8 * 1024;
/// S3 allows 8 KiB of names and values, which the head is held to once it is whole; separators and line ends
/// come on top.
pub(super) const FIELDS_LEN_MAX: usize = 12 * 1024;
/// S3 bounds the bytes of a head and not its fields: more than this many of common length do not fit in.
pub(super) const FIELDS_MAX: usize = 256;
/// A number of so many digits fits in 64 bits.
const LENGTH_DIGITS_MAX: usize = 19;
/// No more than fits in 64 bits with room to count in.
const CHUNK_DIGITS_MAX: usize = 15;
/// Nobody uses extensions; one that names a signature of 64 digits has room.
const CHUNK_LINE_LEN_MAX: usize = 256;

#[cfg(test)]
mod tests;
