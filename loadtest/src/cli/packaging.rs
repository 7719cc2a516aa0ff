//! Completion scripts and manual pages, made from the arguments themselves.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{
    args::Args,
    ending::{Failed, print},
};

const NAME: &str = "loadtest";

pub(super) fn print_completions(shell: Shell) -> anyhow::Result<()> {
    print(&completions(shell)?).context("cannot write to standard output")
}

fn completions(shell: Shell) -> anyhow::Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), NAME, &mut script);
    String::from_utf8(script).context("the script is not UTF-8")
}

/// Writes loadtest.1, and a page for each subcommand that it refers to.
pub(super) fn write_manual(folder: &Path) -> Result<(), Failed> {
    let pages =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Args::command(), folder));
    pages
        .with_context(|| format!("cannot write manual pages to {}", folder.display()))
        .map_err(Failed::usage)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{Command, CommandFactory as _};
    use clap_complete::Shell;

    use super::{Args, completions, write_manual};

    fn long_options(command: &Command) -> Vec<String> {
        let options = command.get_arguments().filter_map(|arg| arg.get_long());
        options.map(|long| format!("--{long}")).collect()
    }

    /// The program with what clap adds by itself.
    fn program() -> Command {
        let mut command = Args::command();
        command.build();
        command
    }

    #[test]
    fn the_completion_of_bash_names_every_long_option() {
        let script = completions(Shell::Bash).expect("a script");
        let words: Vec<&str> = script
            .split(|c: char| c.is_whitespace() || c == '"' || c == ')')
            .collect();
        let program = program();
        for command in [&program].into_iter().chain(program.get_subcommands()) {
            for option in long_options(command) {
                assert!(words.contains(&option.as_str()), "{option}");
            }
        }
    }

    #[test]
    fn every_shell_has_a_script() {
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::Elvish,
            Shell::PowerShell,
        ] {
            let script = completions(shell).expect("a script");
            assert!(script.contains("connection-max-age"), "{shell}");
        }
    }

    #[test]
    fn the_manual_names_every_option_and_the_pages_that_there_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("man1");
        write_manual(&folder).expect("written");
        let page = |name: &str| {
            let text = fs::read_to_string(folder.join(format!("{name}.1"))).expect(name);
            text.replace('\\', "")
        };
        let program = program();
        let main = page("loadtest");
        for option in long_options(&program) {
            assert!(main.contains(&format!("fB{option}fR")), "{option}");
        }
        for command in program.get_subcommands() {
            if command.get_name() == "help" {
                continue;
            }
            let name = format!("loadtest-{}", command.get_name());
            assert!(main.contains(&format!("{name}(1)")), "{name}");
            let text = page(&name);
            for option in long_options(command) {
                assert!(text.contains(&format!("fB{option}fR")), "{name} {option}");
            }
        }
    }
}
