//! A certificate authority for the time of one run, and the certificate for `*.exoscale.com`.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::Offset};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use thiserror::Error;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// The names that the certificate is for.
const NAME: &str = "*.exoscale.com";

/// The only domain that the authority can vouch for, so that trusting it risks nothing else.
const DOMAIN: &str = "exoscale.com";

/// The authority or the certificate could not be made.
#[derive(Debug, Error)]
#[error(transparent)]
pub enum AuthorityError {
    /// By the certificates' library.
    Certificate(#[from] rcgen::Error),
    /// By the TLS library.
    Tls(#[from] rustls::Error),
}

/// The authority's certificate in PEM, and what answers TLS handshakes.
pub(super) fn make() -> Result<(String, TlsAcceptor), AuthorityError> {
    let mut authority = params(Vec::new())?;
    authority
        .distinguished_name
        .push(DnType::CommonName, "autoscaler local cloud");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(DOMAIN.to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut server = params(vec![NAME.to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, NAME);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Named, since a program can hold two providers and then has no default one.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((pem, TlsAcceptor::from(Arc::new(config))))
}

/// Valid from yesterday, for clocks that are late, for a month.
fn params(names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let day = |date: Date| {
        let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = day(today.saturating_sub(1.day()));
    params.not_after = day(today.saturating_add(30.days()));
    Ok(params)
}
