//! One health check of one member.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{HealthCheckMode, tls};

/// A status line is far shorter; a server that sends more without one is not speaking HTTP.
const STATUS_LINE_MAX: usize = 256;

/// Why a check failed, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("status {0}")]
    Status(u16),
    #[error("the answer is not HTTP")]
    NotHttp,
    #[error("no answer in time")]
    Timeout,
}

/// Checks a member once. The caller bounds the time.
pub(super) async fn probe(mode: &HealthCheckMode, address: SocketAddr) -> Result<(), ProbeError> {
    let mut stream = TcpStream::connect(address).await?;
    match mode {
        HealthCheckMode::Tcp => Ok(()),
        HealthCheckMode::Http { uri } => ask(&mut stream, uri, &address.to_string()).await,
        HealthCheckMode::Https { uri, sni } => {
            let mut stream = tls::connect(stream, sni.as_deref()).await?;
            let host = sni.clone().unwrap_or_else(|| address.to_string());
            ask(&mut stream, uri, &host).await
        }
    }
}

async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    uri: &str,
    host: &str,
) -> Result<(), ProbeError> {
    let request = format!(
        "GET {uri} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: nlb-health-check\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    match read_status(stream).await? {
        200..=299 => Ok(()),
        status => Err(ProbeError::Status(status)),
    }
}

async fn read_status(stream: &mut (impl AsyncRead + Unpin)) -> Result<u16, ProbeError> {
    let mut buffer = [0; STATUS_LINE_MAX];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        filled += read;
        if let Some(end) = buffer[..filled].iter().position(|&byte| byte == b'\n') {
            return parse_status(&buffer[..end]).ok_or(ProbeError::NotHttp);
        }
        if read == 0 {
            return Err(ProbeError::NotHttp);
        }
    }
}

/// The status code of a status line without its line feed (RFC 9112, section 4).
fn parse_status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let [b'0'..=b'9', b' ', code @ ..] = rest else {
        return None;
    };
    let (digits, reason) = code.split_at_checked(3)?;
    if !matches!(reason, [] | [b' ' | b'\r', ..]) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        assert_eq!(parse_status(b"HTTP/1.1 200 OK\r"), Some(200));
        assert_eq!(parse_status(b"HTTP/1.0 503 Service Unavailable"), Some(503));
        assert_eq!(parse_status(b"HTTP/1.1 204"), Some(204));
        assert_eq!(parse_status(b"HTTP/1.1 204\r"), Some(204));
        for bad in [
            "",
            "SSH-2.0-OpenSSH",
            "HTTP/1.1 20",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/2 200",
            "HTTP/1.1  200",
        ] {
            assert_eq!(parse_status(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
