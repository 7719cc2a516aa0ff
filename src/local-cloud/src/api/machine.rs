//! The fields that pools and instances share.

use exoscale::ids::{InstanceTypeId, TemplateId};
use serde::{Deserialize, Serialize};

use super::{
    super::{catalog, refusal::Refusal, user_data},
    field::{Reference, Size, Text},
    route::Call,
};

/// GiB.
pub(super) type DiskSize = Size<10, 51_200>;

/// Base64, at most 32 KiB of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Text<1, 32_768>")]
pub(super) struct UserData(pub(super) user_data::UserData);

impl TryFrom<Text<1, 32_768>> for UserData {
    type Error = &'static str;

    fn try_from(Text(text): Text<1, 32_768>) -> Result<Self, &'static str> {
        user_data::UserData::read(text)
            .map(Self)
            .ok_or("must be base64")
    }
}

/// Which public addresses an instance gets.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PublicIpAssignment {
    Inet4,
    Dual,
    None,
}

/// An instance type that is offered.
pub(super) fn instance_type(
    Reference(id): Reference<InstanceTypeId>,
) -> Result<InstanceTypeId, Refusal> {
    let offered = catalog::instance_type(id).map(|_| id);
    offered.ok_or_else(|| Refusal::invalid("instance-type.id", "no such instance-type"))
}

/// A template that is there.
pub(super) fn template(
    call: &Call<'_>,
    Reference(id): Reference<TemplateId>,
) -> Result<TemplateId, Refusal> {
    let found = call.cloud.state().templates.get(id).map(|_| id);
    found.ok_or_else(|| Refusal::invalid("template.id", "no such template"))
}
