//! Whether the pool is one that the agent can change as its settings say.

use exoscale::models::{InstancePool, PoolState};
use policy::Size;

use super::{report::Report, rights::Found, subject::Subject};

pub(super) fn examine(subject: &Subject, pool: &InstancePool, found: &Found, report: &mut Report) {
    report.group("instance-pool");
    size(subject, pool, report);
    state(pool, report);
    let title = "pool is not locked by another part of the account";
    match &found.locked {
        Some(message) => report.failed(
            "pool-unlocked",
            title,
            message.clone(),
            "wait for what holds the pool to end; the pool of a Kubernetes cluster is its node \
             pool's, and no autoscaler but the cluster's can change it",
        ),
        None => report.passed("pool-unlocked", title),
    }
    pinned(subject, report);
}

fn size(subject: &Subject, pool: &InstancePool, report: &mut Report) {
    let bounds = subject.bounds();
    let (min, max) = (bounds.min().0, bounds.max().0);
    let title = format!("size {} is within the limits, {min} to {max}", pool.size);
    if bounds.clamp(Size(pool.size)) == Size(pool.size) {
        return report.passed("pool-size", title);
    }
    let key = if pool.size < min {
        "scaling.min_size"
    } else {
        "scaling.max_size"
    };
    report.failed(
        "pool-size",
        title,
        "the agent moves such a pool toward its limits, and never further away".to_owned(),
        format!(
            "set {key} to {}, or give the pool a size within the limits",
            pool.size
        ),
    );
}

fn state(pool: &InstancePool, report: &mut Report) {
    let (id, title) = ("pool-state", "pool is running");
    let reason = pool.error_reason.as_ref().map(ToString::to_string);
    match &pool.state {
        PoolState::Running => report.passed(id, title),
        PoolState::Degraded => report.warned(
            id,
            title,
            format!(
                "it is degraded: {}",
                reason.unwrap_or_else(|| "no reason is given".to_owned())
            ),
            "mend what the reason names (quota, capacity); until then nothing is added",
        ),
        PoolState::Suspended | PoolState::Destroying => report.failed(
            id,
            title,
            format!("it is {:?}", pool.state).to_lowercase(),
            "the agent changes a pool only while it is running: see the portal, or ask Exoscale",
        ),
        other => report.warned(
            id,
            title,
            format!("it is {}", name(other)),
            "wait for the change to end, and try again",
        ),
    }
}

fn name(state: &PoolState) -> String {
    let value = serde_json::to_value(state).unwrap_or_default();
    value.as_str().unwrap_or("in an unknown state").to_owned()
}

fn pinned(subject: &Subject, report: &mut Report) {
    let (min, max) = (subject.bounds().min(), subject.bounds().max());
    if min == max {
        report.warned(
            "pool-room",
            "limits leave room to scale",
            format!("scaling.min_size and scaling.max_size are both {min}"),
            "set scaling.max_size to what you can pay for",
        );
    } else {
        report.passed("pool-room", "limits leave room to scale");
    }
}
