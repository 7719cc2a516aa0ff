//! Connections carried by hyper: HTTP/1.1 as a cross-check of the own codec, and HTTP/2.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::{Rc, Weak},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;

use super::{
    connect::ConnectError,
    stream::Stream,
    wire::{Open, WireError},
    worker::Worker,
};
use crate::{
    http1::{MAX_HEAD, MAX_HEADERS, ProtocolError, response::Answer},
    record::{BackendId, Failure},
    request::Request,
    target::Target,
    text::with_causes,
};

/// What hyper itself accepts over HTTP/2: more than [`MAX_HEAD`], since beyond it gives no reason.
const MAX_HTTP2_HEAD: u32 = 1 << 20;

pub(crate) type HyperRequest = hyper::Request<Full<Bytes>>;

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

/// An HTTP/2 connection that several lanes share.
#[derive(Default)]
pub(crate) struct Shared {
    current: RefCell<Option<(Weak<Open>, Http2Sender)>>,
    /// Held while a connection is opened, so that one is enough.
    pub(crate) opening: tokio::sync::Mutex<()>,
}

impl Shared {
    /// The connection, if there is one that `usable` accepts.
    pub(crate) fn get(&self, usable: impl Fn(&Open) -> bool) -> Option<(Rc<Open>, Hyper)> {
        let mut current = self.current.borrow_mut();
        let (open, sender) = current.as_ref()?;
        match open.upgrade() {
            Some(open) if usable(&open) && !sender.is_closed() => {
                Some((open, Hyper::shared(sender.clone())))
            }
            _ => {
                *current = None;
                None
            }
        }
    }

    pub(crate) fn set(&self, open: &Rc<Open>, hyper: &Hyper) {
        if let Sender::Http2(sender) = &hyper.sender {
            *self.current.borrow_mut() = Some((Rc::downgrade(open), sender.clone()));
        }
    }
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
            .map_err(|error| refused(&error))?;
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
            .map_err(|error| refused(&error))?;
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(Self::shared(sender))
    }

    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    /// Who answered last.
    pub(crate) fn backend(&self) -> BackendId {
        self.backend
    }

    pub(crate) async fn exchange(&mut self, worker: &Worker) -> Result<Answer, WireError> {
        let begun = Cell::new(false);
        let result = self.try_exchange(worker, &begun).await;
        result.map_err(|refused| match refused {
            Refused::Limit(error) => WireError::Protocol(error.to_string()),
            Refused::Hyper(error) => {
                let reason = with_causes(&error);
                match begun.get() {
                    // hyper does not say which of the two limits it was.
                    _ if error.is_parse() && reason.contains("too large") => {
                        WireError::Protocol(format!(
                            "{}, or {}",
                            ProtocolError::TooManyHeaders,
                            ProtocolError::HeadTooLarge
                        ))
                    }
                    _ if error.is_parse() => WireError::Protocol(reason),
                    true => WireError::Closed(Some(reason)),
                    false => WireError::ClosedEarly(Some(reason)),
                }
            }
        })
    }

    async fn try_exchange(
        &mut self,
        worker: &Worker,
        begun: &Cell<bool>,
    ) -> Result<Answer, Refused> {
        let request = worker.hyper_request.clone();
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
        if let Some(value) = response.headers().get(worker.backend_header.as_str()) {
            self.backend = worker
                .recorder
                .borrow_mut()
                .backend(value.as_bytes(), self.backend);
        }
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                worker.recorder.borrow_mut().received(data.len());
            }
        }
        // hyper closes its side itself when the connection is not to be kept.
        Ok(Answer {
            status,
            keep_alive: true,
        })
    }
}

/// Why an answer was not taken.
enum Refused {
    Hyper(hyper::Error),
    Limit(ProtocolError),
}

impl From<hyper::Error> for Refused {
    fn from(error: hyper::Error) -> Self {
        Self::Hyper(error)
    }
}

/// The limits of the own codec, so that all engines take the same answers.
fn check_limits(headers: &hyper::HeaderMap) -> Result<(), Refused> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > MAX_HEADERS {
        Err(Refused::Limit(ProtocolError::TooManyHeaders))
    } else if bytes > MAX_HEAD {
        Err(Refused::Limit(ProtocolError::HeadTooLarge))
    } else {
        Ok(())
    }
}

fn refused(error: &hyper::Error) -> ConnectError {
    ConnectError::new(Failure::Protocol, &with_causes(error))
}

/// The plan's request in hyper's form. HTTP/2 has the authority in place of the host header (RFC 9113, 8.3.1).
pub(crate) fn request(
    request: &Request,
    target: &Target,
    http2: bool,
) -> Result<HyperRequest, hyper::http::Error> {
    let uri = if http2 {
        target.to_string()
    } else {
        target.path().to_owned()
    };
    let mut builder = hyper::Request::builder().method(request.method()).uri(uri);
    for (name, value) in request.all_headers(target) {
        if !(http2 && name.eq_ignore_ascii_case("host")) {
            // By bytes: a value may have characters beyond ASCII.
            builder = builder.header(name, value.as_bytes());
        }
    }
    builder.body(Full::new(Bytes::from(request.body().to_vec())))
}
