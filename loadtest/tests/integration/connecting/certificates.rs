//! Servers that require a certificate of the client.

use std::{fs, path::PathBuf, sync::Arc};

use loadtest::{ClientCertificate, Failure, Run};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
        version::{TLS12, TLS13},
    },
};

use super::{ENGINES, HTTP2, REQUESTS, assert_whole, plan, refusal};
use crate::{
    hosted::{host, protocols},
    support::run,
};

/// A CA, and what it has signed, as PEM files in a folder.
pub(super) struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut ca = CertificateParams::new(Vec::new()).expect("no name");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(ca, key).expect("a CA");
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        put("ca.pem", &issuer.pem());
        for (name, usage) in [
            ("localhost", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let mut leaf = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            // OpenSSL takes a certificate with its issuer's name for one that signed itself.
            leaf.distinguished_name.push(DnType::CommonName, name);
            leaf.extended_key_usages = vec![usage];
            let key = KeyPair::generate().expect("a key");
            let made = leaf.signed_by(&key, &issuer).expect("signed");
            put(&format!("{name}.pem"), &made.pem());
            put(&format!("{name}.key"), &key.serialize_pem());
            put(
                &format!("{name}-both.pem"),
                &format!("{}{}", key.serialize_pem(), made.pem()),
            );
        }
        Self { folder }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server that requires a certificate of this CA.
    fn acceptor(&self, http2: bool, version: &'static SupportedProtocolVersion) -> TlsAcceptor {
        let read = |name| CertificateDer::from_pem_file(self.file(name)).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(read("ca.pem")).expect("a CA");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::from_pem_file(self.file("localhost.key")).expect("a key");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![read("localhost.pem")], key)
            .expect("a certificate with its key");
        config.alpn_protocols = protocols(http2);
        TlsAcceptor::from(Arc::new(config))
    }
}

fn files(certificate: PathBuf, key: Option<PathBuf>) -> ClientCertificate {
    ClientCertificate { certificate, key }
}

#[tokio::test]
async fn a_server_that_requires_a_certificate_gets_it() {
    let (own, stranger) = (Authority::new(), Authority::new());
    for (engine, version) in ENGINES
        .into_iter()
        .flat_map(|engine| [(engine, &TLS12), (engine, &TLS13)])
    {
        let hosted = host(
            engine == HTTP2,
            Some(own.acceptor(engine == HTTP2, version)),
        )
        .await;
        let url = format!("https://localhost:{}/", hosted.address.port());
        let mut plan = plan(&url, engine);
        plan.tls.ca_file = Some(own.file("ca.pem"));
        plan.tls.certificate = Some(files(own.file("client.pem"), Some(own.file("client.key"))));
        assert_whole(&run(plan.clone()).await);
        plan.tls.certificate = Some(files(own.file("client-both.pem"), None));
        assert_whole(&run(plan.clone()).await);

        plan.probe = false;
        for (certificate, part) in [
            (None, "give one with --cert and --key"),
            (
                Some(files(stranger.file("client-both.pem"), None)),
                "does not accept the client certificate of --cert",
            ),
        ] {
            plan.tls.certificate = certificate;
            let summary = run(plan.clone()).await;
            assert_eq!(
                summary.failures.get(&Failure::Tls),
                Some(&REQUESTS),
                "{engine:?} {version:?} {:?} {:?}",
                summary.failures,
                summary.reasons
            );
            let (reason, _) = summary.reasons.of(Failure::Tls).next().expect("a reason");
            assert!(reason.contains(part), "{engine:?} {version:?}: {reason}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_or_its_key_is_said_before_the_run() {
    let (own, stranger) = (Authority::new(), Authority::new());
    let encrypted = |header: &str| {
        let pem = format!("-----BEGIN {header}-----\nMAA=\n-----END EC PRIVATE KEY-----\n");
        let name = format!("{}.key", header.len());
        fs::write(own.file(&name), pem).expect("written");
        Some(own.file(&name))
    };
    let client = || own.file("client.pem");
    for (cert, key, parts) in [
        (own.file("none"), None, ["none (--cert)", "No such file"]),
        (
            own.file("client.key"),
            None,
            ["(--cert)", "no PEM certificate"],
        ),
        (client(), None, ["(--cert)", "give its file with --key"]),
        (
            client(),
            Some(own.file("client.pem")),
            ["(--key)", "no PEM private key"],
        ),
        (
            client(),
            Some(own.file("localhost.key")),
            ["(--key)", "not the one of the first certificate"],
        ),
        (
            client(),
            Some(stranger.file("client.key")),
            ["(--key)", "not the one of the first certificate"],
        ),
        (
            client(),
            encrypted("ENCRYPTED PRIVATE KEY"),
            ["(--key)", "openssl pkey -in"],
        ),
        (
            client(),
            encrypted("EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n"),
            ["(--key)", "openssl pkey -in"],
        ),
    ] {
        // Before anything is asked of the network, and for http://, too.
        let mut plan = plan("http://127.0.0.1:1/", ENGINES[0]);
        plan.tls.certificate = Some(files(cert, key));
        let error = Run::start(plan).await.expect_err("refused");
        let cause = std::error::Error::source(&error).expect("a cause");
        let text = format!("{error}: {cause}");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[tokio::test]
async fn a_protocol_that_the_server_does_not_offer_is_named_with_the_option() {
    let own = Authority::new();
    for (engine, part) in [
        (ENGINES[0], "use --http2?"),
        (ENGINES[1], "use --http2?"),
        (HTTP2, "leave --http2 out"),
    ] {
        // The one that the engine does not speak.
        let acceptor = own.acceptor(engine != HTTP2, &TLS13);
        let hosted = host(engine != HTTP2, Some(acceptor)).await;
        let url = format!("https://localhost:{}/", hosted.address.port());
        let mut plan = plan(&url, engine);
        plan.tls.ca_file = Some(own.file("ca.pem"));
        plan.tls.certificate = Some(files(own.file("client-both.pem"), None));
        let cause = refusal(plan).await;
        assert!(cause.contains(part), "{engine:?}: {cause}");
    }
}
