//! One call over the wire: pauses, budget, signature, time limits, retries, and what a failure
//! means.
//!
//! Reads are repeated; a write is repeated only when it was certainly not applied. When the API
//! asks to be left alone, no call of the client goes out before, urgent or not.

use std::{error::Error as _, sync::Arc, time::Duration};

use jiff::Timestamp;
use parking_lot::Mutex;
use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::{
    budget::{Exhausted, Priority, Sharer},
    calls::{ApiCall, CallCounters, Outcome},
    config::{ClientConfig, ConfigError},
    error::{ClientError, ErrorKind, api_message},
    line::{Line, Prepaid},
    retry::retry_after,
    rights::Rights,
    signature::{SignedRequest, VALIDITY, sign},
    wording::tidy,
};

/// What clones of a client share.
#[derive(Debug)]
pub(super) struct Transport {
    line: Arc<Line>,
    sharer: Sharer,
    rights: Mutex<Rights>,
    pub(super) counters: CallCounters,
}

/// A request before it is signed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) call: ApiCall,
    /// Below the endpoint, with the leading slash.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// JSON, or empty.
    pub(super) body: Vec<u8>,
}

/// Whether a request that failed and may be repeated is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Repeats {
    /// Within the call's deadline.
    #[default]
    Some,
    /// The caller decides anew.
    Never,
}

/// A failed try.
struct Failure {
    kind: ErrorKind,
    /// Whether the server may have acted on it.
    maybe_applied: bool,
}

impl Failure {
    fn certain(kind: ErrorKind) -> Self {
        Self {
            kind,
            maybe_applied: false,
        }
    }
}

impl Transport {
    /// So many that share connections, call budget and pauses.
    pub(super) fn several(config: ClientConfig, number: usize) -> Result<Vec<Self>, ConfigError> {
        let line = Arc::new(Line::new(config, number)?);
        let transports = (0..number).map(|sharer| Self {
            line: line.clone(),
            sharer: Sharer(sharer),
            rights: Mutex::default(),
            counters: CallCounters::new(),
        });
        Ok(transports.collect())
    }

    pub(super) fn config(&self) -> &ClientConfig {
        &self.line.config
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.line.http
    }

    /// Makes a call, with its retries, within the call's deadline.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: &Request,
        priority: Priority,
        repeats: Repeats,
        prepaid: Option<&Prepaid>,
    ) -> Result<T, ClientError> {
        let call = request.call;
        let deadline = Instant::now() + self.line.config.call_deadline;
        let retries = match repeats {
            Repeats::Some => self.line.config.retries,
            Repeats::Never => 0,
        };
        let mut retry = 0;
        self.take(call, priority, prepaid)
            .map_err(|kind| self.error(call, Failure::certain(kind)))?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let sent = self.line.started.elapsed();
            let tried = self
                .attempt(request, left.min(self.line.config.request_timeout))
                .await;
            let outcome = tried
                .as_ref()
                .map_or_else(|failure| Outcome::of(&failure.kind), |_| Outcome::Ok);
            self.note(
                call,
                sent,
                tried.as_ref().err().map(|failure| &failure.kind),
            );
            self.counters.add(call, outcome);
            let failure = match tried {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };

            if retry >= retries || !may_repeat(call, &failure) {
                return Err(self.error(call, failure));
            }
            // The jitter comes on top of what the API asks for, or all who were told the same
            // return together.
            let jittered = self.line.config.backoff.pause(retry, fastrand::f64());
            let pause = self.pause_left().unwrap_or_default() + jittered;
            // Rather tell the caller than wait for a try that cannot be made.
            if Instant::now() + pause >= deadline {
                return Err(self.error(call, failure));
            }
            tracing::debug!(call = call.id(), error = %failure.kind, ?pause, "Repeating an API call.");
            sleep(pause).await;
            if Instant::now() >= deadline {
                return Err(self.error(call, failure));
            }
            match self.take(call, priority, None) {
                Ok(()) => retry += 1,
                // A pause says when to come back; a spent budget is not what is wrong.
                Err(kind @ ErrorKind::Paused { .. }) => {
                    return Err(self.error(call, Failure::certain(kind)));
                }
                Err(_) => return Err(self.error(call, failure)),
            }
        }
    }

    /// Takes one request out of the budget, unless the API asked to be left alone or refuses it.
    fn take(
        &self,
        call: ApiCall,
        priority: Priority,
        prepaid: Option<&Prepaid>,
    ) -> Result<(), ErrorKind> {
        if let Some(retry_in) = self.pause_left() {
            self.counters.add(call, Outcome::Paused);
            return Err(ErrorKind::Paused { retry_in });
        }
        let now = self.line.started.elapsed();
        let probe = self.line.config.probe_refused_after;
        if let Some(refusal) = self.rights.lock().refuse(call, now, probe) {
            self.counters.add(call, Outcome::Paused);
            return Err(refusal);
        }
        let Some(budget) = &self.line.budget else {
            return Ok(());
        };
        if prepaid.is_some_and(Prepaid::take) {
            return Ok(());
        }
        let taken = budget.lock().take(now, self.sharer, priority);
        taken.map_err(|refusal| self.over_budget(call, refusal))
    }

    /// Takes so many calls at once, the first of which is `call`.
    pub(super) fn prepay(
        &self,
        call: ApiCall,
        priority: Priority,
        calls: u32,
    ) -> Result<Option<Prepaid>, ClientError> {
        let prepaid = self.line.prepay(self.sharer, priority, calls);
        prepaid.map_err(|refusal| {
            let kind = self.over_budget(call, refusal);
            self.error(call, Failure::certain(kind))
        })
    }

    fn over_budget(&self, call: ApiCall, refusal: Exhausted) -> ErrorKind {
        self.counters.add(call, Outcome::OverBudget);
        ErrorKind::BudgetExhausted {
            retry_in: refusal.retry_in,
        }
    }

    fn pause_left(&self) -> Option<Duration> {
        self.line.pause.lock().left(self.line.started.elapsed())
    }

    /// Keeps what an answer says of when to come back and of rights, for all calls.
    fn note(&self, call: ApiCall, sent: Duration, failure: Option<&ErrorKind>) {
        let now = self.line.started.elapsed();
        let probe = self.line.config.probe_refused_after;
        self.rights.lock().note(call, failure, now, probe);
        let mut pause = self.line.pause.lock();
        match failure {
            Some(ErrorKind::Unreachable { .. } | ErrorKind::TimedOut { .. }) => {}
            Some(kind) if kind.asks_for_pause() => {
                let random = fastrand::f64();
                pause.refused(
                    sent,
                    now,
                    kind.retry_after(),
                    self.line.config.backoff,
                    random,
                );
            }
            _ => pause.answered(sent),
        }
    }

    /// One request and its answer.
    async fn attempt<T: DeserializeOwned>(
        &self,
        request: &Request,
        limit: Duration,
    ) -> Result<T, Failure> {
        let write = request.call.is_write();
        let url = self.line.config.endpoint.url(&request.path, &request.query);
        let signed = SignedRequest {
            method: request.call.method(),
            path: url.path(),
            query: &request.query,
            body: &request.body,
        };
        let now = Timestamp::now();
        let expires = u64::try_from(now.as_second()).unwrap_or(0) + VALIDITY.as_secs();
        let authorization = sign(
            &self.line.config.key,
            &self.line.config.secret,
            signed,
            expires,
        );

        let mut builder = self
            .line
            .http
            .request(method(request.call), url)
            .timeout(limit)
            .header(AUTHORIZATION, authorization);
        if !request.body.is_empty() {
            builder = builder
                .header(CONTENT_TYPE, "application/json")
                .body(request.body.clone());
        }
        let answer = builder
            .send()
            .await
            .map_err(|error| unanswered(error, limit, write))?;

        let status = answer.status();
        let header = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let asked = header.and_then(|text| retry_after(text, now));
        let body = self.read_body(answer, limit).await;
        if status.is_success() {
            // The order was taken; only the receipt is unreadable.
            let lost = |kind| Failure {
                kind,
                maybe_applied: write,
            };
            let body = body.map_err(lost)?;
            return serde_json::from_slice(&body).map_err(|error| {
                lost(ErrorKind::Malformed {
                    detail: tidy(&error.to_string()),
                })
            });
        }
        // The status alone tells enough where the body was lost.
        let body = body.unwrap_or_default();
        Err(Failure {
            kind: ErrorKind::from_answer(status.as_u16(), &body, asked),
            maybe_applied: write && leaves_doubt(status, &body),
        })
    }

    /// Reads the answer's body, up to the limit.
    pub(super) async fn read_body(
        &self,
        mut answer: reqwest::Response,
        limit: Duration,
    ) -> Result<Vec<u8>, ErrorKind> {
        let mut body = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.line.config.max_body => {
                    let detail = format!("longer than {} bytes", self.line.config.max_body);
                    return Err(ErrorKind::Malformed { detail });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(error) => return Err(unanswered(error, limit, false).kind),
            }
        }
    }

    fn error(&self, call: ApiCall, failure: Failure) -> ClientError {
        self.error_of(call, failure.kind, failure.maybe_applied)
    }

    /// An error of this client.
    pub(super) fn error_of(&self, call: ApiCall, kind: ErrorKind, ambiguous: bool) -> ClientError {
        ClientError {
            call,
            host: Arc::clone(&self.line.host),
            kind,
            ambiguous,
        }
    }
}

fn method(call: ApiCall) -> Method {
    // The table of calls holds standard methods only.
    Method::from_bytes(call.method().as_bytes()).expect("a standard method")
}

/// What it means that no answer came.
fn unanswered(error: reqwest::Error, limit: Duration, write: bool) -> Failure {
    // Nothing is sent before there is a connection.
    let unsent = error.is_connect() || error.is_builder();
    let kind = if error.is_timeout() && !unsent {
        ErrorKind::TimedOut { after: limit }
    } else {
        ErrorKind::Unreachable {
            detail: causes(error),
        }
    };
    Failure {
        kind,
        maybe_applied: write && !unsent,
    }
}

/// The same of a request that changes nothing.
pub(super) fn silence(error: reqwest::Error, limit: Duration) -> ErrorKind {
    unanswered(error, limit, false).kind
}

/// Whether a refused write may have been made all the same: a gateway gave up on the API, or
/// something that is not the API answered.
fn leaves_doubt(status: StatusCode, body: &[u8]) -> bool {
    match status.as_u16() {
        408 | 502 | 504 => true,
        500.. => api_message(body).is_none(),
        _ => false,
    }
}

/// Whether the client itself repeats a failed call.
fn may_repeat(call: ApiCall, failure: &Failure) -> bool {
    match &failure.kind {
        ErrorKind::RateLimited { .. } => true,
        ErrorKind::Unreachable { .. } => !failure.maybe_applied,
        ErrorKind::TimedOut { .. } => !call.is_write(),
        ErrorKind::Api { status, .. } | ErrorKind::Unavailable { status, .. } => {
            *status >= 500 && !call.is_write()
        }
        _ => false,
    }
}

/// An error with its causes on one line, without the URL (the operation says enough).
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += ": ";
        text += &cause.to_string();
        source = cause.source();
    }
    tidy(&text)
}
