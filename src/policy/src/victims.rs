//! Which members leave when the pool shrinks.

use super::pool::{Member, MemberId, Pool};

/// The `count` members that are missed least: first those not running, then those the load
/// balancer finds unhealthy, then the youngest (the oldest have proved themselves).
///
/// Members of equal rank are ordered by id, so that a repeated choice is the same choice.
pub(crate) fn choose(pool: &Pool, count: usize) -> Vec<MemberId> {
    let mut members: Vec<&Member> = pool.members.iter().collect();
    members.sort_by_key(|m| (m.running, m.healthy != Some(false), m.age, m.id));
    members.iter().take(count).map(|m| m.id).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Condition, HealthSource, Moment, Size};

    fn member(running: bool, healthy: Option<bool>, age_s: u64) -> Member {
        Member {
            id: MemberId(uuid::Uuid::new_v4()),
            address: None,
            running,
            healthy,
            age: Some(Duration::from_secs(age_s)),
        }
    }

    #[test]
    fn stopped_then_unhealthy_then_youngest() {
        let old = member(true, Some(true), 900);
        let young = member(true, Some(true), 100);
        let sick = member(true, Some(false), 5000);
        let stopped = member(false, None, 9000);
        let pool = Pool {
            read_at: Moment::START,
            size: Size(4),
            condition: Condition::Running,
            health: HealthSource::LoadBalancer,
            counted: 4,
            members: vec![old.clone(), young.clone(), sick.clone(), stopped.clone()],
        };
        assert_eq!(choose(&pool, 4), [stopped.id, sick.id, young.id, old.id]);
        assert_eq!(choose(&pool, 1), [stopped.id]);
    }
}
