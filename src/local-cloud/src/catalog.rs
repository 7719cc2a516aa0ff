//! What there is to choose from, the same in every local cloud: zones, instance types, templates.

use std::sync::LazyLock;

use exoscale::{
    catalog::{InstanceType, Template, Visibility},
    ids::{InstanceTypeId, TemplateId},
};
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

/// Exoscale's zones (<https://www.exoscale.com/datacenters/>).
pub(crate) const ZONES: [&str; 8] = [
    "ch-gva-2", "ch-dk-2", "de-fra-1", "de-muc-1", "at-vie-1", "at-vie-2", "bg-sof-1", "hr-zag-1",
];

/// An instance type, as `GET /instance-type/{id}` answers it.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct OfferedType {
    #[serde(flatten)]
    pub core: InstanceType,
    pub(crate) zones: &'static [&'static str],
}

/// A template, as `GET /template/{id}` answers it but for the zones.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct OfferedTemplate {
    #[serde(flatten)]
    pub core: Template,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) boot_mode: BootMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_user: Option<String>,
    pub(crate) ssh_key_enabled: bool,
    pub(crate) password_enabled: bool,
    /// MD5, and where it was loaded from: of registered templates only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BootMode {
    Legacy,
    Uefi,
}

const GIB: u64 = 1 << 30;

/// Exoscale's standard family under its own identifiers, as configurations name them. A size only
/// changes what is displayed: the CPU quota is the local cloud's.
pub static INSTANCE_TYPES: LazyLock<Vec<OfferedType>> = LazyLock::new(|| {
    [
        (
            uuid!("71004023-bb72-4a97-b1e9-bc66dfce9470"),
            "micro",
            1,
            GIB / 2,
        ),
        (
            uuid!("b6cd1ff5-3a2f-4e9d-a4d1-8988c1191fe8"),
            "tiny",
            1,
            GIB,
        ),
        (
            uuid!("21624abb-764e-4def-81d7-9fc54b5957fb"),
            "small",
            2,
            2 * GIB,
        ),
        (
            uuid!("b6e9d1e8-89fc-4db3-aaa4-9b4c5b1d0844"),
            "medium",
            2,
            4 * GIB,
        ),
        (
            uuid!("c6f99499-7f59-4138-9427-a09db13af2bc"),
            "large",
            4,
            8 * GIB,
        ),
        (
            uuid!("350dc5ea-fe6d-42ba-b6c0-efb8b75617ad"),
            "extra-large",
            4,
            16 * GIB,
        ),
        (
            uuid!("a216b0d1-370f-4e21-a0eb-3dfc6302b564"),
            "huge",
            8,
            32 * GIB,
        ),
    ]
    .map(|(id, size, cpus, memory)| OfferedType {
        core: InstanceType {
            id: InstanceTypeId(id),
            family: "standard".to_owned(),
            size: size.to_owned(),
            cpus,
            memory,
            authorized: Some(true),
        },
        zones: &ZONES,
    })
    .into()
});

/// The project's two images as private templates, and one public template.
pub static TEMPLATES: LazyLock<Vec<OfferedTemplate>> = LazyLock::new(|| {
    let slow_app = template(
        uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0001"),
        "slow-app",
        "The deliberately slow web application",
        Visibility::Private,
    );
    let monitoring = template(
        uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0002"),
        "monitoring",
        "Prometheus, Grafana and the autoscaler",
        Visibility::Private,
    );
    let mut public = template(
        uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0003"),
        "Linux Debian 13 (Trixie) 64-bit",
        "A public template",
        Visibility::Public,
    );
    public.default_user = Some("debian".to_owned());
    public.password_enabled = true;
    public.core.family = Some("debian".to_owned());
    vec![slow_app, monitoring, public]
});

fn template(id: Uuid, name: &str, description: &str, visibility: Visibility) -> OfferedTemplate {
    OfferedTemplate {
        core: Template {
            id: TemplateId(id),
            name: name.to_owned(),
            visibility: visibility.as_str().to_owned(),
            family: Some("nixos".to_owned()),
            created_at: Some(super::cloud::now()),
            size: 10 * GIB,
        },
        description: Some(description.to_owned()),
        boot_mode: BootMode::Uefi,
        default_user: Some("root".to_owned()),
        ssh_key_enabled: true,
        password_enabled: false,
        checksum: None,
        url: None,
    }
}

pub(crate) fn zone(name: &str) -> Option<&'static str> {
    ZONES.into_iter().find(|zone| *zone == name)
}

pub(crate) fn instance_type(id: InstanceTypeId) -> Option<&'static OfferedType> {
    INSTANCE_TYPES.iter().find(|offered| offered.core.id == id)
}
