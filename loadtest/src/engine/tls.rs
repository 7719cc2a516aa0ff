//! Which certificates are accepted.

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    },
};

use super::error::RunError;
use crate::plan::{Engine, Plan};

/// How a connection is encrypted, when it is.
#[derive(Clone)]
pub(crate) struct TlsSetup {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
    /// Whether the server must agree to HTTP/2.
    pub(crate) http2: bool,
    /// The file of the certificates that are trusted instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Prepares TLS for a plan's target; none when it needs none. Certificates that were given are read
/// in any case.
pub(crate) fn setup(plan: &Plan) -> Result<Option<TlsSetup>, RunError> {
    let ca_file = plan.tls.ca_file.as_deref();
    let roots = ca_file.map(read_roots).transpose()?;
    if !plan.target.is_tls() {
        return Ok(None);
    }
    // Before the machine's certificates: what is wrong with the command line is told first.
    let host = plan.target.host();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| RunError::ServerName {
        host: host.to_owned(),
        source: error.into(),
    })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| RunError::Tls(error.into()))?;
    let mut config = if plan.tls.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
            .with_no_client_auth()
    } else if let Some(roots) = roots {
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        builder
            .with_platform_verifier()
            .map_err(|error| RunError::Tls(error.into()))?
            .with_no_client_auth()
    };
    config.alpn_protocols = match plan.engine {
        Engine::Http2 { .. } => vec![b"h2".to_vec()],
        Engine::Http1 | Engine::Hyper => vec![b"http/1.1".to_vec()],
    };
    Ok(Some(TlsSetup {
        connector: TlsConnector::from(Arc::new(config)),
        name,
        http2: matches!(plan.engine, Engine::Http2 { .. }),
        ca_file: plan.tls.ca_file.clone(),
    }))
}

fn read_roots(file: &Path) -> Result<RootCertStore, RunError> {
    let refused = |source: Box<dyn Error + Send + Sync>| RunError::Certificates {
        file: file.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| refused(error.into()))? {
        let certificate = certificate.map_err(|error| refused(error.into()))?;
        roots
            .add(certificate)
            .map_err(|error| refused(error.into()))?;
    }
    if roots.is_empty() {
        return Err(refused("the file holds no PEM certificate".into()));
    }
    Ok(roots)
}

/// Accepts every certificate, when the plan says so; signatures are still checked.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
