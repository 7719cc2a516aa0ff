//! `/template`.

use serde_json::json;

use super::{
    super::{catalog, refusal::Refusal},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/template",
        operation: "list-templates",
        handler: list,
    },
    Route {
        method: "GET",
        path: "/template/{id}",
        operation: "get-template",
        handler: get,
    },
];

/// Public templates unless private ones are asked for.
fn list(call: &Call<'_>) -> Answer {
    let visibility = call.query_one_of("visibility", &["private", "public"])?;
    let visibility = visibility.unwrap_or("public");
    let family = call.query("family");
    let fits = |offered: &&catalog::OfferedTemplate| {
        let template = &offered.core;
        template.visibility == visibility
            && family.is_none_or(|family| template.family.as_deref() == Some(family))
    };
    let found: Vec<_> = catalog::TEMPLATES.iter().filter(fits).collect();
    Ok(json!({ "templates": found }))
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let template = catalog::template_by_id(id);
    Ok(json!(
        template.ok_or_else(|| Refusal::not_found("template", id))?
    ))
}
