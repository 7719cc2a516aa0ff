//! Anti-affinity groups. There is one host here, so they only are kept and answered.

use std::sync::Arc;

use exoscale::{ids::AntiAffinityGroupId, models::Operation};

use super::{cloud::Cloud, references, refusal::Refusal};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "anti-affinity-group";

/// The field by which pools and instances name them.
pub(crate) const FIELD: &str = "anti-affinity-groups";

/// A group of instances that Exoscale keeps on different hosts.
#[derive(Clone, Debug)]
pub(crate) struct AntiAffinityGroup {
    pub(crate) id: AntiAffinityGroupId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
}

/// `POST /anti-affinity-group`.
pub(crate) fn create(
    cloud: &Arc<Cloud>,
    name: String,
    description: Option<String>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let mut groups = state.anti_affinity_groups.values();
    if groups.any(|group| group.name == name) {
        return Err(Refusal::Conflict(format!(
            "there is an {KIND} {name:?} already"
        )));
    }
    let id = AntiAffinityGroupId::random();
    let group = AntiAffinityGroup {
        id,
        name,
        description,
    };
    state.anti_affinity_groups.insert(id, group);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `DELETE /anti-affinity-group/{id}`; not while something names it.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: AntiAffinityGroupId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if !state.anti_affinity_groups.contains_key(&id) {
        return Err(Refusal::not_found(KIND, id));
    }
    references::check_unused(&state, (KIND, FIELD), id.0)?;
    state.anti_affinity_groups.remove(&id);
    Ok(cloud.complete(&mut state, KIND, id.0))
}
