//! Clients for what speaks plain HTTP close by: members, the metadata service, a local cloud.

use reqwest::{Client, ClientBuilder};

/// Without TLS no CA certificates are needed, so that a host that has none will do; and no proxy
/// leads to these places.
pub fn restrict(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([]).no_proxy()
}

/// A client for such places that is otherwise as the library makes it.
pub fn client() -> reqwest::Result<Client> {
    restrict(Client::builder()).build()
}
