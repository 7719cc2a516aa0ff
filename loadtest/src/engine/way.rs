//! The way to an origin, from the first socket to the last layer: addresses, a proxy, TLS.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::net::{TcpStream, UnixStream, lookup_host};

use super::{
    connect::ConnectError,
    error::RunError,
    socks,
    stream::{Socket, Stream},
    tls::TlsSetup,
    tunnel,
};
use crate::{
    plan::{Engine, Plan},
    proxy::{Proxy, ProxyScheme},
    record::{Failure, Findings},
    route::{Route, bracketed},
    target::Target,
};

/// How long a Unix socket whose queue is full is left alone.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(2);

/// The way to an origin, the same for all connections of a run.
#[derive(Clone)]
pub(crate) struct Way {
    first: First,
    relay: Relay,
    tls: Option<TlsSetup>,
    findings: Arc<Findings>,
}

/// Where the socket leads.
#[derive(Clone)]
enum First {
    Unix(PathBuf),
    Origin(Place),
    Proxy(Proxy, Place),
}

/// What is asked of the first host, to reach the origin.
#[derive(Clone)]
enum Relay {
    /// Nothing: it is the origin, or passes on requests.
    None,
    Tunnel {
        proxy: Proxy,
        authority: String,
    },
    /// SOCKS, to an address that this machine finds.
    Socks {
        proxy: Proxy,
        place: Place,
    },
    /// SOCKS, to a name.
    SocksByName {
        proxy: Proxy,
        host: String,
        port: u16,
    },
}

/// A host and a port, and how to find the addresses.
#[derive(Clone)]
struct Place {
    host: String,
    port: u16,
    given: Vec<IpAddr>,
    /// Whether the resolver may know better than what was given, later.
    expires: bool,
}

/// The addresses of one connection; they are used in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// What the socket is connected to; none for a Unix socket.
    first: Option<SocketAddr>,
    /// What a SOCKS proxy connects to.
    beyond: Option<SocketAddr>,
}

impl Way {
    pub(crate) fn new(
        plan: &Plan,
        target: &Target,
        tls: Option<TlsSetup>,
        findings: &Arc<Findings>,
    ) -> Self {
        let route = &plan.route;
        let (host, port) = route.destination(target);
        let http2 = matches!(plan.engine, Engine::Http2 { .. });
        let place = |host: &str, port| Place::new(route, host, port);
        let proxied =
            |proxy: &Proxy| First::Proxy(proxy.clone(), place(proxy.host(), proxy.port()));
        let (first, relay) = match (&route.unix_socket, &route.proxy) {
            (Some(path), _) => (First::Unix(path.clone()), Relay::None),
            (None, None) => (First::Origin(place(&host, port)), Relay::None),
            (None, Some(proxy)) if route.forwarder(target, http2).is_some() => {
                (proxied(proxy), Relay::None)
            }
            (None, Some(proxy)) => {
                let first = proxied(proxy);
                let proxy = proxy.clone();
                let relay = match proxy.scheme() {
                    ProxyScheme::Http => Relay::Tunnel {
                        authority: format!("{}:{port}", bracketed(&host)),
                        proxy,
                    },
                    ProxyScheme::Socks5 => Relay::Socks {
                        place: place(&host, port),
                        proxy,
                    },
                    ProxyScheme::Socks5h => Relay::SocksByName { proxy, host, port },
                };
                (first, relay)
            }
        };
        Self {
            first,
            relay,
            tls,
            findings: Arc::clone(findings),
        }
    }

    /// Whether resolving again finds the same.
    pub(crate) fn is_fixed(&self) -> bool {
        let first = match &self.first {
            First::Unix(_) => true,
            First::Origin(place) | First::Proxy(_, place) => place.is_fixed(),
        };
        let beyond = match &self.relay {
            Relay::Socks { place, .. } => place.is_fixed(),
            _ => true,
        };
        first && beyond
    }

    /// All addresses of the way; never an empty list. `again` asks the resolver for what was given
    /// for the first time only.
    pub(crate) async fn resolve(&self, again: bool) -> Result<Vec<Peer>, RunError> {
        let first = match &self.first {
            First::Unix(_) => vec![None],
            First::Origin(place) | First::Proxy(_, place) => place.resolve(again).await?,
        };
        let beyond = match &self.relay {
            Relay::Socks { place, .. } => place.resolve(again).await?,
            _ => vec![None],
        };
        let peers = beyond.into_iter().flat_map(|beyond| {
            let first = first.iter();
            first.map(move |first| Peer {
                first: *first,
                beyond,
            })
        });
        Ok(peers.collect())
    }

    /// Connects by these addresses.
    pub(crate) async fn open(&self, peer: Peer) -> Result<Stream, ConnectError> {
        let mut socket = self.connect(peer).await?;
        match (&self.relay, peer.beyond) {
            (Relay::Tunnel { proxy, authority }, _) => {
                tunnel::open(&mut socket, proxy, authority).await?;
            }
            (Relay::SocksByName { proxy, host, port }, _) => {
                socks::open(&mut socket, proxy, host, *port).await?;
            }
            (Relay::Socks { proxy, .. }, Some(address)) => {
                let host = address.ip().to_string();
                socks::open(&mut socket, proxy, &host, address.port()).await?;
            }
            (Relay::None | Relay::Socks { .. }, _) => {}
        }
        match &self.tls {
            None => Ok(Stream::Plain(socket)),
            Some(tls) => tls.wrap(socket, &self.findings).await,
        }
    }

    async fn connect(&self, peer: Peer) -> Result<Socket, ConnectError> {
        let address = match (&self.first, peer.first) {
            (First::Unix(path), _) => return connect_unix(path).await,
            (_, Some(address)) => address,
            (_, None) => return Err(ConnectError::new(Failure::Dns, "the name has no address")),
        };
        let connected = TcpStream::connect(address).await;
        let tcp = connected.map_err(|error| match &self.first {
            First::Proxy(proxy, _) => ConnectError::of_proxy(&error, proxy),
            _ => error.into(),
        })?;
        tcp.set_nodelay(true)?;
        Ok(Socket::Tcp(tcp))
    }

    /// Addresses as an error shows them.
    pub(crate) fn show(&self, peers: &[Peer]) -> String {
        if let First::Unix(path) = &self.first {
            return path.display().to_string();
        }
        let peers: Vec<String> = peers.iter().map(ToString::to_string).collect();
        match &self.first {
            First::Proxy(..) => format!("proxy {}", peers.join(", ")),
            _ => peers.join(", "),
        }
    }
}

async fn connect_unix(path: &Path) -> Result<Socket, ConnectError> {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(Socket::Unix(stream)),
            // Its queue is full. TCP waits then; here nothing says when there is room, but for
            // another attempt. The connect timeout ends them.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(FULL_QUEUE_PAUSE).await;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ConnectError::new(
                    Failure::Connect,
                    &format!("there is no socket at {}", path.display()),
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Place {
    fn new(route: &Route, host: &str, port: u16) -> Self {
        let given = route.given(host, port);
        Self {
            host: host.to_owned(),
            port,
            given: given.map_or_else(Vec::new, |entry| entry.addresses().to_vec()),
            expires: given.is_some_and(crate::route::Resolve::expires),
        }
    }

    fn is_fixed(&self) -> bool {
        let given = !self.given.is_empty() && !self.expires;
        given || self.host.parse::<IpAddr>().is_ok()
    }

    /// Its addresses, at least one; never `None`.
    async fn resolve(&self, again: bool) -> Result<Vec<Option<SocketAddr>>, RunError> {
        let is_over = again && self.expires;
        let addresses = if !is_over && !self.given.is_empty() {
            // In the order in which they were given.
            let given = self.given.iter();
            given.map(|ip| SocketAddr::new(*ip, self.port)).collect()
        } else if let Ok(ip) = self.host.parse() {
            vec![SocketAddr::new(ip, self.port)]
        } else {
            let looked_up = look_up(&self.host, self.port).await;
            looked_up.map_err(|source| RunError::Resolve {
                host: self.host.clone(),
                source,
            })?
        };
        Ok(addresses.into_iter().map(Some).collect())
    }
}

/// All addresses of a name; never an empty list.
async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
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

impl Peer {
    #[cfg(test)]
    pub(crate) fn straight(address: SocketAddr) -> Self {
        Self {
            first: Some(address),
            beyond: None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.beyond) {
            (Some(first), Some(beyond)) => write!(f, "{first} to {beyond}"),
            (Some(address), None) | (None, Some(address)) => write!(f, "{address}"),
            (None, None) => f.write_str("a Unix socket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use tokio::net::{UnixSocket, UnixStream};

    use super::connect_unix;

    #[tokio::test]
    async fn a_unix_socket_whose_queue_is_full_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let socket = UnixSocket::new_stream().expect("a socket");
        socket.bind(&path).expect("bound");
        let listener = socket.listen(1).expect("listening");
        let mut queued = Vec::new();
        while let Ok(stream) = UnixStream::connect(&path).await {
            queued.push(stream);
        }
        assert!(!queued.is_empty());
        let mut connecting = pin!(connect_unix(&path));
        let first = poll_once(connecting.as_mut()).await;
        assert!(first.is_pending(), "there is no room");
        listener.accept().await.expect("a connection");
        assert!(connecting.await.is_ok());
    }

    /// Polls once.
    async fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        let mut future = Some(future);
        std::future::poll_fn(move |context| {
            let future = future.take().expect("polled once");
            Poll::Ready(future.poll(context))
        })
        .await
    }
}
