//! Completion scripts and manual pages, made from a program's own command line.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Command, Subcommand};
use clap_complete::Shell;

/// What packages take from a program.
#[derive(Clone, Debug, Subcommand)]
pub enum Packaging {
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a folder.
    Man {
        /// The folder; made if it is not there.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum PackagingError {
    /// Standard output took no more.
    #[error("cannot print the completion script")]
    Print(#[source] io::Error),
    /// The folder cannot be made, or a page not written.
    #[error("cannot write manual pages to {}", folder.display())]
    Write {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Packaging {
    /// Does it for the program with this command line.
    pub fn run(&self, program: Command) -> Result<(), PackagingError> {
        match self {
            Self::Completions { shell } => {
                let script = completions(program, *shell);
                crate::output::print_bytes(&script).map_err(PackagingError::Print)
            }
            Self::Man { folder } => {
                write_manual(program, folder).map_err(|source| PackagingError::Write {
                    folder: folder.clone(),
                    source,
                })
            }
        }
    }
}

/// The script that completes the program's arguments in `shell`.
pub fn completions(mut program: Command, shell: Shell) -> Vec<u8> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut script);
    script
}

/// Writes a page for the program, and one for each subcommand that is not hidden.
pub fn write_manual(program: Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program, folder)
}
