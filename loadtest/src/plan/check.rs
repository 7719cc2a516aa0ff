//! Whether a plan can be carried out.

use std::time::Duration;

use super::Plan;
use crate::{message::DraftError, request::is_token, text::LONGEST};

impl Plan {
    /// Says what cannot be done.
    pub fn check(&self) -> Result<(), PlanError> {
        let wrong = self.ranges().into_iter().find(|(fits, ..)| !fits);
        if let Some((_, what, range)) = wrong {
            return Err(PlanError::Range { what, range });
        }
        if let Some(header) = &self.backend_header
            && !is_token(header)
        {
            return Err(PlanError::BackendHeader(header.clone()));
        }
        let route = &self.route;
        if route.unix_socket.is_some()
            && !(route.proxy.is_none() && route.connect_to.is_empty() && route.resolve.is_empty())
        {
            return Err(PlanError::UnixSocket);
        }
        if self.checks.wants_body() && self.calls().any(|call| call.request.method() == "HEAD") {
            return Err(PlanError::NoBody);
        }
        self.drafts()?;
        Ok(())
    }

    /// Whether each number is in its range; with the field, and the range in words.
    fn ranges(&self) -> [(bool, &'static str, &'static str); 17] {
        let millis = Duration::from_millis;
        let (load, streams) = (self.load.duration(), self.engine.streams());
        [
            (
                (1..=256).contains(&self.threads),
                "threads",
                "from 1 to 256",
            ),
            (
                (self.threads..=1_000_000).contains(&self.connections),
                "connections",
                "at least the number of threads, and at most 1000000",
            ),
            (
                self.connections >= self.slice.of(),
                "connections",
                "at least the number of slices",
            ),
            (
                (0.0..=1.0).contains(&self.connection_age_jitter),
                "connection_age_jitter",
                "from 0 to 1",
            ),
            (
                self.connection_max_age.is_none_or(|age| age >= millis(1)),
                "connection_max_age",
                "at least 1ms",
            ),
            (
                self.connection_max_requests != Some(0),
                "connection_max_requests",
                "at least 1",
            ),
            (
                (millis(1)..=LONGEST).contains(&self.connect_timeout),
                "connect_timeout",
                "from 1ms to a year",
            ),
            (
                (millis(1)..=millis(3_600_000)).contains(&self.timeout),
                "timeout",
                "from 1ms to 1h",
            ),
            (
                (millis(50)..=LONGEST).contains(&self.dns_refresh),
                "dns_refresh",
                "from 50ms to a year",
            ),
            (
                (millis(50)..=LONGEST).contains(&self.tick),
                "tick",
                "from 50ms to a year",
            ),
            (
                (millis(50)..=LONGEST).contains(&load),
                "duration",
                "from 50ms to a year",
            ),
            (
                self.requests
                    .is_none_or(|requests| (1..=1_000_000_000_000_000).contains(&requests)),
                "requests",
                "from 1 to 1000000000000000",
            ),
            (self.drain <= LONGEST, "drain", "at most a year"),
            (self.slack <= millis(1), "slack", "at most 1ms"),
            (self.warm_up < load, "warm_up", "shorter than the run"),
            ((1..=1000).contains(&streams), "streams", "from 1 to 1000"),
            (
                streams.saturating_mul(self.connections) <= 1_000_000,
                "streams",
                "at most 1000000 over all connections",
            ),
        ]
    }
}

/// A plan that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A number is out of its range.
    #[error("{what} must be {range}")]
    Range {
        what: &'static str,
        range: &'static str,
    },
    /// A response has no body that a check could look at.
    #[error("responses to HEAD have no body to check: leave out --expect-body and --expect-json")]
    NoBody,
    /// A request cannot be made as it is written.
    #[error("cannot send {call}")]
    Draft { call: String, source: DraftError },
    /// No request uses the data.
    #[error("no request uses a column of the data: write one as {0} in a URL, a header or a body")]
    DataUnused(String),
    /// The moment to start at is over.
    #[error("start_at is over: choose a moment that every machine reaches in time")]
    StartOver,
    /// The connection's other end is said twice.
    #[error("unix_socket is the only way then: leave out connect_to, resolve and proxy")]
    UnixSocket,
    /// The header that names the backend cannot be one.
    #[error(
        "the header {0:?} cannot be used: its name has characters that a header name cannot have"
    )]
    BackendHeader(String),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::PlanError;
    use crate::{
        plan::{Engine, Load, Plan},
        profile::Profile,
    };

    #[test]
    fn defaults_can_be_carried_out() {
        let target = "http://h/".parse().expect("valid");
        let mut plan = Plan::new(target, Load::Closed(Duration::from_secs(1)));
        plan.check().expect("the defaults");
        plan.warm_up = Duration::from_secs(1);
        assert!(matches!(
            plan.check(),
            Err(PlanError::Range {
                what: "warm_up",
                ..
            })
        ));
    }

    type Change = fn(&mut Plan);

    #[test]
    fn what_would_stop_the_program_later_is_refused_before() {
        let target = "http://h/".parse().expect("valid");
        let plan = Plan::new(target, Load::Closed(Duration::from_secs(1)));
        let wrong: [(&str, Change); 8] = [
            ("slack", |plan| plan.slack = Duration::from_millis(2)),
            ("dns_refresh", |plan| plan.dns_refresh = Duration::ZERO),
            ("dns_refresh", |plan| plan.dns_refresh = Duration::MAX),
            ("drain", |plan| plan.drain = Duration::MAX),
            ("tick", |plan| plan.tick = Duration::MAX),
            ("connect_timeout", |plan| {
                plan.connect_timeout = Duration::ZERO;
            }),
            ("duration", |plan| {
                let endless = Profile::hold(1.0, Duration::MAX);
                plan.load = Load::Open(endless.clone().then(endless));
            }),
            ("streams", |plan| {
                (plan.engine, plan.connections) = (Engine::Http2 { streams: 1000 }, 1001);
            }),
        ];
        for (field, change) in wrong {
            let mut changed = plan.clone();
            change(&mut changed);
            let error = changed.check().expect_err(field);
            assert!(
                matches!(error, PlanError::Range { what, .. } if what == field),
                "{field}: {error}"
            );
        }
    }
}
