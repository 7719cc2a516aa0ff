//! An HTTP proxy that takes nothing but what RFC 9110 and 9112 have a client send to one.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

pub(super) struct StrictProxy {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) forwarded: AtomicU64,
    pub(super) tunnels: AtomicU64,
    /// What a client did that it must not do.
    pub(super) faults: Mutex<Vec<String>>,
}

/// How it is set up.
#[derive(Clone, Default)]
pub(super) struct Setup {
    /// The only `Proxy-Authorization` that it accepts.
    pub(super) authorization: Option<String>,
    /// What it says to everything instead of doing it: a status line's end.
    pub(super) refusal: Option<&'static str>,
    /// Where all requests go, whatever their names.
    pub(super) origin: Option<SocketAddr>,
}

impl StrictProxy {
    pub(super) async fn start(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (setup, seen) = (setup.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Err(fault) = serve(stream, &setup, &seen).await {
                        seen.faults.lock().expect("unharmed").push(fault);
                    }
                });
            }
        });
        Self { address, seen }
    }

    #[track_caller]
    pub(super) fn assert_faultless(&self) {
        let faults = self.seen.faults.lock().expect("unharmed");
        assert!(faults.is_empty(), "{faults:?}");
    }
}

/// A request's head, up to the empty line; none when the client is gone.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn header<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    lines
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

async fn serve(mut client: TcpStream, setup: &Setup, seen: &Seen) -> Result<(), String> {
    let mut upstream: Option<TcpStream> = None;
    while let Some(head) = head(&mut client).await {
        let refusal = match &setup.authorization {
            Some(only) if header(&head, "proxy-authorization") != [only.as_str()] => {
                Some("407 Login\r\nProxy-Authenticate: Basic realm=\"x\"")
            }
            _ => setup.refusal,
        };
        if let Some(refusal) = refusal {
            let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n");
            // A client may leave as soon as it knows.
            let _ = client.write_all(answer.as_bytes()).await;
            continue;
        }
        let line = head.split("\r\n").next().unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        let [method, target, "HTTP/1.1"] = words[..] else {
            return Err(format!("not a request line: {line:?}"));
        };
        let [host] = header(&head, "host")[..] else {
            return Err(format!("not one host: {head:?}"));
        };
        if method == "CONNECT" {
            // RFC 9110, 9.3.6: host and port, and nothing else.
            let port = target
                .rsplit_once(':')
                .and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() || host != target || target.contains('/') {
                return Err(format!("not a target of CONNECT: {head:?}"));
            }
            seen.tunnels.fetch_add(1, Ordering::Relaxed);
            return tunnel(client, setup.origin, target).await;
        }
        // RFC 9112, 3.2.2: the whole URL, with the host that the header has.
        let Some(path) = target
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_prefix(host))
        else {
            return Err(format!("not the whole URL of {host}: {target}"));
        };
        seen.forwarded.fetch_add(1, Ordering::Relaxed);
        let origin = match &mut upstream {
            Some(origin) => origin,
            none => none.insert(connect(setup.origin, host).await?),
        };
        let kept = head.split("\r\n").skip(1);
        let kept: Vec<&str> = kept
            .filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"))
            .collect();
        let request = format!("{method} {path} HTTP/1.1\r\n{}", kept.join("\r\n"));
        if pass_on(&mut client, origin, &request).await.is_none() {
            break;
        }
    }
    Ok(())
}

async fn connect(origin: Option<SocketAddr>, host: &str) -> Result<TcpStream, String> {
    let connected = match origin {
        Some(address) => TcpStream::connect(address).await,
        None => TcpStream::connect(host).await,
    };
    connected.map_err(|error| format!("cannot connect to {host}: {error}"))
}

async fn tunnel(
    mut client: TcpStream,
    origin: Option<SocketAddr>,
    host: &str,
) -> Result<(), String> {
    let mut origin = connect(origin, host).await?;
    // Whatever the target sends first goes out with the answer, as servers of HTTP/2 do: a client
    // must not take it for the proxy's.
    let _ = client
        .write_all(b"HTTP/1.1 200 Connected\r\nVia: 1.1 strict\r\n\r\n")
        .await;
    let _ = copy_bidirectional(&mut client, &mut origin).await;
    Ok(())
}

/// Sends a request to the origin and its response to the client; the test's have a length of 5.
async fn pass_on(client: &mut TcpStream, origin: &mut TcpStream, request: &str) -> Option<()> {
    origin.write_all(request.as_bytes()).await.ok()?;
    let mut answer = head(origin).await?.into_bytes();
    let mut body = [0; 5];
    origin.read_exact(&mut body).await.ok()?;
    answer.extend_from_slice(&body);
    client.write_all(&answer).await.ok()
}
