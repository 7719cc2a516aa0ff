//! Settings: defaults, then a TOML file, then the environment, then flags; the later wins.
//!
//! Every mistake is reported at once, with its key, where the value came from, and what to do.
//! Everything that is known of a setting stands in one table (`table.rs`).

mod alerts;
#[cfg(test)]
mod any_value;
mod blame;
mod control;
mod entry;
mod explain;
mod keys;
mod lease;
mod merged;
#[cfg(test)]
mod page;
mod pools;
mod reader;
mod restart;
mod rules;
mod setting;
mod share;
mod sources;
mod speed;
mod table;
#[cfg(test)]
mod tests;

pub use entry::{Entry, Problem, Problems};
pub use explain::{UnknownSetting, explain, explain_all, listed, setting_variables};
pub use keys::Settings;

pub use restart::needs_restart;
pub use sources::Sources;
pub use speed::{at_speed, default_duration, defaults, file_text};
pub use table::ALERTS_PORT;

/// Reads and checks all settings; also tells where each came from.
pub fn load(sources: &Sources) -> Result<(Settings, Vec<Entry>), Problems> {
    checked(&sources.merged()?)
}

/// The same for the text of a file alone, called `name` in what is told: nothing else is read.
pub fn load_text(name: &str, toml: &str) -> Result<(Settings, Vec<Entry>), Problems> {
    let mut merged = merged::Merged::defaults();
    merged.add_file(name, toml)?;
    checked(&merged.checked()?)
}

fn checked(merged: &merged::Merged) -> Result<(Settings, Vec<Entry>), Problems> {
    let mut reader = reader::Reader::new(merged);
    let settings = keys::read(&mut reader, merged);
    let entries = reader.finish()?;
    settings
        .map(|settings| (settings, entries))
        .ok_or_else(|| Problems(Vec::new()))
}
