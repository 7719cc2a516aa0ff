//! The exchange of one request for one answer over a connection of the own HTTP/1.1 codec.

use std::{
    cell::RefMut,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{lane::Lane, stream::Stream, wire::WireError, worker::Worker};
use crate::{
    http1::{
        ProtocolError,
        response::{Answer, Decoder, Visitor},
    },
    record::{BackendId, Recorder},
    text::with_causes,
};

/// A connection of the own codec.
pub(crate) struct H1 {
    stream: Stream,
    decoder: Decoder,
    backend: BackendId,
}

impl H1 {
    /// `bodiless` for HEAD, whose answers have no body.
    pub(crate) fn new(stream: Stream, bodiless: bool) -> Self {
        Self {
            stream,
            decoder: Decoder::new(bodiless),
            backend: BackendId::default(),
        }
    }

    /// Who answered last.
    pub(crate) fn backend(&self) -> BackendId {
        self.backend
    }

    /// Ready when the server has closed an idle connection, or sent what nothing asked for.
    pub(crate) fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        Pin::new(&mut self.stream)
            .poll_read(context, &mut buffer)
            .map(drop)
    }

    /// Sends the worker's request and reads the answer.
    pub(crate) async fn exchange(
        &mut self,
        worker: &Worker,
        lane: &Lane,
    ) -> Result<Answer, WireError> {
        let mut written = 0;
        poll_fn(|context| {
            if lane.is_expired() {
                return Poll::Ready(Err(WireError::Expired));
            }
            let poll = self.poll_exchange(context, worker, &mut written);
            if poll.is_pending() {
                lane.register(context);
            }
            poll
        })
        .await
    }

    fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        worker: &Worker,
        written: &mut usize,
    ) -> Poll<Result<Answer, WireError>> {
        // A server may answer, and close, before it has read everything: a failed write is not the last word.
        let write_failed = match self.poll_write(context, &worker.request, written) {
            Poll::Ready(Err(_)) => true,
            Poll::Ready(Ok(())) | Poll::Pending => false,
        };
        let all_written = *written == worker.request.len();
        let mut scratch = worker.scratch.borrow_mut();
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending if write_failed => return Poll::Ready(Err(self.closed())),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => result,
            };
            let received = buffer.filled();
            if read.is_err() || received.is_empty() {
                let clean = read.is_ok();
                return Poll::Ready(match self.decoder.eof() {
                    Ok(answer) if clean => Ok(answer),
                    Err(error) if error != ProtocolError::Truncated => Err(protocol(error)),
                    _ => Err(self.closed()),
                });
            }
            let mut visitor = Finder {
                header: &worker.backend_header,
                recorder: worker.recorder.borrow_mut(),
                backend: &mut self.backend,
            };
            visitor.recorder.received(received.len());
            match self.decoder.feed(received, &mut visitor) {
                Ok(None) => {}
                Ok(Some((mut answer, used))) => {
                    // Bytes beyond the answer, or an answer before the request's end, leave the connection unusable.
                    answer.keep_alive &= used == received.len() && all_written;
                    return Poll::Ready(Ok(answer));
                }
                Err(error) => return Poll::Ready(Err(protocol(error))),
            }
        }
    }

    fn closed(&self) -> WireError {
        if self.decoder.has_begun() {
            WireError::Closed(None)
        } else {
            WireError::ClosedEarly(None)
        }
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        request: &[u8],
        written: &mut usize,
    ) -> Poll<std::io::Result<()>> {
        while *written < request.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &request[*written..]))? {
                0 => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                n => *written += n,
            }
        }
        if self.stream.is_plain() {
            Poll::Ready(Ok(()))
        } else {
            Pin::new(&mut self.stream).poll_flush(context)
        }
    }
}

fn protocol(error: ProtocolError) -> WireError {
    WireError::Protocol(with_causes(&error))
}

/// Looks for the header that names the backend.
struct Finder<'a> {
    header: &'a str,
    recorder: RefMut<'a, Recorder>,
    backend: &'a mut BackendId,
}

impl Visitor for Finder<'_> {
    fn header(&mut self, name: &str, value: &[u8]) {
        if name.len() == self.header.len() && name.eq_ignore_ascii_case(self.header) {
            *self.backend = self.recorder.backend(value, *self.backend);
        }
    }
}
