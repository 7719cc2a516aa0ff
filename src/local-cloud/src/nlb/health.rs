//! A member's health over time: checked at once when it appears, then at the configured interval.
//!
//! The rules are Exoscale's
//! (<https://community.exoscale.com/product/networking/nlb/how-to/config-healthcheck>): `retries`
//! failed checks in a row make a member failed, and one success makes it healthy again. A new
//! member counts as failed until its first success, so that no connection reaches an instance that
//! is still starting.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    Health, HealthCheckConfig,
    member::Member,
    probe::{ProbeError, probe},
    service::Shared,
};

/// A member's health and its failures since the last success.
#[derive(Debug)]
struct Streak {
    health: Health,
    failures: u32,
}

impl Streak {
    fn new() -> Self {
        Self {
            health: Health::Failure,
            failures: 0,
        }
    }

    fn record(&mut self, succeeded: bool, retries: u32) -> Health {
        if succeeded {
            *self = Self {
                health: Health::Success,
                failures: 0,
            };
        } else {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= retries {
                self.health = Health::Failure;
            }
        }
        self.health
    }
}

/// Checks a member until it leaves the list or the service stops; then holds its connections to
/// their deadline.
pub(super) async fn attend(shared: Arc<Shared>, member: Arc<Member>) {
    member
        .removed
        .run_until_cancelled(check_forever(&shared, &member))
        .await;
    if let Some(deadline) = shared.limits.removed_deadline
        && shared
            .stopping
            .run_until_cancelled(sleep(deadline))
            .await
            .is_some()
    {
        member.cut.cancel();
    }
}

async fn check_forever(shared: &Shared, member: &Member) {
    let mut settings = shared.health.subscribe();
    let mut streak = Streak::new();
    loop {
        let current = settings.borrow_and_update().clone();
        check_until_changed(&current, &mut settings, member.address, |outcome| {
            let health = streak.record(outcome.is_ok(), current.retries);
            if health != member.health() {
                tracing::info!(member = %member.address, ?health, reason = outcome.err().map(tracing::field::display), "member changed");
                member.set_health(health);
                shared.publish_statuses();
            }
        })
        .await;
    }
}

async fn check_until_changed(
    current: &HealthCheckConfig,
    settings: &mut watch::Receiver<Arc<HealthCheckConfig>>,
    member: SocketAddr,
    mut record: impl FnMut(Result<(), ProbeError>),
) {
    let address = SocketAddr::new(member.ip(), current.port);
    let mut ticks = interval(current.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // An error cannot happen: the sender lives as long as the service this task belongs to.
            _ = settings.changed() => return,
        }
        record(
            timeout(current.timeout, probe(&current.mode, address))
                .await
                .unwrap_or(Err(ProbeError::Timeout)),
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_member_is_failed_until_its_first_success() {
        let mut streak = Streak::new();
        assert_eq!(streak.record(false, 3), Health::Failure);
        assert_eq!(streak.record(true, 3), Health::Success);
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let mut streak = Streak::new();
        let checks = [true, false, false, true, false, false, false, true];
        let seen: Vec<bool> = checks
            .iter()
            .map(|&ok| streak.record(ok, 3) == Health::Success)
            .collect();
        assert_eq!(seen, [true, true, true, true, true, true, false, true]);
    }

    proptest! {
        #[test]
        fn failed_means_no_success_among_the_last_checks(checks in prop::collection::vec(any::<bool>(), 1..40), retries in 1_u32..6) {
            let mut streak = Streak::new();
            for (done, &ok) in (1..).zip(&checks) {
                let health = streak.record(ok, retries);
                let since_success = checks[..done].iter().rev().take_while(|ok| !**ok).count();
                let healthy = since_success < done && since_success < retries as usize;
                prop_assert_eq!(health == Health::Success, healthy);
            }
        }
    }
}
