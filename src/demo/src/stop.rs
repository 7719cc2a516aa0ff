//! How somebody asks the demo to stop from outside its screen.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C where there is no screen, and SIGTERM. One that comes while nobody waits is not lost.
#[derive(Debug)]
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        let on = |kind| signal(kind);
        Ok(Self {
            terminate: on(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: on(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
        })
    }

    /// Returns when somebody has asked.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
