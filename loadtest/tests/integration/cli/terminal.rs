//! What a terminal gets: a screen where it can be drawn, lines where it cannot.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use super::json;
use crate::support::{Behaviour, Server};

/// The screen's own first and last words to a terminal: to the alternate screen, and back.
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

/// A terminal of 80 columns and 24 rows, from its user's side.
struct Terminal {
    user: File,
    seen: String,
}

impl Terminal {
    fn new() -> (Self, OwnedFd) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let user = openpt(flags).expect("a terminal");
        grantpt(&user).expect("granted");
        unlockpt(&user).expect("unlocked");
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&user, size).expect("a size");
        let name = ptsname(&user, Vec::new()).expect("a name");
        let name = name.into_string().expect("UTF-8");
        let program = File::options().read(true).write(true).open(name);
        let terminal = Self {
            user: user.into(),
            seen: String::new(),
        };
        (terminal, program.expect("its other side").into())
    }

    /// Reads until `part` has been seen; to the end without one.
    fn read_until(&mut self, part: Option<&str>) {
        let mut buffer = [0; 4096];
        while !part.is_some_and(|part| self.seen.contains(part)) {
            // When the last program has closed its side, reading fails.
            let Ok(length @ 1..) = self.user.read(&mut buffer) else {
                assert!(part.is_none(), "{part:?} in {}", self.seen);
                return;
            };
            self.seen
                .push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }
}

/// Starts a long run at a terminal of this kind.
fn start(kind: Option<&str>, more: &[&str], server: &Server) -> (Terminal, Child) {
    let (terminal, side) = Terminal::new();
    let again = || Stdio::from(side.try_clone().expect("a handle"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command
        .args(["--rate", "50", "--duration", "120s", "--tick", "100ms"])
        .args(more)
        .arg(server.url())
        .env_remove("TERM")
        .envs(kind.map(|kind| ("TERM", kind)))
        .stdin(again())
        .stdout(again())
        .stderr(again());
    let child = command.spawn().expect("the program starts");
    (terminal, child)
}

#[test]
fn a_terminal_that_cannot_draw_gets_lines_and_a_table() {
    let server = Server::start(Behaviour::default());
    for kind in [Some("dumb"), Some(""), None] {
        let (mut terminal, mut child) = start(kind, &[], &server);
        terminal.read_until(Some("backend i-1 responding"));
        kill_process(Pid::from_child(&child), Signal::INT).expect("signalled");
        terminal.read_until(None);
        assert_eq!(child.wait().expect("ended").code(), Some(0));
        assert!(
            !terminal.seen.contains('\u{1b}'),
            "{kind:?}: {}",
            terminal.seen
        );
        assert!(terminal.seen.contains("scheduled "), "{}", terminal.seen);
    }
}

#[test]
fn a_screen_ends_with_its_table_by_key_and_by_signal() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    for (name, signal) in [
        ("key", None),
        ("int", Some(Signal::INT)),
        ("term", Some(Signal::TERM)),
    ] {
        let path = folder.path().join(name);
        let more = ["--json", path.to_str().expect("UTF-8")];
        let (mut terminal, mut child) = start(Some("xterm"), &more, &server);
        // The name may be cut by the screen's own moves, so wait for a part that is written at
        // once.
        terminal.read_until(Some("i-1"));
        match signal {
            Some(signal) => kill_process(Pid::from_child(&child), signal).expect("signalled"),
            None => terminal.user.write_all(b"\x03").expect("typed"),
        }
        terminal.read_until(None);
        assert_eq!(child.wait().expect("ended").code(), Some(0), "{name}");
        let (screen, after) = terminal.seen.split_once(LEAVE).expect("it is left");
        assert!(screen.contains(ENTER), "{name}: {screen}");
        assert!(after.contains("scheduled "), "{name}: {after}");
        assert!(json(&path)["run"]["ok"].as_u64() > Some(0), "{name}");
    }
}
