//! The agent's page: one file, no dependency, kept current by `/events`.

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::protection::NOTHING;

/// Decisions that the page lists.
pub(super) const DECISIONS_SHOWN: usize = 25;

pub(super) const HTML: &str = include_str!("page.html");

/// The page runs its own script and style, known by their hashes, and asks this server alone.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let source = |element| {
        let hash = Sha256::digest(content(element).as_bytes());
        format!("'sha256-{}'", BASE64_STANDARD.encode(hash))
    };
    let (script, style) = (source("script"), source("style"));
    format!("{NOTHING}; script-src {script}; style-src {style}; connect-src 'self'")
});

/// What stands between the tags of the page's only element of this name.
fn content(element: &str) -> &'static str {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let rest = HTML.split_once(&open).map_or("", |(_, rest)| rest);
    rest.split_once(&close).map_or("", |(content, _)| content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_the_page_runs_is_in_the_elements_that_its_policy_knows() {
        for element in ["script", "style"] {
            assert_eq!(HTML.matches(&format!("<{element}")).count(), 1);
            assert!(content(element).len() > 100, "{element}");
        }
        let markup = HTML.replace(content("script"), "").to_lowercase();
        for inline in [" on", " style=", "javascript:", " src="] {
            let found = markup.split('<').any(|tag| {
                let tag = tag.split('>').next().unwrap_or_default();
                tag.contains(inline)
            });
            assert!(!found, "{inline}");
        }
        assert!(!POLICY.contains("unsafe"), "{}", *POLICY);
    }
}
