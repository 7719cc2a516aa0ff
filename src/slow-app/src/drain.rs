//! Whether this instance is draining, and who may say so.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use super::DrainToken;

/// Draining: still serving, but asking clients and load balancers to go elsewhere.
#[derive(Debug)]
pub(super) struct Drain {
    lease: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Off,
    /// Asked for at this time, and over one lease later: who asked may be gone.
    AskedAt(Instant),
    /// The process has been told to end.
    Stopping,
}

impl Drain {
    pub(super) fn new(lease: Duration) -> Self {
        let state = Mutex::new(State::Off);
        Self { lease, state }
    }

    /// Starts draining, or takes it back. Once the process is stopping it stays on.
    pub(super) fn set(&self, on: bool) {
        self.set_at(Instant::now(), on);
    }

    fn set_at(&self, now: Instant, on: bool) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Stopping) {
            *state = if on { State::AskedAt(now) } else { State::Off };
        }
    }

    /// The process has been told to end.
    pub(super) fn stop(&self) {
        *self.state.lock() = State::Stopping;
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on_at(Instant::now())
    }

    fn is_on_at(&self, now: Instant) -> bool {
        match *self.state.lock() {
            State::Off => false,
            State::AskedAt(asked) => now.saturating_duration_since(asked) < self.lease,
            State::Stopping => true,
        }
    }
}

/// Why a client may not drain this instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "draining needs the header `Authorization: Bearer TOKEN` with the token of --drain-token"
    )]
    Unauthorised,
    #[error("draining is open to loopback addresses only, as no --drain-token is set")]
    Forbidden,
}

/// Checks a client: with a token configured it must show it (RFC 6750, section 2.1); without, it
/// must be on this machine.
pub(super) fn authorise(
    token: Option<&DrainToken>,
    authorization: Option<&[u8]>,
    peer: Option<IpAddr>,
) -> Result<(), Refusal> {
    match token {
        Some(token) => {
            let shown = authorization
                .and_then(bearer_token)
                .ok_or(Refusal::Unauthorised)?;
            if bool::from(shown.ct_eq(token.as_bytes())) {
                Ok(())
            } else {
                Err(Refusal::Unauthorised)
            }
        }
        None if peer.is_some_and(|peer| peer.to_canonical().is_loopback()) => Ok(()),
        None => Err(Refusal::Forbidden),
    }
}

/// The scheme's name is case-insensitive (RFC 9110, section 11.1).
fn bearer_token(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "127.8.8.8";
    const MAPPED: &str = "::ffff:127.0.0.1";
    const REMOTE: &str = "192.0.2.7";

    fn check(token: Option<&str>, header: Option<&str>, peer: &str) -> Result<(), Refusal> {
        let token = token.map(|token| DrainToken::from(token.to_owned()));
        authorise(token.as_ref(), header.map(str::as_bytes), peer.parse().ok())
    }

    #[test]
    fn without_a_token_only_loopback_may_drain() {
        assert_eq!(check(None, None, LOCAL), Ok(()));
        assert_eq!(check(None, None, MAPPED), Ok(()));
        assert_eq!(
            check(None, Some("Bearer x"), REMOTE),
            Err(Refusal::Forbidden)
        );
        assert_eq!(check(None, None, "unknown"), Err(Refusal::Forbidden));
    }

    #[test]
    fn with_a_token_everyone_must_show_it() {
        assert_eq!(check(Some("hush"), Some("Bearer hush"), REMOTE), Ok(()));
        assert_eq!(check(Some("hush"), Some("bearer hush"), REMOTE), Ok(()));
        for wrong in [
            "Bearer hus",
            "Bearer hushh",
            "Bearer ",
            "hush",
            "Basic hush",
            "",
        ] {
            assert_eq!(
                check(Some("hush"), Some(wrong), LOCAL),
                Err(Refusal::Unauthorised),
                "{wrong}"
            );
        }
        assert_eq!(check(Some("hush"), None, LOCAL), Err(Refusal::Unauthorised));
    }

    #[test]
    fn a_drain_ends_one_lease_after_it_was_asked_for_last() {
        let drain = Drain::new(Duration::from_secs(600));
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        drain.set_at(start, true);
        assert!(drain.is_on_at(after(599)));
        drain.set_at(after(599), true);
        assert!(drain.is_on_at(after(600)));
        assert!(drain.is_on_at(after(1198)));
        assert!(!drain.is_on_at(after(1199)));
    }

    #[test]
    fn a_stopping_process_stays_in_drain() {
        let drain = Drain::new(Duration::ZERO);
        drain.set(true);
        drain.set(false);
        assert!(!drain.is_on());
        drain.stop();
        drain.set(false);
        assert!(drain.is_on());
    }
}
