//! Settings: defaults, then a TOML file, then the environment, then flags; the later wins.
//!
//! Every mistake is reported at once, with its key, where the value came from, and what to do.

#[cfg(test)]
mod any_value;
mod keys;
mod limits;
mod reader;
mod sources;
#[cfg(test)]
mod tests;

pub use keys::Settings;
pub use limits::{count_range, time_range};
pub use reader::{Entry, Problem, Problems};
pub use sources::Sources;

/// Reads and checks all settings; also tells where each came from.
pub fn load(sources: &Sources) -> Result<(Settings, Vec<Entry>), Problems> {
    checked(&sources.figment()?)
}

/// The same for the text of a file alone, called `name` in what is told: nothing else is read.
pub fn load_text(name: &str, toml: &str) -> Result<(Settings, Vec<Entry>), Problems> {
    checked(&sources::figment_of(name, toml)?)
}

fn checked(figment: &figment::Figment) -> Result<(Settings, Vec<Entry>), Problems> {
    let mut reader = reader::Reader::new(figment);
    let settings = keys::read(&mut reader);
    let entries = reader.finish()?;
    settings
        .map(|settings| (settings, entries))
        .ok_or_else(|| Problems(Vec::new()))
}
