//! Ctrl-C and SIGTERM: the first ends a run with its report, the second ends the program.

use std::{convert::Infallible, io};

use loadtest::StopHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ending::say;

/// What ended programs of this kind give, whether by SIGINT or by us.
const INTERRUPTED: i32 = 130;

/// Somebody who wants the end.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Listens from now on: these signals no longer end the program by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Ends the program at the next signal.
    pub(super) async fn leave(&mut self) -> Infallible {
        self.next().await;
        leave_now()
    }

    /// Ends the run at the first signal, and the program at the second.
    pub(super) async fn stop(&mut self, run: &StopHandle, has_screen: bool) -> Infallible {
        self.next().await;
        run.stop();
        if !has_screen {
            say("loadtest: ending; requests under way are awaited (Ctrl-C again to end at once)");
        }
        self.next().await;
        if has_screen {
            ratatui::restore();
        }
        leave_now()
    }
}

/// Ends the program without a report.
pub(super) fn leave_now() -> ! {
    std::process::exit(INTERRUPTED)
}
