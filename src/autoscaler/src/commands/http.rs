//! Questions over HTTP to members, monitoring and agent: each is short, and so is what is read of
//! its answer.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use exoscale::plain_http;
use program::error_chain::with_causes;
use reqwest::{Certificate, ClientBuilder, RequestBuilder, Url, redirect::Policy};
use serde_json::Value;

use crate::failure::Usage;

/// A page of metrics of a large machine has a megabyte.
const MOST: usize = 16 << 20;
/// Of an answer that is not understood.
const SHOWN: usize = 160;

/// Two clients: one that needs no certificates, one for HTTPS.
#[derive(Debug)]
pub(crate) struct Http {
    plain: reqwest::Client,
    secure: Result<reqwest::Client, String>,
    limit: Duration,
}

/// An answer in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A client for HTTP, which needs no certificates.
pub(crate) fn plain_client() -> ClientBuilder {
    plain_http::restrict(without_redirects())
}

/// A client for HTTPS that trusts the certificates of `--ca-file`, or else the system's.
pub(crate) fn secure_client(ca_file: Option<&Path>) -> Result<ClientBuilder, Usage> {
    let builder = without_redirects();
    let Some(file) = ca_file else {
        return Ok(builder);
    };
    let wrong = |why: String| Usage(format!("--ca-file {}: {why}", file.display()));
    let text = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let certificates =
        Certificate::from_pem_bundle(&text).map_err(|_| wrong("holds no PEM".to_owned()))?;
    Ok(builder.tls_certs_only(certificates))
}

/// A redirect could lead a token elsewhere.
fn without_redirects() -> ClientBuilder {
    reqwest::Client::builder().redirect(Policy::none())
}

impl Http {
    pub(crate) fn new(limit: Duration, ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let plain = plain_client().timeout(limit).build();
        let secure = secure_client(ca_file)?.timeout(limit);
        Ok(Self {
            plain: plain.context("cannot make an HTTP client")?,
            secure: secure.build().map_err(|error| with_causes(&error)),
            limit,
        })
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// The client for this page.
    pub(crate) fn client(&self, url: &Url) -> Result<&reqwest::Client, String> {
        if url.scheme() == "http" {
            Ok(&self.plain)
        } else {
            self.secure.as_ref().map_err(Clone::clone)
        }
    }

    pub(crate) fn get(&self, url: &Url) -> Result<RequestBuilder, String> {
        Ok(self.client(url)?.get(url.clone()))
    }

    /// The answer, whatever its status; or why there is none.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, String> {
        let answer = request.send().await;
        let mut answer = answer.map_err(|error| self.silence(error))?;
        let mut body = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MOST => {
                    return Err(format!("the answer is longer than {MOST} bytes"));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(self.silence(error)),
            }
        }
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body,
        })
    }

    fn silence(&self, error: reqwest::Error) -> String {
        if error.is_timeout() {
            format!("no answer within {:?}", self.limit)
        } else {
            with_causes(&error.without_url())
        }
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The document of a success; otherwise what the answer says, for people.
    pub(crate) fn json(&self) -> Result<Value, String> {
        let document = serde_json::from_slice::<Value>(&self.body).ok();
        match document {
            Some(document) if self.is_success() => Ok(document),
            document => Err(format!(
                "HTTP {}: {}",
                self.status,
                self.said(document.as_ref())
            )),
        }
    }

    fn said(&self, document: Option<&Value>) -> String {
        let fields = ["message", "error", "detail"];
        let said = document.and_then(|document| {
            let mut texts = fields.iter().filter_map(|field| document[field].as_str());
            texts.next().map(str::to_owned)
        });
        said.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(&self.body);
            let words: Vec<&str> = text.split_whitespace().collect();
            words.join(" ").chars().take(SHOWN).collect()
        })
    }
}

/// A page below another.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}
