//! What all clients of one API have between them: connections, the call budget, and the pauses that
//! the API asked for.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use reqwest::redirect;
use tokio::time::Instant;

use super::{
    budget::{Budget, Exhausted, Priority, Sharer},
    config::{ClientConfig, ConfigError},
    pause::Pause,
};
use crate::plain_http;

/// What all clients of one API share, also those that are no clones of each other.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) http: reqwest::Client,
    pub(super) config: ClientConfig,
    pub(super) host: Arc<str>,
    pub(super) started: Instant,
    pub(super) budget: Option<Mutex<Budget>>,
    pub(super) pause: Mutex<Pause>,
}

/// Calls that were taken from the budget before they are made. What is left goes back when this is
/// dropped.
#[derive(Debug)]
pub(super) struct Prepaid {
    line: Arc<Line>,
    sharer: Sharer,
    left: Mutex<u32>,
}

impl Prepaid {
    /// Takes one of them, if there is one.
    pub(super) fn take(&self) -> bool {
        let mut left = self.left.lock();
        let is_there = *left > 0;
        *left = left.saturating_sub(1);
        is_there
    }
}

impl Drop for Prepaid {
    fn drop(&mut self) {
        if let Some(budget) = &self.line.budget {
            budget.lock().give_back(self.sharer, *self.left.get_mut());
        }
    }
}

impl Line {
    /// A line with so many sharers of its budget.
    pub(super) fn new(config: ClientConfig, sharers: usize) -> Result<Self, ConfigError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("autoscaler/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            // Shorter than servers keep theirs: a write that meets a closing connection is in
            // doubt.
            .pool_idle_timeout(Duration::from_secs(20))
            // A redirected request would carry a signature for another path.
            .redirect(redirect::Policy::none())
            // The library's own retries are off: which call may be repeated is decided here.
            .retry(reqwest::retry::never())
            .referer(false);
        let builder = if config.endpoint.is_https() {
            builder.https_only(true)
        } else {
            // The local cloud's.
            plain_http::restrict(builder)
        };
        let http = builder.build().map_err(ConfigError::Tls)?;
        Ok(Self {
            http,
            host: config.endpoint.host().into(),
            started: Instant::now(),
            budget: config
                .budget_per_minute
                .map(|limit| Mutex::new(Budget::per_minute(limit, sharers))),
            pause: Mutex::default(),
            config,
        })
    }

    /// Takes so many calls at once; `None` where there is no budget.
    pub(super) fn prepay(
        self: &Arc<Self>,
        sharer: Sharer,
        priority: Priority,
        calls: u32,
    ) -> Result<Option<Prepaid>, Exhausted> {
        let Some(budget) = &self.budget else {
            return Ok(None);
        };
        let now = self.started.elapsed();
        let left = budget.lock().take_together(now, sharer, priority, calls)?;
        Ok(Some(Prepaid {
            line: self.clone(),
            sharer,
            left: Mutex::new(left),
        }))
    }
}
