//! The request with which a client asks a proxy for a tunnel (RFC 9110, section 9.3.6), and which
//! of them are granted.

use thiserror::Error;

use super::super::catalog;

/// Why there is no tunnel.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Refused {
    /// Not for a host of Exoscale's API.
    #[error(
        "the local cloud stands in for api-<zone>.exoscale.com:443 only and connects to nothing else, so not to {0} (run `terraform init` before you set HTTPS_PROXY)"
    )]
    Host(String),
    /// A request that is for a web server.
    #[error("this is the local cloud's proxy: it takes CONNECT only")]
    Method,
    /// Not HTTP.
    #[error("this is the local cloud's proxy: it cannot read this request")]
    Malformed,
}

impl Refused {
    /// Status and reason; some clients show nothing else.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Host(_) => "403 The local cloud stands in for Exoscale's API only",
            Self::Method => "405 Method Not Allowed",
            Self::Malformed => "400 Bad Request",
        }
    }
}

/// Reads the head of a request; `Ok` when it asks for a tunnel to Exoscale's API.
pub(super) fn check(head: &[u8]) -> Result<(), Refused> {
    let text = std::str::from_utf8(head).map_err(|_| Refused::Malformed)?;
    let line = text.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refused::Malformed);
    };
    if !version.starts_with("HTTP/1.") {
        return Err(Refused::Malformed);
    }
    if method != "CONNECT" {
        return Err(Refused::Method);
    }
    let host = target.strip_suffix(":443");
    if host.and_then(zone_of).is_some() {
        Ok(())
    } else {
        Err(Refused::Host(target.to_owned()))
    }
}

/// The zone whose API has this name.
pub(in super::super) fn zone_of(host: &str) -> Option<&'static str> {
    let host = host.to_ascii_lowercase();
    catalog::zone(host.strip_prefix("api-")?.strip_suffix(".exoscale.com")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(target: &str) -> Result<(), Refused> {
        check(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes())
    }

    #[test]
    fn only_the_api_of_a_zone_is_granted() {
        assert_eq!(connect("api-at-vie-1.exoscale.com:443"), Ok(()));
        assert_eq!(connect("API-CH-GVA-2.exoscale.com:443"), Ok(()));
        for target in [
            "api-at-vie-1.exoscale.com:80",
            "api-at-vie-1.exoscale.com",
            "api-mars-1.exoscale.com:443",
            "sos-at-vie-1.exo.io:443",
            "api-at-vie-1.exoscale.com.evil.example:443",
            "example.com:443",
            "127.0.0.1:22",
        ] {
            assert_eq!(connect(target), Err(Refused::Host(target.to_owned())));
        }
    }

    #[test]
    fn other_requests_are_told_what_this_is() {
        assert_eq!(check(b"GET / HTTP/1.1\r\n\r\n"), Err(Refused::Method));
        for head in [
            &b"\x16\x03\x01"[..],
            b"",
            b"CONNECT\r\n\r\n",
            b"CONNECT a b c\r\n",
            b"\xff",
        ] {
            assert_eq!(check(head), Err(Refused::Malformed));
        }
    }
}
