//! When an instance is to end: at a signal, or when the local cloud that started it is gone.

use std::io;

use program::{
    parent::{Parent, input_is_pipe},
    signals::StopSignals,
};

use super::LocalInstanceError;

/// The local cloud, which holds a pipe to this process. Without a pipe nobody holds it.
pub(super) fn watch_parent() -> Result<Parent, LocalInstanceError> {
    Parent::watch(input_is_pipe()).map_err(cannot("watch standard input"))
}

/// Everything that ends an instance.
pub(super) struct End {
    signals: StopSignals,
    parent: Parent,
}

impl End {
    pub(super) fn watch() -> Result<Self, LocalInstanceError> {
        Ok(Self {
            signals: StopSignals::listen().map_err(cannot("wait for signals"))?,
            parent: watch_parent()?,
        })
    }

    pub(super) async fn is_asked_for(&mut self) {
        tokio::select! {
            () = self.signals.next() => {}
            () = self.parent.is_gone() => {}
        }
    }
}

fn cannot(action: &'static str) -> impl Fn(io::Error) -> LocalInstanceError {
    move |source| LocalInstanceError::System { action, source }
}
