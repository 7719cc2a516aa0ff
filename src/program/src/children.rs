//! How a program waits for the processes that it started, and ends them.

use std::{io, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::Child,
    time::{sleep, timeout},
};

/// Why a process is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// It ended before.
    Ended(ExitStatus),
    /// The time was over.
    Late,
}

/// Asks `is_ready` again after each `pause`, until it says so, the process ends, or the time is
/// over.
pub async fn until_ready(
    child: &mut Child,
    within: Duration,
    pause: Duration,
    is_ready: impl AsyncFn() -> bool,
) -> Result<(), NotReady> {
    let ready = async {
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(NotReady::Ended(status));
            }
            if is_ready().await {
                return Ok(());
            }
            sleep(pause).await;
        }
    };
    timeout(within, ready).await.unwrap_or(Err(NotReady::Late))
}

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::process::Command;

    use super::{NotReady, until_ready};

    const PAUSE: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_process_is_waited_for_until_it_is_ready_has_ended_or_is_late() {
        let mut command = Command::new("sleep");
        let mut child = command.arg("60").kill_on_drop(true).spawn().expect("sleep");
        let ready = until_ready(&mut child, LONG, PAUSE, async || true).await;
        assert_eq!(ready, Ok(()));
        let late = until_ready(&mut child, PAUSE, PAUSE, async || false).await;
        assert_eq!(late, Err(NotReady::Late));
        child.kill().await.expect("killed");
        let ended = until_ready(&mut child, LONG, PAUSE, async || false).await;
        assert!(matches!(ended, Err(NotReady::Ended(_))), "{ended:?}");
    }
}
