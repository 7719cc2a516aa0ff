//! Which certificates are accepted.

use std::sync::Arc;

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

use super::{RunError, connect::TlsSetup};
use crate::plan::{Engine, Plan};

/// Prepares TLS for a plan's target.
pub(crate) fn setup(plan: &Plan) -> Result<TlsSetup, RunError> {
    let fail = |error: &dyn std::fmt::Display| RunError::Tls(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(&error))?;
    let mut config = if plan.tls.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
            .with_no_client_auth()
    } else if let Some(file) = &plan.tls.ca_file {
        let context =
            |error: &dyn std::fmt::Display| RunError::Tls(format!("{}: {error}", file.display()));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| context(&error))? {
            roots
                .add(certificate.map_err(|error| context(&error))?)
                .map_err(|error| context(&error))?;
        }
        if roots.is_empty() {
            return Err(context(&"no certificate in this file"));
        }
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        builder
            .with_platform_verifier()
            .map_err(|error| fail(&error))?
            .with_no_client_auth()
    };
    config.alpn_protocols = match plan.engine {
        Engine::Http2 { .. } => vec![b"h2".to_vec()],
        Engine::Http1 | Engine::Hyper => vec![b"http/1.1".to_vec()],
    };
    let name = ServerName::try_from(plan.target.host().to_owned()).map_err(|error| fail(&error))?;
    Ok(TlsSetup {
        connector: TlsConnector::from(Arc::new(config)),
        name,
        http2: matches!(plan.engine, Engine::Http2 { .. }),
    })
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
