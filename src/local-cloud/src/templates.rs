//! Templates: those of the catalog, and those that are registered over the API. An image is not
//! downloaded: what an instance of it runs depends on the template's name.

use std::{collections::BTreeMap, sync::Arc};

use exoscale::{ids::TemplateId, models::Operation};

use super::{
    catalog::{OfferedTemplate, TEMPLATES},
    cloud::{Cloud, State},
    refusal::Refusal,
};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "template";

#[derive(Debug)]
pub(crate) struct Templates(BTreeMap<TemplateId, OfferedTemplate>);

impl Default for Templates {
    fn default() -> Self {
        let offered = TEMPLATES.iter();
        Self(
            offered
                .map(|entry| (entry.core.id, entry.clone()))
                .collect(),
        )
    }
}

impl Templates {
    pub(crate) fn get(&self, id: TemplateId) -> Option<&OfferedTemplate> {
        self.0.get(&id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &OfferedTemplate> {
        self.0.values()
    }
}

/// The name of a template; empty when it was deleted meanwhile.
pub(crate) fn name(state: &State, id: TemplateId) -> String {
    let template = state.templates.get(id);
    template
        .map(|entry| entry.core.name.clone())
        .unwrap_or_default()
}

/// `POST /template`. Several may have one name; the newest is what clients take.
pub(crate) fn register(cloud: &Arc<Cloud>, template: OfferedTemplate) -> Operation {
    let mut state = cloud.state();
    let id = template.core.id;
    cloud.complete_after(&mut state, KIND, id.0, Vec::new(), move |state| {
        state.templates.0.insert(id, template);
        Ok(())
    })
}

/// `DELETE /template/{id}`. Instances that were made from it go on.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: TemplateId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let template = state.templates.get(id);
    let template = template.ok_or_else(|| Refusal::not_found(KIND, id))?;
    if template.core.visibility == "public" {
        return Err(Refusal::Forbidden(format!("{KIND} {id} is Exoscale's own")));
    }
    state.templates.0.remove(&id);
    Ok(cloud.complete(&mut state, KIND, id.0))
}
