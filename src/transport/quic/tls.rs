//! TLS: whom a client trusts and what a master shows. TLS 1.3 alone, one application protocol.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorCode, Result};

/// Which master a client or game server accepts at the address it connects to.
#[cfg(any(feature = "client", feature = "server"))]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The one whose certificate has this SHA-256 (of its DER form). Names, dates and issuers do not matter then.
    Fingerprint([u8; 32]),
    /// Those whose certificate is signed by one in this PEM file and has the server's name.
    CaFile(PathBuf),
    /// Those whose certificate is signed by an authority that web browsers trust and has the server's name.
    WebPki,
}

#[cfg(any(feature = "client", feature = "server"))]
impl Trust {
    /// A fingerprint as a master prints it: 64 hexadecimal digits, with or without colons between the bytes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when it is anything else.
    pub fn from_hex(text: &str) -> Result<Self> {
        let invalid = |reason: String| Error::InvalidArgument { argument: "fingerprint", reason };
        let mut fingerprint = [0; 32];
        let mut digits = 0;
        for c in text.trim().chars().filter(|c| *c != ':') {
            let digit = c.to_digit(16).ok_or_else(|| invalid(format!("{c:?} is no hexadecimal digit")))?;
            if digits < 64 {
                fingerprint[digits / 2] = fingerprint[digits / 2] << 4 | digit as u8;
            }
            digits += 1;
        }
        if digits != 64 {
            return Err(invalid(format!("64 hexadecimal digits are needed, not {digits}")));
        }
        Ok(Self::Fingerprint(fingerprint))
    }
}

/// What a master shows of itself.
#[cfg(feature = "master")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Certificate {
    /// One that it makes and signs itself, for `localhost`; clients trust it by its fingerprint. With a path `stem`
    /// it is kept in `stem.cert.pem` and `stem.key.pem` and used again after a restart; without one it lasts as
    /// long as the process, and clients of a killed master notice only by their idle time-out.
    Development(Option<PathBuf>),
    /// One from PEM files.
    Files {
        /// The certificate and those that lead to its authority.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// What a TLS connection must agree on before anything of ours is sent.
const ALPN: &[u8] = b"mst-profiles/1";

/// The TLS side of a client.
#[cfg(any(feature = "client", feature = "server"))]
pub(super) fn client_config(trust: &Trust) -> Result<Arc<quinn::crypto::rustls::QuicClientConfig>> {
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;

    let provider = provider();
    let webpki = |roots: RootCertStore| -> Result<Arc<dyn ServerCertVerifier>> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| tls_error(format!("trusted certificates: {e}")))?;
        Ok(verifier)
    };
    let verifier = match trust {
        Trust::Fingerprint(expected) => {
            Arc::new(FingerprintVerifier { expected: *expected, provider: provider.clone() })
        }
        Trust::CaFile(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in read_certificates(path)? {
                roots.add(certificate).map_err(|e| file_error(path, e))?;
            }
            webpki(roots)?
        }
        Trust::WebPki => webpki(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())?,
    };
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| tls_error(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    let config =
        quinn::crypto::rustls::QuicClientConfig::try_from(config).map_err(|e| tls_error(e.to_string()))?;
    Ok(Arc::new(config))
}

/// The TLS side of a master.
#[cfg(feature = "master")]
pub(super) struct ServerTls {
    pub(super) config: Arc<quinn::crypto::rustls::QuicServerConfig>,
    /// SHA-256 of the certificate.
    pub(super) fingerprint: [u8; 32],
    /// A secret that lasts as long as the private key, and from which the key can't be found.
    pub(super) derived_secret: [u8; 32],
}

#[cfg(feature = "master")]
impl ServerTls {
    pub(super) fn new(certificate: &Certificate) -> Result<Self> {
        let Identity { chain, key, source } = Identity::of(certificate)?;
        let fingerprint = fingerprint(&chain[0]);
        let derived_secret = derive_secret(key.secret_der());
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| tls_error(e.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|e| tls_error(format!("{source}: {e}")))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let config = quinn::crypto::rustls::QuicServerConfig::try_from(config)
            .map_err(|e| tls_error(format!("{source}: {e}")))?;
        Ok(Self { config: Arc::new(config), fingerprint, derived_secret })
    }
}

/// What of a TLS error's text is for people: a verifier's own error comes wrapped.
#[cfg(any(feature = "client", feature = "server"))]
pub(super) fn verifier_text(text: &str) -> &str {
    text.split_once("Other(OtherError(").map_or(text, |(_, own)| own.trim_end_matches(')'))
}

/// Accepts one certificate, whatever it says.
#[cfg(any(feature = "client", feature = "server"))]
#[derive(Debug)]
struct FingerprintVerifier {
    expected: [u8; 32],
    provider: Arc<CryptoProvider>,
}

#[cfg(any(feature = "client", feature = "server"))]
mod verifier {
    use std::fmt;
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::verify_tls13_signature;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{CertificateError, DigitallySignedStruct, OtherError, PeerIncompatible, SignatureScheme};

    use super::{FingerprintVerifier, fingerprint, hex};

    impl ServerCertVerifier for FingerprintVerifier {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp_response: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            let found = fingerprint(end_entity);
            if found == self.expected {
                return Ok(ServerCertVerified::assertion());
            }
            let mismatch = Arc::new(Mismatch { expected: self.expected, found });
            Err(CertificateError::Other(OtherError(mismatch)).into())
        }

        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Err(PeerIncompatible::Tls12NotOffered.into())
        }

        // The certificate is public, so that it is the expected one says nothing: the peer must show that it has
        // the key.
        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    }

    struct Mismatch {
        expected: [u8; 32],
        found: [u8; 32],
    }

    impl fmt::Display for Mismatch {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (found, expected) = (hex(&self.found), hex(&self.expected));
            write!(f, "the certificate has the fingerprint {found}, not the expected {expected}")
        }
    }

    // rustls and quinn hand a verifier's error on as its debugging text.
    impl fmt::Debug for Mismatch {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt::Display::fmt(self, f)
        }
    }

    impl std::error::Error for Mismatch {}
}

/// A certificate with its key.
#[cfg(feature = "master")]
struct Identity {
    /// Never empty; the first is the master's own.
    chain: Vec<CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
    /// Where they are from, for errors.
    source: String,
}

#[cfg(feature = "master")]
impl Identity {
    fn of(certificate: &Certificate) -> Result<Self> {
        match certificate {
            Certificate::Files { cert, key } => Self::read(cert, key),
            Certificate::Development(Some(stem)) => Self::kept(stem),
            Certificate::Development(None) => {
                let key = rcgen::KeyPair::generate().map_err(development_error)?;
                let chain = vec![development_certificate(&key)?.der().clone()];
                Ok(Self { chain, key: key.into(), source: "development certificate".to_owned() })
            }
        }
    }

    fn read(cert: &Path, key: &Path) -> Result<Self> {
        let chain = read_certificates(cert)?;
        let private = rustls::pki_types::PrivateKeyDer::from_pem_file(key)
            .map_err(|e| file_error(key, pem_text(e, "private key")))?;
        Ok(Self { chain, key: private, source: format!("{} with {}", cert.display(), key.display()) })
    }

    /// Reads the development certificate at `stem`, or makes it.
    fn kept(stem: &Path) -> Result<Self> {
        let with_suffix = |suffix: &str| {
            let mut path = stem.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        let (cert, key) = (with_suffix(".cert.pem"), with_suffix(".key.pem"));
        let exists = |path: &Path| path.try_exists().map_err(|e| file_error(path, e));
        if !exists(&cert)? {
            // The key is written first: one without a certificate is from a start that was cut short, or
            // somebody's who wants it kept.
            let pair = if exists(&key)? {
                let text = std::fs::read_to_string(&key).map_err(|e| file_error(&key, e))?;
                rcgen::KeyPair::from_pem(&text).map_err(|e| file_error(&key, e))?
            } else {
                let pair = rcgen::KeyPair::generate().map_err(development_error)?;
                write_atomically(&key, &pair.serialize_pem(), Readers::Owner)?;
                pair
            };
            write_atomically(&cert, &development_certificate(&pair)?.pem(), Readers::All)?;
        }
        Self::read(&cert, &key)
    }
}

#[cfg(feature = "master")]
fn development_certificate(key: &rcgen::KeyPair) -> Result<rcgen::Certificate> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = rcgen::CertificateParams::new(names).map_err(development_error)?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "mst-profiles development");
    params.self_signed(key).map_err(development_error)
}

#[cfg(feature = "master")]
#[derive(Clone, Copy, PartialEq)]
enum Readers {
    Owner,
    All,
}

/// Writes a file that is there whole or not at all, also when the machine stops half-way.
#[cfg(feature = "master")]
fn write_atomically(path: &Path, text: &str, readers: Readers) -> Result<()> {
    use std::io::Write;

    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let write = || {
        // What a killed process with this number left would have its permissions kept.
        match std::fs::remove_file(&temporary) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if readers == Readers::Owner {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        #[cfg(not(unix))]
        let _ = readers;
        let mut file = options.open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        file_error(path, e)
    })
}

/// HMAC-SHA-256 of a label, keyed with the private key.
#[cfg(feature = "master")]
fn derive_secret(private_key: &[u8]) -> [u8; 32] {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, private_key);
    let tag = ring::hmac::sign(&key, b"mst-profiles stateless reset");
    let mut secret = [0; 32];
    secret.copy_from_slice(tag.as_ref());
    secret
}

/// The certificates of a PEM file, at least one.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file_error(path, pem_text(e, "certificate")))?;
    if certificates.is_empty() {
        return Err(file_error(path, "has no certificate in PEM form"));
    }
    Ok(certificates)
}

fn pem_text(error: rustls::pki_types::pem::Error, what: &str) -> String {
    use rustls::pki_types::pem::Error as Pem;

    match error {
        Pem::Io(error) => error.to_string(),
        Pem::NoItemsFound => format!("has no {what} in PEM form"),
        other => other.to_string(),
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

#[cfg(any(feature = "client", feature = "server"))]
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn file_error(path: &Path, reason: impl std::fmt::Display) -> Error {
    tls_error(format!("{}: {reason}", path.display()))
}

#[cfg(feature = "master")]
fn development_error(error: rcgen::Error) -> Error {
    tls_error(format!("development certificate: {error}"))
}

fn tls_error(text: String) -> Error {
    Error::transport(ErrorCode::TlsConfig, text)
}

#[cfg(test)]
#[cfg(all(feature = "master", any(feature = "client", feature = "server")))]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_with_and_without_colons() {
        let bytes: [u8; 32] = std::array::from_fn(|i| (i * 7) as u8);
        let plain = hex(&bytes);
        let colons: Vec<_> = bytes.iter().map(|b| format!("{b:02X}")).collect();
        for text in [plain.clone(), colons.join(":"), format!(" {plain}\n")] {
            assert_eq!(Trust::from_hex(&text), Ok(Trust::Fingerprint(bytes)));
        }
        for text in ["", "00", &plain[1..], &format!("{plain}0"), &plain.replacen('0', "g", 1)] {
            assert_eq!(Trust::from_hex(text).unwrap_err().code(), ErrorCode::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn a_development_certificate_is_kept_and_its_key_private() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("master.v1");
        let development = Certificate::Development(Some(stem));
        let first = ServerTls::new(&development).unwrap();
        let again = ServerTls::new(&development).unwrap();
        assert_eq!((first.fingerprint, first.derived_secret), (again.fingerprint, again.derived_secret));
        let mut names: Vec<_> = folder
            .path()
            .read_dir()
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["master.v1.cert.pem", "master.v1.key.pem"]);
        let key = folder.path().join("master.v1.key.pem");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }

        // A start that was cut short between the two files.
        std::fs::remove_file(folder.path().join("master.v1.cert.pem")).unwrap();
        assert_eq!(ServerTls::new(&development).unwrap().derived_secret, first.derived_secret);
        // A certificate alone is somebody's mistake.
        std::fs::remove_file(&key).unwrap();
        check(&development, "master.v1.key.pem");

        let in_memory = Certificate::Development(None);
        assert_ne!(
            ServerTls::new(&in_memory).unwrap().fingerprint,
            ServerTls::new(&in_memory).unwrap().fingerprint
        );
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (one, two) =
            (Certificate::Development(Some(path("1"))), Certificate::Development(Some(path("2"))));
        ServerTls::new(&one).unwrap();
        ServerTls::new(&two).unwrap();
        std::fs::write(path("text"), "no PEM").unwrap();
        std::fs::write(path("broken"), "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n")
            .unwrap();
        std::fs::write(path("junk"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .unwrap();

        let files = |cert: &str, key: &str| Certificate::Files { cert: path(cert), key: path(key) };
        ServerTls::new(&files("1.cert.pem", "1.key.pem")).unwrap();
        check(&files("absent", "1.key.pem"), "absent");
        check(&files("text", "1.key.pem"), "text: has no certificate");
        check(&files("broken", "1.key.pem"), "broken");
        check(&files("junk", "1.key.pem"), "junk");
        check(&files("1.cert.pem", "text"), "text: has no private key");
        check(&files("1.cert.pem", "2.key.pem"), "2.key.pem");
        check(&Certificate::Development(Some(path("no/such/folder"))), "folder.key.pem");

        for name in ["absent", "text", "broken", "junk"] {
            let error = client_config(&Trust::CaFile(path(name))).err().unwrap();
            assert_eq!(error.code(), ErrorCode::TlsConfig);
            assert!(error.to_string().contains(name), "{error}");
        }
        client_config(&Trust::CaFile(path("1.cert.pem"))).unwrap();
        client_config(&Trust::WebPki).unwrap();
    }

    fn check(certificate: &Certificate, expected: &str) {
        let error = ServerTls::new(certificate).err().unwrap();
        assert_eq!(error.code(), ErrorCode::TlsConfig);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
