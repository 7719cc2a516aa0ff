//! Programs of others, as Debian has them.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

/// The path of a program. A test without it is skipped, unless `AUTOSCALER_REQUIRE_PROGRAMS` is
/// set.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where Debian has servers, which is not on everybody's PATH.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
            "{name} is not installed"
        );
        println!("skipped: {name} is not installed");
    }
    found
}

/// A program that runs until this is dropped.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that was free a moment ago.
pub(super) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// Starts a program, and waits until it listens.
pub(super) async fn start(command: &mut Command, address: SocketAddr) -> Running {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut running = Running(child);
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        let ended = running.0.try_wait().expect("a child");
        assert!(ended.is_none(), "{command:?} ended: {ended:?}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{command:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running
}
