//! A tunnel through an HTTP proxy: the method CONNECT (RFC 9110, 9.3.6).

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{connect::ConnectError, stream::Socket};
use crate::{http1::MAX_HEAD, proxy::Proxy, record::Failure};

/// Has the proxy connect to `authority`, a host with its port. From then on the socket is the
/// target's.
pub(super) async fn open(
    socket: &mut Socket,
    proxy: &Proxy,
    authority: &str,
) -> Result<(), ConnectError> {
    let mut request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: loadtest/{}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    if let Some(login) = proxy.authorization() {
        // Writing to a String cannot fail.
        let _ = write!(request, "Proxy-Authorization: {login}\r\n");
    }
    request.push_str("\r\n");
    let refused = |reason: &str| {
        let reason = format!("the proxy {proxy} did not connect to {authority}: {reason}");
        ConnectError::new(Failure::Proxy, &reason)
    };
    let io = |error: std::io::Error| refused(&error.to_string());
    socket.write_all(request.as_bytes()).await.map_err(io)?;
    let mut head = Vec::with_capacity(512);
    // Byte by byte: what follows the head belongs to the target.
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read(&mut byte).await.map_err(io)? == 0 {
            return Err(refused("it closed the connection"));
        }
        head.push(byte[0]);
        if head.len() > MAX_HEAD {
            return Err(refused("its response is too large"));
        }
    }
    match status(&head) {
        Some((200..300, _)) => Ok(()),
        Some((407, _)) if proxy.login().is_none() => Err(refused(
            "407: it requires a login, as in --proxy http://USER:PASSWORD@HOST:PORT",
        )),
        Some((407, _)) => Err(refused("407: it does not accept the login of --proxy")),
        Some((status, phrase)) => Err(refused(format!("{status} {phrase}").trim_end())),
        None => Err(refused("its response is not HTTP/1")),
    }
}

/// The status of a response and what it says about it.
fn status(head: &[u8]) -> Option<(u16, &str)> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.splitn(3, ' ');
    let version = words.next()?;
    let status = words.next()?;
    if !version.starts_with("HTTP/1.") || status.len() != 3 {
        return None;
    }
    Some((status.parse().ok()?, words.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::{MAX_HEAD, Socket, open, status};

    /// What the target says first, or the failure, when a proxy answers with this and closes.
    async fn opened(answer: &[u8]) -> Result<Vec<u8>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let proxy = format!("http://{address}").parse().expect("valid");
        let server = async {
            let (mut client, _) = listener.accept().await.expect("a client");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(client.read_u8().await.expect("a request"));
            }
            assert!(request.starts_with(b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n"));
            // Too much is not read to its end.
            let _ = client.write_all(answer).await;
        };
        let client = async {
            let stream = TcpStream::connect(address).await.expect("connected");
            let mut socket = Socket::Tcp(stream);
            let opened = open(&mut socket, &proxy, "h:1").await;
            opened.map_err(|error| error.reason)?;
            let mut first = [0; 5];
            socket.read_exact(&mut first).await.expect("five bytes");
            Ok(first.to_vec())
        };
        tokio::join!(server, client).1
    }

    #[tokio::test]
    async fn what_follows_the_proxys_head_is_the_targets() {
        let first = opened(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello").await;
        assert_eq!(first.as_deref(), Ok(&b"hello"[..]));
        let long = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(MAX_HEAD));
        for (answer, part) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], "it closed the connection"),
            (b"SSH-2.0-x\r\n\r\n", "its response is not HTTP/1"),
            (
                b"HTTP/1.1 504 Slow\r\n\r\n",
                "did not connect to h:1: 504 Slow",
            ),
            (long.as_bytes(), "its response is too large"),
        ] {
            let refusal = opened(answer).await.expect_err(part);
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
    }

    #[test]
    fn a_status_line_is_read_with_its_phrase() {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some((200, "OK"))),
            (
                "HTTP/1.0 403 Not here, no\r\nA: b\r\n\r\n",
                Some((403, "Not here, no")),
            ),
            ("HTTP/1.1 502\r\n\r\n", Some((502, ""))),
            ("HTTP/2 200 OK\r\n\r\n", None),
            ("HTTP/1.1 20 OK\r\n\r\n", None),
            ("SSH-2.0\r\n\r\n", None),
            ("\r\n\r\n", None),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head:?}");
        }
    }
}
