//! The last calls of the API, for `GET /_local/requests`.

use std::{collections::VecDeque, time::Instant};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use super::{clients::plain, faults::FaultKind};

/// Calls kept; the oldest is forgotten first.
const KEPT: usize = 200;

/// The longest path and `User-Agent` kept.
const LONGEST: usize = 200;

/// One call.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request {
    /// When it came.
    pub(crate) at: Timestamp,
    /// Who called, by the `User-Agent`.
    pub(crate) client: String,
    pub(crate) user_agent: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    /// The operation's id; absent where none is served.
    pub(crate) operation: Option<&'static str>,
    /// How it was made to misbehave.
    pub(crate) fault: Option<FaultKind>,
    /// The answer's HTTP status; absent while there is none, and where none was given.
    pub(crate) status: Option<u16>,
    /// Until the answer, or until the connection ended without one; absent before.
    pub(crate) duration_ms: Option<f64>,
    #[serde(skip)]
    begun: Instant,
}

impl Request {
    pub(crate) fn new(client: &str, user_agent: Option<&str>, method: &str, path: &str) -> Self {
        Self {
            at: Timestamp::now(),
            client: client.to_owned(),
            user_agent: user_agent.map(|text| plain(text, LONGEST)),
            method: plain(method, LONGEST),
            path: plain(path, LONGEST),
            operation: None,
            fault: None,
            status: None,
            duration_ms: None,
            begun: Instant::now(),
        }
    }
}

/// The last calls.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Request>,
    /// How many were forgotten.
    forgotten: u64,
}

impl RequestLog {
    /// Notes a call that has come.
    pub(crate) fn begin(&self, request: Request) -> Recording<'_> {
        let mut kept = self.kept.lock();
        if kept.requests.len() == KEPT {
            kept.requests.pop_front();
            kept.forgotten += 1;
        }
        kept.requests.push_back(request);
        let number = kept.forgotten + kept.requests.len() as u64 - 1;
        Recording { log: self, number }
    }

    /// All that are kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<Request> {
        self.kept.lock().requests.iter().cloned().collect()
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Request)) {
        let mut kept = self.kept.lock();
        let place = number.checked_sub(kept.forgotten);
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(request) = place.and_then(|place| kept.requests.get_mut(place)) {
            change(request);
        }
    }
}

/// A call that goes on until this is dropped, with an answer or without one.
pub(crate) struct Recording<'a> {
    log: &'a RequestLog,
    number: u64,
}

impl Recording<'_> {
    pub(crate) fn operation(&self, operation: &'static str) {
        let operation = Some(operation);
        self.log
            .change(self.number, |request| request.operation = operation);
    }

    pub(crate) fn fault(&self, kind: FaultKind) {
        self.log
            .change(self.number, |request| request.fault = Some(kind));
    }

    pub(crate) fn answered(&self, status: u16) {
        self.log
            .change(self.number, |request| request.status = Some(status));
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.log.change(self.number, |request| {
            let micros = request.begun.elapsed().as_micros() as f64;
            request.duration_ms = Some(micros / 1000.0);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request {
        Request::new("curl", Some("curl/8"), "GET", path)
    }

    #[test]
    fn the_last_two_hundred_are_kept_and_a_call_under_way_has_no_status() {
        let log = RequestLog::default();
        let first = log.begin(request("/first"));
        let second = log.begin(request("/second"));
        assert_eq!(
            (log.all()[1].status, log.all()[1].duration_ms),
            (None, None)
        );
        for number in 0..KEPT - 1 {
            log.begin(request(&format!("/{number}"))).answered(200);
        }
        let all = log.all();
        assert_eq!((all.len(), all[0].path.as_str()), (KEPT, "/second"));
        // The one that is forgotten changes nothing by its end.
        first.answered(500);
        second.answered(404);
        drop((first, second));
        let all = log.all();
        assert_eq!(all[0].status, Some(404));
        assert!(all[0].duration_ms.is_some());
        assert!(all[1..].iter().all(|request| request.status == Some(200)));
        log.begin(request(&"/é".repeat(10_000)));
        assert!(log.all()[KEPT - 1].path.len() < 1000);
    }
}
