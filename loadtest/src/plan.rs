//! What a run is to do, and the checks that it can be done.

mod check;
mod settings;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use check::PlanError;

use crate::{
    check::Checks, credentials::Credentials, data::Data, message::Call, profile::Profile,
    rate_factor::RateFactor, record::COMMON_HEADERS, request::Request, route::Route, slice::Slice,
    target::Target, text::LONGEST, threshold::Threshold, tls::Tls,
};

#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Open loop: at the profile's times, whatever the responses do. Latency counts from the
    /// intended start.
    Open(Profile),
    /// Closed loop: each connection sends as soon as it has its response, for this long. The
    /// highest throughput, but blind to what users would have waited for while the server stalled
    /// ("coordinated omission").
    Closed(Duration),
}

impl Load {
    /// How long requests are started for.
    pub(crate) fn duration(&self) -> Duration {
        match self {
            Self::Open(profile) => profile.duration(),
            Self::Closed(duration) => *duration,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly along the profile's curve.
    Even,
    /// A Poisson process with the profile's rate, as independent users make; the same for the same
    /// seed.
    Poisson { seed: u64 },
}

/// What happens to requests that are overdue because every connection was busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// They are all sent, as soon as a connection is free.
    All,
    /// Those overdue by more than this are skipped and counted, which spares a recovering server
    /// the burst.
    SkipAfter(Duration),
}

/// The HTTP client that sends the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The built-in HTTP/1.1 codec: the fastest.
    Http1,
    /// hyper with HTTP/1.1: slower, an independent check of the built-in codec.
    Hyper,
    /// hyper with HTTP/2, by prior knowledge on `http://` and by ALPN on `https://`.
    Http2 {
        /// Requests at once on one connection.
        streams: usize,
    },
}

impl Engine {
    /// Requests at once on one connection.
    pub(crate) fn streams(self) -> usize {
        match self {
            Self::Http1 | Self::Hyper => 1,
            Self::Http2 { streams } => streams,
        }
    }
}

/// Everything a run needs to know. Make one with [`Plan::new`] and change what should differ.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    pub target: Target,
    pub request: Request,
    /// What is sent in turn with the first, after it.
    pub more: Vec<Call>,
    /// What requests of which no header says so authenticate with.
    pub credentials: Option<Credentials>,
    /// The rows of which the requests are filled in.
    pub data: Option<Arc<Data>>,
    /// How many redirects a request follows; zero for none.
    pub redirects: u32,
    pub load: Load,
    pub arrivals: Arrivals,
    /// Makes the rate another than the profile's while the run is under way: keep a clone.
    pub rate_factor: RateFactor,
    /// The most requests that are due in the run, over all slices: it ends with the last of them.
    /// Those of the warm-up count, and those that are skipped.
    pub requests: Option<u64>,
    /// What happens after a stall.
    pub catch_up: CatchUp,
    /// Worker threads; 1 to 256.
    pub threads: usize,
    /// The most connections open at once, over all threads. A request that is due while all are
    /// busy waits, and its waiting counts. In a closed loop all are used.
    pub connections: usize,
    /// Connections kept in rotation from the start, so that a load balancer which spreads
    /// connections has some to spread; more are opened when they are needed.
    pub spread: usize,
    /// A connection is replaced, between requests, at this age: connections then follow a changing
    /// pool behind a load balancer that balances connections. None: only when the server closes it.
    pub connection_max_age: Option<Duration>,
    /// Each connection's maximum age is shortened by a random part of at most this fraction, so
    /// that they are not replaced all at once; 0 to 1.
    pub connection_age_jitter: f64,
    /// A connection is replaced after this many requests.
    pub connection_max_requests: Option<u64>,
    /// A connection that is not open after this is a failure.
    pub connect_timeout: Duration,
    /// A request without a complete response after this, counted from when the client took it up,
    /// is a failure.
    pub timeout: Duration,
    /// After the profile's end, requests that wait for a connection are still sent for this long,
    /// and then count as not sent.
    pub drain: Duration,
    /// Requests due within this of one another are sent together, when the last of them is due:
    /// it costs less to wake up once. What it delays counts in their response times. At most 1 ms.
    pub slack: Duration,
    /// A request sent more than this after its intended start counts as late.
    pub late_after: Duration,
    /// Requests intended before this are sent but not counted.
    pub warm_up: Duration,
    /// How often a host name is resolved again. All its addresses are used in turn.
    pub dns_refresh: Duration,
    /// How often [`Progress`](crate::Progress) is given; at least 50 ms.
    pub tick: Duration,
    /// The response's header that names the backend; none for the first of
    /// [`Plan::BACKEND_HEADERS`] that a response has.
    pub backend_header: Option<String>,
    pub tls: Tls,
    /// How connections reach the target, if not straight.
    pub route: Route,
    /// What every response is checked for.
    pub checks: Checks,
    /// The HTTP client that sends the requests.
    pub engine: Engine,
    /// Connect once before the start, so that a target that is down is an error and not a report
    /// full of them.
    pub probe: bool,
    /// Conditions that are judged while it runs, for [`Progress`](crate::Progress).
    pub thresholds: Vec<Threshold>,
    /// The part of the load and of the connections that this machine is to carry.
    pub slice: Slice,
    /// When to start, such as together with other machines; none for at once.
    pub start_at: Option<SystemTime>,
    /// What reports call the run, so that runs which should be alike can be compared.
    pub label: Option<String>,
}

impl Plan {
    /// The headers of a response that commonly name the backend, of which the first response that
    /// has one decides. `slow-app` sends the first.
    pub const BACKEND_HEADERS: &[&str] = &COMMON_HEADERS;
    /// The longest that a run may last. A closed loop of this length is one that only its number of
    /// requests ends.
    pub const LONGEST: Duration = LONGEST;

    /// A plan with defaults: GET, evenly spaced arrivals, all of them sent, a thread for each core
    /// up to 4, up to 256 connections of at most 30 s age, a timeout of 30 s, a slack of 100 µs, a
    /// tick of 1 s.
    pub fn new(target: Target, load: Load) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            target,
            request: Request::default(),
            more: Vec::new(),
            credentials: None,
            data: None,
            redirects: 0,
            load,
            arrivals: Arrivals::Even,
            rate_factor: RateFactor::default(),
            requests: None,
            catch_up: CatchUp::All,
            threads: cores.min(4),
            connections: 256,
            spread: 8,
            connection_max_age: Some(Duration::from_secs(30)),
            connection_age_jitter: 0.5,
            connection_max_requests: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            slack: Duration::from_micros(100),
            late_after: Duration::from_millis(10),
            warm_up: Duration::ZERO,
            dns_refresh: Duration::from_secs(10),
            tick: Duration::from_secs(1),
            backend_header: None,
            tls: Tls::default(),
            route: Route::default(),
            checks: Checks::default(),
            engine: Engine::Http1,
            probe: true,
            thresholds: Vec::new(),
            slice: Slice::WHOLE,
            start_at: None,
            label: None,
        }
    }

    /// This machine's own part of the plan: what it has of the connections. Which of the arrivals
    /// are its own, the schedule knows.
    pub(crate) fn sliced(mut self) -> Self {
        self.connections = self.slice.share(self.connections);
        self.spread = self.slice.share(self.spread);
        self.threads = self.threads.min(self.connections);
        self
    }
}
