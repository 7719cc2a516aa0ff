//! The texts about this pool, and how all files are written: all of them, or none.

use std::{fmt::Display, path::Path};

use anyhow::Context as _;
use serde_json::Value;

use super::{Discovered, File, Options, tokens::Tokens};
use crate::failure::Usage;

/// Writes all files, unless one of them is there and may not be replaced.
pub(super) fn all(folder: &Path, files: &[File], force: bool) -> anyhow::Result<()> {
    let is_there = |file: &&File| folder.join(file.name).symlink_metadata().is_ok();
    let there: Vec<String> = files
        .iter()
        .filter(is_there)
        .map(|file| folder.join(file.name).display().to_string())
        .collect();
    if !force && !there.is_empty() {
        let list = there.join(", ");
        let what = format!("nothing is written, since there is {list}; --force replaces them");
        return Err(Usage(what).into());
    }
    for file in files {
        let path = folder.join(file.name);
        whole_file::make_folder(whole_file::folder_of(&path)).context("cannot make the folder")?;
        whole_file::replace(&path, file.content.as_bytes(), file.mode)
            .with_context(|| format!("cannot write {}", file.name))?;
    }
    Ok(())
}

/// A text of TOML; JSON writes texts so, too.
fn text(value: impl Display) -> String {
    Value::from(value.to_string()).to_string()
}

/// The agent's settings.
pub(super) fn settings(options: &Options, found: &Discovered, tokens: &Tokens) -> String {
    let (min, max) = found.limits();
    let endpoint = options.endpoint.as_ref().map_or_else(
        || "# endpoint = \"https://…/v2\" # for another API than the zone's".to_owned(),
        |endpoint| format!("endpoint = {}", text(endpoint)),
    );
    let balancer = match found.balancer {
        Some(id) => {
            let name = found.balancer_name.as_deref().unwrap_or_default();
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            format!("load_balancer = \"{id}\" # \"{name}\"")
        }
        None => "# load_balancer = \"ID\" # knows which members serve; none was found".to_owned(),
    };
    let link = |name: &str, url: Option<&reqwest::Url>| match url {
        Some(url) => format!("{name} = {}", text(url)),
        None => format!("# {name} = \"https://…\""),
    };
    let name: String = found.name.chars().filter(|c| !c.is_control()).collect();
    fill(
        include_str!("templates/agent.toml"),
        &[
            ("@NAME@", &name),
            ("@SIZE@", &found.size.to_string()),
            ("@ZONE@", &text(&options.zone)),
            ("@ENDPOINT@", &endpoint),
            ("@POOL@", &found.pool.to_string()),
            ("@BALANCER@", &balancer),
            ("@MIN@", &min.to_string()),
            ("@MAX@", &max.to_string()),
            (
                "@APPLICATION_PORT@",
                &found.application_port.unwrap_or(8080).to_string(),
            ),
            ("@DISCOVERY_FILE@", &text(options.discovery_file.display())),
            ("@ADDRESSES@", found.addresses.as_str()),
            ("@TARGET_PORT@", &options.target_port.to_string()),
            ("@LISTEN@", &options.listen.to_string()),
            ("@PORT@", &options.port.to_string()),
            ("@TOKEN@", &tokens.alerts),
            ("@CONTROL@", &tokens.control),
            ("@UP@", &options.up.to_string()),
            ("@DOWN@", &options.down.to_string()),
            ("@GRAFANA@", &link("grafana", options.grafana.as_ref())),
            (
                "@PROMETHEUS@",
                &link("prometheus", options.prometheus.as_ref()),
            ),
            ("@JOURNAL@", &text(options.journal.display())),
        ],
    )
}

/// What to do next.
pub(super) fn readme(options: &Options, found: &Discovered) -> String {
    let name: String = found.name.chars().filter(|c| !c.is_control()).collect();
    let folder = options
        .output
        .canonicalize()
        .unwrap_or_else(|_| options.output.clone());
    let discovery = whole_file::folder_of(&options.discovery_file);
    let folders = format!("{} {}", discovery.display(), options.journal.display());
    fill(
        include_str!("templates/readme.txt"),
        &[
            ("@NAME@", &name),
            ("@POOL@", &found.pool.to_string()),
            ("@FOLDER@", &folder.display().to_string()),
            ("@DATASOURCE@", &options.datasource),
            ("@AGENT@", &options.agent_url()),
            ("@FOLDERS@", &folders),
        ],
    )
}

/// In one pass, so that a value is never taken for a place.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let (mut text, mut rest) = (String::new(), template);
    loop {
        let next = values
            .iter()
            .filter_map(|(place, value)| Some((rest.find(place)?, *place, *value)));
        let Some((at, place, value)) = next.min_by_key(|(at, ..)| *at) else {
            return text + rest;
        };
        text += &rest[..at];
        text += value;
        rest = &rest[at + place.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_taken_for_a_place() {
        let filled = fill("@A@ and @B@.", &[("@A@", "@B@"), ("@B@", "b")]);
        assert_eq!(filled, "@B@ and b.");
    }

    #[test]
    fn files_are_all_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name, content: &str| File {
            name,
            purpose: "",
            content: content.to_owned(),
            mode: 0o644,
        };
        let files = [file("a", "1"), file("sub/b", "1")];
        all(folder.path(), &files, false).unwrap();
        let again = [file("c", "2"), file("a", "2")];
        let error = all(folder.path(), &again, false).unwrap_err().to_string();
        assert!(error.contains("--force") && error.contains("/a"), "{error}");
        assert!(!folder.path().join("c").exists());
        all(folder.path(), &again, true).unwrap();
        let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!([read("a"), read("c"), read("sub/b")], ["2", "2", "1"]);
    }
}
