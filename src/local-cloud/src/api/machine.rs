//! The fields that pools and instances share.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoscale::ids::{InstanceTypeId, TemplateId};
use serde_json::{Map, Value};

use super::{
    super::{catalog, refusal::Refusal},
    body::{Fields, Form},
    route::Call,
};

/// An empty description is none: an answer must have at least one character.
pub(super) fn description(fields: &Fields) -> Result<Option<String>, Refusal> {
    Ok(fields
        .text("description", 0..=255)?
        .filter(|text| !text.is_empty()))
}

/// GiB.
pub(super) fn disk_size(fields: &Fields) -> Result<Option<u32>, Refusal> {
    fields.integer("disk-size", 10..=51_200)
}

/// One that is offered.
pub(super) fn instance_type(fields: &Fields) -> Result<Option<InstanceTypeId>, Refusal> {
    let id = fields.reference("instance-type")?;
    if id.is_some_and(|id| catalog::instance_type(id).is_none()) {
        return Err(Refusal::invalid(
            "instance-type.id",
            "no such instance-type",
        ));
    }
    Ok(id)
}

/// One that is there.
pub(super) fn template(call: &Call<'_>, fields: &Fields) -> Result<Option<TemplateId>, Refusal> {
    let id = fields.reference("template")?;
    if id.is_some_and(|id| call.cloud.state().templates.get(id).is_none()) {
        return Err(Refusal::invalid("template.id", "no such template"));
    }
    Ok(id)
}

/// Base64, at most 32 KiB of it.
pub(super) fn user_data(fields: &Fields) -> Result<Option<String>, Refusal> {
    let text = fields.text("user-data", 1..=32_768)?;
    if text
        .as_ref()
        .is_some_and(|text| BASE64_STANDARD.decode(text).is_err())
    {
        return Err(Refusal::invalid("user-data", "must be base64"));
    }
    Ok(text)
}

/// Fields that are kept and answered, and have no effect here.
pub(super) fn further(
    fields: &Fields,
    known: &[(&str, Form)],
) -> Result<Map<String, Value>, Refusal> {
    let mut kept = Map::new();
    for (name, form) in known {
        if let Some(value) = fields.kept(name, *form)? {
            kept.insert((*name).to_owned(), value);
        }
    }
    Ok(kept)
}
