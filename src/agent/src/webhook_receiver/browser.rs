//! Tells requests that a browser may have sent for a web page of others.
//!
//! A page of any site can have its visitor's browser ask for `/up` wherever that browser reaches.
//! The browser says so in headers that no page can change, and that no monitoring sends.

use std::{collections::BTreeSet, net::IpAddr, str::FromStr};

use actix_web::http::{
    Uri,
    header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER},
    uri::Authority,
};

/// How the page that asks and this server are related (<https://www.w3.org/TR/fetch-metadata/>).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the request says that a page of another site made it, or does not say it clearly.
pub(crate) fn is_cross_site(headers: &HeaderMap, uri: &Uri) -> bool {
    // `none` is what a person types or has as a bookmark.
    let is_ours = |value: &HeaderValue| matches!(value.as_bytes(), b"same-origin" | b"none");
    let mut sites = headers.get_all(FETCH_SITE);
    let mut pages = headers.get_all(ORIGIN).chain(headers.get_all(REFERER));
    sites.any(|value| !is_ours(value)) || pages.any(|page| !is_own_page(page, headers, uri))
}

/// Whether a page, or an origin, is of the server that the request names.
fn is_own_page(page: &HeaderValue, headers: &HeaderMap, uri: &Uri) -> bool {
    let page = page.to_str().ok().and_then(|page| page.parse::<Uri>().ok());
    let Some(page) = page else { return false };
    let port = match page.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let place = |authority: &Authority| {
        let host = authority.host().to_ascii_lowercase();
        (host, authority.port_u16().unwrap_or(port))
    };
    let Some(page) = page.authority().map(place) else {
        return false;
    };
    let mut asked = named(headers, uri).peekable();
    asked.peek().is_some() && asked.all(|name| name.is_some_and(|name| place(&name) == page))
}

/// The servers that a request names; `None` for a name that is none.
fn named<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> impl Iterator<Item = Option<Authority>> + 'a {
    let hosts = headers.get_all(HOST).map(|value| {
        let authority = Authority::try_from(value.as_bytes()).ok()?;
        (!authority.as_str().contains('@')).then_some(authority)
    });
    let target = uri.authority().map(|authority| Some(authority.clone()));
    hosts.chain(target)
}

/// Names of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames(BTreeSet<String>);

/// A text that is no name of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write names such as autoscaler.example.net, without a port, a path or a star, and with commas between them"
)]
pub struct InvalidHost;

impl HostNames {
    /// With the machine's own name.
    pub(crate) fn with_own_name(mut self) -> Self {
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy().into_owned();
        self.0.extend(name.parse::<Self>().unwrap_or_default().0);
        self
    }

    /// Whether a request asks for this machine by what nobody else can have made lead here.
    pub(super) fn are_named(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        named(headers, uri).all(|name| name.is_some_and(|name| self.knows(name.host())))
    }

    /// A name without a dot is one of the local network, or of a container beside this one: no
    /// stranger can register it.
    fn knows(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let is_local = !host.contains('.') || host.ends_with(".localhost");
        host.parse::<IpAddr>().is_ok() || is_name(&host) && (is_local || self.0.contains(&host))
    }
}

impl FromStr for HostNames {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(|name| {
            let name = name.trim().to_ascii_lowercase();
            let name = name.strip_suffix('.').unwrap_or(&name);
            is_name(name).then(|| name.to_owned()).ok_or(InvalidHost)
        });
        names.collect::<Result<_, _>>().map(Self)
    }
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.split('.')
        .all(|label| !label.is_empty() && label.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn what_monitoring_and_people_send_is_not_cross_site() {
        for pairs in [
            &[("host", "10.0.0.7:8090")][..],
            &[("host", "agent:8090"), ("user-agent", "Grafana")],
            &[("user-agent", "curl, with HTTP/1.0")],
            &[("host", "agent:8090"), ("sec-fetch-site", "none")],
            &[
                ("host", "Agent:8090"),
                ("sec-fetch-site", "same-origin"),
                ("origin", "http://agent:8090"),
                ("referer", "http://agent:8090/"),
            ],
            // Through a proxy that speaks TLS.
            &[
                ("host", "agent.example"),
                ("origin", "https://agent.example"),
            ],
            &[
                ("host", "agent.example:443"),
                ("origin", "https://agent.example"),
            ],
            &[("host", "[::1]:8090"), ("origin", "http://[::1]:8090")],
        ] {
            assert!(!is_cross_site(&headers(pairs), &uri("/up")), "{pairs:?}");
        }
    }

    #[test]
    fn whatever_a_foreign_page_has_a_browser_send_is_cross_site() {
        let host = ("host", "127.0.0.1:8090");
        for pair in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("sec-fetch-site", "new-word"),
            ("origin", "http://evil.example"),
            ("origin", "http://127.0.0.1"),
            ("origin", "http://127.0.0.1:3000"),
            ("origin", "https://127.0.0.1"),
            ("origin", "http://127.0.0.1:8090.evil.example"),
            ("origin", "null"),
            ("origin", ""),
            ("origin", "file://"),
            ("origin", "chrome-extension://abcdef"),
            ("referer", "http://evil.example/page"),
            ("referer", "http://evil.example@127.0.0.1:3000/"),
        ] {
            assert!(
                is_cross_site(&headers(&[host, pair]), &uri("/up")),
                "{pair:?}"
            );
        }
        let twice = [
            host,
            ("origin", "http://127.0.0.1:8090"),
            ("origin", "http://evil.example"),
        ];
        assert!(is_cross_site(&headers(&twice), &uri("/up")));
        let nameless = [("origin", "http://127.0.0.1:8090")];
        assert!(is_cross_site(&headers(&nameless), &uri("/up")));
        let no_text = HeaderValue::from_bytes(b"http://\xff").unwrap();
        let mut odd = headers(&[host]);
        odd.append(ORIGIN, no_text);
        assert!(is_cross_site(&odd, &uri("/up")));
    }

    #[test]
    fn a_machine_is_known_by_addresses_by_local_names_and_by_those_that_are_set() {
        let names: HostNames = "agent.example, OTHER.example.".parse().unwrap();
        let knows = |host: &str| names.are_named(&headers(&[("host", host)]), &uri("/up"));
        for host in [
            "127.0.0.1:8090",
            "10.0.0.7",
            "[::1]:8090",
            "[2001:db8::7]",
            "localhost:8090",
            "LOCALHOST",
            "localhost.",
            "agent.localhost",
            "autoscaler:8090",
            "agent.example:8090",
            "Agent.Example",
            "other.example",
        ] {
            assert!(knows(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8090",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "agent.example.evil.example",
            "evil-agent.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "agent.example..",
            "a b",
            "",
        ] {
            assert!(!knows(host), "{host}");
        }
        assert!(names.are_named(&headers(&[]), &uri("/up")), "HTTP/1.0");
        let both = headers(&[("host", "127.0.0.1")]);
        assert!(!names.are_named(&both, &uri("http://evil.example/up")));
        let twice = headers(&[("host", "127.0.0.1"), ("host", "evil.example")]);
        assert!(!names.are_named(&twice, &uri("/up")));
        assert!(HostNames::default().with_own_name() != HostNames::default());
    }

    #[test]
    fn what_is_no_name_cannot_be_allowed() {
        for text in [
            "",
            ",",
            "a,",
            "*",
            "*.example",
            "a:80",
            "http://a",
            "a/b",
            "a..b",
            "é",
        ] {
            assert_eq!(text.parse::<HostNames>(), Err(InvalidHost), "{text}");
        }
    }
}
