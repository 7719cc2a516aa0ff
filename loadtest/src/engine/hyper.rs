//! hyper as the transport: HTTP/1.1 as a cross-check of the built-in codec, and HTTP/2.

use std::{cell::Cell, future::Future, rc::Rc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap,
    client::conn::{http1, http2},
    header::HeaderValue,
};
use hyper_util::rt::TokioIo;

use super::{
    connect::ConnectError,
    exchange::ExchangeError,
    heard::{Heard, Notes, Speaks},
    hyper_request::HyperRequest,
    state::WorkerState,
    stream::Stream,
    tls_error,
};
use crate::{
    check::Kept,
    http1::{MAX_HEAD, MAX_HEADERS, ProtocolError, Response},
    record::{BackendId, COMMON_HEADERS, Failure, Findings},
    text::with_causes,
};

/// What hyper itself accepts over HTTP/2: more than [`MAX_HEAD`], since beyond it gives no reason.
const MAX_HTTP2_HEAD: u32 = 1 << 20;

type Http2Sender = http2::SendRequest<Full<Bytes>>;

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(Http2Sender),
}

/// A connection of hyper's, or a share of one.
pub(crate) struct Hyper {
    sender: Sender,
    /// Who sent the last response.
    backend: BackendId,
    notes: Rc<Notes>,
}

/// Runs hyper's tasks on the worker's own thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

impl Hyper {
    fn new(sender: Sender, notes: Rc<Notes>) -> Self {
        Self {
            sender,
            backend: BackendId::default(),
            notes,
        }
    }

    pub(crate) async fn http1(stream: Stream) -> Result<Self, ConnectError> {
        let (stream, notes) = Heard::new(stream);
        let (sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| connect_error(&error))?;
        // It ends with its sender; what fails in it is told to the request that it fails.
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(Self::new(Sender::Http1(sender), notes))
    }

    pub(crate) async fn http2(stream: Stream) -> Result<Self, ConnectError> {
        let (stream, notes) = Heard::new(stream);
        let (sender, connection) = http2::Builder::new(Local)
            .max_header_list_size(MAX_HTTP2_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| connect_error(&error))?;
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(Self::new(Sender::Http2(sender), notes))
    }

    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// A second handle to the connection, where it takes several requests at once.
    pub(crate) fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => {
                let sender = Sender::Http2(sender.clone());
                Some(Self::new(sender, Rc::clone(&self.notes)))
            }
        }
    }

    /// Who responded last.
    pub(crate) fn backend(&self) -> BackendId {
        self.backend
    }

    pub(crate) async fn exchange(
        &mut self,
        state: &WorkerState,
        request: HyperRequest,
        kept: &mut Kept,
    ) -> Result<Response, ExchangeError> {
        let begun = Cell::new(false);
        let result = self.try_exchange(state, request, &begun, kept).await;
        result.map_err(|rejected| match rejected {
            Rejected::Limit(error) => ExchangeError::Protocol(error.to_string()),
            Rejected::Hyper(error) => {
                if let Some(alert) = self.notes.alert() {
                    return tls_error::ended(alert, state.plan.tls.certificate.is_some());
                }
                if let Some(reason) = self.misunderstanding() {
                    return ExchangeError::Protocol(reason);
                }
                let reason = with_causes(&error);
                match begun.get() {
                    // hyper does not say which of the two limits it was.
                    _ if error.is_parse() && reason.contains("too large") => {
                        ExchangeError::Protocol(format!(
                            "{}, or {}",
                            ProtocolError::TooManyHeaders,
                            ProtocolError::HeadTooLarge
                        ))
                    }
                    _ if error.is_parse() => ExchangeError::Protocol(reason),
                    true => ExchangeError::Closed(Some(reason)),
                    false => ExchangeError::ClosedEarly(Some(reason)),
                }
            }
        })
    }

    /// The two sides speak different versions of HTTP, which hyper's errors do not say.
    fn misunderstanding(&self) -> Option<String> {
        match (&self.sender, self.notes.speaks()?) {
            (Sender::Http1(_), Speaks::Http2) => Some(ProtocolError::Http2.to_string()),
            (Sender::Http2(_), Speaks::Http1) => {
                Some("the server speaks HTTP/1 and not HTTP/2: leave --http2 out".to_owned())
            }
            _ => None,
        }
    }

    async fn try_exchange(
        &mut self,
        state: &WorkerState,
        request: HyperRequest,
        begun: &Cell<bool>,
        kept: &mut Kept,
    ) -> Result<Response, Rejected> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        begun.set(true);
        check_limits(response.headers())?;
        self.backend = match backend_name(response.headers(), &state.findings) {
            Some(value) => {
                let mut recorder = state.recorder.borrow_mut();
                recorder.backend(value.as_bytes(), self.backend)
            }
            None => BackendId::default(),
        };
        if let Some(keep) = &state.keep {
            for (name, value) in response.headers() {
                keep.header(kept, name.as_str(), value.as_bytes());
            }
        }
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                state.recorder.borrow_mut().counters().bytes_received += data.len() as u64;
                if let Some(keep) = &state.keep {
                    keep.body(kept, &data);
                }
            }
        }
        // hyper closes its side itself when the connection is not to be kept.
        Ok(Response {
            status,
            keep_alive: true,
        })
    }
}

/// The value of the header that names the backend; of the first common one, where none is known.
fn backend_name<'a>(headers: &'a HeaderMap, findings: &Findings) -> Option<&'a HeaderValue> {
    if let Some(header) = findings.backend_header() {
        return headers.get(header);
    }
    let mut common = COMMON_HEADERS.iter();
    let rank = common.position(|name| headers.contains_key(*name))?;
    headers.get(findings.decide_header(rank))
}

/// Why a response was not taken.
enum Rejected {
    Hyper(hyper::Error),
    Limit(ProtocolError),
}

impl From<hyper::Error> for Rejected {
    fn from(error: hyper::Error) -> Self {
        Self::Hyper(error)
    }
}

/// The limits of the built-in codec, so that all engines take the same responses.
fn check_limits(headers: &HeaderMap) -> Result<(), Rejected> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > MAX_HEADERS {
        Err(Rejected::Limit(ProtocolError::TooManyHeaders))
    } else if bytes > MAX_HEAD {
        Err(Rejected::Limit(ProtocolError::HeadTooLarge))
    } else {
        Ok(())
    }
}

fn connect_error(error: &hyper::Error) -> ConnectError {
    ConnectError::new(Failure::Protocol, &with_causes(error))
}
