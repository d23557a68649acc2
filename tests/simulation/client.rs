//! Room: the other end of the wire: one signed request, its body in pieces, and what came back.
//!
//! Goes through `node::operation::serve`, as a connection does. A body may pause between pieces, and end before its
//! end; an answer may be read slowly. A client that goes away is the dropping of its task, which the world does.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use node::exchange::{BodyError, BodySource, Request, Response, ResponseBody};
use node::machine::Machine;
use node::operation;
use node::seam::{Clock, Local};
use protocol::request::{Head, Headers, Method};
use protocol::sign::PayloadMode;
use protocol::sign::sign::{Signer, Unsigned};
use tenon_tests::random::Random;

use crate::clock::{VirtualClock, give_way};
use crate::keeping::{self, Expiry};

/// A request as it will be sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    /// In upper case.
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) target: String,
    /// Beside those that every request has.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body as it should be.
    pub(crate) body: Bytes,
    /// The connection breaks after so many bytes of the body.
    pub(crate) cut_after: Option<usize>,
    /// Instead of all that: what a worker of the node commits.
    pub(crate) expiry: Option<Expiry>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The S3 error code.
    pub(crate) code: Option<&'static str>,
    /// Header names and values.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, to its end or to where it was cut.
    pub(crate) body: Vec<u8>,
    /// The body ended before its end.
    pub(crate) cut: bool,
}

impl Answered {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The ETag header without quotes.
    pub(crate) fn etag(&self) -> Option<String> {
        self.header("etag").map(|etag| etag.trim_matches('"').to_owned())
    }

    /// The texts of all XML elements of that name, in order.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        elements(&String::from_utf8_lossy(&self.body), name)
    }
}

/// The texts of all XML elements of that name in `text`, in order.
pub(crate) fn elements(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let behind = text.split(&open).skip(1);
    let values = behind.filter_map(|rest| rest.split_once(&close).map(|(value, _)| value));
    values.map(|value| value.replace("&quot;", "")).collect()
}

/// Sends one request to a machine and reads the answer to its end.
pub(crate) async fn exchange(
    machine: Rc<Machine>,
    clock: VirtualClock,
    sent: Sent,
    mut random: Random,
) -> Answered {
    if let Some(expiry) = sent.expiry {
        return keeping::expire(&machine, &clock, expiry).await;
    }
    let request = request(&machine, &clock, &sent, &mut random);
    let response = operation::serve(&machine, request).await;
    read(response, &clock, &mut random).await
}

fn request(machine: &Machine, clock: &VirtualClock, sent: &Sent, random: &mut Random) -> Request {
    let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
    let mut headers = Headers::new();
    headers.insert("host", "node.test");
    headers.insert("content-length", sent.body.len().to_string());
    for (name, value) in &sent.headers {
        headers.insert(*name, value.as_str());
    }
    let settings = &machine.settings;
    let signer = Signer { credential: &settings.root, region: &settings.region, now: clock.now() };
    let unsigned = Unsigned {
        method: sent.method,
        path,
        query,
        headers: &headers,
        payload: PayloadMode::Unsigned,
    };
    for (name, value) in signer.sign(&unsigned).headers {
        headers.insert(name, value);
    }
    let query = (!query.is_empty()).then_some(query);
    let head = Head::new(Method::parse(sent.method), path, query, headers, &[]);
    Request {
        head: head.expect("a valid target"),
        id: "0123456789ABCDEF".into(),
        peer: ([127, 0, 0, 1], 1).into(),
        body: Box::new(Body::new(sent, clock.clone(), random)),
    }
}

async fn read(response: Response, clock: &VirtualClock, random: &mut Random) -> Answered {
    let Response { status, headers, body, trace } = response.whole().await;
    let (mut bytes, mut cut) = (Vec::new(), false);
    match body {
        ResponseBody::Empty | ResponseBody::Late(_) => {}
        ResponseBody::Bytes(whole) => bytes.extend_from_slice(&whole),
        ResponseBody::Stream { len, mut source } => {
            let slow = random.chance(25);
            while let Some(block) = source.next().await {
                match block {
                    Ok(block) => bytes.extend_from_slice(&block),
                    Err(_) => cut = true,
                }
                if slow {
                    clock.sleep(Duration::from_millis(random.within(1..400))).await;
                }
            }
            cut |= bytes.len() as u64 != len;
        }
    }
    Answered { status, code: trace.error, headers, body: bytes, cut }
}

/// A request body on its way.
struct Body {
    clock: VirtualClock,
    pieces: VecDeque<Bytes>,
    breaks: bool,
    pause_ms: u64,
}

impl Body {
    fn new(sent: &Sent, clock: VirtualClock, random: &mut Random) -> Self {
        let whole = sent.body.len();
        let end = sent.cut_after.map_or(whole, |cut| cut.min(whole));
        let mut rest = sent.body.slice(..end);
        let mut pieces = VecDeque::new();
        // A handful of pieces: more would be many steps and tell nothing new.
        let longest = (whole / 2).max(1) as u64;
        while !rest.is_empty() {
            let len =
                usize::try_from(random.within(1..longest + 1)).expect("small").min(rest.len());
            pieces.push_back(rest.split_to(len));
        }
        let pause_ms = if random.chance(15) { random.within(1..600) } else { 0 };
        Self { clock, pieces, breaks: sent.cut_after.is_some(), pause_ms }
    }
}

impl BodySource for Body {
    fn next(&mut self) -> Local<'_, Option<Result<Bytes, BodyError>>> {
        Box::pin(async move {
            match self.pause_ms {
                0 => give_way().await,
                pause => self.clock.sleep(Duration::from_millis(pause)).await,
            }
            match self.pieces.pop_front() {
                Some(piece) => Some(Ok(piece)),
                None if self.breaks => Some(Err(BodyError::Disconnected)),
                None => None,
            }
        })
    }
}
