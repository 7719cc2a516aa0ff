//! How the program ends: its exit codes, and what it says for the last time.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use loadtest::{RunError, Summary, Verdict};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Well = 0,
    /// A condition of `--fail-if` holds.
    ConditionHolds = 1,
    /// The arguments, or a file or an address that they name, cannot be used; nothing was sent.
    Usage = 2,
    /// The target cannot be reached.
    Unreachable = 3,
    /// A report could not be written, or anything else.
    Broken = 4,
    /// Not one request succeeded.
    NoSuccess = 5,
}

impl Ending {
    /// How a run ended that has its reports.
    pub(super) fn of(summary: &Summary, verdicts: &[Verdict]) -> Self {
        if verdicts.iter().any(|verdict| verdict.failed) {
            Self::ConditionHolds
        } else if summary.failed_wholly() {
            Self::NoSuccess
        } else {
            Self::Well
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending as u8)
    }
}

/// Why there is nothing to show.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) ending: Ending,
    pub(super) error: anyhow::Error,
}

impl Failed {
    /// For what the arguments ask and cannot be had.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            ending: Ending::Usage,
            error: error.into(),
        }
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self {
            ending: Ending::Broken,
            error,
        }
    }
}

impl From<RunError> for Failed {
    fn from(error: RunError) -> Self {
        let ending = match error {
            RunError::Unreachable { .. } | RunError::Resolve { .. } => Ending::Unreachable,
            RunError::Plan(_)
            | RunError::Certificates { .. }
            | RunError::ClientCertificate { .. }
            | RunError::ServerName { .. } => Ending::Usage,
            _ => Ending::Broken,
        };
        Self {
            ending,
            error: error.into(),
        }
    }
}

/// Says something on standard error. Nobody may listen any more, which is no reason to end a run.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Shows an error with its causes.
pub(super) fn say_error(error: &anyhow::Error) {
    say(&format!("loadtest: {error:#}"));
}

/// Writes to standard output. A reader that has seen enough, such as `head`, is no failure.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use loadtest::{Accounts, Summary, Threshold};

    use super::Ending;

    #[test]
    fn a_run_without_a_success_is_not_well() {
        let mut summary = Summary {
            accounts: Accounts {
                scheduled: 2,
                unsent: 2,
                ..Accounts::default()
            },
            ..Summary::default()
        };
        assert_eq!(Ending::of(&summary, &[]), Ending::NoSuccess);
        let condition: Threshold = "delivered<99%".parse().expect("valid");
        let verdict = condition.judge(&summary);
        assert_eq!(
            Ending::of(&summary, &[verdict]),
            Ending::ConditionHolds,
            "what was asked for comes first"
        );
        summary.counters.ok = 1;
        assert_eq!(Ending::of(&summary, &[]), Ending::Well);
        assert_eq!(
            Ending::of(&Summary::default(), &[]),
            Ending::Well,
            "ended before the first request"
        );
    }
}
