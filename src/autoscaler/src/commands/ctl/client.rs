//! Speaks to the agent over HTTP.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header::CONTENT_TYPE};
use serde_json::Value;

use crate::{
    commands::http::{plain_client, secure_client},
    failure::Usage,
};

/// Where the token is if no file holds it.
const TOKEN: &str = "AUTOSCALER_CONTROL_TOKEN";

/// The agent answers at once.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

/// Characters of an answer that is not the agent's.
const SHOWN: usize = 200;

/// The token for orders. It is never an argument: a command line shows in `ps`.
pub(super) fn token(file: Option<&Path>) -> anyhow::Result<String> {
    let token = match file {
        Some(file) => fs::read_to_string(file)
            .map_err(|error| Usage(format!("--token-file {}: {error}", file.display())))?,
        None => std::env::var(TOKEN).map_err(|_| {
            Usage(format!(
                "an order needs a token: set {TOKEN}, or name a file by --token-file"
            ))
        })?,
    };
    let token = token.trim().to_owned();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        bail!(Usage(
            "the token is empty, or holds a space or a character that is not visible ASCII"
                .to_owned()
        ));
    }
    Ok(token)
}

/// An agent, by its URL.
#[derive(Debug)]
pub(super) struct Client {
    url: Url,
    pool: Option<String>,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(
        url: &str,
        pool: Option<&str>,
        ca_file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let wrong = || {
            Usage(format!(
                "--url: `{url}` is not a URL such as http://127.0.0.1:8090"
            ))
        };
        let parsed = url.parse::<Url>().map_err(|_| wrong())?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            bail!(wrong());
        }
        let builder = if parsed.scheme() == "http" {
            plain_client()
        } else {
            secure_client(ca_file)?
        };
        let builder = builder.connect_timeout(ANSWERED_WITHIN);
        Ok(Self {
            url: parsed,
            pool: pool.map(str::to_owned),
            http: builder.build().context("cannot make an HTTP client")?,
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        let request = self.http.request(method, url);
        match &self.pool {
            Some(pool) => request.query(&[("pool", pool)]),
            None => request,
        }
    }

    /// Gives an order; the answer is the agent's.
    pub(super) async fn order(&self, token: &str, order: &Value) -> anyhow::Result<Value> {
        let request = self.request(Method::PUT, "/control").bearer_auth(token);
        let request = request.json(order).timeout(ANSWERED_WITHIN);
        json(self.send(request).await?).await
    }

    /// `/status`.
    pub(super) async fn status(&self, token: Option<&str>) -> anyhow::Result<Value> {
        let request = self.get("/status", token).timeout(ANSWERED_WITHIN);
        json(self.send(request).await?).await
    }

    /// The stream of `/events`.
    pub(super) async fn events(&self, token: Option<&str>) -> anyhow::Result<Response> {
        self.send(self.get("/events", token)).await
    }

    fn get(&self, path: &str, token: Option<&str>) -> RequestBuilder {
        let request = self.request(Method::GET, path);
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let sent = request.send().await;
        let response = sent.map_err(|error| {
            // The URL is said below, and once is enough.
            let error = anyhow!(error.without_url());
            error.context(format!(
                "no agent answers at {} (--url, AUTOSCALER_URL)",
                self.url
            ))
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let said = serde_json::from_str::<Value>(&text).ok();
        let said = said.and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
        let said = said.unwrap_or_else(|| text.chars().take(SHOWN).collect());
        if status == StatusCode::BAD_REQUEST {
            bail!(Usage(said));
        }
        bail!("the agent at {} answers {status}: {said}", self.url)
    }
}

async fn json(response: Response) -> anyhow::Result<Value> {
    let kind = response.headers().get(CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        bail!("what answers there is not an agent: its answer is not JSON (--url, AUTOSCALER_URL)");
    }
    response.json().await.context("the answer is broken")
}
