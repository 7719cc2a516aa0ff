//! Whether this instance is draining, and who may say so.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use subtle::ConstantTimeEq;

use super::DrainToken;

/// Draining: still serving, but asking clients and load balancers to go elsewhere.
#[derive(Debug, Default)]
pub(super) struct Drain {
    asked: AtomicBool,
    stopping: AtomicBool,
}

impl Drain {
    /// Starts draining, or takes it back. Once the process is stopping it stays on.
    pub(super) fn set(&self, on: bool) {
        self.asked.store(on, Ordering::Relaxed);
    }

    /// The process has been told to end.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.stopping.load(Ordering::Relaxed)
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

/// Checks a client: with a token configured it must show it (RFC 6750, section 2.1); without, it must be on this machine.
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
    fn a_stopping_process_stays_in_drain() {
        let drain = Drain::default();
        drain.set(true);
        drain.set(false);
        assert!(!drain.is_on());
        drain.stop();
        drain.set(false);
        assert!(drain.is_on());
    }
}
