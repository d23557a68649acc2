//! Room: from the command line, the environment and a file to one checked [`Config`].
//!
//! Invariants: flags win over the environment, the environment over the file, the file over the defaults; every unit
//! is parsed here; whoever holds a `Config` need not check anything again. What is not built is refused, never ignored.
//! Order: [`table`](self) says which settings there are, `file` and `settings` gather them, `tell` tells them.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use protocol::lifecycle::DayLen;
use protocol::limits::COPY_LEN_MAX;
use protocol::name::AccountId;
use protocol::sign::Credential;

use crate::log::Level;

pub use self::flags::{Arguments, BenchFlags, Command, ServeFlags};
pub use self::place::{FsckFlags, PlaceFlags, Places};
pub use self::settings::Settings;

mod file;
mod flags;
mod form;
mod near;
mod place;
mod settings;
mod table;
mod tell;
mod value;

/// Everything that an operator can choose, checked.
#[derive(Clone)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// Where the metadata store lives; `data/meta` unless told otherwise.
    pub meta_dir: PathBuf,
    /// The addresses of the S3 socket.
    pub listen: Vec<SocketAddr>,
    /// The address of the admin socket.
    pub admin_listen: SocketAddr,
    /// The number of shards, or one for each core that the process may use.
    pub shards: Option<usize>,
    /// The root credential.
    pub root: Credential,
    /// The 12-digit account that owns everything.
    pub account: AccountId,
    /// The region that signatures must name.
    pub region: String,
    /// What `x-amz-id-2` and `<HostId>` say: tells nodes behind one balancer apart.
    pub host_id: String,
    /// Ranges up to this many bytes get an MD5 ETag (DESIGN section 5.6).
    pub etag_md5_up_to: u64,
    /// The base domains of virtual-host style requests, in lower case, without port; none: path style only.
    pub domains: Vec<String>,
    /// Certificate and key of the S3 socket; none: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// What is written about events and requests.
    pub log: LogConfig,
    /// How bytes are copied.
    pub copy: CopyConfig,
    /// Time-outs and bounds of the HTTP side.
    pub http: HttpConfig,
    /// When lifecycle rules are carried out.
    pub lifecycle: LifecycleConfig,
    /// Bytes of the buffer pool, all shards together.
    pub memory_buffers: u64,
    /// Bytes of the metadata store's block cache and write buffers together.
    pub memory_rocksdb: u64,
    /// Free space below which writes are refused.
    pub disk_reserve: Reserve,
}

/// Where certificate and key of the S3 socket are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The certificate chain in PEM, the node's own first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// What is written about events and requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// The least important events that are written.
    pub level: Level,
    /// How events and access lines look.
    pub format: LogFormat,
}

/// How events and access lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// `key=value` pairs.
    Text,
    /// One JSON object a line.
    Json,
}

/// A way to copy bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// The new extent names the existing blob.
    Share,
    /// A clone of the blocks.
    Reflink,
    /// copy_file_range(2): the kernel or a file server moves the bytes.
    CopyFileRange,
    /// splice(2) through a pipe: the kernel moves the bytes.
    Splice,
    /// Read, verified, and written: the last resort, which always works.
    Rw,
}

impl Way {
    /// All ways in the order that they are tried by default.
    pub const ALL: [Self; 5] =
        [Self::Share, Self::Reflink, Self::CopyFileRange, Self::Splice, Self::Rw];

    /// The name in configuration, metrics and the access line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Reflink => "reflink",
            Self::CopyFileRange => "copy_file_range",
            Self::Splice => "splice",
            Self::Rw => "rw",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|way| way.as_str() == text);
        found.ok_or_else(|| {
            format!("{text:?} is not one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// When lifecycle rules are carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LifecycleConfig {
    /// From the end of a look at all buckets with rules to the next.
    pub interval: Duration,
    /// How long a day of the rules is; 24 hours but for trying them out.
    pub day: Duration,
}

impl LifecycleConfig {
    /// The day as rules reckon with it, which is a millisecond at least.
    #[must_use]
    pub fn day_len(&self) -> DayLen {
        let millis = u64::try_from(self.day.as_millis()).unwrap_or(u64::MAX);
        DayLen::from_millis(NonZeroU64::new(millis).unwrap_or(NonZeroU64::MIN))
    }
}

/// How bytes are copied.
#[derive(Clone, PartialEq, Debug)]
pub struct CopyConfig {
    /// The allowed ways, best first; never empty. What is forbidden has been taken out.
    pub ways: Vec<Way>,
    /// A range of at least this part of a blob is shared.
    pub share_min_fraction: f64,
    /// A blob of at most this many bytes is always shared.
    pub share_max_blob: u64,
    /// The longest object that CopyObject copies, in bytes.
    pub max_object: u64,
}

/// Time-outs and bounds of the HTTP side.
#[derive(Clone, PartialEq, Debug)]
pub struct HttpConfig {
    /// From the first byte of a head to its last.
    pub header_timeout: Duration,
    /// Without a byte of a body that an operation waits for.
    pub body_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
    /// Without the client taking a byte of an answer.
    pub write_timeout: Duration,
    /// From the head of a request to the end of its answer.
    pub request_timeout: Duration,
    /// Bytes a second that a client must send or take on average while it holds a buffer; 0 for no such rule.
    pub min_rate: u64,
    /// A copy or a Complete that takes longer than this keeps its connection alive.
    pub keepalive_after: Duration,
    /// How often it does so.
    pub keepalive_interval: Duration,
    /// For requests in flight when the node stops.
    pub drain_timeout: Duration,
    /// Between `/readyz` turning 503 and the socket closing; meanwhile each answer ends its connection.
    pub drain_delay: Duration,
    /// Connections of all shards together.
    pub max_connections: usize,
    /// Requests of all shards together.
    pub max_requests: usize,
    /// Peers whose `x-forwarded-for` goes into the access line.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Free space to keep.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reserve {
    /// A part of the file system, between 0 and 1, and at least [`RESERVE_LEN_MIN`].
    Fraction(f64),
    /// So many bytes.
    Bytes(u64),
}

impl Reserve {
    /// The bytes to keep free on a file system of `total` bytes.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a fraction between 0 and 1 of a size; a rounding error of a few bytes does not matter"
            )]
            Self::Fraction(fraction) => ((total as f64 * fraction) as u64).max(RESERVE_LEN_MIN),
        }
    }
}

/// The smallest reserve that a fraction of the file system may come to.
pub const RESERVE_LEN_MIN: u64 = 64 * 1024 * 1024;

impl Config {
    /// The defaults for everything but what has none.
    pub fn new(data: PathBuf, root: Credential) -> Self {
        Self {
            meta_dir: data.join("meta"),
            data,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 9000))],
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9001)),
            shards: None,
            root,
            account: AccountId::parse("000000000000").expect("twelve digits"),
            region: "us-east-1".into(),
            host_id: host_id("tenon"),
            etag_md5_up_to: 5 << 20,
            domains: Vec::new(),
            tls: None,
            log: LogConfig { level: Level::Info, format: LogFormat::Text },
            copy: CopyConfig {
                ways: Way::ALL.to_vec(),
                share_min_fraction: 0.5,
                share_max_blob: 64 << 20,
                max_object: COPY_LEN_MAX,
            },
            http: HttpConfig {
                header_timeout: Duration::from_secs(10),
                body_timeout: Duration::from_secs(60),
                idle_timeout: Duration::from_secs(75),
                write_timeout: Duration::from_secs(60),
                request_timeout: Duration::from_secs(6 * 3600),
                min_rate: 1024,
                keepalive_after: Duration::from_secs(5),
                keepalive_interval: Duration::from_secs(5),
                drain_timeout: Duration::from_secs(30),
                drain_delay: Duration::ZERO,
                max_connections: 10_000,
                max_requests: 1024,
                trusted_proxies: Vec::new(),
            },
            lifecycle: LifecycleConfig {
                interval: Duration::from_secs(3600),
                day: Duration::from_secs(24 * 3600),
            },
            memory_buffers: 48 << 20,
            memory_rocksdb: 64 << 20,
            disk_reserve: Reserve::Fraction(0.01),
        }
    }

    /// Reads flags, environment and file. The second value is what the operator should know, such as a `TENON_`
    /// variable that means nothing.
    ///
    /// # Errors
    /// As those of [`Settings::gather`] and [`Settings::config`].
    pub fn resolve(
        flags: &ServeFlags,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<String>), ConfigError> {
        Settings::gather(flags, environment)?.config()
    }
}

/// A setting that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    setting: String,
    problem: String,
}

impl ConfigError {
    /// The setting as the operator wrote it, and what is wrong with it.
    pub fn new(setting: &str, problem: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for ConfigError {}

fn host_name() -> String {
    // Without it the data directory alone tells nodes apart.
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// An opaque name of the node, from what tells it apart; it gives nothing away.
fn host_id(seed: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, seed.as_bytes());
    digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests;
