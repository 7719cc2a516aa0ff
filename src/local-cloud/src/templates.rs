//! Templates: those of the catalog, and those that are registered over the API. An image is not
//! downloaded: what an instance of it runs depends on the template's name.

use std::{collections::BTreeMap, sync::Arc};

use exoscale::{ids::TemplateId, models::Operation};

use super::{
    catalog::{OfferedTemplate, TEMPLATES, public_templates},
    cloud::{Cloud, State},
    quotas,
    refusal::Refusal,
};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "template";

#[derive(Debug, Default)]
pub(crate) struct Templates(BTreeMap<TemplateId, OfferedTemplate>);

impl Templates {
    /// What a zone has before anybody registers one.
    pub(crate) fn of_zone(zone: &str) -> Self {
        let offered = TEMPLATES.iter().cloned().chain(public_templates(zone));
        Self(offered.map(|entry| (entry.core.id, entry)).collect())
    }

    pub(crate) fn get(&self, id: TemplateId) -> Option<&OfferedTemplate> {
        self.0.get(&id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &OfferedTemplate> {
        self.0.values()
    }

    /// How many were registered over the API.
    pub(crate) fn registered(&self) -> usize {
        let offered = |id: &TemplateId| TEMPLATES.iter().any(|entry| entry.core.id == *id);
        let own = self.0.iter().filter(|(_, entry)| !is_public(entry));
        own.filter(|(id, _)| !offered(id)).count()
    }
}

fn is_public(template: &OfferedTemplate) -> bool {
    template.core.visibility == "public"
}

/// The name of a template; empty when it was deleted meanwhile.
pub(crate) fn name(state: &State, id: TemplateId) -> String {
    let template = state.templates.get(id);
    template
        .map(|entry| entry.core.name.clone())
        .unwrap_or_default()
}

/// `POST /template`. Several may have one name; the newest is what clients take.
pub(crate) fn register(
    cloud: &Arc<Cloud>,
    template: OfferedTemplate,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    quotas::check(cloud, &state, KIND)?;
    let id = template.core.id;
    let operation = cloud.complete_after(&mut state, KIND, id.0, Vec::new(), move |state| {
        state.templates.0.insert(id, template);
        Ok(())
    });
    Ok(operation)
}

/// `PUT /template/{id}`.
pub(crate) fn update(
    cloud: &Arc<Cloud>,
    id: TemplateId,
    change: impl FnOnce(&mut OfferedTemplate),
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    change(own(&mut state, id)?);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `DELETE /template/{id}`. Instances that were made from it go on.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: TemplateId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    own(&mut state, id)?;
    state.templates.0.remove(&id);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

fn own(state: &mut State, id: TemplateId) -> Result<&mut OfferedTemplate, Refusal> {
    let template = state.templates.0.get_mut(&id);
    let template = template.ok_or_else(|| Refusal::not_found(KIND, id))?;
    if is_public(template) {
        return Err(Refusal::Forbidden(format!("{KIND} {id} is Exoscale's own")));
    }
    Ok(template)
}
