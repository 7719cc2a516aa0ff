//! Why a TLS handshake failed, and what to do about it.

use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

use super::{exchange::ExchangeError, tls::TlsSetup};
use crate::text::with_causes;

/// A server that does not choose the protocol that was offered, or ends the handshake for it.
pub(super) const NO_HTTP2: &str =
    "the server does not offer HTTP/2 (h2 in ALPN): leave --http2 out for HTTP/1.1";

/// Says it to somebody who set the server up, or asked for it.
pub(super) fn explain(error: &io::Error, tls: &TlsSetup) -> String {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(reason)) => certificate(reason, tls, &tls.host),
        Some(Error::InvalidMessage(_)) => {
            "the server does not speak TLS on this port: use http://?".to_owned()
        }
        Some(Error::AlertReceived(alert)) => explain_alert(*alert, tls),
        Some(other) => with_causes(other),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection; does it speak TLS on this port?".to_owned()
        }
        None => with_causes(error),
    }
}

fn explain_alert(alert: AlertDescription, tls: &TlsSetup) -> String {
    match alert {
        AlertDescription::NoApplicationProtocol if tls.http2 => NO_HTTP2.to_owned(),
        AlertDescription::NoApplicationProtocol => {
            "the server does not offer HTTP/1.1 (http/1.1 in ALPN): use --http2?".to_owned()
        }
        alert => of_identity(alert, tls.has_identity),
    }
}

/// What a server says of the client's certificate; with TLS 1.3 it says so when the handshake is
/// over for the client.
fn of_identity(alert: AlertDescription, given: bool) -> String {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => {
            "the server requires a client certificate: give one with --cert and --key".to_owned()
        }
        // What a server that speaks TLS 1.2 says when it misses one.
        A::HandshakeFailure if !given => format!(
            "{}; does the server require a client certificate (--cert and --key)?",
            Error::AlertReceived(alert)
        ),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied
        | A::DecryptError
            if given =>
        {
            format!(
                "the server does not accept the client certificate of --cert: {}",
                Error::AlertReceived(alert)
            )
        }
        alert => Error::AlertReceived(alert).to_string(),
    }
}

/// The alert by which the server ended an encrypted connection, if that is what the error is.
pub(super) fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// Why a request has no response: the server ended the connection with an alert. `given` says that
/// there is a client certificate.
pub(super) fn ended(alert: AlertDescription, given: bool) -> ExchangeError {
    let reason = of_identity(alert, given);
    ExchangeError::Tls(format!("the server ended the connection: {reason}"))
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
