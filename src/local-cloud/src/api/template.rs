//! `/template`.

use exoscale::{
    catalog::{Template, Visibility},
    ids::TemplateId,
};
use serde::Serialize;
use serde_json::json;

use super::{
    super::{
        refusal::Refusal,
        templates::{self, KIND},
    },
    body::Form,
    route::{Answer, Call, Route},
};
use crate::{catalog::OfferedTemplate, cloud::now};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/template",
        operation: "list-templates",
        handler: list,
    },
    Route {
        method: "POST",
        path: "/template",
        operation: "register-template",
        handler: register,
    },
    Route {
        method: "GET",
        path: "/template/{id}",
        operation: "get-template",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/template/{id}",
        operation: "delete-template",
        handler: |call| Ok(json!(templates::delete(call.cloud, call.id("id")?)?)),
    },
];

/// What an image of this project takes at least; the API's size of a template is that of its disk.
const SIZE: u64 = 10 << 30;

#[derive(Serialize)]
struct TemplateView<'a> {
    #[serde(flatten)]
    template: &'a OfferedTemplate,
    zones: [&'a str; 1],
}

impl<'a> TemplateView<'a> {
    fn of(template: &'a OfferedTemplate, call: &Call<'a>) -> Self {
        let zones = [call.cloud.config.zone.as_str()];
        Self { template, zones }
    }
}

/// Public templates unless private ones are asked for.
fn list(call: &Call<'_>) -> Answer {
    let visibility = call.query_one_of("visibility", &["private", "public"])?;
    let visibility = visibility.unwrap_or("public");
    let family = call.query("family");
    let fits = |offered: &&OfferedTemplate| {
        let template = &offered.core;
        template.visibility == visibility
            && family.is_none_or(|family| template.family.as_deref() == Some(family))
    };
    let state = call.cloud.state();
    let found = state.templates.all().filter(fits);
    let found: Vec<_> = found
        .map(|template| TemplateView::of(template, call))
        .collect();
    Ok(json!({ "templates": found }))
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let template = state.templates.get(id);
    let template = template.ok_or_else(|| Refusal::not_found(KIND, id))?;
    Ok(json!(TemplateView::of(template, call)))
}

/// The image is not downloaded, so its checksum is taken as told.
fn register(call: &Call<'_>) -> Answer {
    let fields = call.fields(&[
        "name",
        "description",
        "url",
        "checksum",
        "ssh-key-enabled",
        "password-enabled",
        "boot-mode",
        "default-user",
        "size",
    ])?;
    let checksum = fields.require("checksum", fields.text("checksum", 1..=255)?)?;
    if checksum.len() != 32 || !checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::invalid(
            "checksum",
            "must be an MD5 sum: 32 hexadecimal digits",
        ));
    }
    let url = fields.require("url", fields.text("url", 1..=2048)?)?;
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(Refusal::invalid(
            "url",
            "must begin with https:// or http://",
        ));
    }
    let ssh_key_enabled = fields.boolean("ssh-key-enabled")?;
    let password_enabled = fields.boolean("password-enabled")?;
    let size = fields.kept("size", Form::Count)?;
    let boot_mode = fields.one_of("boot-mode", &["legacy", "uefi"])?;
    let template = OfferedTemplate {
        core: Template {
            id: TemplateId::random(),
            name: fields.require("name", fields.text("name", 1..=255)?)?,
            visibility: Visibility::Private.as_str().to_owned(),
            family: None,
            created_at: Some(now()),
            size: size.and_then(|size| size.as_u64()).unwrap_or(SIZE),
        },
        description: fields.text("description", 0..=255)?,
        boot_mode: boot_mode.unwrap_or("legacy").to_owned(),
        default_user: fields.text("default-user", 1..=255)?,
        ssh_key_enabled: fields.require("ssh-key-enabled", ssh_key_enabled)?,
        password_enabled: fields.require("password-enabled", password_enabled)?,
        checksum: Some(checksum),
        url: Some(url),
    };
    Ok(json!(templates::register(call.cloud, template)))
}
