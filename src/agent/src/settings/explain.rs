//! What `check-config --explain` says.

use std::fmt::Write as _;

use super::{
    entry::{Entry, shown},
    setting::{Kind, Setting},
    table::{TABLE, find, hint},
};

/// A name that is no setting's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown setting `{name}`{hint}")]
pub struct UnknownSetting {
    name: String,
    hint: String,
}

/// Everything that is known of the setting with this key, former key, or variable; or of each
/// setting in a section such as `scaling`, in short.
pub fn explain(name: &str) -> Result<String, UnknownSetting> {
    let name = name.trim();
    let in_section = |setting: &&Setting| {
        let section = setting.key.split_once('.').map(|(section, _)| section);
        section == Some(name)
    };
    if let Some(setting) = named(name) {
        Ok(in_full(setting))
    } else if TABLE.iter().any(|setting| in_section(&setting)) {
        Ok(in_short(TABLE.iter().filter(in_section)))
    } else {
        Err(UnknownSetting {
            name: shown(name),
            hint: hint(name),
        })
    }
}

/// Each setting with its sentence.
pub fn explain_all() -> String {
    in_short(TABLE.iter())
}

/// Every setting in the order of the table with its value, or what holds without one, and where
/// that comes from; then the entries of no setting of the table.
pub fn listed(entries: &[Entry]) -> Vec<[String; 3]> {
    let line = |entry: &Entry| [&entry.key, &entry.value, &entry.source].map(String::clone);
    let of_table = TABLE.iter().flat_map(|setting| {
        let given: Vec<_> = entries
            .iter()
            .filter(|e| e.key == setting.key)
            .map(line)
            .collect();
        if given.is_empty() {
            let unset = format!("({})", setting.unset_text());
            return vec![[setting.key.to_owned(), unset, "unset".to_owned()]];
        }
        given
    });
    let is_other = |entry: &&Entry| TABLE.iter().all(|setting| setting.key != entry.key);
    of_table
        .chain(entries.iter().filter(is_other).map(line))
        .collect()
}

/// Variables that set something and are not made of its key.
pub fn setting_variables() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|setting| setting.variables).copied()
}

fn named(name: &str) -> Option<&'static Setting> {
    let is_label = |setting: &&Setting| {
        let rest = name.strip_prefix(setting.key);
        matches!(setting.kind, Kind::Table) && rest.is_some_and(|rest| rest.starts_with('.'))
    };
    let has_variable = |setting: &&Setting| setting.all_variables().any(|known| known == name);
    let other = || TABLE.iter().find(|s| is_label(s) || has_variable(s));
    find(name).or_else(other)
}

fn in_short<'a>(settings: impl Iterator<Item = &'a Setting> + Clone) -> String {
    let width = settings.clone().map(|setting| setting.key.len()).max();
    let width = width.unwrap_or_default();
    let line = |setting: &Setting| format!("{:width$}  {}\n", setting.key, setting.about);
    settings.map(line).collect()
}

fn in_full(setting: &Setting) -> String {
    let mut text = format!("{}\n  {}\n\n", setting.key, setting.about);
    let variables: Vec<_> = setting.all_variables().collect();
    let lines = [
        ("kind", Some(setting.kind.text().into_owned())),
        ("default", Some(setting.unset_text())),
        ("bounds", setting.kind.bounds()),
        (
            "environment",
            (!variables.is_empty()).then(|| variables.join(", ")),
        ),
        (
            "aliases",
            (!setting.former.is_empty()).then(|| setting.former.join(", ")),
        ),
        (
            "--speed",
            Some(
                setting
                    .kind
                    .at_speed_text()
                    .unwrap_or_else(|| "unchanged".to_owned()),
            ),
        ),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "  {name:11}  {value}");
        }
    }
    text
}
