//! Runs a program so that it dies with the process that started it, even when that one is killed
//! with SIGKILL.
//!
//! The parent-death signal must be asked for by the child itself, so the demo starts its own
//! binary, which asks and then becomes the wanted program:
//! `autoscaler die-with-parent PARENT -- PROGRAM ARGS…`.

use std::{
    convert::Infallible,
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    process::Command,
};

use thiserror::Error;

/// Why the program could not be started so.
#[derive(Debug, Error)]
pub enum DieWithParentError {
    /// No program was named.
    #[error("die-with-parent: name the program to run after `--`")]
    NoProgram,
    /// The parent is gone already.
    #[error("die-with-parent: the process {0} that started this one is gone")]
    Orphan(u32),
    /// The kernel refused the parent-death signal.
    #[error("die-with-parent: cannot ask for a signal at the parent's death")]
    Signal(#[source] io::Error),
    /// The program could not be executed.
    #[error("die-with-parent: cannot run {}", program.display())]
    Exec {
        /// The program.
        program: OsString,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The arguments that make `binary` (this program) run another that dies with the calling process.
///
/// The kernel counts the death of the *thread* that started the child (prctl(2),
/// `PR_SET_PDEATHSIG`): start it from one that lives as long as the process, such as the main
/// thread.
pub fn command_line(binary: &OsStr) -> Vec<OsString> {
    vec![
        binary.to_owned(),
        "die-with-parent".into(),
        std::process::id().to_string().into(),
        "--".into(),
    ]
}

/// Becomes the program `args[0]`, which the kernel will send SIGTERM when the process `parent`
/// dies.
///
/// Returns only if that failed.
pub fn run(parent: u32, args: &[OsString]) -> Result<Infallible, DieWithParentError> {
    let (program, rest) = args.split_first().ok_or(DieWithParentError::NoProgram)?;
    ask_for_signal().map_err(DieWithParentError::Signal)?;
    // Had the parent died before the line above, no signal would ever come.
    if std::os::unix::process::parent_id() != parent {
        return Err(DieWithParentError::Orphan(parent));
    }
    let source = Command::new(program).args(rest).exec();
    Err(DieWithParentError::Exec {
        program: program.clone(),
        source,
    })
}

#[cfg(target_os = "linux")]
fn ask_for_signal() -> io::Result<()> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    Ok(set_parent_process_death_signal(Some(Signal::TERM))?)
}

/// Elsewhere there is no such signal, and the program outlives a parent that was killed with
/// SIGKILL.
#[cfg(not(target_os = "linux"))]
fn ask_for_signal() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_cause() {
        let parent = std::os::unix::process::parent_id();
        assert!(matches!(
            run(parent, &[]),
            Err(DieWithParentError::NoProgram)
        ));
    }

    #[test]
    fn the_command_line_names_this_process() {
        let line = command_line(OsStr::new("/bin/autoscaler"));
        let own = std::process::id().to_string();
        assert_eq!(
            line,
            ["/bin/autoscaler", "die-with-parent", own.as_str(), "--"].map(OsString::from)
        );
    }
}
