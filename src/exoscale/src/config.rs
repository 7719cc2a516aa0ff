//! How to reach the API and how hard to try.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use reqwest::Url;

use super::{
    retry::Backoff,
    secret::{ApiKey, ApiSecret},
};

/// The zone where none is set: the course's.
pub const DEFAULT_ZONE: &str = "at-vie-1";

/// The client's settings. Make it with [`for_zone`](Self::for_zone) or
/// [`for_endpoint`](Self::for_endpoint) and change what differs.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Where the API answers, with `/v2`.
    pub endpoint: Endpoint,
    /// The API key's public half.
    pub key: ApiKey,
    /// The API key's secret half.
    pub secret: ApiSecret,
    /// For a connection, TLS included. 3 s. Should be shorter than `request_timeout`, or a write
    /// that found nobody looks as if it might have been made.
    pub connect_timeout: Duration,
    /// For one request, from sending to the answer's last byte. 10 s.
    pub request_timeout: Duration,
    /// For one call with all its retries. 30 s.
    pub call_deadline: Duration,
    /// How often a call is repeated at most. 3.
    pub retries: u32,
    /// The pauses between retries: up to 0.25 s at first, up to 8 s later.
    pub backoff: Backoff,
    /// The pauses between looks at an operation: 0.5 s at first, 4 s later.
    pub polling: Backoff,
    /// The most requests in any 60 s; see [`Budget`](super::budget::Budget). `None`, the default,
    /// is unlimited: Exoscale publishes no limit.
    pub budget_per_minute: Option<NonZeroU32>,
    /// For so long after 401 or 403 nothing is sent that was refused so: calls then fail at once
    /// with the same refusal, until one of them is sent as a probe. Zero, the default, sends all.
    pub probe_refused_after: Duration,
    /// The longest answer to read, in bytes. 8 MiB, some 8,000 instances.
    pub max_body: usize,
}

impl ClientConfig {
    /// The settings for Exoscale's API in a zone such as `at-vie-1`.
    pub fn for_zone(zone: &str, key: ApiKey, secret: ApiSecret) -> Result<Self, ConfigError> {
        Ok(Self::for_endpoint(Endpoint::of_zone(zone)?, key, secret))
    }

    /// The settings for an API elsewhere, such as the local cloud's.
    pub fn for_endpoint(endpoint: Endpoint, key: ApiKey, secret: ApiSecret) -> Self {
        Self {
            endpoint,
            key,
            secret,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
            call_deadline: Duration::from_secs(30),
            retries: 3,
            backoff: Backoff {
                base: Duration::from_millis(250),
                cap: Duration::from_secs(8),
            },
            polling: Backoff {
                base: Duration::from_millis(500),
                cap: Duration::from_secs(4),
            },
            budget_per_minute: None,
            probe_refused_after: Duration::ZERO,
            max_body: 8 << 20,
        }
    }
}

/// Where an API answers: `http://` or `https://`, a host, and a path such as `/v2`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(Url);

impl TryFrom<String> for Endpoint {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Endpoint {
    /// Exoscale's own for a zone.
    pub fn of_zone(zone: &str) -> Result<Self, ConfigError> {
        let plausible = !zone.is_empty()
            && zone
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plausible {
            return Err(ConfigError::Zone(zone.to_owned()));
        }
        format!("https://api-{zone}.exoscale.com/v2").parse()
    }

    /// The host, with the port where it is not the scheme's own.
    pub fn host(&self) -> String {
        self.0.authority().to_owned()
    }

    /// Whether it is on this machine, as the local cloud is.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        match address {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The URL of a path below the endpoint. `path` is made of ids and fixed words.
    pub(super) fn url(&self, path: &str, query: &[(String, String)]) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Endpoint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Url = text
            .parse()
            .map_err(|_| ConfigError::Endpoint("is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ConfigError::Endpoint(
                "begins with neither http:// nor https://",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::Endpoint("holds a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ConfigError::Endpoint("holds a query or a fragment"));
        }
        Ok(Self(url))
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not the form of a zone's name.
    #[error("{0:?} is no zone; zones look like at-vie-1")]
    Zone(String),
    /// Not the form of an endpoint. Does not repeat it: it may hold a password.
    #[error("the API endpoint {0}; it looks like https://api-at-vie-1.exoscale.com/v2")]
    Endpoint(&'static str),
    /// TLS cannot be used, most often for want of CA certificates.
    #[error(
        "cannot set up TLS; install the system's CA certificates, or name a file of them in SSL_CERT_FILE"
    )]
    Tls(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_gives_its_endpoint() {
        let endpoint = Endpoint::of_zone("at-vie-1").unwrap();
        assert_eq!(endpoint.to_string(), "https://api-at-vie-1.exoscale.com/v2");
        assert_eq!(endpoint.host(), "api-at-vie-1.exoscale.com");
        for zone in ["", "at vie", "at-vie-1.evil.example/", "AT-VIE-1"] {
            assert!(
                matches!(Endpoint::of_zone(zone), Err(ConfigError::Zone(_))),
                "{zone}"
            );
        }
    }

    #[test]
    fn a_bad_endpoint_is_refused_without_repeating_it() {
        for text in [
            "",
            "api",
            "ftp://a/v2",
            "https://u:hunter2@a/v2",
            "https://a/v2?x=1",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(
                error.contains("API endpoint") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn paths_go_below_the_endpoint() {
        let query = [("a".to_owned(), "b c".to_owned())];
        for text in ["http://127.0.0.1:80/v2", "http://127.0.0.1/v2/"] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(
                endpoint.url("/instance-pool/1:scale", &query).as_str(),
                "http://127.0.0.1/v2/instance-pool/1:scale?a=b+c"
            );
        }
    }
}
