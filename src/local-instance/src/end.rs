//! When an instance is to end: at a signal, or when the local cloud that started it is gone.

use std::{future::pending, io};

use program::{
    parent::{input_ends, input_is_pipe},
    signals::Hangups,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::LocalInstanceError;

/// The local cloud, which holds a pipe to this process.
pub(super) struct Parent(Option<oneshot::Receiver<()>>);

impl Parent {
    /// Begins to watch it. Without a pipe nobody holds this process.
    pub(super) fn watch() -> Result<Self, LocalInstanceError> {
        let watched = input_is_pipe().then(input_ends).transpose();
        watched.map(Self).map_err(cannot("watch standard input"))
    }

    pub(super) async fn is_gone(&mut self) {
        match &mut self.0 {
            Some(ended) => drop(ended.await),
            None => pending().await,
        }
    }
}

/// Everything that ends an instance.
pub(super) struct End {
    terminate: Signal,
    interrupt: Signal,
    hangups: Hangups,
    parent: Parent,
}

impl End {
    pub(super) fn watch() -> Result<Self, LocalInstanceError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(cannot("wait for SIGTERM"))?,
            interrupt: signal(SignalKind::interrupt()).map_err(cannot("wait for Ctrl-C"))?,
            hangups: Hangups::listen().map_err(cannot("wait for SIGHUP"))?,
            parent: Parent::watch()?,
        })
    }

    pub(super) async fn is_asked_for(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = self.hangups.until_terminal_is_closed() => {}
            () = self.parent.is_gone() => {}
        }
    }
}

fn cannot(action: &'static str) -> impl Fn(io::Error) -> LocalInstanceError {
    move |source| LocalInstanceError::System { action, source }
}
