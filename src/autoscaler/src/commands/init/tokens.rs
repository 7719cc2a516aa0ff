//! The two secrets that are made here. Those of files that are there already stay, since Grafana
//! and the operators have them.

use std::path::Path;

use uuid::Uuid;

pub(super) struct Tokens {
    /// The agent and who sends it alerts share it.
    pub(super) alerts: String,
    /// The agent and who gives it orders share it.
    pub(super) control: String,
}

impl Tokens {
    /// Those of a file of settings; new ones for what it has not.
    pub(super) fn kept_or_new(settings: &Path) -> Self {
        let text = std::fs::read_to_string(settings).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let kept = |section: &str| {
            let token = table.get(section)?.get("token")?.as_str()?;
            Some(token.to_owned()).filter(|token| !token.is_empty())
        };
        Self {
            alerts: kept("alerts").unwrap_or_else(new),
            control: kept("control").unwrap_or_else(new),
        }
    }
}

fn new() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    #[test]
    fn what_is_there_stays_and_what_is_not_is_new_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        let [first, second] = [(); 2].map(|()| Tokens::kept_or_new(&file));
        assert!(first.alerts != second.alerts && first.alerts != first.control);
        std::fs::write(&file, "[alerts]\ntoken = \"kept\"\n[control]\n").unwrap();
        let tokens = Tokens::kept_or_new(&file);
        assert_eq!(tokens.alerts, "kept");
        assert_eq!(tokens.control.len(), 64);
    }
}
