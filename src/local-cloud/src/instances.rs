//! Instances: what both a pool's members and instances of no pool have. How a member lives is in
//! [`super::member_life`], an instance of no pool in [`super::standalone`].

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use exoscale::{
    ids::{InstanceId, InstanceTypeId, PoolId, TemplateId},
    models::{InstanceState, Operation},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    cloud::{Cloud, State, now},
    load_balancers,
    member_life::Life,
    password::Password,
    refusal::Refusal,
    runner::InstanceSpec,
    snapshots,
    standalone::Standalone,
    templates,
    user_data::UserData,
};

/// The path under which the API serves instances.
pub(crate) const KIND: &str = "instance";

/// The longest grace when the whole cloud stops.
const GRACE_WHEN_STOPPING: Duration = Duration::from_secs(3);

/// What an instance is made from: its own settings, or those of its pool when it was made.
#[derive(Clone, Debug)]
pub(crate) struct InstanceSettings {
    pub(crate) instance_type: InstanceTypeId,
    pub(crate) template: TemplateId,
    /// GiB.
    pub(crate) disk_size: u32,
    /// For the names of a pool's members.
    pub(crate) instance_prefix: Option<String>,
    pub(crate) user_data: Option<UserData>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Further fields of the API that are kept and answered, and have no effect here.
    pub(crate) further: Map<String, Value>,
}

impl InstanceSettings {
    /// `inet4`, `dual` or `none`.
    pub(crate) fn public_ip_assignment(&self) -> &str {
        let word = self.further.get("public-ip-assignment");
        word.and_then(Value::as_str).unwrap_or("inet4")
    }

    /// Brings the two ways to ask for IPv6 together, of which `changed` holds what was asked last.
    pub(crate) fn settle_addresses(&mut self, changed: &Map<String, Value>) {
        let older = changed.get("ipv6-enabled").and_then(Value::as_bool);
        let current = self.public_ip_assignment().to_owned();
        let word = match older {
            Some(true) if current == "inet4" => "dual",
            Some(false) if current == "dual" && !changed.contains_key("public-ip-assignment") => {
                "inet4"
            }
            _ => &current,
        };
        let (word, is_dual) = (json!(word), json!(word == "dual"));
        self.further.insert("public-ip-assignment".to_owned(), word);
        self.further.insert("ipv6-enabled".to_owned(), is_dual);
    }

    /// What its user-data is, where no image reads it.
    pub(crate) fn ignored_user_data(&self) -> Option<&str> {
        self.user_data.as_ref().and_then(UserData::ignored)
    }

    /// Whether there is nothing in the user-data that its image reads.
    pub(crate) fn is_plain(&self) -> bool {
        self.user_data
            .as_ref()
            .is_none_or(|data| data.ignored().is_some())
    }

    /// Says once, for all that are made with these settings, that their user-data does nothing.
    pub(crate) fn log_ignored_user_data(&self, of: &str) {
        if let Some(found) = self.ignored_user_data() {
            tracing::info!(
                of,
                found,
                "its user-data is not for an image of this project, so it boots as a plain server"
            );
        }
    }
}

/// One server.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) name: String,
    /// The pool that it is a member of.
    pub(crate) pool: Option<PoolId>,
    /// What only an instance of no pool has.
    pub(crate) standalone: Option<Standalone>,
    /// The name that its address leads back to.
    pub(crate) reverse_dns: Option<String>,
    pub(crate) state: InstanceState,
    pub(crate) created_at: Timestamp,
    pub(crate) ip: Ipv4Addr,
    /// The address is assigned, that is: it has booted.
    pub(crate) booted: bool,
    pub(crate) pid: Option<u32>,
    /// Why it ended on its own, until it starts again.
    pub(crate) failure: Option<String>,
    /// Where it stands among its pool's members.
    pub(crate) place: u64,
    /// Where its template has one.
    pub(crate) password: Option<Password>,
    pub(crate) settings: Arc<InstanceSettings>,
    /// Cancelled to make it leave.
    pub(crate) leave: CancellationToken,
    /// Cancelled when it has left.
    pub(crate) gone: CancellationToken,
}

impl Instance {
    /// True until it is asked to leave. A failed instance still holds its place in the pool.
    pub(crate) fn stays(&self) -> bool {
        !self.leave.is_cancelled()
    }

    /// Its public address, once it has booted, if it is to have one.
    pub(crate) fn public_ip(&self) -> Option<Ipv4Addr> {
        let wants = self.settings.public_ip_assignment() != "none";
        (self.booted && wants).then_some(self.ip)
    }

    /// Its public IPv6 address: the same one in the form that IPv6 has for it. Linux has no other
    /// IPv6 address for each instance on its loopback interface; this one is its own, and a
    /// connection over an IPv6 socket reaches what the instance listens with.
    pub(crate) fn ipv6_address(&self) -> Option<Ipv6Addr> {
        let wants = self.settings.public_ip_assignment() == "dual";
        (self.booted && wants).then(|| self.ip.to_ipv6_mapped())
    }

    /// True when a load balancer forwards to it, which it does to public addresses.
    pub(crate) fn is_target(&self) -> bool {
        self.public_ip().is_some() && self.stays()
    }

    /// True when it failed and waits for its replacement.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.state, InstanceState::Error | InstanceState::Stopped)
    }
}

/// Makes a new member of `pool` and starts its life. Does nothing when no address is free; the
/// pool tries again when one is released.
pub(crate) fn create(cloud: &Arc<Cloud>, state: &mut State, pool: PoolId) -> Option<InstanceId> {
    let template = templates::name(state, state.pools.get(&pool)?.settings.template);
    let Some(ip) = cloud
        .addresses()
        .take(&cloud.config.runner.ports(&template))
    else {
        tracing::error!(%pool, "no free loopback address for a new instance");
        return None;
    };
    let password = Password::of_template(state, state.pools.get(&pool)?.settings.template);
    let entry = state.pools.get_mut(&pool)?;
    let id = InstanceId::random();
    let instance = Instance {
        id,
        name: entry.new_member_name(),
        pool: Some(pool),
        standalone: None,
        reverse_dns: None,
        state: InstanceState::Starting,
        created_at: now(),
        ip,
        booted: false,
        pid: None,
        failure: None,
        place: entry.add(id),
        password,
        settings: Arc::clone(&entry.settings),
        leave: cloud.stopping.child_token(),
        gone: CancellationToken::new(),
    };
    let life = Life::new(
        Arc::clone(cloud),
        pool,
        instance.leave.clone(),
        InstanceSpec {
            id,
            name: instance.name.clone(),
            template,
            plain: entry.settings.is_plain(),
            ip,
            metadata_url: cloud.metadata_url(id),
            environment: cloud.environment_of_instances(),
        },
    );
    state.instances.insert(id, instance);
    cloud.spawn(life.run());
    Some(id)
}

/// Makes an instance leave; the token is cancelled when it has left.
pub(crate) fn make_leave(state: &mut State, id: InstanceId) -> Option<CancellationToken> {
    let instance = state.instances.get_mut(&id)?;
    let pool = instance.pool.filter(|_| instance.stays());
    if let Some(pool) = pool.and_then(|pool| state.pools.get_mut(&pool)) {
        pool.staying = pool.staying.saturating_sub(1);
    }
    instance.state = InstanceState::Destroying;
    instance.leave.cancel();
    Some(instance.gone.clone())
}

/// `DELETE /instance/{id}`. The pool of a member keeps its size, so it makes another one.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: InstanceId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let instance = state.instances.get(&id);
    let instance = instance.ok_or_else(|| Refusal::not_found(KIND, id))?;
    if instance
        .standalone
        .as_ref()
        .is_some_and(|own| own.protected)
    {
        return Err(Refusal::locked(
            "delete-instance",
            id,
            "manual instance protection",
        ));
    }
    let gone: Vec<_> = make_leave(&mut state, id).into_iter().collect();
    snapshots::delete_of(&mut state, id);
    load_balancers::publish_member(&state, id);
    Ok(cloud.complete_after(&mut state, KIND, id.0, gone, |_| Ok(())))
}

/// `POST` and `DELETE /reverse-dns/instance/{id}`.
pub(crate) fn set_reverse_dns(
    cloud: &Arc<Cloud>,
    id: InstanceId,
    name: Option<String>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let instance = state.instances.get_mut(&id);
    let instance = instance.ok_or_else(|| Refusal::not_found(KIND, id))?;
    if name.is_none() && instance.reverse_dns.is_none() {
        return Err(Refusal::not_found("reverse-dns record of instance", id));
    }
    instance.reverse_dns = name;
    Ok(cloud.complete(&mut state, "reverse-dns/instance", id.0))
}

/// How long an instance may take to stop. Who stops the whole cloud waits for it.
pub(crate) fn grace(cloud: &Cloud) -> Duration {
    let grace = cloud.config.stop_grace;
    if cloud.stopping.is_cancelled() {
        grace.min(GRACE_WHEN_STOPPING)
    } else {
        grace
    }
}
