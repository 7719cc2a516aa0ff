//! The settings of one service, and their bounds.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{NlbError, tls};

/// What a service forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams; all from one source address and port are one flow to one member.
    Udp,
}

/// How a member is chosen for a new connection.
///
/// Source:
/// <https://community.exoscale.com/product/networking/nlb/operation/loadbalancer-strategies>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Each healthy member in turn.
    #[default]
    RoundRobin,
    /// By the client's IP address, over all members: when one fails its checks, only its own
    /// clients move.
    SourceHash,
    /// By the client's IP address and port, over a Maglev table (Eisenbud et al., "Maglev: A Fast
    /// and Reliable Software Network Load Balancer", NSDI 2016): even, and a change of members
    /// moves few others' connections. The paper hashes a connection's five-tuple, of which only
    /// these two parts differ within a service.
    MaglevHash,
}

/// What a health check does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthCheckMode {
    /// Succeeds when a connection can be made.
    Tcp,
    /// Succeeds when `GET` is answered with a status of 200 to 299.
    Http {
        /// The path (and query) to ask for, which starts with `/`.
        uri: String,
    },
    /// As [`Self::Http`], over TLS. No certificate is checked: members show ones of their own,
    /// and the API takes no authority to check them against.
    Https {
        /// The path (and query) to ask for, which starts with `/`.
        uri: String,
        /// The domain to ask for in the handshake and as `Host`; `None` names none.
        sni: Option<String>,
    },
}

/// How members are checked.
///
/// Source: <https://community.exoscale.com/product/networking/nlb/how-to/config-healthcheck>. The
/// bounds of Exoscale's API (an interval of 5 s to 300 s, for instance) are the API's to enforce,
/// so that a demonstration may be faster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheckConfig {
    /// What a check does.
    pub mode: HealthCheckMode,
    /// The port checked on each member, which may differ from the one that takes connections.
    pub port: u16,
    /// From the start of one check to the start of the next.
    pub interval: Duration,
    /// How long a check may take; at most `interval`.
    pub timeout: Duration,
    /// How many checks in a row must fail for a member to count as failed.
    pub retries: u32,
}

/// What keeps one service from using up the machine, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open client connections; further ones wait in the kernel's queue until one closes. Of UDP,
    /// flows: a further one ends the one that was quiet longest.
    pub max_connections: usize,
    /// How long a member may take to accept a connection before the next one is tried.
    pub connect_timeout: Duration,
    /// How many members are tried for one connection, each once.
    pub connect_attempts: usize,
    /// How long connections to a member that left the list may go on; `None` is until they end by
    /// themselves.
    pub removed_deadline: Option<Duration>,
    /// How long a flow of UDP lasts in which nothing comes from either side.
    pub flow_idle: Duration,
    /// How long [`super::ServiceHandle::stop`] lets open connections go on before it resets them.
    pub stop_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            connect_timeout: Duration::from_secs(3),
            connect_attempts: 5,
            removed_deadline: None,
            flow_idle: Duration::from_secs(60),
            stop_grace: Duration::from_secs(5),
        }
    }
}

/// The settings of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Where clients connect; port 0 lets the operating system choose
    /// (see [`super::ServiceHandle::local_addr`]).
    pub listen: SocketAddr,
    /// What it forwards, fixed when the service starts.
    pub protocol: Protocol,
    /// How a member is chosen.
    pub strategy: Strategy,
    /// How members are checked.
    pub health: HealthCheckConfig,
    /// Bounds, fixed when the service starts.
    pub limits: Limits,
}

impl ServiceConfig {
    /// A service of TCP with the default [`Limits`].
    pub fn new(listen: SocketAddr, strategy: Strategy, health: HealthCheckConfig) -> Self {
        Self {
            listen,
            protocol: Protocol::Tcp,
            strategy,
            health,
            limits: Limits::default(),
        }
    }

    /// Refuses what cannot work, naming the setting.
    pub(super) fn validate(&self) -> Result<(), NlbError> {
        let invalid = |setting, problem| Err(NlbError::Invalid { setting, problem });
        if self.limits.max_connections == 0 {
            return invalid("limits.max_connections", "must be at least 1");
        }
        if self.limits.connect_attempts == 0 {
            return invalid("limits.connect_attempts", "must be at least 1");
        }
        if self.limits.connect_timeout.is_zero() {
            return invalid("limits.connect_timeout", "must be longer than 0");
        }
        if self.limits.flow_idle.is_zero() {
            return invalid("limits.flow_idle", "must be longer than 0");
        }
        self.health.validate()
    }
}

impl HealthCheckConfig {
    fn validate(&self) -> Result<(), NlbError> {
        let invalid = |setting, problem| Err(NlbError::Invalid { setting, problem });
        let health = self;
        let (uri, sni) = match &health.mode {
            HealthCheckMode::Tcp => (None, None),
            HealthCheckMode::Http { uri } => (Some(uri), None),
            HealthCheckMode::Https { uri, sni } => (Some(uri), sni.as_deref()),
        };
        if uri.is_some_and(|uri| !uri.starts_with('/')) {
            return invalid("health.mode.uri", "must start with `/`");
        }
        if uri.is_some_and(|uri| !uri.bytes().all(|byte| byte.is_ascii_graphic())) {
            return invalid(
                "health.mode.uri",
                "must be printable ASCII without spaces; percent-encode the rest",
            );
        }
        if sni.is_some_and(|name| !tls::is_domain(name)) {
            return invalid("health.mode.sni", "must be a domain name");
        }
        if health.port == 0 {
            return invalid("health.port", "must not be 0");
        }
        if health.timeout.is_zero() {
            return invalid("health.timeout", "must be longer than 0");
        }
        if health.interval < health.timeout {
            return invalid("health.interval", "must be at least health.timeout");
        }
        if health.retries == 0 {
            return invalid("health.retries", "must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ServiceConfig {
        let health = HealthCheckConfig {
            mode: HealthCheckMode::Http {
                uri: "/health".into(),
            },
            port: 8080,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            retries: 1,
        };
        ServiceConfig::new(
            SocketAddr::from(([127, 0, 0, 1], 0)),
            Strategy::RoundRobin,
            health,
        )
    }

    fn rejected(change: impl FnOnce(&mut ServiceConfig)) -> &'static str {
        let mut config = config();
        change(&mut config);
        match config.validate() {
            Err(NlbError::Invalid { setting, .. }) => setting,
            other => panic!("expected an invalid setting, got {other:?}"),
        }
    }

    #[test]
    fn each_bound_names_its_setting() {
        config()
            .validate()
            .expect("the base configuration is valid");
        assert_eq!(rejected(|c| c.health.retries = 0), "health.retries");
        assert_eq!(rejected(|c| c.health.port = 0), "health.port");
        assert_eq!(
            rejected(|c| c.health.timeout = Duration::ZERO),
            "health.timeout"
        );
        assert_eq!(
            rejected(|c| c.health.interval = Duration::from_secs(1)),
            "health.interval"
        );
        assert_eq!(
            rejected(|c| c.limits.max_connections = 0),
            "limits.max_connections"
        );
        assert_eq!(
            rejected(|c| c.limits.connect_attempts = 0),
            "limits.connect_attempts"
        );
        assert_eq!(
            rejected(|c| c.limits.connect_timeout = Duration::ZERO),
            "limits.connect_timeout"
        );
        assert_eq!(
            rejected(|c| c.limits.flow_idle = Duration::ZERO),
            "limits.flow_idle"
        );
    }

    #[test]
    fn a_uri_cannot_smuggle_a_header() {
        for uri in ["health", "", "/a b", "/a\r\nX: y", "/é"] {
            let mode = HealthCheckMode::Http { uri: uri.into() };
            assert_eq!(
                rejected(|c| c.health.mode = mode),
                "health.mode.uri",
                "{uri:?}"
            );
        }
    }

    #[test]
    fn an_sni_is_a_domain_and_an_https_check_has_a_path() {
        let https = |uri: &str, sni: &str| HealthCheckMode::Https {
            uri: uri.to_owned(),
            sni: Some(sni.to_owned()),
        };
        for name in [
            "",
            "127.0.0.1",
            "::1",
            "a b",
            "a\r\nX: y",
            "-a.example",
            "é.example",
        ] {
            let setting = rejected(|c| c.health.mode = https("/", name));
            assert_eq!(setting, "health.mode.sni", "{name:?}");
        }
        let mode = https("health", "example.net");
        assert_eq!(rejected(|c| c.health.mode = mode), "health.mode.uri");
        let mut config = config();
        config.health.mode = https("/healthz", "example.net");
        config.validate().expect("the provider's own example");
    }
}
