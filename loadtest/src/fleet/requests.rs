//! Requests to an object storage, sent again while that may help.

use std::time::Duration;

use reqwest::{
    Client, Method, Url,
    header::{HeaderMap, HeaderValue, IF_NONE_MATCH},
    redirect,
};

/// A request and its answer take no longer than this, or it is sent again.
const REQUEST_WITHIN: Duration = Duration::from_secs(120);
/// How often a request is sent before it is given up.
const ATTEMPTS: u32 = 10;
/// The first pause between two attempts; each is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What an object storage did not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No client can be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// Its address makes no URL.
    #[error("the address of the object storage makes no URL")]
    Endpoint(#[source] rusty_s3::BucketError),
    /// It did not answer.
    #[error("the object storage cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It refused.
    #[error("the object storage answered {status} {code}{}", hint(code))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What its error calls itself.
        code: String,
    },
    /// A list of objects cannot be read.
    #[error("the object storage answered with something that is no list of objects")]
    List(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn hint(code: &str) -> &'static str {
    match code {
        "NoSuchBucket" => "; create the bucket first",
        "AccessDenied" | "ExpiredToken" => {
            "; the key's role must allow it, and a presigned URL must still be valid"
        }
        "SignatureDoesNotMatch" | "InvalidAccessKeyId" => {
            "; the key and its secret must be those of this object storage"
        }
        "RequestTimeTooSkewed" => "; set this machine's clock",
        _ => "",
    }
}

/// Sends requests with presigned URLs.
#[derive(Clone, Debug)]
pub struct Uploader {
    http: Client,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// What an error calls itself.
    pub(super) fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let code = text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map_or("", |(code, _)| code);
        let shown = code.chars().filter(char::is_ascii_alphanumeric).take(60);
        shown.collect()
    }

    pub(super) fn refusal(&self) -> StoreError {
        StoreError::Refused {
            status: self.status,
            code: self.code(),
        }
    }

    /// The body, unless it is an error's.
    pub(super) fn ok(self) -> Result<Vec<u8>, StoreError> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(self.refusal())
        }
    }

    /// Whether the same request may be answered otherwise in a moment.
    fn may_pass(&self) -> bool {
        let conflict = self.status == 409 && self.code() == "ConditionalRequestConflict";
        conflict || matches!(self.status, 408 | 425 | 429 | 500 | 502..=504)
    }
}

impl Uploader {
    /// For URLs of this scheme, `http` or `https`. Sends nothing yet.
    pub fn new(scheme: &str) -> Result<Self, StoreError> {
        let builder = Client::builder()
            .user_agent(concat!("loadtest/", env!("CARGO_PKG_VERSION")))
            // A redirected request would carry a signature for another place.
            .redirect(redirect::Policy::none())
            // Repeated here, where the pauses are known.
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10))
            .timeout(REQUEST_WITHIN)
            .referer(false);
        let builder = if scheme == "https" {
            builder.https_only(true)
        } else {
            // No certificates are needed, and no proxy leads to a loopback address.
            builder.tls_certs_only([]).no_proxy()
        };
        let http = builder.build().map_err(StoreError::Client)?;
        Ok(Self { http })
    }

    /// Puts an object to its presigned URL. It is sent again while the object storage is
    /// unreachable or busy: the same object lies there afterwards, however often it arrived.
    pub async fn put(&self, url: &Url, body: impl Into<bytes::Bytes>) -> Result<(), StoreError> {
        let body = body.into();
        let answer = self
            .send(&Method::PUT, url, &HeaderMap::new(), body)
            .await?;
        answer.ok().map(drop)
    }

    /// Puts an object where none is. An answer with status 412 may follow a write of our own whose
    /// answer was lost.
    pub(super) async fn put_if_absent(
        &self,
        url: &Url,
        body: bytes::Bytes,
    ) -> Result<Answer, StoreError> {
        let condition = (IF_NONE_MATCH, HeaderValue::from_static("*"));
        let headers = HeaderMap::from_iter([condition]);
        self.send(&Method::PUT, url, &headers, body).await
    }

    pub(super) async fn get(&self, url: &Url) -> Result<Vec<u8>, StoreError> {
        let none = HeaderMap::new();
        let answer = self.send(&Method::GET, url, &none, bytes::Bytes::new());
        answer.await?.ok()
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: bytes::Bytes,
    ) -> Result<Answer, StoreError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.send_once(method, url, headers, &body).await {
                Ok(answer) if !answer.may_pass() => return Ok(answer),
                // Many machines may have ended at once.
                _ => tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await,
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        let last = self.send_once(method, url, headers, &body).await;
        // The URL holds a signature.
        last.map_err(|error| StoreError::Unreachable(error.without_url()))
    }

    async fn send_once(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &bytes::Bytes,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.http.request(method.clone(), url.clone());
        let answer = request.headers(headers.clone()).body(body.clone()).send();
        let answer = answer.await?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await?.to_vec();
        Ok(Answer { status, body })
    }
}
