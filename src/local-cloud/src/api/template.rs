//! `/template`.

use exoscale::{
    catalog::{Template, Visibility},
    ids::TemplateId,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::{
        refusal::Refusal,
        templates::{self, KIND},
    },
    body::Change,
    field::{Description, Name, Text, Whole, Word},
    route::{Answer, Call, Route},
};
use crate::{
    catalog::{BootMode, OfferedTemplate},
    cloud::now,
};

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
        method: "PUT",
        path: "/template/{id}",
        operation: "update-template",
        handler: update,
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

/// `register-template`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RegisterTemplate {
    name: Name,
    description: Option<Description>,
    url: Url,
    checksum: Md5,
    ssh_key_enabled: bool,
    password_enabled: bool,
    boot_mode: Option<Word<BootMode>>,
    default_user: Option<Name>,
    size: Option<Whole<u64, 1, { u64::MAX }>>,
    application_consistent_snapshot_enabled: Option<bool>,
    maintainer: Option<Name>,
    version: Option<Name>,
    build: Option<Name>,
}

/// `update-template`. What it does not name stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UpdateTemplate {
    name: Option<Name>,
    description: Change<Description>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Text<1, 2048>")]
struct Url(String);

impl TryFrom<Text<1, 2048>> for Url {
    type Error = &'static str;

    fn try_from(Text(text): Text<1, 2048>) -> Result<Self, &'static str> {
        if text.starts_with("https://") || text.starts_with("http://") {
            Ok(Self(text))
        } else {
            Err("must begin with https:// or http://")
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Md5(String);

impl TryFrom<String> for Md5 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text))
        } else {
            Err("must be an MD5 sum: 32 hexadecimal digits")
        }
    }
}

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
    let body: RegisterTemplate = call.body()?;
    let text = |text: Option<Name>| text.map(|Text(text)| text);
    let template = OfferedTemplate {
        core: Template {
            id: TemplateId::random(),
            name: body.name.0,
            visibility: Visibility::Private.as_str().to_owned(),
            family: None,
            created_at: Some(now()),
            size: body.size.map_or(SIZE, |size| size.0),
        },
        description: Description::text(body.description),
        boot_mode: body.boot_mode.map_or(BootMode::Legacy, |mode| mode.0),
        default_user: text(body.default_user),
        ssh_key_enabled: body.ssh_key_enabled,
        password_enabled: body.password_enabled,
        application_consistent_snapshot_enabled: body
            .application_consistent_snapshot_enabled
            .unwrap_or(false),
        maintainer: text(body.maintainer),
        version: text(body.version),
        build: text(body.build),
        checksum: Some(body.checksum.0),
        url: Some(body.url.0),
    };
    Ok(json!(templates::register(call.cloud, template)?))
}

fn update(call: &Call<'_>) -> Answer {
    let body: UpdateTemplate = call.body()?;
    let operation = templates::update(call.cloud, call.id("id")?, |template| {
        if let Some(Text(name)) = body.name {
            template.core.name = name;
        }
        body.description
            .apply(&mut template.description, |description| description.0);
    })?;
    Ok(json!(operation))
}
