//! How a connection is encrypted: which certificates are accepted, and which protocol is spoken.

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion,
        RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    },
};

use super::{
    connect::ConnectError,
    error::RunError,
    identity,
    stream::{Socket, Stream},
    tls_error,
};
use crate::{
    plan::{Engine, Plan},
    record::{Failure, Findings},
    target::Target,
};

/// How a connection is encrypted, when it is.
#[derive(Clone)]
pub(crate) struct TlsSetup {
    connector: TlsConnector,
    name: ServerName<'static>,
    pub(super) host: String,
    /// Whether the server must agree to HTTP/2.
    pub(super) http2: bool,
    /// The file of the certificates that are trusted instead of the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// Whether there is a certificate to show to the server.
    pub(super) has_identity: bool,
}

impl TlsSetup {
    /// The same for another host.
    pub(crate) fn for_host(&self, host: &str) -> Result<Self, RunError> {
        Ok(Self {
            name: server_name(host)?,
            host: host.to_owned(),
            ..self.clone()
        })
    }

    /// Encrypts a connection.
    pub(super) async fn wrap(
        &self,
        socket: Socket,
        findings: &Findings,
    ) -> Result<Stream, ConnectError> {
        let refused = |reason: &str| {
            ConnectError::new(Failure::Tls, &format!("TLS handshake failed: {reason}"))
        };
        let connected = self.connector.connect(self.name.clone(), socket).await;
        let stream = connected.map_err(|error| refused(&tls_error::explain(&error, self)))?;
        // A server that does not know the protocol names none, instead of ending the handshake.
        if self.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(refused(tls_error::NO_HTTP2));
        }
        findings.note_tls(|| describe(stream.get_ref().1));
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// What the two sides agreed on, such as `TLSv1.3, TLS13_AES_256_GCM_SHA384, X25519, ALPN h2`.
fn describe(connection: &ClientConnection) -> String {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    };
    let suite = connection.negotiated_cipher_suite();
    let group = connection.negotiated_key_exchange_group();
    let protocol = connection.alpn_protocol();
    let parts = [
        Some(version),
        suite.map(|suite| format!("{:?}", suite.suite())),
        group.map(|group| format!("{:?}", group.name())),
        Some(match protocol {
            Some(name) => format!("ALPN {}", String::from_utf8_lossy(name)),
            None => "no ALPN".to_owned(),
        }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

fn server_name(host: &str) -> Result<ServerName<'static>, RunError> {
    ServerName::try_from(host.to_owned()).map_err(|error| RunError::ServerName {
        host: host.to_owned(),
        source: error.into(),
    })
}

/// Prepares TLS for a target; none when it needs none. Certificates that were given are read in any
/// case.
pub(crate) fn setup(plan: &Plan, target: &Target) -> Result<Option<TlsSetup>, RunError> {
    let ca_file = plan.tls.ca_file.as_deref();
    let roots = ca_file.map(read_roots).transpose()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let files = plan.tls.certificate.as_ref();
    let identity = files
        .map(|files| identity::read(files, &provider))
        .transpose()?;
    if !target.is_tls() {
        return Ok(None);
    }
    // Before the machine's certificates: what is wrong with the command line is told first.
    let host = target.host();
    let name = server_name(host)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| RunError::Tls(error.into()))?;
    let builder = if plan.tls.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else if let Some(roots) = roots {
        builder.with_root_certificates(roots)
    } else {
        builder
            .with_platform_verifier()
            .map_err(|error| RunError::Tls(error.into()))?
    };
    let has_identity = identity.is_some();
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    // Only what the engine speaks: a server that prefers HTTP/2 must not choose it for the others.
    config.alpn_protocols = match plan.engine {
        Engine::Http2 { .. } => vec![b"h2".to_vec()],
        Engine::Http1 | Engine::Hyper => vec![b"http/1.1".to_vec()],
    };
    Ok(Some(TlsSetup {
        connector: TlsConnector::from(Arc::new(config)),
        name,
        host: host.to_owned(),
        http2: matches!(plan.engine, Engine::Http2 { .. }),
        ca_file: plan.tls.ca_file.clone(),
        has_identity,
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
