//! How a program ends the processes that it started.

use std::{io, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Child, time::timeout};

/// Asks the process to end, waits for it, and kills it when `grace` is over.
pub async fn end(child: &mut Child, grace: Duration) -> io::Result<ExitStatus> {
    // While it was not waited for, the id is still its own.
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(id) = id {
        // It may have ended meanwhile.
        let _ = kill_process(id, Signal::TERM);
    }
    if let Ok(ended) = timeout(grace, child.wait()).await {
        return ended;
    }
    child.kill().await?;
    child.wait().await
}
