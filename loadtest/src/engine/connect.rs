//! From a target to an open connection: addresses, TCP, TLS.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::{TcpStream, lookup_host};

use super::{stream::Stream, tls::TlsSetup, tls_error};
use crate::{record::Failure, target::Target};

/// Opens connections to a target's addresses in turn.
pub(crate) struct Connector {
    target: Arc<Target>,
    addresses: RefCell<Arc<[SocketAddr]>>,
    next: Cell<usize>,
    timeout: Duration,
    tls: Option<TlsSetup>,
}

impl Connector {
    /// `offset` is where this worker begins in the list of addresses.
    pub(crate) fn new(
        target: Arc<Target>,
        addresses: &[SocketAddr],
        offset: usize,
        timeout: Duration,
        tls: Option<TlsSetup>,
    ) -> Self {
        Self {
            target,
            addresses: RefCell::new(addresses.into()),
            next: Cell::new(offset),
            timeout,
            tls,
        }
    }

    /// Whether the target still has this address.
    pub(crate) fn has(&self, address: SocketAddr) -> bool {
        let addresses = self.addresses.borrow();
        addresses.len() == 1 && addresses[0] == address || addresses.contains(&address)
    }

    /// Resolves the name again. A failure keeps the addresses that there are.
    pub(crate) async fn refresh(&self) {
        if let Ok(addresses) = resolve(&self.target).await {
            *self.addresses.borrow_mut() = addresses.into();
        }
    }

    /// Opens a connection to the next address; to the one after it if that fails, until all have
    /// been tried.
    pub(crate) async fn open(&self) -> Result<(Stream, SocketAddr), ConnectError> {
        let addresses = Arc::clone(&self.addresses.borrow());
        let first = self.next.get();
        self.next.set(first.wrapping_add(1));
        let mut last = ConnectError::new(Failure::Dns, "the name has no address");
        for offset in 0..addresses.len() {
            let address = addresses[first.wrapping_add(offset) % addresses.len()];
            match tokio::time::timeout(self.timeout, self.open_at(address)).await {
                Ok(Ok(stream)) => return Ok((stream, address)),
                Ok(Err(error)) => last = error,
                Err(_) => {
                    last = ConnectError::new(Failure::ConnectTimeout, "connect timed out");
                }
            }
            if matches!(last.failure, Failure::LocalPorts | Failure::OpenFiles) {
                break;
            }
        }
        Err(last)
    }

    async fn open_at(&self, address: SocketAddr) -> Result<Stream, ConnectError> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return Ok(Stream::Plain(tcp));
        };
        let refused = |reason: &str| {
            ConnectError::new(Failure::Tls, &format!("TLS handshake failed: {reason}"))
        };
        let connected = tls.connector.connect(tls.name.clone(), tcp).await;
        let stream = connected
            .map_err(|error| refused(&tls_error::explain(&error, tls, self.target.host())))?;
        // A server that does not know the protocol names none, instead of ending the handshake.
        if tls.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(refused("the server does not offer HTTP/2"));
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct ConnectError {
    pub(crate) failure: Failure,
    /// The reason, for a reader.
    pub(crate) reason: String,
}

impl ConnectError {
    pub(crate) fn new(failure: Failure, reason: &str) -> Self {
        Self {
            failure,
            reason: reason.to_owned(),
        }
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        let failure = Failure::of_connect(&error);
        let reason = match failure {
            Failure::Refused => "connection refused. Is the server running?".to_owned(),
            _ => error.to_string(),
        };
        Self { failure, reason }
    }
}

/// All addresses of a target; never an empty list.
pub(crate) async fn resolve(target: &Target) -> io::Result<Vec<SocketAddr>> {
    if let Some(ip) = target.ip() {
        return Ok(vec![SocketAddr::new(ip, target.port())]);
    }
    let mut addresses: Vec<SocketAddr> =
        lookup_host((target.host(), target.port())).await?.collect();
    addresses.sort_unstable_by_key(|address| (matches!(address.ip(), IpAddr::V6(_)), *address));
    addresses.dedup();
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::net::TcpListener;

    use super::Connector;
    use crate::record::Failure;

    #[tokio::test]
    async fn addresses_are_used_in_turn_and_dead_ones_passed_over() {
        let mut addresses = Vec::new();
        let mut listeners = Vec::new();
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            addresses.push(listener.local_addr().expect("an address"));
            listeners.push(listener);
        }
        let target = Arc::new("http://h/".parse().expect("a URL"));
        let connector = Connector::new(target, &addresses, 1, Duration::from_secs(5), None);
        let mut used = Vec::new();
        for _ in 0..3 {
            used.push(connector.open().await.expect("connected").1);
        }
        assert_eq!(used, [addresses[1], addresses[2], addresses[0]]);
        assert!(connector.has(addresses[2]));

        drop(listeners.remove(1));
        assert_eq!(
            connector.open().await.expect("connected").1,
            addresses[2],
            "the second is dead"
        );
        listeners.clear();
        assert_eq!(
            connector
                .open()
                .await
                .map(|(_, address)| address)
                .expect_err("all dead")
                .failure,
            Failure::Refused
        );
    }
}
