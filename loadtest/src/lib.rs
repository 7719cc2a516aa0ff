//! Open-loop HTTP load generator with honest percentiles.
//!
//! A [`Plan`] says what to do, a [`Run`] does it and gives [`Progress`] once a tick and a
//! [`Summary`] at the end:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use loadtest::{Load, Plan, Run};
//!
//! let load = Load::Open("10s@50, 60s:50..400, 30s@400".parse()?);
//! let run = Run::start(Plan::new("http://127.0.0.1:8080/".parse()?, load)).await?;
//! let summary = run.wait().await?;
//! let accounts = &summary.accounts;
//! println!("{} of {} sent", accounts.started(), accounts.scheduled);
//! println!("p99 {} ns", summary.response.p99);
//! # Ok(())
//! # }
//! ```
//!
//! Requests start at times computed from the profile, and latency counts from those times: a server
//! that stalls makes the requests late that were due during the stall, and they say so.

#![allow(
    missing_docs,
    reason = "a name that says it all needs no sentence; units, errors and reasons are written"
)]

mod calls;
mod check;
mod credentials;
mod data;
mod engine;
pub mod fleet;
mod http1;
mod message;
mod metrics;
mod plan;
mod profile;
mod proxy;
mod rate_factor;
mod record;
mod redirect;
pub mod report;
mod request;
mod route;
mod schedule;
mod slice;
mod target;
mod targets;
mod template;
mod text;
mod threshold;
mod tls;

pub use check::{Checks, ExpectedHeader, ExpectedJson, ExpectedStatuses};
pub use credentials::{Credentials, CredentialsError};
pub use data::{Data, DataError, DataOrder};
pub use engine::{Run, RunError, StopHandle};
pub use http1::{BodyFraming, ParsedResponse, ProtocolError, parse_response};
pub use message::{Call, DraftError};
pub use metrics::{RemoteWrite, RemoteWriteError, Written, serve_metrics};
pub use plan::{Arrivals, CatchUp, Engine, Load, Plan, PlanError};
pub use profile::{Profile, ProfileFileError};
pub use proxy::{Proxy, ProxyError};
pub use rate_factor::RateFactor;
pub use record::{
    Accounts, BackendProgress, BackendSummary, Class, Counters, Failure, Gauges, Histograms,
    Latency, Observer, Point, Progress, Reasons, StageSummary, Summary, TargetSummary, Tick, Waits,
    Warning,
};
pub use request::{Request, RequestError};
pub use route::{ConnectTo, Resolve, Route};
pub use slice::Slice;
pub use target::Target;
pub use targets::{TargetsError, parse_targets};
pub use template::TemplateError;
pub use text::{ColumnError, parse_duration, show_nanos};
pub use threshold::{Threshold, Verdict};
pub use tls::{ClientCertificate, Tls};
