//! The listening socket, and the loop that accepts from it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
    time::sleep,
};

use super::{NlbError, connection::serve, service::Shared};

/// Connections that may wait in the kernel; it lowers the number to its own limit
/// (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// The first and the longest pause after a failed accept.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Listens on `address`, also when connections of a former listener there are still in TIME-WAIT.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, NlbError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        // Accepted sockets inherit both on Linux, which saves a call for each connection.
        socket.set_nodelay(true)?;
        socket.set_keepalive(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| describe(address, source))
}

pub(super) fn describe(address: SocketAddr, source: io::Error) -> NlbError {
    match source.kind() {
        io::ErrorKind::AddrInUse => NlbError::AddressInUse { address },
        io::ErrorKind::PermissionDenied => NlbError::PermissionDenied { address },
        _ => NlbError::Listen { address, source },
    }
}

/// Accepts until the service stops. A connection beyond the limit stays in the kernel's queue.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let stopping = shared.stopping.clone();
    stopping
        .run_until_cancelled(accept_forever(shared, listener))
        .await;
}

async fn accept_forever(shared: Arc<Shared>, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(shared.limits.max_connections));
    let mut pause = BACK_OFF.0;
    // The semaphore is never closed.
    while let Ok(slot) = slots.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((client, address)) => {
                pause = BACK_OFF.0;
                if !cfg!(target_os = "linux") && client.set_nodelay(true).is_err() {
                    continue; // The client has gone already.
                }
                shared
                    .tasks
                    .spawn(serve(shared.clone(), client, address, slot));
            }
            // One connection failed before it was accepted (accept(2), "Error handling"); the next
            // may not.
            Err(error) if is_about_one_connection(&error) => {}
            // Out of files or memory. Trying again at once would only burn CPU time.
            Err(error) => {
                tracing::warn!(%error, ?pause, "cannot accept connections for now");
                sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted,
        NetworkDown, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_bind_names_the_address_and_the_reason() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let message = |kind: io::ErrorKind| describe(address, kind.into()).to_string();
        assert!(
            message(io::ErrorKind::PermissionDenied).contains("127.0.0.1:80: permission denied")
        );
        assert!(message(io::ErrorKind::AddrInUse).contains("127.0.0.1:80: the address is in use"));
        assert_eq!(
            message(io::ErrorKind::AddrNotAvailable),
            "cannot listen on 127.0.0.1:80"
        );
    }

    #[test]
    fn running_out_of_files_is_not_about_one_connection() {
        let too_many_files = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert!(!is_about_one_connection(&too_many_files));
        assert!(is_about_one_connection(
            &io::ErrorKind::ConnectionAborted.into()
        ));
    }
}
