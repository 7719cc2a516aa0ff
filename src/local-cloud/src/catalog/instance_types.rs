//! Instance types: Exoscale's list, under its own identifiers where they are published.

use std::sync::LazyLock;

use exoscale::{catalog::InstanceType, ids::InstanceTypeId};
use serde::Serialize;
use uuid::Uuid;

use super::{GIB, ZONES, stable_id};

/// An instance type, as `GET /instance-type/{id}` answers it.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct OfferedType {
    #[serde(flatten)]
    pub core: InstanceType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gpus: Option<u32>,
    pub(crate) zones: &'static [&'static str],
}

/// One line of the list: id, size, processors, GiB of memory, GPUs.
type Line = (&'static str, &'static str, u32, u64, u32);

/// By family. Sizes are those of <https://www.exoscale.com/pricing/>; `micro` has half a GiB.
const FAMILIES: &[(&str, &[Line])] = &[
    (
        "standard",
        &[
            ("71004023-bb72-4a97-b1e9-bc66dfce9470", "micro", 1, 0, 0),
            ("b6cd1ff5-3a2f-4e9d-a4d1-8988c1191fe8", "tiny", 1, 1, 0),
            ("21624abb-764e-4def-81d7-9fc54b5957fb", "small", 2, 2, 0),
            ("b6e9d1e8-89fc-4db3-aaa4-9b4c5b1d0844", "medium", 2, 4, 0),
            ("c6f99499-7f59-4138-9427-a09db13af2bc", "large", 4, 8, 0),
            (
                "350dc5ea-fe6d-42ba-b6c0-efb8b75617ad",
                "extra-large",
                4,
                16,
                0,
            ),
            ("a216b0d1-370f-4e21-a0eb-3dfc6302b564", "huge", 8, 32, 0),
            ("c0d3fb5d-6fdb-4a63-9361-3e5cfa8b36d0", "mega", 12, 64, 0),
            ("74bfaf4e-7d67-4adf-9322-12b9a36e84f7", "titan", 16, 128, 0),
            ("011a5079-845d-467b-a660-8685dad1cb67", "jumbo", 24, 225, 0),
            (
                "8a52e80d-b1d0-4efb-8059-a931fa33c5a1",
                "colossus",
                40,
                320,
                0,
            ),
        ],
    ),
    (
        "cpu",
        &[
            (
                "221d39c3-b2b9-4014-b32b-5d262f684eff",
                "extra-large",
                8,
                16,
                0,
            ),
            ("68c91810-55ed-4685-9771-00d9adf7b7c0", "huge", 16, 32, 0),
            ("c2f204df-29fc-4c20-b5c4-bdb21282cecc", "mega", 32, 64, 0),
            ("e1ae0088-27fd-4185-a057-075ea0b0aa02", "titan", 40, 128, 0),
            (
                "ea24461a-41e8-49f1-a22a-0f00e3507604",
                "titan48c",
                48,
                128,
                0,
            ),
            (
                "68dec7c8-7ae8-43b6-ad4a-d508152110fe",
                "colossus",
                96,
                256,
                0,
            ),
        ],
    ),
    (
        "memory",
        &[
            (
                "dd6abc94-337f-4732-baff-ed745f8bd4f5",
                "extra-large",
                2,
                16,
                0,
            ),
            ("efbf55db-01c9-4c73-973f-cecc4d26dcde", "huge", 4, 32, 0),
            ("306eeeae-38e9-4add-897b-4eff0b019a6d", "mega", 8, 64, 0),
            ("68a4780f-cc91-4df6-a735-d679318289bc", "titan", 12, 128, 0),
        ],
    ),
    (
        "storage",
        &[
            ("", "extra-large", 4, 16, 0),
            ("", "huge", 8, 32, 0),
            ("", "mega", 12, 64, 0),
            ("", "titan", 16, 128, 0),
            ("", "jumbo", 24, 225, 0),
        ],
    ),
    (
        "gpu",
        &[
            ("", "small", 12, 56, 1),
            ("", "medium", 16, 90, 2),
            ("", "large", 24, 120, 3),
            ("", "huge", 48, 225, 4),
        ],
    ),
    (
        "gpu2",
        &[
            ("", "small", 12, 56, 1),
            ("", "medium", 16, 90, 2),
            ("", "large", 24, 120, 3),
            ("", "huge", 48, 225, 4),
        ],
    ),
    (
        "gpu3",
        &[
            ("", "small", 12, 56, 1),
            ("", "medium", 24, 120, 2),
            ("", "large", 48, 224, 4),
            ("", "huge", 96, 448, 8),
        ],
    ),
    (
        "gpua30",
        &[
            ("", "small", 12, 56, 1),
            ("", "medium", 24, 120, 2),
            ("", "large", 48, 224, 4),
            ("", "huge", 96, 448, 8),
        ],
    ),
    (
        "gpua5000",
        &[
            ("", "small", 12, 56, 1),
            ("", "medium", 24, 120, 2),
            ("", "large", 48, 224, 4),
        ],
    ),
    (
        "gpu3080ti",
        &[
            ("", "small", 12, 56, 1),
            ("", "medium", 24, 120, 2),
            ("", "large", 48, 224, 4),
        ],
    ),
    (
        "gpurtx6000pro",
        &[
            ("", "small", 12, 56, 1),
            ("", "medium", 24, 120, 2),
            ("", "large", 48, 224, 4),
            ("", "huge", 96, 448, 8),
        ],
    ),
];

/// The whole list. A size only changes what is displayed: the CPU quota is the local cloud's. This
/// account may use them all; where GPUs are concerned, a real one must be allowed to.
pub static INSTANCE_TYPES: LazyLock<Vec<OfferedType>> = LazyLock::new(|| {
    let lines = FAMILIES
        .iter()
        .flat_map(|(family, lines)| lines.iter().map(move |line| (*family, line)));
    lines.map(|(family, line)| offered(family, line)).collect()
});

fn offered(family: &str, &(id, size, cpus, memory, gpus): &Line) -> OfferedType {
    let id = Uuid::parse_str(id).unwrap_or_else(|_| stable_id(&["instance-type", family, size]));
    OfferedType {
        core: InstanceType {
            id: InstanceTypeId(id),
            family: family.to_owned(),
            size: size.to_owned(),
            cpus,
            memory: if memory == 0 { GIB / 2 } else { memory * GIB },
            authorized: Some(true),
        },
        gpus: (gpus > 0).then_some(gpus),
        zones: &ZONES,
    }
}

/// The type with this id.
pub(crate) fn instance_type(id: InstanceTypeId) -> Option<&'static OfferedType> {
    INSTANCE_TYPES.iter().find(|offered| offered.core.id == id)
}
