//! The agent's page: one file, no dependency, kept current by `/events`.

/// Decisions that the page lists.
pub(super) const DECISIONS_SHOWN: usize = 25;

pub(super) const HTML: &str = include_str!("page.html");
