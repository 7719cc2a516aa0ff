//! What is there to choose from, the same in every local cloud: zones, instance types, templates.

use std::sync::LazyLock;

use serde::Serialize;
use uuid::{Uuid, uuid};

use crate::exoscale::ids::{InstanceTypeId, TemplateId};

/// Exoscale's zones (<https://www.exoscale.com/datacenters/>).
pub const ZONES: [&str; 8] = [
    "ch-gva-2", "ch-dk-2", "de-fra-1", "de-muc-1", "at-vie-1", "at-vie-2", "bg-sof-1", "hr-zag-1",
];

/// An instance type, as `GET /instance-type/{id}` answers it.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct InstanceType {
    pub id: InstanceTypeId,
    pub family: &'static str,
    pub size: &'static str,
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
    pub authorized: bool,
    pub zones: &'static [&'static str],
}

/// A template, as `GET /template/{id}` answers it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Template {
    pub id: TemplateId,
    pub name: &'static str,
    pub description: &'static str,
    pub family: &'static str,
    pub visibility: &'static str,
    pub boot_mode: &'static str,
    pub default_user: &'static str,
    pub created_at: &'static str,
    /// Bytes of the disk image.
    pub size: u64,
    pub ssh_key_enabled: bool,
    pub password_enabled: bool,
    pub zones: &'static [&'static str],
}

const GIB: u64 = 1 << 30;

const fn standard(id: Uuid, size: &'static str, cpus: u32, memory: u64) -> InstanceType {
    InstanceType {
        id: InstanceTypeId(id),
        family: "standard",
        size,
        cpus,
        memory,
        authorized: true,
        zones: &ZONES,
    }
}

/// The standard family; a size only changes what is displayed, the CPU quota is the local cloud's.
pub static INSTANCE_TYPES: LazyLock<Vec<InstanceType>> = LazyLock::new(|| {
    vec![
        standard(
            uuid!("71004023-bb72-4a97-b1e9-bc66dfce9470"),
            "micro",
            1,
            GIB / 2,
        ),
        standard(
            uuid!("b6cd1ff5-3a2f-4e9d-a4d1-8988c1191fe8"),
            "tiny",
            1,
            GIB,
        ),
        standard(
            uuid!("21624abb-764e-4def-81d7-9fc54b5957fb"),
            "small",
            2,
            2 * GIB,
        ),
        standard(
            uuid!("b6e9d1e8-89fc-4db3-aaa4-9b4c5b1d0844"),
            "medium",
            2,
            4 * GIB,
        ),
        standard(
            uuid!("c6f99499-7f59-4138-9427-a09db13af2bc"),
            "large",
            4,
            8 * GIB,
        ),
        standard(
            uuid!("350dc5ea-fe6d-42ba-b6c0-efb8b75617ad"),
            "extra-large",
            4,
            16 * GIB,
        ),
        standard(
            uuid!("a216b0d1-370f-4e21-a0eb-3dfc6302b564"),
            "huge",
            8,
            32 * GIB,
        ),
    ]
});

const fn template(id: Uuid, name: &'static str, description: &'static str) -> Template {
    Template {
        id: TemplateId(id),
        name,
        description,
        family: "nixos",
        visibility: "private",
        boot_mode: "uefi",
        default_user: "root",
        created_at: "2026-01-01T00:00:00Z",
        size: 10 * GIB,
        ssh_key_enabled: true,
        password_enabled: false,
        zones: &ZONES,
    }
}

/// The project's two images as private templates, and one public template.
pub static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    vec![
        template(
            uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0001"),
            "slow-app",
            "The deliberately slow web application",
        ),
        template(
            uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0002"),
            "monitoring",
            "Prometheus, Grafana and the autoscaler",
        ),
        Template {
            family: "debian",
            visibility: "public",
            default_user: "debian",
            ..template(
                uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0003"),
                "Linux Debian 13 (Trixie) 64-bit",
                "A public template",
            )
        },
    ]
});

/// The instance type with this id.
pub fn instance_type(id: InstanceTypeId) -> Option<&'static InstanceType> {
    INSTANCE_TYPES.iter().find(|kind| kind.id == id)
}

/// The template with this id.
pub fn template_by_id(id: TemplateId) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.id == id)
}
