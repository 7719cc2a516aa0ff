//! Settings: defaults, then a TOML file, then the environment, then flags; the later wins.
//!
//! Every mistake is reported at once, with its key, where the value came from, and what to do.

mod keys;
mod reader;
mod sources;
#[cfg(test)]
mod tests;

pub use keys::{LogFormat, Settings};
pub use reader::{Entry, Problem, Problems};
pub use sources::Sources;

/// Reads and checks all settings; also tells where each came from.
pub fn load(sources: &Sources) -> Result<(Settings, Vec<Entry>), Problems> {
    let figment = sources.figment()?;
    let mut reader = reader::Reader::new(&figment);
    let settings = keys::read(&mut reader);
    let entries = reader.finish()?;
    settings
        .map(|settings| (settings, entries))
        .ok_or_else(|| Problems(Vec::new()))
}
