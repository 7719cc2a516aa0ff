//! Reads bodies within limits of time and memory.

use std::{sync::Arc, time::Duration};

use actix_web::{
    error::PayloadError as StreamError,
    web::{Bytes, Payload as BodyStream},
};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::MAX_BODY;

/// What any body may take. The number of connections bounds how many there are at once.
const SMALL_BODY: usize = 64 * 1024;

/// Bodies above [`SMALL_BODY`] that are in memory at once; more wait for their turn.
const LARGE_BODIES: usize = 4;

/// The room for large bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    large: Arc<Semaphore>,
}

/// A whole body, and its right to the memory it takes.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    turn: Option<OwnedSemaphorePermit>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error("the body took longer than {0:?} (alerts.body_timeout)")]
    Slow(Duration),
    #[error("the body is larger than {MAX_BODY} bytes")]
    TooLarge,
    #[error("too many large bodies at once; try again")]
    NoRoom,
    #[error("the body cannot be read")]
    Broken(#[source] StreamError),
}

impl Bodies {
    pub(super) fn new() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE_BODIES)),
        }
    }

    /// Reads a body to its end. What is too large is read, too, and thrown away: a sender that is
    /// cut off while it sends would not see the answer.
    pub(super) async fn read(
        &self,
        mut stream: BodyStream,
        declared: Option<usize>,
        within: Duration,
    ) -> Result<Body, Unread> {
        let mut deadline = Instant::now() + within;
        let mut bytes = BytesMut::new();
        let mut turn = None;
        if declared.is_some_and(|length| length > MAX_BODY) {
            discard(stream, deadline).await;
            return Err(Unread::TooLarge);
        }
        loop {
            let chunk = match timeout_at(deadline, stream.next()).await {
                Ok(Some(chunk)) => chunk.map_err(Unread::Broken)?,
                Ok(None) => break,
                Err(_) => return Err(Unread::Slow(within)),
            };
            let length = bytes.len() + chunk.len();
            if length > MAX_BODY {
                drop((bytes, turn));
                discard(stream, deadline).await;
                return Err(Unread::TooLarge);
            }
            if length > SMALL_BODY && turn.is_none() {
                let waited = timeout_at(deadline, self.large.clone().acquire_owned()).await;
                let Ok(Ok(permit)) = waited else {
                    return Err(Unread::NoRoom);
                };
                turn = Some(permit);
                // It waited for us, not we for it.
                deadline = Instant::now() + within;
                bytes.reserve(declared.unwrap_or(length).max(length) - bytes.len());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body {
            bytes: bytes.freeze(),
            turn,
        })
    }
}

impl Body {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it takes long to look through.
    pub(super) fn is_large(&self) -> bool {
        self.turn.is_some()
    }
}

async fn discard(mut stream: BodyStream, deadline: Instant) {
    while let Ok(Some(Ok(_))) = timeout_at(deadline, stream.next()).await {}
}
