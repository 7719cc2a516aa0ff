//! Why a TLS handshake failed, and what to do about it.

use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

use super::tls::TlsSetup;
use crate::text::with_causes;

/// Says it to somebody who set the server up, or asked for it.
pub(super) fn explain(error: &io::Error, tls: &TlsSetup, host: &str) -> String {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(reason)) => certificate(reason, tls, host),
        Some(Error::InvalidMessage(_)) => {
            "the server does not speak TLS on this port: use http://?".to_owned()
        }
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            "the server requires a client certificate, which this program does not support"
                .to_owned()
        }
        Some(other) => with_causes(other),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection; does it speak TLS on this port?".to_owned()
        }
        None => with_causes(error),
    }
}

fn certificate(reason: &CertificateError, tls: &TlsSetup, host: &str) -> String {
    match reason {
        // A CA of the same name, with another key, gives a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => match &tls.ca_file {
            Some(file) => format!(
                "no certificate in {} is the issuer of the server's: give the right CA's (a self-signed server's own \
                 certificate), or accept any with --insecure",
                file.display()
            ),
            None => "this machine does not trust the issuer of the server's certificate: give the CA's certificate (a \
                     self-signed server's own) with --cacert FILE, or accept any with --insecure"
                .to_owned(),
        },
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let kind = if host.parse::<std::net::IpAddr>().is_ok() {
                "IP"
            } else {
                "DNS"
            };
            format!(
                "{reason}: use a name in the certificate, issue it with subjectAltName={kind}:{host}, or accept any with \
                 --insecure"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
            "{reason}: renew it, correct this machine's clock, or accept any with --insecure"
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
            "{reason}: correct this machine's clock, or accept any with --insecure"
        ),
        // It has no variant of its own, and the type that holds it is not this crate's to name.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the server's certificate is a CA's, as `openssl req -x509` makes by default: issue it with \
             `-addext basicConstraints=critical,CA:FALSE`, or accept any with --insecure"
                .to_owned()
        }
        other => {
            format!("invalid server certificate: {other}; --insecure accepts any")
        }
    }
}
