//! The client's own certificate, for servers that require one.

use std::{error::Error, fs, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    self, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::error::RunError;
use crate::tls::ClientCertificate;

type Cause = Box<dyn Error + Send + Sync>;

/// Reads a certificate with its chain, and the key, which must be the certificate's.
pub(super) fn read(
    files: &ClientCertificate,
    provider: &CryptoProvider,
) -> Result<Arc<SingleCertAndKey>, RunError> {
    let refused = |file: &Path, argument, source: Cause| RunError::ClientCertificate {
        file: file.to_owned(),
        argument,
        source,
    };
    let chain =
        chain(&files.certificate).map_err(|cause| refused(&files.certificate, "--cert", cause))?;
    let (key_file, argument) = match &files.key {
        Some(file) => (file, "--key"),
        None => (&files.certificate, "--cert"),
    };
    let in_both = files.key.is_none();
    let key = key(key_file, in_both).map_err(|cause| refused(key_file, argument, cause))?;
    let certified = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| refused(key_file, argument, explain(error)))?;
    Ok(Arc::new(SingleCertAndKey::from(certified)))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, Cause> {
    let pem = fs::read(file)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() {
        return Err("the file holds no PEM certificate".into());
    }
    Ok(chain)
}

/// `in_both` says that the certificate is in the same file.
fn key(file: &Path, in_both: bool) -> Result<PrivateKeyDer<'static>, Cause> {
    let pem = fs::read(file)?;
    let text = String::from_utf8_lossy(&pem);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let clear = format!(
            "the private key is encrypted, and there is nobody to ask for its password: decrypt it with \
             `openssl pkey -in {} -out clear.pem`, and give clear.pem with --key",
            file.display()
        );
        return Err(clear.into());
    }
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(key),
        Err(rustls::pki_types::pem::Error::NoItemsFound) if in_both => {
            Err("the file holds no PEM private key: give its file with --key".into())
        }
        Err(rustls::pki_types::pem::Error::NoItemsFound) => {
            Err("the file holds no PEM private key".into())
        }
        Err(error) => Err(error.into()),
    }
}

fn explain(error: rustls::Error) -> Cause {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the private key is not the one of the first certificate of --cert".into()
        }
        other => other.into(),
    }
}
