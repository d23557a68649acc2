//! Room: from the command line and the environment to one checked [`Config`].
//!
//! Invariants: flags win over the environment, the environment over the defaults; every unit is parsed here;
//! whoever holds a `Config` need not check anything again. What is not built is refused, never ignored; an
//! unknown `TENON_` variable is a warning.
//! Units: sizes are bytes or `64MiB`, durations `5s` or `250ms`.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use protocol::name::AccountId;
use protocol::sign::Credential;

use self::value::{Settings, parse_duration, parse_fraction, parse_list, parse_size};

use crate::log::Level;

pub use self::place::{FsckFlags, PlaceFlags, Places};
pub use self::value::ConfigError;

mod place;
mod value;

/// Everything that an operator can choose, checked.
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

/// How bytes are copied.
#[derive(Clone, PartialEq, Debug)]
pub struct CopyConfig {
    /// The allowed ways, best first; never empty. What is forbidden has been taken out.
    pub ways: Vec<Way>,
    /// A range of at least this part of a blob is shared.
    pub share_min_fraction: f64,
    /// A blob of at most this many bytes is always shared.
    pub share_max_blob: u64,
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
    /// Between `/readyz` turning 503 and the socket closing.
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
            memory_buffers: 48 << 20,
            memory_rocksdb: 64 << 20,
            disk_reserve: Reserve::Fraction(0.01),
        }
    }

    /// Reads flags and environment. The second value is a warning for each `TENON_` variable that means
    /// nothing.
    pub fn resolve(
        flags: ServeFlags,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<String>), ConfigError> {
        let mut settings = Settings::from_environment(environment)?;
        refuse_not_built(&flags, &mut settings)?;
        let ServeFlags {
            data,
            meta_dir,
            listen,
            admin_listen,
            shards,
            domain,
            tls_cert,
            tls_key,
            config: _,
        } = flags;

        // The variable is taken even where a flag wins over it, so that it does not count as unknown.
        let named = settings.path("TENON_DATA");
        let data = data
            .or(named)
            .ok_or_else(|| ConfigError::new("--data", "say which directory holds the data"))?;
        let root = root_credential(&mut settings)?;
        let mut config = Self::new(data, root);
        let named = settings.path("TENON_META_DIR");
        if let Some(dir) = meta_dir.or(named) {
            config.meta_dir = dir;
        }
        settings.set("TENON_LISTEN", &mut config.listen, |text| parse_list(text, parse_address))?;
        if !listen.is_empty() {
            config.listen = listen;
        }
        settings.set("TENON_ADMIN_LISTEN", &mut config.admin_listen, parse_address)?;
        if let Some(admin_listen) = admin_listen {
            config.admin_listen = admin_listen;
        }
        settings.set("TENON_SHARDS", &mut config.shards, |text| parse_shards(text).map(Some))?;
        config.shards = shards.or(config.shards);
        settings.set("TENON_ACCOUNT_ID", &mut config.account, |text| {
            AccountId::parse(text).ok_or_else(|| "an account id is 12 digits".into())
        })?;
        settings.set("TENON_REGION", &mut config.region, parse_region)?;
        settings.set("TENON_ETAG_MD5_UP_TO", &mut config.etag_md5_up_to, parse_size)?;
        settings.set("TENON_MEMORY_BUFFERS", &mut config.memory_buffers, parse_size)?;
        settings.set("TENON_MEMORY_ROCKSDB", &mut config.memory_rocksdb, parse_size)?;
        settings.set("TENON_DISK_RESERVE", &mut config.disk_reserve, parse_reserve)?;
        settings.set("TENON_DOMAIN", &mut config.domains, |text| parse_list(text, parse_domain))?;
        if !domain.is_empty() {
            config.domains = domain;
        }
        config.tls = tls_files(&mut settings, tls_cert, tls_key)?;
        settings.set("TENON_LOG_LEVEL", &mut config.log.level, parse_level)?;
        settings.set("TENON_LOG_FORMAT", &mut config.log.format, parse_format)?;
        resolve_copy(&mut settings, &mut config.copy)?;
        resolve_http(&mut settings, &mut config.http)?;
        config.host_id = host_id(&format!("{}\n{}", host_name(), config.data.display()));
        config.check()?;
        Ok((config, settings.left_over()))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.memory_buffers < BUFFERS_LEN_MIN {
            return Err(ConfigError::new("TENON_MEMORY_BUFFERS", "at least 8MiB"));
        }
        if self.memory_rocksdb < BUFFERS_LEN_MIN {
            return Err(ConfigError::new("TENON_MEMORY_ROCKSDB", "at least 8MiB"));
        }
        if self.http.max_connections == 0 || self.http.max_requests == 0 {
            return Err(ConfigError::new(
                "TENON_HTTP_MAX_CONNECTIONS, TENON_HTTP_MAX_REQUESTS",
                "at least 1",
            ));
        }
        Ok(())
    }
}

/// The command line.
#[derive(Parser)]
#[command(
    name = "tenon",
    version,
    about = "An S3 storage node where a copied range costs metadata, not bytes"
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Serve S3 until told to stop
    #[command(after_help = ENVIRONMENT_HELP)]
    Serve(ServeFlags),
    /// Say what this host offers a node, and what to change
    #[command(after_help = DOCTOR_HELP)]
    Doctor(PlaceFlags),
    /// Check the data of a node that does not run: every record against every file
    #[command(after_help = FSCK_HELP)]
    Fsck(FsckFlags),
}

/// The flags of `tenon serve`. Each can come from the environment as well.
#[derive(clap::Args, Default)]
pub struct ServeFlags {
    /// The data directory: one file system, made if it is not there [env: TENON_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the metadata store lives; default: meta inside the data directory [env: TENON_META_DIR]
    #[arg(long, value_name = "DIR")]
    pub meta_dir: Option<PathBuf>,
    /// Address and port of the S3 socket, may be repeated; default: 127.0.0.1:9000 [env: TENON_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<SocketAddr>,
    /// Address and port of the admin socket; default: 127.0.0.1:9001 [env: TENON_ADMIN_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
    /// Number of shards; default: one for each core [env: TENON_SHARDS]
    #[arg(long, value_name = "N", value_parser = parse_shards)]
    pub shards: Option<usize>,
    /// Not built yet: refused
    #[arg(long, value_name = "FILE", hide = true)]
    pub config: Option<PathBuf>,
    /// A base domain of virtual-host style requests, may be repeated; default: path style only [env: TENON_DOMAIN]
    #[arg(long, value_name = "DOMAIN", value_parser = parse_domain)]
    pub domain: Vec<String>,
    /// The certificate chain of the S3 socket, in PEM; default: plain HTTP [env: TENON_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM [env: TENON_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

const DOCTOR_HELP: &str = "\
Tries what a node will need: the directory (or, if it is not there yet, the folder that it would be made in), io_uring,
limits, clock. Leaves nothing behind and may be run beside a node that serves.
Exit codes: 0 a node can run here, 1 it cannot, 2 usage";

const FSCK_HELP: &str = "\
Without --repair nothing is changed. With it, nothing is deleted either: files that nobody names, and those of objects
that cannot be served whole any more, go to lost/ in the data directory; records go to lost/records-<time>.jsonl
first; each object, upload and part that is taken out is told. All of it stays there until somebody removes it.
Damaged bytes are found with --verify only.
It takes about 1.5 KiB of memory for each object and part, and nothing for the bytes of small objects.
Exit codes: 0 all is well, 1 all that was found is repaired, 2 usage, 4 problems are left, 8 could not check";

const ENVIRONMENT_HELP: &str = "\
Environment (no default for the root credential):
  TENON_ROOT_ACCESS_KEY, TENON_ROOT_SECRET_KEY or TENON_ROOT_SECRET_KEY_FILE
  TENON_ACCOUNT_ID=000000000000  TENON_REGION=us-east-1  TENON_ETAG_MD5_UP_TO=5MiB
  TENON_COPY_ORDER=share,reflink,copy_file_range,splice,rw  TENON_COPY_FORBID=
  TENON_COPY_SHARE_MIN_FRACTION=0.5  TENON_COPY_SHARE_MAX_BLOB=64MiB
  TENON_MEMORY_BUFFERS=48MiB  TENON_MEMORY_ROCKSDB=64MiB  TENON_DISK_RESERVE=1%
  TENON_HTTP_HEADER_TIMEOUT=10s  TENON_HTTP_BODY_TIMEOUT=60s  TENON_HTTP_IDLE_TIMEOUT=75s
  TENON_HTTP_WRITE_TIMEOUT=60s  TENON_HTTP_DRAIN_TIMEOUT=30s  TENON_HTTP_DRAIN_DELAY=0s
  TENON_HTTP_MAX_CONNECTIONS=10000  TENON_HTTP_MAX_REQUESTS=1024  TENON_HTTP_TRUSTED_PROXIES=";

/// Refuses what the design names and this version cannot do.
fn refuse_not_built(flags: &ServeFlags, settings: &mut Settings) -> Result<(), ConfigError> {
    let flags = [("--config", flags.config.is_some())];
    let variables = ["TENON_CONFIG", "TENON_SSE_DEFAULT"];
    let refused = flags
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .chain(variables.into_iter().filter(|name| settings.take(name).is_some()))
        .next();
    match refused {
        Some(name) => Err(ConfigError::new(name, "not built yet: leave it out")),
        None => Ok(()),
    }
}

/// Nobody gets in with a credential that everybody knows: there is no default.
fn root_credential(settings: &mut Settings) -> Result<Credential, ConfigError> {
    const KEY: &str = "TENON_ROOT_ACCESS_KEY";
    const SECRET: &str = "TENON_ROOT_SECRET_KEY";
    const SECRET_FILE: &str = "TENON_ROOT_SECRET_KEY_FILE";
    let access_key = settings
        .text(KEY)
        .ok_or_else(|| ConfigError::new(KEY, "set it: there is no default credential"))?;
    let written = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ',' | '=');
    if access_key.len() > ACCESS_KEY_LEN_MAX || !access_key.chars().all(written) {
        let rule = "1 to 128 letters, digits or signs without blank, slash, comma and equals sign";
        return Err(ConfigError::new(KEY, rule));
    }
    let secret_key = match (settings.text(SECRET), settings.path(SECRET_FILE)) {
        (Some(secret), None) => secret,
        (None, Some(path)) => read_secret(&path)?,
        (Some(_), Some(_)) => {
            return Err(ConfigError::new(SECRET_FILE, format!("set it or {SECRET}, not both")));
        }
        (None, None) => {
            let rule = format!("set it or {SECRET_FILE}: there is no default credential");
            return Err(ConfigError::new(SECRET, rule));
        }
    };
    if secret_key.len() < SECRET_LEN_MIN {
        return Err(ConfigError::new(SECRET, "at least 8 characters"));
    }
    Ok(Credential { access_key, secret_key })
}

fn read_secret(path: &Path) -> Result<String, ConfigError> {
    let name = "TENON_ROOT_SECRET_KEY_FILE";
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(name, format!("{}: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn resolve_copy(settings: &mut Settings, copy: &mut CopyConfig) -> Result<(), ConfigError> {
    let mut forbid = Vec::new();
    settings.set("TENON_COPY_ORDER", &mut copy.ways, |text| parse_list(text, Way::parse))?;
    settings.set("TENON_COPY_FORBID", &mut forbid, |text| parse_list(text, Way::parse))?;
    if forbid.contains(&Way::Rw) {
        let problem = "rw is the last resort of every copy and cannot be forbidden";
        return Err(ConfigError::new("TENON_COPY_FORBID", problem));
    }
    copy.ways.retain(|way| !forbid.contains(way));
    let mut seen = Vec::new();
    copy.ways.retain(|way| {
        let new = !seen.contains(way);
        seen.push(*way);
        new
    });
    if !copy.ways.contains(&Way::Rw) {
        copy.ways.push(Way::Rw);
    }
    settings.set("TENON_COPY_SHARE_MIN_FRACTION", &mut copy.share_min_fraction, parse_fraction)?;
    settings.set("TENON_COPY_SHARE_MAX_BLOB", &mut copy.share_max_blob, parse_size)
}

fn resolve_http(settings: &mut Settings, http: &mut HttpConfig) -> Result<(), ConfigError> {
    let positive = |text: &str| match parse_duration(text)? {
        Duration::ZERO => Err("must be more than nothing".into()),
        duration => Ok(duration),
    };
    let number = |text: &str| text.parse::<usize>().map_err(|error| error.to_string());
    settings.set("TENON_HTTP_HEADER_TIMEOUT", &mut http.header_timeout, positive)?;
    settings.set("TENON_HTTP_BODY_TIMEOUT", &mut http.body_timeout, positive)?;
    settings.set("TENON_HTTP_IDLE_TIMEOUT", &mut http.idle_timeout, positive)?;
    settings.set("TENON_HTTP_WRITE_TIMEOUT", &mut http.write_timeout, positive)?;
    settings.set("TENON_HTTP_REQUEST_TIMEOUT", &mut http.request_timeout, positive)?;
    settings.set("TENON_HTTP_MIN_RATE", &mut http.min_rate, parse_size)?;
    settings.set("TENON_HTTP_KEEPALIVE_AFTER", &mut http.keepalive_after, parse_duration)?;
    settings.set("TENON_HTTP_KEEPALIVE_INTERVAL", &mut http.keepalive_interval, positive)?;
    settings.set("TENON_HTTP_DRAIN_TIMEOUT", &mut http.drain_timeout, parse_duration)?;
    settings.set("TENON_HTTP_DRAIN_DELAY", &mut http.drain_delay, parse_duration)?;
    settings.set("TENON_HTTP_MAX_CONNECTIONS", &mut http.max_connections, number)?;
    settings.set("TENON_HTTP_MAX_REQUESTS", &mut http.max_requests, number)?;
    settings.set("TENON_HTTP_TRUSTED_PROXIES", &mut http.trusted_proxies, |text| {
        parse_list(text, |item| item.parse().map_err(|_error| format!("{item:?} is no IP address")))
    })
}

/// Both files or neither.
fn tls_files(
    settings: &mut Settings,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigError> {
    let (named_cert, named_key) = (settings.path("TENON_TLS_CERT"), settings.path("TENON_TLS_KEY"));
    match (cert.or(named_cert), key.or(named_key)) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::new("TENON_TLS_KEY", "say where the key is as well")),
        (None, Some(_)) => {
            Err(ConfigError::new("TENON_TLS_CERT", "say where the certificate is as well"))
        }
    }
}

/// A base domain in lower case. A port does not belong to it.
fn parse_domain(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(good)
    };
    let domain = text.strip_suffix('.').unwrap_or(text);
    if domain.len() <= 253
        && domain.split('.').all(label)
        && domain.parse::<std::net::Ipv4Addr>().is_err()
    {
        Ok(domain.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is no domain like s3.example.test"))
    }
}

fn parse_level(text: &str) -> Result<Level, String> {
    let found = Level::ALL.into_iter().find(|level| level.as_str() == text);
    found.ok_or_else(|| format!("{text:?} is not one of error, warn, info"))
}

fn parse_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is not one of text, json")),
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_error| format!("{text:?} is no address like 127.0.0.1:9000"))
}

fn parse_shards(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(shards @ 1..=SHARDS_MAX) => Ok(shards),
        _ => Err(format!("a number from 1 to {SHARDS_MAX}")),
    }
}

fn parse_region(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("a region is made of a-z, 0-9 and -".into())
    }
}

fn parse_reserve(text: &str) -> Result<Reserve, String> {
    let Some(percent) = text.strip_suffix('%') else {
        return parse_size(text).map(Reserve::Bytes);
    };
    match percent.trim().parse::<f64>() {
        Ok(percent) if (0.0..=50.0).contains(&percent) => Ok(Reserve::Fraction(percent / 100.0)),
        _ => Err("a size, or a percentage from 0% to 50%".into()),
    }
}

fn host_name() -> String {
    // Without it the data directory alone tells nodes apart.
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// An opaque name of the node, from what tells it apart; it gives nothing away.
fn host_id(seed: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, seed.as_bytes());
    digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

const SHARDS_MAX: usize = 1024;
const SECRET_LEN_MIN: usize = 8;
const ACCESS_KEY_LEN_MAX: usize = 128;
const BUFFERS_LEN_MIN: u64 = 8 << 20;

#[cfg(test)]
mod tests;
