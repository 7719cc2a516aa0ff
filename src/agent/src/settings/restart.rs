//! Which settings a running agent takes over, and which count from its next start.

use super::entry::Entry;

/// Sections that are taken over as a whole.
const TAKEN_OVER: [&str; 5] = ["scaling", "scale_out", "scale_in", "schedule", "control"];

/// The keys that differ between two readings of the settings and need a restart.
pub fn needs_restart(started: &[Entry], read: &[Entry]) -> Vec<String> {
    let is_taken_over = |entry: &&Entry| {
        let mut parts = entry.key.split('.');
        let section = match parts.next() {
            // After it comes the pool's name.
            Some("pool") => parts.nth(1),
            first => first,
        };
        section.is_some_and(|section| TAKEN_OVER.contains(&section))
    };
    let is_in = |entry: &Entry, entries: &[Entry]| entries.iter().any(|e| e.is_same(entry));
    let all = started.iter().chain(read);
    let mut keys: Vec<String> = all
        .filter(|entry| !is_taken_over(entry))
        .filter(|entry| !is_in(entry, started) || !is_in(entry, read))
        .map(|entry| entry.key.clone())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Sources, load};

    const NONE: [&str; 0] = [];

    fn entries(changes: &[(&str, &str)]) -> Vec<Entry> {
        let required = [
            ("exoscale.key", "EXO1"),
            ("exoscale.secret", "s"),
            (
                "exoscale.instance_pool",
                "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e",
            ),
            ("alerts.token", "hush"),
        ];
        let flag = |(key, value): &(&str, &str)| {
            let flag = "--set".to_owned();
            (flag, (*key).to_owned(), (*value).to_owned())
        };
        let sources = Sources {
            flags: required.iter().chain(changes).map(flag).collect(),
            ..Sources::default()
        };
        load(&sources).unwrap().1
    }

    #[test]
    fn what_is_not_taken_over_is_named_also_a_secret() {
        let started = entries(&[]);
        assert_eq!(needs_restart(&started, &entries(&[])), NONE);
        let taken_over = [
            ("scaling.max_size", "20"),
            ("scale_in.step", "1"),
            ("control.token", "other"),
        ];
        assert_eq!(needs_restart(&started, &entries(&taken_over)), NONE);
        let others = entries(&[
            ("alerts.port", "8091"),
            ("exoscale.secret", "another"),
            ("drain.token", "new"),
            ("discovery.labels.team", "web"),
        ]);
        let named = [
            "alerts.port",
            "discovery.labels",
            "drain.token",
            "exoscale.secret",
        ];
        assert_eq!(needs_restart(&started, &others), named);
        assert_eq!(needs_restart(&others, &started), named, "removed ones, too");
        assert!(!format!("{others:?}").contains("another"), "none is shown");
    }
}
