//! Room: one line on standard output for each request: who asked for what, and how it went.
//!
//! Must not: block a shard (a bounded queue, a writer thread; drops are counted) or hold a secret: no
//! signature, no query, no customer key gets here.
//! Units: times in microseconds, sizes in bytes of HTTP body.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use protocol::time::Timestamp;

use crate::config::LogFormat;
use crate::exchange::Trace;
use crate::line::LineWriter;
use crate::log::{Line, LineQueue};

/// What is known of one request when it is over.
#[derive(Debug, Clone)]
pub struct Record {
    /// When its head had been read.
    pub time: Timestamp,
    /// The identifier that the client was told.
    pub id: String,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// What a trusted proxy says about who is behind it.
    pub forwarded_for: Option<String>,
    /// What the client says that it is, cut to a bounded length.
    pub user_agent: Option<String>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The HTTP method.
    pub method: String,
    /// The HTTP status of the answer, or `None` when the client went away before there was one.
    pub status: Option<u16>,
    /// What the operation says about itself.
    pub trace: Trace,
    /// Request body bytes that the operation took.
    pub bytes_in: u64,
    /// Response body bytes handed to the connection.
    pub bytes_out: u64,
    /// From the head to the head of the answer.
    pub first_byte_us: u64,
    /// From the head to the last byte of the answer.
    pub total_us: u64,
    /// False when the answer was cut short.
    pub complete: bool,
}

impl Record {
    fn render(&self, format: LogFormat, out: &mut String) {
        let mut line = LineWriter::begin(format, out);
        let trace = &self.trace;
        line.text("time", &self.time.iso8601());
        line.text("id", &self.id);
        line.text("peer", &self.peer);
        let mut put_some = |key, value: Option<&str>| {
            if let Some(value) = value {
                line.text(key, &value);
            }
        };
        put_some("forwarded_for", self.forwarded_for.as_deref());
        put_some("access_key", trace.access_key.as_deref());
        put_some("method", Some(&self.method));
        put_some("operation", trace.operation);
        put_some("bucket", trace.bucket.as_deref());
        put_some("key", trace.key.as_deref());
        put_some("version", trace.version.as_deref());
        match self.status {
            Some(status) => line.number("status", status.into()),
            None => line.none("status"),
        }
        if let Some(error) = trace.error {
            line.text("error", &error);
        }
        line.number("bytes_in", self.bytes_in);
        line.number("bytes_out", self.bytes_out);
        line.number("first_byte_us", self.first_byte_us);
        line.number("total_us", self.total_us);
        if let Some(way) = &trace.way {
            line.text("way", way);
        }
        if let Some(agent) = &self.user_agent {
            line.text("user_agent", agent);
        }
        if self.tls {
            line.flag("tls");
        }
        if trace.virtual_host {
            line.flag("virtual_host");
        }
        if !self.complete {
            line.flag("cut");
        }
        line.end();
    }
}

/// Where access records go. Cheap to clone.
#[derive(Clone)]
pub struct AccessLog {
    format: LogFormat,
    queue: Arc<LineQueue<Formatted>>,
}

/// A record on its way to the thread that makes a line of it.
struct Formatted(LogFormat, Record);

impl Line for Formatted {
    fn render(&self, out: &mut String) {
        self.1.render(self.0, out);
    }
}

impl AccessLog {
    /// Starts the thread that writes to `out`.
    pub fn start(out: impl Write + Send + 'static, format: LogFormat) -> Self {
        Self { format, queue: Arc::new(LineQueue::start("access", out)) }
    }

    /// Queues one record, or drops and counts it.
    pub fn write(&self, record: Record) {
        self.queue.push(Formatted(self.format, record));
    }

    /// The records that wait to be written.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The records dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Waits until every record so far has been written, at most some seconds.
    pub fn flush(&self) {
        self.queue.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_of_pairs() {
        let record = Record {
            time: Timestamp::from_millis(1_760_000_000_123),
            id: "ABCDEFGHIJKLMNOP".into(),
            peer: "192.0.2.7:40000".parse().expect("address"),
            forwarded_for: Some("198.51.100.1, 10.0.0.1".into()),
            user_agent: Some("Boto3/1.40 \u{1b}[2J".into()),
            tls: true,
            method: "PUT".into(),
            status: Some(200),
            trace: Trace {
                operation: Some("UploadPartCopy"),
                bucket: Some("backups".into()),
                key: Some("a\nb".into()),
                virtual_host: false,
                version: None,
                access_key: Some("AKIDEXAMPLE".into()),
                error: None,
                way: Some("share+rw".into()),
            },
            bytes_in: 0,
            bytes_out: 321,
            first_byte_us: 250,
            total_us: 260,
            complete: true,
        };
        let render = |record: &Record, format| {
            let mut line = String::new();
            record.render(format, &mut line);
            line
        };
        assert_eq!(
            render(&record, LogFormat::Text),
            "time=2025-10-09T08:53:20.123Z id=ABCDEFGHIJKLMNOP peer=192.0.2.7:40000 \
             forwarded_for=\"198.51.100.1, 10.0.0.1\" access_key=AKIDEXAMPLE method=PUT \
             operation=UploadPartCopy bucket=backups key=\"a\\u000ab\" status=200 bytes_in=0 \
             bytes_out=321 first_byte_us=250 total_us=260 way=share+rw \
             user_agent=\"Boto3/1.40 \\u001b[2J\" tls=true\n"
        );
        assert_eq!(
            render(&record, LogFormat::Json),
            "{\"time\":\"2025-10-09T08:53:20.123Z\",\"id\":\"ABCDEFGHIJKLMNOP\",\
             \"peer\":\"192.0.2.7:40000\",\"forwarded_for\":\"198.51.100.1, 10.0.0.1\",\
             \"access_key\":\"AKIDEXAMPLE\",\"method\":\"PUT\",\
             \"operation\":\"UploadPartCopy\",\"bucket\":\"backups\",\"key\":\"a\\u000ab\",\
             \"status\":200,\"bytes_in\":0,\"bytes_out\":321,\"first_byte_us\":250,\
             \"total_us\":260,\"way\":\"share+rw\",\"user_agent\":\"Boto3/1.40 \\u001b[2J\",\
             \"tls\":true}\n"
        );
        let version = Some("null".into());
        let trace = Trace { virtual_host: true, version, ..record.trace.clone() };
        let cut = Record { status: None, complete: false, trace, ..record };
        let line = render(&cut, LogFormat::Text);
        assert!(render(&cut, LogFormat::Json).contains(",\"status\":null,"));
        assert!(
            line.contains(" version=null status=none ")
                && line.ends_with(" virtual_host=true cut=true\n"),
            "{line}"
        );
    }
}
