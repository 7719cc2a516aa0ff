//! A connection through a SOCKS proxy, version 5 (RFC 1928), with user and password (RFC 1929).

use std::{io, net::IpAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{connect::ConnectError, stream::Socket};
use crate::{
    proxy::{Login, Proxy},
    record::Failure,
    route::bracketed,
};

const VERSION: u8 = 5;
/// Ways to log in.
const NO_LOGIN: u8 = 0;
const BY_PASSWORD: u8 = 2;

/// Has the proxy connect to a port of a host, which is a name or an address. From then on the
/// socket is the target's.
pub(super) async fn open(
    socket: &mut Socket,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), ConnectError> {
    handshake(socket, proxy.login(), host, port)
        .await
        .map_err(|refusal| {
            let reason = format!(
                "the proxy {proxy} did not connect to {}:{port}: {refusal}",
                bracketed(host)
            );
            ConnectError::new(Failure::Proxy, &reason)
        })
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it does not speak SOCKS 5")]
    Version,
    #[error("it requires a login, as in --proxy socks5://USER:PASSWORD@HOST:PORT")]
    LoginMissing,
    #[error("it does not accept the login of --proxy")]
    Login,
    #[error("the name is longer than SOCKS can say")]
    Name,
    #[error("{0}")]
    Reply(&'static str),
}

async fn handshake(
    socket: &mut Socket,
    login: Option<&Login>,
    host: &str,
    port: u16,
) -> Result<(), Refusal> {
    let methods: &[u8] = match login {
        None => &[NO_LOGIN],
        Some(_) => &[NO_LOGIN, BY_PASSWORD],
    };
    let mut greeting = vec![VERSION, methods.len() as u8];
    greeting.extend_from_slice(methods);
    socket.write_all(&greeting).await?;
    let mut chosen = [0; 2];
    read(socket, &mut chosen).await?;
    match (chosen, login) {
        ([VERSION, NO_LOGIN], _) => {}
        ([VERSION, BY_PASSWORD], Some(login)) => log_in(socket, login).await?,
        ([VERSION, _], None) => return Err(Refusal::LoginMissing),
        ([VERSION, _], Some(_)) => return Err(Refusal::Login),
        _ => return Err(Refusal::Version),
    }
    socket.write_all(&request(host, port)?).await?;
    let mut reply = [0; 4];
    read(socket, &mut reply).await?;
    let [VERSION, code, _, kind] = reply else {
        return Err(Refusal::Version);
    };
    if code != 0 {
        return Err(Refusal::Reply(explain(code)));
    }
    // The address that the proxy connects from, which is of no use here.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => {
            let mut length = [0];
            read(socket, &mut length).await?;
            length[0].into()
        }
        _ => return Err(Refusal::Version),
    };
    read(socket, &mut vec![0; length + 2]).await
}

async fn log_in(socket: &mut Socket, login: &Login) -> Result<(), Refusal> {
    let mut message = vec![1];
    for text in [&login.user, &login.password] {
        // A `Login` has no longer ones.
        message.push(text.len() as u8);
        message.extend_from_slice(text.as_bytes());
    }
    socket.write_all(&message).await?;
    let mut answer = [0; 2];
    read(socket, &mut answer).await?;
    if answer[1] == 0 {
        Ok(())
    } else {
        Err(Refusal::Login)
    }
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, Refusal> {
    let mut request = vec![VERSION, 1, 0];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.push(1);
            request.extend(ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(4);
            request.extend(ip.octets());
        }
        Err(_) => {
            request.push(3);
            request.push(host.len().try_into().map_err(|_| Refusal::Name)?);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

async fn read(socket: &mut Socket, buffer: &mut [u8]) -> Result<(), Refusal> {
    match socket.read_exact(buffer).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Refusal::Reply("it closed the connection"))
        }
        Err(error) => Err(error.into()),
    }
}

fn explain(code: u8) -> &'static str {
    match code {
        2 => "its rules forbid it",
        3 => "the network is unreachable",
        4 => "the host is unreachable",
        5 => "the connection was refused",
        6 => "the time to live is over",
        7 => "it does not know how to connect",
        8 => "it does not know this kind of address",
        _ => "it failed, without a reason",
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::{Socket, open};

    /// What the client sends and what it gets, in turn.
    type Dialogue = &'static [(&'static [u8], &'static [u8])];

    /// Has the client speak with a proxy that takes nothing but this. Gives the failure, or what
    /// the target said first.
    async fn speak(dialogue: Dialogue, login: &str, host: &str) -> Result<Vec<u8>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let proxy = format!("socks5://{login}{address}").parse().expect("valid");
        let server = async {
            let (mut client, _) = listener.accept().await.expect("a client");
            for (expected, answer) in dialogue {
                let mut sent = vec![0; expected.len()];
                client.read_exact(&mut sent).await.expect("a message");
                assert_eq!(sent, *expected);
                client.write_all(answer).await.expect("answered");
            }
        };
        let client = async {
            let stream = TcpStream::connect(address).await.expect("connected");
            let mut socket = Socket::Tcp(stream);
            let opened = open(&mut socket, &proxy, host, 0x150).await;
            opened.map_err(|error| error.reason)?;
            let mut first = Vec::new();
            socket.read_to_end(&mut first).await.expect("the end");
            Ok(first)
        };
        tokio::join!(server, client).1
    }

    const NAME: &[u8] = b"\x05\x01\x00\x03\x03a.b\x01\x50";
    const V4: &[u8] = b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\x50";
    const V6: &[u8] = b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x50";
    const GREETING: (&[u8], &[u8]) = (b"\x05\x01\x00", b"\x05\x00");
    const GREETING_WITH_LOGIN: (&[u8], &[u8]) = (b"\x05\x02\x00\x02", b"\x05\x02");

    #[tokio::test]
    async fn what_follows_the_reply_is_the_targets_whatever_address_it_names() {
        let cases: [(Dialogue, &str, &str); 4] = [
            (
                &[
                    GREETING,
                    (V4, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x07hello"),
                ],
                "",
                "127.0.0.1",
            ),
            (
                &[GREETING, (NAME, b"\x05\x00\x00\x03\x02xx\x00\x07hello")],
                "",
                "a.b",
            ),
            (
                &[
                    GREETING_WITH_LOGIN,
                    (b"\x01\x01u\x02pw", b"\x01\x00"),
                    (
                        V6,
                        b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x07hello",
                    ),
                ],
                "u:pw@",
                "::1",
            ),
            // A proxy that asks for no login though there is one.
            (
                &[
                    (b"\x05\x02\x00\x02", b"\x05\x00"),
                    (NAME, b"\x05\x00\x00\x01\0\0\0\0\0\0hello"),
                ],
                "u:pw@",
                "a.b",
            ),
        ];
        for (dialogue, login, host) in cases {
            let first = speak(dialogue, login, host).await;
            assert_eq!(first.as_deref(), Ok(&b"hello"[..]), "{host}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_said_in_words() {
        let long = "n".repeat(256);
        let cases: [(Dialogue, &str, &str, &str); 9] = [
            (
                &[(b"\x05\x01\x00", b"\x05\xff")],
                "",
                "a.b",
                "requires a login",
            ),
            (
                &[(b"\x05\x02\x00\x02", b"\x05\xff")],
                "u:p@",
                "a.b",
                "not accept the login",
            ),
            (
                &[GREETING_WITH_LOGIN, (b"\x01\x01u\x01p", b"\x01\x01")],
                "u:p@",
                "a.b",
                "not accept the login",
            ),
            (&[(b"\x05\x01\x00", b"HT")], "", "a.b", "not speak SOCKS 5"),
            (
                &[(b"\x05\x01\x00", b"\x05")],
                "",
                "a.b",
                "closed the connection",
            ),
            (
                &[GREETING, (NAME, b"\x05\x02\x00\x01")],
                "",
                "a.b",
                "rules forbid",
            ),
            (
                &[GREETING, (NAME, b"\x05\x05\x00\x01")],
                "",
                "a.b",
                "was refused",
            ),
            (
                &[GREETING, (NAME, b"\x05\x09\x00\x01")],
                "",
                "a.b",
                "without a reason",
            ),
            (&[GREETING], "", &long, "longer than SOCKS"),
        ];
        for (dialogue, login, host, part) in cases {
            let refusal = speak(dialogue, login, host).await.expect_err(part);
            assert!(refusal.contains(part), "{part}: {refusal}");
            assert!(!refusal.contains("u:p@"), "{refusal}");
        }
    }
}
