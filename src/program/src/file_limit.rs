//! How many files, sockets among them, this process may have open.

use rustix::process::{Resource, getrlimit};

/// The soft limit (`LimitNOFILE=` of systemd, `ulimit -n` of a shell).
pub fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit
        .and_then(|limit| limit.try_into().ok())
        .unwrap_or(usize::MAX)
}
