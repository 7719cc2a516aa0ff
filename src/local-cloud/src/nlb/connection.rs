//! One client's connection, from accepting it to its end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpStream, sync::OwnedSemaphorePermit, time::timeout};

use super::{
    member::Member,
    relay::{Ending, relay},
    service::Shared,
};

/// Serves one connection; `_slot` counts it against the limit until it ends.
pub(super) async fn serve(
    shared: Arc<Shared>,
    mut client: TcpStream,
    address: SocketAddr,
    _slot: OwnedSemaphorePermit,
) {
    let counters = &shared.counters;
    counters.total.add(1);
    let _open = counters.open.hold();
    let Some((mut server, member)) = shared
        .kill
        .run_until_cancelled(connect(&shared, address))
        .await
        .flatten()
    else {
        counters.refused.add(1);
        reset(&client);
        return;
    };
    let _open_to_member = member.open.hold();
    let relaying = relay(
        &mut client,
        &mut server,
        &counters.bytes_from_clients,
        &counters.bytes_to_clients,
    );
    if member.cut.run_until_cancelled(relaying).await != Some(Ending::Closed) {
        reset(&client);
        reset(&server);
    }
}

/// Connects to a healthy member. One that does not take the connection (it may have died since its
/// last check) is passed over for the next, so that the client does not notice.
async fn connect(shared: &Shared, client: SocketAddr) -> Option<(TcpStream, Arc<Member>)> {
    let mut tried = Vec::new();
    while tried.len() < shared.limits.connect_attempts {
        // Taken anew each time: the list may have changed while the last attempt ran.
        let member = shared
            .roster
            .borrow()
            .pick(client, &shared.turn, &tried)?
            .clone();
        let error = match attempt(member.address, shared.limits.connect_timeout).await {
            Ok(server) => return Some((server, member)),
            Err(error) => error,
        };
        tracing::debug!(member = %member.address, %error, "member did not take a connection");
        shared.counters.connect_failures.add(1);
        tried.push(member.address);
    }
    None
}

async fn attempt(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let stream = timeout(limit, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Makes dropping the socket send a reset instead of an orderly end.
///
/// It tells the client that the connection failed, where an orderly end would look like an empty
/// (or complete) answer, and leaves no socket behind in TIME-WAIT.
fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "could not turn the close into a reset");
    }
}
