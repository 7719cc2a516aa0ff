//! Taking an address to serve on, and what to do where that fails.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use tokio::net::TcpSocket;

/// Connections that the kernel keeps for a server that is busy.
const BACKLOG: u32 = 1_024;

/// Listens on `address`; it must be called within a tokio runtime.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for the connections of the last run.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// What to do where an address cannot be listened on.
pub fn listen_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "another program holds it: stop that program, or choose another port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no network interface of this machine has that address: use 0.0.0.0 for all interfaces, or one that `ip address` lists"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE): choose a higher port"
        }
        _ => "give an address and port of this machine, such as 127.0.0.1:8080",
    }
}
