//! One request to the receiver.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::{
    HeaderMap, Request, StatusCode,
    client::conn::http1,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::{engine::Dialer, target::Target, text::with_causes};

/// A receiver that does not answer for so long will not.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is read of an answer that says why.
const MAX_REASON: usize = 4096;

/// Why a request was not taken.
pub(super) enum Refusal {
    /// It may be, later.
    ForNow(String),
    /// It never will be.
    ForGood(String),
}

pub(super) struct Client {
    target: Target,
    headers: HeaderMap,
    dialer: Dialer,
}

impl Client {
    pub(super) fn new(target: Target, dialer: Dialer, mut headers: HeaderMap) -> Self {
        let fixed = [
            (CONTENT_TYPE, "application/x-protobuf"),
            (CONTENT_ENCODING, "snappy"),
            (
                HeaderName::from_static("x-prometheus-remote-write-version"),
                "0.1.0",
            ),
            (USER_AGENT, concat!("loadtest/", env!("CARGO_PKG_VERSION"))),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Self {
            target,
            headers,
            dialer,
        }
    }

    pub(super) async fn post(&self, body: Vec<u8>) -> Result<(), Refusal> {
        match timeout(PATIENCE, self.exchange(body)).await {
            Ok(Ok(answer)) => judge(answer),
            Ok(Err(error)) => Err(Refusal::ForNow(with_causes(&*error))),
            Err(_) => Err(Refusal::ForNow("no answer in time".to_owned())),
        }
    }

    async fn exchange(
        &self,
        body: Vec<u8>,
    ) -> Result<(StatusCode, String), Box<dyn Error + Send + Sync>> {
        let stream = self.dialer.open().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::post(self.target.path())
            .header(HOST, self.target.authority())
            .body(Full::new(Bytes::from(body)))?;
        request.headers_mut().extend(self.headers.clone());
        let answer = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_REASON).collect().await;
            let body = body.map(Collected::to_bytes).unwrap_or_default();
            let reason = String::from_utf8_lossy(&body).into_owned();
            Ok::<_, Box<dyn Error + Send + Sync>>((status, reason))
        };
        // The connection moves while its answer is awaited, and ends with it.
        tokio::select! {
            answer = answer => answer,
            Err(error) = connection => Err(error.into()),
        }
    }
}

fn judge((status, body): (StatusCode, String)) -> Result<(), Refusal> {
    let safe = |c: char| if c.is_control() { ' ' } else { c };
    let line = body.lines().next().unwrap_or_default();
    let line: String = line.chars().take(200).map(safe).collect();
    let reason = format!("status {}: {line}", status.as_u16());
    let reason = reason.trim_end_matches([':', ' ']).to_owned();
    if status.is_success() {
        Ok(())
    } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Err(Refusal::ForNow(reason))
    } else {
        Err(Refusal::ForGood(reason))
    }
}
