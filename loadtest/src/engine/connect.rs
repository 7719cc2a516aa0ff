//! From a target to an open connection: addresses, TCP, TLS.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::stream::Stream;
use crate::{record::Failure, target::Target};

/// How a connection is encrypted, when it is.
#[derive(Clone)]
pub(crate) struct TlsSetup {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

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

    /// Opens a connection to the next address; to the one after it if that fails, until all have been tried.
    pub(crate) async fn open(&self) -> Result<(Stream, SocketAddr), Failure> {
        let addresses = Arc::clone(&self.addresses.borrow());
        let first = self.next.get();
        self.next.set(first.wrapping_add(1));
        let mut failure = Failure::Dns;
        for offset in 0..addresses.len() {
            let address = addresses[first.wrapping_add(offset) % addresses.len()];
            match tokio::time::timeout(self.timeout, self.open_at(address)).await {
                Ok(Ok(stream)) => return Ok((stream, address)),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = Failure::ConnectTimeout,
            }
            if matches!(failure, Failure::LocalPorts | Failure::OpenFiles) {
                break;
            }
        }
        Err(failure)
    }

    async fn open_at(&self, address: SocketAddr) -> Result<Stream, Failure> {
        let tcp = TcpStream::connect(address)
            .await
            .map_err(|error| Failure::of_connect(&error))?;
        tcp.set_nodelay(true)
            .map_err(|error| Failure::of_connect(&error))?;
        match &self.tls {
            None => Ok(Stream::Plain(tcp)),
            Some(tls) => {
                let stream = tls
                    .connector
                    .connect(tls.name.clone(), tcp)
                    .await
                    .map_err(|_| Failure::Tls)?;
                Ok(Stream::Tls(Box::new(stream)))
            }
        }
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
