//! Room: the one table of all settings: key, meaning, form, and the place of the value.
//!
//! Invariant: whoever wants to know which settings there are asks here: the file, the environment, the flags,
//! `--check-config`, `--help` and the sample file all come from this table.
//! Source: DESIGN section 10. The key `a.b_c` is `TENON_A_B_C` in the environment and `b_c` in table `[a]` of the file.

use std::ffi::OsStr;
use std::path::PathBuf;

use protocol::sign::Credential;

use super::form::{self, Form, Shown};
use super::{Config, Way};

/// One setting.
pub(super) struct Setting {
    /// `table.key` in the file, or `key` above all tables.
    pub(super) key: &'static str,
    /// What a value may look like, where there is no default.
    pub(super) example: &'static str,
    /// What it means: one line, without a full stop.
    pub(super) meaning: &'static str,
    value: &'static dyn Value,
}

impl Setting {
    /// The name in the environment.
    pub(super) fn variable(&self) -> String {
        format!("TENON_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// The flag, if it were one: not all are.
    pub(super) fn flag(&self) -> String {
        format!("--{}", self.key.replace(['.', '_'], "-"))
    }

    /// Its table in the file.
    pub(super) fn table(&self) -> Option<&'static str> {
        self.key.split_once('.').map(|(table, _)| table)
    }

    /// Its name in that table.
    pub(super) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// Whether several values may be given, as a list in the file or between commas.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value.show(&mut Draft::default()), Shown::List(_))
    }

    /// Whether the file may say it as a number as well as a text.
    pub(super) fn is_number(&self) -> bool {
        self.value.is_number()
    }

    /// What a value in the file looks like: an example, or the default.
    pub(super) fn usual(&self) -> String {
        let default = self.show(&mut Draft::default());
        let example = match default {
            Shown::List(_) => Shown::List(vec![self.example.to_owned()]),
            _ => Shown::Text(self.example.to_owned()),
        };
        let usual = if self.example.is_empty() { default } else { example };
        usual.to_toml().unwrap_or_else(|| "a text".into())
    }

    /// Parses `given` into its place.
    pub(super) fn set(&self, draft: &mut Draft, given: &OsStr) -> Result<(), String> {
        self.value.set(draft, given)
    }

    /// The value as it stands.
    pub(super) fn show(&self, draft: &mut Draft) -> Shown {
        self.value.show(draft)
    }
}

/// The values on their way to a [`Config`]: each is well-formed, but not yet held against the others.
pub(super) struct Draft {
    pub(super) data: Option<PathBuf>,
    pub(super) meta_dir: Option<PathBuf>,
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<String>,
    pub(super) secret_key_file: Option<PathBuf>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) copy_order: Vec<Way>,
    pub(super) copy_forbid: Vec<Way>,
    /// Everything else; its directories, credential, files and ways are not filled in yet.
    pub(super) config: Config,
}

impl Default for Draft {
    fn default() -> Self {
        let nobody = Credential { access_key: String::new(), secret_key: String::new() };
        Self {
            data: None,
            meta_dir: None,
            access_key: None,
            secret_key: None,
            secret_key_file: None,
            tls_cert: None,
            tls_key: None,
            copy_order: Way::ALL.to_vec(),
            copy_forbid: Vec::new(),
            config: Config::new(PathBuf::new(), nobody),
        }
    }
}

/// The place of a value in the draft, with its form.
struct At<T: 'static> {
    form: Form<T>,
    place: fn(&mut Draft) -> &mut T,
}

/// [`At`] for any type.
trait Value: Sync {
    fn set(&self, draft: &mut Draft, given: &OsStr) -> Result<(), String>;
    fn show(&self, draft: &mut Draft) -> Shown;
    fn is_number(&self) -> bool;
}

impl<T> Value for At<T> {
    fn set(&self, draft: &mut Draft, given: &OsStr) -> Result<(), String> {
        *(self.place)(draft) = (self.form.parse)(given)?;
        Ok(())
    }

    fn show(&self, draft: &mut Draft) -> Shown {
        (self.form.show)((self.place)(draft))
    }

    fn is_number(&self) -> bool {
        self.form.number
    }
}

/// The setting with this key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Whether there is a table of this name in the file.
pub(super) fn has_table(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.table() == Some(name))
}

/// Whether DESIGN names this setting and this version cannot do it. Dots and underscores are the same here.
pub(super) fn is_not_built(key: &str) -> bool {
    let key = key.replace('.', "_");
    let key = format!("{key}_");
    NOT_BUILT.iter().any(|name| key.starts_with(&name.replace('.', "_")))
}

const fn with_default(
    key: &'static str,
    value: &'static dyn Value,
    meaning: &'static str,
) -> Setting {
    Setting { key, example: "", meaning, value }
}

const fn without_default(
    key: &'static str,
    value: &'static dyn Value,
    example: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { key, example, meaning, value }
}

/// All settings, in the order in which they are told.
pub(super) static SETTINGS: &[Setting] = &[
    without_default(
        "data",
        &At { form: form::PATH, place: |draft| &mut draft.data },
        "/var/lib/tenon",
        "The data directory: one file system, made if it is not there",
    ),
    without_default(
        "meta_dir",
        &At { form: form::PATH, place: |draft| &mut draft.meta_dir },
        "/var/lib/tenon/meta",
        "Where the metadata store lives; not set: meta inside the data directory",
    ),
    with_default(
        "listen",
        &At { form: form::ADDRESSES, place: |draft| &mut draft.config.listen },
        "Addresses and ports of the S3 socket, [::1]:9000 for IPv6",
    ),
    with_default(
        "admin_listen",
        &At { form: form::ADDRESS, place: |draft| &mut draft.config.admin_listen },
        "Address and port of the admin socket",
    ),
    without_default(
        "shards",
        &At { form: form::SHARDS, place: |draft| &mut draft.config.shards },
        "4",
        "Number of shards; not set: one for each core",
    ),
    without_default(
        "domain",
        &At { form: form::DOMAINS, place: |draft| &mut draft.config.domains },
        "s3.example.test",
        "Base domains of virtual-host style requests; none: path style only",
    ),
    with_default(
        "region",
        &At { form: form::REGION, place: |draft| &mut draft.config.region },
        "The region that signatures must name",
    ),
    with_default(
        "account_id",
        &At { form: form::ACCOUNT, place: |draft| &mut draft.config.account },
        "The 12-digit account that owns everything",
    ),
    without_default(
        "root.access_key",
        &At { form: form::ACCESS_KEY, place: |draft| &mut draft.access_key },
        "root",
        "Access key of the root credential, which has no default",
    ),
    without_default(
        "root.secret_key_file",
        &At { form: form::PATH, place: |draft| &mut draft.secret_key_file },
        "/etc/tenon/root-secret",
        "A file with the secret of the root credential",
    ),
    without_default(
        "root.secret_key",
        &At { form: form::SECRET, place: |draft| &mut draft.secret_key },
        "",
        "That secret itself, at least 8 characters; in a file of settings only if others cannot read the file",
    ),
    without_default(
        "tls.cert",
        &At { form: form::PATH, place: |draft| &mut draft.tls_cert },
        "/etc/tenon/cert.pem",
        "The certificate chain of the S3 socket in PEM, read again at SIGHUP; not set: plain HTTP",
    ),
    without_default(
        "tls.key",
        &At { form: form::PATH, place: |draft| &mut draft.tls_key },
        "/etc/tenon/key.pem",
        "The key of that certificate in PEM",
    ),
    with_default(
        "log.level",
        &At { form: form::LEVEL, place: |draft| &mut draft.config.log.level },
        "The least important events that are written: error, warn or info; read again at SIGHUP",
    ),
    with_default(
        "log.format",
        &At { form: form::FORMAT, place: |draft| &mut draft.config.log.format },
        "How events and access lines look: text or json",
    ),
    with_default(
        "etag.md5_up_to",
        &At { form: form::SIZE, place: |draft| &mut draft.config.etag_md5_up_to },
        "Copied parts up to this size get an MD5 as their ETag",
    ),
    with_default(
        "copy.order",
        &At { form: form::WAYS, place: |draft| &mut draft.copy_order },
        "Ways to copy, best first",
    ),
    with_default(
        "copy.forbid",
        &At { form: form::WAYS, place: |draft| &mut draft.copy_forbid },
        "Ways not to use; rw cannot be forbidden",
    ),
    with_default(
        "copy.share_min_fraction",
        &At { form: form::FRACTION, place: |draft| &mut draft.config.copy.share_min_fraction },
        "A range of at least this part of a large blob is shared",
    ),
    with_default(
        "copy.share_max_blob",
        &At { form: form::SIZE, place: |draft| &mut draft.config.copy.share_max_blob },
        "A blob of at most this size is always shared",
    ),
    with_default(
        "copy.max_object",
        &At { form: form::COPY_LEN, place: |draft| &mut draft.config.copy.max_object },
        "The largest object that CopyObject copies; S3's limit, or more for clients that copy without parts",
    ),
    with_default(
        "http.header_timeout",
        &At { form: form::WAIT, place: |draft| &mut draft.config.http.header_timeout },
        "From the first byte of a request's head to its last, a TLS handshake included",
    ),
    with_default(
        "http.body_timeout",
        &At { form: form::WAIT, place: |draft| &mut draft.config.http.body_timeout },
        "Without a byte of a body that is waited for",
    ),
    with_default(
        "http.idle_timeout",
        &At { form: form::WAIT, place: |draft| &mut draft.config.http.idle_timeout },
        "Between requests; longer than that of the proxy in front",
    ),
    with_default(
        "http.write_timeout",
        &At { form: form::WAIT, place: |draft| &mut draft.config.http.write_timeout },
        "Without the client taking a byte of an answer",
    ),
    with_default(
        "http.request_timeout",
        &At { form: form::WAIT, place: |draft| &mut draft.config.http.request_timeout },
        "For a whole request and its answer",
    ),
    with_default(
        "http.min_rate",
        &At { form: form::SIZE, place: |draft| &mut draft.config.http.min_rate },
        "Bytes a second that a client must send or take on average while it holds a buffer; 0: no such rule",
    ),
    with_default(
        "http.keepalive_after",
        &At { form: form::DURATION, place: |draft| &mut draft.config.http.keepalive_after },
        "A copy or a Complete that takes longer keeps its connection alive",
    ),
    with_default(
        "http.keepalive_interval",
        &At { form: form::PULSE, place: |draft| &mut draft.config.http.keepalive_interval },
        "How often it does so, at most 20s",
    ),
    with_default(
        "http.drain_timeout",
        &At { form: form::DURATION, place: |draft| &mut draft.config.http.drain_timeout },
        "For requests in flight when the node stops",
    ),
    with_default(
        "http.drain_delay",
        &At { form: form::DURATION, place: |draft| &mut draft.config.http.drain_delay },
        "Between /readyz turning 503 and the S3 socket closing; meanwhile each answer ends its connection",
    ),
    with_default(
        "http.max_connections",
        &At { form: form::COUNT, place: |draft| &mut draft.config.http.max_connections },
        "Connections of all shards together",
    ),
    with_default(
        "http.max_requests",
        &At { form: form::COUNT, place: |draft| &mut draft.config.http.max_requests },
        "Requests of all shards together; what is more is answered 503 SlowDown",
    ),
    without_default(
        "http.trusted_proxies",
        &At { form: form::PROXIES, place: |draft| &mut draft.config.http.trusted_proxies },
        "192.0.2.1",
        "IP addresses of proxies whose X-Forwarded-For is believed",
    ),
    with_default(
        "lifecycle.interval",
        &At { form: form::WAIT, place: |draft| &mut draft.config.lifecycle.interval },
        "Between two looks at all buckets with lifecycle rules",
    ),
    with_default(
        "lifecycle.day",
        &At { form: form::WAIT, place: |draft| &mut draft.config.lifecycle.day },
        "How long a day of lifecycle rules is; another one than 24h is for trying rules out",
    ),
    with_default(
        "memory.buffers",
        &At { form: form::MEMORY, place: |draft| &mut draft.config.memory_buffers },
        "Buffers for bodies, all shards together; at least 8MiB",
    ),
    with_default(
        "memory.rocksdb",
        &At { form: form::MEMORY, place: |draft| &mut draft.config.memory_rocksdb },
        "Block cache and write buffers of the metadata store together; at least 8MiB",
    ),
    with_default(
        "disk.reserve",
        &At { form: form::RESERVE, place: |draft| &mut draft.config.disk_reserve },
        "Free space to keep, a size or a part of the file system (at least 64MiB); below it writes are refused",
    ),
];

/// What DESIGN names and this version cannot do: refused, not ignored. Each is the beginning of the key.
const NOT_BUILT: [&str; 3] = ["sse.", "compat.", "strict."];
