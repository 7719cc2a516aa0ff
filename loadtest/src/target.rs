//! The address under test: a URL split into what a client needs to connect and to ask.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::text::ColumnError;

/// An `http://` or `https://` URL, checked.
///
/// Accepts `http[s]://host[:port][/path][?query]`. A fragment is refused, since it is never sent; so are credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Target {
    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host name or address, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query as they are sent in the request line.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The `Host` header: host, and the port unless it is the scheme's own (RFC 9110, 7.2).
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let default = if self.tls { 443 } else { 80 };
        if self.port == default {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// The host as an IP address, when it is one: such a target is never resolved.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl FromStr for Target {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |at: usize, why: &str| Err(ColumnError::new(text, at, why));
        let (tls, start) = if text.starts_with("http://") {
            (false, 7)
        } else if text.starts_with("https://") {
            (true, 8)
        } else if let Some(at) = text.find("://") {
            return fail(
                0,
                &format!("the scheme must be http or https, not {:?}", &text[..at]),
            );
        } else {
            return fail(0, "a URL starts with http:// or https://");
        };
        if let Some(at) = text.find(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii())
        {
            return fail(
                at,
                "only printable ASCII is allowed here; percent-encode it",
            );
        }
        if let Some(at) = text.find('#') {
            return fail(at, "a fragment is never sent to a server; leave it out");
        }
        let end = text[start..]
            .find(['/', '?'])
            .map_or(text.len(), |n| start + n);
        let authority = &text[start..end];
        if let Some(at) = authority.find('@') {
            return fail(
                start + at,
                "credentials in a URL are not used; give --header 'Authorization: …'",
            );
        }
        let (host, host_end) = if let Some(rest) = authority.strip_prefix('[') {
            let Some(close) = rest.find(']') else {
                return fail(start, "the '[' of an IPv6 address has no ']'");
            };
            if rest[..close].parse::<std::net::Ipv6Addr>().is_err() {
                return fail(start + 1, "this is not an IPv6 address");
            }
            (&rest[..close], start + close + 2)
        } else {
            let len = authority.find(':').unwrap_or(authority.len());
            (&authority[..len], start + len)
        };
        if host.is_empty() {
            return fail(start, "the host is missing");
        }
        let port = match text[host_end..end].strip_prefix(':') {
            None if host_end == end => {
                if tls {
                    443
                } else {
                    80
                }
            }
            None => return fail(host_end, "expected ':' and a port, or '/'"),
            Some(digits) => match digits.parse::<u16>() {
                Ok(port) if port > 0 && !digits.starts_with('+') => port,
                _ => return fail(host_end + 1, "a port is a number from 1 to 65535"),
            },
        };
        let path = match &text[end..] {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn parse(text: &str) -> Target {
        text.parse().expect("a valid URL")
    }

    #[test]
    fn splits_what_a_client_needs() {
        let target = parse("http://example.org:8080/a/b?c=d");
        assert_eq!(
            (target.host(), target.port(), target.path()),
            ("example.org", 8080, "/a/b?c=d")
        );
        assert_eq!(target.authority(), "example.org:8080");
        assert_eq!(
            parse("https://example.org").to_string(),
            "https://example.org/"
        );
        assert_eq!(parse("http://[::1]:81?x").to_string(), "http://[::1]:81/?x");
        assert_eq!(parse("http://h:80").authority(), "h");
    }

    #[test]
    fn refuses_with_the_column_and_the_reason() {
        for (text, column, reason) in [
            ("example.org", 1, "starts with http"),
            ("ftp://x", 1, "http or https"),
            ("http://", 8, "host is missing"),
            ("http://h:0/", 10, "1 to 65535"),
            ("http://h:99999/", 10, "1 to 65535"),
            ("http://h/a b", 11, "percent-encode"),
            ("http://u:p@h/", 11, "credentials"),
            ("http://h/#x", 10, "fragment"),
            ("http://[::1", 8, "no ']'"),
            ("http://[zz]/", 9, "not an IPv6"),
        ] {
            let error = text.parse::<Target>().expect_err(text);
            assert_eq!(error.column(), column, "{text}: {error}");
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }
}
