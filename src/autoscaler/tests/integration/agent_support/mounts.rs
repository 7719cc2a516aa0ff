//! File systems that are full or read-only for one process, by mounts that it alone has.

use std::process::Stdio;

use tokio::process::Command;

/// The command with mounts of its own, which end with it. First `script` is run, by a shell that
/// ends at an error. Says why and gives `None` where this process may not mount.
pub(crate) fn with_mounts(command: &Command, script: &str) -> Option<Command> {
    let unshare = |script: &str| {
        let mut unshare = std::process::Command::new("unshare");
        unshare.args(["--mount", "--", "sh", "-ec", script, "sh"]);
        unshare
    };
    let may_mount = unshare("mount -t tmpfs tmpfs /mnt").output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: only root may mount (unshare --mount)");
        return None;
    }
    let program = command.as_std();
    let mut mounted = unshare(&format!("{script}\nexec \"$@\""));
    mounted.arg(program.get_program()).args(program.get_args());
    mounted.env_clear();
    let variables = program.get_envs();
    mounted.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    let mut mounted = Command::from(mounted);
    mounted
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Some(mounted)
}
