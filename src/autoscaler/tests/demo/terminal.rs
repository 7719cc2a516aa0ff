//! A terminal of 80 by 24 for a program, as a person has it.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
    sync::{Arc, Mutex},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use tokio::process::{Child, Command};

/// The person's side.
pub(crate) struct Terminal {
    keys: File,
    seen: Arc<Mutex<String>>,
    reader: tokio::task::JoinHandle<()>,
}

impl Terminal {
    /// Starts `autoscaler demo` on a terminal of this kind.
    pub(crate) fn start(kind: &str, report: &Path, arguments: &[&str]) -> (Self, Child) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let user = openpt(flags).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&user, size).unwrap();
        let name = ptsname(&user, Vec::new()).unwrap();
        let program = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
            .args(["demo", "--cpu-source", "built-in", "--report"])
            .arg(report)
            .args(arguments)
            .env("TERM", kind)
            .stdin(program.try_clone().unwrap())
            .stdout(program.try_clone().unwrap())
            .stderr(program)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let keys = File::from(user);
        let mut screen = keys.try_clone().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        // Reading a terminal blocks, until nobody has the other side any more.
        let reader = tokio::task::spawn_blocking({
            let seen = Arc::clone(&seen);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = screen.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..length]);
                    seen.lock().unwrap().push_str(&text);
                }
            }
        });
        let terminal = Self { keys, seen, reader };
        (terminal, child)
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Everything that was written to it so far.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Everything that was written to it, once the program has ended.
    pub(crate) async fn all_seen(self) -> String {
        self.reader.await.unwrap();
        self.seen.lock().unwrap().clone()
    }
}
