//! `--seed FILE`: resources to begin with, made as calls of the API make them.

mod fields;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use exoscale::{
    ids::OperationId,
    models::{Operation, OperationState},
};
use serde_json::{Map, Value};
use tokio::time::sleep;

use super::{api, cloud::Cloud, error::Error, refusal::Refusal};

/// Kinds in the order in which they are made: what others refer to comes first. Kinds that are not
/// here come before the pools.
const FIRST: [&str; 6] = [
    "iam-role",
    "template",
    "ssh-key",
    "anti-affinity-group",
    "private-network",
    "security-group",
];
const LAST: [&str; 3] = ["instance-pool", "instance", "load-balancer"];

/// Lists inside a resource that are made by calls of their own: kind, key, and end of the path.
const PARTS: [(&str, &str, &str); 2] = [
    ("security-group", "rules", "rules"),
    ("load-balancer", "services", "service"),
];

/// Until time is made to pass again.
const PAUSE: Duration = Duration::from_millis(10);

/// Who makes them, in the log.
const CLIENT: &str = "the seed file";

/// A file of resources.
#[derive(Debug)]
pub(crate) struct Seed {
    file: PathBuf,
    kinds: Vec<(String, Vec<Map<String, Value>>)>,
}

/// A mistake at a key.
#[derive(Debug)]
struct Mistake {
    place: String,
    problem: String,
}

impl Mistake {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }

    /// A refusal of the call that an entry made.
    fn refused(place: &str, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid { field, problem } => Self::new(format!("{place}.{field}"), problem),
            other => Self::new(place, other.to_string()),
        }
    }
}

impl Seed {
    /// Reads a file, and checks what can be told before anything is made.
    ///
    /// # Errors
    /// It cannot be read, or is no list of resources.
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(file).map_err(|source| Error::SeedFile {
            file: file.to_owned(),
            source,
        })?;
        let is_json = file.extension().is_some_and(|ending| ending == "json");
        let document = if is_json { json(&text) } else { toml(&text) };
        let wrong = |problem| Error::Seed {
            file: file.to_owned(),
            problem,
        };
        let mut kinds = document
            .map_err(wrong)?
            .into_iter()
            .map(|(kind, entries)| Ok((entries_of(&kind, entries)?, kind)))
            .map(|kind| kind.map(|(entries, kind)| (kind, entries)))
            .collect::<Result<Vec<_>, Mistake>>()
            .map_err(|mistake| wrong(mistake.to_string()))?;
        kinds.sort_by_key(|(kind, _)| rank(kind));
        let file = file.to_owned();
        Ok(Self { file, kinds })
    }

    /// Makes everything. It returns when what others need is there; instances then still boot.
    ///
    /// # Errors
    /// A call was refused, or its operation failed.
    pub(crate) async fn make(&self, cloud: &Arc<Cloud>) -> Result<(), Error> {
        for (kind, entries) in &self.kinds {
            let made = make_kind(cloud, kind, entries).await;
            made.map_err(|mistake| Error::Seed {
                file: self.file.clone(),
                problem: mistake.to_string(),
            })?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

fn rank(kind: &str) -> usize {
    let place = |kinds: &[&str]| kinds.iter().position(|known| *known == kind);
    let last = |place| FIRST.len() + 1 + place;
    place(&FIRST)
        .or_else(|| place(&LAST).map(last))
        .unwrap_or(FIRST.len())
}

fn json(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("is not a JSON object: {error}"))
}

fn toml(text: &str) -> Result<Map<String, Value>, String> {
    toml::from_str(text).map_err(|error| {
        let begin = error.span().map_or(0, |span| span.start);
        let line = text
            .get(..begin)
            .map_or(1, |before| before.lines().count().max(1));
        format!("line {line}: is not TOML: {}", error.message())
    })
}

/// The entries of a kind that can be made.
fn entries_of(kind: &str, entries: Value) -> Result<Vec<Map<String, Value>>, Mistake> {
    let kinds: Vec<_> = api::kinds().collect();
    if !kinds.contains(&kind) {
        let near = kinds
            .iter()
            .map(|known| (strsim::levenshtein(known, kind), known))
            .min()
            .filter(|(distance, _)| distance * 2 <= kind.len());
        let problem = match near {
            Some((_, near)) => format!("is no kind of resource; did you mean {near}?"),
            None => format!("is no kind of resource; there are {}", kinds.join(", ")),
        };
        return Err(Mistake::new(kind, problem));
    }
    let problem = format!("must be a list: write [[{kind}]] before each entry");
    let Value::Array(entries) = entries else {
        return Err(Mistake::new(kind, problem));
    };
    let mut read = Vec::new();
    for entry in entries {
        let Value::Object(fields) = entry else {
            return Err(Mistake::new(kind, problem));
        };
        read.push(fields);
    }
    Ok(read)
}

async fn make_kind(
    cloud: &Arc<Cloud>,
    kind: &str,
    entries: &[Map<String, Value>],
) -> Result<(), Mistake> {
    let parts = PARTS.iter().find(|(of, _, _)| *of == kind);
    let (mut begun, mut owners) = (Vec::new(), Vec::new());
    for (number, entry) in entries.iter().enumerate() {
        let place = format!("{kind}[{number}]");
        let mut fields = entry.clone();
        let inner = parts.and_then(|(_, key, _)| fields.remove(*key));
        let operation = call(cloud, &place, kind, &format!("/{kind}"), fields)?;
        if let (Some(inner), Some(operation)) = (inner, &operation) {
            owners.push((place.clone(), inner, operation.clone()));
        }
        begun.extend(operation.map(|operation| (place, operation)));
    }
    // An instance's operation ends with its boot, which is not waited for.
    if kind != "instance" {
        wait(cloud, begun).await?;
    }
    let Some((_, key, path)) = parts else {
        return Ok(());
    };
    let mut begun = Vec::new();
    for (place, inner, operation) in owners {
        let place = format!("{place}.{key}");
        let problem = "must be a list of tables";
        let Value::Array(inner) = inner else {
            return Err(Mistake::new(place, problem));
        };
        let owner = operation.reference.map(|reference| reference.id);
        let owner = owner.map(|id| id.to_string()).unwrap_or_default();
        for (number, part) in inner.into_iter().enumerate() {
            let place = format!("{place}[{number}]");
            let Value::Object(fields) = part else {
                return Err(Mistake::new(place, problem));
            };
            let path = format!("/{kind}/{owner}/{path}");
            let operation = call(cloud, &place, key, &path, fields)?;
            begun.extend(operation.map(|operation| (place, operation)));
        }
    }
    wait(cloud, begun).await
}

/// One call; its operation, if it answers one.
fn call(
    cloud: &Arc<Cloud>,
    place: &str,
    kind: &str,
    path: &str,
    mut fields: Map<String, Value>,
) -> Result<Option<Operation>, Mistake> {
    fields::complete(cloud, place, kind, &mut fields)?;
    let body = Value::Object(fields);
    let answer = api::invoke(cloud, CLIENT, "POST", path, &body)
        .map_err(|refusal| Mistake::refused(place, refusal))?;
    Ok(serde_json::from_value(answer).ok())
}

/// Waits for operations, in a time that is made to pass.
async fn wait(cloud: &Arc<Cloud>, begun: Vec<(String, Operation)>) -> Result<(), Mistake> {
    for (place, operation) in begun {
        let ended = pass_until_ended(cloud, operation.id).await;
        let ended = ended.unwrap_or(operation);
        if ended.state != OperationState::Success {
            let message = ended
                .message
                .unwrap_or_else(|| "its operation failed".to_owned());
            return Err(Mistake::new(place, message));
        }
    }
    Ok(())
}

/// An operation's time may begin late, when something else was done first.
async fn pass_until_ended(cloud: &Arc<Cloud>, id: OperationId) -> Option<Operation> {
    let mut ended = pin!(cloud.ended(id));
    loop {
        cloud.clock.advance(cloud.operation_time());
        tokio::select! {
            operation = &mut ended => return operation,
            () = sleep(PAUSE) => {}
        }
    }
}
