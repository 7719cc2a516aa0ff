//! The signals that end a program: SIGTERM from service managers, SIGINT from Ctrl-C, and SIGHUP,
//! which ends one that does not ask for it.
//!
//! SIGHUP means "read your settings again" to service managers, and "your terminal is gone" to a
//! shell.

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Takes all of them from now on.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hangups: Hangups,
}

impl StopSignals {
    /// Begins to listen; it must be called within a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangups: Hangups::listen()?,
        })
    }

    /// Returns when the program is to stop.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = self.hangups.until_terminal_is_closed() => {}
        }
    }
}

/// Takes every SIGHUP of this process from now on.
#[derive(Debug)]
pub struct Hangups {
    signal: Signal,
    had_terminal: bool,
}

impl Hangups {
    /// Begins to listen; it must be called within a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            signal: signal(SignalKind::hangup())?,
            had_terminal: has_terminal(),
        })
    }

    /// What the next one says.
    pub async fn next(&mut self) -> Hangup {
        if self.signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        if self.had_terminal && !has_terminal() {
            tracing::info!("The terminal was closed.");
            return Hangup::TerminalClosed;
        }
        Hangup::ReadSettings
    }

    /// Logs and ignores each; returns when one says that the terminal this program ran on was
    /// closed, for then nobody could end it by Ctrl-C.
    pub async fn until_terminal_is_closed(&mut self) {
        while self.next().await == Hangup::ReadSettings {
            tracing::warn!(
                "SIGHUP is ignored: settings are read at the start only. Restart to change them."
            );
        }
    }
}

/// What a SIGHUP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// The settings are to be read again.
    ReadSettings,
    /// The terminal that the program ran on was closed.
    TerminalClosed,
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}
