//! What the API says of the pool, and the settings that follow from it.

use std::fmt;

use agent::AddressKind;
use anyhow::{Context as _, bail};
use exoscale::{
    Client,
    ids::{LoadBalancerId, PoolId},
    models::{Instance, LoadBalancer, LoadBalancerService},
    probe::Question,
};
use serde::Deserialize;

use super::Options;

/// What is known of the pool.
#[derive(Debug)]
pub(super) struct Discovered {
    pub(super) pool: PoolId,
    pub(super) name: String,
    pub(super) size: u32,
    pub(super) addresses: AddressKind,
    pub(super) balancer: Option<LoadBalancerId>,
    /// The name of the load balancer, if it was read.
    pub(super) balancer_name: Option<String>,
    /// The port of the application, if a service says it.
    pub(super) application_port: Option<u16>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

impl Discovered {
    pub(super) fn is_private(&self) -> bool {
        self.addresses == AddressKind::Private
    }

    /// A guess that costs at most twice as much as today.
    pub(super) fn limits(&self) -> (u32, u32) {
        let max = self.size.saturating_mul(2).max(2);
        (self.size.div_ceil(2).max(1), max)
    }
}

/// What was found, for the one who has to check it.
impl fmt::Display for Discovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |name: &str| name.replace(char::is_control, "");
        let (name, kind) = (plain(&self.name), self.addresses.as_str());
        let members = match self.size {
            1 => "1 member".to_owned(),
            many => format!("{many} members"),
        };
        writeln!(
            f,
            "pool \"{name}\", {members}, asked at their {kind} addresses"
        )?;
        match (&self.balancer_name, self.application_port) {
            (Some(balancer), Some(port)) => {
                writeln!(
                    f,
                    "load balancer \"{}\", which forwards to port {port}",
                    plain(balancer)
                )
            }
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Balancers {
    #[serde(rename = "load-balancers", default)]
    list: Vec<LoadBalancer>,
}

pub(super) async fn read(options: &Options, client: &Client) -> anyhow::Result<Discovered> {
    let pool = client
        .get_instance_pool(options.pool)
        .await
        .with_context(|| {
            let (pool, zone) = (options.pool, &options.zone);
            format!(
                "cannot read pool {pool} in zone {zone}, whose pools \
                 `exo compute instance-pool list --zone {zone}` shows"
            )
        })?;
    let members = client.list_pool_members(options.pool).await;
    let members = members.context("cannot list the pool's members")?;
    let mut notes = Vec::new();
    let balancer = balancer(options, client, &mut notes).await?;
    let is_ours = |s: &&LoadBalancerService| s.instance_pool.is_some_and(|p| p.id == options.pool);
    let service = balancer
        .as_ref()
        .and_then(|found| found.services.iter().find(is_ours));
    if let (Some(found), None) = (&balancer, service) {
        bail!(
            "load balancer \"{}\" forwards nothing to pool {}; name another by --load-balancer, or \
             leave it out",
            found.name,
            options.pool
        );
    }
    Ok(Discovered {
        pool: options.pool,
        name: pool.name,
        size: pool.size,
        addresses: addresses(&members),
        application_port: service.map(|service| service.target_port),
        balancer: balancer
            .as_ref()
            .map(|found| found.id)
            .or(options.load_balancer),
        balancer_name: balancer.map(|found| found.name),
        notes,
    })
}

/// The one that is named, or else the one that forwards to the pool.
async fn balancer(
    options: &Options,
    client: &Client,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<LoadBalancer>> {
    if let Some(id) = options.load_balancer {
        let found = client.get_load_balancer(id).await;
        return found
            .map(Some)
            .with_context(|| format!("cannot read load balancer {id}"));
    }
    let question = Question::Read("/load-balancer".to_owned(), Vec::new());
    let answered = client.ask(&question).await;
    let answered = match answered {
        Ok(answered) if answered.refusal.is_none() => answered,
        Ok(answered) => {
            notes.extend(answered.refusal.map(|refusal| {
                format!("load balancers cannot be listed ({refusal}); name one by --load-balancer")
            }));
            return Ok(None);
        }
        Err(silence) => bail!("load balancers cannot be listed: {silence}"),
    };
    let listed: Balancers =
        serde_json::from_slice(&answered.body).context("the list of load balancers is broken")?;
    let serves = |balancer: &LoadBalancer| {
        let mut pools = balancer.services.iter().filter_map(|s| s.instance_pool);
        pools.any(|pool| pool.id == options.pool)
    };
    let mut found: Vec<_> = listed.list.into_iter().filter(serves).collect();
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|b| b.id.to_string()).collect();
        notes.push(format!(
            "{} load balancers forward to the pool: {}; the first is taken, --load-balancer names \
             another",
            found.len(),
            ids.join(", ")
        ));
    }
    if found.is_empty() {
        notes.push(
            "no load balancer forwards to the pool, so nobody knows which members serve".to_owned(),
        );
        return Ok(None);
    }
    Ok(Some(found.swap_remove(0)))
}

/// Where every member can be asked.
fn addresses(members: &[Instance]) -> AddressKind {
    let every = |has: fn(&Instance) -> bool| !members.is_empty() && members.iter().all(has);
    if every(|m| m.public_ip.is_some()) || members.is_empty() {
        AddressKind::Public
    } else if every(|m| m.ipv6_address.is_some()) {
        AddressKind::Ipv6
    } else if every(|m| !m.private_networks.is_empty()) {
        AddressKind::Private
    } else {
        AddressKind::Public
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member(fields: &serde_json::Value) -> Instance {
        let mut document = json!({ "id": uuid::Uuid::nil() });
        document
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn members_are_asked_where_all_of_them_are() {
        let public = || member(&json!({ "public-ip": "192.0.2.1", "ipv6-address": "2001:db8::1" }));
        let six = || member(&json!({ "ipv6-address": "2001:db8::2" }));
        let network = json!([{ "id": uuid::Uuid::nil() }]);
        let private = member(&json!({ "private-networks": network }));
        assert_eq!(addresses(&[public()]), AddressKind::Public);
        assert_eq!(addresses(&[public(), six()]), AddressKind::Ipv6);
        assert_eq!(addresses(&[private]), AddressKind::Private);
        assert_eq!(addresses(&[]), AddressKind::Public);
    }
}
