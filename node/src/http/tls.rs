//! Room: the certificate and key of the S3 sockets, and what is said of them.
//!
//! Holds: one [`ServerConfig`] behind a lock that is held for as long as it takes to clone a pointer. A handshake
//! takes the one of its beginning; [`TlsKeys::reload`] puts another in its place, with new keys for tickets, so that
//! nobody resumes a session of the old certificate.
//! Invariants: TLS 1.2 and 1.3 by ring, HTTP/1.1 only. Sessions are resumed by tickets, which the client keeps: a
//! connection that has ended leaves nothing in memory.
//! Cost: a full handshake's arithmetic runs on the shard in one go: about 0.1 ms with a P-256 or Ed25519 key, 1 ms
//! and more with RSA, which is told at the start. Between two handshakes other tasks get their turn.
//! Source: RFC 8446, RFC 5246, RFC 5280 section 4.1 (certificate), RFC 7301 (ALPN).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::time::Timestamp;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error as TlsError, ServerConfig, SignatureAlgorithm};

use crate::config::TlsFiles;
use crate::log;
use crate::metrics::Metrics;

/// A certificate and its key, read and checked.
pub struct Certificate {
    /// When the node's own certificate ends.
    pub expires: Timestamp,
    /// The kind of the key, such as `ecdsa`.
    pub key: &'static str,
    /// What an operator should change, though it works.
    pub warnings: Vec<String>,
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads and checks both files. The error says which file it is about. Blocks: not for a shard.
    pub fn load(files: &TlsFiles) -> Result<Self, String> {
        let TlsFiles { cert, key } = files;
        let chain = chain(cert).map_err(|problem| format!("{}: {problem}", cert.display()))?;
        let own = chain.first().ok_or_else(|| format!("{}: no certificate", cert.display()))?;
        let expires = not_after(own)
            .ok_or_else(|| format!("{}: this certificate does not parse", cert.display()))?;
        let (private, mode) =
            private_key(key).map_err(|problem| format!("{}: {problem}", key.display()))?;
        let certified = CertifiedKey::from_der(chain, private, &default_provider()).map_err(
            |error| match error {
                TlsError::InconsistentKeys(_) => {
                    format!("{}: not the key of {}", key.display(), cert.display())
                }
                error => format!("{}, {}: {error}", cert.display(), key.display()),
            },
        )?;
        let kind = match certified.key.algorithm() {
            SignatureAlgorithm::RSA => "rsa",
            SignatureAlgorithm::ECDSA => "ecdsa",
            SignatureAlgorithm::ED25519 => "ed25519",
            _ => "other",
        };
        let mut warnings = Vec::new();
        if mode & OTHERS_MODE != 0 {
            warnings.push(format!(
                "{}: every user of this host may read or write this key (mode {:o}); chmod 600",
                key.display(),
                mode & 0o7777
            ));
        }
        if expires <= log::now() {
            warnings.push(format!("{}: expired on {}", cert.display(), expires.iso8601()));
        }
        if kind == "rsa" {
            warnings.push(format!(
                "{}: an RSA key holds a core up for a millisecond or more for each new connection; \
                 ECDSA P-256 takes a tenth of that",
                key.display()
            ));
        }
        let config = server_config(certified).map_err(|error| error.to_string())?;
        Ok(Self { expires, key: kind, warnings, config: Arc::new(config) })
    }
}

/// The certificate that new connections get, replaceable while the node runs.
pub struct TlsKeys {
    files: TlsFiles,
    metrics: Arc<Metrics>,
    config: RwLock<Arc<ServerConfig>>,
}

impl TlsKeys {
    /// Reads certificate and key for the first time, and says what it found to log and metrics.
    pub fn open(files: &TlsFiles, metrics: &Arc<Metrics>) -> Result<Self, String> {
        let certificate = Certificate::load(files)?;
        tell(files, &certificate, metrics);
        let config = RwLock::new(certificate.config);
        Ok(Self { files: files.clone(), metrics: Arc::clone(metrics), config })
    }

    /// Reads the files again: new connections get what is in them now, open ones go on as they are. If they do not
    /// do, the old certificate stays, and the log says why. Blocks: not for a shard.
    pub fn reload(&self) -> Result<(), String> {
        match Certificate::load(&self.files) {
            Ok(certificate) => {
                tell(&self.files, &certificate, &self.metrics);
                let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
                *config = certificate.config;
                Ok(())
            }
            Err(problem) => {
                log::error("certificate_kept", &[("problem", &problem)]);
                Err(problem)
            }
        }
    }

    /// What a new connection is greeted with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn tell(files: &TlsFiles, certificate: &Certificate, metrics: &Metrics) {
    metrics.tls_certificate_expires.set(certificate.expires.as_millis() / 1000);
    for warning in &certificate.warnings {
        log::warn("certificate", &[("problem", warning)]);
    }
    let (file, until) = (files.cert.display(), certificate.expires.iso8601());
    log::info("certificate", &[("file", &file), ("key", &certificate.key), ("expires", &until)]);
}

fn server_config(certified: CertifiedKey) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new()?;
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let (text, _mode) = read(path).map_err(|error| error.to_string())?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    certificates.map_err(|error| format!("no PEM: {error}"))
}

/// The first key in the file (PKCS#8, PKCS#1 or SEC1), and the file's mode.
fn private_key(path: &Path) -> Result<(PrivateKeyDer<'static>, u32), String> {
    let (text, mode) = read(path).map_err(|error| error.to_string())?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok((key, mode)),
        Err(PemError::NoItemsFound) if text.windows(9).any(|found| found == b"ENCRYPTED") => {
            Err("this private key is encrypted, which is not supported".into())
        }
        Err(PemError::NoItemsFound) => Err("no private key".into()),
        Err(error) => Err(format!("no PEM: {error}")),
    }
}

fn read(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    if found.len() > FILE_LEN_MAX {
        return Err(io::Error::other("too long for a PEM file"));
    }
    let mut text = Vec::new();
    file.take(FILE_LEN_MAX).read_to_end(&mut text)?;
    Ok((text, found.mode()))
}

/// The end of a certificate's validity. `None` = no certificate.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut fields, _) = value(certificate, SEQUENCE)?;
    if let Some((_version, rest)) = value(fields, VERSION) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = value(fields, tag)?.1;
    }
    let (validity, _) = value(fields, SEQUENCE)?;
    let (_not_before, rest) = time(validity)?;
    Some(time(rest)?.0)
}

/// A time at the start of `der`, and what follows it.
fn time(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest, century) = if let Some((text, rest)) = value(der, UTC_TIME) {
        // RFC 5280 section 4.1.2.5.1: years below 50 are in this century.
        (text, rest, if text.first()? < &b'5' { "20" } else { "19" })
    } else {
        let (text, rest) = value(der, GENERALIZED_TIME)?;
        (text, rest, "")
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let (day, clock) = text.split_at_checked(8)?;
    Some((Timestamp::parse_amz_date(&format!("{day}T{clock}"))?, rest))
}

/// The content of the DER value at the start of `der`, which must have this tag, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (len, der) = if first < 0x80 {
        (usize::from(first), der)
    } else {
        let (digits, der) = der.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), der)
    };
    if found == tag { der.split_at_checked(len) } else { None }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`; left out by certificates of version 1.
const VERSION: u8 = 0xa0;
/// What everybody may do with a file.
const OTHERS_MODE: u32 = 0o007;
/// A chain and a key are a few kilobytes.
const FILE_LEN_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn signed(key: &KeyPair, first: i32, last: i32) -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_before = date_time_ymd(first, 1, 1);
        params.not_after = date_time_ymd(last, 2, 3);
        params.self_signed(key).unwrap()
    }

    #[test]
    fn the_end_of_a_certificate_is_found_in_both_forms_of_time() {
        let key = KeyPair::generate().unwrap();
        // From 2050 on certificates write four digits of the year.
        for (first, last) in [(1999, 2049), (2049, 2050), (2050, 4000)] {
            let certificate = signed(&key, first, last);
            let end = not_after(certificate.der()).unwrap();
            assert_eq!(end.iso8601(), format!("{last}-02-03T00:00:00.000Z"));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let der = signed(&KeyPair::generate().unwrap(), 2020, 2040).der().to_vec();
        let whole = (0..der.len()).find(|len| not_after(&der[..*len]).is_some());
        assert_eq!(whole, None, "a certificate that was cut short");
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0x80;
            // Any answer will do, but a panic.
            not_after(&changed);
        }
        assert_eq!(not_after(&[SEQUENCE, 0xff]), None);
        assert_eq!(not_after(&[SEQUENCE, 0x85, 1, 1, 1, 1, 1]), None);
    }

    #[test]
    fn a_bad_file_keeps_the_old_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let files = TlsFiles { cert: cert.clone(), key: key.clone() };
        let renew = |last| {
            let pair = KeyPair::generate().unwrap();
            fs::write(&cert, signed(&pair, 2020, last).pem()).unwrap();
            fs::write(&key, pair.serialize_pem()).unwrap();
        };
        let metrics = Arc::new(Metrics::new(1));
        renew(2040);
        let keys = TlsKeys::open(&files, &metrics).unwrap();
        let (first, end) = (keys.config(), metrics.tls_certificate_expires.get());
        fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let problem = keys.reload().unwrap_err();
        assert!(problem.contains("key.pem: not the key of"), "{problem}");
        assert!(Arc::ptr_eq(&first, &keys.config()));
        assert_eq!(metrics.tls_certificate_expires.get(), end);
        renew(2041);
        keys.reload().unwrap();
        assert!(!Arc::ptr_eq(&first, &keys.config()));
        assert!(metrics.tls_certificate_expires.get() > end);
    }
}
