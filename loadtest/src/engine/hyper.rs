//! hyper as the transport: HTTP/1.1 as a cross-check of the built-in codec, and HTTP/2.

use std::{cell::Cell, future::Future};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;

use super::{connect::ConnectError, exchange::ExchangeError, state::WorkerState, stream::Stream};
use crate::{
    http1::{MAX_HEAD, MAX_HEADERS, ProtocolError, Response},
    record::{BackendId, Failure},
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
    backend: BackendId,
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
    fn shared(sender: Http2Sender) -> Self {
        Self {
            sender: Sender::Http2(sender),
            backend: BackendId::default(),
        }
    }

    pub(crate) async fn http1(stream: Stream) -> Result<Self, ConnectError> {
        let (sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| connect_error(&error))?;
        // It ends with its sender; what fails in it is told to the request that it fails.
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(Self {
            sender: Sender::Http1(sender),
            backend: BackendId::default(),
        })
    }

    pub(crate) async fn http2(stream: Stream) -> Result<Self, ConnectError> {
        let (sender, connection) = http2::Builder::new(Local)
            .max_header_list_size(MAX_HTTP2_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| connect_error(&error))?;
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(Self::shared(sender))
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
            Sender::Http2(sender) => Some(Self::shared(sender.clone())),
        }
    }

    /// Who responded last.
    pub(crate) fn backend(&self) -> BackendId {
        self.backend
    }

    pub(crate) async fn exchange(
        &mut self,
        state: &WorkerState,
    ) -> Result<Response, ExchangeError> {
        let begun = Cell::new(false);
        let result = self.try_exchange(state, &begun).await;
        result.map_err(|rejected| match rejected {
            Rejected::Limit(error) => ExchangeError::Protocol(error.to_string()),
            Rejected::Hyper(error) => {
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

    async fn try_exchange(
        &mut self,
        state: &WorkerState,
        begun: &Cell<bool>,
    ) -> Result<Response, Rejected> {
        let request = state.hyper_request.clone();
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
        if let Some(value) = response.headers().get(state.plan.backend_header.as_str()) {
            self.backend = state
                .recorder
                .borrow_mut()
                .backend(value.as_bytes(), self.backend);
        }
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                state.recorder.borrow_mut().counters().bytes_received += data.len() as u64;
            }
        }
        // hyper closes its side itself when the connection is not to be kept.
        Ok(Response {
            status,
            keep_alive: true,
        })
    }
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
fn check_limits(headers: &hyper::HeaderMap) -> Result<(), Rejected> {
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
