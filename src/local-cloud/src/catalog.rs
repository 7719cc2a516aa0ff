//! What there is to choose from, the same in every local cloud: zones, instance types, templates.

mod instance_types;
mod public_templates;

use std::sync::LazyLock;

use exoscale::{
    catalog::{Template, Visibility},
    ids::TemplateId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid, uuid};

pub(crate) use instance_types::instance_type;
pub use instance_types::{INSTANCE_TYPES, OfferedType};
pub(crate) use public_templates::public_templates;

/// Exoscale's zones (<https://www.exoscale.com/datacenters/>).
pub(crate) const ZONES: [&str; 8] = [
    "ch-gva-2", "ch-dk-2", "de-fra-1", "de-muc-1", "at-vie-1", "at-vie-2", "bg-sof-1", "hr-zag-1",
];

const GIB: u64 = 1 << 30;

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
    pub(crate) application_consistent_snapshot_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maintainer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) build: Option<String>,
    /// MD5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<String>,
    /// Where it was loaded from: of registered templates only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BootMode {
    Legacy,
    Uefi,
}

/// The project's two images, as private templates.
pub static TEMPLATES: LazyLock<Vec<OfferedTemplate>> = LazyLock::new(|| {
    vec![
        private_template(
            uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0001"),
            "slow-app",
            "The deliberately slow web application",
        ),
        private_template(
            uuid!("5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0002"),
            "monitoring",
            "Prometheus, Grafana and the autoscaler",
        ),
    ]
});

fn private_template(id: Uuid, name: &str, description: &str) -> OfferedTemplate {
    OfferedTemplate {
        core: Template {
            id: TemplateId(id),
            name: name.to_owned(),
            visibility: Visibility::Private.as_str().to_owned(),
            family: Some("nixos".to_owned()),
            created_at: Some(super::cloud::now()),
            size: 10 * GIB,
        },
        description: Some(description.to_owned()),
        boot_mode: BootMode::Uefi,
        default_user: Some("root".to_owned()),
        ssh_key_enabled: true,
        password_enabled: false,
        application_consistent_snapshot_enabled: false,
        maintainer: None,
        version: None,
        build: None,
        checksum: None,
        url: None,
    }
}

pub(crate) fn zone(name: &str) -> Option<&'static str> {
    ZONES.into_iter().find(|zone| *zone == name)
}

/// An id that is the same in every run, and another for other words.
pub(crate) fn stable_id(words: &[&str]) -> Uuid {
    let digest = Sha256::digest(words.join("/"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
