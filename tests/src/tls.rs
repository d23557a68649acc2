//! Room: certificates for a test's node, and clients that trust them.
//!
//! Holds: a certificate authority of the test's own, and three files in a folder: `ca.pem`, which clients are given,
//! and `node.pem` and `node.key`, which the node is given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::node::DOMAIN;

/// What a node shows to its clients, and who vouches for it.
pub struct Identity {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Identity {
    /// A new authority, and a first certificate by it that ends with the year 2040.
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Tenon test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key can be made");
        let authority = CertifiedIssuer::self_signed(params, key).expect("it can sign itself");
        let identity = Self { folder: folder.to_path_buf(), authority };
        fs::write(identity.authority_file(), identity.authority.pem()).expect("a file can be made");
        identity.renew(2040);
        identity
    }

    /// A new certificate and key in the files of the old, for `localhost`, both loopback addresses and [`DOMAIN`], that ends with
    /// the year `last`. Gives the certificate.
    pub fn renew(&self, last: i32) -> CertificateDer<'static> {
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = self.sign(&key, last);
        self.write(&certificate, &key.serialize_pem());
        certificate.der().clone()
    }

    /// The same for a key that was made elsewhere, given in PEM (PKCS#8); the key file gets `written`, which may be
    /// another form of it.
    ///
    /// # Panics
    /// If it is no such key.
    pub fn adopt(&self, key: &str, written: &str) {
        let key = KeyPair::from_pem(key).expect("a private key");
        self.write(&self.sign(&key, 2040), written);
    }

    fn sign(&self, key: &KeyPair, last: i32) -> Certificate {
        let below = format!("*.{DOMAIN}");
        let names = ["localhost", "127.0.0.1", "::1", DOMAIN, &below].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("good names");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last, 12, 31);
        params.signed_by(key, &self.authority).expect("the authority can sign")
    }

    fn write(&self, certificate: &Certificate, key: &str) {
        let chain = format!("{}{}", certificate.pem(), self.authority.pem());
        fs::write(self.certificate_file(), chain).expect("a file can be made");
        fs::write(self.key_file(), key).expect("a file can be made");
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(self.key_file(), mode).expect("our file");
    }

    /// The authority's certificate.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The node's certificate and its authority's.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("node.pem")
    }

    /// The node's key.
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("node.key")
    }

    /// A client that trusts the authority and speaks any of these versions; none: all.
    pub fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("a good certificate");
        let versions = if versions.is_empty() { rustls::ALL_VERSIONS } else { versions };
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .expect("the provider knows every version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}
