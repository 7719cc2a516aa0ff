//! The exchange of one request for one response over a connection of the built-in HTTP/1.1 codec.

use std::{
    cell::RefMut,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    arrival::Arrivals,
    clock::Clock,
    exchange::ExchangeError,
    outgoing::Outgoing,
    slot::Slot,
    state::{Keep, WorkerState},
    stream::Stream,
    tls_error,
};
use crate::{
    check::Kept,
    http1::{Decoder, ProtocolError, Response, Visitor},
    record::{BackendId, COMMON_HEADERS, Findings, Recorder, rank_of_header},
    schedule::nanos,
    text::with_causes,
};

/// A connection of the built-in codec.
pub(crate) struct H1 {
    stream: Stream,
    decoder: Decoder,
    /// Who sent the present response, once that is known.
    backend: BackendId,
    /// Who responded last: rarely another one on the same connection.
    last: BackendId,
    /// None where the kernel does not say when something arrived, or nobody wants to know.
    arrivals: Option<Arrivals>,
    /// When the present response arrived, once that is known.
    arrived: Option<u64>,
    /// Whether the last response came at once. One that does not is read as it comes: a full
    /// socket would hold up the server.
    came_at_once: bool,
}

impl H1 {
    /// `stamped`: with the times of arrival, where there are any.
    pub(crate) fn new(stream: Stream, stamped: bool) -> Self {
        let tcp = stream.plain_tcp().filter(|_| stamped);
        Self {
            arrivals: tcp.and_then(Arrivals::of),
            arrived: None,
            came_at_once: false,
            stream,
            decoder: Decoder::new(false),
            backend: BackendId::default(),
            last: BackendId::default(),
        }
    }

    /// Who responded last.
    pub(crate) fn backend(&self) -> BackendId {
        self.backend
    }

    /// When the last response arrived, in nanoseconds since the start, where the kernel says so.
    pub(crate) fn arrived(&self) -> Option<u64> {
        self.arrived
    }

    /// Ready when the server has closed an idle connection, or sent what nothing asked for.
    pub(crate) fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        Pin::new(&mut self.stream)
            .poll_read(context, &mut buffer)
            .map(drop)
    }

    /// Sends a request and reads the response.
    pub(crate) async fn exchange(
        &mut self,
        state: &WorkerState,
        slot: &Slot,
        request: &Outgoing,
        kept: &mut Kept,
    ) -> Result<Response, ExchangeError> {
        let mut written = 0;
        let mut patience = self.is_patient().then(|| state.patience());
        self.came_at_once = true;
        self.arrived = None;
        self.backend = BackendId::default();
        self.decoder.set_bodiless(request.bodiless);
        let bytes = request.wire.bytes();
        poll_fn(|context| {
            if slot.is_expired() {
                return Poll::Ready(Err(ExchangeError::Expired));
            }
            let poll = self.poll_exchange(context, state, bytes, &mut written, kept);
            if poll.is_pending() {
                if !self.is_patient() {
                    patience = None;
                }
                slot.register(context);
            }
            poll
        })
        .await
    }

    /// Whether a response may be read some time after it has come.
    fn is_patient(&self) -> bool {
        self.arrivals.is_some() && self.came_at_once
    }

    fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        state: &WorkerState,
        request: &[u8],
        written: &mut usize,
        kept: &mut Kept,
    ) -> Poll<Result<Response, ExchangeError>> {
        // A server may respond, and close, before it has read everything: a failed write is not the
        // last word. What is read says how it ended, and is there soon, because what ends writing
        // ends reading.
        let _ = self.poll_write(context, request, written);
        let all_written = *written == request.len();
        let mut scratch = state.scratch.borrow_mut();
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(self.poll_read(context, state.clock, &mut buffer));
            let received = buffer.filled();
            if read.is_err() || received.is_empty() {
                if let Err(error) = &read
                    && let Some(alert) = tls_error::alert(error)
                {
                    let given = state.plan.tls.certificate.is_some();
                    return Poll::Ready(Err(tls_error::ended(alert, given)));
                }
                let clean = read.is_ok();
                return Poll::Ready(match self.decoder.eof() {
                    Ok(response) if clean => Ok(response),
                    Err(error) if error != ProtocolError::Truncated => Err(protocol(error)),
                    _ => Err(self.closed()),
                });
            }
            let mut visitor = Finder {
                header: state.findings.backend_header(),
                recorder: state.recorder.borrow_mut(),
                backend: &mut self.backend,
                last: &mut self.last,
                common: Vec::new(),
                keep: state.keep.as_ref(),
                kept,
            };
            visitor.recorder.counters().bytes_received += received.len() as u64;
            let arrived = read.ok().flatten();
            let fed = self.decoder.feed(received, &mut visitor);
            if !visitor.common.is_empty() {
                visitor.decide(&state.findings);
            }
            match fed {
                Ok(None) => self.came_at_once = false,
                Ok(Some((mut response, used))) => {
                    // Bytes beyond the response, or a response before the request's end, leave the
                    // connection unusable.
                    response.keep_alive &= used == received.len() && all_written;
                    self.arrived = arrived;
                    return Poll::Ready(Ok(response));
                }
                Err(error) => return Poll::Ready(Err(protocol(error))),
            }
        }
    }

    /// Reads, and says when the last byte arrived, where the kernel says how long ago that was.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        clock: Clock,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<Option<u64>>> {
        if let (Some(arrivals), Some(stream)) = (&mut self.arrivals, self.stream.plain_tcp()) {
            let age = ready!(arrivals.poll_read(stream, context, buffer))?;
            let arrived = age.map(|age| clock.now().saturating_sub(nanos(age)));
            Poll::Ready(Ok(arrived))
        } else {
            let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
            poll.map_ok(|()| None)
        }
    }

    fn closed(&self) -> ExchangeError {
        if self.decoder.has_begun() {
            ExchangeError::Closed(None)
        } else {
            ExchangeError::ClosedEarly(None)
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

fn protocol(error: ProtocolError) -> ExchangeError {
    ExchangeError::Protocol(with_causes(&error))
}

/// Looks for the header that names the backend, and keeps what is to be judged.
struct Finder<'a> {
    /// None until a response has decided which header it is.
    header: Option<&'a str>,
    recorder: RefMut<'a, Recorder>,
    backend: &'a mut BackendId,
    last: &'a mut BackendId,
    /// The values of common headers, with their ranks; only until the header is known.
    common: Vec<(usize, Vec<u8>)>,
    keep: Option<&'a Keep>,
    kept: &'a mut Kept,
}

impl Finder<'_> {
    /// The header is one that this response has, unless another response came first.
    fn decide(&mut self, findings: &Findings) {
        let best = self.common.iter().map(|(rank, _)| *rank).min();
        let header = best.map(|rank| findings.decide_header(rank));
        let of_header = |(rank, _): &&(usize, _)| Some(COMMON_HEADERS[*rank]) == header;
        if let Some((_, value)) = self.common.iter().find(of_header) {
            *self.last = self.recorder.backend(value, *self.last);
            *self.backend = *self.last;
        }
    }
}

impl Visitor for Finder<'_> {
    fn header(&mut self, name: &str, value: &[u8]) {
        match self.header {
            Some(header) => {
                if name.len() == header.len() && name.eq_ignore_ascii_case(header) {
                    *self.last = self.recorder.backend(value, *self.last);
                    *self.backend = *self.last;
                }
            }
            None => {
                if let Some(rank) = rank_of_header(name) {
                    self.common.push((rank, value.to_vec()));
                }
            }
        }
        if let Some(keep) = self.keep {
            keep.header(self.kept, name, value);
        }
    }

    fn body(&mut self, data: &[u8]) {
        if let Some(keep) = self.keep {
            keep.body(self.kept, data);
        }
    }
}
