//! The arguments that say how connections are made.

#![expect(clippy::doc_markdown, reason = "--help shows these texts as they are")]

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use loadtest::{ClientCertificate, ConnectTo, Engine, Plan, Resolve, Route, Tls};

use super::args::{column, duration};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineArg {
    /// The built-in HTTP/1.1 client, the fastest
    Http1,
    /// hyper, as a cross-check
    Hyper,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ConnectionArgs {
    /// Most connections open at once
    #[arg(short, long, default_value_t = 256)]
    pub(crate) connections: usize,
    /// Connections kept in rotation from the start, for a load balancer to spread
    #[arg(long, default_value_t = 8)]
    pub(crate) spread: usize,
    /// Replace a connection at this age, to follow a changing pool; "none" for never
    #[arg(long, value_name = "TIME", value_parser = optional_duration, default_value = "30s")]
    pub(crate) connection_max_age: MaxAge,
    /// Shorten each connection's age by a random part of at most this fraction
    #[arg(long, value_name = "FRACTION", default_value_t = 0.5)]
    pub(crate) connection_age_jitter: f64,
    /// Replace a connection after this many requests
    #[arg(long, value_name = "COUNT")]
    pub(crate) connection_max_requests: Option<u64>,
    /// Connection timeout
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub(crate) connect_timeout: Duration,
    /// Resolve the host name again at this interval; all its addresses are used in turn
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub(crate) dns_refresh: Duration,
    /// The HTTP/1.1 client
    #[arg(long, value_enum, default_value = "http1")]
    pub(crate) engine: EngineArg,
    /// Use HTTP/2, by prior knowledge on http:// and by ALPN on https://; without this option only
    /// HTTP/1.1 is offered
    #[arg(long, conflicts_with = "engine")]
    pub(crate) http2: bool,
    /// Concurrent streams per HTTP/2 connection
    #[arg(long, default_value_t = 32, requires = "http2")]
    pub(crate) streams: usize,
    /// Trust the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// Accept any certificate
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    pub(crate) insecure: bool,
    /// Show this certificate to a server that requires one: a PEM file, with the chain, and with
    /// the private key unless --key names another file
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert: a PEM file, not encrypted
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Connect to the second host and port where the first were due; may be repeated
    ///
    /// The Host header and the name in TLS stay those of the URL. An empty part of the first pair
    /// fits anything, one of the second stays as it is: --connect-to ::127.0.0.1:8443 sends every
    /// connection there. The first that fits counts, as with curl.
    #[arg(long, value_name = "HOST:PORT:HOST:PORT", value_parser = column::<ConnectTo>)]
    pub(crate) connect_to: Vec<ConnectTo>,
    /// Use these addresses for the host and port instead of resolving the name; may be repeated
    ///
    /// They are used in turn. The host * stands for every host; a + before the host makes way for
    /// the resolver at the first --dns-refresh. The last that fits counts, as with curl.
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR]", value_parser = column::<Resolve>)]
    pub(crate) resolve: Vec<Resolve>,
    /// Connect to this Unix socket; the URL still gives the Host header and the path
    #[arg(long, value_name = "PATH", conflicts_with_all = ["connect_to", "resolve", "proxy"])]
    pub(crate) unix_socket: Option<PathBuf>,
    /// Go through a proxy: http://[USER:PASSWORD@]HOST:PORT, socks5://… or socks5h://…
    ///
    /// An HTTP proxy passes on requests for http://, and opens a tunnel (CONNECT) for https://, for
    /// --http2 and with --connect-to. With socks5 this machine resolves the target's name, with
    /// socks5h the proxy does. --resolve is for the names that this machine resolves. Characters
    /// such as @ and : in a user or password are percent-encoded. No report shows them, but other
    /// users of this machine may see them in its list of processes.
    ///
    /// The environment (http_proxy, https_proxy, all_proxy) is not followed: what is measured is
    /// what the command line says.
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Have the HTTP proxy open a tunnel for http://, too
    #[arg(long, requires = "proxy")]
    pub(crate) proxy_tunnel: bool,
}

impl ConnectionArgs {
    /// Sets what they say in a plan.
    pub(super) fn apply(&self, plan: &mut Plan) -> anyhow::Result<()> {
        plan.connections = self.connections;
        plan.spread = self.spread;
        plan.connection_max_age = self.connection_max_age.0;
        plan.connection_age_jitter = self.connection_age_jitter;
        plan.connection_max_requests = self.connection_max_requests;
        plan.connect_timeout = self.connect_timeout;
        plan.dns_refresh = self.dns_refresh;
        plan.tls = Tls {
            ca_file: self.cacert.clone(),
            insecure: self.insecure,
            certificate: self.cert.clone().map(|certificate| ClientCertificate {
                certificate,
                key: self.key.clone(),
            }),
        };
        plan.engine = match (self.http2, self.engine) {
            (true, _) => Engine::Http2 {
                streams: self.streams,
            },
            (false, EngineArg::Http1) => Engine::Http1,
            (false, EngineArg::Hyper) => Engine::Hyper,
        };
        // Not by clap, which would show the text with its password.
        let proxy = self.proxy.as_deref().map(str::parse);
        plan.route = Route {
            connect_to: self.connect_to.clone(),
            resolve: self.resolve.clone(),
            unix_socket: self.unix_socket.clone(),
            proxy: proxy.transpose().context("--proxy")?,
            proxy_tunnel: self.proxy_tunnel,
        };
        Ok(())
    }
}

/// A maximum age, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxAge(pub(crate) Option<Duration>);

fn optional_duration(text: &str) -> Result<MaxAge, String> {
    if text == "none" {
        Ok(MaxAge(None))
    } else {
        duration(text).map(|age| MaxAge(Some(age)))
    }
}
