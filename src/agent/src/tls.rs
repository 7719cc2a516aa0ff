//! TLS for the web server, with a certificate that is read again when its files change.
//!
//! Connections that are open keep the certificate that they began with. New files that cannot be
//! used, such as one of the two that was replaced first, leave the old certificate in force.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::RwLock;
use program::error_chain::with_causes;
use rustls::{
    CertificateError, RootCertStore, ServerConfig,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::sleep;
use whole_file::FileError;

use super::config::TlsFiles;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {key}")]
    File {
        /// The setting that names it.
        key: &'static str,
        /// Why.
        source: FileError,
    },
    /// A file is not there.
    #[error("{key}: there is no file {}", path.display())]
    Missing {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file holds something else.
    #[error("{key}: {} holds no {wanted} in PEM", path.display())]
    Content {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The two files do not belong together, or TLS does not know their kind.
    #[error(
        "tls.certificate and tls.key cannot be used together; the key must be that of the first certificate in the file"
    )]
    Pair(#[source] rustls::Error),
    /// The certificate does not hold yet, or no more.
    #[error("tls.certificate does not hold at that time")]
    Time(#[source] rustls::Error),
}

/// Whether the files can be used, and the certificate holds at this time.
pub fn check_certificate(files: &TlsFiles, at: SystemTime) -> Result<(), TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pair = read(files, &provider)?;
    let mut roots = RootCertStore::empty();
    let (Some(first), Some(last)) = (pair.cert.first(), pair.cert.last()) else {
        return Ok(());
    };
    // Whose certificate it is, is not asked here: only when it holds.
    roots.add(last.clone()).map_err(TlsError::Pair)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let Ok(verifier) = verifier else {
        return Ok(());
    };
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let at = UnixTime::since_unix_epoch(since.unwrap_or_default());
    let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    match verifier.verify_server_cert(first, &pair.cert[1..], &name, &[], at) {
        Err(
            error @ rustls::Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ),
        ) => Err(TlsError::Time(error)),
        _ => Ok(()),
    }
}

/// A certificate that is kept current.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    current: Arc<Current>,
    provider: Arc<CryptoProvider>,
}

/// What new connections are shown.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}

/// What tells one content of the files from another without reading it.
type Stamp = [Option<(SystemTime, u64, u64)>; 2];

impl Tls {
    /// Reads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair = Arc::new(read(&files, &provider)?);
        warn_of_a_key_for_everyone(&files.key);
        Ok(Self {
            files,
            current: Arc::new(Current(RwLock::new(pair))),
            provider,
        })
    }

    /// What the web server needs.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, TlsError> {
        let versions = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?;
        Ok(versions
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone()))
    }

    /// Takes new files over whenever there are some, for ever.
    pub(crate) async fn follow_files(self) {
        let mut known = stamp(&self.files);
        loop {
            sleep(LOOK_EVERY).await;
            let found = stamp(&self.files);
            if found == known {
                continue;
            }
            let tls = self.clone();
            let read = tokio::task::spawn_blocking(move || read(&tls.files, &tls.provider));
            match read.await {
                Ok(Ok(pair)) => {
                    *self.current.0.write() = Arc::new(pair);
                    tracing::info!("TLS certificate is replaced.");
                }
                Ok(Err(error)) => {
                    let error = with_causes(&error);
                    tracing::error!(
                        error,
                        "New TLS files cannot be used; the old certificate stays."
                    );
                }
                Err(error) => tracing::error!(%error, "TLS files cannot be read."),
            }
            // Of files that change while they are read the next look finds another stamp.
            known = found;
        }
    }
}

fn warn_of_a_key_for_everyone(path: &Path) {
    let mode = fs::metadata(path).map(|found| found.mode() & 0o777);
    if let Some(mode) = mode.ok().filter(|mode| mode & 0o007 != 0) {
        tracing::warn!(
            file = %path.display(),
            mode = format!("{mode:o}"),
            "Everyone on this machine can read the key of tls.key: give the file mode 0600."
        );
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len(), found.ino()))
    })
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let (key, path) = ("tls.certificate", &files.certificate);
    let content = |key, path: &Path, wanted| TlsError::Content {
        key,
        path: path.to_owned(),
        wanted,
    };
    let text = text_of(key, path)?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.ok().filter(|found| !found.is_empty());
    let certificates = certificates.ok_or_else(|| content(key, path, "certificate"))?;
    let (key, path) = ("tls.key", &files.key);
    let private = PrivateKeyDer::from_pem_slice(&text_of(key, path)?);
    let private = private.map_err(|_| content(key, path, "private key"))?;
    CertifiedKey::from_der(certificates, private, provider).map_err(TlsError::Pair)
}

fn text_of(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    match whole_file::read(path) {
        Ok(Some((text, _))) => Ok(text),
        Ok(None) => Err(TlsError::Missing {
            key,
            path: path.to_owned(),
        }),
        Err(source) => Err(TlsError::File { key, source }),
    }
}
