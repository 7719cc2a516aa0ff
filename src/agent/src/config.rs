//! The agent's settings, checked and typed. Where they come from is not known here.

use std::{
    collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc,
    time::Duration,
};

use policy::{Mode, Rules};
use program::{
    error_chain::with_causes,
    time_text::{self, HOUR},
};
use schedule::Schedule;

use super::{
    control::ControlSettings,
    lease_store::LeaseSettings,
    target::{ClientConfig, TargetConfig},
    webhook_receiver::{Authentication, Conventions, HostNames},
};

/// Everything an agent needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// How to reach the API.
    pub client: ClientConfig,
    /// What to scale: at least one pool.
    pub pools: Vec<PoolConfig>,
    /// Where alerts come in.
    pub alerts: Alerts,
    /// Who may give orders to the running agent.
    pub control: ControlSettings,
    /// The folder of the journals.
    pub state_directory: PathBuf,
    /// The zone of the pools, by its name.
    pub zone: String,
    /// Where the page leads further.
    pub links: Links,
}

impl Config {
    /// The first pool, and the only one where there are not several.
    pub fn first_pool(&self) -> &PoolConfig {
        &self.pools[0]
    }
}

/// One pool, and how to scale it.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Its name among several; `None` where the settings know one pool only.
    pub name: Option<PoolName>,
    /// What to scale.
    pub target: TargetConfig,
    /// How to decide.
    pub rules: Rules,
    /// What may be done.
    pub mode: Mode,
    /// How members leave.
    pub drain: Drain,
    /// Where Prometheus learns of the members.
    pub discovery: Discovery,
    /// The lease that lets one of several agents act; without it, this one always does.
    pub lease: Option<LeaseSettings>,
    /// Limits by the hour of the week.
    pub schedule: Schedule,
    /// CPU shares (0 to 1) that alert; shown, not evaluated, by the agent.
    pub thresholds: Thresholds,
    /// The folder of its journal.
    pub journal: PathBuf,
}

/// The name of a pool in the settings: it is in metrics, requests and the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolName(Arc<str>);

impl PoolName {
    /// Longer names do not fit into a label of a chart.
    const LONGEST: usize = 63;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PoolName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || text.len() > Self::LONGEST || !text.chars().all(is_plain) {
            return Err("expected 1 to 63 letters, digits, `-` or `_`");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How members are emptied of requests before they are removed.
#[derive(Clone, Debug)]
pub struct Drain {
    /// What is done before a member is removed.
    pub mode: DrainMode,
    /// The port of the application.
    pub port: u16,
    /// The token that `POST /drain` wants.
    pub token: Option<Token>,
    /// Removed after this long even if requests are left.
    pub timeout: Duration,
    /// Pause between two questions whether it is empty.
    pub poll: Duration,
}

/// What is done before a member is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainMode {
    /// Nothing.
    None,
    /// It is asked at `/drain`, until it is empty.
    Http,
    /// The agent waits for so long, and takes the removal back if anything changes meanwhile.
    Wait(Duration),
}

impl DrainMode {
    /// The longest wait.
    const LONGEST: Duration = HOUR;
}

impl Drain {
    /// The longest time from the choice of a member to its removal; `None` where it leaves at once.
    pub fn longest(&self) -> Option<Duration> {
        match self.mode {
            DrainMode::None => None,
            DrainMode::Http => Some(self.timeout),
            DrainMode::Wait(time) => Some(time),
        }
    }
}

impl FromStr for DrainMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            // `drain.enabled` was a truth.
            None if ["http", "true"].contains(&text) => Ok(Self::Http),
            None if ["none", "false"].contains(&text) => Ok(Self::None),
            Some(("wait", time)) => {
                let range = Duration::from_millis(1)..=Self::LONGEST;
                let time = time_text::time(time.trim(), &range);
                time.map(Self::Wait)
                    .map_err(|error| format!("the time of `wait=` is {}", with_causes(&error)))
            }
            _ => Err(format!("`{text}` is not `none`, `http` or `wait=30s`")),
        }
    }
}

/// How the service discovery file is kept.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The file that Prometheus reads.
    pub file: PathBuf,
    /// Pause between two reads of the members.
    pub interval: Duration,
    /// Pause before the second read that must confirm a disappearance.
    pub confirm_after: Duration,
    /// Which of a member's addresses is written.
    pub addresses: AddressKind,
    /// The port of the node exporter.
    pub target_port: u16,
    /// Labels put on every target.
    pub labels: BTreeMap<String, String>,
}

/// One of the addresses that a member may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// The public IPv4 address.
    Public,
    /// The address in a private network. Asking for it is one call more for each network.
    Private,
    /// The public IPv6 address.
    Ipv6,
}

impl AddressKind {
    /// As the setting spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Ipv6 => "ipv6",
        }
    }
}

impl FromStr for AddressKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            "ipv6" => Ok(Self::Ipv6),
            _ => Err("expected `public`, `private` or `ipv6`"),
        }
    }
}

/// Where and from whom alerts are taken.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who may send.
    pub authentication: Authentication,
    /// Whether whoever looks must show the same.
    pub protect_reads: bool,
    /// Further names of this machine.
    pub allowed_hosts: HostNames,
    /// How they are read.
    pub conventions: Conventions,
    /// How long a sender may take for a body.
    pub body_timeout: Duration,
    /// What the web server shows over TLS; plain HTTP without it.
    pub tls: Option<TlsFiles>,
}

/// The files of a certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Addresses of other pages, for whoever looks at the agent's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Grafana, or a dashboard of it.
    pub grafana: Option<PageUrl>,
    /// Prometheus.
    pub prometheus: Option<PageUrl>,
}

/// The address of a page, by HTTP or HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUrl(String);

impl PageUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PageUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = text
            .parse::<reqwest::Url>()
            .map_err(|_| "is no URL; expected one such as https://grafana.example")?;
        match url.scheme() {
            "http" | "https" if url.username().is_empty() && url.password().is_none() => {
                Ok(Self(url.into()))
            }
            "http" | "https" => Err("holds a user name or password, which the page would show"),
            _ => Err("expected a URL that begins with http:// or https://"),
        }
    }
}

/// CPU shares that alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Above this the pool is loaded.
    pub up: f64,
    /// Below this the pool idles.
    pub down: f64,
}

/// A shared secret. Never shown.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A token with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the places that send it, compare it or hand it on.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_name_is_fit_for_a_folder_and_a_label() {
        let longest = "a".repeat(63);
        for name in ["web", "web-2", "Web_2", &longest] {
            assert_eq!(name.parse::<PoolName>().unwrap().as_str(), name);
        }
        let longer = "a".repeat(64);
        for name in ["", ".", "..", "a/b", "a b", "\u{fc}", "a\n", &longer] {
            assert!(name.parse::<PoolName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_drain_is_none_over_http_or_a_wait_and_the_old_spelling_counts() {
        let wait = |seconds| DrainMode::Wait(Duration::from_secs(seconds));
        for (text, mode) in [
            ("none", DrainMode::None),
            ("false", DrainMode::None),
            ("http", DrainMode::Http),
            ("true", DrainMode::Http),
            ("wait=30s", wait(30)),
            ("wait=1h", wait(3600)),
        ] {
            assert_eq!(text.parse(), Ok(mode), "{text}");
        }
        for wrong in [
            "", "wait", "wait=", "wait=0s", "wait=2h", "wait=30", "http=1", "HTTP",
        ] {
            assert!(wrong.parse::<DrainMode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_link_leads_to_a_page_and_holds_no_secret() {
        let url = "https://grafana.example/d/autoscaling?orgId=1";
        assert_eq!(url.parse::<PageUrl>().unwrap().as_str(), url);
        for wrong in ["javascript:alert(1)", "data:text/html,x", "grafana", ""] {
            assert!(wrong.parse::<PageUrl>().is_err(), "{wrong}");
        }
        assert!("http://me:hush@host/".parse::<PageUrl>().is_err());
    }

    #[test]
    fn each_kind_of_address_is_read_as_it_is_written() {
        for kind in [AddressKind::Public, AddressKind::Private, AddressKind::Ipv6] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let error = "IPv4".parse::<AddressKind>().unwrap_err();
        assert!(error.contains("`public`"), "{error}");
    }
}
