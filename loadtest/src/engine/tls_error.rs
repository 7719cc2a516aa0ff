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
            "the server does not speak TLS on this port; is it http://?".to_owned()
        }
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            "the server wants a client's certificate, and this program has none to show".to_owned()
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
                "no certificate in {} has signed the server's: give the CA's that did (a self-signed server's own \
                 certificate), or accept any with --insecure",
                file.display()
            ),
            None => "this machine trusts nobody who signed the server's certificate: give its CA's certificate (a \
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
                "{reason}: use a name that it has, make it with subjectAltName={kind}:{host}, or accept any with \
                 --insecure"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
            "{reason}: renew it, set this machine's clock right, or accept any with --insecure"
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
            "{reason}: set this machine's clock right, or accept any with --insecure"
        ),
        // It has no variant of its own, and the type that holds it is not this crate's to name.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the server shows a CA's certificate as its own, as `openssl req -x509` makes it: make it with \
             `-addext basicConstraints=critical,CA:FALSE`, or accept any with --insecure"
                .to_owned()
        }
        other => {
            format!("the server's certificate is refused: {other}; --insecure accepts any")
        }
    }
}
