//! The `[[pool]]` tables: each is a layer of settings over all others, for one pool.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    path::Path,
};

use figment::value::{Dict, Value};

use super::{
    entry::{Problem, shown},
    keys::{Shared, pool},
    merged::Merged,
    reader::{Reader, leaves, scalar},
    table::{self, is_of_pool},
};
use crate::{
    config::{PoolConfig, PoolName},
    target::ClientConfig,
    webhook_receiver::Pools,
};

/// The key of the tables, in the file.
const KEY: &str = "pool";
/// In a table, the keys that are no settings.
const NAME: &str = "name";
const LABELS: &str = "alert_labels";

/// The label of alerts that names the pool where a table says nothing else, and the label that
/// the discovery file puts on its members.
const POOL_LABEL: &str = "pool";

/// One table, as far as it is right.
struct Table {
    name: PoolName,
    alert_labels: BTreeMap<String, String>,
    source: String,
    merged: Merged,
}

/// Every pool, with the labels of its alerts.
pub(super) struct Read {
    pub(super) pools: Vec<PoolConfig>,
    pub(super) receiver: Pools,
}

/// Reads all pools: those of the tables, or where there is none the one that the settings are of.
/// `journals` is the folder that all journals are in.
pub(super) fn pools(
    r: &mut Reader<'_>,
    merged: &Merged,
    journals: Option<&Path>,
    shared: Shared<'_>,
) -> Option<Read> {
    let rows = r.rows::<Dict>(KEY);
    if rows.is_empty() {
        let pool = pool(r, None, journals.map(Path::to_owned), shared)?;
        let receiver = Pools::only(pool.rules.scale_out.severity.clone());
        return Some(Read {
            pools: vec![pool],
            receiver,
        });
    }
    let given = rows.len();
    let mut found = Vec::new();
    for (part, row) in rows {
        let Some(table) = table(r, merged, &part, row) else {
            continue;
        };
        let mut own = Reader::of_pool(&table.merged, table.name.as_str(), &table.source);
        let journal = journals.map(|all| all.join("pools").join(table.name.as_str()));
        let read = pool(&mut own, Some(table.name.clone()), journal, shared);
        r.absorb(own);
        found.extend(read.map(|pool| (pool, table.alert_labels)));
    }
    if found.len() < given {
        return None;
    }
    none_twice(r, &found)?;
    let labels = found
        .iter()
        .map(|(pool, labels)| (labels.clone(), pool.rules.scale_out.severity.clone()));
    let receiver = Pools::by_labels(labels)
        .map_err(|error| r.problem(KEY, error.to_string()))
        .ok()?;
    Some(Read {
        pools: found.into_iter().map(|(pool, _)| pool).collect(),
        receiver,
    })
}

/// Takes the table's own keys out and puts the rest over all other settings.
fn table(r: &mut Reader<'_>, merged: &Merged, part: &str, mut row: Dict) -> Option<Table> {
    let name = row.remove(NAME).as_ref().and_then(scalar);
    let name = match name.map(|name| name.parse::<PoolName>()) {
        Some(Ok(name)) => name,
        Some(Err(error)) => {
            r.problem_of(format!("{part}, name"), KEY, error.to_owned());
            return None;
        }
        None => {
            let message = "is missing; give each [[pool]] a name such as \"web\"".to_owned();
            r.problem_of(format!("{part}, name"), KEY, message);
            return None;
        }
    };
    let labels = alert_labels(r, &name, row.remove(LABELS));
    if let Some(labels) = &labels {
        r.also(
            format!("{KEY}.{name}.{LABELS}"),
            LABELS,
            format!("{labels:?}"),
            KEY,
        );
    }
    let mut keys = Vec::new();
    leaves(&Value::from(row.clone()), "", &mut keys);
    for key in table::TABLE.iter().map(|setting| setting.key) {
        if !is_of_pool(key) && holds(&row, key) {
            let message = "holds for the whole agent; set it outside of [[pool]]".to_owned();
            r.problem_of(format!("{KEY}.{name}.{key}"), KEY, message);
        }
    }
    for key in keys.iter().filter(|key| table::find(key).is_none()) {
        let message = format!("unknown setting{}", table::hint(key));
        r.problem_of(format!("{KEY}.{name}.{}", shown(key)), KEY, message);
    }
    let source = format!("{}, [[pool]] {name}", merged.source(KEY));
    let defaults = defaults_of(r, &name);
    let layered = merged.with("default", defaults);
    let layered = layered.with(&source, row).checked();
    let merged = layered
        .map_err(|problems| r.problems(problems.0.into_iter().map(|problem| of(&name, problem))))
        .ok()?;
    Some(Table {
        name,
        alert_labels: labels?,
        source,
        merged,
    })
}

/// Each pool has a file of its own, beside the one that a single pool would have, and its members
/// say which pool they are of.
fn defaults_of(r: &Reader<'_>, name: &PoolName) -> Dict {
    let text = |value: &str| Value::from(value.to_owned());
    let mut discovery = Dict::new();
    if let Some(file) = r.raw("discovery.file") {
        let folder = Path::new(&file).parent();
        let file = folder.unwrap_or(Path::new("")).join(format!("{name}.json"));
        discovery.insert("file".to_owned(), text(&file.to_string_lossy()));
    }
    let labels = Dict::from([(POOL_LABEL.to_owned(), text(name.as_str()))]);
    discovery.insert("labels".to_owned(), Value::from(labels));
    Dict::from([("discovery".to_owned(), Value::from(discovery))])
}

fn holds(row: &Dict, key: &str) -> bool {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|first| row.get(first));
    let found = parts.fold(first, |value, part| match value? {
        Value::Dict(_, dict) => dict.get(part),
        _ => None,
    });
    found.is_some()
}

fn alert_labels(
    r: &mut Reader<'_>,
    name: &PoolName,
    given: Option<Value>,
) -> Option<BTreeMap<String, String>> {
    let own = || BTreeMap::from([(POOL_LABEL.to_owned(), name.to_string())]);
    let labels = match given {
        None => return Some(own()),
        Some(Value::Dict(_, dict)) if !dict.is_empty() => dict
            .iter()
            .map(|(label, value)| Some((label.clone(), scalar(value)?)))
            .collect(),
        Some(_) => None,
    };
    if labels.is_none() {
        let message = "is not a table of labels such as { team = \"web\" }".to_owned();
        r.problem_of(format!("{KEY}.{name}.{LABELS}"), KEY, message);
    }
    labels
}

/// What two pools must not have in common.
fn none_twice(r: &mut Reader<'_>, found: &[(PoolConfig, BTreeMap<String, String>)]) -> Option<()> {
    type Common = fn(&PoolConfig, &BTreeMap<String, String>) -> String;
    let rules: [(&str, Common); 4] = [
        ("name", |pool, _| {
            pool.name
                .as_ref()
                .map_or_else(String::new, PoolName::to_string)
        }),
        ("exoscale.instance_pool", |pool, _| {
            pool.target.pool.to_string()
        }),
        ("discovery.file", |pool, _| {
            pool.discovery.file.display().to_string()
        }),
        (LABELS, |_, labels| format!("{labels:?}")),
    ];
    let mut is_fine = true;
    for (key, common) in rules {
        let mut seen = BTreeSet::new();
        for (pool, labels) in found {
            let value = common(pool, labels);
            if !seen.insert(value.clone()) {
                let name = pool.name.as_ref().map_or("", PoolName::as_str);
                let message = format!("is {}, like that of another pool", shown(&value));
                r.problem_of(format!("{KEY}.{name}.{key}"), KEY, message);
                is_fine = false;
            }
        }
    }
    is_fine.then_some(())
}

fn of(name: &PoolName, problem: Problem) -> Problem {
    Problem {
        key: format!("{KEY}.{name}.{}", problem.key),
        ..problem
    }
}

/// Calls a minute that a pool needs to have a part of the budget that suffices: five at once, which
/// are a read of it, its load balancer and its members, a change, and one more.
const CALLS_PER_POOL: u32 = 30;

/// With fewer calls no pool has a part of its own.
pub(super) fn calls_suffice(r: &mut Reader<'_>, client: &ClientConfig, pools: usize) {
    let least = u32::try_from(pools)
        .unwrap_or(u32::MAX)
        .saturating_mul(CALLS_PER_POOL);
    let budget = client.budget_per_minute.map_or(u32::MAX, NonZeroU32::get);
    if pools > 1 && budget < least {
        r.problem("exoscale.calls_per_minute", format!(
            "are too few for {pools} pools: {budget}; set it to {least} at least, {CALLS_PER_POOL} for each"
        ));
    }
}
