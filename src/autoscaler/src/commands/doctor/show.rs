//! The checks as text and as JSON.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stdout},
};

use serde_json::json;

use super::report::{Check, Status};

/// Wider lines are hard to read.
const WIDTH: usize = 96;
const INDENT: &str = "    ";

/// How a text is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Signs and colours of a terminal, or plain ASCII.
    pub(super) is_rich: bool,
}

impl Style {
    /// A terminal is shown signs and colours, unless `NO_COLOR` says otherwise (no-color.org).
    pub(super) fn of_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            is_rich: stdout().is_terminal() && !plain,
        }
    }

    fn mark(self, status: Status) -> &'static str {
        match (self.is_rich, status) {
            (true, Status::Ok) => "\u{1b}[32m√\u{1b}[0m",
            (true, Status::Warning) => "\u{1b}[33m‼\u{1b}[0m",
            (true, Status::Failed) => "\u{1b}[31m×\u{1b}[0m",
            (true, Status::Skipped) => "·",
            (false, Status::Ok) => "[ok]  ",
            (false, Status::Warning) => "[warn]",
            (false, Status::Failed) => "[FAIL]",
            (false, Status::Skipped) => "[skip]",
        }
    }

    /// Texts from outside come here, too: none may steer the terminal.
    fn plain(self, text: &str) -> String {
        let keep = |c: char| match c {
            c if c.is_control() => ' ',
            c if self.is_rich || c.is_ascii() => c,
            '…' | '–' | '—' => '-',
            '’' | '‘' => '\'',
            _ => '?',
        };
        text.chars().map(keep).collect()
    }
}

/// A heading and a line for each check.
pub(super) fn group(checks: &[Check], style: Style) -> String {
    let Some(first) = checks.first() else {
        return String::new();
    };
    let mut text = format!("{}\n{}\n", first.group, "-".repeat(first.group.len()));
    for check in checks {
        let (mark, title) = (style.mark(check.status), style.plain(&check.title));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{mark} {title}");
        for (name, said) in [("", &check.detail), ("fix: ", &check.fix)] {
            if let Some(said) = said {
                text += &wrapped(&format!("{name}{}", style.plain(said)));
            }
        }
    }
    text.push('\n');
    text
}

/// The last line, as `linkerd check` has it, and how many checks ended how.
pub(super) fn summary(checks: &[Check], style: Style) -> String {
    let count = |status| checks.iter().filter(|c| c.status == status).count();
    let worst = if count(Status::Failed) > 0 {
        Status::Failed
    } else if count(Status::Warning) > 0 {
        Status::Warning
    } else {
        Status::Ok
    };
    format!(
        "{} passed, {} warned, {} failed, {} not checked\nStatus check results are {}\n",
        count(Status::Ok),
        count(Status::Warning),
        count(Status::Failed),
        count(Status::Skipped),
        style.mark(worst).trim_end(),
    )
}

/// For programs.
pub(super) fn json(checks: &[Check]) -> anyhow::Result<String> {
    let is_ok = checks.iter().all(|check| check.status != Status::Failed);
    let document = json!({ "version": 1, "ok": is_ok, "checks": checks });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        let is_full = line.chars().count() + word.chars().count() >= WIDTH - INDENT.len();
        if is_full && !line.is_empty() {
            lines = lines + INDENT + &line + "\n";
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + &format!("{INDENT}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: Status, detail: Option<&str>) -> Check {
        Check {
            group: "members",
            id: "x",
            title: "each is √ reached".to_owned(),
            status,
            detail: detail.map(str::to_owned),
            fix: detail.map(|_| "open the port".to_owned()),
        }
    }

    #[test]
    fn plain_text_is_ascii_and_steers_no_terminal() {
        let checks = [
            check(Status::Ok, None),
            check(Status::Failed, Some("it says \u{1b}[31m“no”…\nreally")),
        ];
        let plain = Style { is_rich: false };
        let text = group(&checks, plain) + &summary(&checks, plain);
        assert!(text.is_ascii(), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.starts_with("members\n-------\n[ok]   each is ? reached\n[FAIL] each"));
        assert!(text.contains("\n    fix: open the port\n"), "{text}");
        assert!(text.ends_with("results are [FAIL]\n"), "{text}");
    }

    #[test]
    fn a_terminal_is_shown_signs_and_no_others_colours() {
        let style = Style { is_rich: true };
        let text = group(&[check(Status::Warning, Some("\u{1b}[2J"))], style);
        assert!(text.contains("‼"), "{text}");
        assert!(!text.contains("\u{1b}[2J"), "{text}");
    }

    #[test]
    fn long_texts_are_wrapped_at_words() {
        let text = wrapped(&"word ".repeat(60));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(text.lines().count() > 2);
    }
}
