//! The way to a target that is not the straight one: another host, addresses that are given, a Unix
//! socket, a proxy.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    str::FromStr,
};

use crate::{
    proxy::{Proxy, ProxyScheme},
    target::{self, Target},
    text::ColumnError,
};

/// How connections reach the target; by default straight. The request, its `Host` header and the
/// name in TLS stay those of the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The first that fits the target says where to connect instead.
    pub connect_to: Vec<ConnectTo>,
    /// Addresses to use for names instead of asking the resolver; the last that fits counts.
    pub resolve: Vec<Resolve>,
    /// Connect to this socket, whatever the target's host is.
    pub unix_socket: Option<PathBuf>,
    pub proxy: Option<Proxy>,
    /// Have an HTTP proxy open a tunnel for `http://` too, as it always does for `https://`.
    pub proxy_tunnel: bool,
}

impl Route {
    /// The host and port to connect to for a target.
    pub(crate) fn destination(&self, target: &Target) -> (String, u16) {
        let (host, port) = (target.host(), target.port());
        let other = self.redirection(target);
        let to = |other: &ConnectTo| {
            let host = other.to_host.clone().unwrap_or_else(|| host.to_owned());
            (host, other.to_port.unwrap_or(port))
        };
        other.map_or_else(|| (host.to_owned(), port), to)
    }

    fn redirection(&self, target: &Target) -> Option<&ConnectTo> {
        self.connect_to.iter().find(|entry| {
            entry
                .host
                .as_deref()
                .is_none_or(|host| host == target.host())
                && entry.port.is_none_or(|port| port == target.port())
        })
    }

    /// The addresses that were given for a host and port. A name counts before `*`.
    pub(crate) fn given(&self, host: &str, port: u16) -> Option<&Resolve> {
        let named = |name: Option<&str>| {
            let entries = self.resolve.iter().rev();
            entries
                .filter(|entry| entry.port == port)
                .find(|entry| entry.host.as_deref() == name)
        };
        named(Some(host)).or_else(|| named(None))
    }

    /// The proxy that is asked with whole URLs, since it opens no tunnel. `http2` is what no proxy
    /// passes on.
    pub(crate) fn forwarder(&self, target: &Target, http2: bool) -> Option<&Proxy> {
        let proxy = self.proxy.as_ref();
        proxy.filter(|proxy| {
            proxy.scheme() == ProxyScheme::Http
                && !(target.is_tls() || http2 || self.proxy_tunnel)
                && self.redirection(target).is_none()
        })
    }

    /// The settings of a report.
    pub(crate) fn describe(&self) -> BTreeMap<&'static str, String> {
        fn list(texts: impl Iterator<Item = String>) -> Option<String> {
            let texts: Vec<String> = texts.collect();
            (!texts.is_empty()).then(|| texts.join(" "))
        }
        let tunnel = self.proxy.is_some() && self.proxy_tunnel;
        let settings = [
            (
                "connect_to",
                list(self.connect_to.iter().map(ToString::to_string)),
            ),
            (
                "resolve",
                list(self.resolve.iter().map(ToString::to_string)),
            ),
            (
                "unix_socket",
                self.unix_socket
                    .as_ref()
                    .map(|path| path.display().to_string()),
            ),
            ("proxy", self.proxy.as_ref().map(ToString::to_string)),
            ("proxy_tunnel", tunnel.then(|| "true".to_owned())),
        ];
        let known = settings.into_iter();
        known
            .filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }
}

/// Another place to connect to, for a target: `HOST:PORT:HOST:PORT`, as curl's `--connect-to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    host: Option<String>,
    port: Option<u16>,
    to_host: Option<String>,
    to_port: Option<u16>,
}

impl FromStr for ConnectTo {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ends = fields(text);
        let [host_end, port_end, to_host_end, ..] = ends[..] else {
            return Err(ColumnError::new(
                text,
                text.len(),
                "expected HOST:PORT:HOST:PORT, such as example.org:443:127.0.0.1:8443; what is empty fits anything, or stays",
            ));
        };
        if let Some(third) = ends.get(3).filter(|_| ends.len() > 4) {
            return Err(ColumnError::new(
                text,
                *third,
                "too many fields: an IPv6 address needs brackets, such as [::1]",
            ));
        }
        let to_port_start = (to_host_end + 1).min(text.len());
        Ok(Self {
            host: optional_host(text, 0, host_end)?,
            port: optional_port(text, host_end + 1, port_end)?,
            to_host: optional_host(text, port_end + 1, to_host_end)?,
            to_port: optional_port(text, to_port_start, text.len())?,
        })
    }
}

impl fmt::Display for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = [(&self.host, self.port), (&self.to_host, self.to_port)];
        for (index, (host, port)) in pairs.into_iter().enumerate() {
            let between = if index == 0 { "" } else { ":" };
            let host = host.as_deref().map(bracketed).unwrap_or_default();
            let port = port.map(|port| port.to_string()).unwrap_or_default();
            write!(f, "{between}{host}:{port}")?;
        }
        Ok(())
    }
}

/// Addresses for a host and port: `[+]HOST:PORT:ADDRESS[,ADDRESS]…`, as curl's `--resolve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// None for every host.
    host: Option<String>,
    port: u16,
    addresses: Vec<IpAddr>,
    /// Whether the resolver is asked when names are resolved again.
    expires: bool,
}

impl Resolve {
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    pub(crate) fn expires(&self) -> bool {
        self.expires
    }
}

impl FromStr for Resolve {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |at: usize, why: &str| Err(ColumnError::new(text, at, why));
        let [host_end, port_end, ..] = fields(text)[..] else {
            return fail(
                text.len(),
                "expected HOST:PORT:ADDRESS[,ADDRESS], such as example.org:443:127.0.0.1",
            );
        };
        if port_end == text.len() {
            return fail(port_end, "the address is missing");
        }
        let start = usize::from(text.starts_with('+'));
        let host = match &text[start..host_end] {
            "*" => None,
            _ => Some(target::host(text, start, host_end)?),
        };
        let Some(port) = optional_port(text, host_end + 1, port_end)? else {
            return fail(host_end + 1, "the port is missing");
        };
        let mut addresses = Vec::new();
        let mut at = port_end + 1;
        for part in text[at..].split(',') {
            match address(part) {
                Some(address) if !addresses.contains(&address) => addresses.push(address),
                Some(_) => {}
                None => return fail(at, "expected an IP address, such as 127.0.0.1 or [::1]"),
            }
            at += part.len() + 1;
        }
        Ok(Self {
            host,
            port,
            addresses,
            expires: start == 1,
        })
    }
}

impl fmt::Display for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.expires { "+" } else { "" };
        let host = self.host.as_deref().map_or("*".to_owned(), bracketed);
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        write!(f, "{plus}{host}:{}:{}", self.port, addresses.join(","))
    }
}

fn address(text: &str) -> Option<IpAddr> {
    match text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// A host as it stands in a URL.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Where the fields end that `:` separates, outside of brackets. The last ends with the text.
fn fields(text: &str) -> Vec<usize> {
    let mut depth = 0_i32;
    let mut ends = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ':' if depth <= 0 => ends.push(at),
            _ => {}
        }
    }
    ends.push(text.len());
    ends
}

fn optional_host(text: &str, start: usize, end: usize) -> Result<Option<String>, ColumnError> {
    if start == end {
        Ok(None)
    } else {
        target::host(text, start, end).map(Some)
    }
}

fn optional_port(text: &str, start: usize, end: usize) -> Result<Option<u16>, ColumnError> {
    if start == end {
        Ok(None)
    } else {
        target::port(text, start, end).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectTo, Resolve, Route};
    use crate::target::Target;

    fn route(connect_to: &[&str], resolve: &[&str]) -> Route {
        Route {
            connect_to: connect_to
                .iter()
                .map(|text| text.parse().expect("valid"))
                .collect(),
            resolve: resolve
                .iter()
                .map(|text| text.parse().expect("valid"))
                .collect(),
            ..Route::default()
        }
    }

    #[test]
    fn the_first_entry_that_fits_says_where_to_connect() {
        for (entries, url, expected) in [
            (&["h:80:x:81"][..], "http://H/", ("x", 81)),
            (&["h:81:x:81"], "http://h/", ("h", 80)),
            (&["::127.0.0.1:8080"], "https://h/", ("127.0.0.1", 8080)),
            (&["h::x:"], "http://h:5/", ("x", 5)),
            (&["h::x"], "http://h:5/", ("x", 5)),
            (&[":5::6"], "http://h:5/", ("h", 6)),
            (&["g::x:", "::[::1]:7", "h::y:"], "http://h/", ("::1", 7)),
            (&["[0:0::1]:80:x:"], "http://[::1]/", ("x", 80)),
            (&["BÜCHER.example::x:"], "http://bücher.example/", ("x", 80)),
        ] {
            let target: Target = url.parse().expect("a URL");
            let (host, port) = route(entries, &[]).destination(&target);
            assert_eq!((&*host, port), expected, "{entries:?} {url}");
        }
    }

    #[test]
    fn given_addresses_are_those_of_the_name_or_of_any() {
        let route = route(
            &[],
            &[
                "*:80:127.0.0.9",
                "H:80:127.0.0.1,[::1],127.0.0.1,::2",
                "h:81:127.0.0.3",
                "h:81:127.0.0.4",
            ],
        );
        let given = |host, port| {
            let entry = route.given(host, port)?;
            let addresses = entry.addresses().iter().map(ToString::to_string);
            Some(addresses.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(given("h", 80).as_deref(), Some("127.0.0.1 ::1 ::2"));
        assert_eq!(given("g", 80).as_deref(), Some("127.0.0.9"));
        assert_eq!(given("h", 81).as_deref(), Some("127.0.0.4"), "the last");
        assert_eq!(given("h", 82), None);
        let timed: Resolve = "+h:80:127.0.0.1".parse().expect("valid");
        assert!(timed.expires() && !route.given("h", 80).expect("given").expires());
    }

    #[test]
    fn entries_are_shown_as_they_are_read() {
        for text in ["h:80:x:81", "::[::1]:81", "h:::9", "[::1]:80:h:"] {
            assert_eq!(text.parse::<ConnectTo>().expect(text).to_string(), text);
        }
        for text in [
            "h:80:127.0.0.1,::1",
            "*:443:127.0.0.1",
            "+[::1]:1:127.0.0.1",
        ] {
            assert_eq!(text.parse::<Resolve>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_column() {
        for (text, column, reason) in [
            ("", 1, "HOST:PORT:HOST:PORT"),
            ("h", 2, "HOST:PORT:HOST:PORT"),
            ("h:80", 5, "HOST:PORT:HOST:PORT"),
            ("h:x:i:80", 3, "1 to 65535"),
            ("h:80:i:0", 8, "1 to 65535"),
            ("h:80:::1:80", 7, "brackets"),
            ("h:80:[::1:80", 7, "IPv6"),
            ("h h:80:i:80", 1, "invalid host"),
        ] {
            let error = text.parse::<ConnectTo>().expect_err(text);
            assert!(error.to_string().contains(reason), "{text}: {error}");
            assert_eq!(error.column(), column, "{text}: {error}");
        }
        for (text, column, reason) in [
            ("", 1, "HOST:PORT:ADDRESS"),
            ("h:80", 5, "the address is missing"),
            ("h:80:", 6, "an IP address"),
            ("h::127.0.0.1", 3, "port is missing"),
            ("h:80:127.0.0.1,x", 16, "an IP address"),
            ("h:80:[127.0.0.1]", 6, "an IP address"),
            (":80:127.0.0.1", 1, "host is missing"),
        ] {
            let error = text.parse::<Resolve>().expect_err(text);
            assert!(error.to_string().contains(reason), "{text}: {error}");
            assert_eq!(error.column(), column, "{text}: {error}");
        }
    }
}
