//! What was checked, and how each check ended.

use anyhow::Context as _;
use program::output;
use serde::Serialize;

use super::show;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// It works, but somebody should look at it.
    Warning,
    Failed,
    /// It could not be known, or was not asked for.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    pub(super) group: &'static str,
    /// The same in every version.
    pub(super) id: &'static str,
    /// What should hold.
    pub(super) title: String,
    pub(super) status: Status,
    /// What was found instead, or why nothing could be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

/// All checks so far.
#[derive(Debug)]
pub(super) struct Report {
    checks: Vec<Check>,
    group: &'static str,
    /// Those of earlier groups are shown already.
    shown: usize,
    is_json: bool,
}

impl Report {
    pub(super) fn new(is_json: bool) -> Self {
        Self {
            checks: Vec::new(),
            group: "",
            shown: 0,
            is_json,
        }
    }

    pub(super) fn group(&mut self, name: &'static str) {
        self.group = name;
    }

    pub(super) fn passed(&mut self, id: &'static str, title: impl Into<String>) {
        self.add(id, title.into(), Status::Ok, None, None);
    }

    pub(super) fn warned(
        &mut self,
        id: &'static str,
        title: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let (detail, fix) = (Some(detail.into()), Some(fix.into()));
        self.add(id, title.into(), Status::Warning, detail, fix);
    }

    pub(super) fn failed(
        &mut self,
        id: &'static str,
        title: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let (detail, fix) = (Some(detail.into()), Some(fix.into()));
        self.add(id, title.into(), Status::Failed, detail, fix);
    }

    pub(super) fn skipped(
        &mut self,
        id: &'static str,
        title: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.add(id, title.into(), Status::Skipped, Some(why.into()), None);
    }

    fn add(
        &mut self,
        id: &'static str,
        title: String,
        status: Status,
        detail: Option<String>,
        fix: Option<String>,
    ) {
        let group = self.group;
        self.checks.push(Check {
            group,
            id,
            title,
            status,
            detail,
            fix,
        });
    }

    /// Shows the checks of the group.
    pub(super) fn group_ends(&mut self) -> anyhow::Result<()> {
        let new = &self.checks[self.shown..];
        if !self.is_json && !new.is_empty() {
            let text = show::group(new, show::Style::of_stdout());
            output::print(&text).context("cannot print the checks")?;
        }
        self.shown = self.checks.len();
        Ok(())
    }

    /// Shows the result.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        let text = if self.is_json {
            show::json(&self.checks)?
        } else {
            show::summary(&self.checks, show::Style::of_stdout())
        };
        output::print(&text).context("cannot print the result")
    }

    pub(super) fn has_failed(&self) -> bool {
        let mut checks = self.checks.iter();
        checks.any(|check| check.status == Status::Failed)
    }
}
