//! Ends with the process that started this one: it holds a pipe to standard input, which closes
//! with it however it ends.

use std::{
    fs::File,
    future::pending,
    io,
    os::{fd::AsFd as _, unix::fs::FileTypeExt as _},
    thread,
};

use tokio::sync::oneshot;

/// The process that started this one, where it is watched.
#[derive(Debug)]
pub struct Parent(Option<oneshot::Receiver<()>>);

impl Parent {
    /// Begins to watch standard input, if `is_watched`; nobody holds this process otherwise.
    ///
    /// A thread of its own reads it, as such a read cannot be called off.
    pub fn watch(is_watched: bool) -> io::Result<Self> {
        if !is_watched {
            return Ok(Self(None));
        }
        let (ended, receiver) = oneshot::channel();
        thread::Builder::new()
            .name("parent".to_owned())
            .spawn(move || {
                // An input that cannot be read any more has ended, too.
                let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
                let _ = ended.send(());
            })?;
        Ok(Self(Some(receiver)))
    }

    /// Returns when it is gone.
    pub async fn is_gone(&mut self) {
        match &mut self.0 {
            // The sender is dropped only after it has sent.
            Some(ended) => drop(ended.await),
            None => pending().await,
        }
    }
}

/// Whether standard input is a pipe, so that its end says something of who holds it.
pub fn input_is_pipe() -> bool {
    let input = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let metadata = input.and_then(|input| input.metadata());
    metadata.is_ok_and(|metadata| metadata.file_type().is_fifo())
}
