//! A connection for hyper, which keeps what hyper's errors lose: the alert of TLS, and what the
//! server speaks.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::AlertDescription;

use super::{stream::Stream, tls_error};

/// What was heard from the server.
#[derive(Default)]
pub(super) struct Notes {
    /// The alert by which it ended the connection.
    alert: Cell<Option<AlertDescription>>,
    /// What its first bytes are of.
    speaks: Cell<Option<Speaks>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Http1,
    Http2,
    Other,
}

impl Notes {
    pub(super) fn alert(&self) -> Option<AlertDescription> {
        self.alert.get()
    }

    pub(super) fn speaks(&self) -> Option<Speaks> {
        self.speaks.get()
    }

    fn note(&self, read: &io::Result<()>, bytes: &[u8]) {
        match read {
            Ok(()) if self.speaks.get().is_none() && !bytes.is_empty() => {
                self.speaks.set(Some(match bytes {
                    [b'H', ..] => Speaks::Http1,
                    // The first byte of a short frame's length.
                    [0, ..] => Speaks::Http2,
                    _ => Speaks::Other,
                }));
            }
            Ok(()) => {}
            Err(error) => {
                if let Some(alert) = tls_error::alert(error) {
                    self.alert.set(Some(alert));
                }
            }
        }
    }
}

pub(super) struct Heard {
    stream: Stream,
    notes: Rc<Notes>,
    /// Why nothing can be sent any more.
    failed: Option<io::ErrorKind>,
}

impl Heard {
    pub(super) fn new(stream: Stream) -> (Self, Rc<Notes>) {
        let notes = Rc::<Notes>::default();
        let heard = Self {
            stream,
            notes: Rc::clone(&notes),
            failed: None,
        };
        (heard, notes)
    }

    fn read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.notes.note(&read, &buffer.filled()[before..]);
        Poll::Ready(read)
    }

    /// What cannot be sent may have crossed an alert, which says why. hyper would not read it any
    /// more; it is there soon, because what ends writing ends reading.
    fn fail(&mut self, context: &mut Context<'_>, kind: io::ErrorKind) -> Poll<io::Error> {
        self.failed = Some(kind);
        let mut rest = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut rest);
            match ready!(self.read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(kind.into()),
            }
        }
    }

    /// Sends by `send`, unless that has failed before.
    fn send<T>(
        &mut self,
        context: &mut Context<'_>,
        send: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let kind = match self.failed {
            Some(kind) => kind,
            None => match ready!(send(Pin::new(&mut self.stream), context)) {
                Err(error) => error.kind(),
                done => return Poll::Ready(done),
            },
        };
        self.fail(context, kind).map(Err)
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read(context, buffer)
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.send(context, |stream, context| stream.poll_write(context, data))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send(context, Stream::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
