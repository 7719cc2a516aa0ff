//! Settings for a cloud that is faster than Exoscale.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use program::time_text::time;

use super::{
    setting::{AtSpeed, Kind},
    table::{TABLE, find},
};

/// The values of settings that nobody sets.
pub fn defaults() -> impl Iterator<Item = (&'static str, Cow<'static, str>)> {
    TABLE
        .iter()
        .filter_map(|setting| Some((setting.key, setting.default()?)))
}

/// The default of a duration; `None` for a key that is none or has no default.
pub fn default_duration(key: &str) -> Option<Duration> {
    let setting = find(key)?;
    time(&setting.default()?, &setting.kind.time_range()?).ok()
}

/// Of these settings those that change with the speed, each within its bounds: times are divided,
/// numbers for each minute are multiplied.
pub fn at_speed<K: AsRef<str>, V: AsRef<str>>(
    values: impl IntoIterator<Item = (K, V)>,
    divisor: f64,
) -> Vec<(String, String)> {
    let changed = values.into_iter().filter_map(|(key, value)| {
        let value = scaled(find(key.as_ref())?.kind, value.as_ref(), divisor)?;
        Some((key.as_ref().to_owned(), value))
    });
    changed.collect()
}

fn scaled(kind: Kind, value: &str, divisor: f64) -> Option<String> {
    match kind {
        Kind::Duration {
            least,
            most,
            at_speed: AtSpeed::Divided,
        } => {
            let time = time(value, &(least..=most)).ok()?.as_secs_f64() / divisor;
            let time = Duration::try_from_secs_f64(time).unwrap_or(most);
            Some(format!("{}ms", time.clamp(least, most).as_millis()))
        }
        Kind::PerMinute { least, most } => {
            let number: u32 = value.parse().ok()?;
            // Too many for the type become the most that it holds.
            let number = (f64::from(number) * divisor).round() as u32;
            Some(number.clamp(least, most).to_string())
        }
        _ => None,
    }
}

/// These settings as the text of a file, for [`super::Sources::file`].
pub fn file_text(values: &BTreeMap<String, String>) -> String {
    let line = |(key, value): (&String, &String)| {
        let value = toml::Value::from(value.as_str());
        format!("{key} = {value}\n")
    };
    values.iter().map(line).collect()
}
