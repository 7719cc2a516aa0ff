//! Tunnels: from a client's TLS to the API's plain HTTP, byte by byte.

use std::{io, net::SocketAddr, sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    super::cloud::Cloud,
    connect::{self, Refused},
};

/// Tunnels at the same time; terraform opens some ten.
const TUNNELS: usize = 512;

/// The longest head of a request for a tunnel.
const MAX_HEAD: usize = 8192;

/// How long a client may take to ask for a tunnel and to shake hands.
const SET_UP_WITHIN: Duration = Duration::from_secs(10);

/// Until the next try when no connection can be taken, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the cloud stops.
pub(super) async fn serve(
    cloud: Arc<Cloud>,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    api: SocketAddr,
) {
    let tunnels = Arc::new(Semaphore::new(TUNNELS));
    let stopping = cloud.stopping.clone();
    while let Some(accepted) = stopping.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the proxy cannot take a connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&tunnels).try_acquire_owned() else {
            tracing::warn!("too many tunnels at once");
            continue;
        };
        let (owner, acceptor) = (Arc::clone(&cloud), acceptor.clone());
        cloud.spawn(async move {
            let tunnel = tunnel(&owner, stream, &acceptor, api);
            if let Some(Err(error)) = owner.stopping.run_until_cancelled(tunnel).await {
                tracing::debug!(%error, "a tunnel ended");
            }
            drop(permit);
        });
    }
}

async fn tunnel(
    cloud: &Cloud,
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    api: SocketAddr,
) -> io::Result<()> {
    let head = timeout(SET_UP_WITHIN, head(&mut stream)).await??;
    if let Err(refused) = connect::check(&head) {
        return refuse(cloud, stream, &refused).await;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut client = timeout(SET_UP_WITHIN, acceptor.accept(stream)).await??;
    let mut server = TcpStream::connect(api).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Up to the empty line. A client waits for the answer before it sends more.
async fn head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while head.len() < MAX_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(head)
}

async fn refuse(cloud: &Cloud, mut stream: TcpStream, refused: &Refused) -> io::Result<()> {
    tracing::warn!(%refused, "the proxy refuses a connection");
    if let Some(intercept) = &cloud.intercept {
        intercept.refused.fetch_add(1, Ordering::Relaxed);
    }
    let (status, text) = (refused.status(), refused.to_string());
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}\n",
        text.len() + 1
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
