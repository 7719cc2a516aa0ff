//! Which certificates are trusted, and which one is shown.

use std::path::PathBuf;

/// How a server's certificate is judged, and what is shown to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Trust the certificates in this PEM file, and no others.
    pub ca_file: Option<PathBuf>,
    pub insecure: bool,
    /// For servers that require one.
    pub certificate: Option<ClientCertificate>,
}

/// PEM files of a client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, followed by those that lead to its CA.
    pub certificate: PathBuf,
    /// Its private key; none when it is in the same file.
    pub key: Option<PathBuf>,
}
